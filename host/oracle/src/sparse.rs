//! The sparse products A·w and B·w.

use ark_bn254::Fr;
use ark_ff::Zero;
use millrace_job::{Coefficient, SparseRows};

use crate::decode::coefficient;

/// (A·w, B·w), each of `rows` values.
///
/// # Errors
/// The index of the first entry whose matrix is neither 0 nor 1, whose row or column is out of range, or whose value is
/// not below r.
pub fn rows(entries: &[Coefficient], rows: usize, witness: &[Fr]) -> Result<(Vec<Fr>, Vec<Fr>), usize> {
    let mut products = [vec![Fr::zero(); rows], vec![Fr::zero(); rows]];
    for (index, entry) in entries.iter().enumerate() {
        let product = products.get_mut(entry.matrix() as usize).ok_or(index)?;
        let sum = product.get_mut(entry.row() as usize).ok_or(index)?;
        let value = coefficient(entry.value_r2()).ok_or(index)?;
        *sum += value * witness.get(entry.column() as usize).ok_or(index)?;
    }
    let [a, b] = products;
    Ok((a, b))
}

/// Every entry with its own value, as a `.zkey` lists them; or the index of a row that leads outside.
pub(crate) fn unfolded(by_row: &SparseRows) -> Result<Vec<Coefficient>, usize> {
    let (mut entries, mut start) = (Vec::new(), 0);
    if !by_row.ends.len().is_multiple_of(2) {
        return Err(by_row.ends.len());
    }
    for (index, end) in by_row.ends.as_slice().iter().enumerate() {
        let end = u32::from(*end) as usize;
        for term in by_row.terms.as_slice().get(start..end).ok_or(index)? {
            let value = by_row.values.as_slice().get(term.value() as usize).ok_or(index)?;
            let (matrix, row) = (index / by_row.rows(), index % by_row.rows());
            entries.push(Coefficient::new(matrix as u32, row as u32, term.column(), *value));
        }
        start = end;
    }
    Ok(entries)
}
