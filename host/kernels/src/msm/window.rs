//! One window: its points into buckets, its buckets into one sum.

use std::sync::{Mutex, PoisonError};

use millrace_bn254::{backend::Instructions, buckets::Buckets, curve::Xyzz, points::Curve};
use millrace_job::{CancelToken, EngineError};
use zeroize::Zeroize;

use super::{
    plan::{FEW, Plan},
    scalars::Block,
};
use crate::store::{Shelf, Wipe};

/// Most blocks that are sorted together, over rows of a point: their sums in the making are a megabyte then.
const MAX_BLOCKS_A_PIECE: usize = 4;

/// What a thread needs for a window: buckets, and lists for sorting.
pub(crate) struct Workplace<C: Curve> {
    buckets: Buckets<C>,
    sorting: Sorting,
}

/// Lists of a piece of points that is sorted by digit.
#[derive(Default)]
struct Sorting {
    digits: Vec<i32>,
    ids: Vec<u32>,
    counts: Vec<u32>,
    ends: Vec<u32>,
}

impl Sorting {
    fn wipe(&mut self) {
        // All of the memory: lists are shorter now than they were.
        self.digits.zeroize();
        [&mut self.ids, &mut self.counts, &mut self.ends].into_iter().for_each(Zeroize::zeroize);
    }

    /// Room for so many points and buckets. What was in the lists is wiped before they move.
    fn make_room(&mut self, points: usize, buckets: usize) {
        if self.digits.capacity() < points || self.ids.capacity() < points || self.counts.len() < buckets + 1
        {
            self.wipe();
            self.digits.reserve_exact(points);
            self.ids.reserve_exact(points);
            self.counts.resize(buckets + 1, 0);
            self.ends.resize(buckets + 1, 0);
        }
    }
}

impl<C: Curve> Wipe for Workplace<C> {
    fn wipe(&mut self) {
        self.buckets.wipe();
        self.sorting.wipe();
    }
}

impl Drop for Sorting {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Workplaces of one sum that no window uses just now, so that a thread's next window finds its memory warm. When the sum is done they are wiped, and
/// kept for the next sum if told to.
pub(super) struct Stash<'a, C: Curve> {
    own: Mutex<Vec<Workplace<C>>>,
    home: &'a Shelf<Workplace<C>>,
    keep: bool,
}

impl<'a, C: Curve> Stash<'a, C> {
    pub(super) fn new(home: &'a Shelf<Workplace<C>>, keep: bool) -> Self {
        Self { own: Mutex::default(), home, keep }
    }

    fn take(&self, instructions: Instructions, count: usize) -> Workplace<C> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let found = own.or_else(|| self.home.take_fitting(|workplace| workplace.buckets.count() == count));
        match found {
            Some(mut workplace) => {
                workplace.buckets.reshape(count);
                workplace
            }
            None => Workplace { buckets: Buckets::new(instructions, count), sorting: Sorting::default() },
        }
    }

    fn put(&self, workplace: Workplace<C>) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).push(workplace);
    }
}

impl<C: Curve> Drop for Stash<'_, C> {
    fn drop(&mut self) {
        if self.keep {
            let own = self.own.get_mut().unwrap_or_else(PoisonError::into_inner);
            own.drain(..).for_each(|workplace| self.home.put(workplace));
        }
    }
}

/// Σ over the points of `blocks` of their digit in window `w` times the point.
pub(super) fn sum_window<C: Curve>(
    instructions: Instructions,
    stash: &Stash<'_, C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    if blocks.iter().map(Block::len).sum::<usize>() < FEW {
        return Ok(sum_few::<C>(bases, blocks, plan, w));
    }
    let mut workplace = stash.take(instructions, plan.buckets());
    let filled = if workplace.buckets.can_spread() {
        spread(&mut workplace.buckets, bases, blocks, plan, w, cancel)
    } else {
        sort(&mut workplace, bases, blocks, plan, w, cancel)
    };
    if !filled {
        return Err(EngineError::Cancelled);
    }
    let sum = workplace.buckets.weigh();
    stash.put(workplace);
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
    workplace: &mut Workplace<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> bool {
    let blocks_a_piece = (blocks.len() / 4).clamp(1, MAX_BLOCKS_A_PIECE / C::ROWS);
    // Long enough from the start, so that nothing grows and leaves copies of digits behind.
    let most =
        blocks.chunks(blocks_a_piece).map(|piece| piece.iter().map(Block::len).sum()).max().unwrap_or(0);
    let Workplace { buckets, sorting } = workplace;
    sorting.make_room(most, plan.buckets());
    let Sorting { digits, ids, counts, ends } = sorting;
    let (counts, ends) = (&mut counts[..=plan.buckets()], &mut ends[..=plan.buckets()]);
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
        if !buckets.add(bases, &counts[1..], ids, || !cancel.is_cancelled()) {
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
    stash: &Stash<'_, C>,
    bases: &[C::Base],
    blocks: &[Block],
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    if blocks.iter().all(|block| block.ones.is_empty()) {
        return Ok(Xyzz::INFINITY);
    }
    let mut workplace = stash.take(instructions, 1);
    for block in blocks.iter().filter(|block| !block.ones.is_empty()) {
        let go_on = || !cancel.is_cancelled();
        if !workplace.buckets.add(bases, &[block.ones.len() as u32], &block.ones, go_on) {
            return Err(EngineError::Cancelled);
        }
    }
    let sum = workplace.buckets.weigh();
    stash.put(workplace);
    Ok(sum)
}
