//! What the endomorphism gains, and how good the choice of windows is: sums of every size with every width that may be the best, with whole scalars and with scalars
//! cut into halves, and what the engine chooses by itself ("bits" 0).
//!
//! Beside them what stored multiples of the bases would gain at most: the engine is given 2 or 4 times the points with scalars of a half or a quarter of the length ("stored").
//!
//! One thread, processor time, in turns, the least of several; a JSON line each.

use std::{env, time::Duration};

use millrace_bn254::{FrCanonical, G1Affine, G1Mont, G2Affine, G2Mont, backend::Instructions};
use millrace_harness::{Scalars, encoded, points, run, timed};
use millrace_job::{Engine, Group, Job, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;

/// The most multiples of a base that would be stored.
const STORED: usize = 4;

/// Random scalars' low bits.
fn short(scalars: &[FrCanonical], bits: usize) -> ScalarSlice {
    let cut = |scalar: &FrCanonical| {
        let mut bytes = scalar.0;
        bytes[bits / 8..].fill(0);
        FrCanonical(bytes)
    };
    scalars.iter().map(cut).collect::<Vec<_>>().into()
}

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (turns, at_least, log_most) =
        if once { (1, Duration::ZERO, 9) } else { (3, Duration::from_millis(15), 18) };
    let instructions = Instructions::from_env().expect("instructions of this processor");
    let n = STORED << log_most;
    let random = encoded(&Scalars::Random.make(n));
    let scalars = [1, 2, 4].map(|parts| (parts, short(&random, 256 / parts)));
    let g1: Vec<G1Mont> = points::<G1Affine>(n).iter().map(Into::into).collect();
    let g2: Vec<G2Mont> = points::<G2Affine>(n).iter().map(Into::into).collect();
    for (group, bases) in [(Group::G1, Resident::G1(g1.into())), (Group::G2, Resident::G2(g2.into()))] {
        for log_n in 8..=log_most {
            let widths = (log_n - 4).max(5)..=log_n.min(16);
            let widths = widths.flat_map(|bits| [(bits, false, 0), (bits, true, 0)]);
            let ways: Vec<_> = widths.chain([0, 1, 2].map(|stored| (0, false, stored))).collect();
            let engines: Vec<_> = ways
                .iter()
                .map(|(bits, halves, _)| {
                    let engine = CpuEngine::with_instructions(1, instructions);
                    let engine = match bits {
                        0 => engine,
                        _ => engine.with_window_bits(*bits).with_halves(*halves),
                    };
                    let bases = engine.load(bases.clone()).expect("bases of our own");
                    (engine, bases)
                })
                .collect();
            let mut least = vec![f64::MAX; ways.len()];
            for _ in 0..turns {
                for (((engine, bases), (.., stored)), least) in engines.iter().zip(&ways).zip(&mut least) {
                    let (parts, scalars) = &scalars[*stored];
                    let range = 0..parts << log_n;
                    let scalars = scalars.part(range.clone()).expect("of all");
                    let job = Job::Msm { group, bases: *bases, range, scalars };
                    let (_, took) = timed(at_least, || run(engine, job.clone()).expect("a good job"));
                    *least = least.min(took.cpu.as_secs_f64() * 1e3);
                }
            }
            for ((bits, halves, stored), ms) in ways.iter().zip(&least) {
                let stored = scalars[*stored].0;
                println!(
                    r#"{{"backend":"{}","group":"{group:?}","log_n":{log_n},"bits":{bits},"halves":{halves},"stored":{stored},"cpu_ms":{ms:.3}}}"#,
                    instructions.name(),
                );
            }
        }
    }
}
