//! One window: its points into buckets, its buckets into one sum.

use std::sync::{Mutex, MutexGuard, PoisonError};

use millrace_bn254::{backend::Instructions, buckets::Buckets, curve::Xyzz, points::Curve};
use millrace_job::{CancelToken, EngineError};
use zeroize::Zeroize;

use super::{
    plan::{FEW, Plan},
    scalars::{BLOCK, Block},
};

/// Points are sorted and summed together in pieces whose sums in the making take about so much: enough for long batches, little enough to stay near, and
/// to be kept for each thread.
const PIECE_BYTES: usize = 1 << 20;

/// Blocks of a piece.
fn blocks_a_piece<C: Curve>() -> usize {
    (PIECE_BYTES / (64 * C::ROWS) / BLOCK).max(1)
}

/// Memory that a task works in, kept from one window to the next.
pub(super) struct Workspace<C: Curve> {
    buckets: Buckets<C>,
    digits: Vec<i32>,
    ids: Vec<u32>,
    counts: Vec<u32>,
    ends: Vec<u32>,
}

impl<C: Curve> Workspace<C> {
    fn new(instructions: Instructions) -> Self {
        let (digits, ids, counts, ends) = Default::default();
        Self { buckets: Buckets::new(instructions, 0), digits, ids, counts, ends }
    }
}

impl<C: Curve> Drop for Workspace<C> {
    /// Digits are a witness's; ids say which of them were zero.
    fn drop(&mut self) {
        self.digits.zeroize();
        self.ids.zeroize();
    }
}

/// Memory of tasks that are done, for those that come: never more than ran at once.
pub(super) struct Workspaces<C: Curve> {
    instructions: Instructions,
    idle: Mutex<Vec<Workspace<C>>>,
}

impl<C: Curve> Workspaces<C> {
    pub(super) fn new(instructions: Instructions) -> Self {
        Self { instructions, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Workspace<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Workspace<C>) -> T) -> T {
        let idle = self.idle().pop();
        let mut workspace = idle.unwrap_or_else(|| Workspace::new(self.instructions));
        let done = work(&mut workspace);
        self.idle().push(workspace);
        done
    }
}

/// Σ over the points of `blocks` of their digit in window `w` times the point.
pub(super) fn sum_window<C: Curve>(
    workspaces: &Workspaces<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    if blocks.iter().map(Block::len).sum::<usize>() < FEW {
        return Ok(sum_few::<C>(bases, blocks, plan, w));
    }
    workspaces.with(|workspace| sum_pieces(workspace, bases, blocks, plan, w, cancel))
}

fn sum_pieces<C: Curve>(
    workspace: &mut Workspace<C>,
    bases: &[C::Base],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    let Workspace { buckets, digits, ids, counts, ends } = workspace;
    buckets.reset(plan.buckets());
    counts.resize(plan.buckets() + 1, 0);
    ends.resize(plan.buckets() + 1, 0);
    for piece in blocks.chunks(blocks_a_piece::<C>()) {
        digits.clear();
        counts.fill(0);
        for block in piece {
            digits.extend(block.values.iter().map(|value| plan.digit(value, w)));
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
            return Err(EngineError::Cancelled);
        }
    }
    Ok(buckets.weigh())
}

/// The same without inversions, sorting or batches.
fn sum_few<C: Curve>(bases: &[C::Base], blocks: &[Block], plan: &Plan, w: u32) -> Xyzz<C::Field> {
    let mut buckets = vec![Xyzz::INFINITY; plan.buckets()];
    for (value, id) in blocks.iter().flat_map(|block| block.values.iter().zip(&block.ids)) {
        let digit = plan.digit(value, w);
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
    workspaces: &Workspaces<C>,
    bases: &[C::Base],
    blocks: &[Block],
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    workspaces.with(|workspace| {
        let bucket = &mut workspace.buckets;
        bucket.reset(1);
        for block in blocks.iter().filter(|block| !block.ones.is_empty()) {
            if !bucket.add(bases, &[block.ones.len() as u32], &block.ones, || !cancel.is_cancelled()) {
                return Err(EngineError::Cancelled);
            }
        }
        Ok(bucket.weigh())
    })
}
