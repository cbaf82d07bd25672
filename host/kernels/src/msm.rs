//! Σ kᵢ·Pᵢ by signed windows and buckets.
//!
//! 1. Scalars are taken to the nearer side of zero, k or r − k with −P; zeros and points at infinity fall out, ones are set
//!    aside ([`scalars`]).
//! 2. The widest of the rest and their number give window width c and count W, and whether scalars are cut into k₁ + k₂·λ, halves as long ([`plan`], by
//!    measured [`costs`]).
//! 3. Some windows are a task, few enough for their buckets to stay near. Points go to their digits' buckets, pairwise in batches that all windows of the task
//!    share ([`window`]): in the order in which they come where buckets are many, sorted by bucket where they are few. All distributions of digits cost the same.
//! 4. Second halves have buckets of their own, of the same points. Σ k₁P + φ(Σ k₂P) takes the endomorphism φ of a bucket, not of each point: those buckets are mapped,
//!    added to the others, and all are weighed.
//! 5. Windows are added up from the top, with c doublings between.
//!
//! With many threads the range of points is cut as well, so that there are enough tasks.

mod costs;
mod plan;
mod scalars;
mod window;

use millrace_bn254::{
    FrCanonical,
    backend::Instructions,
    batch::PointRef,
    curve::{Affine, Xyzz},
    points::G1,
};
use millrace_job::{CancelToken, EngineError};
use rayon::prelude::*;

use self::{
    costs::Costs,
    plan::Plan,
    window::{Stash, Task},
};
pub(crate) use self::{plan::Wanted, scalars::Block, window::Workplace};
use crate::store::{Kept, Store};

/// Bits of the larger of scalars, on the nearer side of zero.
const SCALAR_BITS: u32 = 253;

/// The most points of one job.
pub(crate) const MAX_POINTS: usize = PointRef::LIMIT;

/// How sums are made.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) instructions: Instructions,
    pub(crate) wanted: Wanted,
}

/// Point additions of a sum over so many bases of G1 with random scalars, on one thread with the fastest instructions: into buckets, of images to what they count for, and of buckets
/// when they are weighed.
pub fn additions(points: usize) -> u64 {
    let plan = Plan::new(Costs::of::<G1>(Instructions::best()), points, SCALAR_BITS, 1, Wanted::default());
    // Of a bucket's points one is not added; then each bucket is, to a row and to a column.
    let window = match plan.halved {
        true => 2 * points + plan.buckets(),
        false => points + plan.buckets(),
    };
    u64::from(plan.windows) * window as u64
}

/// Σ scalars\[i\]·bases\[i\], on the current thread pool.
///
/// `bases` and `scalars` are equally long, at most [`MAX_POINTS`]. Memory comes from the store, and is left there if it shall be kept.
///
/// # Errors
/// [`EngineError::BadValue`] for a scalar not below r, [`EngineError::Cancelled`].
pub(crate) fn sum<C: Kept>(
    How { instructions, wanted }: How,
    (store, keep): (&Store, bool),
    bases: &[C::Base],
    scalars: &[FrCanonical],
    cancel: &CancelToken,
) -> Result<Affine<C::Field>, EngineError> {
    let threads = rayon::current_num_threads();
    let mut blocks = scalars::split(&store.blocks, keep, scalars, |index| C::is_infinity(&bases[index]))?;
    let points: usize = blocks.iter().map(Block::len).sum();
    let bits = blocks.iter().map(|block| block.bits).max().unwrap_or(0);
    let plan = Plan::new(Costs::of::<C>(instructions), points, bits, threads, wanted);
    blocks.cut(scalars, &plan);

    let part_len = blocks.len().div_ceil(plan.parts(points, threads)).max(1);
    let parts = blocks.len().div_ceil(part_len).max(1);
    // Of each group of windows, from the top, each part.
    let mut windows = vec![Xyzz::INFINITY; plan.groups() * parts * plan.group];
    let stash = Stash::new(C::workplaces(store), keep);
    let (ones, summed) = rayon::join(
        || window::sum_ones::<C>(instructions, &stash, bases, &blocks, cancel),
        || {
            windows.par_chunks_mut(plan.group).enumerate().with_max_len(1).try_for_each(|(task, sums)| {
                let (group, start) = (task / parts, task % parts * part_len);
                let part = &blocks[start..blocks.len().min(start + part_len)];
                let task = Task::<C> { instructions, bases, blocks: part, plan: &plan, cancel };
                task.sum_windows(&stash, plan.windows - 1 - (group * plan.group) as u32, sums)
            })
        },
    );
    summed?;
    let mut total = Xyzz::INFINITY;
    for w in 0..plan.windows as usize {
        let (group, at) = (w / plan.group, w % plan.group);
        let parts = (0..parts).map(|part| &windows[(group * parts + part) * plan.group + at]);
        total = parts.fold(total.double_times(plan.bits), |total, part| total.add(part));
    }
    Ok(total.add(&ones?).to_affine())
}
