//! Jobs on few, odd and many more threads than there are processors, against the oracle's, at sizes around the borders of what work is cut into.

mod common;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use common::{MsmCase, run};
use millrace_bn254::{FrCanonical, backend::Instructions};
use millrace_job::{Coefficient, Engine, Job, JobValue, NttDirection, Resident};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::OracleEngine;

const THREADS: [usize; 4] = [3, 7, 64, 256];
/// Scalars are cut into blocks of 2^12.
const SIZES: [usize; 9] = [1, 2, 33, 255, 4095, 4096, 4097, 12_287, 12_289];

/// On each number of threads: alone, and a lane of several, which cuts for its share while another is at work.
fn engines() -> Vec<(String, Vec<CpuEngine>)> {
    let of = |threads: usize| {
        [1, 5].map(|lanes| {
            let name = format!("{threads} threads, {lanes} lanes");
            let engines = CpuEngine::lanes(threads, lanes, Instructions::best(), Limits::NONE).unwrap();
            assert_eq!(engines.len(), lanes.min(threads), "{name}");
            (name, engines)
        })
    };
    THREADS.into_iter().flat_map(of).collect()
}

/// Distinct points and their negatives, some at infinity.
fn points<A: AffineRepr>(n: usize) -> Vec<A> {
    let mut rng = test_rng();
    let (mut point, step) = (A::Group::rand(&mut rng), A::Group::rand(&mut rng));
    let mut next = |i: usize| {
        point += step;
        if i % 97 == 5 { A::Group::zero() } else { point }
    };
    let all: Vec<A::Group> = (0..n).map(&mut next).collect();
    A::Group::normalize_batch(&all)
}

/// Of all lengths, or all the same.
fn scalars(n: usize) -> [Vec<Fr>; 2] {
    let mut rng = test_rng();
    let equal = Fr::rand(&mut rng);
    let mut one = |i: usize| match i % 6 {
        0 => Fr::zero(),
        1 => Fr::from(1u64),
        2 => Fr::from(rng.r#gen::<u16>()),
        3 => -Fr::from(rng.r#gen::<u64>()),
        _ => Fr::rand(&mut rng),
    };
    [(0..n).map(&mut one).collect(), vec![equal; n]]
}

#[test]
fn sums() {
    let engines = engines();
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(SIZES[8]), points(SIZES[6]));
    for n in SIZES {
        for scalars in scalars(n) {
            let mut cases = vec![MsmCase::g1(&g1[..n], &scalars)];
            if n <= g2.len() {
                cases.push(MsmCase::g2(&g2[..n], &scalars));
            }
            for (name, lanes) in &engines {
                for case in &cases {
                    case.check(lanes.last().unwrap(), &format!("{n} points on {name}"));
                }
            }
        }
    }
}

#[test]
fn transforms_and_quotients() {
    let (oracle, engines, mut rng) = (OracleEngine::new(), engines(), test_rng());
    for log_n in [0, 1, 3, 6, 11, 12, 13] {
        let mut values = || -> Vec<Fr> { (0..1 << log_n).map(|_| Fr::rand(&mut rng)).collect() };
        let (a, b) = (values(), values());
        let transform = |direction, coset| Job::Ntt { direction, coset, values: a.clone() };
        let jobs = [
            transform(NttDirection::Forward, false),
            transform(NttDirection::Inverse, true),
            Job::Quotient { a: a.clone(), b: b.clone() },
        ];
        for job in jobs {
            let expected = run(&oracle, job.clone()).unwrap();
            for (name, lanes) in &engines {
                let kind = job.kind();
                assert!(run(&lanes[0], job.clone()).unwrap() == expected, "{kind:?}, 2^{log_n}, on {name}");
            }
        }
    }
}

#[test]
fn sparse_products() {
    let mut rng = test_rng();
    for rows in [1usize, 2, 255, 4096, 4097] {
        let columns = 1000u32;
        let entries: Vec<Coefficient> = (0..5 * rows)
            .map(|i| {
                let value = FrCanonical::from(Fr::rand(&mut rng)).0;
                Coefficient::new(
                    (i % 2) as u32,
                    rng.gen_range(0..rows as u32),
                    rng.gen_range(0..columns),
                    value,
                )
            })
            .collect();
        let witness: Vec<FrCanonical> = (0..columns).map(|_| Fr::rand(&mut rng).into()).collect();
        let products = |engine: &dyn Engine| -> JobValue {
            let matrix = engine.load(Resident::Matrix { entries: entries.clone().into(), rows }).unwrap();
            run(engine, Job::Rows { matrix, witness: witness.as_slice().into() }).unwrap()
        };
        let expected = products(&OracleEngine::new());
        for (name, lanes) in engines() {
            assert!(products(&lanes[0]) == expected, "{rows} rows on {name}");
        }
    }
}

/// Every lane has a job while the others have theirs, so that each is cut for its lane's share.
#[test]
fn lanes_at_a_time() {
    let case = MsmCase::g1(&points(5000), &scalars(5000)[0]);
    for (name, lanes) in engines() {
        std::thread::scope(|scope| {
            for lane in &lanes {
                let (case, name) = (&case, &name);
                scope.spawn(move || (0..3).for_each(|_| case.check(lane, name)));
            }
        });
    }
}
