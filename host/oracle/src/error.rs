//! Why a key or witness file could not be read.

use thiserror::Error;

/// What is wrong with a `.zkey` or `.wtns`.
#[non_exhaustive]
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// The file ends inside something.
    #[error("{what}: file ends early, {needed} bytes needed, {left} left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// A fixed field has another value.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// Which field.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What the file holds.
        got: String,
    },
    /// A section that must be there is not, or is there twice.
    #[error("section {id}: expected once, found {found} times")]
    Section {
        /// Section number.
        id: u32,
        /// How often it is there.
        found: usize,
    },
    /// A number is not below its modulus.
    #[error("{what} {index} is out of range")]
    OutOfRange {
        /// What kind of value.
        what: &'static str,
        /// Which.
        index: usize,
    },
}
