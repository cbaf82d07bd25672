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
