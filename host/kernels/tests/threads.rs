//! Jobs on few, odd and many more threads than there are processors, against the oracle's, at sizes around the borders of what work is cut into.

mod common;

use std::sync::{Mutex, PoisonError};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use common::{MsmCase, run};
use millrace_bn254::{FrCanonical, backend::Instructions};
use millrace_job::{Coefficient, Engine, Job, JobValue, NttDirection, Resident};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::OracleEngine;

/// Numbers of threads and of lanes; emulation has few.
const THREADS: &[(usize, usize)] = match cfg!(target_arch = "aarch64") {
    true => &[(3, 1), (7, 5)],
    false => &[(3, 1), (3, 5), (7, 1), (7, 5), (64, 1), (64, 5), (256, 1)],
};
/// Scalars are cut into blocks of 2^12.
const SIZES: [usize; 9] = [1, 2, 33, 255, 4095, 4096, 4097, 12_287, 12_289];

/// One test at a time, so that there are no more threads than one needs.
static ALONE: Mutex<()> = Mutex::new(());

/// Hands engines to a test, one number of threads after another: alone, and a lane of several, which cuts for its share while another is at work.
fn on_each(test: impl Fn(&str, &[CpuEngine])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (threads, lanes) in THREADS {
        let name = format!("{threads} threads, {lanes} lanes");
        let engines = CpuEngine::lanes(*threads, *lanes, Instructions::best(), Limits::NONE).unwrap();
        assert_eq!(engines.len(), *lanes.min(threads), "{name}");
        test(&name, &engines);
    }
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
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(SIZES[8]), points(SIZES[6]));
    let mut cases = Vec::new();
    for n in SIZES {
        for scalars in scalars(n) {
            cases.push((n, MsmCase::g1(&g1[..n], &scalars)));
            if n <= g2.len() {
                cases.push((n, MsmCase::g2(&g2[..n], &scalars)));
            }
        }
    }
    on_each(|name, lanes| {
        for (n, case) in &cases {
            case.check(lanes.last().unwrap(), &format!("{n} points on {name}"));
        }
    });
}

#[test]
fn transforms_and_quotients() {
    let (oracle, mut rng) = (OracleEngine::new(), test_rng());
    let mut cases = Vec::new();
    for log_n in [0, 1, 3, 6, 11, 12, 13] {
        let mut values = || -> Vec<Fr> { (0..1 << log_n).map(|_| Fr::rand(&mut rng)).collect() };
        let (a, b) = (values(), values());
        let transform = |direction, coset| Job::Ntt { direction, coset, values: a.clone() };
        let jobs = [
            transform(NttDirection::Forward, false),
            transform(NttDirection::Inverse, true),
            Job::Quotient { a: a.clone(), b: b.clone() },
        ];
        cases.extend(jobs.map(|job| (log_n, run(&oracle, job.clone()).unwrap(), job)));
    }
    on_each(|name, lanes| {
        for (log_n, expected, job) in &cases {
            let kind = job.kind();
            assert!(run(&lanes[0], job.clone()).unwrap() == *expected, "{kind:?}, 2^{log_n}, on {name}");
        }
    });
}

#[test]
fn sparse_products() {
    let (mut rng, columns) = (test_rng(), 1000u32);
    let cases = [1usize, 2, 255, 4096, 4097].map(|rows| {
        let entry = |i: usize| {
            let value = FrCanonical::from(Fr::rand(&mut rng)).0;
            Coefficient::new((i % 2) as u32, rng.gen_range(0..rows as u32), rng.gen_range(0..columns), value)
        };
        (rows, (0..5 * rows).map(entry).collect::<Vec<_>>())
    });
    let witness: Vec<FrCanonical> = (0..columns).map(|_| Fr::rand(&mut rng).into()).collect();
    let products = |engine: &dyn Engine, rows: usize, entries: &[Coefficient]| -> JobValue {
        let matrix = engine.load(Resident::Matrix { entries: entries.to_vec().into(), rows }).unwrap();
        run(engine, Job::Rows { matrix, witness: witness.as_slice().into() }).unwrap()
    };
    let expected: Vec<_> =
        cases.iter().map(|(rows, entries)| products(&OracleEngine::new(), *rows, entries)).collect();
    on_each(|name, lanes| {
        for ((rows, entries), expected) in cases.iter().zip(&expected) {
            assert!(products(&lanes[0], *rows, entries) == *expected, "{rows} rows on {name}");
        }
    });
}

/// Every lane has a job while the others have theirs, so that each is cut for its lane's share.
#[test]
fn lanes_at_a_time() {
    let case = MsmCase::g1(&points(5000), &scalars(5000)[0]);
    on_each(|name, lanes| {
        std::thread::scope(|scope| {
            for lane in lanes {
                let case = &case;
                scope.spawn(move || (0..3).for_each(|_| case.check(lane, name)));
            }
        });
    });
}
