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

use super::{
    classes::{CLASSES, Classes},
    memory::digits_bytes,
    plan::{Plan, Segment},
};
use crate::store::{Borrowed, Shelf, Wipe};

/// Scalars of a block; blocks are read in parallel.
pub(super) const BLOCK: usize = 1 << 12;

/// Scalars that are cut together, so that they stay in the first cache for all windows.
const TILE: usize = 64;

/// What is left of up to [`BLOCK`] scalars. Wiped when dropped.
#[derive(Default)]
pub(crate) struct Block {
    /// Twice the point's index, plus 1 where the point is negated: of each scalar that is not 0, from class to class.
    ids: Vec<u32>,
    /// As `ids`, for the second halves of the scalars of the top segment, where they are cut into halves.
    image_ids: Vec<u32>,
    /// Digits in window 0, then in window 1, and so on, as [`Segment::zero`] says, of the scalars that have one there; then those of second halves. Made by [`Block::cut`].
    digits: Vec<u16>,
    /// How many scalars there are of each class.
    pub(super) classes: Classes,
    /// For each segment where its scalars begin among `ids`, and where its windows' digits begin.
    starts: [(usize, usize); CLASSES],
}

impl Block {
    /// As `ids`, of the scalars 1 and −1.
    pub(super) fn ones(&self) -> &[u32] {
        &self.ids[..self.classes.counts[0]]
    }

    /// Number of scalars that have digits in a segment.
    pub(super) fn len_in(&self, segment: usize) -> usize {
        self.ids.len() - self.starts[segment].0
    }

    /// Takes in scalars as they came.
    fn sort(&mut self, arrived: &Arrived) {
        self.classes = arrived.classes;
        let len = arrived.classes.count(0..CLASSES);
        if self.ids.capacity() < len {
            self.ids = Vec::with_capacity(arrived.len.max(len));
        }
        self.ids.resize(len, 0);
        let mut ends = [0; CLASSES];
        for class in 1..CLASSES {
            ends[class] = ends[class - 1] + arrived.classes.counts[class - 1];
        }
        for (id, class) in arrived.ids.iter().zip(&arrived.class_of).take(len) {
            let end = &mut ends[usize::from(*class)];
            self.ids[*end] = *id;
            *end += 1;
        }
    }

    /// How many digits there are, and how many scalars the top segment has.
    fn room(&self, plan: &Plan) -> (usize, usize) {
        let len = |segment: &Segment| self.ids.len() - self.classes.count(0..segment.class);
        let digits: usize = plan.segments.iter().map(|segment| segment.windows as usize * len(segment)).sum();
        let top_len = plan.segments.last().map_or(0, len);
        (digits + if plan.halved { top_len * plan.windows as usize } else { 0 }, top_len)
    }

    /// What its lists take that have room for so many digits and second halves.
    fn bytes(&self, digits: usize, image_ids: usize) -> usize {
        let ids = self.ids.capacity() + self.image_ids.capacity().max(image_ids);
        ids * size_of::<u32>() + self.digits.capacity().max(digits) * size_of::<u16>()
    }

    /// Makes digits of the scalars, and gives ids the signs of their halves.
    fn cut(&mut self, scalars: &[FrCanonical], plan: &Plan) {
        let mut whole = 0;
        for (segment, start) in plan.segments.iter().zip(&mut self.starts) {
            let first = self.classes.count(0..segment.class);
            *start = (first, whole);
            whole += (self.ids.len() - first) * segment.windows as usize;
        }
        let (room, top_len) = self.room(plan);
        if plan.halved {
            if self.image_ids.capacity() < top_len {
                self.image_ids = Vec::with_capacity(top_len);
            }
            self.image_ids.resize(top_len, 0);
        }
        if self.digits.capacity() < room {
            self.digits = Vec::with_capacity(room);
        }
        self.digits.resize(room, 0);
        let (digits, image_digits) = self.digits.split_at_mut(whole);
        let (mut tile, mut image_tile) = (Zeroizing::new([[0; 4]; TILE]), Zeroizing::new([[0; 4]; TILE]));
        let count = self.ids.len();
        for (number, segment) in plan.segments.iter().enumerate() {
            let first = self.starts[number].0;
            let top = number + 1 == plan.segments.len();
            let end = if top { count } else { self.classes.count(0..plan.segments[number + 1].class) };
            let halved = plan.halved && top;
            for at in (first..end).step_by(TILE) {
                let ids = &mut self.ids[at..end.min(at + TILE)];
                let (tile, image_tile) = (&mut tile[..ids.len()], &mut image_tile[..ids.len()]);
                for (value, id) in tile.iter_mut().zip(ids.iter()) {
                    let k = scalars[(id >> 1) as usize].limbs();
                    *value = if id & 1 == 1 { negated(&k) } else { k };
                }
                if halved {
                    let image_ids = &mut self.image_ids[at - first..];
                    let values = tile.iter_mut().zip(image_tile.iter_mut());
                    for ((value, image), (id, image_id)) in values.zip(ids.iter_mut().zip(image_ids)) {
                        let [first, second] = halves(value);
                        let limbs = |size: u128| [size as u64, (size >> 64) as u64, 0, 0];
                        (*value, *image) = (limbs(first.size), limbs(second.size));
                        *image_id = *id ^ u32::from(second.negative);
                        *id ^= u32::from(first.negative);
                    }
                    add_to_each(image_tile, &segment.offset);
                    let mut rest = &mut *image_digits;
                    for segment in &plan.segments {
                        for w in 0..segment.windows {
                            let digits = rest.split_off_mut(..top_len).expect("room for all windows");
                            segment.cut(image_tile, w, &mut digits[at - first..][..image_tile.len()]);
                        }
                    }
                }
                add_to_each(tile, &segment.offset);
                for (segment, (start, place)) in plan.segments[..=number].iter().zip(self.starts) {
                    let digits = digits[place..].chunks_exact_mut(count - start);
                    for (w, digits) in (0..segment.windows).zip(digits) {
                        segment.cut(tile, w, &mut digits[at - start..][..tile.len()]);
                    }
                }
            }
        }
    }

    /// What goes to the buckets of window `w` of a segment, or to those of its images: digits, and for each twice the point's index, plus 1 where it is negated.
    pub(super) fn digits(&self, plan: &Plan, number: usize, w: u32, image: bool) -> (&[u16], &[u32]) {
        let (start, place) = self.starts[number];
        let (first, ids) = match image {
            false => (place + w as usize * (self.ids.len() - start), &self.ids[start..]),
            true => {
                let windows = plan.windows - plan.segments[number].first - w;
                (self.digits.len() - windows as usize * self.image_ids.len(), &self.image_ids[..])
            }
        };
        (&self.digits[first..][..ids.len()], ids)
    }

    /// Forgets everything but the memory.
    fn wipe(&mut self) {
        // A list is never longer than now until it is wiped.
        forget(&mut self.digits);
        forget(&mut self.ids);
        forget(&mut self.image_ids);
        self.classes = Classes::default();
        self.starts = Default::default();
    }
}

/// The scalars of a block that are not 0, in the order in which they come. What there is of them is wiped when dropped.
struct Arrived {
    ids: [u32; BLOCK],
    class_of: [u8; BLOCK],
    classes: Classes,
    /// Scalars looked at, at most.
    len: usize,
}

impl Arrived {
    fn new(len: usize) -> Self {
        Self { ids: [0; BLOCK], class_of: [0; BLOCK], classes: Classes::default(), len }
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        wipe(&mut self.ids[..self.len]);
        wipe(&mut self.class_of[..self.len]);
    }
}

/// Adds the same to each value; the sums stay below 2^256.
fn add_to_each(values: &mut [[u64; 4]], offset: &[u64; 4]) {
    for value in values {
        let mut carry = false;
        for (limb, add) in value.iter_mut().zip(offset) {
            let (sum, over) = limb.overflowing_add(*add);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over | over_again);
        }
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
    /// Whether what digits take may be kept.
    may_stay: bool,
}

impl Blocks<'_> {
    /// Makes digits of the scalars, which are those that the blocks were split from, for a sum on so many threads. Whether they take no more than is announced for them: then they may be kept.
    pub(super) fn cut(&mut self, scalars: &[FrCanonical], plan: &Plan, threads: usize) -> bool {
        let most_bytes = digits_bytes(self.points(scalars.len()), threads);
        if self.bytes(plan) > most_bytes {
            // What sums of other scalars left, each in other blocks, goes.
            self.free();
        }
        self.may_stay = self.bytes(plan) <= most_bytes;
        let count = self.count;
        self.all[..count].par_iter_mut().for_each(|block| block.cut(scalars, plan));
        self.may_stay
    }

    /// What the blocks take with digits by this plan.
    fn bytes(&self, plan: &Plan) -> usize {
        let of_block = |(i, block): (usize, &Block)| {
            let (digits, top_len) = if i < self.count { block.room(plan) } else { (0, 0) };
            block.bytes(digits, if plan.halved { top_len } else { 0 })
        };
        self.all.iter().enumerate().map(of_block).sum()
    }

    /// Frees room for digits and second halves, which are wiped.
    fn free(&mut self) {
        for block in self.all.iter_mut() {
            forget(&mut block.digits);
            forget(&mut block.image_ids);
            (block.digits, block.image_ids) = Default::default();
        }
    }

    /// At least so many points had one of the sums, of which this is one, that the blocks are of.
    fn points(&self, own: usize) -> usize {
        own.max(self.all.len().saturating_sub(1) * BLOCK + 1)
    }
}

impl Drop for Blocks<'_> {
    fn drop(&mut self) {
        if !self.may_stay {
            self.free();
        }
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
        let mut arrived = Arrived::new(chunk.len());
        let mut len = 0;
        for (i, scalar) in chunk.iter().enumerate() {
            let (k, index) = (scalar.limbs(), number * BLOCK + i);
            if !below(&k, &R::M) {
                return Err(EngineError::BadValue { what: "scalar", position: index as u64 });
            }
            let opposite = negated(&k);
            let negative = below(&opposite, &k);
            let bits = bit_length(if negative { &opposite } else { &k });
            if bits > 0 && !skip(index) {
                arrived.ids[len] = (index as u32) << 1 | u32::from(negative);
                arrived.class_of[len] = arrived.classes.note(bits) as u8;
                len += 1;
            }
        }
        block.sort(&arrived);
        Ok(())
    })?;
    Ok(Blocks { all, count, may_stay: true })
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{backend::Instructions, points::G1};

    use super::*;
    use crate::msm::{costs::Costs, plan::Wanted};

    /// Where few scalars are not 0 they have more digits each: each witness has others, and in the end there would be as many digits for all of them.
    #[test]
    fn digits_of_other_blocks_keep_within_what_is_announced() {
        let (points, some) = (1 << 19, 2 * BLOCK);
        let scalars = vec![FrCanonical::from_limbs([3, 1, 4, 1 << 59]); points];
        let shelf = Shelf::default();
        let bytes = |blocks: &[Block]| blocks.iter().map(|block| block.bytes(0, 0)).sum::<usize>();
        let (mut most, mut all) = (0, 0);
        for start in (0..points).step_by(some) {
            let mut blocks =
                split(&shelf, true, &scalars, |i| !(start..start + some).contains(&i)).expect("below r");
            let classes = blocks.iter().map(|block| block.classes).sum();
            let plan = Plan::new(Costs::of::<G1>(Instructions::best()), &classes, 1, Wanted::default());
            let before = bytes(&blocks);
            assert!(blocks.cut(&scalars, &plan, 1));
            most = most.max(bytes(&blocks));
            all += bytes(&blocks).saturating_sub(before);
        }
        assert!(most <= digits_bytes(points, 1), "{most} bytes");
        // What is looked at would be more.
        assert!(all > digits_bytes(points, 1), "{all} bytes in all");
    }
    #[test]
    fn digits_above_what_is_announced_do_not_stay() {
        let shelf = Shelf::default();
        let scalars = vec![FrCanonical::from_limbs([3, 1, 4, 1 << 59]); 2 * BLOCK];
        let classes = Classes::one(scalars.len(), 253);
        for (window_bits, stays) in [(None, true), (Some(4), false), (None, true)] {
            let wanted = Wanted { window_bits, ..Wanted::default() };
            let plan = Plan::new(Costs::of::<G1>(Instructions::best()), &classes, 1, wanted);
            let mut blocks = split(&shelf, true, &scalars, |_| false).expect("below r");
            assert_eq!(blocks.cut(&scalars, &plan, 1), stays);
            drop(blocks);
            let kept = shelf.take_fitting(|_| true).expect("a list of blocks");
            assert_eq!(kept.iter().any(|block| block.digits.capacity() > 0), stays);
            shelf.put(kept);
        }
    }
}
