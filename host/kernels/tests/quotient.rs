//! The quotient of the CPU engine against the oracle's, which is six transforms and two loops.

mod common;

use std::time::Instant;

use ark_bn254::Fr;
use ark_ff::{Field, One, UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use common::{engines, run};
use millrace_bn254::backend::Instructions;
use millrace_job::{Engine, EngineError, Job, JobKind, JobValue, NttDirection};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::{OracleEngine, root_of_unity};

fn check(engine: &CpuEngine, a: &[Fr], b: &[Fr], what: &str) {
    let name = engine.instructions().name();
    // Twice: the second time in memory that the first one left.
    for time in 1..=2 {
        assert!(is_right(engine, a, b), "{name}, {} values, {what}, {time}", a.len());
    }
}

fn random(log_n: u32) -> [Vec<Fr>; 2] {
    let mut rng = test_rng();
    [(); 2].map(|()| (0..1 << log_n).map(|_| Fr::rand(&mut rng)).collect())
}

#[test]
fn every_size() {
    let mut rng = test_rng();
    for engine in engines() {
        for log_n in 0..=14 {
            let mut some = || -> Vec<Fr> {
                let special = [Fr::zero(), Fr::one(), -Fr::one()];
                let value = |i: usize| if i % 5 < 3 && i < 40 { special[i % 5] } else { Fr::rand(&mut rng) };
                (0..1usize << log_n).map(value).collect()
            };
            check(&engine, &some(), &some(), "random");
        }
    }
}

/// Values in a row, in a column, at one place, the same everywhere, and such that all the weight of a transform meets in one place.
#[test]
fn extreme_values() {
    let mut rng = test_rng();
    for engine in engines() {
        for log_n in [6u32, 7, 11, 12] {
            let n = 1usize << log_n;
            let columns = 1 << (log_n / 2);
            let (root, big) = (root_of_unity(log_n), -Fr::one());
            let all = |value: Fr| vec![value; n];
            let where_ = |is: &dyn Fn(usize) -> bool| -> Vec<Fr> {
                (0..n).map(|i| if is(i) { big } else { Fr::zero() }).collect()
            };
            let waves = |k: u64| -> Vec<Fr> { (0..n as u64).map(|i| big * root.pow([i * k])).collect() };
            let place = rng.gen_range(0..n);
            let vectors = [
                ("zeros", all(Fr::zero())),
                ("ones", all(Fr::one())),
                ("minus ones", all(big)),
                ("a row", where_(&|i| i / columns == 1)),
                ("a column", where_(&|i| i % columns == columns - 1)),
                ("one place", where_(&|i| i == place)),
                ("the last place", where_(&|i| i == n - 1)),
                ("a wave", waves(1)),
                ("a wave the other way", waves(n as u64 - 1)),
            ];
            for (of_a, a) in &vectors {
                for (of_b, b) in &vectors {
                    check(&engine, a, b, &format!("{of_a} and {of_b}"));
                }
            }
        }
    }
}

/// Beyond the size up to which engines keep memory.
#[test]
fn a_large_proofs_quotient() {
    let [a, b] = random(18);
    let job = || Job::Quotient { a: a.clone(), b: b.clone() };
    let expected = run(&OracleEngine::new(), job()).unwrap();
    for instructions in Instructions::all() {
        let engine = CpuEngine::with_instructions(2, instructions);
        // Twice, as a prover does.
        for time in 1..=2 {
            assert!(run(&engine, job()).unwrap() == expected, "{}, time {time}", instructions.name());
        }
    }
}

#[test]
fn more_threads_than_tasks() {
    let [a, b] = random(10);
    check(&CpuEngine::with_threads(64), &a, &b, "64 threads");
}

#[test]
fn six_transforms_give_the_same() {
    let engine = CpuEngine::with_threads(2);
    let [a, b] = random(15);
    let there_and_on = |values: Vec<Fr>| {
        let transform = |direction, coset, values| {
            let JobValue::Values(values) = run(&engine, Job::Ntt { direction, coset, values }).unwrap()
            else {
                panic!("values come back")
            };
            values
        };
        transform(NttDirection::Forward, true, transform(NttDirection::Inverse, false, values))
    };
    let c = there_and_on(a.iter().zip(&b).map(|(a, b)| *a * b).collect());
    let (of_a, of_b) = (there_and_on(a.clone()), there_and_on(b.clone()));
    let expected = of_a.iter().zip(&of_b).zip(&c).map(|((a, b), c)| (*a * b - c).into()).collect();
    assert!(run(&engine, Job::Quotient { a, b }).unwrap() == JobValue::Scalars(expected));
}

#[test]
fn limits_and_company_change_no_answer() {
    let [a, b] = random(12);
    let job = || Job::Quotient { a: a.clone(), b: b.clone() };
    let expected = run(&OracleEngine::new(), job()).unwrap();
    for (keep_tables, kept_values) in [(true, 0), (true, usize::MAX), (false, 0), (false, 1 << 12)] {
        let limits = Limits { jobs: 2, points: usize::MAX, keep_tables, kept_values };
        let engine = CpuEngine::with_limits(3, Instructions::best(), limits);
        let tickets: Vec<_> = (0..6).map(|_| engine.submit(job()).unwrap()).collect();
        for ticket in tickets {
            let output = engine.wait(ticket).unwrap();
            assert!(output.value == expected, "{limits:?}");
            assert_eq!(output.report.kind, JobKind::Quotient { log_n: 12 });
        }
    }
}

#[test]
fn a_cancelled_one_leaves_nothing_wrong_behind() {
    let engine = CpuEngine::with_threads(2);
    let [a, b] = random(15);
    let job = || Job::Quotient { a: a.clone(), b: b.clone() };
    let took = |_| {
        let began = Instant::now();
        run(&engine, job()).unwrap();
        began.elapsed()
    };
    let whole = (0..5).map(took).min().expect("five");
    // At many times within a job, so in every pass.
    let ended = (0..60u32).filter(|i| {
        let ticket = engine.submit(job()).unwrap();
        match engine.try_wait(ticket, whole * *i / 60).unwrap() {
            Ok(_) => true,
            Err(ticket) => {
                engine.cancel(ticket).unwrap();
                // Each uses what the one before left.
                assert!(*i % 6 > 0 || is_right(&engine, &a, &b), "after one that was cancelled, {i}");
                false
            }
        }
    });
    let ended = ended.count();
    assert!(ended < 50, "{ended} of 60 ended before they were cancelled");
    check(&engine, &b, &a, "after cancelled ones");
}

fn is_right(engine: &CpuEngine, a: &[Fr], b: &[Fr]) -> bool {
    let job = || Job::Quotient { a: a.to_vec(), b: b.to_vec() };
    run(engine, job()).unwrap() == run(&OracleEngine::new(), job()).unwrap()
}

#[test]
fn lengths_that_make_no_domain_are_refused() {
    let engine = CpuEngine::with_threads(1);
    for (a, b) in [(0, 0), (3, 3), (4, 8), (8, 4), (1023, 1023)] {
        let job = Job::Quotient { a: vec![Fr::one(); a], b: vec![Fr::one(); b] };
        assert!(matches!(run(&engine, job), Err(EngineError::BadJob { .. })), "{a} and {b}");
    }
}
