//! One window: its points into buckets, its buckets into one sum.

use std::sync::{Mutex, PoisonError};

use millrace_bn254::{backend::Instructions, buckets::Buckets, curve::Xyzz, points::Curve};
use millrace_job::{CancelToken, EngineError};
use zeroize::Zeroizing;

use super::{
    plan::{FEW, Plan},
    scalars::Block,
};

/// Most blocks that are sorted together, over rows of a point: their sums in the making are a megabyte then.
const MAX_BLOCKS_A_PIECE: usize = 4;

/// Buckets that no window uses just now, so that a thread's next window finds its memory warm.
pub(super) struct Stash<C: Curve>(Mutex<Vec<Buckets<C>>>);

impl<C: Curve> Default for Stash<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Curve> Stash<C> {
    fn take(&self, instructions: Instructions, count: usize) -> Buckets<C> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        found.filter(|buckets| buckets.count() == count).unwrap_or_else(|| Buckets::new(instructions, count))
    }

    fn put(&self, buckets: Buckets<C>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buckets);
    }
}

/// Σ over the points of `blocks` of their digit in window `w` times the point.
pub(super) fn sum_window<C: Curve>(
    instructions: Instructions,
    stash: &Stash<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    if blocks.iter().map(Block::len).sum::<usize>() < FEW {
        return Ok(sum_few::<C>(bases, blocks, plan, w));
    }
    let mut buckets = stash.take(instructions, plan.buckets());
    let filled = if buckets.can_spread() {
        spread(&mut buckets, bases, blocks, plan, w, cancel)
    } else {
        sort(&mut buckets, bases, blocks, plan, w, cancel)
    };
    if !filled {
        return Err(EngineError::Cancelled);
    }
    let sum = buckets.weigh();
    stash.put(buckets);
    Ok(sum)
}

/// Points into buckets in the order in which they come.
fn spread<C: Curve>(
    buckets: &mut Buckets<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> bool {
    let go_on = || !cancel.is_cancelled();
    let mut blocks = blocks.iter();
    blocks.all(|block| buckets.spread(bases, block.digits(w), plan.zero(w), &block.ids, go_on))
        && buckets.flush(bases, go_on)
}

/// Points into buckets, sorted by digit piece by piece.
fn sort<C: Curve>(
    buckets: &mut Buckets<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> bool {
    let blocks_a_piece = (blocks.len() / 4).clamp(1, MAX_BLOCKS_A_PIECE / C::ROWS);
    // Wiped, and long enough from the start, so that nothing grows and leaves copies of digits behind.
    let most =
        blocks.chunks(blocks_a_piece).map(|piece| piece.iter().map(Block::len).sum()).max().unwrap_or(0);
    let mut digits = Zeroizing::new(Vec::with_capacity(most));
    let mut ids = Zeroizing::new(Vec::with_capacity(most));
    let mut counts = Zeroizing::new(vec![0u32; plan.buckets() + 1]);
    let mut ends = Zeroizing::new(vec![0u32; plan.buckets() + 1]);
    for piece in blocks.chunks(blocks_a_piece) {
        digits.clear();
        counts.fill(0);
        for block in piece {
            digits.extend(block.digits(w).iter().map(|digit| i32::from(*digit) - i32::from(plan.zero(w))));
        }
        for digit in digits.iter() {
            counts[digit.unsigned_abs() as usize] += 1;
        }
        // Counting sort. Zero digits are sorted behind all others and left there.
        let mut end = 0;
        for size in (1..counts.len()).chain([0]) {
            ends[size] = end;
            end += counts[size];
        }
        ids.resize(digits.len(), 0);
        let mut rest = digits.as_slice();
        for block in piece {
            let (digits, others) = rest.split_at(block.len());
            rest = others;
            for (digit, id) in digits.iter().zip(&block.ids) {
                let end = &mut ends[digit.unsigned_abs() as usize];
                ids[*end as usize] = id ^ u32::from(*digit < 0);
                *end += 1;
            }
        }
        if !buckets.add(bases, &counts[1..], &ids, || !cancel.is_cancelled()) {
            return false;
        }
    }
    true
}

/// The same without inversions, sorting or batches.
fn sum_few<C: Curve>(bases: &[C::Base], blocks: &[Block], plan: &Plan, w: u32) -> Xyzz<C::Field> {
    let mut buckets = vec![Xyzz::INFINITY; plan.buckets()];
    for (digit, id) in blocks.iter().flat_map(|block| block.digits(w).iter().zip(&block.ids)) {
        let digit = i32::from(*digit) - i32::from(plan.zero(w));
        if digit != 0 {
            let bucket = &mut buckets[digit.unsigned_abs() as usize - 1];
            let negative = (id & 1 == 1) != (digit < 0);
            *bucket = bucket.add_affine(&C::base(&bases[(id >> 1) as usize]).neg_if(negative));
        }
    }
    let (mut total, mut sum) = (Xyzz::INFINITY, Xyzz::INFINITY);
    for bucket in buckets.iter().rev() {
        total = total.add(bucket);
        sum = sum.add(&total);
    }
    sum
}

/// Σ of the points whose scalar is 1, less those whose scalar is −1.
pub(super) fn sum_ones<C: Curve>(
    instructions: Instructions,
    bases: &[C::Base],
    blocks: &[Block],
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    let mut bucket = Buckets::<C>::new(instructions, 1);
    for block in blocks.iter().filter(|block| !block.ones.is_empty()) {
        if !bucket.add(bases, &[block.ones.len() as u32], &block.ones, || !cancel.is_cancelled()) {
            return Err(EngineError::Cancelled);
        }
    }
    Ok(bucket.weigh())
}
