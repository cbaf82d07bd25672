//! Why there is no proof.

use millrace_groth16::{KeyError, R1csError, Unsatisfied, VerifyError};
use millrace_job::{EngineError, RunError, StepError};
use thiserror::Error;

use crate::Blame;

/// Why a key could not be loaded.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum LoadError {
    /// The key is damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A point that verification needs is none.
    #[error("the key is damaged: {0}")]
    Verifying(VerifyError),
    /// An engine could not take it.
    #[error("{engine} could not take {what}: {source}")]
    Engine {
        /// The engine.
        engine: String,
        /// Which part of the key.
        what: &'static str,
        /// Why.
        source: EngineError,
    },
    /// Somebody cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why a proof was not made. No variant leaves a wrong proof behind.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ProveError {
    /// The witness belongs to another circuit.
    #[error("the witness has {got} values, the key's circuit {expected} signals: it is of another circuit")]
    WitnessLength {
        /// Signals of the key's circuit.
        expected: usize,
        /// Values of the witness.
        got: usize,
    },
    /// The constraint system belongs to another circuit.
    #[error("the constraint system has {got} {what}, the key's circuit {expected}: it is of another circuit")]
    OtherConstraints {
        /// Wires or public signals.
        what: &'static str,
        /// As the key has it.
        expected: u32,
        /// As the constraint system has it.
        got: u32,
    },
    /// A job or a step failed, and nobody else was allowed to do it; or the caller gave up.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Results do not fit together.
    #[error("results do not fit together: {0}")]
    Step(#[from] StepError),
    /// The system's random generator failed.
    #[error("no randomness: {0}")]
    Randomness(String),
    /// An engine gave a wrong answer, and nobody else was allowed to finish.
    #[error("a device computed wrongly: {0}")]
    Device(Box<Blame>),
    /// The proof is wrong on the trusted engine too, and there is nothing to tell why.
    #[error("the witness does not satisfy the circuit, or the key is damaged; rerun with --r1cs")]
    UnsatisfiedOrDamaged,
    /// A constraint does not hold.
    #[error("the witness does not satisfy the circuit: {0}")]
    Unsatisfied(Unsatisfied),
    /// Every constraint holds, and yet the proof is wrong.
    #[error("the key is damaged: the witness satisfies every constraint, but the proof fails ({0})")]
    KeyDamaged(VerifyError),
    /// The key was changed since it was loaded, or a point of it lies outside the subgroup.
    #[error("the key is damaged: {0}")]
    BadKey(KeyError),
    /// The constraint system is unusable.
    #[error(transparent)]
    R1cs(#[from] R1csError),
}
