//! What a window of each width costs: the table that sums choose their width by (`host/kernels/src/msm/costs.rs`).
//!
//! A sum of n points is timed twice for each width c, with few points and many beside its 2^(c−1) buckets, on one thread, with whole scalars and with halves; from
//! processor time over the number of windows (with halves: of windows of both) follow nanoseconds a point, and what a window takes beside its points. Prints a JSON
//! line for each width; the least of several turns counts.

use std::{env, time::Duration};

use millrace_bn254::{G1Affine, G1Mont, G2Affine, G2Mont, backend::Instructions, endomorphism::HALF_BITS};
use millrace_harness::{Scalars, encoded, points, run, timed};
use millrace_job::{Engine, Group, Job, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;

/// Bits of a random scalar on the nearer side of zero, and one for the sign.
const SCALAR_BITS: u32 = 254;
const LOG_MOST: u32 = 19;

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (rounds, at_least, log_most) =
        if once { (1, Duration::ZERO, 10) } else { (3, Duration::from_millis(30), LOG_MOST) };
    let instructions = Instructions::from_env().expect("instructions of this processor");
    let n = 1 << log_most;
    let scalars: ScalarSlice = encoded(&Scalars::Random.make(n)).into();
    let g1: Vec<G1Mont> = points::<G1Affine>(n).iter().map(Into::into).collect();
    let g2: Vec<G2Mont> = points::<G2Affine>(n).iter().map(Into::into).collect();
    for (group, bases) in [(Group::G1, Resident::G1(g1.into())), (Group::G2, Resident::G2(g2.into()))] {
        for (bits, halves) in (4..=16u32).flat_map(|bits| [(bits, false), (bits, true)]) {
            let engine =
                CpuEngine::with_instructions(1, instructions).with_window_bits(bits).with_halves(halves);
            let bases = engine.load(bases.clone()).expect("bases of our own");
            let length = if halves { HALF_BITS + 1 } else { SCALAR_BITS };
            let windows = f64::from(length.div_ceil(bits));
            let window_ns = |log_n: u32| {
                let n = 1usize << log_n;
                let job =
                    Job::Msm { group, bases, range: 0..n, scalars: scalars.part(0..n).expect("of all") };
                let least = (0..rounds)
                    .map(|_| timed(at_least, || run(&engine, job.clone()).expect("a good job")).1.cpu)
                    .min()
                    .unwrap_or_default();
                least.as_secs_f64() * 1e9 / windows
            };
            let (few, many) = (bits.clamp(5, log_most - 1), (bits + 4).clamp(8, log_most));
            let (low, high) = (window_ns(few), window_ns(many));
            let point = (high - low) / f64::from((1u32 << many) - (1 << few));
            let rest = low - point * f64::from(1u32 << few);
            println!(
                r#"{{"backend":"{}","group":"{group:?}","bits":{bits},"halves":{halves},"points":[{},{}],"point_ns":{point:.1},"rest_ns":{rest:.0}}}"#,
                instructions.name(),
                1 << few,
                1 << many
            );
        }
    }
}
