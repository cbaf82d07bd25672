//! Window width, and digits.
//!
//! Instead of carries, a constant is added to every scalar once: with k' = k + Σ 2^(c−1)·2^(cw) over all windows but the
//! top one, the plain digits of k' less 2^(c−1) are signed digits of k in \[−2^(c−1), 2^(c−1)), each to be had without
//! looking at the others. The top digit is left as it is. For k < 2^b and c·W ≥ b + 1 it is at most 2^(c−1): k' is
//! below 2^b + 2^(c(W−1)), and b − c(W−1) ≤ c − 1.

use super::costs::Costs;

/// Below this many points, batches are too small for their inversions: buckets are summed without.
pub(super) const FEW: usize = 160;
/// Without batches, what a point and a bucket cost, in field products.
const FEW_COST: (usize, usize) = (10, 28);
/// Widths tried. A digit of the widest, without its sign, has 16 bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=16;

/// How scalars below 2^bits are cut into windows.
pub(super) struct Plan {
    /// Width c of a window.
    pub(super) bits: u32,
    /// Number of windows W.
    pub(super) windows: u32,
    /// What is added to each scalar.
    pub(super) offset: [u64; 4],
}

impl Plan {
    /// A plan for so many scalars below 2^`scalar_bits`, `scalar_bits` ≤ 253, with windows of `wanted_bits` if they are given.
    pub(super) fn new(costs: &Costs, points: usize, scalar_bits: u32, wanted_bits: Option<u32>) -> Self {
        let windows = |c: u32| if points == 0 { 0 } else { (scalar_bits + 1).div_ceil(c) };
        let window = |c: u32| match points < FEW {
            true => points * FEW_COST.0 + (FEW_COST.1 << (c - 1)),
            false => costs.window(c, points),
        };
        let best = WIDTHS.min_by_key(|c| windows(*c) as usize * window(*c)).unwrap_or(*WIDTHS.start());
        let bits = wanted_bits.filter(|_| points >= FEW).unwrap_or(best);
        let windows = windows(bits);
        let mut offset = [0; 4];
        for w in 1..windows {
            let at = (w * bits - 1) as usize;
            offset[at / 64] |= 1u64 << (at % 64);
        }
        Self { bits, windows, offset }
    }

    /// Buckets of a window: digits of size 1 to 2^(c−1).
    pub(super) fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// Into how many parts to cut the points, so that `threads` threads have several tasks each, and yet each task
    /// has more to add than to weigh.
    pub(super) fn parts(&self, points: usize, threads: usize) -> usize {
        let wanted = (3 * threads).div_ceil(self.windows.max(1) as usize);
        let worthwhile = points / (4 * self.buckets());
        if self.windows as usize >= 3 * threads { 1 } else { wanted.min(worthwhile).max(1) }
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
    use millrace_bn254::points::G1;

    use super::{Costs, FEW, Plan};

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
                let plan = Plan::new(Costs::of::<G1>(), points, bits, None);
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
        assert_eq!(Plan::new(Costs::of::<G1>(), 0, 0, None).windows, 0);
    }

    /// A proof has four sums that wait for nothing, of which two run at a time.
    #[test]
    fn few_threads_get_whole_windows_and_many_get_parts() {
        for log_points in 16..=22 {
            let points = 1 << log_points;
            let plan = Plan::new(Costs::of::<G1>(), points, 253, None);
            let tasks = |threads| plan.windows as usize * plan.parts(points, threads);
            assert_eq!(tasks(2), plan.windows as usize, "2^{log_points}");
            assert!(tasks(2) >= 3 * 2, "2^{log_points}");
            assert!(2 * tasks(64) >= 64, "2^{log_points}: twice {} tasks for 64 threads", tasks(64));
        }
    }

    #[test]
    fn a_wanted_width_is_taken_where_there_are_batches() {
        let plan = |points| Plan::new(Costs::of::<G1>(), points, 253, Some(3)).bits;
        assert_eq!(plan(FEW), 3);
        assert_ne!(plan(FEW - 1), 3);
    }
}
