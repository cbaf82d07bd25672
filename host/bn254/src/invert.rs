//! Modular inversion by binary GCD on approximations (Pornin, "Optimized Binary GCD for Modular Inversion", 2020).
//!
//! Pseudocode: a, b, u, v = x, m, 1, 0; keep a ≡ u·x and b ≡ v·x (mod m). Until a = 0: halve a if it is even, else
//! swap so that a ≥ b and put (a − b)/2 for it; do to u, v what was done to a, b. Then b = gcd = 1 and v = 1/x.
//!
//! Departures:
//! 1. 31 steps are decided on 64-bit approximations (the upper 33 bits and the lower 31 of a and b) and collected in a
//!    2×2 matrix of entries |f| ≤ 2^31, |f| + |g| ≤ 2^31 in a row, which is then applied to the long numbers at once.
//! 2. As upper bits are approximate, a step may take the wrong sign: a or b can come out negative and is negated.
//! 3. u, v are divided by 2^31 modulo m, by adding the multiple of m that makes the low 31 bits zero.

use crate::limbs::{self, Limbs};

const STEPS: u32 = 31;
const LOW: u64 = (1 << STEPS) - 1;

/// Five limbs of a two's complement number: four, and the signed top.
type Signed = (Limbs, i64);

/// u·f + v·g. |f|, |g| ≤ 2^31, so each sum of partial products is below 2^64·2^33 in size.
#[inline(always)]
fn combine(u: &Limbs, v: &Limbs, f: i64, g: i64) -> Signed {
    let mut out = [0; 4];
    let mut sum = 0i128;
    for i in 0..4 {
        sum += i128::from(u[i]) * i128::from(f) + i128::from(v[i]) * i128::from(g);
        out[i] = sum as u64;
        sum >>= 64;
    }
    (out, sum as i64)
}

/// x / 2^31, rounded down.
#[inline(always)]
fn shift((x, top): Signed) -> Signed {
    let part = |low: u64, high: u64| (low >> STEPS) | (high << (64 - STEPS));
    ([part(x[0], x[1]), part(x[1], x[2]), part(x[2], x[3]), part(x[3], top as u64)], top >> STEPS)
}

/// (|x|, whether x was negative), for |x| < 2^256.
#[inline(always)]
fn magnitude((x, top): Signed) -> (Limbs, bool) {
    if top < 0 { (limbs::sub([0; 4], x).0, true) } else { (x, false) }
}

/// (u·f + v·g)/2^31 mod m in \[0, m), for u, v in \[0, m) and |f| + |g| ≤ 2^31.
#[inline(always)]
fn combine_mod(u: &Limbs, v: &Limbs, f: i64, g: i64, m: &Limbs, neg_inv: u64) -> Limbs {
    let (mut x, top) = combine(u, v, f, g);
    let k = x[0].wrapping_mul(neg_inv) & LOW;
    let mut sum = 0i128;
    for i in 0..4 {
        sum += i128::from(x[i]) + i128::from(m[i]) * i128::from(k);
        x[i] = sum as u64;
        sum >>= 64;
    }
    // Before: in (−m, m) times 2^31, plus k·m with k < 2^31. After the shift: in (−m, 2m).
    let (x, top) = shift((x, top + sum as i64));
    if top < 0 { limbs::add(x, *m).0 } else { limbs::sub_if_not_below(x, *m) }
}

/// The upper 33 bits (of the longer of the two, aligned) and the lower 31 bits of each.
#[inline(always)]
fn approximate(a: &Limbs, b: &Limbs) -> (u64, u64) {
    let mut top = 3;
    while top > 0 && (a[top] | b[top]) == 0 {
        top -= 1;
    }
    if top == 0 {
        return (a[0], b[0]);
    }
    let lead = (a[top] | b[top]).leading_zeros();
    let upper = |x: &Limbs| {
        let both = (u128::from(x[top]) << 64) | u128::from(x[top - 1]);
        ((both << lead) >> 64) as u64
    };
    let join = |x: &Limbs| (upper(x) & !LOW) | (x[0] & LOW);
    (join(a), join(b))
}

/// 1/x mod m for x in \[0, m), and 0 for 0; m is odd, below 2^255 and prime to x, `neg_inv` = −1/m mod 2^64.
pub(crate) fn invert(x: Limbs, m: Limbs, neg_inv: u64) -> Limbs {
    let (mut a, mut b) = (x, m);
    let (mut u, mut v) = ([1, 0, 0, 0], [0; 4]);
    // Each step takes at least one bit off a and b together: 509 steps are enough for two numbers below 2^255.
    while a != [0; 4] {
        let (mut a_near, mut b_near) = approximate(&a, &b);
        let (mut f0, mut g0, mut f1, mut g1) = (1i64, 0i64, 0i64, 1i64);
        for _ in 0..STEPS {
            if a_near & 1 == 1 {
                if a_near < b_near {
                    core::mem::swap(&mut a_near, &mut b_near);
                    core::mem::swap(&mut f0, &mut f1);
                    core::mem::swap(&mut g0, &mut g1);
                }
                a_near -= b_near;
                f0 -= f1;
                g0 -= g1;
            }
            a_near >>= 1;
            f1 <<= 1;
            g1 <<= 1;
        }
        let (next_a, a_negative) = magnitude(shift(combine(&a, &b, f0, g0)));
        let (next_b, b_negative) = magnitude(shift(combine(&a, &b, f1, g1)));
        if a_negative {
            (f0, g0) = (-f0, -g0);
        }
        if b_negative {
            (f1, g1) = (-f1, -g1);
        }
        let next_u = combine_mod(&u, &v, f0, g0, &m, neg_inv);
        let next_v = combine_mod(&u, &v, f1, g1, &m, neg_inv);
        (a, b, u, v) = (next_a, next_b, next_u, next_v);
    }
    v
}
