//! Tickets: waiting, giving back, cancelling, many at once.

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, UniformRand};
use ark_std::test_rng;
use common::{MsmCase, run};
use millrace_bn254::{FrCanonical, backend::Instructions};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, NttDirection, Ticket};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::OracleEngine;

fn large_msm() -> MsmCase {
    let mut rng = test_rng();
    let scalars: Vec<Fr> = (0..1 << 16).map(|_| Fr::rand(&mut rng)).collect();
    let bases: Vec<G1Affine> = (0..scalars.len())
        .map(|i| if i % 2 == 0 { G1Affine::generator() } else { -G1Affine::generator() })
        .collect();
    MsmCase::g1(&bases, &scalars)
}

fn small() -> Job {
    Job::Ntt { direction: NttDirection::Forward, coset: false, values: vec![Fr::one(); 4] }
}

#[test]
fn a_ticket_is_given_back_until_its_job_ends() {
    let engine = CpuEngine::with_threads(1);
    let case = large_msm();
    let bases = engine.load(case.resident.clone()).unwrap();
    let scalars = case.scalars.clone().into();
    let first = engine.submit(Job::Msm { group: Group::G1, bases, range: 0..1 << 16, scalars }).unwrap();
    let mut ticket =
        engine.try_wait(first, Duration::ZERO).unwrap().expect_err("65,536 points take longer than that");
    let output = loop {
        match engine.try_wait(ticket, Duration::from_millis(20)).unwrap() {
            Ok(output) => break output,
            Err(again) => ticket = again,
        }
    };
    assert!(output.report.wall > Duration::ZERO);
    assert_eq!(output.report.engine, "cpu");
}

#[test]
fn a_cancelled_job_stops_and_the_engine_goes_on() {
    let engine = CpuEngine::with_threads(1);
    let case = large_msm();
    let bases = engine.load(case.resident.clone()).unwrap();
    let job = Job::Msm { group: Group::G1, bases, range: 0..1 << 16, scalars: case.scalars.clone().into() };
    let tickets: Vec<Ticket> = (0..200).map(|_| engine.submit(job.clone()).unwrap()).collect();
    // Two hundred such sums take more than half a minute; given up, they take next to nothing.
    let start = Instant::now();
    for ticket in tickets {
        engine.cancel(ticket).unwrap();
    }
    let ticket = engine.submit(small()).unwrap();
    engine.wait(ticket).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn jobs_of_several_threads() {
    let engine = CpuEngine::with_threads(2);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let tickets: Vec<Ticket> = (0..20).map(|_| engine.submit(small()).unwrap()).collect();
                for ticket in tickets {
                    let JobValue::Values(values) = engine.wait(ticket).unwrap().value else {
                        panic!("values come back")
                    };
                    assert_eq!(values, [Fr::from(4u64), Fr::from(0u64), Fr::from(0u64), Fr::from(0u64)]);
                }
            });
        }
    });
}

#[test]
fn a_ticket_of_nobody_is_refused() {
    let engine = CpuEngine::with_threads(1);
    assert!(matches!(engine.wait(Ticket(77)), Err(EngineError::BadJob { .. })));
    assert!(matches!(engine.try_wait(Ticket(77), Duration::ZERO), Err(EngineError::BadJob { .. })));
    engine.cancel(Ticket(77)).unwrap();
}

#[test]
fn limits_change_no_answer() {
    let mut rng = test_rng();
    let n = 1000;
    let scalars: Vec<Fr> = (0..n).map(|i| if i % 5 == 0 { Fr::one() } else { Fr::rand(&mut rng) }).collect();
    let step = G1Affine::generator();
    let points: Vec<_> =
        std::iter::successors(Some(step.into_group()), |p| Some(*p + step)).take(n).collect();
    let mut bases = ark_bn254::G1Projective::normalize_batch(&points);
    bases[7] = G1Affine::identity();
    let case = MsmCase::g1(&bases, &scalars);
    let ntt = || Job::Ntt { direction: NttDirection::Inverse, coset: true, values: scalars[..512].to_vec() };
    let answers = |engine: &dyn Engine| {
        let id = engine.load(case.resident.clone()).unwrap();
        let scalars = case.scalars.as_slice().into();
        let msm = Job::Msm { group: Group::G1, bases: id, range: 0..n, scalars };
        [run(engine, msm).unwrap(), run(engine, ntt()).unwrap(), run(engine, ntt()).unwrap()]
    };
    let expected = answers(&OracleEngine::new());
    for points in [1, 7, 999, 1000, usize::MAX] {
        for (keep_tables, kept_values) in [(true, 0), (true, 600), (true, usize::MAX), (false, 0)] {
            let limits = Limits { jobs: 1, points, keep_tables, kept_values };
            let engine = CpuEngine::with_limits(2, Instructions::best(), limits);
            assert_eq!(engine.depth(), 1);
            assert_eq!(answers(&engine), expected, "{limits:?}");
            // A bad scalar is named by its place in the whole.
            let id = engine.load(case.resident.clone()).unwrap();
            let mut bad = case.scalars.clone();
            bad[700] = FrCanonical([255; 32]);
            let job = Job::Msm { group: Group::G1, bases: id, range: 0..n, scalars: bad.into() };
            assert!(
                matches!(run(&engine, job), Err(EngineError::BadValue { position: 700, .. })),
                "{limits:?}"
            );
        }
    }
}

/// Of two lanes each is fed by two threads: jobs run on one thread of two or on both, with memory and tables that both lanes share.
#[test]
fn lanes_give_the_same_answers_side_by_side() {
    let case = large_msm();
    let lanes = CpuEngine::lanes(2, 2, Instructions::best(), Limits::NONE).unwrap();
    assert_eq!(lanes.len(), 2);
    let sum = |engine: &dyn Engine| {
        let bases = engine.load(case.resident.clone()).unwrap();
        let scalars = case.scalars.clone().into();
        run(engine, Job::Msm { group: Group::G1, bases, range: 0..1 << 16, scalars }).unwrap()
    };
    let expected = sum(&OracleEngine::new());
    thread::scope(|scope| {
        for lane in &lanes {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(sum(lane), expected);
                        assert!(run(lane, small()).is_ok());
                    }
                });
            }
        }
    });
}
