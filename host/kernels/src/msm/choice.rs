//! Which windows, by what they were measured to cost.
//!
//! Of bits 0 to 252 the lowest belong to all scalars, the next to all but those of the lowest class, and so on. So the bits are cut into segments, each with windows of a
//! width that suits the number of scalars that reach so far; neighbouring classes share a segment where that is cheaper. The segments are found from the lowest on: of all ways to end with a
//! class the cheapest is kept.

use millrace_bn254::endomorphism::HALF_BITS;

use super::{
    classes::{CLASSES, Classes},
    costs::Costs,
    memory::{narrow_workplaces_bytes, sum_bytes, wide_bytes},
};

/// Below this many points, buckets are summed without batches.
pub(super) const FEW: usize = 16;
/// Without batches, what a point and a bucket cost, in field products.
const FEW_COST: (usize, usize) = (10, 28);
/// Widths tried. A digit of the widest, without its sign, has 16 bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=16;
/// Halves must promise a hundredth less than whole scalars.
const MARGIN_OF_HALVES: (usize, usize) = (101, 100);
/// Several segments must promise a twentieth less than one: what was measured is not told apart from noise below.
const MARGIN_OF_SEGMENTS: (usize, usize) = (21, 20);
/// The largest sums whose scalars are halved: above, whole sums were measured to gain nothing.
const MOST_HALVED: usize = 1 << 17;
/// Tasks that a thread should find at least, where one sum runs alone.
pub(super) const TASKS: usize = 3;
/// What a digit of 0 costs, in tenths of a nanosecond: in `bench/results/2026-11-28-small/classes-before.jsonl` one segment takes 3 to 6 ns a digit more than those that are not 0.
const ZERO: usize = 40;
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
    /// What they cost.
    pub(super) cost: usize,
}

impl Cut {
    /// How many threads may have these windows, and what each takes for them more than for narrow ones.
    fn wide_bytes(&self, costs: &Costs, classes: &Classes, threads: usize, halved: bool) -> (usize, usize) {
        let buckets = 1 << (self.bits - 1);
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
    /// Bits and windows of all segments.
    end: u32,
    windows: u32,
    cost: usize,
}

impl Choice {
    const NOTHING: Self = Self {
        cuts: [Cut { class: 0, bits: 0, windows: 0, cost: 0 }; CLASSES],
        count: 0,
        halved: false,
        end: 0,
        windows: 0,
        cost: 0,
    };

    /// The same with another segment on top.
    fn with(mut self, cut: Cut) -> Self {
        self.cost += cut.cost + if self.count > 0 { SEGMENT } else { 0 };
        self.end += cut.bits * cut.windows;
        self.windows += cut.windows;
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
        let (points, these) = (classes.windowed(), classes);
        let few = points < FEW;
        let search = |wanted| Search { costs, classes, longest, threads, wanted, few, most_bytes };
        // As they are, or halves of all scalars or of those of the longest class alone.
        let may_be_halved =
            !few && classes.bits[longest] > HALF_BITS && (wanted.halves.is_some() || points <= MOST_HALVED);
        let halves: &[Option<usize>] = match wanted.halves {
            _ if !may_be_halved => &[None],
            Some(false) => &[None],
            Some(true) => &[Some(1), Some(longest)],
            None => &[None, Some(1), Some(longest)],
        };
        let classes: &[_] = if wanted.classes.is_some() { &[wanted.classes] } else { &[Some(false), None] };
        let all = classes.iter().flat_map(|classes| {
            let search = search(Wanted { classes: *classes, ..wanted });
            halves.iter().filter_map(move |from| search.cheapest(*from))
        });
        // One that takes more memory than is announced only if all do.
        all.min_by_key(|choice| (choice.bytes(costs, these, threads) > most_bytes, choice.price()))
            .unwrap_or(Self::NOTHING)
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

    /// The cost by which it is chosen.
    fn price(&self) -> usize {
        let with = |cost, (dear, fair), applies: bool| if applies { cost / fair * dear } else { cost };
        let cost = with(self.cost, MARGIN_OF_HALVES, self.halved);
        with(cost, MARGIN_OF_SEGMENTS, self.count > 1)
    }
}

struct Search<'a> {
    costs: &'a Costs,
    classes: &'a Classes,
    /// The highest class there is.
    longest: usize,
    threads: usize,
    wanted: Wanted,
    few: bool,
    /// What is announced for the sum.
    most_bytes: usize,
}

impl Search<'_> {
    /// The cheapest, where scalars from a class on are cut into halves, if they are.
    fn cheapest(&self, halved_from: Option<usize>) -> Option<Choice> {
        // Of those that end with each class; the first stands for no segment yet.
        let mut best = [None::<Choice>; CLASSES];
        best[0] = Some(Choice { halved: halved_from.is_some(), ..Choice::NOTHING });
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
                            || choice.windows as usize >= TASKS * self.threads;
                        if enough && cheapest.is_none_or(|cheapest| choice.cost < cheapest.cost) {
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
        let windows = end.saturating_sub(below.end).div_ceil(bits).max(least) as usize;
        let cost = match self.few {
            true => windows * (self.classes.windowed() * FEW_COST.0 + (FEW_COST.1 << (bits - 1))),
            false => {
                let rest = self.costs.window(bits, halved_from.is_some());
                let points = self.classes.present().filter(|class| *class >= first).map(|class| {
                    // Digits above a scalar's end are 0.
                    let reach =
                        (self.classes.bits[class] + 1).saturating_sub(below.end).div_ceil(bits) as usize;
                    let digits = if class < last { reach.min(windows) } else { windows };
                    let halved = halved_from.is_some_and(|from| class >= from);
                    let point = digits * self.costs.point(bits, halved) + (windows - digits) * ZERO;
                    self.classes.counts[class] * point
                });
                windows * rest + points.sum::<usize>()
            }
        };
        Cut { class: first, bits, windows: windows as u32, cost }
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
                    let price = |wanted| Choice::new(costs(), &classes, 1, wanted).price();
                    assert!(price(Wanted::default()) <= price(one), "2^{log} of {short} bits");
                }
            }
        }
    }

    /// Keeping within what is announced costs scalars of full width nothing (over G2 with four limbs up to 4 % where they are halved, by a table that is no better), and others
    /// little: those of 13 to 15 bits would have one wide window in place of two.
    #[test]
    fn what_is_announced_leaves_the_cheapest_choice_or_nearly() {
        for (instructions, rows) in Instructions::all().into_iter().flat_map(|i| [(i, 1), (i, 2)]) {
            let costs = if rows == 1 { Costs::of::<G1>(instructions) } else { Costs::of::<G2>(instructions) };
            let full_width = if instructions.name() == "avx512" || rows == 1 { 1.0 } else { 1.04 };
            for (log, threads) in (4..=22).flat_map(|log| [1, 2, 8, 64].map(|threads| (log, threads))) {
                let check = |classes: &Classes, most: f64| {
                    let price = |bytes| {
                        Choice::within(bytes, costs, classes, threads, Wanted::default()).price() as f64
                    };
                    let times = price(sum_bytes(classes.windowed(), rows, threads)) / price(usize::MAX);
                    assert!(times <= most, "{rows} rows, {threads} threads, {classes:?}: {times:.3} times");
                };
                for points in [1 << log, (1 << log) + (1 << log) / 2] {
                    check(&Classes::one(points, 253), full_width);
                    for short in [2, 8, 13, 14, 15, 16, 24, 29, 31, 40, 60, 64, 100, 128] {
                        check(&Classes::one(points, short), 1.11);
                        for one_of in [2, 8, 64] {
                            check(&mixture(&[(short, points), (253, points / one_of)]), 1.21);
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
