//! Σ kᵢ·Pᵢ by signed windows and buckets.
//!
//! 1. Scalars are taken to the nearer side of zero, k or r − k with −P; zeros and points at infinity fall out, ones are set
//!    aside ([`scalars`]).
//! 2. The widest of the rest and their number give window width c and count W ([`plan`]).
//! 3. Each window is a task: points are sorted by their digit (counting sort) and summed bucket by bucket, pairwise in
//!    batches ([`window`]); the buckets are weighed. All distributions of digits cost the same.
//! 4. Windows are added up from the top, with c doublings between.
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

use self::{costs::Costs, plan::Plan, window::Stash};
pub(crate) use self::{scalars::Block, window::Workplace};
use crate::store::{Kept, Store};

/// Bits of the larger of scalars, on the nearer side of zero.
const SCALAR_BITS: u32 = 253;

/// The most points of one job.
pub(crate) const MAX_POINTS: usize = PointRef::LIMIT;

/// How sums are made.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) instructions: Instructions,
    /// Width of windows, where the plan's own is not wanted.
    pub(crate) window_bits: Option<u32>,
}

/// Point additions of a sum over so many bases of G1 with random scalars: into buckets, and of buckets when they are weighed.
pub fn additions(points: usize) -> u64 {
    let plan = Plan::new(Costs::of::<G1>(), points, SCALAR_BITS, None);
    // Of a bucket's points one is not added; then each bucket is, to a row and to a column.
    u64::from(plan.windows) * (points + plan.buckets()) as u64
}

/// Σ scalars\[i\]·bases\[i\], on the current thread pool.
///
/// `bases` and `scalars` are equally long, at most [`MAX_POINTS`]. Memory comes from the store, and is left there if it shall be kept.
///
/// # Errors
/// [`EngineError::BadValue`] for a scalar not below r, [`EngineError::Cancelled`].
pub(crate) fn sum<C: Kept>(
    How { instructions, window_bits }: How,
    (store, keep): (&Store, bool),
    bases: &[C::Base],
    scalars: &[FrCanonical],
    cancel: &CancelToken,
) -> Result<Affine<C::Field>, EngineError> {
    let mut blocks = scalars::split(&store.blocks, keep, scalars, |index| C::is_infinity(&bases[index]))?;
    let points: usize = blocks.iter().map(Block::len).sum();
    let bits = blocks.iter().map(|block| block.bits).max().unwrap_or(0);
    let plan = Plan::new(Costs::of::<C>(), points, bits, window_bits);
    blocks.cut(scalars, &plan);

    let part_len = blocks.len().div_ceil(plan.parts(points, rayon::current_num_threads())).max(1);
    let parts = blocks.len().div_ceil(part_len).max(1);
    // Of each window, from the top, each part.
    let mut windows = vec![Xyzz::INFINITY; plan.windows as usize * parts];
    let stash = Stash::new(C::workplaces(store), keep);
    let (ones, summed) = rayon::join(
        || window::sum_ones::<C>(instructions, &stash, bases, &blocks, cancel),
        || {
            windows.par_iter_mut().enumerate().with_max_len(1).try_for_each(|(task, sum)| {
                let (w, start) = (plan.windows - 1 - (task / parts) as u32, task % parts * part_len);
                let part = &blocks[start..blocks.len().min(start + part_len)];
                *sum = window::sum_window::<C>(instructions, &stash, bases, part, &plan, w, cancel)?;
                Ok::<_, EngineError>(())
            })
        },
    );
    summed?;
    let total = windows.chunks_exact(parts).fold(Xyzz::INFINITY, |total, window| {
        window.iter().fold(total.double_times(plan.bits), |total, part| total.add(part))
    });
    Ok(total.add(&ones?).to_affine())
}
