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

// What cutting costs, in tenths of a nanosecond, by the lines of `cargo bench -p millrace-harness --bench tasks` in `bench/results/2026-11-29-tasks`: there a window's points and buckets are those of
// the table of costs, which was measured with windows together.
/// A task more: 36 µs over G1, 42 over G2, the inversions of its rounds.
const TASK: usize = 400_000;
/// A digit of windows that have too few buckets together for points to be taken as they come: 5 to 7 ns where they have 128 each, 11 to 13 where they have 1024.
const SORTING: usize = 120;
/// The sum of a window's part is added to the others, on one thread when all are there: 176 ns over G1, over G2 three times as much.
const JOIN: usize = 1_760;

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
    /// What window `w` of these costs beside its [`rest`](Self::rest), if so many are together: what scalars have digits of there, and others' zeros.
    pub(super) fn points(&self, cut: &Cut, w: u32, group: usize) -> usize {
        let sorting = self.sorting(cut, group);
        let of = |class: usize| {
            let reaches = w < cut.reach(self.classes.bits[class]);
            self.classes.counts[class] * if reaches { self.digit(cut, class, sorting) } else { ZERO }
        };
        self.present(cut).map(of).sum()
    }

    /// Classes of scalars with digits in these windows.
    fn present(&self, cut: &Cut) -> impl Iterator<Item = usize> + use<'_> {
        let first = cut.class;
        self.classes.present().filter(move |class| *class >= first)
    }

    /// What a digit of such a scalar costs, or its halves' two.
    fn digit(&self, cut: &Cut, class: usize, sorting: usize) -> usize {
        let halved = self.halved_from.is_some_and(|from| class >= from);
        self.costs.point(cut.bits, halved) + (sorting << u32::from(halved))
    }

    /// What a digit costs more where so many windows are together.
    fn sorting(&self, cut: &Cut, group: usize) -> usize {
        if group * self.buckets(cut) < MANY_BUCKETS { SORTING } else { 0 }
    }

    /// What a window of these costs for each part of the points.
    pub(super) fn rest(&self, cut: &Cut) -> usize {
        self.costs.window(cut.bits, self.halved_from.is_some())
    }

    /// Those of a window, of images among them.
    fn buckets(&self, cut: &Cut) -> usize {
        cut.buckets() << u32::from(self.halved_from.is_some())
    }

    /// Points of these windows, and how many blocks of scalars they fill.
    fn points_and_blocks(&self, cut: &Cut) -> (usize, usize) {
        let len = self.classes.count(cut.class..CLASSES);
        (len, len.div_ceil(BLOCK).max(1))
    }

    /// Tasks that take about as long as `longest`, or as near as can be.
    pub(super) fn split(&self, cut: &Cut, longest: usize) -> Split {
        let (windows, buckets) = (cut.windows as usize, self.buckets(cut));
        let window = self.rest(cut) + self.points(cut, 0, TOGETHER);
        let even = |most: usize| windows.div_ceil(windows.div_ceil(most.max(1)).max(1)).max(1);
        // As many as take points as they come.
        let spread = even(MANY_BUCKETS.div_ceil(buckets).min(windows));
        if spread * window > longest {
            let parted = |group| Split { group, parts: self.parts(cut, group, longest) };
            if spread * buckets >= MANY_BUCKETS && self.longest(cut, parted(spread)) <= longest {
                return parted(spread);
            }
            if window > longest {
                return parted(1);
            }
        }
        // A batch of all windows of two is worth more than a third task.
        let mut group =
            even(windows.div_ceil((windows * window).div_ceil(longest).max(1)).min(TOGETHER / buckets));
        // Of groups of nearly the same size each may have too few buckets where the most that may be together have enough.
        if group * buckets < MANY_BUCKETS {
            let halves = self.halved_from.map_or(0, |from| self.classes.count(from..CLASSES));
            let (len, _) = self.points_and_blocks(cut);
            group = even(group.min(SORTED / ((len + halves) * self.costs.rows).max(1)));
        }
        Split { group, parts: 1 }
    }

    /// Into how many parts to cut the points of so many windows together, so that tasks are no longer if they can be as short.
    fn parts(&self, cut: &Cut, group: usize, longest: usize) -> usize {
        let ((len, blocks), rest) = (self.points_and_blocks(cut), TASK + group * self.rest(cut));
        let wanted = (group * self.points(cut, 0, group)).div_ceil(longest.saturating_sub(rest).max(1));
        let parts = wanted.min(len / (POINTS_A_BUCKET * cut.buckets())).max(1);
        // Parts have whole blocks; as few as have no more than the largest.
        blocks.div_ceil(blocks.div_ceil(parts))
    }

    /// What the longest task costs.
    pub(super) fn longest(&self, cut: &Cut, Split { group, parts }: Split) -> usize {
        let (_, blocks) = self.points_and_blocks(cut);
        let points = self.points(cut, 0, group) * blocks.div_ceil(parts) / blocks;
        TASK + group * (self.rest(cut) + points)
    }

    /// What windows cost that are split so.
    pub(super) fn cost(&self, cut: &Cut, Split { group, parts }: Split) -> usize {
        let windows = cut.windows as usize;
        let sorting = self.sorting(cut, group);
        let digits = |class: usize| {
            let digits = (cut.reach(self.classes.bits[class]) as usize).min(windows);
            self.classes.counts[class]
                * (digits * self.digit(cut, class, sorting) + (windows - digits) * ZERO)
        };
        let points: usize = self.present(cut).map(digits).sum();
        points + parts * (windows * self.rest(cut) + windows.div_ceil(group) * TASK)
    }

    /// What each task of some windows costs.
    fn tasks_of(&self, cut: &Cut, Split { group, parts }: Split) -> impl Iterator<Item = usize> {
        let ((_, blocks), rest) = (self.points_and_blocks(cut), self.rest(cut));
        let windows: Vec<_> = (0..cut.windows).rev().map(|w| self.points(cut, w, group)).collect();
        let groups = windows.chunks(group).map(|windows| (windows.len(), windows.iter().sum::<usize>()));
        let groups: Vec<_> = groups.collect();
        groups.into_iter().flat_map(move |(len, points)| {
            let end = move |part: usize| (part * blocks).div_ceil(parts);
            (0..parts).map(move |part| TASK + len * rest + points * (end(part + 1) - end(part)) / blocks)
        })
    }

    /// When all is done, if so many threads take one task after another, the longest first, and one of them adds up what comes of them; and what they have worked by then.
    pub(super) fn end_and_work(&self, choice: &Choice, threads: usize) -> (usize, usize) {
        let (mut tasks, mut joined) = (Vec::new(), 0);
        for cut in &choice.cuts[..choice.count] {
            let split = self.split(cut, choice.longest);
            tasks.extend(self.tasks_of(cut, split));
            joined += cut.windows as usize * split.parts * JOIN * (2 * self.costs.rows - 1);
        }
        let work: usize = tasks.iter().sum();
        tasks.sort_unstable_by_key(|task| Reverse(*task));
        let mut free: BinaryHeap<_> = vec![Reverse(0); threads.min(tasks.len())].into();
        for task in tasks {
            if let Some(mut next) = free.peek_mut() {
                next.0 += task;
            }
        }
        let last = free.into_iter().map(|Reverse(end)| end).max().unwrap_or(0);
        (joined + last, joined + work)
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

    /// What is expected of each task of a segment, and what it takes by the table and what was measured besides, as the sum makes them.
    fn tasks_of(
        costs: &Costs,
        classes: &Classes,
        segment: &Segment,
        first_bit: u32,
        halved_from: Option<usize>,
    ) -> Vec<(usize, f64)> {
        let blocks = classes.count(segment.class..CLASSES).div_ceil(BLOCK).max(1);
        let sorted = segment.layout().count() < MANY_BUCKETS;
        let mut tasks = Vec::new();
        for group in (0..segment.windows).collect::<Vec<_>>().rchunks(segment.group).rev() {
            for part in 0..segment.parts {
                let len =
                    (blocks * (part + 1)).div_ceil(segment.parts) - (blocks * part).div_ceil(segment.parts);
                let window = |w: &u32| {
                    let at = first_bit + w * segment.bits;
                    let points = (segment.class..CLASSES).map(|class| {
                        let halved = halved_from.is_some_and(|from| class >= from);
                        let digits = if halved { 2 } else { 1 };
                        let each = match at <= classes.bits[class] {
                            true => costs.point(segment.bits, halved) + if sorted { 120 * digits } else { 0 },
                            false => ZERO,
                        };
                        classes.counts[class] * each
                    });
                    let points: usize = points.sum();
                    costs.window(segment.bits, halved_from.is_some()) as f64
                        + points as f64 * len as f64 / blocks as f64
                };
                let points = classes.count(segment.class..CLASSES) * len / blocks;
                let top = *group.last().expect("a window");
                let expected = segment.task_cost(top, group.len(), points);
                tasks.push((expected, 400_000.0 + group.iter().map(window).sum::<f64>()));
            }
        }
        tasks
    }

    /// How long so many threads take, tasks one after another in the order of the sum, then their sums; and how much they work.
    fn end_and_work(costs: &Costs, classes: &Classes, threads: usize) -> (f64, f64) {
        let plan = Plan::new(costs, classes, threads, Wanted::default());
        let top = plan.segments.last().expect("a segment").class;
        let (mut first_bit, mut tasks, mut joined) = (0, Vec::new(), 0.0);
        for segment in &plan.segments {
            tasks.extend(tasks_of(costs, classes, segment, first_bit, plan.halved.then_some(top)));
            first_bit += segment.windows * segment.bits;
            let sums = segment.windows as usize * segment.parts;
            joined += sums as f64 * if costs.rows == 1 { 1760.0 } else { 5280.0 };
        }
        tasks.sort_by_key(|(expected, _)| Reverse(*expected));
        let work: f64 = tasks.iter().map(|(_, task)| task).sum();
        let mut free = vec![0.0; threads];
        for (_, task) in tasks {
            let next = free.iter_mut().min_by(|a, b| f64::total_cmp(a, b)).expect("threads");
            *next += task;
        }
        (joined + free.into_iter().fold(0.0, f64::max), joined + work)
    }

    /// The same over what one thread takes, the time divided by the threads.
    fn times_and_work(costs: &Costs, classes: &Classes, threads: usize) -> (f64, f64) {
        let (one, _) = end_and_work(costs, classes, 1);
        let (end, work) = end_and_work(costs, classes, threads);
        (end * threads as f64 / one, work / one)
    }

    fn all_costs() -> impl Iterator<Item = (&'static str, &'static Costs)> {
        Instructions::all().into_iter().flat_map(|instructions| {
            let (g1, g2) = (Costs::of::<G1>(instructions), Costs::of::<G2>(instructions));
            [g1, g2].map(|costs| (instructions.name(), costs))
        })
    }

    /// So many points for each thread or more: at most so many times the time, and the work. A window of a block of points is a task at least.
    type Bars = [(usize, f64, f64)];

    fn check(
        costs: &Costs,
        instructions: &str,
        classes: &Classes,
        points: usize,
        threads: usize,
        bars: &Bars,
    ) {
        let Some((_, most, most_work)) = bars.iter().find(|(each, ..)| points / threads >= *each) else {
            return;
        };
        let (times, work) = times_and_work(costs, classes, threads);
        assert!(
            times <= *most && work <= *most_work,
            "{instructions}, {} rows, {threads} threads, {classes:?}: {times:.2} times, not {most}, {work:.2} times the work, not {most_work}",
            costs.rows
        );
    }

    #[test]
    fn threads_share_mixtures_nearly_evenly() {
        const BARS: &Bars = &[
            (1 << 16, 1.36, 1.16),
            (1 << 15, 1.47, 1.2),
            (1 << 14, 1.6, 1.45),
            (1 << 13, 2.25, 1.85),
            (1 << 12, 3.0, 2.3),
        ];
        for (instructions, costs) in all_costs() {
            for log in 13..=22 {
                for threads in [2, 3, 4, 7, 8, 16, 32, 48, 64] {
                    for classes in mixtures(1 << log) {
                        check(costs, instructions, &classes, 1 << log, threads, BARS);
                    }
                }
            }
        }
    }

    /// Scalars of full width, as sums of a proof mostly are.
    #[test]
    fn threads_share_whole_scalars_evenly() {
        const BARS: &Bars =
            &[(1 << 14, 1.25, 1.18), (1 << 11, 1.4, 1.28), (1 << 10, 1.9, 1.4), (1 << 9, 2.15, 1.45)];
        for (instructions, costs) in all_costs() {
            for log in 10..=22 {
                let classes = Classes::one(1 << log, 253);
                for threads in [2, 4, 8, 16, 32, 64] {
                    check(costs, instructions, &classes, 1 << log, threads, BARS);
                    if instructions == "avx512" {
                        let (times, work) = times_and_work(costs, &classes, threads);
                        println!(
                            "{} rows, 2^{log}, {threads} threads: {times:.2} times, {work:.2} times the work",
                            costs.rows
                        );
                    }
                }
            }
        }
    }
}
