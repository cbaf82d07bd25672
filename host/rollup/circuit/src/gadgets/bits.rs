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
fn bit(b: &mut Builder, value: bool) -> Num {
    let bit = b.wire(Fr::from(value));
    b.enforce(&bit, &bit, &bit);
    bit
}

/// A new input that is 0 or 1.
pub(crate) fn chosen_bit(b: &mut Builder, value: bool) -> Num {
    let bit = b.input(Fr::from(value));
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
    decompose_as(b, num, value, len)
}

fn decompose_as(b: &mut Builder, num: Num, value: BigInteger256, len: usize) -> Ranged {
    let bits: Vec<Num> = (0..len).map(|i| bit(b, value.get_bit(i))).collect();
    if b.is_recording() {
        let packed = pack(b, &bits);
        b.enforce_equal(&packed, &num);
    }
    Ranged { num, bits }
}

/// A new input below 2^len, len ≤ 253.
pub(crate) fn ranged(b: &mut Builder, value: Fr, len: usize) -> Ranged {
    let num = b.input(value);
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
    let value = num.value.into_bigint();
    strict_as(b, num, value)
}

fn strict_as(b: &mut Builder, num: Num, value: BigInteger256) -> Ranged {
    let ranged = decompose_as(b, num, value, 254);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(build: impl FnOnce(&mut Builder)) -> bool {
        let mut b = Builder::recording();
        build(&mut b);
        let (system, values) = b.finish(0);
        system.first_broken(&values).is_none()
    }

    #[test]
    fn comparison_is_that_of_integers() {
        for bound in 32..64u64 {
            for value in 0..64u64 {
                let fits = holds(|b| {
                    let bits: Vec<Num> = (0..6).map(|i| bit(b, (value >> i) & 1 == 1)).collect();
                    enforce_at_most(b, &bits, bound.into());
                });
                assert_eq!(fits, value <= bound, "{value} ≤ {bound}");
            }
        }
    }

    #[test]
    fn of_two_decompositions_the_canonical_one_passes() {
        let spare = (BigInteger256::new([0, 0, 0, 1 << 62]), Fr::MODULUS);
        // Numbers below 2^254 − r have a second decomposition, x + r.
        let mut limit = spare.0;
        limit.sub_with_borrow(&spare.1);
        let largest = Fr::from_bigint(limit).expect("2^254 − r is below r") - Fr::ONE;
        for x in [Fr::ZERO, Fr::ONE, Fr::from(u128::MAX), largest] {
            let run = |value: BigInteger256| {
                holds(|b| {
                    let num = b.wire(x);
                    strict_as(b, num, value);
                })
            };
            let canonical = x.into_bigint();
            let mut alias = canonical;
            alias.add_with_carry(&Fr::MODULUS);
            assert!(run(canonical) && alias.num_bits() <= 254 && !run(alias), "{x}");
        }
        assert!(holds(|b| {
            let num = b.wire(-Fr::ONE);
            strict(b, num);
        }));
    }

    #[test]
    fn zero_is_told_from_everything_else() {
        for x in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
            let mut b = Builder::recording();
            let num = b.wire(x);
            assert_eq!(is_zero(&mut b, &num).value, Fr::from(x == Fr::ZERO));
            let (system, values) = b.finish(0);
            assert_eq!(system.first_broken(&values), None);
        }
    }
}
