//! Σ kᵢ·Pᵢ by signed windows and buckets.
//!
//! 1. Scalars are taken to the nearer side of zero, k or r − k with −P; zeros and points at infinity fall out, ones are set
//!    aside, and the others are sorted by their length into [`classes`] ([`scalars`]).
//! 2. How many there are of each class, and how long the longest is, gives windows: their widths, how far up each class has digits, and whether scalars are cut into k₁ + k₂·λ, halves as
//!    long ([`choice`], by measured [`costs`]; [`plan`]). A short scalar is in no window above its end, and shares the buckets of those below with the longer ones.
//! 3. Some windows are a task, few enough for their buckets to stay near. Points go to their digits' buckets, pairwise in batches that all windows of the task
//!    share ([`window`]): in the order in which they come where buckets are many, sorted by bucket where they are few. All distributions of digits cost the same.
//! 4. Second halves have buckets of their own, of the same points. Σ k₁P + φ(Σ k₂P) takes the endomorphism φ of a bucket, not of each point: those buckets are mapped,
//!    added to the others, and all are weighed.
//! 5. Windows are added up from the top, with c doublings between.
//!
//! With many threads the range of points is cut as well, so that there are enough tasks.

mod choice;
mod classes;
mod costs;
mod plan;
mod scalars;
mod window;

use std::ops::Range;

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
    classes::Classes,
    costs::Costs,
    plan::{Plan, Segment},
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
    let (costs, all) = (Costs::of::<G1>(Instructions::best()), Classes::one(points, SCALAR_BITS));
    let plan = Plan::new(costs, &all, 1, Wanted::default());
    // Of a bucket's points one is not added; then each bucket is, to a row and to a column.
    let window = |segment: &Segment| match plan.halved {
        true => 2 * points + segment.buckets(),
        false => points + segment.buckets(),
    };
    plan.segments.iter().map(|segment| u64::from(segment.windows) * window(segment) as u64).sum()
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
    let classes = blocks.iter().map(|block| block.classes).sum();
    let plan = Plan::new(Costs::of::<C>(instructions), &classes, threads, wanted);
    blocks.cut(scalars, &plan);

    let shares: Vec<_> = plan.segments.iter().map(|segment| Shares::new(segment, blocks.len())).collect();
    let mut windows = vec![Xyzz::INFINITY; shares.iter().map(Shares::len).sum()];
    let mut tasks = Vec::with_capacity(windows.len());
    let mut rest = &mut windows[..];
    for (segment, shares) in shares.iter().enumerate() {
        let sums = rest.split_off_mut(..shares.len()).expect("a place for each window");
        let each = sums.chunks_mut(shares.group).enumerate();
        tasks.extend(each.map(|(task, sums)| (segment, shares.task(task), sums)));
    }
    let stash = Stash::new(C::workplaces(store), keep);
    let (ones, summed) = rayon::join(
        || window::sum_ones::<C>(instructions, &stash, bases, &blocks, cancel),
        || {
            tasks.into_par_iter().with_max_len(1).try_for_each(|(segment, (top, part), sums)| {
                let task =
                    Task::<C> { instructions, bases, blocks: &blocks[part], plan: &plan, segment, cancel };
                task.sum_windows(&stash, top, sums)
            })
        },
    );
    summed?;
    let mut total = Xyzz::INFINITY;
    let mut rest = &windows[..];
    for (segment, shares) in plan.segments.iter().zip(&shares).rev() {
        let (below, sums) = rest.split_at(rest.len() - shares.len());
        rest = below;
        for w in (0..segment.windows).rev() {
            total = shares.places(w).fold(total.double_times(segment.bits), |total, at| total.add(&sums[at]));
        }
    }
    Ok(total.add(&ones?).to_affine())
}

/// How a segment's windows and the blocks of points are shared among tasks: of each group of windows, from the top, each part of the blocks.
struct Shares {
    windows: u32,
    group: usize,
    groups: usize,
    /// Blocks in all, and of a part.
    blocks: usize,
    part_len: usize,
}

impl Shares {
    fn new(segment: &Segment, blocks: usize) -> Self {
        let part_len = blocks.div_ceil(segment.parts).max(1);
        Self { windows: segment.windows, group: segment.group, groups: segment.groups(), blocks, part_len }
    }

    fn parts(&self) -> usize {
        self.blocks.div_ceil(self.part_len).max(1)
    }

    /// Sums of windows in the making.
    fn len(&self) -> usize {
        self.groups * self.parts() * self.group
    }

    /// The top window of a task, and its blocks.
    fn task(&self, task: usize) -> (u32, Range<usize>) {
        let (group, start) = (task / self.parts(), task % self.parts() * self.part_len);
        (self.windows - 1 - (group * self.group) as u32, start..self.blocks.min(start + self.part_len))
    }

    /// Where the sums of a window's parts are.
    fn places(&self, w: u32) -> impl Iterator<Item = usize> {
        let from_top = (self.windows - 1 - w) as usize;
        let (group, at) = (from_top / self.group, from_top % self.group);
        (0..self.parts()).map(move |part| (group * self.parts() + part) * self.group + at)
    }
}
