//! Sums of multiples of points.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{BigInteger, PrimeField, Zero};

/// Σ scalars\[i\] · bases\[i\] over G1.
///
/// # Panics
/// If the slices differ in length.
pub fn msm_g1(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    G1Projective::msm(bases, scalars).expect("as many scalars as bases")
}

/// Σ scalars\[i\] · bases\[i\] over G2.
///
/// # Panics
/// If the slices differ in length.
pub fn msm_g2(bases: &[G2Affine], scalars: &[Fr]) -> G2Projective {
    G2Projective::msm(bases, scalars).expect("as many scalars as bases")
}

/// The signed digits of `k` to the base 2^c, lowest first: k = Σ d_w 2^(cw) with −2^(c−1) < d_w ≤ 2^(c−1).
///
/// # Panics
/// If c is not in 1..=32, or `k` does not fit in so many windows.
pub fn signed_digits(k: Fr, window_bits: u32, windows: u32) -> Vec<i64> {
    assert!((1..=32).contains(&window_bits), "window of {window_bits} bits");
    let bits = k.into_bigint().to_bits_le();
    let mut carry = 0;
    let digits: Vec<i64> = (0..windows as usize)
        .map(|w| {
            let c = window_bits as usize;
            let window = bits.iter().skip(w * c).take(c).enumerate();
            let digit = carry + window.map(|(i, bit)| i64::from(*bit) << i).sum::<i64>();
            carry = i64::from(digit > 1 << (c - 1));
            digit - (carry << c)
        })
        .collect();
    let rest = bits.iter().skip(windows as usize * window_bits as usize).any(|bit| *bit);
    assert!(carry == 0 && !rest, "scalar does not fit in {windows} windows of {window_bits} bits");
    digits
}

/// The bucket sums that an MSM with signed windows has before its reduction: at index w·2^(c−1) + |d| − 1 the sum of
/// sign(d)·P over all points P whose scalar has digit d in window w.
///
/// # Panics
/// As [`signed_digits`], or if the slices differ in length.
pub fn buckets(bases: &[G1Affine], scalars: &[Fr], window_bits: u32, windows: u32) -> Vec<G1Affine> {
    assert_eq!(bases.len(), scalars.len(), "as many scalars as bases");
    let per_window = 1usize << (window_bits - 1);
    let mut sums = vec![G1Projective::zero(); per_window * windows as usize];
    for (base, scalar) in bases.iter().zip(scalars) {
        for (w, digit) in signed_digits(*scalar, window_bits, windows).into_iter().enumerate() {
            if digit != 0 {
                let slot = &mut sums[w * per_window + digit.unsigned_abs() as usize - 1];
                *slot += if digit > 0 { *base } else { -*base };
            }
        }
    }
    G1Projective::normalize_batch(&sums)
}
