//! Field elements and points as the EVM's 256-bit words.

use alloy_primitives::U256;
use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use millrace_bn254::FrCanonical;

/// The base field's modulus q; coordinates are below it.
pub const Q: U256 = U256::from_limbs(<Fq as PrimeField>::MODULUS.0);

/// The scalar field's modulus r; public inputs are below it.
pub const R: U256 = U256::from_limbs(<Fr as PrimeField>::MODULUS.0);

/// A canonical integer, below 2^254, as one word.
fn word(integer: BigInt<4>) -> U256 {
    U256::from_limbs(integer.0)
}

/// The integer as it stands; whether it is below [`R`] is for the contract to judge.
pub fn fr_word(scalar: &FrCanonical) -> U256 {
    U256::from_le_bytes(scalar.0)
}

/// `[x, y]`, each below [`Q`]; infinity is `[0, 0]`, as the precompiles read it.
pub fn g1_words(point: &G1Affine) -> [U256; 2] {
    if point.is_zero() {
        return [U256::ZERO; 2];
    }
    [word(point.x.into_bigint()), word(point.y.into_bigint())]
}

/// `[[x₁, x₀], [y₁, y₀]]` for x = x₀ + x₁·u: the imaginary part first, as the pairing precompile (EIP-197) reads it.
pub fn g2_words(point: &G2Affine) -> [[U256; 2]; 2] {
    if point.is_zero() {
        return [[U256::ZERO; 2]; 2];
    }
    [
        [word(point.x.c1.into_bigint()), word(point.x.c0.into_bigint())],
        [word(point.y.c1.into_bigint()), word(point.y.c0.into_bigint())],
    ]
}
