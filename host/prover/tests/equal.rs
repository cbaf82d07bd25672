//! Every engine and every way of sharing gives the bytes of the oracle's own prover.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    CIRCUITS, Circuit, DEVICE, Device, Fault, TRUSTED, assert_equal, chain, expected, options, prove, prover,
    vectors,
};
use millrace_bn254::backend::Instructions;
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, Fleet, Job, JobKind, JobOutput, Resident, RunError, Ticket,
};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::OracleEngine;
use millrace_prover::{LoadedKey, Placement, ProveError, Proved, Prover, Randomness, Share};

fn all_equal(placement: Placement, device: impl Fn() -> Arc<dyn Engine>, check: impl Fn(&str, &Proved)) {
    let Some(folder) = vectors() else { return };
    for name in CIRCUITS {
        let circuit = Circuit::open(&folder, name);
        let proved = prove(&prover(device(), options(placement)), &circuit, Some(&circuit.r1cs)).unwrap();
        assert_equal(&proved, &expected(&circuit));
        assert!(proved.report.blame.is_none());
        check(name, &proved);
    }
}

#[test]
fn the_cpu_gives_the_oracles_proof() {
    all_equal(
        Placement::On(TRUSTED),
        || Arc::new(OracleEngine::new()),
        |name, proved| {
            assert!(proved.report.jobs.iter().all(|job| job.engine == "cpu"), "{name}");
            // rows, the quotient, five sums; a circuit without private signals has no sum over L
            let sums = proved.report.jobs.iter().filter(|j| matches!(j.kind, JobKind::Msm { .. })).count();
            let quotients =
                proved.report.jobs.iter().filter(|j| matches!(j.kind, JobKind::Quotient { .. })).count();
            assert_eq!((sums, quotients, proved.report.jobs.len()), (5, 1, 7), "{name}");
        },
    );
}

/// Three proofs of each of three witnesses at a time on two lanes, which share tables and memory; jobs run on two threads or on four, as it comes.
#[test]
fn proofs_in_flight_are_the_same_as_alone() {
    let circuits: Vec<_> = [9, 10, 11].map(chain).into();
    let alone = Prover::alone(Arc::new(OracleEngine::new()));
    let lanes = CpuEngine::lanes(4, 2, Instructions::best(), Limits::NONE).unwrap().into_iter();
    let flying = Prover::lanes(lanes.map(|lane| Arc::new(lane) as Arc<dyn Engine>).collect());
    let prove = |prover: &Prover, key: &LoadedKey, witness| {
        let seed = Randomness::Seed(common::SEED);
        prover.prove(key, witness, None, &seed, &(), &CancelToken::default()).unwrap()
    };
    for stays in [false, true] {
        std::thread::scope(|scope| {
            for (key, witness) in &circuits {
                let (alone, flying, prove) = (&alone, &flying, &prove);
                scope.spawn(move || {
                    let expected = prove(alone, &alone.load(key.clone()).unwrap(), witness);
                    let loaded = flying.load(key.clone()).unwrap();
                    let loaded = if stays { loaded.in_memory() } else { loaded };
                    std::thread::scope(|scope| {
                        let proofs: Vec<_> =
                            (0..3).map(|_| scope.spawn(|| prove(flying, &loaded, witness))).collect();
                        for proof in proofs {
                            let proved = proof.join().unwrap();
                            assert_eq!(
                                (proved.proof, proved.publics),
                                (expected.proof, expected.publics.clone())
                            );
                        }
                    });
                });
            }
        });
    }
}

/// The CPU, but for its first jobs, which end in what a panic of a kernel gives. One job at a time.
struct Fails {
    cpu: CpuEngine,
    left: AtomicUsize,
    submitted: AtomicUsize,
}

impl Fails {
    fn new(cpu: CpuEngine, times: usize) -> Self {
        Self { cpu, left: AtomicUsize::new(times), submitted: AtomicUsize::new(0) }
    }
}

impl Engine for Fails {
    fn name(&self) -> &str {
        self.cpu.name()
    }
    fn supports(&self, kind: &JobKind) -> bool {
        self.cpu.supports(kind)
    }
    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        self.cpu.load(data)
    }
    fn unload(&self, id: BufferId) {
        self.cpu.unload(id);
    }
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        self.submitted.fetch_add(1, Ordering::Relaxed);
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return self.cpu.submit(job);
        }
        let (engine, cause) = (self.name().to_owned(), "a panic in a kernel".to_owned());
        Err(EngineError::JobFailed { engine, job_id: 0, cause, position: 0 })
    }
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        self.cpu.wait(ticket)
    }
    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        self.cpu.try_wait(ticket, at_most)
    }
    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        self.cpu.cancel(ticket)
    }
}

#[test]
fn a_lane_that_fails_costs_no_proof_and_gets_no_more() {
    let (key, witness) = chain(6);
    let lanes = CpuEngine::lanes(2, 2, Instructions::best(), Limits::NONE).unwrap().into_iter();
    let lanes = lanes.enumerate().map(|(i, lane)| Arc::new(Fails::new(lane, usize::from(i == 0))) as _);
    let prover = Prover::lanes(lanes.collect());
    let key = prover.load(key).unwrap();
    let seed = Randomness::Seed(common::SEED);
    for _ in 0..5 {
        assert!(prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default()).is_ok());
    }
    let aside = prover.engines().slots().map(|slot| prover.engines().aside(slot).is_some());
    assert_eq!(aside.collect::<Vec<_>>(), [true, false]);
    let report = prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default()).unwrap().report;
    let aside: Vec<_> = report.aside.iter().map(|(engine, _)| engine.as_str()).collect();
    assert_eq!(aside, ["cpu/0"], "lanes are told apart");
}

/// Nobody else can do its jobs: each proof tries it once more, and so does the next one.
#[test]
fn the_only_engine_is_tried_again_after_a_failure_but_not_for_ever() {
    let (key, witness) = chain(6);
    let jobs = 7;
    for (failures, good, submitted) in
        [(0, [true, true], 2 * jobs), (1, [true, true], 1 + 2 * jobs), (2, [false, true], 2 + jobs)]
    {
        let engine = Arc::new(Fails::new(CpuEngine::with_threads(1), failures));
        let prover = Prover::alone(engine.clone());
        let key = prover.load(key.clone()).unwrap();
        let prove = || {
            let seed = Randomness::Seed(common::SEED);
            prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default()).is_ok()
        };
        assert_eq!([prove(), prove()], good, "{failures} failures");
        assert_eq!(engine.submitted.load(Ordering::Relaxed), submitted, "{failures} failures");
    }
    let prover = Prover::alone(Arc::new(Fails::new(CpuEngine::with_threads(1), usize::MAX)));
    let key = prover.load(key).unwrap();
    let seed = Randomness::Seed(common::SEED);
    let failed = prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default());
    let Err(ProveError::Run(RunError::Job { source, .. })) = failed else { panic!("it failed each time") };
    assert!(source.to_string().contains("a panic in a kernel"), "{source}");
}

#[test]
fn the_oracle_as_an_engine_gives_the_same() {
    all_equal(
        Placement::On(DEVICE),
        || Arc::new(OracleEngine::new()),
        |_, proved| {
            assert!(proved.report.jobs.iter().all(|job| job.engine == "cpu-oracle"));
        },
    );
}

/// Two engines behind one slot: sums over G1 are cut between both, that over H after a quotient that one of them made.
#[test]
fn a_fleet_that_makes_quotients_shares_the_sum_over_what_comes_out() {
    let (key, witness) = chain(12);
    let fleet = Fleet::new("fleet");
    fleet.add(Arc::new(CpuEngine::with_threads(1)));
    fleet.add(Arc::new(OracleEngine::new()));
    let by_fleet = prover(Arc::new(fleet), options(Placement::On(DEVICE)));
    let by_cpu = prover(Arc::new(OracleEngine::new()), options(Placement::On(TRUSTED)));
    let [fleet, cpu] = [by_fleet, by_cpu].map(|prover| {
        let key = prover.load(key.clone()).unwrap();
        let randomness = Randomness::Seed(common::SEED);
        prover.prove(&key, &witness, None, &randomness, &(), &CancelToken::default()).unwrap()
    });
    let count = |label: &str| fleet.report.jobs.iter().filter(|job| job.label.starts_with(label)).count();
    assert_eq!((count("quotient"), count("ntt"), count("msm H")), (1, 0, 2));
    assert_eq!(fleet.proof, cpu.proof);
}

#[test]
fn a_device_does_all_it_can_and_the_cpu_the_rest_by_plan() {
    all_equal(
        Placement::On(DEVICE),
        || Arc::new(Device::new(Fault::None)),
        |name, proved| {
            let on_cpu: Vec<_> =
                proved.report.jobs.iter().filter(|j| j.engine == "cpu").map(|j| j.label.as_str()).collect();
            assert_eq!(on_cpu, ["rows", "msm B2"], "{name}");
            assert_eq!(proved.report.moved().count(), 0);
        },
    );
}

#[test]
fn long_transforms_are_made_of_short_ones() {
    let short = || -> Arc<dyn Engine> {
        let mut device = Device::new(Fault::None);
        device.log_max = 3;
        Arc::new(device)
    };
    all_equal(Placement::On(DEVICE), short, |name, proved| {
        let longest = proved.report.jobs.iter().filter_map(|j| match j.kind {
            JobKind::Ntt { log_n, .. } => Some(log_n),
            _ => None,
        });
        assert!(longest.max().unwrap() <= 3, "{name}");
    });
}

#[test]
fn a_split_proof_uses_both_sides_and_is_the_same() {
    for share in [Share::Ratio(0.5), Share::Ratio(0.01), Share::Ratio(1.0), Share::Measured] {
        let placement = Placement::Split { device: DEVICE, share };
        all_equal(
            placement,
            || Arc::new(Device::new(Fault::None)),
            |name, proved| {
                for sum in ["msm A", "msm B1", "msm H"] {
                    for (part, engine) in [("1/2", "device"), ("2/2", "cpu")] {
                        let label = format!("{sum} {part}");
                        let job = proved.report.jobs.iter().find(|j| j.label == label);
                        let job = job.unwrap_or_else(|| panic!("{name}: no {label}"));
                        assert_eq!(job.engine, engine, "{name} {label}");
                        assert!(matches!(job.kind, JobKind::Msm { points: 1.., .. }), "{name} {label}");
                    }
                }
            },
        );
    }
}

#[test]
fn several_proofs_at_once_on_one_key() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "bits");
    let expected = expected(&circuit);
    let device = Arc::new(Device::new(Fault::None));
    let prover =
        prover(device.clone(), options(Placement::Split { device: DEVICE, share: Share::Ratio(0.5) }));
    let key = prover.load(circuit.key.clone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let randomness = Randomness::Seed(common::SEED);
                let proved = prover
                    .prove(&key, &circuit.witness, None, &randomness, &(), &CancelToken::default())
                    .unwrap();
                assert_equal(&proved, &expected);
            });
        }
    });
    assert_eq!(device.jobs.load(Ordering::SeqCst), 3 * 8);
}

#[test]
fn the_systems_randomness_gives_another_proof_that_holds() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "tiny");
    let prover = prover(Arc::new(OracleEngine::new()), options(Placement::On(TRUSTED)));
    let key = prover.load(circuit.key.clone()).unwrap();
    let prove = || {
        prover
            .prove(&key, &circuit.witness, None, &Randomness::Os, &(), &CancelToken::default())
            .unwrap()
            .proof
    };
    assert_ne!(prove(), prove());
}

#[test]
fn a_cancelled_proof_says_so() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "bits");
    let prover = prover(Arc::new(OracleEngine::new()), options(Placement::On(TRUSTED)));
    let key = prover.load(circuit.key.clone()).unwrap();
    let cancel = CancelToken::default();
    cancel.cancel();
    let result = prover.prove(&key, &circuit.witness, None, &Randomness::Os, &(), &cancel);
    assert!(matches!(result, Err(ProveError::Run(millrace_job::RunError::Cancelled))));
}
