//! `millrace device bench`: how quick a device is, from an empty job to MSMs, as its operator meets it.
//!
//! Each line is measured for a while and stops; nothing is compared here: whether answers are right is the business of `validate`, and engines are
//! compared by `bench`. Of several devices each is measured alone, then all of them together.

mod together;

use std::{
    cell::Cell,
    collections::VecDeque,
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::Field;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use millrace_bn254::{Fr, FrCanonical, G1Mont, G1Projective};
use millrace_driver::{DeviceEngine, DriverConfig, ExerciseError, ProbePlan, probe};
use millrace_job::{Engine, EngineError, Group, Job, JobOutput, Lent, NttDirection, Resident};
use serde_json::{Value, json};

use crate::{
    args::DeviceBenchArgs,
    device::{self, Behind, DeviceName},
    exit::{Code, Failure, OrFail},
    output::{Outputs, say},
};

/// log₂ of the smallest and the largest MSM, in steps of two; a size that takes longer than the time given is the last.
const LOG_MSM: [u32; 2] = [8, 20];
/// The same for transforms, which the device bounds.
const LOG_NTT: u32 = 6;
/// log₂ of the points of the first upload, and of the last.
const LOG_UPLOAD: [u32; 2] = [10, 20];
/// Runs of one size at most.
const RUNS_MOST: usize = 101;
/// Short jobs in flight of each thread.
const IN_FLIGHT: usize = 32;
/// Bytes of a base as it is sent.
const BASE_BYTES: u64 = 64;

/// One measurement.
struct Line {
    /// In JSON.
    name: &'static str,
    /// On the screen.
    what: String,
    /// Points, values, bytes, or queues.
    size: Option<u64>,
    value: f64,
    unit: &'static str,
    /// Of the device, for one job.
    cycles: Option<u64>,
}

/// A device that was measured alone.
struct Measured {
    engine: Arc<DeviceEngine>,
    lines: Vec<Line>,
    /// Dropped after the engine.
    _behind: Behind,
}

pub(crate) fn run(args: &DeviceBenchArgs) -> Result<(), Failure> {
    let names = device::fleet::distinct(&args.device, &args.with)?;
    let at_most = Duration::from_secs_f64(args.seconds);
    let mut outputs = Outputs::default();
    if let Some(path) = &args.json {
        outputs.probe(path)?;
    }
    let devices = names.into_iter().map(|name| alone(name, at_most)).collect::<Result<Vec<_>, _>>()?;
    let together = match &devices[..] {
        [_] => None,
        several => Some(together::measure(several, at_most).or_fail(Code::DeviceFailed)?),
    };
    let on_screen = Path::new("/dev/stdout");
    let report = match (&devices[..], &together) {
        ([one], None) => one.to_json(),
        (several, together) => json!({
            "devices": several.iter().map(Measured::to_json).collect::<Vec<_>>(),
            "together": lines_to_json(together.as_deref().unwrap_or_default()),
        }),
    };
    let json = args.json.as_deref().map(|path| (path, format!("{report:#}\n")));
    match json {
        Some((path, text)) if path == on_screen => say!("{}", text.trim_end()),
        other => {
            if let Some((path, text)) = other {
                outputs.add(path, text.as_bytes())?;
            }
            let of_each = devices.iter().map(|device| table(device.engine.name(), &device.lines));
            let of_all = together.map(|lines| table("together", &lines));
            outputs.announce(of_each.chain(of_all).collect::<Vec<_>>().join("\n"));
        }
    }
    outputs.commit()
}

/// Opens a device and measures it.
fn alone(name: &DeviceName, at_most: Duration) -> Result<Measured, Failure> {
    let (function, behind) = device::function(name)?;
    let plan = ProbePlan { at_most, ..ProbePlan::default() };
    let report = probe(&function, &plan).map_err(|error| {
        let code =
            if matches!(error, ExerciseError::Open(_)) { Code::DeviceOpen } else { Code::DeviceFailed };
        Failure::caused(code, "", &error)
    })?;
    let mut lines = Vec::new();
    for (name, how, times) in [
        ("empty_job_polled", "polled", &report.polled),
        ("empty_job_interrupt", "by interrupt", &report.woken),
    ] {
        let micros = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        lines.push(plain(name, format!("empty job, {how}: median"), micros(50), "µs"));
        let tail = if name.ends_with("polled") { "empty_job_polled_p99" } else { "empty_job_interrupt_p99" };
        lines.push(plain(tail, format!("empty job, {how}: 99 of 100"), micros(99), "µs"));
    }
    for (name, what, rate) in [
        ("copy_to_device", "COPY from host to device memory", report.to_device),
        ("copy_to_host", "COPY from device to host memory", report.to_host),
    ] {
        let line = plain(name, what.into(), rate / 1e9, "GB/s");
        lines.push(Line { size: Some(report.copy_bytes), ..line });
    }
    let engine = Arc::new(DeviceEngine::open(function, DriverConfig::default()).or_fail(Code::DeviceOpen)?);
    measure(&engine, at_most, &mut lines).or_fail(Code::DeviceFailed)?;
    Ok(Measured { engine, lines, _behind: behind })
}

fn plain(name: &'static str, what: String, value: f64, unit: &'static str) -> Line {
    Line { name, what, size: None, value, unit, cycles: None }
}

fn measure(engine: &DeviceEngine, at_most: Duration, lines: &mut Vec<Line>) -> Result<(), EngineError> {
    lines.push(upload(engine, at_most)?);
    for log_n in (LOG_MSM[0]..=LOG_MSM[1]).step_by(2) {
        let n = 1usize << log_n;
        if n as u64 * BASE_BYTES > engine.identity().memory_bytes {
            break;
        }
        let bases = engine.load(Resident::G1(points(n).into()))?;
        let scalars: millrace_job::ScalarSlice = scalars(n).into_iter().map(FrCanonical::from).collect();
        let timed = timed(at_most, || {
            let scalars = scalars.clone();
            engine.wait(engine.submit(Job::Msm { group: Group::G1, bases, range: 0..n, scalars })?)
        });
        engine.unload(bases);
        let (seconds, cycles) = timed?;
        let line = plain("msm_g1", "MSM over G1".into(), n as f64 / seconds, "points/s");
        lines.push(Line { size: Some(n as u64), cycles, ..line });
        if seconds > at_most.as_secs_f64() {
            break;
        }
    }
    for log_n in (LOG_NTT.min(engine.identity().ntt_log_max)..=engine.identity().ntt_log_max).step_by(2) {
        let values = scalars(1 << log_n);
        let (seconds, cycles) = timed(at_most, || transform(engine, values.clone()))?;
        let line = plain("ntt", "transform".into(), values.len() as f64 / seconds, "values/s");
        lines.push(Line { size: Some(values.len() as u64), cycles, ..line });
        if seconds > at_most.as_secs_f64() {
            break;
        }
    }
    for queues in 1..=engine.queues() {
        let rate = short_jobs(engine, queues, at_most)?;
        let what = if queues == 1 { "short jobs on one queue" } else { "short jobs on several queues" };
        lines.push(Line { size: Some(queues as u64), ..plain("short_jobs", what.into(), rate, "jobs/s") });
    }
    Ok(())
}

/// Multiples of the generator in a row.
fn points(n: usize) -> Vec<G1Mont> {
    let step = G1Projective::generator();
    let points: Vec<_> = std::iter::successors(Some(step + step), |p| Some(*p + step)).take(n).collect();
    G1Projective::normalize_batch(&points).iter().map(G1Mont::from).collect()
}

/// All over the field.
fn scalars(n: usize) -> Vec<Fr> {
    let step = Fr::from(0x9e37_79b9_7f4a_7c15u64).pow([5]);
    std::iter::successors(Some(step), |x| Some(x.square() + step)).take(n).collect()
}

fn transform(engine: &DeviceEngine, values: Vec<Fr>) -> Result<JobOutput, EngineError> {
    engine.wait(engine.submit(Job::Ntt { direction: NttDirection::Forward, coset: false, values })?)
}

/// Median seconds of a job that is repeated for so long, and the device's cycles.
fn timed(
    at_most: Duration,
    mut job: impl FnMut() -> Result<JobOutput, EngineError>,
) -> Result<(f64, Option<u64>), EngineError> {
    let mut cycles = None;
    let seconds = repeated(at_most, || {
        cycles = job()?.report.cycles.map(|cycles| cycles.total);
        Ok(())
    })?;
    Ok((seconds, cycles))
}

/// Median seconds of what is repeated for so long.
fn repeated(
    at_most: Duration,
    mut work: impl FnMut() -> Result<(), EngineError>,
) -> Result<f64, EngineError> {
    let began = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || times.len() <= RUNS_MOST && began.elapsed() < at_most {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(settled_median(times))
}

/// The median of all but the first, which makes buffers; of the first alone where there is no other.
fn settled_median(mut times: Vec<f64>) -> f64 {
    if times.len() > 1 {
        times.remove(0);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Bases into device memory as a key's are: looked at, digested, sent in chunks, compared. The largest size that is quick enough.
fn upload(engine: &DeviceEngine, at_most: Duration) -> Result<Line, EngineError> {
    let mut last = None;
    for log_n in (LOG_UPLOAD[0]..=LOG_UPLOAD[1]).step_by(2) {
        let n = 1u64 << log_n;
        if last.is_some() && n * BASE_BYTES > engine.identity().memory_bytes {
            break;
        }
        let bases: Lent<G1Mont> = points(n as usize).into();
        let (loads, lent_before) = (Cell::new(0), engine.lent_bytes());
        let seconds = repeated(at_most, || {
            let id = engine.load(Resident::G1(bases.clone()))?;
            engine.unload(id);
            loads.set(loads.get() + 1);
            Ok(())
        })?;
        let lent_percent = (engine.lent_bytes() - lent_before) * 100 / (n * BASE_BYTES * loads.get().max(1));
        last = Some((n, (n * BASE_BYTES) as f64 / seconds / 1e9, lent_percent));
        if seconds * 8.0 > at_most.as_secs_f64() {
            break;
        }
    }
    let (n, rate, lent_percent) = last.unwrap_or_default();
    let what = format!("upload of bases, checked, {lent_percent} % read where they lie");
    let line = plain("upload", what, rate, "GB/s");
    Ok(Line { size: Some(n * BASE_BYTES), ..line })
}

/// Transforms of two values, so many threads, many in flight: jobs a second of all together.
fn short_jobs(engine: &dyn Engine, threads: usize, at_most: Duration) -> Result<f64, EngineError> {
    let values = scalars(2);
    at_once(
        threads,
        IN_FLIGHT,
        at_most,
        || engine.submit(Job::Ntt { direction: NttDirection::Forward, coset: false, values: values.clone() }),
        |ticket| engine.wait(ticket),
    )
}

/// Jobs a second of so many threads together, each of which keeps some in flight.
fn at_once<T>(
    threads: usize,
    in_flight: usize,
    at_most: Duration,
    submit: impl Fn() -> Result<T, EngineError> + Sync,
    wait: impl Fn(T) -> Result<JobOutput, EngineError> + Sync,
) -> Result<f64, EngineError> {
    let barrier = Barrier::new(threads);
    let work = || {
        barrier.wait();
        let started = Instant::now();
        let (mut flying, mut done) = (VecDeque::new(), 0u64);
        while started.elapsed() < at_most {
            while flying.len() < in_flight {
                flying.push_back(submit()?);
            }
            if let Some(oldest) = flying.pop_front() {
                wait(oldest)?;
                done += 1;
            }
        }
        for ticket in flying {
            wait(ticket)?;
            done += 1;
        }
        Ok::<_, EngineError>(done as f64 / started.elapsed().as_secs_f64())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let rates = threads.into_iter().map(|thread| match thread.join() {
            Ok(rate) => rate,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        rates.sum()
    })
}

fn table(name: &str, lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(["measured", "size", "value", "unit", "device cycles a job"]);
    for line in lines {
        let number = |n: Option<u64>| n.map_or("–".to_owned(), |n| n.to_string());
        let digits = if line.value < 100.0 { 3 } else { 0 };
        let value = format!("{:.digits$}", line.value);
        table.add_row([line.what.clone(), number(line.size), value, line.unit.into(), number(line.cycles)]);
    }
    format!("{name}\n{table}")
}

fn lines_to_json(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        json!({
            "name": line.name, "size": line.size, "value": line.value, "unit": line.unit, "cycles": line.cycles,
        })
    };
    lines.iter().map(line).collect()
}

impl Measured {
    fn to_json(&self) -> Value {
        let identity = self.engine.identity();
        json!({
            "device": self.engine.name(),
            "layout_hash": format!("{:#018x}", identity.layout_hash),
            "queues": self.engine.queues(),
            "memory_bytes": identity.memory_bytes,
            "measured": lines_to_json(&self.lines),
        })
    }

    /// The largest size of a kind of job that was measured.
    fn largest(&self, name: &str) -> Option<&Line> {
        self.lines.iter().rfind(|line| line.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_is_not_counted_and_all_others_are() {
        assert_eq!(settled_median(vec![100.0]), 100.0);
        assert_eq!(settled_median(vec![100.0, 3.0, 1.0, 2.0]), 2.0);
        let mut runs = 0;
        let seconds = repeated(Duration::from_secs(60), || {
            runs += 1;
            std::thread::sleep(Duration::from_millis(if runs == 1 { 50 } else { 0 }));
            Ok(())
        });
        assert!(seconds.unwrap() < 0.05 && runs == RUNS_MOST + 1, "{runs}");
    }
}
