//! How windows are cut into tasks, and when so many threads have done them all.

use std::{cmp::Reverse, collections::BinaryHeap};

use millrace_bn254::buckets::MANY_BUCKETS;

use super::{
    choice::{Choice, Cut, ZERO},
    classes::{CLASSES, Classes},
    costs::Costs,
    scalars::BLOCK,
};

/// Buckets of windows that are filled together, at most: their points stay in the second cache.
pub(super) const TOGETHER: usize = 1 << 13;
/// Where they are too few for points to be taken as they come, so many points in all windows are sorted together at most, over rows of a point.
pub(super) const SORTED: usize = 1 << 15;
/// Points that a part has at least for each bucket, so that it has more to add than to weigh.
const POINTS_A_BUCKET: usize = 4;
/// What the sum of a window's part costs to be added to the others, on one thread when all are there, in tenths of a nanosecond; over G2 three times as much.
const JOIN: usize = 1_850;

/// Tasks of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Windows that are filled and weighed together.
    pub(super) group: usize,
    /// Parts of the points.
    pub(super) parts: usize,
}

/// Windows of scalars of some classes, in tenths of a nanosecond.
pub(super) struct Priced<'a> {
    pub(super) costs: &'a Costs,
    pub(super) classes: &'a Classes,
    /// From which class on scalars are cut into halves, if they are.
    pub(super) halved_from: Option<usize>,
}

impl Priced<'_> {
    /// What window `w` of these costs beside its [`rest`](Self::rest): what scalars have digits of there, and others' zeros.
    pub(super) fn points(&self, cut: &Cut, w: u32) -> usize {
        let of = |class: &usize| {
            let each = match w < cut.reach(self.classes.bits[*class]) {
                true => self.costs.point(cut.bits, self.halved_from.is_some_and(|from| *class >= from)),
                false => ZERO,
            };
            self.classes.counts[*class] * each
        };
        self.classes.present().filter(|class| *class >= cut.class).map(|class| of(&class)).sum()
    }

    /// What a window of these costs for each part of the points.
    pub(super) fn rest(&self, cut: &Cut) -> usize {
        self.costs.window(cut.bits, self.halved_from.is_some())
    }

    /// Tasks that take no longer than `longest` if they can be as short.
    pub(super) fn split(&self, cut: &Cut, longest: usize) -> Split {
        let images = usize::from(self.halved_from.is_some());
        let (windows, buckets) = (cut.windows as usize, 1 << (cut.bits - 1 + images as u32));
        let (rest, points) = (self.rest(cut), self.points(cut, 0));
        let len = self.classes.count(cut.class..CLASSES);
        let halves = self.halved_from.map_or(0, |from| self.classes.count(from..CLASSES));

        if rest + points > longest {
            let parts = points
                .div_ceil(longest.saturating_sub(rest).max(1))
                .min(len / (POINTS_A_BUCKET * cut.buckets()));
            // A part has whole blocks, and all but the last the same number.
            let blocks = len.div_ceil(BLOCK).max(1);
            let part_len = blocks.div_ceil(parts.max(1));
            return Split { group: 1, parts: blocks.div_ceil(part_len) };
        }
        // A batch of all windows of two is worth more than a third task.
        let even = |most: usize| windows.div_ceil(windows.div_ceil(most.max(1)).max(1)).max(1);
        let mut group = even((longest / (rest + points).max(1)).min(TOGETHER / buckets));
        // Of groups of nearly the same size each may have too few buckets where the most that may be together have enough.
        if group * buckets < MANY_BUCKETS {
            group = even(group.min(SORTED / ((len + halves) * self.costs.rows).max(1)));
        }
        Split { group, parts: 1 }
    }

    /// What the longest task of these windows costs, one for each window and part.
    pub(super) fn longest(&self, cut: &Cut, parts: usize) -> usize {
        self.rest(cut) + self.points(cut, 0) / parts
    }

    /// What the tasks of a choice cost, those of a segment after those of another.
    fn tasks(&self, choice: &Choice) -> Vec<usize> {
        let mut tasks = Vec::new();
        for cut in &choice.cuts[..choice.count] {
            let (Split { group, parts }, rest) = (self.split(cut, choice.longest), self.rest(cut));
            let blocks = self.classes.count(cut.class..CLASSES).div_ceil(BLOCK).max(1);
            let part_len = blocks.div_ceil(parts);
            let windows: Vec<_> = (0..cut.windows).rev().map(|w| self.points(cut, w)).collect();
            for windows in windows.chunks(group) {
                for start in (0..blocks).step_by(part_len) {
                    let len = part_len.min(blocks - start);
                    tasks.push(windows.iter().map(|points| rest + points * len / blocks).sum());
                }
            }
        }
        tasks
    }

    /// When all is done, if so many threads take one task after another, the longest first, and one of them adds up what comes of them.
    pub(super) fn end(&self, choice: &Choice, threads: usize) -> usize {
        let mut tasks = self.tasks(choice);
        let joined = tasks.len() * JOIN * (2 * self.costs.rows - 1);
        tasks.sort_unstable_by_key(|task| Reverse(*task));
        let mut free: BinaryHeap<_> = vec![Reverse(0); threads.min(tasks.len())].into();
        for task in tasks {
            if let Some(mut next) = free.peek_mut() {
                next.0 += task;
            }
        }
        joined + free.into_iter().map(|Reverse(end)| end).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{
        backend::Instructions,
        points::{G1, G2},
    };

    use super::{
        super::plan::{Plan, Segment, Wanted},
        *,
    };

    /// Full width, and shorter scalars beside as many of full width as a rollup's witness has.
    fn mixtures(points: usize) -> impl Iterator<Item = Classes> {
        let mixed = [8, 16, 32, 64].into_iter().flat_map(move |bits| {
            [8, 64].map(|one_of| {
                [Classes::one(points, bits), Classes::one(points / one_of, 253)].into_iter().sum()
            })
        });
        [Classes::one(points, 253)].into_iter().chain(mixed)
    }

    /// What is expected of each task of a segment, and what it takes by the table, as the sum makes them.
    fn tasks_of(
        costs: &Costs,
        classes: &Classes,
        segment: &Segment,
        first_bit: u32,
        halved_from: Option<usize>,
    ) -> Vec<(usize, f64)> {
        let blocks = classes.count(segment.class..CLASSES).div_ceil(BLOCK).max(1);
        let part = blocks.div_ceil(segment.parts);
        let mut tasks = Vec::new();
        for group in (0..segment.windows).collect::<Vec<_>>().rchunks(segment.group).rev() {
            for start in (0..blocks).step_by(part) {
                let len = part.min(blocks - start);
                let share = len as f64 / blocks as f64;
                let window = |w: &u32| {
                    let at = first_bit + w * segment.bits;
                    let points: usize = (segment.class..CLASSES)
                        .map(|class| match at <= classes.bits[class] {
                            true => {
                                classes.counts[class]
                                    * costs.point(segment.bits, halved_from.is_some_and(|from| class >= from))
                            }
                            false => classes.counts[class] * ZERO,
                        })
                        .sum();
                    costs.window(segment.bits, halved_from.is_some()) as f64 + share * points as f64
                };
                let points = classes.count(segment.class..CLASSES) * len / blocks;
                let top = *group.last().expect("a window");
                tasks.push((segment.task_cost(top, group.len(), points), group.iter().map(window).sum()));
            }
        }
        tasks
    }

    /// What one thread takes without cutting, divided by so many, in milliseconds, and how many times as long they take: tasks one after another in the order of the sum.
    fn share_and_times(costs: &Costs, classes: &Classes, threads: usize) -> (f64, f64) {
        let tasks = |threads| {
            let plan = Plan::new(costs, classes, threads, Wanted::default());
            let top = plan.segments.last().expect("a segment").class;
            let (mut first_bit, mut tasks) = (0, Vec::new());
            for segment in &plan.segments {
                tasks.extend(tasks_of(costs, classes, segment, first_bit, plan.halved.then_some(top)));
                first_bit += segment.windows * segment.bits;
            }
            tasks.sort_by_key(|(expected, _)| Reverse(*expected));
            tasks
        };
        let share = tasks(1).iter().map(|(_, task)| task).sum::<f64>() / threads as f64;
        let mut free = vec![0.0; threads];
        for (_, task) in tasks(threads) {
            let next = free.iter_mut().min_by(|a, b| f64::total_cmp(a, b)).expect("threads");
            *next += task;
        }
        (share / 1e7, free.into_iter().fold(0.0, f64::max) / share)
    }

    /// How well depends on how many points there are for each thread: a window of a block of them is a task at least.
    #[test]
    fn threads_share_mixtures_nearly_evenly() {
        const BARS: [(usize, f64); 4] = [(1 << 14, 1.4), (1 << 13, 1.6), (1 << 12, 2.0), (1 << 11, 2.7)];
        for (instructions, rows) in Instructions::all().into_iter().flat_map(|i| [(i, 1), (i, 2)]) {
            let costs = if rows == 1 { Costs::of::<G1>(instructions) } else { Costs::of::<G2>(instructions) };
            for (log, threads) in
                (11..=22).flat_map(|log| [2, 3, 4, 7, 8, 16, 32, 48, 64].map(|threads| (log, threads)))
            {
                let bar = BARS.iter().find(|(points, _)| (1 << log) / threads >= *points);
                for (classes, (_, most)) in mixtures(1 << log).zip(bar.iter().cycle()) {
                    let (_, times) = share_and_times(costs, &classes, threads);
                    assert!(
                        times <= *most,
                        "{instructions:?}, {rows} rows, {threads} threads, {classes:?}: {times:.2} times, not {most}"
                    );
                }
            }
        }
    }

    /// Scalars of full width, as sums of a proof mostly are.
    #[test]
    fn threads_share_whole_scalars_evenly() {
        for (instructions, rows) in Instructions::all().into_iter().flat_map(|i| [(i, 1), (i, 2)]) {
            let costs = if rows == 1 { Costs::of::<G1>(instructions) } else { Costs::of::<G2>(instructions) };
            let bars = (12..=22).flat_map(|log| {
                [
                    (log, 2, 1.09),
                    (log, 8, 1.3),
                    (log, 16, 1.3),
                    (log.max(14), 32, 1.4),
                    (log.max(15), 64, 1.45),
                ]
            });
            for (log, threads, most) in bars {
                let (_, times) = share_and_times(costs, &Classes::one(1 << log, 253), threads);
                assert!(
                    times <= most,
                    "{instructions:?}, {rows} rows, 2^{log}, {threads} threads: {times:.2} times, not {most}"
                );
            }
        }
    }
}
