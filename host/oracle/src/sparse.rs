//! The sparse products A·w and B·w.

use ark_bn254::Fr;
use ark_ff::Zero;
use millrace_job::Coefficient;

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
