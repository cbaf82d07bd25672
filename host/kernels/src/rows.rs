//! The sparse products A·w and B·w, streamed from the key's coefficients.
//!
//! Both products are one vector of 2·rows sums, cut into slices; each slice is a task that reads the coefficients in file
//! order and takes what falls into it. So no sum is shared and nothing is copied or sorted. A file is nearly in order
//! of rows, so that a small index (first and last row of each block of coefficients) lets a task skip nearly all that
//! is not its own; a file in another order costs more reading and gives the same answer.

mod by_row;

use std::sync::OnceLock;

use millrace_bn254::{Fr, FrCanonical, field::Field, mont::FrLazy};
use millrace_job::{CancelToken, Coefficient, EngineError, Lent, SparseRows};
use rayon::prelude::*;

use crate::store::Store;

/// Coefficients of an index entry.
const BLOCK: usize = 1 << 10;
/// Tasks a thread, so that uneven rows even out.
const TASKS_A_THREAD: usize = 4;
/// No domain is longer: the quotient needs roots of twice its order, and r − 1 has 28 factors of two.
pub(crate) const MAX_ROWS: usize = 1 << 27;

/// A resident matrix pair.
pub(crate) struct Matrix {
    entries: Lent<Coefficient>,
    rows: usize,
    /// Of each block the first and last place in the vector of both products; made by the first job.
    index: OnceLock<Result<Vec<(usize, usize)>, usize>>,
}

impl Matrix {
    pub(crate) fn new(entries: Lent<Coefficient>, rows: usize) -> Self {
        Self { entries, rows, index: OnceLock::new() }
    }

    /// Where an entry's product goes, or `None` if its matrix or row does not exist.
    fn place(&self, entry: &Coefficient) -> Option<usize> {
        let (matrix, row) = (entry.matrix() as usize, entry.row() as usize);
        (matrix < 2 && row < self.rows).then(|| matrix * self.rows + row)
    }

    fn index(&self) -> Result<&[(usize, usize)], usize> {
        // Made outside of the cell: a thread that waits for its part of parallel work takes up other jobs, and one of them may be the first product
        // with the same matrix, which would wait for the cell that this thread is filling. Two jobs may make it twice.
        let index = match self.index.get() {
            Some(index) => index,
            None => {
                let made = self.make_index();
                self.index.get_or_init(|| made)
            }
        };
        index.as_ref().map(Vec::as_slice).map_err(|bad| *bad)
    }

    fn make_index(&self) -> Result<Vec<(usize, usize)>, usize> {
        let blocks = self.entries.as_slice().par_chunks(BLOCK).enumerate();
        blocks
            .map(|(number, block)| {
                let (mut first, mut last) = (usize::MAX, 0);
                for (i, entry) in block.iter().enumerate() {
                    let place = self.place(entry).ok_or(number * BLOCK + i)?;
                    (first, last) = (first.min(place), last.max(place));
                }
                Ok((first, last))
            })
            .collect()
    }

    /// (A·w, B·w), on the current thread pool.
    ///
    /// # Errors
    /// [`EngineError::BadValue`] for a witness value not below r, or an entry whose matrix, row or column does not
    /// exist; [`EngineError::Cancelled`].
    pub(crate) fn products(
        &self,
        (store, keep): (&Store, bool),
        witness: &[FrCanonical],
        cancel: &CancelToken,
    ) -> Result<(Vec<Fr>, Vec<Fr>), EngineError> {
        check_witness(witness)?;
        let index = self.index().map_err(bad_coefficient)?;
        let tasks_a_product = (TASKS_A_THREAD * rayon::current_num_threads()).div_ceil(2);
        let slice_len = self.rows.div_ceil(tasks_a_product).max(1);
        two_products((store, keep), self.rows, slice_len, |start, slice| {
            // What is being summed needs no full reduction; of all slices only those in work have such a copy.
            let mut sums = store.sums(slice.len(), keep);
            let blocks = self.entries.as_slice().chunks(BLOCK).zip(index).enumerate();
            for (number, (block, (first, last))) in blocks {
                if *last < start || *first >= start + slice.len() {
                    continue;
                }
                if cancel.is_cancelled() {
                    return Err(EngineError::Cancelled);
                }
                for (i, entry) in block.iter().enumerate() {
                    let own = self.place(entry).and_then(|place| sums.get_mut(place.wrapping_sub(start)));
                    let Some(sum) = own else { continue };
                    let value = witness
                        .get(entry.column() as usize)
                        .ok_or_else(|| bad_coefficient(number * BLOCK + i))?;
                    if *value != FrCanonical::ZERO {
                        *sum = sum.add(FrLazy::mul_canonical_r2(value, entry.value_r2()));
                    }
                }
            }
            slice.iter_mut().zip(sums.iter()).for_each(|(out, sum)| *out = Fr::from(*sum));
            Ok(())
        })
    }
}

/// An error that names a coefficient.
fn bad_coefficient(index: usize) -> EngineError {
    EngineError::BadValue { what: "coefficient", position: index as u64 }
}

fn check_witness(witness: &[FrCanonical]) -> Result<(), EngineError> {
    match witness.par_iter().position_first(|value| !value.is_in_range()) {
        None => Ok(()),
        Some(position) => Err(EngineError::BadValue { what: "witness value", position: position as u64 }),
    }
}

/// Two vectors of `rows` values out of the store, filled in parallel slice by slice: `fill` gets the place of a slice in both vectors laid end to end.
fn two_products(
    (store, keep): (&Store, bool),
    rows: usize,
    slice_len: usize,
    fill: impl Fn(usize, &mut [Fr]) -> Result<(), EngineError> + Sync,
) -> Result<(Vec<Fr>, Vec<Fr>), EngineError> {
    let (mut a, mut b) = (store.values(rows, keep), store.values(rows, keep));
    let of_a = a.par_chunks_mut(slice_len).enumerate().map(|(i, slice)| (i * slice_len, slice));
    let of_b = b.par_chunks_mut(slice_len).enumerate().map(|(i, slice)| (rows + i * slice_len, slice));
    of_a.chain(of_b).with_max_len(1).try_for_each(|(start, slice)| fill(start, slice))?;
    Ok((a.give_away(), b.give_away()))
}

/// A resident pair of matrices in either form.
pub(crate) enum Matrices {
    Entries(Matrix),
    ByRow(SparseRows),
}

impl Matrices {
    /// Refuses a number of rows that no domain has, so that twice as many values can be counted and allocated.
    pub(crate) fn new(data: Self) -> Result<Self, usize> {
        if data.rows() > MAX_ROWS { Err(data.rows()) } else { Ok(data) }
    }

    /// Rows of each product.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Entries(matrix) => matrix.rows,
            Self::ByRow(matrix) => matrix.rows(),
        }
    }

    /// (A·w, B·w), on the current thread pool. Memory comes from the store, and is left there if it shall be kept.
    ///
    /// # Errors
    /// As [`Matrix::products`]; with rows, the coefficient named is the term.
    pub(crate) fn products(
        &self,
        memory: (&Store, bool),
        witness: &[FrCanonical],
        cancel: &CancelToken,
    ) -> Result<(Vec<Fr>, Vec<Fr>), EngineError> {
        match self {
            Self::Entries(matrix) => matrix.products(memory, witness, cancel),
            Self::ByRow(matrix) => by_row::products(matrix, memory, witness, cancel),
        }
    }
}
