//! Partial rounds with sparse matrices (eprint 2019/458, appendix B).
//!
//! With M = ⎡m v; w M̂⎤, M = S·D where D = diag(1, M̂) and S = ⎡m v·M̂⁻¹; w I⎤. D leaves element 0 alone, so it commutes with the S-box there and
//! moves into the matrix of the round before; that one, D·M, is split again, and so on back to the last full round of the first half, which is left with a dense
//! matrix of its own. Constants of the elements 1 … t − 1 pass no S-box and are carried forward into the first full round of the second half.

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;

type Matrix<const T: usize> = [[Fr; T]; T];

/// One partial round: s₀ ← (s₀ + constant)⁵; then s₀ ← row·s with the new s₀ in place, and sᵢ ← sᵢ + columnᵢ·(s₀ before that).
#[derive(Clone, Debug)]
pub struct PartialRound<const T: usize> {
    /// Added to element 0 before the S-box.
    pub constant: Fr,
    /// First row of the matrix; its element 0 is never 0.
    pub row: [Fr; T],
    /// First column of the matrix; element 0 is not used.
    pub column: [Fr; T],
}

/// What [`split`] makes.
pub(super) struct Split<const T: usize> {
    /// The matrix of the last full round before the partial ones.
    pub(super) before: Matrix<T>,
    /// The partial rounds in order.
    pub(super) rounds: Vec<PartialRound<T>>,
    /// To be added to the constants of the first full round after them.
    pub(super) carried: [Fr; T],
}

/// Splits rounds with the given constants and the matrix `m`.
pub(super) fn split<const T: usize>(m: &Matrix<T>, constants: &[[Fr; T]]) -> Split<T> {
    let mut rounds = Vec::with_capacity(constants.len());
    // `hats[k]` is the block that the state before round k has been multiplied by.
    let mut hats = Vec::with_capacity(constants.len());
    let mut whole = *m;
    for _ in constants {
        let inverse = invert_block(&whole);
        let mut row = whole[0];
        for (j, entry) in row.iter_mut().enumerate().skip(1) {
            *entry = (1..T).map(|k| whole[0][k] * inverse[k][j]).sum();
        }
        let column = std::array::from_fn(|i| if i == 0 { Fr::ZERO } else { whole[i][0] });
        rounds.push(PartialRound { constant: Fr::ZERO, row, column });
        hats.push(whole);
        whole = times_block(&whole, m);
    }
    rounds.reverse();
    hats.reverse();

    let mut carried = [Fr::ZERO; T];
    for ((round, hat), constants) in rounds.iter_mut().zip(&hats).zip(constants) {
        round.constant = carried[0] + constants[0];
        for i in 1..T {
            carried[i] += (1..T).map(|k| hat[i][k] * constants[k]).sum::<Fr>();
        }
        carried[0] = (1..T).map(|j| round.row[j] * carried[j]).sum();
    }
    Split { before: whole, rounds, carried }
}

/// diag(1, block of `a`) · `m`.
fn times_block<const T: usize>(a: &Matrix<T>, m: &Matrix<T>) -> Matrix<T> {
    let mut out = *m;
    for i in 1..T {
        for j in 0..T {
            out[i][j] = (1..T).map(|k| a[i][k] * m[k][j]).sum();
        }
    }
    out
}

/// The inverse of the block of rows and columns 1 … t − 1, at the same place; row and column 0 are the identity's.
fn invert_block<const T: usize>(a: &Matrix<T>) -> Matrix<T> {
    let mut block = identity::<T>();
    for i in 1..T {
        block[i][1..].copy_from_slice(&a[i][1..]);
    }
    invert(&block)
}

fn identity<const T: usize>() -> Matrix<T> {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { Fr::ONE } else { Fr::ZERO }))
}

/// The inverse by Gauss and Jordan.
///
/// # Panics
/// If the matrix is singular; Cauchy matrices and their blocks are not.
pub(super) fn invert<const T: usize>(a: &Matrix<T>) -> Matrix<T> {
    let (mut a, mut out) = (*a, identity::<T>());
    for column in 0..T {
        let pivot = (column..T).find(|&row| a[row][column] != Fr::ZERO).expect("not singular");
        a.swap(column, pivot);
        out.swap(column, pivot);
        let scale = a[column][column].inverse().expect("the pivot is not zero");
        for j in 0..T {
            a[column][j] *= scale;
            out[column][j] *= scale;
        }
        for row in (0..T).filter(|&row| row != column) {
            let factor = a[row][column];
            for j in 0..T {
                let (x, y) = (a[column][j], out[column][j]);
                a[row][j] -= factor * x;
                out[row][j] -= factor * y;
            }
        }
    }
    out
}
