//! What windows by classes of length gain: sums over scalars of which some are short, with one set of windows for all of them, as the engine plans them, and with windows of their own for
//! each class.
//!
//! One thread, processor time, in turns, the least of several; a JSON line each: `short` is the length of most scalars in bits, of which one of `one_of` is of full width instead, or a
//! name; ratios are to one set of windows.

use std::{env, time::Duration};

use ark_ff::PrimeField;
use ark_std::rand::Rng;
use millrace_bn254::{Fr, G1Affine, G1Mont, G2Affine, G2Mont, backend::Instructions};
use millrace_harness::{Scalars, encoded, points, rng, run, timed};
use millrace_job::{Engine, Group, Job, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;

/// Full width, and zeros and ones with a tenth of full width.
const NAMED: [(&str, Scalars); 2] = [("random", Scalars::Random), ("witness", Scalars::Witness)];
/// Bytes, indices, amounts, and what is cut out of hashes.
const SHORT: [usize; 5] = [8, 16, 32, 64, 128];
const ONE_OF: [usize; 4] = [2, 8, 64, usize::MAX];

/// Scalars below 2^short but for one of so many.
fn mixture(n: usize, short: usize, one_of: usize) -> Vec<Fr> {
    let mut rng = rng();
    let of_word = |i: usize| if i % one_of == one_of - 1 { 32 } else { short / 8 };
    let next = |i| {
        let bytes: [u8; 32] = rng.r#gen();
        Fr::from_le_bytes_mod_order(&bytes[..of_word(i)])
    };
    (0..n).map(next).collect()
}

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (turns, at_least, sizes) = match once {
        true => (1, Duration::ZERO, &[8][..]),
        false => (3, Duration::from_millis(15), &[8, 10, 12, 14, 16, 18][..]),
    };
    let instructions = Instructions::from_env().expect("instructions of this processor");
    let n = 1 << sizes.last().expect("a size");
    let g1: Vec<G1Mont> = points::<G1Affine>(n).iter().map(Into::into).collect();
    let g2: Vec<G2Mont> = points::<G2Affine>(n.min(1 << 16)).iter().map(Into::into).collect();
    let mut cases: Vec<(String, String, Vec<Fr>)> =
        NAMED.iter().map(|(name, of)| (format!("\"{name}\""), "null".into(), of.make(n))).collect();
    for short in SHORT {
        for one_of in ONE_OF {
            let share = if one_of == usize::MAX { "null".into() } else { one_of.to_string() };
            cases.push((short.to_string(), share, mixture(n, short, one_of)));
        }
    }
    for (group, bases, most) in
        [(Group::G1, Resident::G1(g1.into()), n), (Group::G2, Resident::G2(g2.into()), n.min(1 << 16))]
    {
        let engines = [Some(false), None, Some(true)].map(|classes| {
            let engine = CpuEngine::with_instructions(1, instructions);
            let engine = if let Some(classes) = classes { engine.with_classes(classes) } else { engine };
            let bases = engine.load(bases.clone()).expect("bases of our own");
            (engine, bases)
        });
        for log_n in sizes.iter().filter(|log_n| 1 << **log_n <= most) {
            for (short, one_of, scalars) in &cases {
                let scalars: ScalarSlice = encoded(&scalars[..1 << log_n]).into();
                let mut least = [f64::MAX; 3];
                for _ in 0..turns {
                    for ((engine, bases), least) in engines.iter().zip(&mut least) {
                        let job = Job::Msm {
                            group,
                            bases: *bases,
                            range: 0..scalars.len(),
                            scalars: scalars.clone(),
                        };
                        let (_, took) = timed(at_least, || run(engine, job.clone()).expect("a good job"));
                        *least = least.min(took.cpu.as_secs_f64() * 1e3);
                    }
                }
                let [one, planned, all] = least;
                println!(
                    r#"{{"backend":"{}","group":"{group:?}","log_n":{log_n},"short":{short},"one_of":{one_of},"one_ms":{one:.3},"planned_ms":{planned:.3},"all_ms":{all:.3},"planned_over_one":{:.3},"all_over_one":{:.3}}}"#,
                    instructions.name(),
                    planned / one,
                    all / one,
                );
            }
        }
    }
}
