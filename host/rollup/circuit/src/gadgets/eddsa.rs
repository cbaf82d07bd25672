//! EdDSA with Poseidon: S·B8 = R8 + h·8·A.

use ark_ff::{BigInteger, BigInteger256};
use millrace_bn254::Fr;
use millrace_state::babyjub::{self, SUBGROUP_BITS, SUBGROUP_ORDER};

use crate::{
    builder::{Builder, Num},
    gadgets::{
        bits::{Ranged, decompose, enforce_at_most, is_zero},
        edwards::{self, Point},
    },
};

/// A signature's wires: R8 on the curve, S below l; identity and 0 where nothing is signed.
pub(crate) struct SignatureWires {
    pub(crate) r8: Point,
    s: Ranged,
}

/// Makes the wires.
pub(crate) fn signature(b: &mut Builder, is_signed: &Num, r8: &babyjub::Point, s: Fr) -> SignatureWires {
    let (one, not_signed) = (b.one(), &b.one() - is_signed);
    b.rule("signature: none where the op takes none");
    let r8 = edwards::inputs(b, r8);
    b.enforce_zero_if(&not_signed, &r8.x);
    b.enforce_zero_if(&not_signed, &(&r8.y - &one));
    let s = b.input(s);
    b.enforce_zero_if(&not_signed, &s);
    b.rule("signature: R8 on the curve");
    edwards::enforce_on_curve(b, &r8);
    b.rule("signature: S below the subgroup's order");
    let s = decompose(b, s, SUBGROUP_BITS);
    let mut most = SUBGROUP_ORDER;
    most.sub_with_borrow(&BigInteger256::from(1u64));
    enforce_at_most(b, &s.bits, most);
    SignatureWires { r8, s }
}

/// Where `is_signed`: 8·A is not the identity and the equation holds for the challenge with these bits. `key` is on the curve.
pub(crate) fn verify(
    b: &mut Builder,
    is_signed: &Num,
    key: &Point,
    signature: &SignatureWires,
    challenge: &[Num],
) {
    b.rule("signature: key times cofactor");
    let key8 = edwards::times_cofactor(b, key);
    b.rule("signature: key not of low order");
    let is_low = is_zero(b, &key8.x);
    b.enforce_zero_if(is_signed, &is_low);
    b.rule("signature: equation");
    let left = edwards::times_base(b, &signature.s.bits);
    let right = edwards::times(b, &key8, challenge);
    let right = edwards::add(b, &signature.r8, &right);
    edwards::enforce_equal_if(b, is_signed, &left, &right);
}

#[cfg(test)]
mod tests {
    use ark_ff::{AdditiveGroup, Field};
    use serde_json::Value;

    use super::*;
    use crate::gadgets::{bits::strict, poseidon::hash5};

    fn number(value: &Value) -> Fr {
        value.as_str().expect("a decimal string").parse().expect("a field element")
    }

    fn point(value: &Value) -> babyjub::Point {
        babyjub::Point { x: number(&value[0]), y: number(&value[1]) }
    }

    /// The rule that a signature breaks, which is judged as an op's is: on the curve, challenge hashed and taken apart, equation.
    fn broken(key: &babyjub::Point, message: Fr, r8: &babyjub::Point, s: Fr) -> Option<&'static str> {
        let mut b = Builder::recording();
        let is_signed = b.wire(Fr::ONE);
        let wires = signature(&mut b, &is_signed, r8, s);
        let key = edwards::inputs(&mut b, key);
        edwards::enforce_on_curve(&mut b, &key);
        let message = b.wire(message);
        let challenge = hash5(&mut b, [&wires.r8.x, &wires.r8.y, &key.x, &key.y, &message]);
        let challenge = strict(&mut b, challenge);
        verify(&mut b, &is_signed, &key, &wires, &challenge.bits);
        let (system, values) = b.finish(0);
        system.first_broken(&values).map(|broken| broken.rule)
    }

    #[test]
    fn signatures_of_circomlibjs_and_zk_kit_hold_and_changed_ones_do_not() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../sim/vectors/rollup/eddsa.json");
        let all: Value = serde_json::from_slice(&std::fs::read(path).expect("the vectors")).expect("JSON");
        let cases = all["signatures"].as_array().expect("a list");
        for signer in ["circomlibjs", "@zk-kit/eddsa-poseidon"] {
            assert_eq!(cases.iter().filter(|case| case["signer"] == signer).count(), 12, "{signer}");
        }
        for case in cases {
            let (key, message) = (point(&case["key"]), number(&case["message"]));
            let (r8, s) = (point(&case["r8"]), number(&case["s"]));
            assert_eq!(broken(&key, message, &r8, s), None, "{case}");
            let equation = Some("signature: equation");
            assert_eq!(broken(&key, message + Fr::ONE, &r8, s), equation);
            assert_eq!(broken(&key, message, &key, s), equation);
            assert_eq!(broken(&r8, message, &r8, s), equation);
            let other = if s == Fr::ZERO { Fr::ONE } else { s - Fr::ONE };
            assert_eq!(broken(&key, message, &r8, other), equation);
        }
    }
}
