//! Whether a thread that waits looks at the ring or sleeps.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::*;
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::NttDirection;
use millrace_model::{Fault, JobClass, ModelDevice};
use millrace_pcie::{Function, Irq};

/// Counts the sleeps of whoever waits for it.
struct Counted {
    inner: Arc<dyn Irq>,
    sleeps: AtomicU64,
}

impl Irq for Counted {
    fn wait(&self, at_most: Duration) -> bool {
        self.sleeps.fetch_add(1, Ordering::Relaxed);
        self.inner.wait(at_most)
    }
}

/// Sleeps in `jobs` transforms, one after the other, under this configuration.
fn sleeps(spin: Duration, jobs: usize, fault: Option<Fault>) -> u64 {
    let device = ModelDevice::start(small());
    let function = device.function();
    let counted: Vec<_> = function
        .irqs
        .iter()
        .cloned()
        .map(|inner| Arc::new(Counted { inner, sleeps: AtomicU64::new(0) }))
        .collect();
    let function =
        Function { irqs: counted.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect(), ..function };
    let engine = DeviceEngine::open(function, DriverConfig { spin, ..patient() }).expect("a good device");
    let count = || counted.iter().map(|irq| irq.sleeps.load(Ordering::Relaxed)).sum::<u64>();
    let (before, values) = (count(), scalars(2, &mut rng()));
    for _ in 0..jobs {
        fault.into_iter().for_each(|fault| device.inject(JobClass::Ntt, 0, fault));
        let output = run(&engine, ntt_job(&values, NttDirection::Forward, false)).unwrap();
        assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, false));
    }
    count() - before
}

#[test]
fn a_thread_that_may_look_for_long_does_not_sleep() {
    assert_eq!(sleeps(Duration::from_secs(60), 200, None), 0);
}

#[test]
fn a_thread_that_may_not_look_sleeps() {
    // A job may be over before anybody waits for it; not each of so many.
    assert!(sleeps(Duration::ZERO, 200, None) > 0);
}

#[test]
fn a_job_that_outlasts_the_looks_is_slept_for() {
    let slow = Fault::Slow(Duration::from_millis(50));
    assert!(sleeps(Duration::from_micros(50), 5, Some(slow)) >= 5);
}
