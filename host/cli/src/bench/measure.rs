//! What is timed: MSMs and transforms of several sizes, engines in turn, so that a machine that slows down slows all of them.

use std::sync::Arc;

use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::PrimeField;
use millrace_bn254::{Fr, FrCanonical, G1Mont, G1Projective};
use millrace_job::{Engine, EngineError, Group, Job, JobKind, NttDirection, Resident, ScalarSlice};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::Serialize;

/// The kind of a [`Sample`] that says how long each of several proofs took, `size` of them in flight.
pub(super) const THROUGHPUT: &str = "throughput";

/// One timed run.
#[derive(Clone, Serialize)]
pub(crate) struct Sample {
    /// `msm_g1`, `ntt`, `proof`, [`THROUGHPUT`].
    pub(crate) kind: &'static str,
    /// Points or values; with [`THROUGHPUT`], proofs in flight.
    pub(crate) size: usize,
    /// The engine.
    pub(crate) engine: String,
    /// Which run, from 0.
    pub(crate) run: usize,
    /// Wall time.
    pub(crate) seconds: f64,
    /// Simulated or device cycles.
    pub(crate) cycles: Option<u64>,
    /// Additions or butterflies issued by the device.
    pub(crate) issued: Option<u64>,
}

/// Input of one size, the same for all engines.
struct Input {
    bases: Vec<G1Mont>,
    scalars: ScalarSlice,
    values: Vec<Fr>,
}

fn input(log_n: u32) -> Input {
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(log_n));
    let mut scalar = || Fr::from_le_bytes_mod_order(&rng.random::<[u8; 32]>());
    let n = 1usize << log_n;
    let values: Vec<Fr> = (0..n).map(|_| scalar()).collect();
    let step = G1Projective::generator() * scalar();
    let points: Vec<G1Projective> =
        std::iter::successors(Some(step + step), |p| Some(*p + step)).take(n).collect();
    let bases = G1Projective::normalize_batch(&points).iter().map(G1Mont::from).collect();
    Input { bases, scalars: values.iter().map(|v| FrCanonical::from(*v)).collect(), values }
}

fn timed(
    engine: &dyn Engine,
    kind: &'static str,
    size: usize,
    run: usize,
    job: Job,
) -> Result<Sample, EngineError> {
    let started = std::time::Instant::now();
    let output = engine.wait(engine.submit(job)?)?;
    let cycles = output.report.cycles;
    Ok(Sample {
        kind,
        size,
        engine: engine.name().to_owned(),
        run,
        seconds: started.elapsed().as_secs_f64(),
        cycles: cycles.map(|c| c.total),
        issued: cycles.map(|c| c.issued),
    })
}

/// Times every size on every engine, `runs` times, after one run that is not counted. `told` hears of each sample.
pub(crate) fn kernels(
    engines: &[Arc<dyn Engine>],
    log_sizes: &[u32],
    runs: usize,
    told: &dyn Fn(&Sample),
) -> Result<Vec<Sample>, EngineError> {
    let mut samples = Vec::new();
    for &log_n in log_sizes {
        let input = input(log_n);
        let n = input.values.len();
        let mut buffers = Vec::new();
        for engine in engines {
            buffers.push(engine.load(Resident::G1(input.bases.clone().into()))?);
        }
        for run in 0..=runs {
            for (engine, bases) in engines.iter().zip(&buffers) {
                let msm =
                    Job::Msm { group: Group::G1, bases: *bases, range: 0..n, scalars: input.scalars.clone() };
                let ntt =
                    Job::Ntt { direction: NttDirection::Forward, coset: true, values: input.values.clone() };
                for (kind, job) in [("msm_g1", msm), ("ntt", ntt)] {
                    let shape: JobKind = job.kind();
                    if !engine.supports(&shape) {
                        continue;
                    }
                    let sample = timed(engine.as_ref(), kind, n, run.saturating_sub(1), job)?;
                    if run > 0 {
                        told(&sample);
                        samples.push(sample);
                    }
                }
            }
        }
        for (engine, bases) in engines.iter().zip(buffers) {
            engine.unload(bases);
        }
    }
    Ok(samples)
}
