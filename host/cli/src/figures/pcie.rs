//! What a job costs the host, with the model as the device: its own work is small then, and what is measured is the driver's.

use std::{
    collections::VecDeque,
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use millrace_bn254::{Fr, G1Affine, G1Mont, G1Projective};
use millrace_driver::{DeviceEngine, DriverConfig, ExercisePlan, exercise};
use millrace_job::{Engine, EngineError, Job, Lent, NttDirection, Resident};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice};
use millrace_pcie::{Event, Observer, PAGE_BYTES, observed};

use super::{Bar, Sheet, clock::thread_seconds, cpu::median};
use crate::exit::{Code, Failure, OrFail};

/// Jobs for the figures of one job, and their number in flight.
const JOBS: u64 = 20_000;
const IN_FLIGHT: usize = 32;
/// Jobs over which memory must not grow.
const MANY_JOBS: u64 = 1_000_000;
/// The same for jobs that fail.
const FAILED_JOBS: u64 = 100_000;
const UPLOAD_POINTS: usize = 1 << 20;

#[derive(Default)]
struct Accesses {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Observer for Accesses {
    fn event(&self, event: Event) {
        match event {
            Event::Read { .. } => &self.reads,
            Event::Write { .. } => &self.writes,
            Event::Map { .. } => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) fn measure(sheet: &mut Sheet) -> Result<(), Failure> {
    let model = || ModelDevice::start(ModelConfig::default());
    let plan = ExercisePlan { completions: 10_000, ..ExercisePlan::default() };
    let report = exercise(&model().function(), &plan).or_fail(Code::DeviceFailed)?;
    let polled = report.round_trip_polled.as_secs_f64() * 1e6;
    sheet.line("doorbell to completion of an empty job, polled", polled, "µs", Bar::AtMost(5.0));
    let through_driver = round_trip(&engine(model().function())?)?;
    // No bar: the model's transform, by the oracle, is most of it.
    let name = "a transform of 2 through the driver, polled, the model's work with it";
    sheet.told(name, through_driver, "µs");

    // Of a driver that sleeps until the interrupt. One that looks at the ring before spends what it waits: that is told beside it.
    let polling = engine(model().function())?;
    let cpu = cpu_of(&polling)?;
    sheet.told(
        "CPU time of the driver's thread for a transform of 2, looks at the ring with it",
        cpu,
        "µs a job",
    );
    let accesses = Arc::new(Accesses::default());
    let device = model();
    let config = DriverConfig { spin: Duration::ZERO, ..DriverConfig::default() };
    let sleeping = DeviceEngine::open(observed(device.function(), accesses.clone()), config)
        .or_fail(Code::DeviceOpen)?;
    let raised_before = device.interrupts_raised();
    let before = (accesses.reads.load(Ordering::Relaxed), accesses.writes.load(Ordering::Relaxed));
    let cpu = cpu_of(&sleeping)?;
    let per_job = |now: &AtomicU64, before: u64| (now.load(Ordering::Relaxed) - before) as f64 / JOBS as f64;
    sheet.line(
        "CPU time of the driver's thread for a transform of 2, sleeping",
        cpu,
        "µs a job",
        Bar::AtMost(2.0),
    );
    sheet.line(
        "register writes, 32 jobs in flight",
        per_job(&accesses.writes, before.1),
        "a job",
        Bar::AtMost(1.0),
    );
    sheet.line(
        "register reads, 32 jobs in flight",
        per_job(&accesses.reads, before.0),
        "a job",
        Bar::AtMost(0.0),
    );

    // Those that the device raised, whether or not the driver was waiting: each costs the machine something.
    let raised = device.interrupts_raised() - raised_before;
    let per_interrupt = JOBS as f64 / raised.max(1) as f64;
    sheet.line(
        "jobs an interrupt raised, sleeping, 32 jobs in flight",
        per_interrupt,
        "jobs",
        Bar::AtLeast(16.0),
    );

    let before = (accesses.reads.load(Ordering::Relaxed), accesses.writes.load(Ordering::Relaxed));
    run(&sleeping, JOBS, 1).or_fail(Code::DeviceFailed)?;
    let writes = per_job(&accesses.writes, before.1);
    sheet.line("register writes, one job in flight", writes, "a job", Bar::AtMost(1.0));
    let reads = per_job(&accesses.reads, before.0);
    sheet.line("register reads, one job in flight", reads, "a job", Bar::AtMost(0.0));

    let engine = engine(model().function())?;
    let lent = upload(&engine)?;
    let lent_bytes = engine.lent_bytes() as f64 / lent.sent_bytes as f64;
    if lent_bytes < 0.99 {
        return Err(Failure::new(
            Code::DeviceFailed,
            format!("expected all bases to be lent, got {lent_bytes:.3} of them"),
        ));
    }
    sheet.line("upload of bases over memcpy of the same bytes", lent.wall, "times", Bar::AtLeast(0.9));
    sheet.told("the same by the CPU time of the thread that uploads", lent.host, "times");
    let device = model();
    let config = DriverConfig { lend_bases: false, ..DriverConfig::default() };
    let copying = DeviceEngine::open(device.function(), config).or_fail(Code::DeviceOpen)?;
    let staged = upload(&copying)?;
    sheet.told("upload where the bases cannot be lent, over memcpy", staged.wall, "times");
    sheet.told("the same by the CPU time of the thread that uploads", staged.host, "times");
    sheet.told("memcpy of the same bytes", lent.memcpy, "GB/s");

    let before = resident_bytes()?;
    run(&engine, MANY_JOBS, IN_FLIGHT).or_fail(Code::DeviceFailed)?;
    let growth = (resident_bytes()? as f64 - before as f64) / f64::from(1 << 20);
    sheet.line("growth of memory over 10^6 jobs", growth, "MiB", Bar::AtMost(1.0));
    failed_jobs(sheet)
}

/// What jobs leave behind that fail, whose memory is not used again: the same bar, and nothing mapped or open that was not before.
fn failed_jobs(sheet: &mut Sheet) -> Result<(), Failure> {
    let device = ModelDevice::start(ModelConfig::default());
    let engine = engine(device.function())?;
    let fail = |jobs: u64| {
        for i in 0..jobs {
            device.inject(JobClass::Ntt, 0, Fault::UnknownStatus(200));
            match engine.submit(transform(i)).and_then(|ticket| engine.wait(ticket)) {
                Err(EngineError::JobFailed { .. }) => {}
                other => {
                    let message = format!("expected job {i} to fail, got {other:?}");
                    return Err(Failure::new(Code::DeviceFailed, message));
                }
            }
        }
        Ok(())
    };
    let mapped = || device.host_memory().device().snapshot().len() as f64;
    let files = || fs::read_dir("/proc/self/fd").or_fail(Code::BadFile).map(|files| files.count() as f64);
    fail(FAILED_JOBS / 10)?;
    let before = (resident_bytes()? as f64, mapped(), files()?);
    fail(FAILED_JOBS)?;
    let growth = (resident_bytes()? as f64 - before.0) / f64::from(1 << 20);
    sheet.line("growth of memory over 10^5 failed jobs", growth, "MiB", Bar::AtMost(1.0));
    let name = "mapped buffers and open files more after them";
    sheet.line(name, mapped() - before.1 + files()? - before.2, "", Bar::AtMost(0.0));
    Ok(())
}

/// A job of the smallest kind that the device is given.
fn transform(i: u64) -> Job {
    let values = vec![Fr::from(i), Fr::from(1u64)];
    Job::Ntt { direction: NttDirection::Forward, coset: false, values }
}

/// The median time from submission to result of one job at a time, in microseconds: staging, ring, doorbell, looks at the ring, judgement.
fn round_trip(engine: &DeviceEngine) -> Result<f64, Failure> {
    let trip = |i| {
        let begin = Instant::now();
        engine.submit(transform(i)).and_then(|ticket| engine.wait(ticket)).or_fail(Code::DeviceFailed)?;
        Ok(begin.elapsed().as_secs_f64() * 1e6)
    };
    (0..JOBS).map(trip).collect::<Result<Vec<f64>, Failure>>().map(median)
}

fn engine(function: millrace_pcie::Function) -> Result<DeviceEngine, Failure> {
    DeviceEngine::open(function, DriverConfig::default()).or_fail(Code::DeviceOpen)
}

/// CPU time of this thread for a job, in microseconds, with [`IN_FLIGHT`] under way.
fn cpu_of(engine: &DeviceEngine) -> Result<f64, Failure> {
    let before = thread_seconds();
    run(engine, JOBS, IN_FLIGHT).or_fail(Code::DeviceFailed)?;
    Ok((thread_seconds() - before) * 1e6 / JOBS as f64)
}

/// Transforms of two values, so many in flight.
fn run(engine: &DeviceEngine, jobs: u64, in_flight: usize) -> Result<(), EngineError> {
    let mut flying = VecDeque::with_capacity(in_flight);
    for i in 0..jobs {
        if flying.len() == in_flight
            && let Some(oldest) = flying.pop_front()
        {
            engine.wait(oldest)?;
        }
        flying.push_back(engine.submit(transform(i))?);
    }
    for ticket in flying {
        engine.wait(ticket)?;
    }
    Ok(())
}

/// Rate of loading bases over that of copying the same bytes.
struct Upload {
    /// By the clock. The model's DMA is a copy and a digest, by a thread on the same machine; that memory is pinned and mapped costs nothing there.
    wall: f64,
    /// By the CPU time of the thread that loads: looking at them, digesting, staging in memory that stays in the cache, descriptors, completions.
    /// Beside this a card's DMA moves them.
    host: f64,
    /// Of the copies, in GB/s, by the CPU time of the thread.
    memcpy: f64,
    /// Of all loads together.
    sent_bytes: usize,
}

/// Against copying to memory that is there already, as device memory is; the medians of runs in turn. More bytes than caches hold, as a key has.
fn upload(engine: &DeviceEngine) -> Result<Upload, Failure> {
    const RUNS: usize = 15;
    let points = aligned_points()?;
    let bytes = vec![7u8; UPLOAD_POINTS * size_of::<G1Mont>()];
    let mut target = vec![1u8; bytes.len()];
    // Of each: seconds by the clock, and of this thread.
    let (mut loads, mut copies) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for run in 0..=RUNS {
        let begin = (Instant::now(), thread_seconds());
        target.copy_from_slice(std::hint::black_box(&bytes));
        std::hint::black_box(&target);
        let copied = (begin.0.elapsed().as_secs_f64(), thread_seconds() - begin.1);
        let begin = (Instant::now(), thread_seconds());
        let id = engine.load(Resident::G1(points.clone())).or_fail(Code::DeviceFailed)?;
        let loaded = (begin.0.elapsed().as_secs_f64(), thread_seconds() - begin.1);
        engine.unload(id);
        // The first run makes staging and device memory.
        if run > 0 {
            for (samples, (wall, host)) in [(&mut loads, loaded), (&mut copies, copied)] {
                samples[0].push(wall);
                samples[1].push(host);
            }
        }
    }
    let ([load_wall, load_host], [copy_wall, copy_host]) = (loads.map(median), copies.map(median));
    let (wall, host) = (copy_wall / load_wall, copy_host / load_host);
    let memcpy = bytes.len() as f64 / copy_host / 1e9;
    Ok(Upload { host, wall, memcpy, sent_bytes: (RUNS + 1) * bytes.len() })
}

/// Bases as an imported key has them: each array begins at a page. Multiples of the generator, as many different ones as a chunk holds.
fn aligned_points() -> Result<Lent<G1Mont>, Failure> {
    let mut sums = vec![G1Projective::generator()];
    sums.resize_with(1 << 13, G1Projective::default);
    for i in 1..sums.len() {
        sums[i] = sums[i - 1] + G1Affine::generator();
    }
    let chunk: Vec<u8> =
        G1Projective::normalize_batch(&sums).iter().flat_map(|p| G1Mont::from(p).0).collect();
    let len = UPLOAD_POINTS * size_of::<G1Mont>();
    let mut bytes = vec![0u8; len + PAGE_BYTES];
    let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
    bytes[start..start + len].chunks_exact_mut(chunk.len()).for_each(|to| to.copy_from_slice(&chunk));
    Lent::new(Arc::new(bytes), start..start + len)
        .ok_or_else(|| Failure::new(Code::DeviceFailed, "bases do not lie where they were put"))
}

/// Memory of this process that is in RAM.
fn resident_bytes() -> Result<u64, Failure> {
    let path = "/proc/self/status";
    let text = fs::read_to_string(path).or_fail(Code::BadFile)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib << 10)
        .ok_or_else(|| Failure::new(Code::BadFile, format!("{path}: expected a line VmRSS")))
}
