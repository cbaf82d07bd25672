//! Why a log does not fit into the books.

use alloy_primitives::U256;
use millrace_state::packed::PackedError;
use millrace_state::replay::ReplayError;
use thiserror::Error;

/// Why a log is none of the rollup's, or cannot come next: logs are missing, made up, or of another contract.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BooksError {
    /// No event of the contract.
    #[error("it is no event of the rollup's contract")]
    Unknown,
    /// A word does not fit what it stands for.
    #[error("{0} is out of range")]
    Word(&'static str),
    /// What the log says cannot follow from what came before.
    #[error("it is {0}")]
    Follows(&'static str),
    /// A queue entry is missing or repeated.
    #[error("it queues entry {got}, expected entry {expected}")]
    QueueIndex {
        /// The next one.
        expected: u64,
        /// The log's.
        got: U256,
    },
    /// A batch is missing or repeated.
    #[error("it accepts batch {got}, expected batch {expected}")]
    BatchNumber {
        /// The next one.
        expected: u64,
        /// The log's.
        got: U256,
    },
    /// The batch's ops are none.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// The batch breaks a rule: no proof of it can exist.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}
