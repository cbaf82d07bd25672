//! Whom the driver does not talk to.

mod common;

use std::sync::Arc;

use common::*;
use millrace_driver::{DeviceEngine, DriverConfig, OpenError};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice, Until};
use millrace_pcie::{FakeMmio, Function, HostMemory};
use millrace_regs::{LAYOUT_HASH, registers as reg};

fn refusal(model: ModelConfig) -> OpenError {
    match DeviceEngine::open(ModelDevice::start(model).function(), quick()) {
        Ok(_) => panic!("taken"),
        Err(error) => error,
    }
}

#[test]
fn a_link_without_a_device_is_dead() {
    let function = Function {
        name: "empty".into(),
        bar0: Arc::new(FakeMmio::default()),
        dma: Arc::new(HostMemory::default()),
        irqs: Vec::new(),
        reset: None,
    };
    let error = DeviceEngine::open(function, quick()).err().unwrap();
    assert!(matches!(error, OpenError::DeadLink { .. }));
    assert_eq!(error.to_string(), "empty: dead link: registers read as all-ones");
}

#[test]
fn strangers_are_named() {
    let base = ModelConfig::default();
    match refusal(ModelConfig { magic: 0x1234_5678, ..base.clone() }) {
        OpenError::WrongMagic { expected: reg::MAGIC_EXPECTED, got: 0x1234_5678, .. } => {}
        other => panic!("{other}"),
    }
    match refusal(ModelConfig { version: 2, ..base.clone() }) {
        OpenError::WrongVersion { expected: 1, got: 2, .. } => {}
        other => panic!("{other}"),
    }
    for bit in [0, 31, 32, 63] {
        match refusal(ModelConfig { layout_hash: LAYOUT_HASH ^ 1 << bit, ..base.clone() }) {
            OpenError::WrongLayout { expected: LAYOUT_HASH, got, .. } => {
                assert_eq!(got, LAYOUT_HASH ^ 1 << bit)
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_behavioural_multiplier_is_taken_only_when_asked_for() {
    let model = ModelConfig { behavioural: true, ..small() };
    assert!(matches!(refusal(model.clone()), OpenError::Behavioural { .. }));
    let (_device, engine) = start(model, DriverConfig { allow_behavioural: true, ..quick() });
    assert!(engine.identity().behavioural);
    works(&engine, &mut rng());
}

#[test]
fn build_parameters_are_read() {
    let (_device, engine) = start(small(), quick());
    let identity = engine.identity();
    assert_eq!((identity.window_bits, identity.windows, identity.adders), (8, 32, 1));
    assert_eq!((identity.ntt_log_max, identity.memory_bytes, identity.queues), (13, 1 << 22, 2));
    assert_eq!(identity.layout_hash, LAYOUT_HASH);
}

#[test]
fn impossible_build_parameters_are_refused() {
    for (offset, values) in [
        (reg::MSM_PARAMS, vec![0, 0x0001_010a, 0x0000_1a0a, 0x0001_1aff, 0x7fff_ffff]),
        (reg::NTT_PARAMS, vec![0, 28, 255]),
        (reg::MEM_PARAMS, vec![0, 11, 49, 255]),
        (reg::QUEUES, vec![0, 16, 255]),
    ] {
        for value in values {
            let good = ModelDevice::start(small());
            let fake = FakeMmio::default();
            for lower in (0..0x24).step_by(4) {
                fake.set(lower, good.function().bar0.read32(lower));
            }
            fake.set(offset, value);
            let function = Function { bar0: Arc::new(fake), ..good.function() };
            let error = DeviceEngine::open(function, quick()).err().unwrap();
            assert!(matches!(error, OpenError::BadParameter { .. }), "{offset:#x} = {value:#x}: {error}");
        }
    }
    let config = DriverConfig { log_entries: 11, ..quick() };
    let error = DeviceEngine::open(ModelDevice::start(small()).function(), config).err().unwrap();
    assert!(matches!(error, OpenError::BadParameter { got: 11, .. }));
}

#[test]
fn a_device_that_does_not_start_is_said_to() {
    let device = ModelDevice::start(small());
    device.inject(JobClass::Nop, 0, Fault::LoseCompletion);
    let error = DeviceEngine::open(device.function(), quick()).err().unwrap();
    assert!(matches!(error, OpenError::Unresponsive { .. }), "{error}");
    DeviceEngine::open(device.function(), quick()).expect("it starts the next time");
}

#[test]
fn no_memory_for_rings_is_no_device() {
    let model = ModelConfig { host_memory_bytes: 4096, ..small() };
    assert!(matches!(refusal(model), OpenError::Dma { .. }));
}

#[test]
fn a_device_left_running_by_another_driver_is_taken_over() {
    let device = ModelDevice::start(small());
    let mut rng = rng();
    let bases = points(3, &mut rng);
    for taken in 1..=3 {
        let engine = DeviceEngine::open(device.function(), quick()).unwrap();
        let id = load(&engine, &bases).unwrap();
        device.inject(JobClass::Msm, 0, Fault::Stuck(Until::FunctionReset));
        let ticket = millrace_job::Engine::submit(&engine, msm_job(id, 0, &scalars(3, &mut rng))).unwrap();
        until_taken(&device, JobClass::Msm, taken);
        std::mem::forget((engine, ticket));
    }
    let engine = DeviceEngine::open(device.function(), quick()).unwrap();
    works(&engine, &mut rng);
    assert_eq!(engine.anomalies(), Default::default());
}
