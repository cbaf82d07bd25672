//! Why a file is no usable key.

use std::{io, sync::Arc};

use thiserror::Error;

use crate::{ContainerError, ImportError, points::PointError};

/// Why a `.zkey` was refused.
#[non_exhaustive]
#[derive(Debug, Clone, Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("cannot read the key: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The frame or a section's size is wrong.
    #[error("not a whole .zkey: {0}")]
    Container(#[from] ContainerError),
    /// A key of another proof system.
    #[error("the key is for {got}, expected Groth16")]
    Protocol {
        /// The other system's name, or its number.
        got: String,
    },
    /// A key over another curve.
    #[error("the key is over another curve: its {what} modulus is {got}, expected {expected} (BN254)")]
    OtherCurve {
        /// Base or scalar field.
        what: &'static str,
        /// BN254's modulus, decimal.
        expected: String,
        /// The file's, decimal.
        got: String,
    },
    /// The domain is no power of two, or too long.
    #[error("domain size {got} is not a power of two between 2 and 2^27")]
    Domain {
        /// The header's domain size.
        got: u32,
    },
    /// The counts contradict each other.
    #[error(
        "{n_public} public signals and the constant do not fit into {n_vars} signals and a domain of {domain_size}"
    )]
    Counts {
        /// Signals, the constant included.
        n_vars: u32,
        /// Public signals.
        n_public: u32,
        /// Domain size.
        domain_size: u32,
    },
    /// An entry of A or B points outside.
    #[error("coefficient {index} (byte {offset}): {what} is {got}, expected below {below}")]
    Coefficient {
        /// Index of the entry.
        index: u64,
        /// Its offset in the file.
        offset: u64,
        /// Matrix, row, column or value.
        what: &'static str,
        /// The bound.
        below: String,
        /// What the entry says.
        got: String,
    },
    /// The imported form of a key cannot be used; its `.zkey` may be good.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A point is none.
    #[error(transparent)]
    Point(#[from] PointError),
    /// The list of contributions is broken.
    #[error("contribution {index} (byte {offset}): {what}")]
    Contribution {
        /// Which one, from 0.
        index: u32,
        /// Where it was found.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}
