//! The state again, from the words of accepted batches alone: what anybody can do who has L1's logs.
//!
//! Signatures and nonces are not public. A proof that L1 accepted answers for the former; a nonce grows by one with each signed op.

use millrace_bn254::Fr;
use thiserror::Error;

use crate::{
    batch::{Batch, BatchError, HEAD_WORDS, Header, HeaderTooWide, OP_WORDS},
    op::{Op, OpWordsError},
    state::{Signatures, State},
    types::Domain,
};

/// Why words are not those of the batch that came next.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// No batch has so many words.
    #[error("{got} words are no batch: expected four and two for each op")]
    Length {
        /// Words given.
        got: usize,
    },
    /// Of another chain, contract or version.
    #[error("the batch is for the domain {got}, expected {expected}")]
    Domain {
        /// The rollup's.
        expected: Fr,
        /// The batch's.
        got: Fr,
    },
    /// A batch is missing, repeated, or out of order.
    #[error("the batch follows the root {got}, the state has {expected}")]
    OldRoot {
        /// The state's.
        expected: Fr,
        /// The batch's.
        got: Fr,
    },
    /// The header is none.
    #[error(transparent)]
    Header(#[from] HeaderTooWide),
    /// Words of an op are no op.
    #[error("op {index}: {error}")]
    Op {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        error: OpWordsError,
    },
    /// A rule is broken: no proof of this batch can exist.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The batch leads elsewhere than it says: no proof of this batch can exist.
    #[error("the batch says that it leads to the root {claimed}, it leads to {reached}")]
    NewRoot {
        /// By the batch.
        claimed: Fr,
        /// By the rules.
        reached: Fr,
    },
}

impl State {
    /// Applies the words of an accepted batch. Where they do not fit nothing has changed.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn replay(&mut self, domain: &Domain, words: &[Fr]) -> Result<Header, ReplayError> {
        let got = words.len();
        let (&[named, old_root, claimed, header], ops) =
            words.split_first_chunk::<HEAD_WORDS>().ok_or(ReplayError::Length { got })?;
        let (ops, rest) = ops.as_chunks::<OP_WORDS>();
        if ops.is_empty() || !rest.is_empty() {
            return Err(ReplayError::Length { got });
        }
        if named != domain.word() {
            return Err(ReplayError::Domain { expected: domain.word(), got: named });
        }
        if old_root != self.root() {
            return Err(ReplayError::OldRoot { expected: self.root(), got: old_root });
        }
        let header = Header::from_word(header)?;
        let read = |(index, words): (usize, &[Fr; OP_WORDS])| {
            Op::from_words(*words).map(Into::into).map_err(|error| ReplayError::Op { index, error })
        };
        let ops = ops.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let run = self.run_batch(*domain, &Batch { header, ops }, Signatures::Proven)?;
        run.finish_if(|reached| {
            if reached == claimed { Ok(()) } else { Err(ReplayError::NewRoot { claimed, reached }) }
        })?;
        Ok(header)
    }
}
