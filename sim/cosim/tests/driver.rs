//! The driver on the RTL: cancels, resets in the middle of jobs, a transform longer than the device takes. After each of them
//! the next job is right.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont, G1Projective};
use millrace_cosim::{CosimConfig, CosimHandle, SimConfig, start};
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, EngineSet, EngineSlot, Group, Job, JobGraph, JobKind,
    JobValue, NttDirection, Resident, RunPolicy, ScalarSlice, Ticket, Value,
    four_step::{self, Transform},
    run,
};

const POINTS: usize = 1 << 10;

struct Bench {
    engine: Arc<DeviceEngine>,
    simulation: CosimHandle,
    points: Vec<G1Affine>,
    scalars: ScalarSlice,
    bases: BufferId,
    sum: JobValue,
}

fn scalar(i: u64) -> Fr {
    Fr::from(i + 3).pow([0x1234_5678_9abc + i])
}

impl Bench {
    fn new(seed: u64) -> Self {
        let config = CosimConfig { sim: SimConfig { seed, ..SimConfig::default() }, record: false };
        let (function, simulation) = start(&config);
        // Patient: nothing hangs here, and a busy machine steps slowly.
        let config = DriverConfig { stall_time: Duration::from_secs(120), ..DriverConfig::default() };
        let engine = Arc::new(DeviceEngine::open(function, config).expect("the RTL is a good device"));
        let step = G1Affine::generator() * scalar(1);
        let points: Vec<G1Projective> =
            std::iter::successors(Some(step), |p| Some(*p + step)).take(POINTS).collect();
        let points = G1Projective::normalize_batch(&points);
        let factors: Vec<Fr> = (0..POINTS as u64).map(scalar).collect();
        let sum = JobValue::G1(millrace_oracle::msm_g1(&points, &factors).into_affine());
        let mont: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
        let bases = engine.load(Resident::G1(mont.into())).expect("room");
        let scalars = factors.into_iter().map(FrCanonical::from).collect();
        Self { engine, simulation, points, scalars, bases, sum }
    }

    fn msm(&self) -> Job {
        let scalars = self.scalars.clone();
        Job::Msm { group: Group::G1, bases: self.bases, range: 0..self.points.len(), scalars }
    }

    /// A transform and its answer.
    fn ntt(&self, log_n: u32) -> (Job, JobValue) {
        let values: Vec<Fr> = (0..1 << log_n).map(scalar).collect();
        let mut right = values.clone();
        millrace_oracle::ntt(&mut right, NttDirection::Forward, true);
        let job = Job::Ntt { direction: NttDirection::Forward, coset: true, values };
        (job, JobValue::Values(right))
    }

    fn answer(&self, ticket: Ticket) -> Result<JobValue, EngineError> {
        self.engine.wait(ticket).map(|output| output.value)
    }

    /// Lets the device get so far into its work.
    fn advance(&self, cycles: u64) {
        let until = self.simulation.cycles() + cycles;
        let patience = Instant::now() + Duration::from_secs(60);
        while self.simulation.cycles() < until {
            assert!(Instant::now() < patience, "the simulation stands still");
            std::thread::yield_now();
        }
    }

    /// Both engines give right answers.
    fn works(&self) {
        let sum = self.engine.submit(self.msm()).and_then(|ticket| self.answer(ticket));
        assert_eq!(sum.expect("an MSM after all that"), self.sum);
        let (job, right) = self.ntt(6);
        let values = self.engine.submit(job).and_then(|ticket| self.answer(ticket));
        assert_eq!(values.expect("a transform after all that"), right);
    }
}

#[test]
fn a_cancelled_job_leaves_the_others_alone() {
    let bench = Bench::new(21);
    // While scalars stream in, in the bucket phase, and in the reduction.
    for cycles in [500, 6_000, 33_000] {
        let cancelled = bench.engine.submit(bench.msm()).expect("takes it");
        let (job, right) = bench.ntt(9);
        let other = bench.engine.submit(job).expect("takes it");
        bench.advance(cycles);
        bench.engine.cancel(cancelled).expect("lets go");
        assert_eq!(bench.answer(other).expect("another engine's job"), right, "cancelled after {cycles}");
        bench.works();
    }
    let (job, _) = bench.ntt(13);
    let transform = bench.engine.submit(job).expect("takes it");
    bench.advance(4_000);
    bench.engine.cancel(transform).expect("lets go");
    bench.works();
    assert_eq!(bench.engine.anomalies().function_resets, 0, "an engine reset is enough");
}

#[test]
fn a_function_reset_in_the_middle_of_jobs() {
    let bench = Bench::new(22);
    for cycles in [100, 2_500, 9_000, 40_000] {
        let sum = bench.engine.submit(bench.msm()).expect("takes it");
        let (job, right) = bench.ntt(10);
        let values = bench.engine.submit(job).expect("takes it");
        bench.advance(cycles);
        bench.engine.reset().expect("comes back");
        // Bases are not believed after a reset, so a sum that was under way is an error that may be tried again.
        match bench.answer(sum) {
            Ok(sum) => assert_eq!(sum, bench.sum, "it was done before the reset"),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        assert_eq!(bench.answer(values).expect("transforms are sent again"), right, "reset after {cycles}");
        bench.works();
    }
    let anomalies = bench.engine.anomalies();
    assert_eq!((anomalies.function_resets, anomalies.uploads_again), (4, 4));
}

#[test]
fn a_transform_longer_than_the_device_takes() {
    const LOG_N: u32 = 14;
    let bench = Bench::new(23);
    let values: Vec<Fr> = (0..1 << LOG_N).map(scalar).collect();
    for (direction, coset) in [(NttDirection::Forward, true), (NttDirection::Inverse, false)] {
        let transform = Transform { direction, coset, log_n: LOG_N };
        assert!(!bench.engine.supports(&JobKind::Ntt { log_n: LOG_N, direction, coset }));
        let limit = transform.limit(bench.engine.as_ref()).expect("it transforms");
        let set = EngineSet::new(vec![bench.engine.clone()]);
        let mut graph = JobGraph::new();
        let input = values.clone();
        let start = graph.host("input", &[], 1, move |_| Ok(vec![Value::Values(input)]))[0];
        let end = four_step::add(&mut graph, "ntt", EngineSlot(0), transform, limit, start);
        let mut output = run(graph, &set, &RunPolicy::default(), &(), &CancelToken::default()).expect("runs");
        assert_eq!(output.jobs.len(), 1 << (LOG_N - limit));
        let mut right = values.clone();
        millrace_oracle::ntt(&mut right, direction, coset);
        let got = output.take(end).and_then(Value::into_values).expect("values");
        assert!(got == right, "{direction:?}, coset {coset}");
    }
}
