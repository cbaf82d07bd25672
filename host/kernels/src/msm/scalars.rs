//! Scalars made ready: checked, brought to the nearer side of zero, zeros and ones apart.
//!
//! Lists and tiles are wiped; what single scalars leave in registers and on the stack of a call is not.

use std::ops::Deref;

use bytemuck::Pod;
use millrace_bn254::{
    FrCanonical,
    endomorphism::halves,
    mont::{Modulus, R},
    wipe,
};
use millrace_job::EngineError;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::plan::Plan;
use crate::store::{Borrowed, Shelf, Wipe};

/// Scalars of a block; blocks are read in parallel.
const BLOCK: usize = 1 << 12;

/// Scalars that are cut together, so that they stay in the first cache for all windows.
const TILE: usize = 64;

/// What is left of up to [`BLOCK`] scalars. Wiped when dropped.
#[derive(Default)]
pub(crate) struct Block {
    /// Twice the point's index, plus 1 where the point is negated: of each scalar that is above 1 on the nearer side of zero.
    pub(super) ids: Vec<u32>,
    /// As `ids`, for the second halves of the same scalars, where they are cut into halves.
    image_ids: Vec<u32>,
    /// Digits of all these scalars in window 0, then in window 1, and so on, as [`Plan::zero`] says, then those of second halves; made by [`Block::cut`].
    digits: Vec<u16>,
    /// As `ids`, for the scalars 1 and −1.
    pub(super) ones: Vec<u32>,
    /// All of the scalars are below 2^bits, on the nearer side of zero.
    pub(super) bits: u32,
}

impl Block {
    /// Makes room in an empty block for all of `len` scalars, so that nothing grows and leaves copies behind.
    fn make_room(&mut self, len: usize) {
        for list in [&mut self.ids, &mut self.ones] {
            if list.capacity() < len {
                *list = Vec::with_capacity(len);
            }
        }
    }

    /// Number of scalars that need windows.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Makes digits of the scalars, and gives ids the signs of their halves.
    fn cut(&mut self, scalars: &[FrCanonical], plan: &Plan) {
        let len = self.ids.len();
        let room = len * plan.windows as usize * plan.parts_of_scalars();
        if self.digits.capacity() < room {
            self.digits = Vec::with_capacity(room);
        }
        self.digits.resize(room, 0);
        if plan.halved {
            if self.image_ids.capacity() < len {
                self.image_ids = Vec::with_capacity(len);
            }
            self.image_ids.resize(len, 0);
        }
        let (digits, image_digits) = self.digits.split_at_mut(len * plan.windows as usize);
        let mut image_ids = self.image_ids.chunks_mut(TILE);
        let (mut tile, mut image_tile) = (Zeroizing::new([[0; 4]; TILE]), Zeroizing::new([[0; 4]; TILE]));
        for (number, ids) in self.ids.chunks_mut(TILE).enumerate() {
            for (value, id) in tile.iter_mut().zip(ids.iter()) {
                let k = scalars[(id >> 1) as usize].limbs();
                *value = if id & 1 == 1 { negated(&k) } else { k };
            }
            let at = number * TILE;
            if plan.halved {
                let image_ids = image_ids.next().unwrap_or_default();
                let values = tile.iter_mut().zip(image_tile.iter_mut());
                for ((value, image), (id, image_id)) in values.zip(ids.iter_mut().zip(image_ids)) {
                    let [first, second] = halves(value);
                    let limbs = |size: u128| [size as u64, (size >> 64) as u64, 0, 0];
                    (*value, *image) = (limbs(first.size), limbs(second.size));
                    *image_id = *id ^ u32::from(second.negative);
                    *id ^= u32::from(first.negative);
                }
                cut_tile(&mut image_tile[..ids.len()], plan, image_digits, len, at);
            }
            cut_tile(&mut tile[..ids.len()], plan, digits, len, at);
        }
    }

    /// Twice the point's index, plus 1 where it is negated, for each digit of [`Block::digits`].
    pub(super) fn ids(&self, image: bool) -> &[u32] {
        if image { &self.image_ids } else { &self.ids }
    }

    /// The digits of all scalars in window `w`, or of their second halves.
    pub(super) fn digits(&self, plan: &Plan, image: bool, w: u32) -> &[u16] {
        let set = if image { plan.windows + w } else { w };
        &self.digits[set as usize * self.len()..][..self.len()]
    }

    /// Forgets everything but the memory.
    fn wipe(&mut self) {
        // A list is never longer than now until it is wiped.
        forget(&mut self.digits);
        forget(&mut self.ones);
        forget(&mut self.ids);
        forget(&mut self.image_ids);
        self.bits = 0;
    }
}

/// Digits of a tile, to place `at` of the `len` digits of each window.
fn cut_tile(tile: &mut [[u64; 4]], plan: &Plan, digits: &mut [u16], len: usize, at: usize) {
    for value in tile.iter_mut() {
        // The sums stay below 2^256.
        let mut carry = false;
        for (limb, add) in value.iter_mut().zip(&plan.offset) {
            let (sum, over) = limb.overflowing_add(*add);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over | over_again);
        }
    }
    for (w, digits) in (0..plan.windows).zip(digits.chunks_exact_mut(len)) {
        plan.cut(tile, w, &mut digits[at..][..tile.len()]);
    }
}

/// Overwrites a list and empties it.
fn forget<T: Pod>(list: &mut Vec<T>) {
    wipe(list);
    list.clear();
}

impl Drop for Block {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Wipe for Vec<Block> {
    fn wipe(&mut self) {
        self.par_iter_mut().for_each(Block::wipe);
    }
}

/// The blocks of a sum; those behind them were another sum's.
pub(super) struct Blocks<'a> {
    all: Borrowed<'a, Vec<Block>>,
    count: usize,
}

impl Blocks<'_> {
    /// Makes digits of the scalars, which are those that the blocks were split from.
    pub(super) fn cut(&mut self, scalars: &[FrCanonical], plan: &Plan) {
        let count = self.count;
        self.all[..count].par_iter_mut().for_each(|block| block.cut(scalars, plan));
    }
}

impl Deref for Blocks<'_> {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        &self.all[..self.count]
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

/// Sorts the scalars out; those for which `skip` says yes (their base is infinite) are checked, and fall out like zeros. Takes memory from the shelf, and
/// leaves it there if it shall be kept.
///
/// # Errors
/// [`EngineError::BadValue`] with the index of a scalar not below r.
pub(super) fn split<'a>(
    shelf: &'a Shelf<Vec<Block>>,
    keep: bool,
    scalars: &[FrCanonical],
    skip: impl Fn(usize) -> bool + Sync,
) -> Result<Blocks<'a>, EngineError> {
    let count = scalars.len().div_ceil(BLOCK);
    let mut all = shelf.take_fitting(|blocks| blocks.len() >= count).unwrap_or_default();
    if all.len() < count {
        all.resize_with(count, Block::default);
    }
    let mut all = shelf.lend(all, keep);
    let blocks = all[..count].par_iter_mut().zip(scalars.par_chunks(BLOCK)).enumerate();
    blocks.try_for_each(|(number, (block, chunk))| {
        block.make_room(chunk.len());
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
                    block.bits = block.bits.max(bits);
                }
            }
        }
        Ok(())
    })?;
    Ok(Blocks { all, count })
}
