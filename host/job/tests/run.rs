//! The runner: order, errors, retries, fallback, cancel.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, EngineSet, EngineSlot, Event, Group, Job, JobGraph, JobKind,
    JobOutput, JobReport, JobSpec, JobValue, NttDirection, Observer, Placed, Resident, RunError, RunPolicy,
    ScalarSlice, Scalars, StepError, Ticket, Value, run, split,
};
use millrace_oracle::OracleEngine;

/// Answers a transform with its input; can fail, hang, or answer with something else.
#[derive(Default)]
struct Echo {
    /// How many submissions fail as transient.
    fails: AtomicUsize,
    lost: bool,
    hangs: bool,
    wrong_kind: bool,
    submitted: AtomicUsize,
    cancelled: AtomicUsize,
    waiting: Mutex<Vec<Option<Vec<Fr>>>>,
}

impl Engine for Echo {
    fn name(&self) -> &str {
        "echo"
    }
    fn supports(&self, kind: &JobKind) -> bool {
        matches!(kind, JobKind::Ntt { .. })
    }
    fn depth(&self) -> usize {
        2
    }
    fn load(&self, _: Resident) -> Result<BufferId, EngineError> {
        Ok(BufferId(0))
    }
    fn unload(&self, _: BufferId) {}
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        self.submitted.fetch_add(1, Ordering::SeqCst);
        if self.lost {
            return Err(EngineError::DeviceLost {
                engine: "echo".to_owned(),
                reason: "pulled out".to_owned(),
            });
        }
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(EngineError::Timeout {
                engine: "echo".to_owned(),
                job_id: 0,
                waited: "1".to_owned(),
            });
        }
        let Job::Ntt { values, .. } = job else { unreachable!("not supported") };
        let mut waiting = self.waiting.lock().unwrap();
        waiting.push(Some(values));
        Ok(Ticket(waiting.len() as u64 - 1))
    }
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        Ok(self.try_wait(ticket, Duration::MAX)?.expect("an echo comes at once"))
    }
    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        if self.hangs {
            std::thread::sleep(at_most);
            return Ok(Err(ticket));
        }
        let values =
            self.waiting.lock().unwrap()[ticket.0 as usize].take().expect("each ticket is spent once");
        let kind =
            JobKind::Ntt { log_n: values.len().ilog2(), direction: NttDirection::Forward, coset: false };
        let value =
            if self.wrong_kind { JobValue::G1(G1Affine::default()) } else { JobValue::Values(values) };
        let report = JobReport { engine: "echo".to_owned(), kind, wall: Duration::ZERO, cycles: None };
        Ok(Ok(JobOutput { value, report }))
    }
    fn cancel(&self, _: Ticket) -> Result<(), EngineError> {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn source<'a>(graph: &mut JobGraph<'a>, n: u64) -> millrace_job::Port {
    graph.host("source", &[], 1, move |_| Ok(vec![Value::Values((0..n).map(Fr::from).collect())]))[0]
}

fn ntt(log_n: u32, values: millrace_job::Port) -> JobSpec {
    JobSpec::Ntt { direction: NttDirection::Forward, coset: false, log_n, values }
}

fn chain() -> (JobGraph<'static>, millrace_job::Port) {
    let mut graph = JobGraph::new();
    let mut port = source(&mut graph, 4);
    for i in 0..3 {
        port = graph.job(format!("echo {i}"), EngineSlot(0), ntt(2, port));
    }
    (graph, port)
}

fn policy(retries: u32, fallback: Option<usize>) -> RunPolicy {
    RunPolicy {
        retries,
        fallback: fallback.map(EngineSlot),
        slice: Duration::from_millis(5),
        ..RunPolicy::default()
    }
}

#[test]
fn values_flow_through_a_chain_and_records_keep_the_plans_order() {
    let set = EngineSet::new(vec![Arc::new(Echo::default())]);
    let (graph, end) = chain();
    let mut output = run(graph, &set, &policy(0, None), &(), &CancelToken::default()).unwrap();
    assert_eq!(output.take(end).unwrap().into_values().unwrap(), (0..4u64).map(Fr::from).collect::<Vec<_>>());
    assert!(output.take(end).is_err(), "a value is taken once");
    let labels: Vec<_> = output.jobs.iter().map(|job| job.label.as_str()).collect();
    assert_eq!(labels, ["echo 0", "echo 1", "echo 2"]);
    assert!(output.jobs.iter().all(|job| job.digest.is_none() && job.attempts == 1));
}

#[test]
fn transient_errors_are_tried_again_as_often_as_allowed() {
    for (fails, retries, good) in [(0, 0, true), (1, 1, true), (2, 2, true), (1, 0, false), (2, 1, false)] {
        let set = EngineSet::new(vec![Arc::new(Echo { fails: fails.into(), ..Echo::default() })]);
        let result = run(chain().0, &set, &policy(retries, None), &(), &CancelToken::default());
        assert_eq!(result.is_ok(), good, "{fails} failures, {retries} retries");
        assert_eq!(set.aside(EngineSlot(0)).is_none(), good);
        if let Err(e) = result {
            assert!(
                matches!(e, RunError::Job { ref engine, source: EngineError::Timeout { .. }, .. } if engine == "echo")
            );
        }
    }
}

#[test]
fn a_lost_engine_is_not_tried_again_and_the_fallback_takes_its_jobs() {
    let lost = Arc::new(Echo { lost: true, ..Echo::default() });
    let set = EngineSet::new(vec![lost.clone(), Arc::new(Echo::default())]);
    let (graph, end) = chain();
    let mut output = run(graph, &set, &policy(3, Some(1)), &(), &CancelToken::default()).unwrap();
    assert!(output.take(end).is_ok());
    assert!(output.jobs.iter().all(|job| (job.planned, job.ran) == (EngineSlot(0), EngineSlot(1))));
    assert_eq!(lost.submitted.load(Ordering::SeqCst), 1, "an engine that is put aside gets no more work");
    assert!(set.aside(EngineSlot(0)).unwrap().contains("pulled out"));
}

#[test]
fn an_answer_of_another_kind_is_an_error_and_not_a_panic() {
    let set = EngineSet::new(vec![Arc::new(Echo { wrong_kind: true, ..Echo::default() })]);
    let result = run(chain().0, &set, &policy(0, None), &(), &CancelToken::default());
    assert!(matches!(result, Err(RunError::Job { source: EngineError::BadJob { .. }, .. })));
}

#[test]
fn an_unsupported_job_fails_where_nobody_else_may_do_it() {
    let set = EngineSet::new(vec![Arc::new(Echo::default())]);
    let mut graph = JobGraph::new();
    let matrix = Arc::new(Placed::new(set.clone(), Resident::Matrix { entries: Vec::new().into(), rows: 2 }));
    let witness = vec![FrCanonical::from(Fr::from(1u8))].into();
    graph.job("rows", EngineSlot(0), JobSpec::Rows { matrix, witness });
    let result = run(graph, &set, &policy(0, None), &(), &CancelToken::default());
    assert!(matches!(result, Err(RunError::Job { source: EngineError::Unsupported { .. }, .. })));
}

#[test]
fn a_cancel_ends_a_job_that_hangs_and_gives_its_ticket_back() {
    let hung = Arc::new(Echo { hangs: true, ..Echo::default() });
    let set = EngineSet::new(vec![hung.clone()]);
    let cancel = CancelToken::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while hung.submitted.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            cancel.cancel();
        });
        let result = run(chain().0, &set, &policy(0, None), &(), &cancel);
        assert!(matches!(result, Err(RunError::Cancelled)));
    });
    assert_eq!(hung.cancelled.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failing_step_ends_the_run_and_cancels_what_is_in_flight() {
    let hung = Arc::new(Echo { hangs: true, ..Echo::default() });
    let set = EngineSet::new(vec![hung.clone()]);
    let mut graph = JobGraph::new();
    let port = source(&mut graph, 2);
    graph.job("hangs", EngineSlot(0), ntt(1, port));
    let waits = hung.clone();
    graph.host("fails", &[], 0, move |_| {
        while waits.submitted.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        Err(StepError("on purpose".to_owned()))
    });
    let result = run(graph, &set, &policy(0, None), &(), &CancelToken::default());
    assert!(matches!(result, Err(RunError::Step { label, .. }) if label == "fails"));
    assert_eq!(hung.cancelled.load(Ordering::SeqCst), 1);
}

#[test]
#[should_panic(expected = "used already")]
fn a_port_feeds_one_input_only() {
    let mut graph = JobGraph::new();
    let port = source(&mut graph, 2);
    graph.job("first", EngineSlot(0), ntt(1, port));
    graph.job("second", EngineSlot(0), ntt(1, port));
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Started { jobs } => format!("{jobs} jobs"),
            Event::JobStarted { label, engine, .. } => format!("{label} starts on {engine}"),
            Event::JobDone { label, .. } => format!("{label} done"),
            Event::JobFailed { label, .. } => format!("{label} failed"),
            Event::EngineAside { engine, .. } => format!("{engine} aside"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn an_observer_sees_starts_failures_and_ends() {
    let set = EngineSet::new(vec![Arc::new(Echo { fails: 1.into(), ..Echo::default() })]);
    let mut graph = JobGraph::new();
    let port = source(&mut graph, 2);
    graph.job("x", EngineSlot(0), ntt(1, port));
    let log = Log::default();
    run(graph, &set, &policy(1, None), &log, &CancelToken::default()).unwrap();
    let expected = ["1 jobs", "x starts on echo", "x failed", "x starts on echo", "x done"];
    assert_eq!(*log.0.lock().unwrap(), expected);
}

#[test]
fn a_sum_over_two_engines_is_the_sum() {
    let set = EngineSet::new(vec![Arc::new(OracleEngine::new()), Arc::new(OracleEngine::new())]);
    let generator = G1Affine::new(1.into(), 2.into());
    let times = |k: u64| G1Affine::from(generator * Fr::from(k));
    let points: Vec<G1Mont> = (1..=20u64).map(|i| G1Mont::from(&times(i))).collect();
    let scalars: ScalarSlice = (1..=20u64).map(|i| FrCanonical::from(Fr::from(i * i))).collect();
    let bases = Arc::new(Placed::new(set.clone(), Resident::G1(points.into())));
    for weights in [[1.0, 1.0], [0.0, 1.0], [5.0, 0.1]] {
        let mut graph = JobGraph::new();
        let parts: Vec<_> = split::ranges(20, &weights)
            .into_iter()
            .enumerate()
            .map(|(i, range)| {
                let scalars = Scalars::Given(scalars.part(range.clone()).unwrap());
                let spec = JobSpec::Msm { group: Group::G1, bases: bases.clone(), range, scalars };
                graph.job(format!("part {i}"), EngineSlot(i), spec)
            })
            .collect();
        let sum = split::sum(&mut graph, "sum", Group::G1, &parts);
        let mut output = run(graph, &set, &policy(0, None), &(), &CancelToken::default()).unwrap();
        let sum_of_cubes = (1..=20u64).map(|i| i * i * i).sum::<u64>();
        assert_eq!(output.take(sum).unwrap().into_g1().unwrap(), times(sum_of_cubes));
        let points = |i: usize| match output.jobs[i].report.kind {
            JobKind::Msm { points, .. } => points,
            _ => 0,
        };
        assert!(points(0) > 0 && points(1) > 0 && points(0) + points(1) == 20, "{weights:?}");
    }
}
