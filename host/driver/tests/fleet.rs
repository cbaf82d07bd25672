//! Several devices as one engine: shares by measured rates, devices that come, go and fail while jobs run.

mod common;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::*;
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{
    BucketDump, BufferId, Engine, EngineError, Fleet, Job, JobKind, JobOutput, NttDirection, Resident,
    Ticket, split::ranges,
};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice, Until};

/// A device under a name of its own, and the driver on it.
fn device(name: &str, config: DriverConfig) -> (ModelDevice, Arc<DeviceEngine>) {
    let (device, engine) = start(ModelConfig { name: name.into(), ..small() }, config);
    (device, Arc::new(engine))
}

fn fleet(engines: &[&Arc<DeviceEngine>]) -> Fleet {
    let fleet = Fleet::new("fleet");
    engines.iter().for_each(|engine| fleet.add((*engine).clone()));
    fleet
}

fn sum(fleet: &Fleet, id: BufferId, n: usize, seed: u64) -> Result<JobOutput, EngineError> {
    let factors: Vec<_> = (0..n as u64).map(|i| millrace_bn254::Fr::from(i * 7 + seed)).collect();
    fleet.wait(fleet.submit(msm_job(id, 0, &factors))?)
}

fn answer(bases: &[millrace_bn254::G1Affine], n: usize, seed: u64) -> millrace_job::JobValue {
    let factors: Vec<_> = (0..n as u64).map(|i| millrace_bn254::Fr::from(i * 7 + seed)).collect();
    msm_answer(&bases[..n], &factors)
}

fn lend(fleet: &Fleet, points: &[millrace_bn254::G1Affine]) -> BufferId {
    let data = points.iter().map(millrace_bn254::G1Mont::from).collect::<Vec<_>>();
    fleet.load(Resident::G1(data.into())).unwrap()
}

/// How long the last job of the quick engine took: what is measured of it on a busy machine is measured of the slow one too.
#[derive(Default)]
struct Pace(AtomicU64);

/// Sleeps of the quick engine.
const PAUSE: Duration = Duration::from_millis(10);
/// The slow engine takes so many times as long for a job as the quick one did for its last.
const TIMES: u32 = 4;

/// An engine that takes its time.
struct Slow {
    inner: Arc<DeviceEngine>,
    pace: Arc<Pace>,
    is_quick: bool,
    given: Mutex<HashMap<u64, Instant>>,
    /// Points of each job, in the order in which they were given.
    points: Mutex<Vec<usize>>,
}

impl Slow {
    fn new(inner: Arc<DeviceEngine>, pace: &Arc<Pace>, is_quick: bool) -> Arc<Self> {
        let (given, points) = Default::default();
        Arc::new(Self { inner, pace: pace.clone(), is_quick, given, points })
    }

    /// Before the job is asked for.
    fn pause(&self, began: Instant) {
        if self.is_quick {
            thread::sleep(PAUSE);
        } else {
            let quick = Duration::from_micros(self.pace.0.load(Ordering::Acquire)).max(PAUSE);
            thread::sleep((quick * TIMES).saturating_sub(began.elapsed()));
        }
    }
}

impl Engine for Slow {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn supports(&self, kind: &JobKind) -> bool {
        self.inner.supports(kind)
    }
    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        self.inner.load(data)
    }
    fn unload(&self, id: BufferId) {
        self.inner.unload(id);
    }
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        if let Job::Msm { range, .. } = &job {
            self.points.lock().unwrap().push(range.len());
        }
        let began = Instant::now();
        let ticket = self.inner.submit(job)?;
        self.given.lock().unwrap().insert(ticket.0, began);
        Ok(ticket)
    }
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let began = self.given.lock().unwrap().remove(&ticket.0).expect("given before");
        self.pause(began);
        let output = self.inner.wait(ticket);
        if self.is_quick {
            // Since the job was given, as the fleet counts it too.
            self.pace.0.store(began.elapsed().as_micros() as u64, Ordering::Release);
        }
        output
    }
    fn try_wait(&self, ticket: Ticket, _: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        self.wait(ticket).map(Ok)
    }
    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        self.inner.cancel(ticket)
    }
    fn dump_buckets(&self, job: Job) -> Result<Option<BucketDump>, EngineError> {
        self.inner.dump_buckets(job)
    }
}

/// Both as one, the first four times as fast.
fn quick_and_slow(one: Arc<DeviceEngine>, other: Arc<DeviceEngine>) -> (Fleet, [Arc<Slow>; 2]) {
    let fleet = Fleet::new("fleet");
    let pace = Arc::default();
    let both = [Slow::new(one, &pace, true), Slow::new(other, &pace, false)];
    both.iter().for_each(|engine| fleet.add(engine.clone()));
    (fleet, both)
}

#[test]
fn jobs_are_shared_by_measured_rates() {
    let ((_a, one), (_b, other)) = (device("one", patient()), device("other", patient()));
    let (fleet, _) = quick_and_slow(one, other);
    let mut rng = rng();
    let bases = points(20, &mut rng);
    let id = lend(&fleet, &bases);
    thread::scope(|scope| {
        for worker in 0..2 {
            let (fleet, bases) = (&fleet, &bases);
            scope.spawn(move || {
                for round in 0..50 {
                    let output = sum(fleet, id, 20, worker * 100 + round).unwrap();
                    assert_eq!(output.value, answer(bases, 20, worker * 100 + round));
                }
            });
        }
    });
    let done: Vec<u64> = fleet.members().iter().map(|m| m.done).collect();
    assert_eq!(done.iter().sum::<u64>(), 100);
    // Even behind another job the quick one ends sooner. By turns they would do as many, by what is free four times as many.
    assert!(done[0] >= 5 * done[1] && done[1] >= 1, "four times as fast, and both at work: {done:?}");
    assert!(fleet.members().iter().all(|m| m.in_flight == 0 && m.aside.is_none()));
}

#[test]
fn one_sum_is_cut_by_measured_rates() {
    const POINTS: usize = 200;
    let ((_a, one), (_b, other)) = (device("one", patient()), device("other", patient()));
    let (fleet, [quick, slow]) = quick_and_slow(one, other);
    let mut rng = rng();
    let bases = points(POINTS, &mut rng);
    let id = lend(&fleet, &bases);
    let factors: Vec<_> = (0..POINTS as u64).map(|i| millrace_bn254::Fr::from(i * 7 + 1)).collect();
    // In turn, so that each job of the slow one takes as long as four of the quick one's last.
    for _ in 0..4 {
        for name in ["one", "other"] {
            let ticket = fleet.submit_to(name, msm_job(id, 0, &factors)).unwrap();
            assert_eq!(fleet.wait(ticket).unwrap().value, msm_answer(&bases, &factors));
        }
    }
    let weights = fleet.shares(&msm_job(id, 0, &factors).kind());
    let parts = ranges(POINTS, &weights);
    assert!(parts.len() == 2 && parts[0].len() >= 2 * parts[1].len(), "{weights:?}: {parts:?}");
    let start = |part: &Range<usize>| fleet.submit(msm_job(id, part.start, &factors[part.clone()])).unwrap();
    let tickets: Vec<Ticket> = parts.iter().map(start).collect();
    for (ticket, part) in tickets.into_iter().zip(&parts) {
        let answer = msm_answer(&bases[part.clone()], &factors[part.clone()]);
        assert_eq!(fleet.wait(ticket).unwrap().value, answer);
    }
    let last = |engine: &Slow| engine.points.lock().unwrap().last().copied();
    assert_eq!([last(&quick), last(&slow)], [Some(parts[0].len()), Some(parts[1].len())]);
}

#[test]
fn devices_come_and_go_while_jobs_run() {
    let (_a, first) = device("first", patient());
    let fleet = fleet(&[&first]);
    let mut rng = rng();
    let bases = points(12, &mut rng);
    let id = lend(&fleet, &bases);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..3u64 {
            let (fleet, bases, stop) = (&fleet, &bases, &stop);
            scope.spawn(move || {
                let mut round = worker * 1000;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    assert_eq!(sum(fleet, id, 12, round).unwrap().value, answer(bases, 12, round));
                    let values: Vec<_> = (0..8).map(|i| millrace_bn254::Fr::from(round + i)).collect();
                    let job = ntt_job(&values, NttDirection::Forward, false);
                    let output = fleet.wait(fleet.submit(job).unwrap()).unwrap();
                    assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, false));
                }
            });
        }
        let done = |name: &str| fleet.members().iter().find(|m| m.name == name).map_or(0, |m| m.done);
        let until = |what: &dyn Fn() -> bool| {
            while !what() {
                thread::sleep(Duration::from_millis(1));
            }
        };
        until(&|| done("first") > 20);
        let (_b, second) = device("second", patient());
        fleet.add(second);
        until(&|| done("second") > 20);
        assert!(fleet.remove("first") && !fleet.remove("first"));
        let at = done("second");
        until(&|| done("second") > at + 20);
        fleet.add(first.clone());
        until(&|| done("first") > 20);
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fleet.members().len(), 2);
    assert_eq!(first.anomalies(), millrace_driver::Anomalies::default());
}

#[test]
fn a_device_that_is_lost_loses_no_job() {
    let ((bad, first), (_good, second)) = (device("bad", quick()), device("good", quick()));
    let fleet = fleet(&[&first, &second]);
    let mut rng = rng();
    let bases = points(6, &mut rng);
    let id = lend(&fleet, &bases);
    bad.inject(JobClass::Msm, 2, Fault::Stuck(Until::Never));
    thread::scope(|scope| {
        for worker in 0..3u64 {
            let (fleet, bases) = (&fleet, &bases);
            scope.spawn(move || {
                // Until the bad one has had its third job: on a busy machine it may look the slower one for long.
                let is_struck = || fleet.members()[0].aside.is_some();
                for round in (0..10_000).take_while(|&round| round < 20 || !is_struck()) {
                    let seed = worker * 10_000 + round;
                    assert_eq!(sum(fleet, id, 6, seed).unwrap().value, answer(bases, 6, seed));
                }
            });
        }
    });
    let members = fleet.members();
    assert!(members[0].aside.as_ref().is_some_and(|why| why.contains("lost")), "{members:?}");
    assert!(members[1].aside.is_none() && members[1].done >= 57, "{members:?}");
    // The same place, another card: work goes there again.
    let (_new, card) = device("bad", quick());
    fleet.add(card);
    let before = fleet.members()[0].done;
    for seed in 0..10 {
        assert_eq!(sum(&fleet, id, 6, seed).unwrap().value, answer(&bases, 6, seed));
    }
    let members = fleet.members();
    assert!(members.iter().all(|m| m.aside.is_none()), "{members:?}");
    assert!(members.iter().find(|m| m.name == "bad").is_some_and(|m| m.done > 0), "{members:?} {before}");
}

#[test]
fn a_device_that_fails_one_job_is_still_trusted_and_one_that_fails_many_is_not() {
    let ((bad, first), (_good, second)) = (device("bad", quick()), device("good", quick()));
    let fleet = fleet(&[&first, &second]);
    let mut rng = rng();
    let bases = points(6, &mut rng);
    let id = lend(&fleet, &bases);
    let cause = millrace_regs::Cause::MemRead;
    bad.inject(JobClass::Msm, 0, Fault::Fail { cause, position: 0 });
    assert_eq!(sum(&fleet, id, 6, 1).unwrap().value, answer(&bases, 6, 1), "the other one did it");
    assert!(fleet.members().iter().all(|m| m.aside.is_none()));
    for nth in 0..10 {
        bad.inject(JobClass::Msm, nth, Fault::Fail { cause, position: 0 });
    }
    for seed in 0..40 {
        assert_eq!(sum(&fleet, id, 6, seed).unwrap().value, answer(&bases, 6, seed));
    }
    let members = fleet.members();
    assert!(members[0].aside.is_some() || members[0].done == 0, "{members:?}");
    assert!(members[1].aside.is_none());
}

#[test]
fn without_an_engine_it_says_so() {
    let fleet = Fleet::new("fleet");
    let values = [millrace_bn254::Fr::from(1u64), millrace_bn254::Fr::from(2u64)];
    let job = || ntt_job(&values, NttDirection::Forward, false);
    assert!(!fleet.supports(&job().kind()));
    assert!(matches!(fleet.submit(job()), Err(EngineError::Unsupported { .. })));
    let (model, engine) = device("only", quick());
    fleet.add(engine);
    let ticket = fleet.submit(job()).unwrap();
    assert!(fleet.wait(ticket).is_ok());
    let missing = fleet.submit(msm_job(BufferId(77), 0, &values));
    assert!(matches!(missing, Err(EngineError::BadJob { .. })));
    assert!(matches!(fleet.wait(Ticket(1234)), Err(EngineError::BadJob { .. })));
    model.inject(JobClass::Ntt, 0, Fault::Stuck(Until::Never));
    let lost = fleet.wait(fleet.submit(job()).unwrap());
    assert!(matches!(lost, Err(EngineError::Unavailable { .. })), "{lost:?}");
    assert!(matches!(fleet.submit(job()), Err(EngineError::Unavailable { .. })));
    let cancelled = {
        let (_model, engine) = device("next", quick());
        fleet.add(engine);
        fleet.cancel(fleet.submit(job()).unwrap())
    };
    assert!(cancelled.is_ok());
}
