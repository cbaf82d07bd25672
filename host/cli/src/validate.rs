//! `millrace validate`

mod cases;
mod exchange;
mod judge;

pub(crate) use cases::{random_points, random_scalar};

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use millrace_job::EngineError;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use self::{
    cases::{Case, Plan},
    exchange::Response,
    judge::{Subject, Verdict},
};
use crate::{
    args::ValidateArgs,
    device::{self, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    output::{self, say},
};

/// Random jobs of each kind; all are made before the first runs.
const MAX_RANDOM: usize = 10_000;

/// Runs that the search for the smallest failing job may take.
const SHRINK_TRIES: usize = 200;

pub(crate) fn run(args: &ValidateArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.check {
        return check(folder, args.junit.as_deref());
    }
    if args.points == 0 || args.points > 1 << 20 || !(1..=20).contains(&args.log_n) {
        let got = format!("{} points and 2^{}", args.points, args.log_n);
        return Err(Failure::new(
            Code::Usage,
            format!("expected 1..=2^20 points and transforms of 2^1..2^20, got {got}"),
        ));
    }
    if args.random > MAX_RANDOM {
        let message = format!("expected at most {MAX_RANDOM} random jobs, got {}", args.random);
        return Err(Failure::new(Code::Usage, message));
    }
    if args.inject_wrong.is_some() && !args.device.is_in_process() {
        let message = format!("--inject-wrong expects model or sim, got {}", args.device);
        return Err(Failure::new(Code::Usage, message));
    }
    if args.inject.is_some() && !args.device.is_accelerator() {
        let message = format!("--inject expects a device, got {}", args.device);
        return Err(Failure::new(Code::Usage, message));
    }
    let mut plan = Plan { seed: args.seed, points: args.points, log_n: args.log_n, random: args.random };
    if let Some(folder) = &args.export {
        let cases = some(selected(&plan, args))?;
        exchange::export(&cases, folder)?;
        say!("{} jobs written to {}", cases.len(), folder.display());
        return Ok(());
    }
    let (inject_wrong, drill) = (args.inject_wrong, args.inject);
    let device = device::open(&args.device, OpenOptions { inject_wrong, drill, ..OpenOptions::default() })?;
    if let Some(trigger) = &device.trigger {
        trigger.pull();
    }
    if let Some(driver) = &device.driver {
        plan.log_n = plan.log_n.min(driver.identity().ntt_log_max);
    }
    let cases = some(selected(&plan, args))?;
    say!("validating {} with {} jobs, seed {}", args.device, cases.len(), args.seed);
    let mut junit = Junit::new(&args.device.to_string());
    let subject = subject(&device, args.inject_wrong);
    let mut wrong = 0;
    for case in &cases {
        let started = Instant::now();
        let verdict = judge::judge(&subject, &case.input);
        let took = started.elapsed();
        say!("{:<48} {}", case.name, line(&verdict, took));
        let details = match &verdict {
            Verdict::Right(_) => None,
            Verdict::Failed(error @ EngineError::DeviceLost { .. }) => {
                return Err(Failure::new(Code::DeviceFailed, error));
            }
            _ => {
                wrong += 1;
                Some(investigate(args, &device, &subject, case, &verdict)?)
            }
        };
        junit.add(&case.name, took, details);
    }
    junit.write(args.junit.as_deref())?;
    say!("{} passed, {wrong} failed", cases.len() - wrong);
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::new(
            Code::Mismatch,
            format!("{wrong} of {} jobs differ from the oracle", cases.len()),
        )),
    }
}

/// At least one job.
fn some(cases: Vec<Case>) -> Result<Vec<Case>, Failure> {
    if cases.is_empty() {
        return Err(Failure::new(Code::Usage, "expected at least one job, got none: --only matches no name"));
    }
    Ok(cases)
}

/// The device, damaged if that was asked for. The model damages its own answers.
fn subject(device: &Opened, damage_from: Option<u64>) -> Subject {
    let seen = AtomicU64::new(0);
    let damaged = device.behind.simulation().zip(damage_from);
    let damage = move || {
        if let Some((simulation, first)) = &damaged
            && seen.fetch_add(1, Ordering::Relaxed) >= *first
        {
            simulation.damage_first_base();
        }
    };
    Subject { engine: device.engine.clone(), damage: Box::new(damage) }
}

fn selected(plan: &Plan, args: &ValidateArgs) -> Vec<Case> {
    let wanted = |case: &Case| args.only.as_ref().is_none_or(|text| case.name.contains(text.as_str()));
    cases::cases(plan).into_iter().filter(wanted).collect()
}

fn line(verdict: &Verdict, took: Duration) -> String {
    match verdict {
        Verdict::Right(report) => match report.cycles {
            Some(c) => format!("ok    {:>9} cycles, {:>8} issued, {took:.2?}", c.total, c.issued),
            None => format!("ok    {took:.2?}"),
        },
        Verdict::Wrong { what } => format!("WRONG {what}"),
        Verdict::Failed(error) => format!("ERROR {error}"),
    }
}

/// Finds the smallest failing job and where it goes wrong; leaves stimulus, answer and recording behind.
fn investigate(
    args: &ValidateArgs,
    device: &Opened,
    subject: &Subject,
    case: &Case,
    verdict: &Verdict,
) -> Result<String, Failure> {
    let smallest = judge::shrink(subject, &case.input, SHRINK_TRIES);
    let mut report = vec![line(verdict, Duration::ZERO), format!("smallest failing job: {smallest}")];
    report.push(match judge::judge(subject, &smallest) {
        Verdict::Right(_) => "it did not fail again: the fault is transient".to_owned(),
        again => line(&again, Duration::ZERO),
    });
    match judge::first_wrong_bucket(subject, &smallest) {
        Ok(Some(place)) => report.push(place),
        Ok(None) => {}
        Err(error) => report.push(format!("no dump of the buckets: {error}")),
    }
    let folder = args.artifacts.join(case.name.replace('/', "_"));
    let small = Case { name: case.name.clone(), input: smallest };
    exchange::export(std::slice::from_ref(&small), &folder)?;
    report.push(match device.behind.simulation() {
        None => "no recording: only a simulated device has one".to_owned(),
        Some(_) => record(args, &small, &folder)?,
    });
    let text = report.join("\n");
    output::write(&folder.join("report.txt"), text.as_bytes())?;
    for line in text.lines().skip(1) {
        say!("      {line}");
    }
    say!("      stimulus and report in {}", folder.display());
    Ok(text)
}

/// Runs the smallest failing job once more on a fresh device that records.
fn record(args: &ValidateArgs, case: &Case, folder: &Path) -> Result<String, Failure> {
    if !args.device.is_in_process() {
        return Ok(format!("no recording: {} is not simulated in this process", args.device));
    }
    let drill = args.inject;
    let inject_wrong = args.inject_wrong.map(|_| 0);
    let device = device::open(
        &args.device,
        OpenOptions { record: true, inject_wrong, one_at_a_time: true, drill, ..OpenOptions::default() },
    )?;
    let verdict = judge::judge(&subject(&device, inject_wrong), &case.input);
    let recording = device.behind.simulation().and_then(|simulation| simulation.recording());
    let path = folder.join("recording.txt");
    output::write(&path, recording.unwrap_or_default().as_bytes())?;
    let how =
        if verdict.is_right() { "it passes on a fresh device" } else { "it fails on a fresh device too" };
    Ok(format!("{how}; recording: {} (millrace replay)", path.display()))
}

fn check(folder: &Path, junit_path: Option<&Path>) -> Result<(), Failure> {
    let answers = exchange::check(folder)?;
    let mut junit = Junit::new("testbench");
    let (mut right, mut wrong, mut missing) = (0, 0, 0);
    for (name, response) in &answers {
        let details = match response {
            Response::Right => {
                right += 1;
                None
            }
            Response::Wrong(what) => {
                wrong += 1;
                say!("{name:<48} WRONG {what}");
                Some(what.clone())
            }
            Response::Missing => {
                missing += 1;
                say!("{name:<48} skipped: no response.hex");
                continue;
            }
        };
        junit.add(name, Duration::ZERO, details);
    }
    junit.write(junit_path)?;
    say!("{right} passed, {wrong} failed, {missing} skipped");
    if wrong > 0 {
        return Err(Failure::new(Code::Mismatch, format!("{wrong} of {} answers are wrong", right + wrong)));
    }
    if right == 0 {
        return Err(Failure::new(
            Code::BadFile,
            format!("{}: expected answers to judge, got none", folder.display()),
        ));
    }
    Ok(())
}

struct Junit(TestSuite);

impl Junit {
    fn new(device: &str) -> Self {
        Self(TestSuite::new(format!("millrace validate {device}")))
    }

    fn add(&mut self, name: &str, took: Duration, failure: Option<String>) {
        let status = match failure {
            None => TestCaseStatus::success(),
            Some(details) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_message(details.lines().next().unwrap_or_default().to_owned())
                    .set_description(details);
                status
            }
        };
        let mut case = TestCase::new(name, status);
        case.set_time(took);
        self.0.add_test_case(case);
    }

    fn write(self, path: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = path else { return Ok(()) };
        let mut report = Report::new("millrace validate");
        report.add_test_suite(self.0);
        output::write(path, report.to_string().or_fail(Code::Output)?.as_bytes())
    }
}
