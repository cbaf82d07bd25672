//! Plain arkworks versions of every job, and of a whole proof: slow, obvious, the judge of everything else.
//!
//! In: jobs, or the bytes of a `.zkey` and a `.wtns`. Out: the right answer. This crate shares no code with what it
//! judges: it takes the *types* of `millrace-job`, decodes their bytes itself, reads key files with a reader of its
//! own, and computes with nothing but `ark-*`. It is kept simple for ever; speed is somebody else's work.

#![forbid(unsafe_code)]

mod decode;
mod engine;
mod error;
mod prove;
mod sparse;
mod sums;
mod transform;
mod zkey;

pub use engine::OracleEngine;
pub use error::ReadError;
pub use prove::{OracleProof, prove, verifies};
pub use sparse::rows;
pub use sums::{buckets, msm_g1, msm_g2, signed_digits};
pub use transform::{ntt, quotient, root_of_unity};
pub use zkey::{Witness, Zkey};
