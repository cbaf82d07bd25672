//! The acceptance test passes on a good device and names what is wrong with a bad one.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use common::{quick, small};
use millrace_driver::{ExerciseError, ExercisePlan, exercise};
use millrace_model::{Fault, JobClass, ModelDevice};
use millrace_pcie::{CallCount, FaultyMmio, Function, FunctionReset, Irq, Mmio, MmioFault, ResetError};
use millrace_regs::{queue_register, registers as reg};

fn plan() -> ExercisePlan {
    ExercisePlan { completions: 1000, deadline: Duration::from_secs(20), driver: quick() }
}

#[test]
fn a_good_device_passes() {
    let device = ModelDevice::start(small());
    let report = exercise(&device.function(), &plan()).unwrap();
    assert_eq!(
        (report.completions, report.lost_write_is_silent, report.reset_from_outside, report.queues),
        (1000, false, false, 2)
    );
    assert!((1000 / 126..1000).contains(&report.interrupts), "{report:?}");
    assert!(report.lost_writes.completion.contains("NOP"), "{report:?}");
    assert_eq!(report.lost_writes.result, "HOST_WRITE", "this transport answers writes");
    assert!(report.lends);
    assert_eq!(report.dma_bytes, 64 * (1 + 1 + 3 + 65 + 255 + 1024));
}

/// A reset from outside; a function that was let go answers all-ones.
struct Outside {
    inner: Arc<dyn Mmio>,
    is_gone: AtomicBool,
}

impl Mmio for Outside {
    fn read32(&self, offset: u32) -> u32 {
        if self.is_gone.load(Ordering::Acquire) { u32::MAX } else { self.inner.read32(offset) }
    }

    fn write32(&self, offset: u32, value: u32) {
        if !self.is_gone.load(Ordering::Acquire) {
            self.inner.write32(offset, value);
        }
    }
}

impl FunctionReset for Outside {
    fn reset(&self) -> Result<(), ResetError> {
        self.write32(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
        while self.read32(reg::CTRL) != 0 {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn let_go(&self) {
        self.is_gone.store(true, Ordering::Release);
    }
}

#[test]
fn a_device_that_can_be_reset_from_outside_is_kept_to_the_end() {
    let device = ModelDevice::start(small());
    let function = device.function();
    let outside = Arc::new(Outside { inner: function.bar0.clone(), is_gone: AtomicBool::new(false) });
    let function = Function { bar0: outside.clone(), reset: Some(outside.clone()), ..function };
    let report = exercise(&function, &plan()).unwrap();
    assert!(report.reset_from_outside, "{report:?}");
    assert!(!outside.is_gone.load(Ordering::Acquire), "whoever exercises a function has it afterwards");
}

#[test]
fn what_is_wrong_is_named() {
    for (class, nth, fault, wanted) in [
        (JobClass::Copy, 0, Fault::FlipOnTheWay { bit: 9 }, "DMA"),
        (JobClass::Copy, 3, Fault::LoseCompletion, "no completion of job 3"),
        (JobClass::Copy, 2, Fault::WrongJobId, "DMA: expected the completion of job 2"),
        (JobClass::Nop, 20, Fault::UnknownStatus(77), "round trip: expected status OK"),
        (JobClass::Nop, 300, Fault::Late, "completions: expected the completion of job"),
        (JobClass::Ntt, 0, Fault::WrongResult, "inverse"),
    ] {
        let device = ModelDevice::start(small());
        device.inject(class, nth, fault);
        let plan = ExercisePlan { deadline: Duration::from_millis(500), ..plan() };
        let error = exercise(&device.function(), &plan).expect_err(wanted);
        assert!(error.to_string().contains(wanted), "{fault:?}: {error}");
    }
}

#[test]
fn a_link_that_dies_ends_in_an_error_wherever_it_does() {
    let faulty = |fault: MmioFault, count: CallCount| {
        let device = ModelDevice::start(small());
        let bar0 = Arc::new(FaultyMmio::new(device.function().bar0, fault, count));
        let function = Function { bar0, ..device.function() };
        let plan = ExercisePlan { completions: 100, deadline: Duration::from_millis(200), driver: quick() };
        exercise(&function, &plan)
    };
    let count = CallCount::default();
    faulty(MmioFault::DeadFrom(u64::MAX), count.clone()).unwrap();
    assert!(count.get() > 400);
    for n in [0, 1, 5, 20, 50, 100, 200, 300] {
        let error = faulty(MmioFault::DeadFrom(n), CallCount::default()).unwrap_err();
        assert!(!matches!(error, ExerciseError::Dma { .. }), "{n}: {error}");
    }
}

/// A vector that fires all the time, whatever the device does.
struct Noisy;

impl Irq for Noisy {
    fn wait(&self, _at_most: Duration) -> bool {
        thread::sleep(Duration::from_millis(1));
        true
    }
}

#[test]
fn interrupts_that_bring_nothing_do_not_move_the_deadline() {
    for (class, nth) in [(JobClass::Copy, 3), (JobClass::Nop, 400)] {
        let (told, done) = mpsc::channel();
        thread::spawn(move || {
            let device = ModelDevice::start(small());
            device.inject(class, nth, Fault::WrongPhase);
            let function = Function { irqs: vec![Arc::new(Noisy)], ..device.function() };
            let plan = ExercisePlan { deadline: Duration::from_millis(300), ..plan() };
            let error = exercise(&function, &plan).unwrap_err();
            let enabled = function.bar0.read32(queue_register(0, reg::QUEUE_ENABLE));
            told.send((error.to_string(), enabled)).unwrap();
        });
        let (error, enabled) = done.recv_timeout(Duration::from_secs(60)).expect("it ends");
        assert!(error.contains("no completion of job"), "{class:?}: {error}");
        assert_eq!(enabled, 0, "the rings are unmapped, the queue must be off");
    }
}
