//! What shorter scalars of more points would gain: n points with whole scalars beside 2n with halves of them, and over G2 4n with quarters.
//!
//! That is what an endomorphism (GLV over G1, ψ over G2) leaves to be summed when its images of the points lie stored. Where they are made as they are needed, half of
//! the points take a product more in each window, which is no part of this: the gain printed is the most there is to have. One thread, processor time, the least of several turns; a JSON line
//! each.

use std::{env, time::Duration};

use millrace_bn254::{G1Affine, G1Mont, G2Affine, G2Mont, backend::Instructions};
use millrace_harness::{Scalars, encoded, points, run, timed};
use millrace_job::{Engine, Group, Job, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;

/// Bits of a scalar, and of what an endomorphism cuts it into.
const WHOLE_BITS: u32 = 254;

/// The low bits of random scalars.
fn scalars(n: usize, bits: u32) -> ScalarSlice {
    let mut scalars = encoded(&Scalars::Random.make(n));
    for scalar in &mut scalars {
        for (at, byte) in scalar.0.iter_mut().enumerate() {
            let kept = bits.saturating_sub(8 * at as u32).min(8);
            *byte &= ((1u16 << kept) - 1) as u8;
        }
    }
    scalars.into()
}

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (turns, at_least, log_most) =
        if once { (1, Duration::ZERO, 10) } else { (5, Duration::from_millis(50), 16) };
    let instructions = Instructions::from_env().expect("instructions of this processor");
    let engine = CpuEngine::with_instructions(1, instructions);
    let g1: Vec<G1Mont> = points::<G1Affine>(2 << log_most).iter().map(Into::into).collect();
    let g2: Vec<G2Mont> = points::<G2Affine>(4 << (log_most - 2)).iter().map(Into::into).collect();
    for (group, bases, log_most, parts) in [
        (Group::G1, Resident::G1(g1.into()), log_most, &[1, 2][..]),
        (Group::G2, Resident::G2(g2.into()), log_most - 2, &[1, 2, 4]),
    ] {
        let bases = engine.load(bases).expect("bases of our own");
        for log_n in (8..=log_most).step_by(2) {
            let jobs: Vec<Job> = parts
                .iter()
                .map(|parts| {
                    let n = *parts << log_n;
                    // A half is as long as the scalar's half, rounded up, and as likely negative.
                    let bits = if *parts == 1 { WHOLE_BITS } else { WHOLE_BITS.div_ceil(*parts as u32) };
                    Job::Msm { group, bases, range: 0..n, scalars: scalars(n, bits) }
                })
                .collect();
            let mut least = vec![f64::MAX; jobs.len()];
            for _ in 0..turns {
                for (job, least) in jobs.iter().zip(&mut least) {
                    let (_, took) = timed(at_least, || run(&engine, job.clone()).expect("a good job"));
                    *least = least.min(took.cpu.as_secs_f64() * 1e3);
                }
            }
            for (parts, ms) in parts.iter().zip(&least) {
                println!(
                    r#"{{"group":"{group:?}","log_n":{log_n},"parts":{parts},"cpu_ms":{ms:.3},"gain":{:.3}}}"#,
                    least[0] / ms
                );
            }
        }
    }
}
