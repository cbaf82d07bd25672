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
//! With many threads the range of points is cut as well, and windows are narrower where all is done sooner so ([`tasks`]). Threads take the longest tasks first.

mod choice;
mod classes;
mod costs;
mod memory;
mod plan;
mod scalars;
mod tasks;
mod window;
mod workplace;

use std::{
    cmp::Reverse,
    iter,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use millrace_bn254::{
    FrCanonical,
    backend::Instructions,
    batch::PointRef,
    curve::{Affine, Xyzz},
    points::Curve,
};
use millrace_job::{CancelToken, EngineError};
use rayon::prelude::*;
use zeroize::Zeroize;

use self::{
    classes::Classes,
    costs::Costs,
    plan::{Plan, Segment},
    window::Task,
    workplace::Stash,
};
pub(crate) use self::{
    memory::{kept_sum_bytes, sum_bytes},
    plan::Wanted,
    scalars::Block,
    workplace::Workplace,
};
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

/// Point additions of a sum over so many bases with random scalars, on one thread with the fastest instructions: into buckets, of images to what they count for, and of buckets
/// when they are weighed.
pub fn additions<C: Curve>(points: usize) -> u64 {
    let (costs, all) = (Costs::of::<C>(Instructions::best()), Classes::one(points, SCALAR_BITS));
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
    let threads = wanted.threads.unwrap_or_else(rayon::current_num_threads);
    let mut blocks = scalars::split(&store.blocks, keep, scalars, |index| C::is_infinity(&bases[index]))?;
    let classes = blocks.iter().map(|block| block.classes).sum();
    let plan = Plan::new(Costs::of::<C>(instructions), &classes, threads, wanted);
    let may_stay = blocks.cut(scalars, &plan, threads);

    let segments = plan.segments.iter();
    let mut sums: Vec<_> = segments.map(|segment| Sums::<C>::new(segment, blocks.len())).collect();
    let home = C::workplaces(store);
    let stash = match (keep, may_stay) {
        (true, false) => Stash::alone(home, threads),
        _ => Stash::new(home, keep, scalars.len()),
    };
    let (ones, summed) = rayon::join(
        || window::sum_ones::<C>(instructions, &stash, bases, &blocks, cancel),
        || {
            // The longest first, so that threads are done at about the same time.
            let numbered = sums.iter_mut().enumerate();
            let mut tasks: Vec<_> = numbered
                .flat_map(|(segment, sums)| sums.by_task().rev().map(move |task| (segment, task)))
                .collect();
            tasks.sort_by_cached_key(|(segment, (top, part, sums))| {
                let points = blocks[part.clone()].iter().map(|block| block.len_in(*segment)).sum();
                Reverse(plan.segments[*segment].task_cost(*top, sums.len(), points))
            });
            let tasks = Mutex::new(tasks.into_iter());
            let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
            (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).try_for_each(|_| {
                iter::from_fn(next).try_for_each(|(segment, (top, part, sums))| {
                    let blocks = &blocks[part];
                    let task = Task::<C> { instructions, bases, blocks, plan: &plan, segment, cancel };
                    task.sum_windows(&stash, top, sums)
                })
            })
        },
    );
    summed?;
    let mut total = Xyzz::INFINITY;
    for sums in sums.iter().rev() {
        for w in (0..sums.segment.windows).rev() {
            total = sums.of(w).fold(total.double_times(sums.segment.bits), |total, part| total.add(part));
        }
    }
    Ok(total.add(&ones?).to_affine())
}

/// Sums of a segment's windows in the making, a task's after another's: of each group of windows, from the top, each part of the blocks of points.
struct Sums<'a, C: Curve> {
    segment: &'a Segment,
    /// Blocks in all, and of a part.
    blocks: usize,
    part_len: usize,
    parts: usize,
    all: Vec<Xyzz<C::Field>>,
}

/// The sum of a window with few points tells their digits.
impl<C: Curve> Drop for Sums<'_, C> {
    fn drop(&mut self) {
        self.all.zeroize();
    }
}

impl<'a, C: Curve> Sums<'a, C> {
    fn new(segment: &'a Segment, blocks: usize) -> Self {
        let part_len = blocks.div_ceil(segment.parts).max(1);
        let parts = blocks.div_ceil(part_len).max(1);
        let all = vec![Xyzz::INFINITY; segment.groups() * parts * segment.group];
        Self { segment, blocks, part_len, parts, all }
    }

    /// The top window of each task, its blocks, and places for the sums of its windows.
    fn by_task(&mut self) -> impl DoubleEndedIterator<Item = (u32, Range<usize>, &mut [Xyzz<C::Field>])> {
        let Self { segment, blocks, part_len, parts, .. } = *self;
        self.all.chunks_mut(segment.group).enumerate().map(move |(task, sums)| {
            let (group, start) = (task / parts, task % parts * part_len);
            let top = segment.windows - 1 - (group * segment.group) as u32;
            (top, start..blocks.min(start + part_len), sums)
        })
    }

    /// What the parts of a window are worth.
    fn of(&self, w: u32) -> impl Iterator<Item = &Xyzz<C::Field>> {
        let from_top = (self.segment.windows - 1 - w) as usize;
        let (group, at) = (from_top / self.segment.group, from_top % self.segment.group);
        (0..self.parts).map(move |part| &self.all[(group * self.parts + part) * self.segment.group + at])
    }
}
