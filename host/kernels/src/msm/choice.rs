//! Which windows, by what they were measured to cost.
//!
//! Of bits 0 to 252 the lowest belong to all scalars, the next to all but those of the lowest class, and so on. So the bits are cut into segments, each with windows of a
//! width that suits the number of scalars that reach so far; neighbouring classes share a segment where that is cheaper. The segments are found from the lowest on: of all ways to end with a
//! class the cheapest is kept.
//!
//! Several threads need tasks enough, and none that takes most of the time: windows that are narrower, and whose points are parted, may cost more and be done sooner. So the best are also found where no task is to take longer
//! than some share of the whole, for shares from large to small; of these, the one whose [`tasks`](super::tasks) take the least time and work together.

use std::iter;

use millrace_bn254::endomorphism::HALF_BITS;

use super::{
    classes::{CLASSES, Classes},
    costs::Costs,
    memory::{narrow_workplaces_bytes, sum_bytes, wide_bytes},
    tasks::Priced,
};

/// Below this many points, buckets are summed without batches.
pub(super) const FEW: usize = 16;
/// Without batches, what a point and a bucket would cost, in field products: a rule of thumb for widths, where there is little to choose.
const FEW_COST: (usize, usize) = (10, 28);
/// Widths tried. A digit of the widest, without its sign, has 16 bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=16;
/// Halves must promise a hundredth less than whole scalars.
const MARGIN_OF_HALVES: (usize, usize) = (101, 100);
/// Several segments must promise a twentieth less than one: what was measured is not told apart from noise below.
const MARGIN_OF_SEGMENTS: (usize, usize) = (21, 20);
/// The largest sums whose scalars are halved: above, whole sums were measured to gain nothing.
const MOST_HALVED: usize = 1 << 17;
/// Windows that a thread should find at least where scalars are halved, which leaves half as many.
const WINDOWS: usize = 3;
/// Tasks that a thread should find where that is not the question.
const TASKS: usize = 2;
/// Quarters of tasks a thread that are tried besides: one task must be the last, and parts have buckets of their own to be weighed.
const QUARTERS: [usize; 9] = [3, 4, 5, 6, 8, 10, 12, 16, 24];
/// Shares of a thread below 0.2 ms for each class of scalars, in tenths of a nanosecond, are not worth the search, which takes longer for more of them.
const SHORT: usize = 2_000_000;
/// Of these, those that leave no task with more than an eighth of the work: whole sums of few tasks were measured.
const LEAST: usize = 8;
/// Another choice for several threads must promise a twentieth less time than the cheapest: other sums of a proof fill what one leaves idle.
const MARGIN_OF_TASKS: (usize, usize) = (21, 20);
/// What a digit of 0 costs, in tenths of a nanosecond: in `bench/results/2026-11-28-small/classes-before.jsonl` one segment takes 3 to 6 ns a digit more than those that are not 0.
pub(super) const ZERO: usize = 40;
/// What a segment more costs beside its windows, in tenths of a nanosecond: tasks and batches of its own.
const SEGMENT: usize = 500_000;

/// What is wanted, where the plan's own choice is not: for measuring.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// Width of windows.
    pub(crate) window_bits: Option<u32>,
    /// Whether scalars are cut into halves.
    pub(crate) halves: Option<bool>,
    /// Whether all classes of scalars have segments of their own, or one has all, as if they were of one class.
    pub(crate) classes: Option<bool>,
    /// As if there were so many threads.
    pub(crate) threads: Option<usize>,
}

/// Windows of one width, one above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The lowest class of scalars that these windows have digits of.
    pub(super) class: usize,
    /// Width of a window.
    pub(super) bits: u32,
    /// Number of windows; 0 where the segment below reaches far enough.
    pub(super) windows: u32,
    /// Bit at which the lowest begins.
    pub(super) at: u32,
    /// What they cost.
    pub(super) cost: usize,
    /// Tasks of these windows, and what the longest takes.
    tasks: usize,
    longest: usize,
}

impl Cut {
    /// Buckets of a window: digits of size 1 to 2^(c−1).
    pub(super) const fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// How many of these windows, from the lowest on, scalars of so many bits have digits in, and if there are more windows digits of 0 in those.
    pub(super) const fn reach(&self, bits: u32) -> u32 {
        (bits + 1).saturating_sub(self.at).div_ceil(self.bits)
    }

    /// How many threads may have these windows, and what each takes for them more than for narrow ones.
    fn wide_bytes(&self, costs: &Costs, classes: &Classes, threads: usize, halved: bool) -> (usize, usize) {
        let buckets = self.buckets();
        let parts = (classes.count(self.class..CLASSES) / (4 * buckets)).max(1);
        let tasks = self.windows as usize * parts;
        (tasks.min(threads), wide_bytes(buckets, halved, costs.rows))
    }
}

/// Segments from the lowest bit on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) cuts: [Cut; CLASSES],
    /// How many of them there are.
    pub(super) count: usize,
    /// Whether scalars of the highest one are cut into halves.
    pub(super) halved: bool,
    /// No task is to take longer, in tenths of a nanosecond, where windows and points can be cut so.
    pub(super) longest: usize,
    /// What the longest takes nevertheless.
    longest_task: usize,
    /// Bits and windows of all segments.
    end: u32,
    windows: u32,
    cost: usize,
}

impl Choice {
    const NOTHING: Self = Self {
        cuts: [Cut { class: 0, bits: 0, windows: 0, at: 0, cost: 0, tasks: 0, longest: 0 }; CLASSES],
        count: 0,
        halved: false,
        longest: usize::MAX,
        longest_task: 0,
        end: 0,
        windows: 0,
        cost: 0,
    };

    /// The same with another segment on top.
    fn with(mut self, cut: Cut) -> Self {
        self.cost += cut.cost + if self.count > 0 { SEGMENT } else { 0 };
        self.end += cut.bits * cut.windows;
        self.windows += cut.windows;
        self.longest_task = self.longest_task.max(cut.longest);
        self.cuts[self.count] = cut;
        self.count += 1;
        self
    }

    /// The cheapest for scalars of these classes that keeps within what is announced for so many.
    pub(super) fn new(costs: &Costs, classes: &Classes, threads: usize, wanted: Wanted) -> Self {
        let most_bytes = sum_bytes(classes.windowed(), costs.rows, threads);
        Self::within(most_bytes, costs, classes, threads, wanted)
    }

    fn within(most_bytes: usize, costs: &Costs, classes: &Classes, threads: usize, wanted: Wanted) -> Self {
        let points = classes.windowed();
        let present = || classes.present();
        let (Some(shortest), Some(longest)) = (present().next(), present().last()) else {
            return Self::NOTHING;
        };
        let few = points < FEW;
        if !few && wanted.classes != Some(false) {
            return Self::among(most_bytes, costs, classes, longest, threads, wanted);
        }
        // As if all were as long as the longest.
        let wanted = if few { Wanted::default() } else { wanted };
        let all = Classes::one(points, classes.bits[longest]);
        let mut choice = Self::among(most_bytes, costs, &all, longest, threads, wanted);
        choice.cuts[0].class = shortest;
        choice
    }

    fn among(
        most_bytes: usize,
        costs: &Costs,
        classes: &Classes,
        longest: usize,
        threads: usize,
        wanted: Wanted,
    ) -> Self {
        let few = classes.windowed() < FEW;
        let search =
            Search { costs, classes, longest, threads, longest_task: usize::MAX, wanted, few, most_bytes };
        let exceeds = |choice: &Self| choice.bytes(costs, classes, threads) > most_bytes;
        // One that takes more memory than is announced only if all do.
        let cheapest = search.found().min_by_key(|choice| (exceeds(choice), choice.price(choice.cost)));
        let Some(mut cheapest) = cheapest.filter(|_| threads > 1) else {
            return cheapest.unwrap_or(Self::NOTHING);
        };

        cheapest.longest = cheapest.cost / (TASKS * threads);
        if few || cheapest.cost < threads * SHORT * classes.present().count() {
            return cheapest;
        }
        // Its own time, and what it keeps threads from doing for others.
        let takes = |choice: &Self| {
            let (end, work) = choice.priced(costs, classes).end_and_work(choice, threads);
            choice.price(end + (work + (choice.count - 1) * SEGMENT) / threads)
        };
        let quarters = QUARTERS.into_iter().filter(|quarters| quarters * threads >= 4 * LEAST);
        let shares = quarters.map(|quarters| 4 * cheapest.cost / (quarters * threads));
        let others = shares.flat_map(|longest_task| Search { longest_task, ..search }.found());
        let others = others.filter(|choice| !exceeds(choice)).map(|choice| (takes(&choice), choice));
        let (dear, fair) = MARGIN_OF_TASKS;
        match others.min_by_key(|(takes, _)| *takes) {
            Some((soonest, choice)) if dear * soonest < fair * takes(&cheapest) => choice,
            _ => cheapest,
        }
    }

    /// Least is best: that no task is too long, then the cost.
    fn order(&self) -> (usize, usize) {
        (self.longest_task.saturating_sub(self.longest), self.cost)
    }

    /// About what so many threads need and keep from others: tasks of one segment are alike, those of several fill what others leave.
    fn takes_about(&self, threads: usize) -> usize {
        let [first, ..] = &self.cuts;
        let share = self.cost / threads;
        share
            + match self.count {
                1 => first.tasks.div_ceil(threads) * first.longest,
                _ => share.max(self.longest_task),
            }
    }

    /// What its windows cost.
    pub(super) fn priced<'a>(&self, costs: &'a Costs, classes: &'a Classes) -> Priced<'a> {
        let top = self.cuts[..self.count].last();
        Priced { costs, classes, halved_from: top.filter(|_| self.halved).map(|top| top.class) }
    }

    /// What a sum of scalars of these classes takes: digits, workplaces, and what is more for windows that are wide for so many points. Tasks of those may be fewer than threads.
    pub(super) fn bytes(&self, costs: &Costs, classes: &Classes, threads: usize) -> usize {
        let narrow = narrow_workplaces_bytes(classes.windowed(), costs.rows, threads);
        let cuts = self.cuts[..self.count].iter();
        let wide = cuts.map(|cut| cut.wide_bytes(costs, classes, threads, self.halved));
        // A thread may have one for the windows of several segments.
        let (all, widest) =
            wide.fold((0, 0), |(all, widest), (tasks, each)| (all + tasks * each, each.max(widest)));
        self.digits_bytes(classes) + narrow + all.min(threads * widest)
    }

    /// What scalars of these classes take: 2 bytes a digit and 4 a reference, those of second halves with them.
    pub(super) fn digits_bytes(&self, classes: &Classes) -> usize {
        let len = |cut: &Cut| classes.count(cut.class..CLASSES);
        let cuts = &self.cuts[..self.count];
        let digits: usize = cuts.iter().map(|cut| cut.windows as usize * len(cut)).sum();
        let halved = cuts.last().filter(|_| self.halved).map_or(0, len);
        let references = cuts.first().map_or(0, len) + halved;
        2 * (digits + halved * self.windows as usize) + 4 * references
    }

    /// By what it is chosen, of its cost or the time that it takes.
    pub(super) fn price(&self, cost: usize) -> usize {
        let with = |cost, (dear, fair), applies: bool| if applies { cost / fair * dear } else { cost };
        let cost = with(cost, MARGIN_OF_HALVES, self.halved);
        with(cost, MARGIN_OF_SEGMENTS, self.count > 1)
    }
}

#[derive(Clone, Copy)]
struct Search<'a> {
    costs: &'a Costs,
    classes: &'a Classes,
    /// The highest class there is.
    longest: usize,
    threads: usize,
    /// No task is to take longer, in tenths of a nanosecond.
    longest_task: usize,
    wanted: Wanted,
    few: bool,
    /// What is announced for the sum.
    most_bytes: usize,
}

impl<'a> Search<'a> {
    /// The cheapest of each kind: one segment for all or as many as pay; scalars as they are, or halves of all of them or of those of the longest class alone.
    fn found(self) -> impl Iterator<Item = Choice> + 'a {
        let Self { classes, longest, wanted, few, .. } = self;
        let may_be_halved = !few
            && classes.bits[longest] > HALF_BITS
            && (wanted.halves.is_some() || classes.windowed() <= MOST_HALVED);
        let [whole, halves] = match wanted.halves {
            Some(halves) if may_be_halved => [!halves, halves],
            _ => [true, may_be_halved],
        };
        let kinds = [(whole, None), (halves, Some(1)), (halves, Some(longest))];
        let segments =
            iter::once(wanted.classes.or(Some(false))).chain(wanted.classes.is_none().then_some(None));
        segments.flat_map(move |classes| {
            let search = Self { wanted: Wanted { classes, ..wanted }, ..self };
            kinds
                .into_iter()
                .filter(|(is_kind, _)| *is_kind)
                .filter_map(move |(_, from)| search.cheapest(from))
        })
    }

    /// The best, where scalars from a class on are cut into halves, if they are.
    fn cheapest(&self, halved_from: Option<usize>) -> Option<Choice> {
        // Of those that end with each class; the first stands for no segment yet.
        let mut best = [None::<Choice>; CLASSES];
        best[0] =
            Some(Choice { halved: halved_from.is_some(), longest: self.longest_task, ..Choice::NOTHING });
        for last in self.classes.present() {
            let mut cheapest: Option<Choice> = None;
            let mut below = 0;
            for first in self.classes.present().filter(|first| *first <= last) {
                // Segments from `first` to `last`, on what ends below.
                if let Some(start) = best[below].filter(|_| self.is_allowed(first, last, halved_from)) {
                    for bits in WIDTHS.filter(|bits| self.wanted.window_bits.is_none_or(|b| b == *bits)) {
                        let cut = self.cut(&start, first, last, bits, halved_from);
                        if !self.has_room(&cut, halved_from.is_some()) {
                            continue;
                        }
                        let choice = start.with(cut);
                        let enough = last < self.longest
                            || halved_from.is_none()
                            || self.wanted.halves.is_some()
                            || self.longest_task < usize::MAX
                            || choice.windows as usize >= WINDOWS * self.threads;
                        if enough && cheapest.is_none_or(|cheapest| self.is_better(&choice, &cheapest)) {
                            cheapest = Some(choice);
                        }
                    }
                }
                below = first;
            }
            best[last] = cheapest;
        }
        best[self.longest]
    }

    /// Of two that end with the same class.
    fn is_better(&self, choice: &Choice, other: &Choice) -> bool {
        match self.longest_task < usize::MAX && choice.end >= self.classes.bits[self.longest] {
            true => choice.takes_about(self.threads) < other.takes_about(self.threads),
            false => choice.order() < other.order(),
        }
    }

    /// Whether windows that are wide for so many points leave room for their own digits. Others always do, and who wants a width gets it.
    fn has_room(&self, cut: &Cut, halved: bool) -> bool {
        let (tasks, each) = cut.wide_bytes(self.costs, self.classes, self.threads, halved);
        if each == 0 || self.wanted.window_bits.is_some() {
            return true;
        }
        let (points, len) = (self.classes.windowed(), self.classes.count(cut.class..CLASSES));
        let digits = ((2 * cut.windows as usize + 4) * len) << u32::from(halved);
        let narrow = narrow_workplaces_bytes(points, self.costs.rows, self.threads);
        digits + narrow + tasks * each <= self.most_bytes
    }

    /// Whether these classes may share a segment.
    fn is_allowed(&self, first: usize, last: usize, halved_from: Option<usize>) -> bool {
        let all = last == self.longest && self.classes.present().next() == Some(first);
        let as_wanted = match self.wanted.classes {
            None => true,
            Some(true) => first == last,
            Some(false) => all,
        };
        let together = match halved_from {
            None => true,
            // Those that are halved, and they alone.
            Some(from) => {
                let lowest = self.classes.present().find(|class| *class >= from);
                if last == self.longest { lowest == Some(first) } else { last < from }
            }
        };
        as_wanted && together
    }

    /// Windows of so many bits for scalars from class `first` on, as far as those of class `last` go.
    fn cut(&self, below: &Choice, first: usize, last: usize, bits: u32, halved_from: Option<usize>) -> Cut {
        // Digits have signs: the highest must leave room for a carry, unless it is left as it is, like that of the longest scalars.
        let (end, least) = match last == self.longest {
            true => (if halved_from.is_some() { HALF_BITS } else { self.classes.bits[last] } + 1, 1),
            false => (self.classes.bits[last] + 2, 0),
        };
        let windows = end.saturating_sub(below.end).div_ceil(bits).max(least);
        let mut cut = Cut { class: first, bits, windows, at: below.end, cost: 0, tasks: 0, longest: 0 };
        let windows = windows as usize;
        if self.few {
            cut.cost = windows * (self.classes.windowed() * FEW_COST.0 + (FEW_COST.1 << (bits - 1)));
            return cut;
        }
        let priced = Priced { costs: self.costs, classes: self.classes, halved_from };
        if self.longest_task < usize::MAX {
            let split = priced.split(&cut, self.longest_task);
            cut.cost = priced.cost(&cut, split);
            cut.tasks = windows.div_ceil(split.group) * split.parts;
            cut.longest = priced.longest(&cut, split);
            return cut;
        }
        let present = self.classes.present().filter(|class| *class >= first);
        let points: usize = present
            .map(|class| {
                // Digits above a scalar's end are 0.
                let reach = cut.reach(self.classes.bits[class]) as usize;
                let digits = if class < last { reach.min(windows) } else { windows };
                let halved = halved_from.is_some_and(|from| class >= from);
                let point = digits * self.costs.point(bits, halved) + (windows - digits) * ZERO;
                self.classes.counts[class] * point
            })
            .sum();
        cut.cost = points + windows * priced.rest(&cut);
        cut
    }
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{
        backend::Instructions,
        points::{G1, G2},
    };

    use super::*;

    fn costs() -> &'static Costs {
        Costs::of::<G1>(Instructions::best())
    }

    /// Scalars of some lengths, in bits, so many of each.
    fn mixture(parts: &[(u32, usize)]) -> Classes {
        parts.iter().map(|(bits, count)| Classes::one(*count, *bits)).sum()
    }

    fn cuts(parts: &[(u32, usize)], wanted: Wanted) -> Vec<Cut> {
        let choice = Choice::new(costs(), &mixture(parts), 1, wanted);
        choice.cuts[..choice.count].to_vec()
    }

    #[test]
    fn few_long_scalars_do_not_widen_what_many_short_ones_need() {
        let cuts = cuts(&[(16, 1 << 18), (253, 1 << 12)], Wanted::default());
        let reached = |i: usize| cuts[..=i].iter().map(|cut| cut.bits * cut.windows).sum::<u32>();
        assert!(cuts.len() == 2 && cuts[0].class == 2 && cuts[1].class == 6, "{cuts:?}");
        assert!(cuts[0].windows <= 2 && (18..32).contains(&reached(0)) && reached(1) >= 254, "{cuts:?}");
    }

    #[test]
    fn segments_are_as_many_as_pay() {
        // A class of a few: not worth one.
        assert_eq!(cuts(&[(64, 3), (253, 1 << 16)], Wanted::default()).len(), 1);
        assert_eq!(cuts(&[(253, 1 << 16)], Wanted::default()).len(), 1);
        let all = [(8, 20), (16, 20), (32, 20), (64, 20), (128, 20), (253, 20)];
        let wanted = |classes| Wanted { classes: Some(classes), ..Wanted::default() };
        assert_eq!(cuts(&all, wanted(true)).len(), 6);
        assert_eq!(cuts(&all, wanted(false)).len(), 1);
        // Sixteen points in all are needed.
        assert_eq!(cuts(&[(8, 7), (253, 8)], wanted(true)).len(), 1);
    }

    #[test]
    fn a_choice_costs_no_more_than_one_segment() {
        let one = Wanted { classes: Some(false), ..Wanted::default() };
        for log in 4..=20 {
            for short in [2, 8, 13, 16, 31, 40, 64, 100, 128] {
                for one_of in [2, 8, 64] {
                    let classes = mixture(&[(short, 1 << log), (253, (1 << log) / one_of)]);
                    let price = |wanted| {
                        let choice = Choice::new(costs(), &classes, 1, wanted);
                        choice.price(choice.cost)
                    };
                    assert!(price(Wanted::default()) <= price(one), "2^{log} of {short} bits");
                }
            }
        }
    }

    /// Keeping within what is announced costs scalars of full width nothing (over G2 with four limbs up to 4 %, on several threads up to 15 %, where a window more would make their number even), and others
    /// little: those of 13 to 15 bits would have one wide window in place of two.
    #[test]
    fn what_is_announced_leaves_the_cheapest_choice_or_nearly() {
        for (instructions, rows) in Instructions::all().into_iter().flat_map(|i| [(i, 1), (i, 2)]) {
            let costs = if rows == 1 { Costs::of::<G1>(instructions) } else { Costs::of::<G2>(instructions) };
            let has_room = instructions.name() == "avx512" || rows == 1;
            for (log, threads) in (4..=22).flat_map(|log| [1, 2, 8, 64].map(|threads| (log, threads))) {
                // Several threads also want their number of tasks.
                let [full_width, one_length, two] =
                    if threads == 1 { [1.04, 1.11, 1.21] } else { [1.15, 1.15, 1.22] };
                let full_width = if has_room { 1.0 } else { full_width };
                let check = |classes: &Classes, most: f64| {
                    let price = |bytes| {
                        let choice = Choice::within(bytes, costs, classes, threads, Wanted::default());
                        let (end, work) = choice.priced(costs, classes).end_and_work(&choice, threads);
                        choice.price(if threads == 1 { choice.cost } else { end + work / threads }) as f64
                    };
                    let times = price(sum_bytes(classes.windowed(), rows, threads)) / price(usize::MAX);
                    assert!(times <= most, "{rows} rows, {threads} threads, {classes:?}: {times:.3} times");
                };
                for points in [1 << log, (1 << log) + (1 << log) / 2] {
                    check(&Classes::one(points, 253), full_width);
                    for short in [2, 8, 13, 14, 15, 16, 24, 29, 31, 40, 60, 64, 100, 128] {
                        check(&Classes::one(points, short), one_length);
                        for one_of in [2, 8, 64] {
                            check(&mixture(&[(short, points), (253, points / one_of)]), two);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_to_add_needs_no_window() {
        assert_eq!(Choice::new(costs(), &Classes::default(), 2, Wanted::default()).count, 0);
    }
}
