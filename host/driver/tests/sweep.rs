//! The n-th register access fails, for every n of a short run.

mod common;

use std::sync::Arc;

use common::*;
use millrace_driver::{DeviceEngine, OpenError};
use millrace_job::{EngineError, NttDirection};
use millrace_model::{ModelConfig, ModelDevice};
use millrace_pcie::{CallCount, FaultyMmio, Function, MmioFault};

/// What became of a run.
#[derive(PartialEq, Debug)]
enum End {
    NotOpened,
    Failed,
    Right,
}

/// Opens, loads, one MSM, one transform; then, unless the link is dead, everything must work.
fn short_run(function: Function, comes_back: bool) -> End {
    let engine = match DeviceEngine::open(function, quick()) {
        Ok(engine) => engine,
        Err(
            OpenError::DeadLink { .. }
            | OpenError::WrongVersion { .. }
            | OpenError::WrongLayout { .. }
            | OpenError::Behavioural { .. }
            | OpenError::BadParameter { .. }
            | OpenError::Unresponsive { .. },
        ) => return End::NotOpened,
        Err(other) => panic!("{other}"),
    };
    let mut rng = rng();
    let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
    let attempt = (|| -> Result<(), EngineError> {
        let id = load(&engine, &bases)?;
        let sum = run(&engine, msm_job(id, 0, &factors))?;
        assert_eq!(sum.value, msm_answer(&bases, &factors), "a wrong answer");
        let values = run(&engine, ntt_job(&factors, NttDirection::Forward, false))?;
        assert_eq!(values.value, ntt_answer(&factors, NttDirection::Forward, false), "a wrong answer");
        engine.statistics().map(drop)
    })();
    if comes_back {
        works(&engine, &mut rng);
    }
    match attempt {
        Ok(()) => End::Right,
        Err(EngineError::Timeout { .. } | EngineError::JobFailed { .. }) if comes_back => End::Failed,
        Err(EngineError::DeviceLost { .. }) if !comes_back => End::Failed,
        Err(other) => panic!("{other}"),
    }
}

fn faulty(device: &ModelDevice, fault: MmioFault, count: &CallCount) -> Function {
    let bar0 = FaultyMmio::new(device.function().bar0, fault, count.clone());
    Function { bar0: Arc::new(bar0), ..device.function() }
}

/// Register accesses of a run without faults.
fn accesses() -> u64 {
    let (device, count) = (ModelDevice::start(small()), CallCount::default());
    assert_eq!(short_run(faulty(&device, MmioFault::Once(u64::MAX), &count), true), End::Right);
    count.get()
}

#[test]
fn one_access_fails_and_the_device_comes_back() {
    let mut ends = Vec::new();
    for n in 0..accesses() {
        let device = ModelDevice::start(small());
        ends.push(short_run(faulty(&device, MmioFault::Once(n), &CallCount::default()), true));
    }
    // A doorbell that is lost is rung again, set-up is read back: once a device is open, no job fails.
    assert!(ends.contains(&End::NotOpened) && ends.contains(&End::Right) && !ends.contains(&End::Failed));
}

#[test]
fn the_link_dies_and_everybody_is_told() {
    let accesses = accesses();
    for n in 0..accesses {
        let device = ModelDevice::start(small());
        let end = short_run(faulty(&device, MmioFault::DeadFrom(n), &CallCount::default()), false);
        assert!(end != End::Right || n + 30 > accesses, "access {n} of {accesses}");
    }
}

#[test]
fn reads_turn_to_all_ones_inside_the_device() {
    for reads in [0, 10, 20, 30, 40] {
        let device = ModelDevice::start(ModelConfig { dead_after_reads: Some(reads), ..small() });
        assert_ne!(short_run(device.function(), false), End::Right, "{reads} reads");
    }
}
