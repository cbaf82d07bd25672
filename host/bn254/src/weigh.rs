//! Σ (i + 1)·Bᵢ: what a window is worth, given its buckets.
//!
//! Buckets are cut into segments of L = 2^l. In a segment that starts at bucket s·L, with t counted inside it,
//! Σ (s·L + t + 1)·B = Σ (t + 1)·B + s·L·Σ B. Both sums of a segment are running sums from its end, and all segments run in
//! lock-step, so that one inversion serves a step of all of them; a step adds the *last* step's running total,
//! so that its two additions do not wait for each other.

use crate::{
    batch::BatchAdder,
    curve::{Affine, Xyzz},
    field::Field,
};

/// Below this many buckets, running sums without inversions are cheaper.
const MIN_BUCKETS: usize = 128;

/// Σ (i + 1)·buckets\[i\].
pub fn weighted_sum<F: Field>(buckets: &[Affine<F>]) -> Xyzz<F> {
    if buckets.len() < MIN_BUCKETS || !buckets.len().is_power_of_two() {
        let (mut total, mut sum) = (Xyzz::INFINITY, Xyzz::INFINITY);
        for bucket in buckets.iter().rev() {
            total = total.add_affine(bucket);
            sum = sum.add(&total);
        }
        return sum;
    }
    let log_segment = buckets.len().ilog2() / 2 - 1;
    let (totals, sums) = segment_sums(buckets, 1 << log_segment);

    // Σ s·totals[s], as running sums once more.
    let (mut total, mut high) = (Xyzz::INFINITY, Xyzz::INFINITY);
    for segment in totals[1..].iter().rev() {
        total = total.add_affine(segment);
        high = high.add(&total);
    }
    sums.iter().fold(high.double_times(log_segment), |sum, segment| sum.add_affine(segment))
}

/// For each segment of `len` buckets: (Σ B, Σ (t + 1)·B).
fn segment_sums<F: Field>(buckets: &[Affine<F>], len: usize) -> (Vec<Affine<F>>, Vec<Affine<F>>) {
    let segments = buckets.len() / len;
    let mut adder = BatchAdder::default();
    // Per segment: the running total twice, with the two addends between, as the adder takes neighbours.
    let mut pairs = vec![Affine::INFINITY; 4 * segments];
    let mut out = vec![Affine::INFINITY; 2 * segments];
    for t in (0..len).rev() {
        for s in 0..segments {
            let (total, sum) = (out[2 * s], out[2 * s + 1]);
            pairs[4 * s..4 * s + 4].copy_from_slice(&[total, buckets[s * len + t], total, sum]);
            adder.push(&pairs, 4 * s, &mut out, 2 * s);
            adder.push(&pairs, 4 * s + 2, &mut out, 2 * s + 1);
        }
        adder.finish(&pairs, &mut out);
    }
    for s in 0..segments {
        (pairs[2 * s], pairs[2 * s + 1]) = (out[2 * s], out[2 * s + 1]);
    }
    let totals = (0..segments).map(|s| out[2 * s]).collect();
    let mut sums = vec![Affine::INFINITY; segments];
    for s in 0..segments {
        adder.push(&pairs, 2 * s, &mut sums, s);
    }
    adder.finish(&pairs, &mut sums);
    (totals, sums)
}
