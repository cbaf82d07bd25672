//! The sparse products A·w and B·w, streamed from the key's coefficients.
//!
//! Both products are one vector of 2·rows sums, cut into slices; each slice is a task that reads the coefficients in file
//! order and takes what falls into it. So no sum is shared and nothing is copied or sorted. A file is nearly in order
//! of rows, so that a small index (first and last row of each block of coefficients) lets a task skip nearly all that
//! is not its own; a file in another order costs more reading and gives the same answer.

use std::sync::OnceLock;

use millrace_bn254::{Fr, FrCanonical, field::Field, mont::FrLazy};
use millrace_job::{CancelToken, Coefficient, EngineError, Lent};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Coefficients of an index entry.
const BLOCK: usize = 1 << 10;
/// Tasks a thread, so that uneven rows even out.
const TASKS_A_THREAD: usize = 4;

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

    /// Rows of each product.
    pub(crate) fn rows(&self) -> usize {
        self.rows
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
        witness: &[FrCanonical],
        cancel: &CancelToken,
    ) -> Result<(Vec<Fr>, Vec<Fr>), EngineError> {
        if let Some(position) = witness.par_iter().position_first(|value| !value.is_in_range()) {
            return Err(EngineError::BadValue { what: "witness value", position: position as u64 });
        }
        let bad = |i: usize| EngineError::BadValue { what: "coefficient", position: i as u64 };
        let index = self.index().map_err(bad)?;
        let tasks = TASKS_A_THREAD * rayon::current_num_threads();
        let mut sums = vec![FrLazy::ZERO; 2 * self.rows];
        let slice_len = sums.len().div_ceil(tasks).max(1);
        let added =
            sums.par_chunks_mut(slice_len).enumerate().with_max_len(1).try_for_each(|(number, slice)| {
                let start = number * slice_len;
                let blocks = self.entries.as_slice().chunks(BLOCK).zip(index).enumerate();
                for (number, (block, (first, last))) in blocks {
                    if *last < start || *first >= start + slice.len() {
                        continue;
                    }
                    if cancel.is_cancelled() {
                        return Err(EngineError::Cancelled);
                    }
                    for (i, entry) in block.iter().enumerate() {
                        let own =
                            self.place(entry).and_then(|place| slice.get_mut(place.wrapping_sub(start)));
                        let Some(sum) = own else { continue };
                        let value =
                            witness.get(entry.column() as usize).ok_or_else(|| bad(number * BLOCK + i))?;
                        if *value != FrCanonical::ZERO {
                            *sum = sum.add(FrLazy::mul_canonical_r2(value, entry.value_r2()));
                        }
                    }
                }
                Ok(())
            });
        if let Err(error) = added {
            sums.iter_mut().zeroize();
            return Err(error);
        }
        let (a, b) = sums.split_at(self.rows);
        let [a, b] =
            [a, b].map(|half| half.par_iter().with_min_len(BLOCK).map(|sum| Fr::from(*sum)).collect());
        sums.iter_mut().zeroize();
        Ok((a, b))
    }
}
