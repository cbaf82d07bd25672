//! What the driver's tests share: a model, an engine over it, jobs with their answers.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use ark_std::rand::{RngCore, SeedableRng, rngs::StdRng};
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{
    BufferId, Engine, EngineError, Group, Job, JobOutput, JobValue, NttDirection, Resident, ScalarSlice,
};
use millrace_model::{JobClass, ModelConfig, ModelDevice};
use millrace_pcie::Mmio;

/// Registers that lie behind a gate.
pub(crate) struct Behind(pub(crate) Arc<dyn Mmio>);

impl Mmio for Behind {
    fn read32(&self, offset: u32) -> u32 {
        self.0.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.0.write32(offset, value);
    }
}

/// A small device: quick to dump.
pub(crate) fn small() -> ModelConfig {
    ModelConfig { window_bits: 8, windows: 32, log_memory_bytes: 22, ..ModelConfig::default() }
}

/// For tests in which nothing hangs: a busy machine is not mistaken for a stuck device.
pub(crate) fn patient() -> DriverConfig {
    DriverConfig { stall_time: Duration::from_secs(60), ..DriverConfig::default() }
}

/// Bounds short enough for a test that lets the device hang.
pub(crate) fn quick() -> DriverConfig {
    DriverConfig {
        progress_interval: Duration::from_millis(4),
        stall_time: Duration::from_millis(250),
        stall_readings: 4,
        ..DriverConfig::default()
    }
}

/// A model and the driver on it.
pub(crate) fn start(model: ModelConfig, config: DriverConfig) -> (ModelDevice, DeviceEngine) {
    let device = ModelDevice::start(model);
    let engine = DeviceEngine::open(device.function(), config).expect("the model is a good device");
    (device, engine)
}

pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(20)
}

/// Random points, some of them infinity.
pub(crate) fn points(n: usize, rng: &mut StdRng) -> Vec<G1Affine> {
    let point = |i| if i % 7 == 3 { G1Affine::identity() } else { G1Affine::rand(rng) };
    (0..n).map(point).collect()
}

pub(crate) fn scalars(n: usize, rng: &mut StdRng) -> Vec<Fr> {
    let scalar = |i| match i % 5 {
        0 => Fr::from(0u64),
        1 => Fr::from(1u64),
        _ => Fr::rand(rng),
    };
    (0..n).map(scalar).collect()
}

pub(crate) fn canonical(scalars: &[Fr]) -> ScalarSlice {
    scalars.iter().map(|k| FrCanonical::from(*k)).collect()
}

pub(crate) fn load(engine: &DeviceEngine, points: &[G1Affine]) -> Result<BufferId, EngineError> {
    engine.load(Resident::G1(points.iter().map(G1Mont::from).collect::<Vec<_>>().into()))
}

pub(crate) fn msm_job(bases: BufferId, first: usize, scalars: &[Fr]) -> Job {
    let range = first..first + scalars.len();
    Job::Msm { group: Group::G1, bases, range, scalars: canonical(scalars) }
}

pub(crate) fn msm_answer(points: &[G1Affine], scalars: &[Fr]) -> JobValue {
    JobValue::G1(millrace_oracle::msm_g1(points, scalars).into_affine())
}

pub(crate) fn ntt_job(values: &[Fr], direction: NttDirection, coset: bool) -> Job {
    Job::Ntt { direction, coset, values: values.to_vec() }
}

pub(crate) fn ntt_answer(values: &[Fr], direction: NttDirection, coset: bool) -> JobValue {
    let mut values = values.to_vec();
    millrace_oracle::ntt(&mut values, direction, coset);
    JobValue::Values(values)
}

pub(crate) fn run(engine: &DeviceEngine, job: Job) -> Result<JobOutput, EngineError> {
    engine.wait(engine.submit(job)?)
}

/// One MSM and one transform, right.
pub(crate) fn works(engine: &DeviceEngine, rng: &mut StdRng) {
    let (bases, factors) = (points(9, rng), scalars(9, rng));
    let id = load(engine, &bases).expect("bases fit");
    let output = run(engine, msm_job(id, 0, &factors)).expect("an MSM after all that");
    assert_eq!(output.value, msm_answer(&bases, &factors));
    engine.unload(id);
    let values = scalars(8, rng);
    let output =
        run(engine, ntt_job(&values, NttDirection::Forward, true)).expect("a transform after all that");
    assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, true));
}

/// Whether 32 bytes lie anywhere in DMA memory.
pub(crate) fn is_in_dma_memory(device: &ModelDevice, secret: &FrCanonical) -> bool {
    let buffers = device.host_memory().device().snapshot();
    buffers.iter().any(|(_, bytes)| bytes.chunks_exact(32).any(|c| c == secret.0))
}

/// Some scalar that is not guessed from zeros.
pub(crate) fn secret(rng: &mut StdRng) -> Fr {
    Fr::from(rng.next_u64() | 1) * Fr::rand(rng)
}

/// Waits until the device has taken so many jobs of a class: a fault strikes a job when it is taken.
pub(crate) fn until_taken(device: &ModelDevice, class: JobClass, jobs: u64) {
    while device.jobs_seen(class) < jobs {
        std::thread::yield_now();
    }
}

/// Runs `work` on so many threads at once, which get queues in turn.
pub(crate) fn on_threads(threads: usize, work: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for i in 0..threads {
            let (work, barrier) = (&work, &barrier);
            scope.spawn(move || {
                barrier.wait();
                work(i);
            });
        }
    });
}
