//! From bytes to arkworks values and back, the plain way.

use std::sync::LazyLock;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, Field, PrimeField};
use millrace_bn254::FrCanonical;

/// 2^256 mod q, inverted: takes a Montgomery form back to the value.
static FQ_R_INVERSE: LazyLock<Fq> =
    LazyLock::new(|| two_to_256::<Fq>().inverse().expect("2 is not zero mod q"));

/// 2^512 mod r, inverted: takes a `.zkey` coefficient back to the value.
static FR_R2_INVERSE: LazyLock<Fr> =
    LazyLock::new(|| two_to_256::<Fr>().square().inverse().expect("2 is not zero mod r"));

fn two_to_256<F: Field>() -> F {
    F::from(2u64).pow([256u64])
}

/// The element with this little-endian integer, or `None` if the integer is not below the modulus.
pub(crate) fn canonical<F: PrimeField>(bytes: &[u8]) -> Option<F> {
    let x = F::from_le_bytes_mod_order(bytes);
    (x.into_bigint().to_bytes_le() == bytes).then_some(x)
}

/// The little-endian integer of an element.
pub(crate) fn encoded(x: Fr) -> FrCanonical {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&x.into_bigint().to_bytes_le());
    FrCanonical(bytes)
}

/// The coefficient whose 2^512-fold is stored, or `None` if the stored integer is not below r.
pub(crate) fn coefficient(bytes: &[u8]) -> Option<Fr> {
    Some(canonical::<Fr>(bytes)? * *FR_R2_INVERSE)
}

fn montgomery(bytes: &[u8]) -> Option<Fq> {
    Some(canonical::<Fq>(bytes)? * *FQ_R_INVERSE)
}

/// A point of 64 bytes in Montgomery form, (0, 0) for infinity; the curve equation is not checked.
pub(crate) fn g1(bytes: &[u8]) -> Option<G1Affine> {
    let (x, y) = (montgomery(&bytes[..32])?, montgomery(&bytes[32..64])?);
    let infinity = bytes.iter().all(|b| *b == 0);
    Some(if infinity { G1Affine::identity() } else { G1Affine::new_unchecked(x, y) })
}

/// A point of 128 bytes in Montgomery form, all zero for infinity; curve and subgroup are not checked.
pub(crate) fn g2(bytes: &[u8]) -> Option<G2Affine> {
    let c = |i: usize| montgomery(&bytes[32 * i..32 * i + 32]);
    let (x, y) = (Fq2::new(c(0)?, c(1)?), Fq2::new(c(2)?, c(3)?));
    let infinity = bytes.iter().all(|b| *b == 0);
    Some(if infinity { G2Affine::identity() } else { G2Affine::new_unchecked(x, y) })
}
