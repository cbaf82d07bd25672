//! How quick bases go to the device, beside memcpy.

use std::{sync::Arc, time::Instant};

use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use millrace_bn254::{G1Affine, G1Mont, G1Projective};
use millrace_driver::DeviceEngine;
use millrace_job::{Engine, Lent, Resident};
use millrace_pcie::PAGE_BYTES;

use crate::{
    exit::{Code, Failure, OrFail},
    figures::{clock::thread_seconds, cpu::median},
};

const UPLOAD_POINTS: usize = 1 << 20;

/// Rate of loading bases over that of copying the same bytes.
pub(super) struct Upload {
    /// By the clock. The model's DMA is a copy and a digest, by a thread on the same machine; that memory is pinned and mapped costs nothing there.
    pub(super) wall: f64,
    /// By the CPU time of the thread that loads: looking at them, digesting, staging in memory that stays in the cache, descriptors, completions.
    /// Beside this a card's DMA moves them.
    pub(super) host: f64,
    /// Of the copies, in GB/s, by the CPU time of the thread.
    pub(super) memcpy: f64,
    /// Of all loads together.
    pub(super) sent_bytes: usize,
}

/// Against copying to memory that is there already, as device memory is; the medians of runs in turn. More bytes than caches hold, as a key has.
pub(super) fn upload(engine: &DeviceEngine) -> Result<Upload, Failure> {
    const RUNS: usize = 15;
    let points = aligned_points()?;
    let bytes = vec![7u8; UPLOAD_POINTS * size_of::<G1Mont>()];
    let mut target = vec![1u8; bytes.len()];
    // Of each: seconds by the clock, and of this thread.
    let (mut loads, mut copies) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for run in 0..=RUNS {
        let begin = (Instant::now(), thread_seconds());
        target.copy_from_slice(std::hint::black_box(&bytes));
        std::hint::black_box(&target);
        let copied = (begin.0.elapsed().as_secs_f64(), thread_seconds() - begin.1);
        let begin = (Instant::now(), thread_seconds());
        let id = engine.load(Resident::G1(points.clone())).or_fail(Code::DeviceFailed)?;
        let loaded = (begin.0.elapsed().as_secs_f64(), thread_seconds() - begin.1);
        engine.unload(id);
        // The first run makes staging and device memory.
        if run > 0 {
            for (samples, (wall, host)) in [(&mut loads, loaded), (&mut copies, copied)] {
                samples[0].push(wall);
                samples[1].push(host);
            }
        }
    }
    let ([load_wall, load_host], [copy_wall, copy_host]) = (loads.map(median), copies.map(median));
    let (wall, host) = (copy_wall / load_wall, copy_host / load_host);
    let memcpy = bytes.len() as f64 / copy_host / 1e9;
    Ok(Upload { host, wall, memcpy, sent_bytes: (RUNS + 1) * bytes.len() })
}

/// Bases as an imported key has them: each array begins at a page. Multiples of the generator, as many different ones as a chunk holds.
fn aligned_points() -> Result<Lent<G1Mont>, Failure> {
    let mut sums = vec![G1Projective::generator()];
    sums.resize_with(1 << 13, G1Projective::default);
    for i in 1..sums.len() {
        sums[i] = sums[i - 1] + G1Affine::generator();
    }
    let chunk: Vec<u8> =
        G1Projective::normalize_batch(&sums).iter().flat_map(|p| G1Mont::from(p).0).collect();
    let len = UPLOAD_POINTS * size_of::<G1Mont>();
    let mut bytes = vec![0u8; len + PAGE_BYTES];
    let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
    bytes[start..start + len].chunks_exact_mut(chunk.len()).for_each(|to| to.copy_from_slice(&chunk));
    Lent::new(Arc::new(bytes), start..start + len)
        .ok_or_else(|| Failure::new(Code::DeviceFailed, "bases do not lie where they were put"))
}
