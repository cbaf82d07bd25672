//! A reset from outside that does not come back: the thread in it is given up, nobody else touches the registers meanwhile or waits longer than the
//! reset may take, and the device is lost and let go.

mod common;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Behind, load, msm_job, ntt_job, points, quick, rng, scalars, small, until_taken};
use millrace_driver::{DeviceEngine, ExercisePlan, exercise};
use millrace_job::{Engine, EngineError, NttDirection};
use millrace_model::{Fault, JobClass, ModelDevice, Until};
use millrace_pcie::{Function, FunctionReset, Gate, Mmio, ResetError};
use millrace_regs::registers as reg;

/// How long the reset sleeps: longer than the test may take.
const HANGS: Duration = Duration::from_secs(120);
/// How long it may take.
const RESET_LIMIT: Duration = Duration::from_secs(2);
/// From the injected hang to the end of every thread, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What a kernel makes of a function's registers while it resets it.
#[derive(Default)]
struct Kernel {
    resets: AtomicBool,
    /// Accesses that fell into the reset, and sleep.
    caught: AtomicU64,
    let_go: AtomicBool,
}

impl Kernel {
    /// An access is put to sleep while the reset lasts.
    fn fault(&self) {
        if self.resets.load(Ordering::SeqCst) {
            self.caught.fetch_add(1, Ordering::SeqCst);
            thread::sleep(HANGS);
        }
    }
}

struct Zapped(Arc<dyn Mmio>, Arc<Kernel>);

impl Mmio for Zapped {
    fn read32(&self, offset: u32) -> u32 {
        self.1.fault();
        self.0.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.1.fault();
        self.0.write32(offset, value);
    }
}

struct Sleeps(Arc<Gate>, Arc<Kernel>);

impl FunctionReset for Sleeps {
    fn reset(&self) -> Result<(), ResetError> {
        let kernel = self.1.clone();
        self.0.reset_within(RESET_LIMIT, move || {
            kernel.resets.store(true, Ordering::SeqCst);
            thread::sleep(HANGS);
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    fn let_go(&self) {
        self.0.close();
        self.1.let_go.store(true, Ordering::SeqCst);
    }
}

fn expect_lost(result: Result<(), EngineError>) {
    assert!(matches!(result, Err(EngineError::DeviceLost { .. })), "{result:?}");
}

/// A driver of the model behind a kernel whose reset sleeps.
fn behind_a_kernel(model: &ModelDevice) -> (DeviceEngine, Arc<Kernel>, Arc<Gate>) {
    let (kernel, gate) = (Arc::new(Kernel::default()), Arc::new(Gate::default()));
    gate.open(Box::new(Zapped(model.function().bar0, kernel.clone())));
    let reset = Arc::new(Sleeps(gate.clone(), kernel.clone()));
    let function = Function { bar0: gate.clone(), reset: Some(reset), ..model.function() };
    let engine = DeviceEngine::open(function, quick()).unwrap();
    (engine, kernel, gate)
}

#[test]
fn others_go_on_while_a_reset_hangs() {
    let model = ModelDevice::start(small());
    let (engine, kernel, gate) = behind_a_kernel(&model);
    let rng = &mut rng();
    let (bases, factors) = (points(9, rng), scalars(9, rng));
    let id = load(&engine, &bases).unwrap();
    let values = scalars(8, rng);
    model.inject(JobClass::Msm, 0, Fault::Stuck(Until::Never));
    let began = Instant::now();
    let (mut looks, mut reads) = (0u64, 0u64);
    thread::scope(|scope| {
        let stuck = scope
            .spawn(|| expect_lost(engine.wait(engine.submit(msm_job(id, 0, &factors)).unwrap()).map(drop)));
        until_taken(&model, JobClass::Msm, 1);
        // Jobs of other queues, one after the other, until they are told.
        let others: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let job = || ntt_job(&values, NttDirection::Forward, true);
                    let end = (0..).find_map(|_| engine.submit(job()).and_then(|t| engine.wait(t)).err());
                    assert!(
                        matches!(end, Some(EngineError::DeviceLost { .. } | EngineError::Timeout { .. })),
                        "{end:?}"
                    );
                })
            })
            .collect();
        let counting = scope.spawn(|| (0..).find(|_| engine.statistics().is_err()).unwrap_or(0));
        let looking = scope.spawn(|| {
            (0..).find(|_| {
                thread::sleep(Duration::from_millis(1));
                engine.look().is_err()
            })
        });
        stuck.join().unwrap();
        others.into_iter().for_each(|thread| thread.join().unwrap());
        reads = counting.join().unwrap();
        looks = looking.join().unwrap().unwrap_or(0);
    });
    let took = began.elapsed();
    assert!(kernel.resets.load(Ordering::SeqCst), "the reset from outside was never tried");
    assert!(took >= RESET_LIMIT && took < LIMIT, "it took {took:?}");
    assert_eq!(kernel.caught.load(Ordering::SeqCst), 0, "accesses that would sleep in the kernel");
    assert!(looks > 0 && reads > 0, "{looks} looks and {reads} readings before the end");
    assert!(gate.is_lost() && gate.read32(0) == u32::MAX, "a lost function answers");
    assert!(kernel.let_go.load(Ordering::SeqCst), "a lost device holds its function");
    let dead = engine.submit(ntt_job(&values, NttDirection::Forward, true));
    assert!(matches!(dead, Err(EngineError::DeviceLost { .. })));
    assert!(matches!(engine.look(), Err(EngineError::DeviceLost { .. })));
    println!("a reset that hangs: all ended after {took:.1?}, {looks} looks and {reads} readings beside it");
    // Opening it again ends at once.
    let again = Sleeps(gate, kernel).reset();
    assert!(matches!(again, Err(ResetError::Hung { after: Duration::ZERO })), "{again:?}");
}

#[test]
fn a_device_without_jobs_is_looked_at_too() {
    let model = ModelDevice::start(small());
    let (engine, kernel, gate) = behind_a_kernel(&model);
    engine.look().unwrap();
    assert!(!kernel.let_go.load(Ordering::SeqCst));
    gate.close();
    assert!(matches!(engine.look(), Err(EngineError::DeviceLost { .. })));
    assert!(kernel.let_go.load(Ordering::SeqCst), "though nobody gave it a job");
}

/// A function that can be reset, and is let go.
struct Good(Arc<Gate>, Arc<dyn Mmio>);

impl FunctionReset for Good {
    fn reset(&self) -> Result<(), ResetError> {
        let bar0 = self.1.clone();
        self.0.reset_within(RESET_LIMIT, move || {
            bar0.write32(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
            Ok(())
        })
    }

    fn let_go(&self) {
        self.0.close();
    }
}

#[test]
fn a_device_that_was_not_opened_is_its_callers_still() {
    let model = ModelDevice::start(small());
    let gate = Arc::new(Gate::default());
    gate.open(Box::new(Behind(model.function().bar0)));
    let reset = Arc::new(Good(gate.clone(), model.function().bar0));
    let function = Function { bar0: gate.clone(), reset: Some(reset), ..model.function() };
    // It gives drivers up that do not start, and goes on with the function.
    let plan = ExercisePlan { completions: 100, deadline: Duration::from_secs(20), driver: quick() };
    let report = exercise(&function, &plan).unwrap();
    assert!(report.reset_from_outside && !gate.is_lost());
    DeviceEngine::open(function, quick()).unwrap().look().unwrap();
}

/// A kernel that takes its time to close a lost function.
struct ClosesSlowly(Arc<Gate>, AtomicBool);

impl FunctionReset for ClosesSlowly {
    fn reset(&self) -> Result<(), ResetError> {
        Err(ResetError::Unsupported)
    }

    fn let_go(&self) {
        self.0.close();
        self.1.store(true, Ordering::SeqCst);
        thread::sleep(HANGS);
    }
}

#[test]
fn nobody_else_waits_while_a_function_is_let_go() {
    let model = ModelDevice::start(small());
    let gate = Arc::new(Gate::default());
    gate.open(Box::new(Behind(model.function().bar0)));
    let reset = Arc::new(ClosesSlowly(gate.clone(), AtomicBool::new(false)));
    let function = Function { bar0: gate.clone(), reset: Some(reset.clone()), ..model.function() };
    let engine = Arc::new(DeviceEngine::open(function, quick()).unwrap());
    gate.close();
    let closing = engine.clone();
    thread::spawn(move || closing.look());
    let began = Instant::now();
    while !reset.1.load(Ordering::SeqCst) {
        assert!(began.elapsed() < LIMIT, "it is not let go");
        thread::sleep(Duration::from_millis(1));
    }
    let values = scalars(8, &mut rng());
    let submitted = engine.submit(ntt_job(&values, NttDirection::Forward, true));
    assert!(matches!(submitted, Err(EngineError::DeviceLost { .. })));
    expect_lost(engine.statistics().map(drop));
    expect_lost(engine.look());
    expect_lost(engine.reset());
    assert!(began.elapsed() < LIMIT, "somebody waited: {:?}", began.elapsed());
}
