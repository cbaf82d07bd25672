//! From a key and a witness to a checked proof.
//!
//! In: a [`ProvingKey`](millrace_groth16::ProvingKey), a [`Witness`](millrace_groth16::Witness) and engines. Out: a proof that
//! passed the pairing check, the public signals, and a report of every job. This crate names no engine and computes no long
//! sum and no transform itself; it plans them, does the pointwise work between transforms where no engine makes the quotient as one
//! job, and puts the results together.
//!
//! A proof is a function of key, witness and the two blinding scalars, whichever engines made it. When the check fails,
//! the jobs are done again by a trusted engine and compared ([`Blame`]): no wrong proof is given out, and the engine that was
//! wrong gets no more work.

#![forbid(unsafe_code)]

mod assemble;
mod blame;
mod blinding;
mod error;
mod load;
mod memory;
mod pages;
mod placement;
mod plan;
mod prove;
mod quotient;
mod report;
mod seats;

pub use blame::{Blame, BucketFn, FaultPlace};
pub use blinding::{Blinding, Randomness};
pub use error::{LoadError, ProveError};
pub use load::LoadedKey;
pub use memory::{CircuitSize, WorkingMemory, proof_bytes};
pub use placement::{Placement, Share};
pub use prove::{Proved, Prover, ProverOptions};
pub use report::{JobLine, ProofReport};
