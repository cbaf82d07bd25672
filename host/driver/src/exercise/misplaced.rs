//! What a device writes where nothing is mapped. On PCIe such a write has no answer, so nobody is told: the driver finds a result that is missing
//! by its digest, and a completion that is missing by the deadline of its job.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use millrace_bn254::Fr;
use millrace_job::{Engine, EngineError, Job, NttDirection};
use millrace_pcie::{
    DmaBuffer, DmaError, DmaLayer, DmaLoan, DmaSpace, Function, FunctionReset, Iova, ResetError, SharedBytes,
};
use millrace_regs::Cause;

use super::{ExerciseError, ExercisePlan, NOWHERE, unexpected};
use crate::{DeviceEngine, DriverConfig, OpenError};

/// Long enough for any of these jobs, short enough to wait for it.
const STALL_TIME: Duration = Duration::from_secs(2);

/// What has a wrong address.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Wrong {
    Nothing,
    /// Buffers in which the host has put nothing but what is no result (`pool.rs`): the device is to write them.
    Results,
    /// The completion ring of the only queue: the second buffer that a driver takes.
    Completions,
}

const COMPLETION_RING: usize = 1;

struct Misplacing {
    inner: Arc<dyn DmaSpace>,
    wrong: Arc<AtomicU8>,
    taken: AtomicUsize,
}

struct Misplaced {
    inner: Box<dyn DmaBuffer>,
    wrong: Arc<AtomicU8>,
    nth: usize,
    written: AtomicBool,
}

impl DmaLayer for Misplaced {
    fn inner(&self) -> &dyn DmaBuffer {
        &*self.inner
    }

    fn iova(&self) -> Iova {
        let wrong = self.wrong.load(Ordering::Acquire);
        let is_result = wrong == Wrong::Results as u8 && !self.written.load(Ordering::Acquire);
        let is_ring = wrong == Wrong::Completions as u8 && self.nth == COMPLETION_RING;
        if is_result || is_ring { NOWHERE } else { self.inner.iova() }
    }

    fn write(&self, offset: usize, from: &[u8]) {
        let (zeros, poison) = (from.iter().all(|&b| b == 0), from.iter().all(|&b| b == 0xff));
        if !poison {
            self.written.store(!zeros, Ordering::Release);
        }
        self.inner.write(offset, from);
    }

    fn wipe(&self) {
        self.written.store(false, Ordering::Release);
        self.inner.wipe();
    }
}

impl DmaSpace for Misplacing {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let (inner, wrong) = (self.inner.alloc(len_bytes)?, self.wrong.clone());
        let nth = self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Misplaced { inner, wrong, nth, written: AtomicBool::new(false) }))
    }

    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        self.inner.lend(memory)
    }
}

/// A driver that gives up lets go of its function for good; this one is opened again.
struct Kept(Arc<dyn FunctionReset>);

impl FunctionReset for Kept {
    fn reset(&self) -> Result<(), ResetError> {
        self.0.reset()
    }
}

/// How the driver found what was written nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostWrites {
    /// The cause with which a job failed whose result was lost.
    pub result: String,
    /// With which words a driver gave up whose completions were lost.
    pub completion: String,
}

pub(super) fn lost_writes(function: &Function, plan: &ExercisePlan) -> Result<LostWrites, ExerciseError> {
    let step = "a write that leads nowhere";
    let wrong = Arc::new(AtomicU8::new(Wrong::Nothing as u8));
    let misplace = |what: Wrong| wrong.store(what as u8, Ordering::Release);
    let open = || {
        let (inner, taken) = (function.dma.clone(), AtomicUsize::new(0));
        let dma = Arc::new(Misplacing { inner, wrong: wrong.clone(), taken });
        let config = DriverConfig {
            // One queue, so that its completion ring is known.
            queues: 1,
            stall_time: plan.driver.stall_time.min(STALL_TIME),
            ..plan.driver.clone()
        };
        let reset = function.reset.clone().map(|reset| Arc::new(Kept(reset)) as Arc<dyn FunctionReset>);
        DeviceEngine::open(Function { dma, reset, ..function.clone() }, config)
    };
    let unlike = |expected: &str, got: String| unexpected(&function.name, step, expected, got);

    // The driver sees an empty job through a queue before it gives it others, so that it is the first completion that is missed.
    misplace(Wrong::Completions);
    let completion = match open() {
        Err(OpenError::Unresponsive { what, .. }) => what,
        Err(error) => return Err(unlike("a driver that gives up", error.to_string())),
        Ok(_) => return Err(unlike("no completion", "one in time".to_owned())),
    };
    misplace(Wrong::Nothing);
    let engine = open()?;
    let values: Vec<Fr> = (0..16u64).map(|i| Fr::from(i * i + 3)).collect();
    let transform = || {
        let values = values.clone();
        engine.wait(engine.submit(Job::Ntt { direction: NttDirection::Forward, coset: false, values })?)
    };
    let failed = |source| ExerciseError::Engine { step, source };
    let right = transform().map_err(failed)?.value;

    misplace(Wrong::Results);
    let lost = transform();
    misplace(Wrong::Nothing);
    let result = match lost {
        Err(EngineError::JobFailed { cause, .. }) if is_told(&cause) => cause,
        other => {
            let got = other.map_or_else(|error| error.to_string(), |_| "an answer".to_owned());
            return Err(unlike("RESULT_DIGEST or HOST_WRITE", got));
        }
    };
    match transform().map_err(failed)?.value == right {
        true => Ok(LostWrites { result, completion }),
        false => Err(unlike("the transform from before it", "others".to_owned())),
    }
}

/// In silence, or answered: then the device says so.
fn is_told(cause: &str) -> bool {
    cause == "RESULT_DIGEST" || cause == Cause::HostWrite.name()
}
