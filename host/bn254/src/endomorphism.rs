//! The endomorphism (x, y) ↦ (βx, y) of both groups, which multiplies by λ, and scalars cut into halves by it (Gallant, Lambert,
//! Vanstone, CRYPTO 2001).
//!
//! β³ = 1 in Fq and λ² + λ + 1 = 0 mod r. On G2 the other root of 1 belongs to the same λ, [`BETA_OF_TWIST`] = β². Outside of the subgroup of order r the map
//! is no multiplication by λ, as r − k is no −k there either: sums are asked for of points of the groups. Importing a key checks that; of a key that was not checked a sum may be another than the oracle's, and
//! the proof does not verify.
//!
//! # Halves
//!
//! Let u be the parameter of the curve, V = 2u + 1 and A = 6u² + 2u, so that r = V² + A(A + V). The lattice of all (a, b) with a + bλ ≡ 0 mod r has the basis
//! (V, −A), (A + V, V). For a scalar k, with c₁ near k·V/r and c₂ near k·A/r,
//!
//! (k, 0) − c₁·(V, −A) − c₂·(A + V, V) = (k₁, k₂) = (k − c₁V − c₂(A + V), c₁A − c₂V)
//!
//! has k₁ + k₂λ ≡ k. If c₁ and c₂ are off by at most e, |k₁| ≤ e(2V + A) and |k₂| ≤ e(A + V); A + V < 2^126.8.
//!
//! c₁ and c₂ are products of 4k, cut below, with factors of 2^254 rounded to the nearest integer ([`OF_V`], [`OF_A`]), themselves rounded. With
//! k < 2^252.6 (the nearer side of zero) an error of ½ in a factor is one of ½·2^(252.6 − 254) < 0.19 in the product, and what is cut off 4k
//! below is one below 2^−60: e < 0.7, and both halves are below 2^126.3 < 2^[`HALF_BITS`]. Their low 128 bits are therefore all there is to compute.

use ark_ff::MontFp;

use crate::{Fq, field::Field, fq2::Fq2Lazy, mont::FqLazy};

/// Bits of a half, without its sign.
pub const HALF_BITS: u32 = 127;

/// The root of 1 in Fq that belongs to λ on G1.
const ROOT: Fq = MontFp!("2203960485148121921418603742825762020974279258880205651966");
/// Its square.
const ROOT_SQUARED: Fq =
    MontFp!("21888242871839275220042445260109153167277707414472061641714758635765020556616");
/// β, for G1.
pub(crate) const BETA: FqLazy = FqLazy::raw(ROOT.0.0);
/// The other root, for G2.
pub(crate) const BETA_OF_TWIST: Fq2Lazy = Fq2Lazy { c0: FqLazy::raw(ROOT_SQUARED.0.0), c1: FqLazy::ZERO };

/// u, the parameter of BN254.
const U: u128 = 4_965_661_367_192_848_881;
/// V = 2u + 1 < 2^64.
const V: u128 = 2 * U + 1;
/// A = 6u² + 2u < 2^127.
const A: u128 = 6 * U * U + 2 * U;

/// 2^254·V/r, rounded.
const OF_V: u64 = 0xb647_48cb_b1f8_2cf6;
/// 2^254·A/r, rounded.
const OF_A: u128 = 0x9333_bc05_29dc_f4b3_de9e_f675_0e47_ac63;

/// λ = 36u³ + 18u² + 6u + 1, from the least limb on: 4407920970296243842393367215006156084916469457145843978461.
pub const LAMBDA: [u64; 4] = [0x8b17_ea66_b99c_90dd, 0x5bfc_4108_8d8d_aaa7, 0xb3c4_d79d_41a9_1758, 0];

/// A half of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    /// Whether it is negative.
    pub negative: bool,
    /// Its size, below 2^[`HALF_BITS`].
    pub size: u128,
}

impl Half {
    #[inline(always)]
    fn new(value: u128) -> Self {
        let signed = value.cast_signed();
        Self { negative: signed < 0, size: signed.unsigned_abs() }
    }
}

/// a·b as its upper and its lower half.
#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

/// k₁ and k₂ with k₁ + k₂·λ ≡ k mod r, for k ≤ (r − 1)/2.
#[inline(always)]
pub fn halves(k: &[u64; 4]) -> [Half; 2] {
    // Limbs 1 to 3 of 4k.
    let k4 = [1, 2, 3].map(|i| k[i] << 2 | k[i - 1] >> 62);
    // c₁: limbs 2 and 3 times the factor, less 128 bits.
    let (low, high) = (wide(k4[1], OF_V), wide(k4[2], OF_V));
    let c1 = (high + (low >> 64) + (1 << 63)) >> 64;
    // c₂: all three times the factor, less 192 bits. Columns are summed up by halves of products.
    let (f0, f1) = (OF_A as u64, (OF_A >> 64) as u64);
    let mut column = wide(k4[0], f0) >> 64;
    let mut cross = column + u128::from(wide(k4[0], f1) as u64) + u128::from(wide(k4[1], f0) as u64);
    column = (cross >> 64) + (wide(k4[0], f1) >> 64) + (wide(k4[1], f0) >> 64);
    cross = column + u128::from(wide(k4[1], f1) as u64) + u128::from(wide(k4[2], f0) as u64) + (1 << 63);
    column = (cross >> 64) + (wide(k4[1], f1) >> 64) + (wide(k4[2], f0) >> 64);
    let c2 = column.wrapping_add(wide(k4[2], f1));
    let low = u128::from(k[1]) << 64 | u128::from(k[0]);
    let k1 = low.wrapping_sub(c1.wrapping_mul(V)).wrapping_sub(c2.wrapping_mul(A + V));
    let k2 = c1.wrapping_mul(A).wrapping_sub(c2.wrapping_mul(V));
    [Half::new(k1), Half::new(k2)]
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, G1Affine, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{AdditiveGroup, BigInt, Field as _, One, PrimeField, UniformRand};
    use ark_std::test_rng;

    use super::*;
    use crate::{
        limbs::mul_wide,
        mont::{Modulus, R},
    };

    fn lambda() -> Fr {
        Fr::from(BigInt(LAMBDA))
    }

    #[test]
    fn roots_belong_to_the_eigenvalue() {
        let lambda = lambda();
        assert!(lambda.square() + lambda + Fr::one() == Fr::ZERO && ROOT.square() == ROOT_SQUARED);
        let u = Fr::from(U);
        assert_eq!(
            lambda,
            Fr::from(36u8) * u * u * u + Fr::from(18u8) * u * u + Fr::from(6u8) * u + Fr::one()
        );
        let p = G1Affine::generator();
        assert_eq!((p * lambda).into_affine(), G1Affine::new(p.x * ROOT, p.y));
        let p = G2Affine::generator();
        assert_eq!(
            (p * lambda).into_affine(),
            G2Affine::new(crate::Fq2::new(p.x.c0 * ROOT_SQUARED, p.x.c1 * ROOT_SQUARED), p.y)
        );
    }

    #[test]
    fn the_basis_is_one_of_the_lattice() {
        let (a, v) = (Fr::from(A), Fr::from(V));
        assert_eq!(v, a * lambda());
        assert_eq!(a + v, -v * lambda());
        // Its determinant is r: V² + A(A + V), which is below 2r.
        assert_eq!(v * v + a * (a + v), Fr::ZERO);
        assert!((A + V) as f64 <= 2f64.powf(126.8) && V < 1 << 64);
    }

    /// |2^254·x − factor·r| ≤ r/2.
    #[test]
    fn factors_are_rounded_quotients() {
        for (x, factor) in [(V, u128::from(OF_V)), (A, OF_A)] {
            let limbs = |x: u128| [x as u64, (x >> 64) as u64, 0, 0];
            let (left, right) = (mul_wide(limbs(x), [0, 0, 0, 1 << 62]), mul_wide(limbs(factor), R::M));
            let (mut difference, mut borrow) = ([0u64; 8], false);
            for i in 0..8 {
                let (d, b) = left[i].overflowing_sub(right[i]);
                let (d, c) = d.overflowing_sub(u64::from(borrow));
                (difference[i], borrow) = (d, b | c);
            }
            if borrow {
                difference = difference.map(|limb| !limb);
            }
            assert!(difference[4..].iter().all(|limb| *limb == 0), "{difference:?}");
            assert!(
                BigInt([difference[0], difference[1], difference[2], difference[3]])
                    <= Fr::MODULUS_MINUS_ONE_DIV_TWO
            );
        }
    }

    fn value(half: Half) -> Fr {
        let size = Fr::from(half.size);
        if half.negative { -size } else { size }
    }

    #[test]
    fn halves_are_short_and_give_the_scalar_back() {
        let mut rng = test_rng();
        let half_of_r: Fr = -Fr::from(2u8).inverse().unwrap();
        let mut scalars =
            vec![Fr::ZERO, Fr::one(), half_of_r, half_of_r - Fr::one(), lambda(), Fr::from(A), Fr::from(V)];
        // Where the quotients are rounded one way and the other: k·A/r and k·V/r near a half.
        for i in 0..2000u64 {
            let (a, v) = (Fr::from(2 * u128::from(i) + 1), Fr::from(u128::rand(&mut rng) >> (i % 128)));
            let (half_points, scale) = (a * half_of_r, Fr::from(2 * i + 1));
            scalars.extend([
                half_points * Fr::from(A).inverse().unwrap() + v,
                half_points * Fr::from(V).inverse().unwrap() - v,
            ]);
            scalars.extend([
                Fr::from(A) * scale * half_of_r,
                v,
                lambda() * v,
                Fr::from(2u8).pow([i % 253]) - v,
            ]);
            scalars.extend([Fr::rand(&mut rng), half_of_r - v]);
        }
        let mut most = 0;
        for scalar in scalars {
            let k = scalar.into_bigint().min((-scalar).into_bigint());
            let [k1, k2] = halves(&k.0);
            assert_eq!(value(k1) + value(k2) * lambda(), Fr::from(k), "{k}");
            assert!(k1.size >> HALF_BITS == 0 && k2.size >> HALF_BITS == 0, "{k}: {k1:?}, {k2:?}");
            most = most.max(k1.size).max(k2.size);
        }
        // A bound that nothing comes near would be a wrong one.
        assert!(most as f64 > 2f64.powf(125.5), "{most}");
    }

    /// Scalars below 2^124 stay as they are.
    #[test]
    fn short_scalars_are_not_made_longer() {
        for shift in 0..124 {
            for k in [1u128 << shift, (1 << shift) - 1] {
                let [k1, k2] = halves(&[k as u64, (k >> 64) as u64, 0, 0]);
                assert_eq!((k1, k2), (Half { negative: false, size: k }, Half { negative: false, size: 0 }));
            }
        }
    }
}
