//! Integers of four 64-bit limbs, least significant first. Nothing here wraps unless it says so.

/// Four limbs, least significant first.
pub(crate) type Limbs = [u64; 4];

/// (low, high) of a + b·c + carry; cannot overflow: (2^64 − 1)² + 2 (2^64 − 1) = 2^128 − 1.
#[inline(always)]
pub(crate) const fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let sum = a as u128 + (b as u128) * (c as u128) + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// (sum, carry) of a + b + carry, carry 0 or 1.
#[inline(always)]
pub(crate) const fn adc(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = a as u128 + b as u128 + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// (difference, borrow) of a − b − borrow, borrow 0 or 1.
#[inline(always)]
pub(crate) const fn sbb(a: u64, b: u64, borrow: u64) -> (u64, u64) {
    let (first, under) = a.overflowing_sub(b);
    let (second, under_again) = first.overflowing_sub(borrow);
    (second, under as u64 | under_again as u64)
}

/// (a + b mod 2^256, carry).
#[inline(always)]
pub(crate) const fn add(a: Limbs, b: Limbs) -> (Limbs, u64) {
    let (r0, c) = adc(a[0], b[0], 0);
    let (r1, c) = adc(a[1], b[1], c);
    let (r2, c) = adc(a[2], b[2], c);
    let (r3, c) = adc(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

/// (a − b mod 2^256, borrow).
#[inline(always)]
pub(crate) const fn sub(a: Limbs, b: Limbs) -> (Limbs, u64) {
    let (r0, c) = sbb(a[0], b[0], 0);
    let (r1, c) = sbb(a[1], b[1], c);
    let (r2, c) = sbb(a[2], b[2], c);
    let (r3, c) = sbb(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `a` if `flag` is 1, zero if it is 0.
#[inline(always)]
pub(crate) const fn mask(a: Limbs, flag: u64) -> Limbs {
    let m = flag.wrapping_neg();
    [a[0] & m, a[1] & m, a[2] & m, a[3] & m]
}

/// a − b if a ≥ b, else a; without a branch.
#[inline(always)]
pub(crate) const fn sub_if_not_below(a: Limbs, b: Limbs) -> Limbs {
    let (difference, borrow) = sub(a, b);
    let keep = borrow.wrapping_neg();
    [
        (a[0] & keep) | (difference[0] & !keep),
        (a[1] & keep) | (difference[1] & !keep),
        (a[2] & keep) | (difference[2] & !keep),
        (a[3] & keep) | (difference[3] & !keep),
    ]
}

/// a·b, eight limbs.
#[inline(always)]
pub(crate) fn mul_wide(a: Limbs, b: Limbs) -> [u64; 8] {
    let mut t = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = mac(t[i + j], a[j], b[i], carry);
        }
        t[i + 4] = carry;
    }
    t
}

/// a + b mod 2^512.
#[inline(always)]
pub(crate) fn add_wide(a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
    let mut sum = [0; 8];
    let mut carry = 0;
    for i in 0..8 {
        (sum[i], carry) = adc(a[i], b[i], carry);
    }
    sum
}

/// The four little-endian limbs of 32 bytes.
#[inline(always)]
pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Limbs {
    let (words, _) = bytes.as_chunks::<8>();
    [0, 1, 2, 3].map(|i| u64::from_le_bytes(words[i]))
}
