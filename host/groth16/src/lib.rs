//! Keys, witnesses and proofs: snarkjs files in, snarkjs files out.
//!
//! In: the bytes of a `.zkey` (or the form of one that [`import_key`] writes), `.wtns` or `.r1cs` file (Groth16 over BN254), or snarkjs' JSON. Out: [`ProvingKey`],
//! [`Witness`], [`R1cs`], [`Proof`], [`VerifyingKey`], all checked here and nowhere else: sizes agree, values are in range,
//! points lie on their curves. Every check that fails is a typed error with what was expected and what came; no input panics.
//!
//! A key is mapped, never read whole. This crate knows no jobs and no engines: it shows the parts of a key as byte ranges
//! of a shared mapping.

#![deny(unsafe_code)]

mod calldata;
mod container;
mod contributions;
mod import;
mod json;
mod mapped;
mod points;
mod proof;
mod r1cs;
mod setup;
mod subgroup;
mod verify;
mod write;
mod wtns;
mod zkey;

pub use calldata::solidity_calldata;
pub use container::ContainerError;
pub use contributions::{Contribution, ContributionKind};
pub use import::{FileFacts, ImportError, ImportFailure, ImportOrigin, import_key};
pub use json::{
    JsonError, proof_from_json, proof_to_json, public_from_json, public_to_json, verifying_key_from_json,
    verifying_key_to_json,
};
pub use mapped::SharedBytes;
pub use points::{Curve, PointError, PointFault};
pub use proof::Proof;
pub use r1cs::{R1cs, R1csError, Unsatisfied};
pub use setup::{MAX_DEV_POWER, PtauError, SetupError, dev_ptau, dev_setup, dev_verifying_key, is_dev_alpha};
pub use verify::{PreparedKey, VerifyError, VerifyingKey, verify};
pub use write::{R1csSizes, Terms, write_r1cs};
pub use wtns::{Witness, WitnessError};
pub use zkey::{KeyError, KeyHeader, KeyPart, ProvingKey, TrivialDelta};
