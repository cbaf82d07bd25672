//! Bits, ranges, and tests for zero.

use ark_ff::{AdditiveGroup, BigInteger, BigInteger256, Field, PrimeField};
use millrace_bn254::Fr;

use crate::builder::{Builder, Num};

/// A number with its bits, least significant first.
pub(crate) struct Ranged {
    pub(crate) num: Num,
    pub(crate) bits: Vec<Num>,
}

/// A new wire that is 0 or 1.
pub(crate) fn bit(b: &mut Builder, value: bool) -> Num {
    let bit = b.wire(Fr::from(value));
    b.enforce(&bit, &bit, &bit);
    bit
}

/// Σ 2^i·bits_i.
pub(crate) fn pack(b: &Builder, bits: &[Num]) -> Num {
    let mut factor = Fr::ONE;
    bits.iter().fold(b.zero(), |sum, bit| {
        let sum = sum.plus(factor, bit);
        factor.double_in_place();
        sum
    })
}

/// The lowest `len` bits of the value, as new wires whose sum is the number. For `len` ≤ 253 that shows the number to be below 2^len; with 254 a number has two decompositions
/// and [`strict`] must pick one.
pub(crate) fn decompose(b: &mut Builder, num: Num, len: usize) -> Ranged {
    let value = num.value.into_bigint();
    let bits: Vec<Num> = (0..len).map(|i| bit(b, value.get_bit(i))).collect();
    let packed = pack(b, &bits);
    b.enforce_equal(&packed, &num);
    Ranged { num, bits }
}

/// A new wire below 2^len, len ≤ 253.
pub(crate) fn ranged(b: &mut Builder, value: Fr, len: usize) -> Ranged {
    let num = b.wire(value);
    decompose(b, num, len)
}

/// The bits are, as an integer, at most `bound`, whose bit `bits.len() − 1` is its highest.
///
/// From the top: as long as the bits agree with the bound, a bit where the bound has 0 must be 0; `equal` is 1 as long as all bits where the bound has 1 were 1.
pub(crate) fn enforce_at_most(b: &mut Builder, bits: &[Num], bound: BigInteger256) {
    let mut equal: Option<Num> = None;
    let lowest_zero = (0..bits.len()).find(|i| !bound.get_bit(*i)).unwrap_or(bits.len());
    for (i, bit) in bits.iter().enumerate().rev() {
        match (bound.get_bit(i), &equal) {
            (true, None) => equal = Some(bit.clone()),
            // Below the last 0 of the bound nothing is asked any more.
            (true, Some(_)) if i < lowest_zero => {}
            (true, Some(so_far)) => {
                let so_far = so_far.clone();
                equal = Some(b.product(&so_far, bit));
            }
            (false, None) => b.enforce_zero(bit),
            (false, Some(so_far)) => {
                let so_far = so_far.clone();
                b.enforce_zero_if(&so_far, bit);
            }
        }
    }
}

/// All 254 bits of the canonical integer.
pub(crate) fn strict(b: &mut Builder, num: Num) -> Ranged {
    let ranged = decompose(b, num, 254);
    let mut most = Fr::MODULUS;
    most.sub_with_borrow(&BigInteger256::from(1u64));
    enforce_at_most(b, &ranged.bits, most);
    ranged
}

/// 1 where the number is 0, else 0. The inverse is a wire, and 0 where there is none.
pub(crate) fn is_zero(b: &mut Builder, num: &Num) -> Num {
    let inverse = b.wire(num.value.inverse().unwrap_or(Fr::ZERO));
    let out = b.wire(Fr::from(num.value == Fr::ZERO));
    let (one, zero) = (b.one(), b.zero());
    b.enforce(num, &inverse, &(&one - &out));
    b.enforce(num, &out, &zero);
    b.enforce(&inverse, &out, &zero);
    out
}

/// `bit` ? a : b, as a new wire.
pub(crate) fn select(b: &mut Builder, bit: &Num, yes: &Num, no: &Num) -> Num {
    let difference = yes - no;
    let out = b.wire(no.value + bit.value * difference.value);
    b.enforce(bit, &difference, &(&out - no));
    out
}
