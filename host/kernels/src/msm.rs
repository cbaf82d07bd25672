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
    memory::{kept_sum_bytes, left_bytes, sum_bytes},
    plan::Wanted,
    scalars::Block,
    workplace::Workplace,
};
use crate::store::{Kept, Store};

/// Bits of the larger of scalars, on the nearer side of zero.
const SCALAR_BITS: u32 = 253;

/// Ones and minus ones that are worth a task.
const MANY_ONES: usize = 1 << 13;

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
    let mut sums: Vec<_> =
        segments.enumerate().map(|(number, segment)| Sums::<C>::new(segment, number, &blocks)).collect();
    let home = C::workplaces(store);
    let stash = match (keep, may_stay) {
        (true, false) => Stash::alone(home, threads),
        _ => Stash::new(home, keep, scalars.len()),
    };
    let (ones, summed) = rayon::join(
        || {
            let ones: Vec<_> = blocks.iter().map(|block| block.ones().len()).collect();
            let most = (ones.iter().sum::<usize>() / MANY_ONES).clamp(1, threads);
            let sums = parts(&ones, most).into_par_iter().with_max_len(1);
            sums.map(|part| window::sum_ones::<C>(instructions, &stash, bases, &blocks[part], cancel))
                .try_reduce(|| Xyzz::INFINITY, |sum, part| Ok(sum.add(&part)))
        },
        || {
            // The longest first, so that threads are done at about the same time.
            let numbered = sums.iter_mut().enumerate();
            let mut tasks: Vec<_> = numbered
                .flat_map(|(segment, sums)| sums.by_task().rev().map(move |task| (segment, task)))
                .collect();
            let count = tasks.len();
            tasks.sort_by_cached_key(|(segment, (top, part, sums))| {
                let points = blocks[part.clone()].iter().map(|block| block.len_in(*segment)).sum();
                Reverse(plan.segments[*segment].task_cost(*top, sums.len(), points))
            });
            let tasks = Mutex::new(tasks.into_iter());
            let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
            (0..count).into_par_iter().with_max_len(1).try_for_each(|_| {
                let Some((segment, (top, part, sums))) = next() else { return Ok(()) };
                let blocks = &blocks[part];
                let task = Task::<C> { instructions, bases, blocks, plan: &plan, segment, cancel };
                task.sum_windows(&stash, top, sums)
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
    /// Blocks of each part.
    parts: Vec<Range<usize>>,
    all: Vec<Xyzz<C::Field>>,
}

/// The sum of a window with few points tells their digits.
impl<C: Curve> Drop for Sums<'_, C> {
    fn drop(&mut self) {
        self.all.zeroize();
    }
}

impl<'a, C: Curve> Sums<'a, C> {
    /// For the segment of that number.
    fn new(segment: &'a Segment, number: usize, blocks: &[Block]) -> Self {
        let points = blocks.iter().map(|block| block.len_in(number)).collect::<Vec<_>>();
        let parts = parts(&points, segment.parts);
        let all = vec![Xyzz::INFINITY; segment.groups() * parts.len() * segment.group];
        Self { segment, parts, all }
    }

    /// The top window of each task, its blocks, and places for the sums of its windows.
    fn by_task(&mut self) -> impl DoubleEndedIterator<Item = (u32, Range<usize>, &mut [Xyzz<C::Field>])> {
        let Self { segment, parts, all } = self;
        let (segment, parts) = (*segment, &*parts);
        all.chunks_mut(segment.group).enumerate().map(move |(task, sums)| {
            let top = segment.windows - 1 - (task / parts.len() * segment.group) as u32;
            (top, parts[task % parts.len()].clone(), sums)
        })
    }

    /// What the parts of a window are worth.
    fn of(&self, w: u32) -> impl Iterator<Item = &Xyzz<C::Field>> {
        let from_top = (self.segment.windows - 1 - w) as usize;
        let (group, at) = (from_top / self.segment.group, from_top % self.segment.group);
        let parts = self.parts.len();
        (0..parts).map(move |part| &self.all[(group * parts + part) * self.segment.group + at])
    }
}

/// Blocks in a row that have about the same number of points together, in so many parts or fewer; blocks without points behind the last are in none.
fn parts(points: &[usize], most: usize) -> Vec<Range<usize>> {
    let total: usize = points.iter().sum();
    let (mut parts, mut seen, mut start, mut shares) = (Vec::with_capacity(most), 0, 0, 0);
    for (block, points) in points.iter().enumerate() {
        seen += points;
        let now = seen * most / total.max(1);
        if now > shares {
            parts.push(start..block + 1);
            (start, shares) = (block + 1, now);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_have_all_points_and_the_same_number_of_them() {
        assert_eq!(parts(&[4; 16], 6), [0..3, 3..6, 6..8, 8..11, 11..14, 14..16]);
        // Where all are together they are parted, wherever they lie.
        assert_eq!(parts(&[0, 0, 9, 9, 9, 0, 0], 3), [0..3, 3..4, 4..5]);
        assert_eq!(parts(&[90, 1, 1, 1, 1, 90], 4), [0..1, 1..3, 3..6]);
        assert!(parts(&[], 3).is_empty() && parts(&[0, 0], 3).is_empty());
        for most in 1..=20 {
            let points: Vec<usize> = (0..100).map(|i| i * 7919 % 4097).collect();
            let parts = parts(&points, most);
            let total: usize = points.iter().sum();
            assert!(parts.len() == most && parts[0].start == 0 && parts[most - 1].end == 100);
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(
                parts.iter().all(|part| points[part.clone()].iter().sum::<usize>() <= total / most + 4097)
            );
        }
    }
}
