//! What cutting sums into tasks for several threads costs: sums of full width on one thread, with windows and tasks as for so many threads.
//!
//! One thread, processor time, in turns, the least of several; a JSON line each. `bits` is the width of all windows, or null for the plan's own; ratios are to what is planned for one thread.
//! Last a line each for what it takes to add up two sums in the making.

use std::{env, hint::black_box, time::Duration};

use millrace_bn254::{
    G1Affine, G1Mont, G2Affine, G2Mont,
    backend::Instructions,
    curve::Xyzz,
    points::{Curve, G1, G2},
};
use millrace_harness::{Scalars, encoded, points, run, timed};
use millrace_job::{Engine, Group, Job, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;

const THREADS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Windows of a width that small sums have, none of which is cut into parts below 2^13 points.
const BITS: [Option<u32>; 2] = [None, Some(8)];

/// Nanoseconds of an addition of two sums.
fn addition<C: Curve>(at_least: Duration, base: &C::Base) -> f64 {
    const MANY: u32 = 10_000;
    let base = C::base(base);
    let other = Xyzz::INFINITY.add_affine(&base).double_times(3).add_affine(&base);
    let ((), took) = timed(at_least, || {
        let mut sum = other.double_times(3).add_affine(&base);
        for _ in 0..MANY {
            sum = black_box(sum.add(black_box(&other)));
        }
    });
    took.cpu.as_secs_f64() * 1e9 / f64::from(MANY)
}

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (turns, at_least, sizes) = match once {
        true => (1, Duration::ZERO, &[8][..]),
        false => (3, Duration::from_millis(15), &[8, 9, 10, 11, 12, 13, 14, 16, 18][..]),
    };
    let instructions = Instructions::from_env().expect("instructions of this processor");
    let n = 1 << sizes.last().expect("a size");
    let g1: Vec<G1Mont> = points::<G1Affine>(n).iter().map(Into::into).collect();
    let g2: Vec<G2Mont> = points::<G2Affine>(n).iter().map(Into::into).collect();
    let additions = [addition::<G1>(at_least, &g1[0]), addition::<G2>(at_least, &g2[0])];
    let scalars = Scalars::Random.make(n);
    for (group, bases) in [(Group::G1, Resident::G1(g1.into())), (Group::G2, Resident::G2(g2.into()))] {
        for bits in BITS {
            let engines = THREADS.map(|threads| {
                let engine = CpuEngine::with_instructions(1, instructions).with_tasks_for(threads);
                let engine = match bits {
                    Some(bits) => engine.with_window_bits(bits).with_halves(false),
                    None => engine,
                };
                let bases = engine.load(bases.clone()).expect("bases of our own");
                (engine, bases)
            });
            for log_n in sizes.iter().filter(|log_n| bits.is_none() || **log_n < 13) {
                let scalars: ScalarSlice = encoded(&scalars[..1 << log_n]).into();
                let mut least = [f64::MAX; THREADS.len()];
                for _ in 0..turns {
                    for ((engine, bases), least) in engines.iter().zip(&mut least) {
                        let range = 0..scalars.len();
                        let job = Job::Msm { group, bases: *bases, range, scalars: scalars.clone() };
                        let (_, took) = timed(at_least, || run(engine, job.clone()).expect("a good job"));
                        *least = least.min(took.cpu.as_secs_f64() * 1e3);
                    }
                }
                for (threads, ms) in THREADS.iter().zip(least) {
                    println!(
                        r#"{{"backend":"{}","group":"{group:?}","log_n":{log_n},"bits":{},"threads":{threads},"cpu_ms":{ms:.3},"over_one":{:.3}}}"#,
                        instructions.name(),
                        bits.map_or("null".to_owned(), |bits| bits.to_string()),
                        ms / least[0],
                    );
                }
            }
        }
    }
    for (group, ns) in [Group::G1, Group::G2].into_iter().zip(additions) {
        println!(r#"{{"group":"{group:?}","addition_ns":{ns:.0}}}"#);
    }
}
