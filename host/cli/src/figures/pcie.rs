//! What a job costs the host, with the model as the device: its own work is small then, and what is measured is the driver's.

mod records;
mod served;
mod upload;

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_bn254::Fr;
use millrace_driver::{DeviceEngine, DriverConfig, ExercisePlan, ProbePlan, exercise, probe};
use millrace_job::{Engine, EngineError, Job, NttDirection};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice};
use millrace_pcie::{Event, Function, Observer, observed};

use self::upload::Uploads;
use super::{Bar, Sheet, clock::thread_seconds, cpu::median};
use crate::{
    exit::{Code, Failure, OrFail},
    memory::kilobytes,
};

/// Jobs for the figures of one job, and their number in flight.
const JOBS: u64 = 20_000;
pub(super) const IN_FLIGHT: usize = 32;
/// Runs of so many jobs, of which the median is taken: what a wait costs depends on where the kernel lets the model's thread run meanwhile.
const COST_ROUNDS: usize = 5;
/// In which the model does as many, several times over.
const BURST: Duration = Duration::from_millis(2);
/// Completions of empty jobs, under interrupts of all kinds.
const COMPLETIONS: u32 = 10_000;
/// Jobs over which memory must not grow.
const MANY_JOBS: u64 = 1_000_000;
/// The same for jobs that fail.
const FAILED_JOBS: u64 = 100_000;

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

/// `folder`: where the records of the campaign and of the guests lie.
pub(super) fn measure(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    let model = || ModelDevice::start(ModelConfig::default());
    let mut uploads = Uploads::new()?;
    round_trips(sheet, &model().function())?;
    uploads.round()?;
    completions(sheet, &model().function())?;
    uploads.round()?;
    // As delivered, it looks at the ring for a while before it sleeps; one that does not waits for interrupts alone.
    let as_delivered = DriverConfig::default();
    let sleeping = DriverConfig { spin: Duration::ZERO, ..DriverConfig::default() };
    for (who, config, costs) in [
        ("driver as delivered", as_delivered, cpu_of_bursts as fn(&DeviceEngine) -> Result<f64, Failure>),
        ("driver that only sleeps", sleeping, |engine| cpu_with_waiting(engine, IN_FLIGHT)),
    ] {
        jobs(sheet, who, config, costs)?;
        uploads.round()?;
    }

    let engine = engine(model().function())?;
    // The first jobs make what all others use again.
    run(&engine, JOBS, IN_FLIGHT).or_fail(Code::DeviceFailed)?;
    let before = resident_bytes()?;
    run(&engine, MANY_JOBS, IN_FLIGHT).or_fail(Code::DeviceFailed)?;
    let growth = (resident_bytes()? as f64 - before as f64) / f64::from(1 << 20);
    sheet.line("growth of memory over 10^6 jobs", growth, "MiB", Bar::AtMost(1.0));
    uploads.round()?;
    failed_jobs(sheet)?;
    uploads.round()?;
    served::measure(sheet)?;
    uploads.round()?;
    uploads.tell(sheet)?;
    records::measure(sheet, &folder.join("pcie"))
}

/// Empty jobs one at a time, on rings driven by hand; and, with the model's own work, a transform through the driver.
fn round_trips(sheet: &mut Sheet, function: &Function) -> Result<(), Failure> {
    let report = probe(function, &ProbePlan::default()).or_fail(Code::DeviceFailed)?;
    let at = |times: &[Duration], share: f64| {
        times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6
    };
    let name = format!("doorbell to completion, polled, {} empty jobs: median", report.polled.len());
    sheet.line(&name, at(&report.polled, 0.5), "µs", Bar::AtMost(5.0));
    sheet.told("the same: 99 of 100", at(&report.polled, 0.99), "µs");
    sheet.told("the same by interrupt: median", at(&report.woken, 0.5), "µs");
    let engine = engine(function.clone())?;
    // No bar: the model's transform, by the oracle, is most of it.
    let name = "a transform of 2 through the driver, polled, the model's work with it";
    sheet.told(name, round_trip(&engine)?, "µs");
    Ok(())
}

/// Completions under interrupts that are merged, late and for nothing. A wait that its deadline ends is an error of the exercise.
fn completions(sheet: &mut Sheet, function: &Function) -> Result<(), Failure> {
    let plan = ExercisePlan { completions: COMPLETIONS, ..ExercisePlan::default() };
    let report = exercise(function, &plan).or_fail(Code::DeviceFailed)?;
    let bar = Bar::AtLeast(COMPLETIONS.into());
    sheet.line("completions that came, each before its deadline", report.completions.into(), "", bar);
    sheet.told("interrupts that they took", report.interrupts.into(), "");
    // A device as quick as the model may be ahead of each; the guests of `make test-pcie` want some.
    sheet.told("of these brought nothing", report.spurious.into(), "");
    Ok(())
}

/// What a job costs the host: processor time, register accesses, interrupts.
fn jobs(
    sheet: &mut Sheet,
    who: &str,
    config: DriverConfig,
    costs: impl Fn(&DeviceEngine) -> Result<f64, Failure>,
) -> Result<(), Failure> {
    let accesses = Arc::new(Accesses::default());
    let device = ModelDevice::start(ModelConfig::default());
    let engine = DeviceEngine::open(observed(device.function(), accesses.clone()), config)
        .or_fail(Code::DeviceOpen)?;
    let spent = (0..COST_ROUNDS).map(|_| costs(&engine)).collect::<Result<Vec<_>, _>>()?;
    let name = format!("{who}: CPU time of its thread for a job, median of {COST_ROUNDS}");
    sheet.line(&name, median(spent), "µs", Bar::AtMost(2.0));
    for in_flight in [IN_FLIGHT, 1] {
        let raised_before = device.interrupts_raised();
        let counts = || [&accesses.writes, &accesses.reads].map(|count| count.load(Ordering::Relaxed));
        let before = counts();
        let spent = cpu_with_waiting(&engine, in_flight)?;
        let after = counts();
        for (i, (what, most)) in [("writes", 1.0), ("reads", 0.0)].into_iter().enumerate() {
            let name = format!("{who}, {in_flight} in flight: register {what}");
            sheet.line(&name, (after[i] - before[i]) as f64 / JOBS as f64, "a job", Bar::AtMost(most));
        }
        // Those that the device raised, whether or not the driver was waiting: each costs the machine something.
        let raised = device.interrupts_raised() - raised_before;
        if in_flight > 1 {
            let name = format!("{who}, {in_flight} in flight: jobs an interrupt");
            sheet.line(&name, JOBS as f64 / raised.max(1) as f64, "jobs", Bar::AtLeast(16.0));
        }
        sheet.told(&format!("{who}, {in_flight} in flight: CPU time with its waiting"), spent, "µs a job");
    }
    Ok(())
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

fn engine(function: Function) -> Result<DeviceEngine, Failure> {
    DeviceEngine::open(function, DriverConfig::default()).or_fail(Code::DeviceOpen)
}

/// CPU time of this thread for a job, in microseconds, of jobs that are done when they are asked for: what the driver does, and none of its waiting.
fn cpu_of_bursts(engine: &DeviceEngine) -> Result<f64, Failure> {
    let mut spent = 0.0;
    for burst in 0..JOBS / IN_FLIGHT as u64 {
        let begin = thread_seconds();
        let jobs = (0..IN_FLIGHT as u64).map(|i| engine.submit(transform(burst * IN_FLIGHT as u64 + i)));
        let tickets: Vec<_> = jobs.collect::<Result<_, _>>().or_fail(Code::DeviceFailed)?;
        spent += thread_seconds() - begin;
        thread::sleep(BURST);
        let begin = thread_seconds();
        for ticket in tickets {
            engine.wait(ticket).or_fail(Code::DeviceFailed)?;
        }
        spent += thread_seconds() - begin;
    }
    Ok(spent * 1e6 / (JOBS / IN_FLIGHT as u64 * IN_FLIGHT as u64) as f64)
}

/// CPU time of this thread for a job, in microseconds, with so many under way.
fn cpu_with_waiting(engine: &DeviceEngine, in_flight: usize) -> Result<f64, Failure> {
    let before = thread_seconds();
    run(engine, JOBS, in_flight).or_fail(Code::DeviceFailed)?;
    Ok((thread_seconds() - before) * 1e6 / JOBS as f64)
}

/// Transforms of two values, so many in flight.
pub(super) fn run(engine: &DeviceEngine, jobs: u64, in_flight: usize) -> Result<(), EngineError> {
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

/// Memory of this process that is in RAM.
fn resident_bytes() -> Result<u64, Failure> {
    let path = "/proc/self/status";
    let text = fs::read_to_string(path).or_fail(Code::BadFile)?;
    match kilobytes(&text, "VmRSS:") {
        0 => Err(Failure::new(Code::BadFile, format!("{path}: expected a line VmRSS"))),
        kib => Ok(kib << 10),
    }
}
