//! Matrices by rows, as an imported key lends them (`docs/spec/imported-key.md`).

use bytemuck::{Pod, Zeroable};

use crate::Lent;

/// A number of a mapped file: four bytes, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct Word([u8; 4]);

impl From<u32> for Word {
    fn from(x: u32) -> Self {
        Self(x.to_le_bytes())
    }
}

impl From<Word> for u32 {
    fn from(x: Word) -> Self {
        u32::from_le_bytes(x.0)
    }
}

/// A non-zero entry of a row: 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Term {
    column: Word,
    value: Word,
}

impl Term {
    /// An entry in this column, with the value at this place of [`SparseRows::values`].
    pub fn new(column: u32, value: u32) -> Self {
        Self { column: column.into(), value: value.into() }
    }
    /// Signal index, below the number of signals.
    pub fn column(&self) -> u32 {
        self.column.into()
    }
    /// Place of the value.
    pub fn value(&self) -> u32 {
        self.value.into()
    }
}

/// A and B by rows: row i of A, and behind all of them row i of B. Where a number of it leads outside, an engine says so; it never
/// reads there.
#[derive(Clone)]
pub struct SparseRows {
    /// How many terms there are up to the end of each row; twice as many as the domain is long.
    pub ends: Lent<Word>,
    /// The terms, rows in order.
    pub terms: Lent<Term>,
    /// Distinct values, each times 2^512 mod r, little-endian (as [`crate::Coefficient::value_r2`]).
    pub values: Lent<[u8; 32]>,
}

impl SparseRows {
    /// Rows of each matrix.
    pub fn rows(&self) -> usize {
        self.ends.len() / 2
    }
}
