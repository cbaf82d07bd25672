//! Recovery on the RTL, with bounds short enough to strike: what waits behind another job is not blamed, and an engine of which nothing comes any more
//! fails its jobs in bounded time and works again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_cosim::{CosimConfig, CosimHandle, QUEUES, start_behind};
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, NttDirection, Resident};
use millrace_pcie::{BusMaster, DeviceDma, DmaFault, Function, HostMemory, Iova, Irq, Mmio};
use millrace_regs::{Completion, layout, queue_register, registers as reg};

const POINTS: usize = 1 << 10;
/// No job may take longer than that to end, whatever the machine does beside.
const LIMIT: Duration = Duration::from_secs(300);

fn config() -> DriverConfig {
    DriverConfig {
        progress_interval: Duration::from_millis(20),
        stall_time: Duration::from_millis(1500),
        stall_readings: 8,
        ..DriverConfig::default()
    }
}

fn scalar(i: u64) -> Fr {
    Fr::from(i + 3).pow([0x1234_5678_9abc + i])
}

/// Where completions go, and those of which engine do not arrive.
#[derive(Default)]
struct Way {
    completions: [AtomicU64; QUEUES],
    loses_transforms: AtomicBool,
    lost: AtomicU64,
}

/// The device's way into host memory.
struct Lossy(DeviceDma, Arc<Way>);

impl BusMaster for Lossy {
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        self.0.read(iova, to)
    }

    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        let is_ring = |base: &AtomicU64| {
            let base = base.load(Ordering::Acquire);
            base != 0 && (base..base + 4096).contains(&iova.0)
        };
        if let Ok(entry) = <&[u8; 64]>::try_from(from)
            && self.1.completions.iter().any(is_ring)
            && self.1.loses_transforms.load(Ordering::Acquire)
            && Completion::from_bytes(entry).opcode == layout::OPCODE_NTT
        {
            self.1.lost.fetch_add(1, Ordering::AcqRel);
            return Ok(());
        }
        self.0.write(iova, from)
    }
}

/// Registers that tell where the rings are.
struct Told(Arc<dyn Mmio>, Arc<Way>);

impl Mmio for Told {
    fn read32(&self, offset: u32) -> u32 {
        self.0.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        for (queue, base) in (0..).zip(&self.1.completions) {
            let value = u64::from(value);
            if offset == queue_register(queue, reg::QUEUE_CQ_BASE_LO) {
                base.store(base.load(Ordering::Acquire) >> 32 << 32 | value, Ordering::Release);
            } else if offset == queue_register(queue, reg::QUEUE_CQ_BASE_HI) {
                let low = base.load(Ordering::Acquire) & u64::from(u32::MAX);
                base.store(low | value << 32, Ordering::Release);
            }
        }
        self.0.write32(offset, value);
    }
}

struct Bench {
    engine: Arc<DeviceEngine>,
    way: Arc<Way>,
    sum: (Job, JobValue),
    transform: (Job, JobValue),
    /// Dropped last.
    _simulation: CosimHandle,
}

impl Bench {
    fn new() -> Self {
        let (memory, way) = (HostMemory::default(), Arc::new(Way::default()));
        let device = start_behind(&CosimConfig::default(), Arc::new(Lossy(memory.device(), way.clone())));
        let function = Function {
            name: "sim".into(),
            bar0: Arc::new(Told(device.bar0, way.clone())),
            dma: Arc::new(memory),
            irqs: device.irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect(),
            reset: None,
        };
        let engine = Arc::new(DeviceEngine::open(function, config()).expect("the RTL is a good device"));
        let points: Vec<_> =
            (1..=POINTS as u64).map(|i| (G1Affine::generator() * Fr::from(i)).into_affine()).collect();
        let factors: Vec<Fr> = (0..POINTS as u64).map(scalar).collect();
        let sum = JobValue::G1(millrace_oracle::msm_g1(&points, &factors).into_affine());
        let mont: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
        let bases = engine.load(Resident::G1(mont.into())).expect("room");
        let scalars = factors.into_iter().map(FrCanonical::from).collect();
        let job = Job::Msm { group: Group::G1, bases, range: 0..POINTS, scalars };
        let values: Vec<Fr> = (0..64).map(scalar).collect();
        let mut right = values.clone();
        millrace_oracle::ntt(&mut right, NttDirection::Forward, false);
        let transform = Job::Ntt { direction: NttDirection::Forward, coset: false, values };
        let transform = (transform, JobValue::Values(right));
        Self { engine, way, sum: (job, sum), transform, _simulation: device.handle }
    }

    fn works(&self) {
        for (job, right) in [&self.sum, &self.transform] {
            let output = self.engine.submit(job.clone()).and_then(|ticket| self.engine.wait(ticket));
            assert_eq!(output.expect("a job after all that").value, *right);
        }
    }
}

#[test]
fn a_transform_behind_sums_in_its_ring_is_not_its_engines_fault() {
    let bench = Bench::new();
    // One sum runs, one waits for the engine, one holds up the ring; all take longer than an engine may stand still.
    let sums: Vec<_> = (0..20).map(|_| bench.engine.submit(bench.sum.0.clone()).unwrap()).collect();
    let transform = bench.engine.submit(bench.transform.0.clone()).unwrap();
    assert_eq!(bench.engine.wait(transform).unwrap().value, bench.transform.1);
    for sum in sums {
        assert_eq!(bench.engine.wait(sum).unwrap().value, bench.sum.1);
    }
    let anomalies = bench.engine.anomalies();
    let resets = anomalies.engine_resets + anomalies.queue_resets + anomalies.function_resets;
    assert_eq!(resets, 0, "{anomalies:?}");
}

#[test]
fn an_engine_of_which_nothing_comes_fails_its_jobs_in_bounded_time() {
    const THREADS: usize = 2;
    const JOBS: usize = 2;
    let bench = Arc::new(Bench::new());
    bench.way.loses_transforms.store(true, Ordering::Release);
    let (sender, ends) = mpsc::channel();
    for _ in 0..THREADS {
        let (bench, sender) = (bench.clone(), sender.clone());
        thread::spawn(move || {
            let tickets: Vec<_> =
                (0..JOBS).map(|_| bench.engine.submit(bench.transform.0.clone()).unwrap()).collect();
            for ticket in tickets {
                // Nobody listens where the test has failed already.
                let _ = sender.send(bench.engine.wait(ticket).map(drop));
            }
        });
    }
    for n in 0..THREADS * JOBS {
        let end = ends.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("only {n} jobs ended"));
        assert!(matches!(end, Err(EngineError::Timeout { .. })), "{end:?}");
    }
    assert!(bench.way.lost.load(Ordering::Acquire) >= (THREADS * JOBS) as u64, "the RTL did them all");
    bench.way.loses_transforms.store(false, Ordering::Release);
    bench.works();
    let anomalies = bench.engine.anomalies();
    assert!(anomalies.queue_resets > 0 && anomalies.function_resets == 0, "{anomalies:?}");
}
