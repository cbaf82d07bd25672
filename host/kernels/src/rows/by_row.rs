//! The products from matrices by rows: each sum is made in one go, and its terms are read once, in order.

use millrace_bn254::{Fr, FrCanonical, field::Field, mont::FrLazy};
use millrace_job::{CancelToken, EngineError, SparseRows, Term};

use super::{bad_coefficient, check_witness, two_products};
use crate::store::Store;

/// Rows of a task.
const SLICE: usize = 1 << 12;

/// (A·w, B·w), on the current thread pool.
///
/// # Errors
/// [`EngineError::BadValue`] for a witness value not below r, or a term that leads outside of witness, values or terms;
/// [`EngineError::Cancelled`].
pub(super) fn products(
    matrix: &SparseRows,
    memory: (&Store, bool),
    witness: &[FrCanonical],
    cancel: &CancelToken,
) -> Result<(Vec<Fr>, Vec<Fr>), EngineError> {
    check_witness(witness)?;
    let (ends, terms, values) = (matrix.ends.as_slice(), matrix.terms.as_slice(), matrix.values.as_slice());
    let product = |term: &Term| {
        let (value, coefficient) = (witness.get(term.column() as usize)?, values.get(term.value() as usize)?);
        let is_zero = *value == FrCanonical::ZERO;
        Some(if is_zero { FrLazy::ZERO } else { FrLazy::mul_canonical_r2(value, coefficient) })
    };
    two_products(memory, matrix.rows(), SLICE, |first, slice| {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let mut start = first.checked_sub(1).map_or(0, |before| u32::from(ends[before]) as usize);
        for (out, end) in slice.iter_mut().zip(&ends[first..]) {
            let end = u32::from(*end) as usize;
            let row = terms.get(start..end).ok_or_else(|| bad_coefficient(start))?;
            let mut sum = FrLazy::ZERO;
            for (i, term) in row.iter().enumerate() {
                sum = sum.add(product(term).ok_or_else(|| bad_coefficient(start + i))?);
            }
            *out = Fr::from(sum);
            start = end;
        }
        Ok(())
    })
}
