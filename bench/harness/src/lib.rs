//! Inputs that benchmarks share, made from a fixed seed.
//!
//! The benchmarks themselves are in `benches/`, the cases they run in `bench/definitions/`: `cargo bench -p
//! millrace-harness`, or with `-- --test` to run each once. Every one has arkworks beside it as a competitor.

#![forbid(unsafe_code)]

mod clock;
mod competitor;
mod definition;
mod disassembly;
mod setting;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, UniformRand, Zero};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use millrace_bn254::{Fr, FrCanonical};
use millrace_job::{Engine, EngineError, Job, JobOutput};
use serde::Deserialize;

pub use clock::{Took, processor_time, timed};
pub use competitor::Competitor;
pub use definition::{Case, Input};
pub use disassembly::instructions_from;
pub use setting::Setting;

/// The generator that all inputs come from.
pub fn rng() -> impl Rng {
    StdRng::seed_from_u64(2)
}

/// `n` different points: P + Q, P + 2Q, ….
pub fn points<A: AffineRepr>(n: usize) -> Vec<A> {
    let mut rng = rng();
    let (mut point, step) = (A::Group::rand(&mut rng), A::Group::rand(&mut rng));
    let next = || {
        point += step;
        point
    };
    let all: Vec<A::Group> = std::iter::repeat_with(next).take(n).collect();
    A::Group::normalize_batch(&all)
}

/// How scalars are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Scalars {
    /// Uniform below r.
    Random,
    /// One random value, `n` times.
    AllEqual,
    /// A witness: 45 % zeros, 45 % ones, the rest uniform.
    Witness,
}

impl Scalars {
    /// `n` scalars.
    pub fn make(self, n: usize) -> Vec<Fr> {
        let mut rng = rng();
        let one = Fr::rand(&mut rng);
        let mut next = || match self {
            Self::Random => Fr::rand(&mut rng),
            Self::AllEqual => one,
            Self::Witness => match rng.gen_range(0..20) {
                0..=8 => Fr::zero(),
                9..=17 => Fr::one(),
                _ => Fr::rand(&mut rng),
            },
        };
        (0..n).map(|_| next()).collect()
    }
}

/// The encoding that jobs carry.
pub fn encoded(scalars: &[Fr]) -> Vec<FrCanonical> {
    scalars.iter().map(|k| (*k).into()).collect()
}

/// Submits a job and waits for it.
///
/// # Errors
/// As the engine's.
pub fn run(engine: &dyn Engine, job: Job) -> Result<JobOutput, EngineError> {
    engine.submit(job).and_then(|ticket| engine.wait(ticket))
}
