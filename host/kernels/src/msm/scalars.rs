//! Scalars made ready: checked, brought to the nearer side of zero, zeros and ones apart.

use millrace_bn254::{
    FrCanonical,
    mont::{Modulus, R},
};
use millrace_job::EngineError;
use rayon::prelude::*;
use zeroize::Zeroize;

use super::plan::Plan;

/// Scalars of a block; blocks are read in parallel.
const BLOCK: usize = 1 << 12;

/// What is left of up to [`BLOCK`] scalars. Wiped when dropped.
pub(super) struct Block {
    /// Twice the point's index, plus 1 where the point is negated: for each value.
    pub(super) ids: Vec<u32>,
    /// |k|, above 1, at most (r − 1)/2, until [`Block::cut`].
    values: Vec<[u64; 4]>,
    /// Digits of all values in window 0, then in window 1, and so on, as [`Plan::zero`] says.
    digits: Vec<u16>,
    /// As `ids`, for the scalars 1 and −1.
    pub(super) ones: Vec<u32>,
    /// All of the original `values` are below 2^bits.
    pub(super) bits: u32,
}

impl Block {
    /// Number of scalars that need windows.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Makes digits of the values.
    pub(super) fn cut(&mut self, plan: &Plan) {
        // The sums stay below 2^256.
        for value in &mut self.values {
            let mut carry = false;
            for (limb, add) in value.iter_mut().zip(&plan.offset) {
                let (sum, over) = limb.overflowing_add(*add);
                let (sum, over_again) = sum.overflowing_add(u64::from(carry));
                (*limb, carry) = (sum, over | over_again);
            }
        }
        self.digits = vec![0; self.values.len() * plan.windows as usize];
        if !self.values.is_empty() {
            for (w, digits) in (0..plan.windows).zip(self.digits.chunks_exact_mut(self.values.len())) {
                plan.cut(&self.values, w, digits);
            }
        }
        self.values.iter_mut().zeroize();
        self.values = Vec::new();
    }

    /// The digits of all values in window `w`.
    pub(super) fn digits(&self, w: u32) -> &[u16] {
        &self.digits[w as usize * self.len()..][..self.len()]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.values.iter_mut().zeroize();
        self.digits.iter_mut().zeroize();
        self.ones.iter_mut().zeroize();
        self.ids.iter_mut().zeroize();
    }
}

/// r − k for k ≤ r.
fn negated(k: &[u64; 4]) -> [u64; 4] {
    let (mut out, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        let (difference, under) = R::M[i].overflowing_sub(k[i]);
        let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
        (out[i], borrow) = (difference, under | under_again);
    }
    out
}

fn below(a: &[u64; 4], b: &[u64; 4]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn bit_length(k: &[u64; 4]) -> u32 {
    (0..4).rev().find(|i| k[*i] != 0).map_or(0, |i| 64 * (i as u32 + 1) - k[i].leading_zeros())
}

/// Sorts the scalars out; those for which `skip` says yes (their base is infinite) are checked, and fall out like zeros.
///
/// # Errors
/// [`EngineError::BadValue`] with the index of a scalar not below r.
pub(super) fn split(
    scalars: &[FrCanonical],
    skip: impl Fn(usize) -> bool + Sync,
) -> Result<Vec<Block>, EngineError> {
    let blocks = scalars.par_chunks(BLOCK).enumerate();
    blocks
        .map(|(number, chunk)| {
            // Room for all, so that nothing grows and leaves copies of scalars behind.
            let mut block = Block {
                ids: Vec::with_capacity(chunk.len()),
                values: Vec::with_capacity(chunk.len()),
                digits: Vec::new(),
                ones: Vec::with_capacity(chunk.len()),
                bits: 0,
            };
            for (i, scalar) in chunk.iter().enumerate() {
                let (k, index) = (scalar.limbs(), number * BLOCK + i);
                if !below(&k, &R::M) {
                    return Err(EngineError::BadValue { what: "scalar", position: index as u64 });
                }
                let opposite = negated(&k);
                let negative = below(&opposite, &k);
                let k = if negative { opposite } else { k };
                let id = (index as u32) << 1 | u32::from(negative);
                match bit_length(&k) {
                    0 => {}
                    _ if skip(index) => {}
                    1 => block.ones.push(id),
                    bits => {
                        block.ids.push(id);
                        block.values.push(k);
                        block.bits = block.bits.max(bits);
                    }
                }
            }
            Ok(block)
        })
        .collect()
}
