//! Cycle counts that follow from a job's size. Plausible, not measured: every figure of them is labelled `model`.

/// Cycles to fetch from the host once.
const HOST_LATENCY: u64 = 400;
/// Cycles through the point adder.
const ADD_LATENCY: u64 = 100;

/// The counters of a completion.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counters {
    pub(crate) cycles: u64,
    pub(crate) stalled: u64,
    pub(crate) bubbles: u64,
    pub(crate) issued: u64,
}

/// A digit a cycle into the slots, two additions a bucket for the reduction, Horner with one chain of additions.
pub(crate) fn msm(digits: u64, windows: u32, window_bits: u32, dump: bool) -> Counters {
    let buckets = u64::from(windows) << (window_bits - 1);
    let (reduction, chain) =
        if dump { (0, 0) } else { (2 * buckets, u64::from(windows * window_bits) * ADD_LATENCY) };
    let bubbles = ADD_LATENCY + chain;
    let issued = digits + reduction;
    Counters { cycles: issued + bubbles + HOST_LATENCY, stalled: HOST_LATENCY, bubbles, issued }
}

/// A butterfly a cycle, values in and out at two a cycle.
pub(crate) fn ntt(log_n: u32) -> Counters {
    let n = 1u64 << log_n;
    let issued = n / 2 * u64::from(log_n);
    let bubbles = u64::from(log_n) * ADD_LATENCY;
    Counters { cycles: issued + n + bubbles + HOST_LATENCY, stalled: HOST_LATENCY + n, bubbles, issued }
}

/// A beat a cycle.
pub(crate) fn copy(beats: u64) -> Counters {
    Counters { cycles: beats + HOST_LATENCY, stalled: HOST_LATENCY, bubbles: 0, issued: beats }
}

/// Non-zero digits of a scalar (limbs, lowest first) in windows of c bits, −2^(c−1) < d ≤ 2^(c−1), carries upwards.
pub(crate) fn nonzero_digits(limbs: &[u64; 4], window_bits: u32, windows: u32) -> u64 {
    let half = 1u64 << (window_bits - 1);
    let mut carry = 0;
    let mut count = 0;
    for w in 0..windows {
        let at = w * window_bits;
        let (limb, shift) = ((at / 64) as usize, at % 64);
        let low = limbs.get(limb).map_or(0, |l| l >> shift);
        let high = if shift == 0 { 0 } else { limbs.get(limb + 1).map_or(0, |l| l << (64 - shift)) };
        let digit = ((low | high) & ((1 << window_bits) - 1)) + carry;
        carry = u64::from(digit > half);
        count += u64::from(digit != 0 && digit != 1 << window_bits);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{PrimeField, UniformRand};
    use millrace_bn254::Fr;

    #[test]
    fn digits_are_those_of_the_oracle() {
        let mut rng = ark_std::test_rng();
        let fixed = [Fr::from(0u64), Fr::from(1u64), Fr::from(512u64), Fr::from(513u64), -Fr::from(1u64)];
        for k in (0..50).map(|_| Fr::rand(&mut rng)).chain(fixed) {
            for (c, w) in [(10, 26), (13, 20), (2, 128), (16, 16)] {
                let expected =
                    millrace_oracle::signed_digits(k, c, w).iter().filter(|&&d| d != 0).count() as u64;
                assert_eq!(nonzero_digits(&k.into_bigint().0, c, w), expected, "{k} in windows of {c}");
            }
        }
    }
}
