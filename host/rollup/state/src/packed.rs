//! The ops of a batch as they travel to L1 and stand in its logs (`IRollup.submit`, event `BatchAccepted`): a third shorter than their words.
//!
//! | bytes | what |
//! |---|---|
//! | 36 for each op | w0 (32), then the bytes 8 … 11 of w1: token (1) and to (3) |
//! | then for each op that has one, in order | 20 bytes of address for DEPOSIT, WITHDRAW, FULL_EXIT; the 32 bytes of w1 for SET_KEY, whose record ends with four zeros |
//!
//! Every list of ops has one packed form.

use ark_ff::{BigInteger, PrimeField};
use millrace_bn254::{Fr, FrCanonical};
use thiserror::Error;

use crate::{
    batch::{HEAD_WORDS, OP_WORDS},
    op::{Op, OpWordsError},
};

/// Bytes of an op before what follows the records.
pub const RECORD_BYTES: usize = 36;

/// Why bytes are no packed ops.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackedError {
    /// Too short or too long.
    #[error("the packed ops are {got_bytes} bytes long, expected {expected_bytes}")]
    Length {
        /// What records and codes ask for, as far as they are there.
        expected_bytes: usize,
        /// What there is.
        got_bytes: usize,
    },
    /// A word is not below r.
    #[error("op {index} has a word that is not below r")]
    Range {
        /// Which, from 0.
        index: usize,
    },
    /// A SET_KEY whose record does not end with zeros.
    #[error("op {index} sets a key, yet its record names a token or a receiver")]
    KeyRecord {
        /// Which, from 0.
        index: usize,
    },
    /// Two words that are no op.
    #[error("op {index}: {error}")]
    Op {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        error: OpWordsError,
    },
}

fn bytes_of(word: Fr) -> [u8; 32] {
    word.into_bigint().to_bytes_be().try_into().expect("32 bytes")
}

/// Packs ops.
pub fn pack(ops: &[Op]) -> Vec<u8> {
    let (mut records, mut tails) = (Vec::with_capacity(ops.len() * RECORD_BYTES), Vec::new());
    for op in ops {
        let [w0, w1] = op.words().map(bytes_of);
        records.extend(w0);
        match op {
            Op::SetKey { .. } => {
                records.extend([0; 4]);
                tails.extend(w1);
            }
            _ => records.extend(&w1[8..12]),
        }
        if matches!(op, Op::Deposit { .. } | Op::Withdraw { .. } | Op::FullExit { .. }) {
            tails.extend(&w1[12..]);
        }
    }
    records.extend(tails);
    records
}

/// Unpacks `size` ops.
///
/// # Errors
/// [`PackedError`].
pub fn unpack(size: usize, bytes: &[u8]) -> Result<Vec<Op>, PackedError> {
    let got_bytes = bytes.len();
    let too_short = PackedError::Length { expected_bytes: size.saturating_mul(RECORD_BYTES), got_bytes };
    let records_bytes = size.checked_mul(RECORD_BYTES).filter(|n| *n <= got_bytes).ok_or(too_short)?;
    let (records, mut tail) = bytes.split_at(records_bytes);
    let (records, _) = records.as_chunks::<RECORD_BYTES>();
    let mut used_bytes = records_bytes;
    let mut ops = Vec::with_capacity(size);
    for (index, record) in records.iter().enumerate() {
        let (w0, middle) = record.split_at(32);
        let mut w1 = [0; 32];
        w1[8..12].copy_from_slice(middle);
        let tail_bytes = match record[0] {
            5 if middle != [0; 4] => return Err(PackedError::KeyRecord { index }),
            5 => 32,
            1 | 3 | 4 => 20,
            _ => 0,
        };
        used_bytes += tail_bytes;
        let length = PackedError::Length { expected_bytes: used_bytes, got_bytes };
        let (own, rest) = tail.split_at_checked(tail_bytes).ok_or(length)?;
        w1[32 - tail_bytes..].copy_from_slice(own);
        tail = rest;
        let word = |bytes: &[u8]| {
            let mut little: [u8; 32] = bytes.try_into().expect("32 bytes");
            little.reverse();
            FrCanonical(little).to_fr().ok_or(PackedError::Range { index })
        };
        let op = Op::from_words([word(w0)?, word(&w1)?]);
        ops.push(op.map_err(|error| PackedError::Op { index, error })?);
    }
    if !tail.is_empty() {
        return Err(PackedError::Length { expected_bytes: used_bytes, got_bytes });
    }
    Ok(ops)
}

/// The words of a batch from its head words and packed ops: what [`crate::state::State::replay`] takes.
///
/// # Errors
/// [`PackedError`].
pub fn words(head: [Fr; HEAD_WORDS], size: usize, bytes: &[u8]) -> Result<Vec<Fr>, PackedError> {
    let ops = unpack(size, bytes)?;
    let mut words = Vec::with_capacity(HEAD_WORDS + OP_WORDS * size);
    words.extend(head);
    words.extend(ops.iter().flat_map(Op::words));
    Ok(words)
}
