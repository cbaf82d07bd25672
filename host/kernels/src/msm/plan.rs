//! Windows, digits and tasks.
//!
//! Windows lie in segments, each of which has one width and the digits of all scalars that reach so far ([`choice`](super::choice)).
//!
//! Instead of carries, a constant is added to every scalar once: with k' = k + Σ 2^(c−1)·2^(cw) over all its windows but the
//! top one, the plain digits of k' less 2^(c−1) are signed digits of k in \[−2^(c−1), 2^(c−1)), each to be had without
//! looking at the others. The top digit is left as it is. For k < 2^b and windows of b + 1 bits in all it is at most 2^(c−1): k' is
//! below 2^b + 2^t, where the top window begins at bit t and b − t ≤ c − 1.
//!
//! Scalars that end below the top segment have the constant in all their windows, as other scalars have digits there too: with b + 2 bits k' is
//! below 2^b + 2^(b+1) and needs no more.

use millrace_bn254::buckets::Layout;

pub(crate) use super::choice::Wanted;
use super::{
    choice::Choice,
    classes::{CLASSES, Classes},
    costs::Costs,
    tasks::Split,
};

/// How scalars are cut into windows.
pub(super) struct Plan {
    /// From the lowest bit on.
    pub(super) segments: Vec<Segment>,
    /// Whether scalars of the top segment are cut into halves first, each of which has digits in all windows.
    pub(super) halved: bool,
    /// Number of windows W.
    pub(super) windows: u32,
}

/// Windows of one width, one above the other, and the scalars that have digits in them.
pub(super) struct Segment {
    /// The lowest class of scalars that have digits here: the scalars that end here are of it, or up to the next segment's.
    pub(super) class: usize,
    /// Width c of a window.
    pub(super) bits: u32,
    /// Number of windows.
    pub(super) windows: u32,
    /// Number of windows below.
    pub(super) first: u32,
    /// Bit at which the lowest window begins.
    at: u32,
    /// Whether it is the top one.
    top: bool,
    /// Whether there are second halves' digits.
    halved: bool,
    /// Windows of a task.
    pub(super) group: usize,
    /// Into how many parts to cut the points.
    pub(super) parts: usize,
    /// What is added to each scalar that ends here.
    pub(super) offset: [u64; 4],
    /// Points that have digits here.
    points: usize,
    /// What a window of a task costs beside them, and what all of them cost in each window, from the lowest on.
    costs: (usize, Vec<usize>),
}

impl Plan {
    /// A plan for scalars of these classes.
    pub(super) fn new(costs: &Costs, classes: &Classes, threads: usize, wanted: Wanted) -> Self {
        let choice = Choice::new(costs, classes, threads, wanted);
        let cuts = &choice.cuts[..choice.count];
        let priced = choice.priced(costs, classes);
        let (mut first, mut offset) = (0, [0; 4]);
        let segments = cuts.iter().enumerate().map(|(number, cut)| {
            let top = number + 1 == cuts.len();
            for w in 0..cut.windows - u32::from(top) {
                let bit = cut.at + (w + 1) * cut.bits - 1;
                offset[(bit / 64) as usize] |= 1u64 << (bit % 64);
            }
            let Split { group, parts } = priced.split(cut, choice.longest);
            let segment = Segment {
                class: cut.class,
                bits: cut.bits,
                windows: cut.windows,
                first,
                at: cut.at,
                top,
                halved: choice.halved,
                group,
                parts,
                offset,
                points: classes.count(cut.class..CLASSES),
                costs: (priced.rest(cut), (0..cut.windows).map(|w| priced.points(cut, w, group)).collect()),
            };
            first += cut.windows;
            segment
        });
        let segments = segments.collect();
        Self { segments, halved: choice.halved, windows: first }
    }
}

impl Segment {
    /// The buckets of a task.
    pub(super) fn layout(&self) -> Layout {
        Layout { windows: self.group, buckets: self.buckets(), images: self.halved }
    }

    /// What the `len` windows from `top` down cost for so many points, in tenths of a nanosecond: each window is taken to have its share of all digits.
    pub(super) fn task_cost(&self, top: u32, len: usize, points: usize) -> usize {
        let (rest, all) = &self.costs;
        let windows = all[..=top as usize].iter().rev().take(len);
        windows.map(|all| rest + (*all as u128 * points as u128 / self.points.max(1) as u128) as usize).sum()
    }

    /// Tasks over all points.
    pub(super) fn groups(&self) -> usize {
        (self.windows as usize).div_ceil(self.group)
    }

    /// Buckets of a window: digits of size 1 to 2^(c−1).
    pub(super) const fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// What stands for a digit of 0 in window `w` of these: digits are kept without their sign, with this added.
    pub(super) fn zero(&self, w: u32) -> u16 {
        if self.top && w + 1 == self.windows { 0 } else { 1 << (self.bits - 1) }
    }

    /// Digits of window `w` of these, of scalars that an [`offset`](Self::offset) was added to.
    pub(super) fn cut(&self, values: &[[u64; 4]], w: u32, digits: &mut [u16]) {
        let at = self.at + w * self.bits;
        let (limb, shift) = ((at / 64) as usize, at % 64);
        let mask = (1u64 << self.bits) - 1;
        if limb == 3 || shift + self.bits <= 64 {
            for (value, digit) in values.iter().zip(digits) {
                *digit = (value[limb & 3] >> shift & mask) as u16;
            }
        } else {
            for (value, digit) in values.iter().zip(digits) {
                *digit = ((value[limb & 3] >> shift | value[(limb + 1) & 3] << (64 - shift)) & mask) as u16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{backend::Instructions, points::G1};

    use super::{super::classes::class_of, *};

    fn costs() -> &'static Costs {
        Costs::of::<G1>(Instructions::best())
    }

    const WHOLE: Wanted = Wanted { window_bits: None, halves: Some(false), classes: None, threads: None };

    /// Digits times powers of the base up to a segment, summed without reduction, in 320 bits of two's complement.
    fn value(segments: &[Segment], k: &[u64; 4]) -> [u64; 5] {
        let mut sum = [0u64; 5];
        let windows = segments.iter().rev().flat_map(|s| (0..s.windows).rev().map(move |w| (s, w)));
        for (segment, w) in windows {
            for _ in 0..segment.bits {
                let mut carry = 0;
                for limb in &mut sum {
                    (*limb, carry) = (*limb << 1 | carry, *limb >> 63);
                }
            }
            let mut digit = [0];
            segment.cut(&[*k], w, &mut digit);
            let digit = i128::from(digit[0]) - i128::from(segment.zero(w));
            let bits = segment.bits;
            assert!(digit.unsigned_abs() <= 1 << (bits - 1), "digit {digit} of {bits} bits");
            let mut carry = digit;
            for limb in &mut sum {
                carry += i128::from(*limb);
                *limb = carry as u64;
                carry >>= 64;
            }
        }
        sum
    }

    /// Scalars of so many bits at their ends.
    fn scalars(bits: u32) -> [[u64; 4]; 4] {
        let ones = [0, 1, 2, 3].map(|i: u32| match bits.saturating_sub(64 * i) {
            0 => 0,
            left if left >= 64 => u64::MAX,
            left => (1 << left) - 1,
        });
        let mut top = [0; 4];
        top[(bits as usize - 1) / 64] = 1 << ((bits - 1) % 64);
        [ones, top, ones.map(|limb| limb & 0x8000_dead_beef_0137), [2, 0, 0, 0]]
    }

    /// Each scalar, with what is added to those that end with a segment, has digits up to there that give it back.
    fn digits_give_back(plan: &Plan, class: usize, bits: u32) {
        let segments = plan.segments.iter().take_while(|segment| segment.class <= class).count();
        let segments = &plan.segments[..segments];
        for k in scalars(bits) {
            let mut with_offset = [0; 4];
            let mut carry = 0u128;
            for (i, offset) in segments.last().expect("one at least").offset.iter().enumerate() {
                carry += u128::from(k[i]) + u128::from(*offset);
                with_offset[i] = carry as u64;
                carry >>= 64;
            }
            assert_eq!(carry, 0);
            assert_eq!(value(segments, &with_offset), [k[0], k[1], k[2], k[3], 0], "{bits} bits: {k:?}");
        }
    }

    #[test]
    fn digits_give_the_scalar_back_at_every_width() {
        for bits in [2, 3, 8, 63, 64, 65, 127, 252, 253] {
            for points in [1, 10, 100, 1000, 10_000, 1_000_000, 100_000_000] {
                let plan = Plan::new(costs(), &Classes::one(points, bits), 1, WHOLE);
                digits_give_back(&plan, class_of(bits), bits);
            }
        }
    }

    #[test]
    fn digits_give_the_scalar_back_in_every_segment() {
        for short in [2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 100, 127, 128] {
            for middle in [short, 40, 64, 128] {
                for window_bits in (4..=16).map(Some).chain([None]) {
                    let all = [short, middle, 253].map(|bits| Classes::one(10_000, bits));
                    let wanted = Wanted { window_bits, classes: Some(true), ..WHOLE };
                    let plan = Plan::new(costs(), &all.into_iter().sum(), 1, wanted);
                    for bits in [short, middle, 253] {
                        digits_give_back(&plan, class_of(bits), bits);
                    }
                }
            }
        }
    }

    /// A half is below 2^127, whatever segments lie below.
    #[test]
    fn digits_give_halves_back() {
        for short in [2, 16, 64, 120, 126, 127, 128] {
            for bits in 4..=16 {
                let all = [Classes::one(1000, short), Classes::one(1000, 253)].into_iter().sum();
                let wanted = Wanted {
                    window_bits: Some(bits),
                    halves: Some(true),
                    classes: Some(true),
                    threads: None,
                };
                let plan = Plan::new(costs(), &all, 1, wanted);
                assert!(plan.halved && plan.segments.len() == 2);
                digits_give_back(&plan, class_of(253), 127);
                digits_give_back(&plan, class_of(short), short);
            }
        }
    }

    /// A proof has four sums that wait for nothing, of which two run at a time.
    #[test]
    fn few_threads_get_whole_windows_and_many_get_parts() {
        for log_points in 16..=22 {
            let points = 1 << log_points;
            let tasks = |threads, parts: bool| -> usize {
                let plan = Plan::new(costs(), &Classes::one(points, 253), threads, Wanted::default());
                plan.segments.iter().map(|s| s.groups() * if parts { s.parts } else { 1 }).sum()
            };
            assert_eq!(tasks(2, true), tasks(2, false), "2^{log_points}");
            assert!(tasks(2, true) >= 3 * 2, "2^{log_points}");
            let many = tasks(64, true);
            assert!(2 * many >= 64, "2^{log_points}: twice {many} tasks for 64 threads");
        }
    }

    /// However many points a window has.
    #[test]
    fn one_thread_gets_whole_windows() {
        for (points, bits) in [(1 << 20, 8), (1 << 22, 253)] {
            let plan = Plan::new(costs(), &Classes::one(points, bits), 1, Wanted::default());
            assert!(plan.segments.iter().all(|segment| segment.parts == 1), "{points} points of {bits} bits");
        }
        let plan = Plan::new(costs(), &Classes::one(1 << 20, 8), 1, Wanted::default());
        assert_eq!((plan.segments[0].groups(), plan.segments[0].parts), (1, 1));
    }

    #[test]
    fn a_wanted_width_is_taken_where_there_are_batches() {
        let wanted = Wanted { window_bits: Some(6), ..Wanted::default() };
        let plan = |points| Plan::new(costs(), &Classes::one(points, 253), 1, wanted).segments[0].bits;
        assert_eq!(plan(16), 6);
        assert_ne!(plan(15), 6);
    }
}
