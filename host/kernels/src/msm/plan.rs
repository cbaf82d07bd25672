//! Window width, and digits.
//!
//! Instead of carries, a constant is added to every scalar once: with k' = k + Σ 2^(c−1)·2^(cw) over all windows but the
//! top one, the plain digits of k' less 2^(c−1) are signed digits of k in \[−2^(c−1), 2^(c−1)), each to be had without
//! looking at the others. The top digit is left as it is. For k < 2^b and c·W ≥ b + 1 it is at most 2^(c−1): k' is
//! below 2^b + 2^(c(W−1)), and b − c(W−1) ≤ c − 1.

use millrace_bn254::{
    buckets::{Layout, MANY_BUCKETS},
    endomorphism::HALF_BITS,
};

use super::costs::Costs;

/// Below this many points, buckets are summed without batches.
pub(super) const FEW: usize = 16;
/// Without batches, what a point and a bucket cost, in field products.
const FEW_COST: (usize, usize) = (10, 28);
/// Widths tried. A digit of the widest, without its sign, has 16 bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=16;
/// Buckets of windows that are filled together, at most: their points stay in the second cache.
const TOGETHER: usize = 1 << 13;
/// Where they are too few for points to be taken as they come, so many points in all windows are sorted together at most.
const SORTED: usize = 1 << 15;
/// Halves must promise a hundredth less than whole scalars.
const MARGIN: (usize, usize) = (101, 100);
/// The largest sums whose scalars are halved: above, whole sums were measured to gain nothing.
const MOST_HALVED: usize = 1 << 17;
/// Tasks that a thread should find at least, where one sum runs alone.
const TASKS: usize = 3;

/// What is wanted, where the plan's own choice is not: for measuring.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// Width of windows.
    pub(crate) window_bits: Option<u32>,
    /// Whether scalars are cut into halves.
    pub(crate) halves: Option<bool>,
}

/// How scalars below 2^bits are cut into windows.
pub(super) struct Plan {
    /// Width c of a window.
    pub(super) bits: u32,
    /// Number of windows W.
    pub(super) windows: u32,
    /// Whether scalars are cut into halves first, which W windows each are cut of.
    pub(super) halved: bool,
    /// Windows of a task.
    pub(super) group: usize,
    /// What is added to each scalar.
    pub(super) offset: [u64; 4],
}

impl Plan {
    /// A plan for so many scalars below 2^`scalar_bits`, `scalar_bits` ≤ 253.
    pub(super) fn new(
        costs: &Costs,
        points: usize,
        scalar_bits: u32,
        threads: usize,
        wanted: Wanted,
    ) -> Self {
        let length = |halved| if halved { HALF_BITS } else { scalar_bits };
        let windows = |(c, halved): (u32, bool)| {
            if points == 0 { 0 } else { (length(halved) + 1).div_ceil(c) }
        };
        let cost = |&(c, halved): &(u32, bool)| {
            let window = match points < FEW {
                true => points * FEW_COST.0 + (FEW_COST.1 << (c - 1)),
                false => costs.window(c, halved, points),
            };
            let cost = windows((c, halved)) as usize * window;
            if halved { cost / MARGIN.1 * MARGIN.0 } else { cost }
        };
        let wanted = if points < FEW { Wanted::default() } else { wanted };
        // Halves leave half as many tasks.
        let pays = |&(c, halved): &(u32, bool)| {
            !halved
                || points >= FEW
                    && scalar_bits > HALF_BITS
                    && (wanted.halves.is_some()
                        || points <= MOST_HALVED && windows((c, halved)) as usize >= TASKS * threads)
        };
        let is_wanted = |&(c, halved): &(u32, bool)| {
            wanted.window_bits.is_none_or(|bits| bits == c)
                && (wanted.halves.is_none_or(|halves| halves == halved)
                    || !halved && scalar_bits <= HALF_BITS)
        };
        let all = || WIDTHS.flat_map(|c| [(c, false), (c, true)]).filter(pays);
        let best = all().filter(is_wanted).min_by_key(cost).or_else(|| all().min_by_key(cost));
        let (bits, halved) = best.unwrap_or((*WIDTHS.start(), false));
        let windows = windows((bits, halved));
        let mut offset = [0; 4];
        for w in 1..windows {
            let at = (w * bits - 1) as usize;
            offset[at / 64] |= 1u64 << (at % 64);
        }
        let mut plan = Self { bits, windows, halved, group: 1, offset };
        plan.group = plan.windows_together(points, threads);
        plan
    }

    /// Windows that are filled and weighed together, in tasks of nearly the same size.
    fn windows_together(&self, points: usize, threads: usize) -> usize {
        let (windows, buckets) = (self.windows as usize, self.buckets() * self.parts_of_scalars());
        // A batch of all windows of two is worth more than a third task.
        let fair = if threads == 1 { windows } else { windows.div_ceil((TASKS - 1) * threads) };
        let mut most = fair.min(TOGETHER / buckets);
        if most * buckets < MANY_BUCKETS {
            most = most.min(SORTED / (points * self.parts_of_scalars()).max(1));
        }
        windows.div_ceil(windows.div_ceil(most.max(1)).max(1)).max(1)
    }

    /// 2 where scalars are cut into halves.
    pub(super) fn parts_of_scalars(&self) -> usize {
        1 + usize::from(self.halved)
    }

    /// The buckets of a task.
    pub(super) fn layout(&self) -> Layout {
        Layout { windows: self.group, buckets: self.buckets(), images: self.halved }
    }

    /// Tasks over all points.
    pub(super) fn groups(&self) -> usize {
        (self.windows as usize).div_ceil(self.group)
    }

    /// Buckets of a window: digits of size 1 to 2^(c−1).
    pub(super) fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// Into how many parts to cut the points, so that `threads` threads have several tasks each, and yet each task
    /// has more to add than to weigh.
    pub(super) fn parts(&self, points: usize, threads: usize) -> usize {
        let wanted = (TASKS * threads).div_ceil(self.windows.max(1) as usize);
        let worthwhile = points / (4 * self.buckets());
        if self.windows as usize >= TASKS * threads { 1 } else { wanted.min(worthwhile).max(1) }
    }

    /// What stands for a digit of 0 in window `w`: digits are kept without their sign, with this added.
    pub(super) fn zero(&self, w: u32) -> u16 {
        if w + 1 == self.windows { 0 } else { 1 << (self.bits - 1) }
    }

    /// Digits of window `w`, of scalars that [`Plan::offset`] was added to.
    pub(super) fn cut(&self, values: &[[u64; 4]], w: u32, digits: &mut [u16]) {
        let at = w * self.bits;
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
    use millrace_bn254::{
        backend::Instructions,
        points::{G1, G2},
    };

    use super::{Costs, FEW, Plan, Wanted};

    fn costs() -> &'static Costs {
        Costs::of::<G1>(Instructions::best())
    }

    /// Digits times powers of the base, summed without reduction, in 320 bits of two's complement.
    fn value(plan: &Plan, k: &[u64; 4]) -> [u64; 5] {
        let mut sum = [0u64; 5];
        for w in (0..plan.windows).rev() {
            for _ in 0..plan.bits {
                let mut carry = 0;
                for limb in &mut sum {
                    (*limb, carry) = (*limb << 1 | carry, *limb >> 63);
                }
            }
            let mut digit = [0];
            plan.cut(&[*k], w, &mut digit);
            let digit = i128::from(digit[0]) - i128::from(plan.zero(w));
            assert!(digit.unsigned_abs() <= 1 << (plan.bits - 1), "digit {digit} of {} bits", plan.bits);
            let mut carry = digit;
            for limb in &mut sum {
                carry += i128::from(*limb);
                *limb = carry as u64;
                carry >>= 64;
            }
        }
        sum
    }

    #[test]
    fn digits_give_the_scalar_back_at_every_width() {
        for bits in [2, 3, 8, 63, 64, 65, 127, 252, 253] {
            for points in [1, 10, 100, 1000, 10_000, 1_000_000, 100_000_000] {
                let plan =
                    Plan::new(costs(), points, bits, 1, Wanted { halves: Some(false), ..Wanted::default() });
                let ones = [0, 1, 2, 3].map(|i: u32| match bits.saturating_sub(64 * i) {
                    0 => 0,
                    left if left >= 64 => u64::MAX,
                    left => (1 << left) - 1,
                });
                let mixed = ones.map(|limb| limb & 0x8000_dead_beef_0137);
                for k in [ones, mixed, [2, 0, 0, 0]] {
                    let mut with_offset = [0; 4];
                    let mut carry = 0u128;
                    for i in 0..4 {
                        carry += u128::from(k[i]) + u128::from(plan.offset[i]);
                        with_offset[i] = carry as u64;
                        carry >>= 64;
                    }
                    assert_eq!(carry, 0);
                    assert_eq!(
                        value(&plan, &with_offset),
                        [k[0], k[1], k[2], k[3], 0],
                        "{bits} bits, {points} points"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_to_add_needs_no_window() {
        assert_eq!(Plan::new(costs(), 0, 0, 2, Wanted::default()).windows, 0);
    }

    /// What [`crate::Limits`] announces a point.
    #[test]
    fn digits_and_references_take_what_is_announced() {
        for group in [1, 2] {
            for points in (4..=24).flat_map(|log| [1usize << log, (1 << log) - 1, 3 << (log - 1)]) {
                let costs = |i| if group == 1 { Costs::of::<G1>(i) } else { Costs::of::<G2>(i) };
                for (instructions, threads) in
                    Instructions::all().into_iter().flat_map(|i| [1, 2, 64].map(|threads| (i, threads)))
                {
                    let plan = Plan::new(costs(instructions), points, 253, threads, Wanted::default());
                    let bytes = plan.parts_of_scalars() * (2 * plan.windows as usize + 4);
                    let announced = crate::limits::bytes_a_point(points as u64) as usize;
                    assert!(bytes <= announced, "{points} points: {bytes} bytes, {announced} announced");
                }
            }
        }
    }

    /// A proof has four sums that wait for nothing, of which two run at a time.
    #[test]
    fn few_threads_get_whole_windows_and_many_get_parts() {
        for log_points in 16..=22 {
            let points = 1 << log_points;
            let plan = |threads| Plan::new(costs(), points, 253, threads, Wanted::default());
            let tasks = |threads| plan(threads).groups() * plan(threads).parts(points, threads);
            assert_eq!(tasks(2), plan(2).groups(), "2^{log_points}");
            assert!(tasks(2) >= 3 * 2, "2^{log_points}");
            assert!(2 * tasks(64) >= 64, "2^{log_points}: twice {} tasks for 64 threads", tasks(64));
        }
    }

    #[test]
    fn a_wanted_width_is_taken_where_there_are_batches() {
        let wanted = Wanted { window_bits: Some(6), halves: None };
        let plan = |points| Plan::new(costs(), points, 253, 1, wanted).bits;
        assert_eq!(plan(FEW), 6);
        assert_ne!(plan(FEW - 1), 6);
    }
}
