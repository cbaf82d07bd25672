//! The quotient as one job beside six transforms and three loops, which is what an engine without that job gets: in turns, on one thread and on all.
//!
//! Prints a JSON line per size, backend and number of threads: the least processor and wall time of both over some rounds, and the median of the rounds'
//! ratios of processor time, which other processes move least.

use std::{env, thread, time::Duration};

use millrace_bn254::{Fr, FrCanonical, backend::Instructions};
use millrace_harness::{Scalars, Took, run, timed};
use millrace_job::{Engine, Job, JobValue, NttDirection, ScalarSlice};
use millrace_kernels::CpuEngine;
use rayon::prelude::*;

/// Values that one task takes at least.
const GRAIN: usize = 1 << 10;

fn scalars(engine: &dyn Engine, job: Job) -> ScalarSlice {
    match run(engine, job).expect("a good job").value {
        JobValue::Scalars(scalars) => scalars,
        other => panic!("scalars come back, not {other:?}"),
    }
}

fn transform(engine: &dyn Engine, direction: NttDirection, coset: bool, values: Vec<Fr>) -> Vec<Fr> {
    match run(engine, Job::Ntt { direction, coset, values }).expect("a good job").value {
        JobValue::Values(values) => values,
        other => panic!("values come back, not {other:?}"),
    }
}

/// With the loops on rayon's own pool, as the prover does them.
fn six(engine: &dyn Engine, a: Vec<Fr>, b: Vec<Fr>) -> ScalarSlice {
    let c: Vec<Fr> = a.par_iter().zip(&b).with_min_len(GRAIN).map(|(a, b)| *a * b).collect();
    let [mut a, b, c] = [a, b, c].map(|values| {
        let coefficients = transform(engine, NttDirection::Inverse, false, values);
        transform(engine, NttDirection::Forward, true, coefficients)
    });
    a.par_iter_mut().zip(&b).with_min_len(GRAIN).for_each(|(a, b)| *a *= b);
    a.par_iter_mut().zip(&c).with_min_len(GRAIN).for_each(|(ab, c)| *ab -= c);
    let scalars: Vec<FrCanonical> = a.par_iter().with_min_len(GRAIN).map(|x| (*x).into()).collect();
    scalars.into()
}

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let sizes = if once { vec![10] } else { vec![14, 16, 18, 20] };
    let (rounds, at_least) = if once { (1, Duration::ZERO) } else { (9, Duration::from_millis(150)) };
    let all = thread::available_parallelism().map_or(1, Into::into);
    let mut threads = vec![1, all];
    threads.dedup();
    for log_n in sizes {
        let (a, b) = (Scalars::Random.make(1 << log_n), Scalars::Random.make(1 << log_n));
        for instructions in Instructions::all() {
            for &threads in &threads {
                let engine = CpuEngine::with_instructions(threads, instructions);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let (mut ratios, mut least): (Vec<f64>, Option<[Took; 2]>) = (Vec::new(), None);
                for _ in 0..rounds {
                    let quotient = || Job::Quotient { a: a.clone(), b: b.clone() };
                    let (one, of_one) = timed(at_least, || scalars(&engine, quotient()));
                    let (others, of_six) =
                        timed(at_least, || pool.install(|| six(&engine, a.clone(), b.clone())));
                    assert!(one == others, "2^{log_n}: both are equal");
                    ratios.push(of_six.cpu.as_secs_f64() / of_one.cpu.as_secs_f64());
                    least = Some(match least {
                        None => [of_one, of_six],
                        Some([a, b]) => [a.min(of_one), b.min(of_six)],
                    });
                }
                ratios.sort_by(f64::total_cmp);
                let [of_one, of_six] = least.expect("a round");
                println!(
                    r#"{{"log_n":{log_n},"backend":"{}","threads":{threads},"one_job":{{{}}},"six_jobs":{{{}}},"ratio_median":{:.3}}}"#,
                    instructions.name(),
                    of_one.json(),
                    of_six.json(),
                    ratios[ratios.len() / 2],
                );
            }
        }
    }
}
