//! Fq and Fr in Montgomery form, R = 2^256, reduced only as far as needed.
//!
//! A [`Lazy`] holds x·R mod m as *some* representative in \[0, 2m). Both moduli m of BN254 are below 2^254, so
//! 4m < 2^256, and then
//!
//! - a + b < 4m fits in four limbs; one conditional subtraction of 2m brings it back below 2m;
//! - a − b, plus 2m where it is negative, is below 2m;
//! - a Montgomery product of a, b < 2m is below (4m² + 2^256·m)/2^256 = m·(4m/2^256) + m < 2m: it needs no
//!   final subtraction at all.
//!
//! The product is coarsely integrated operand scanning. After each of its four steps the accumulator is below
//! (t + 2m·2^64 + m·2^64)/2^64 < 3m + 1 < 2^256, so it never needs a fifth limb between steps.

use core::marker::PhantomData;

use ark_ff::BigInt;
use zeroize::Zeroize;

use crate::{
    FrCanonical,
    field::Field,
    invert,
    limbs::{self, Limbs, mac},
};

/// A modulus below 2^254, odd.
pub trait Modulus: Copy + Send + Sync + 'static {
    /// m.
    const M: Limbs;
    /// 2m.
    const M2: Limbs = limbs::add(Self::M, Self::M).0;
    /// −1/m mod 2^64.
    const NEG_INV: u64 = {
        // Newton: each step doubles the number of right bits; an odd number is its own inverse mod 8.
        let mut inverse = Self::M[0];
        let mut step = 0;
        while step < 5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(Self::M[0].wrapping_mul(inverse)));
            step += 1;
        }
        inverse.wrapping_neg()
    };
    /// 2^256 mod m: the Montgomery form of 1.
    const R: Limbs = power_of_two(256, Self::M);
    /// 2^512 mod m: times this takes an integer to its Montgomery form.
    const R2: Limbs = power_of_two(512, Self::M);
    /// 2^768 mod m: times this takes the inverse of a Montgomery form to the Montgomery form of the inverse.
    const R3: Limbs = power_of_two(768, Self::M);
}

/// 2^exponent mod m, by doubling.
pub(crate) const fn power_of_two(exponent: u32, m: Limbs) -> Limbs {
    let mut x = [1, 0, 0, 0];
    let mut i = 0;
    while i < exponent {
        x = limbs::sub_if_not_below(limbs::add(x, x).0, m);
        i += 1;
    }
    x
}

/// q = 21888242871839275222246405745257275088696311157297823662689037894645226208583, the base field's.
#[derive(Clone, Copy, Debug)]
pub struct Q;

impl Modulus for Q {
    const M: Limbs = [0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029];
}

/// r = 21888242871839275222246405745257275088548364400416034343698204186575808495617, the scalar field's.
#[derive(Clone, Copy, Debug)]
pub struct R;

impl Modulus for R {
    const M: Limbs = [0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029];
}

/// An element of the base field, x·2^256 mod q in \[0, 2q).
pub type FqLazy = Lazy<Q>;
/// An element of the scalar field, x·2^256 mod r in \[0, 2r).
pub type FrLazy = Lazy<R>;

/// An element x, held as a representative of x·2^256 mod m in \[0, 2m).
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Lazy<M>(Limbs, PhantomData<M>);

impl<M> Zeroize for Lazy<M> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<M: Modulus> Lazy<M> {
    /// In: limbs below 2m.
    #[inline(always)]
    pub(crate) const fn raw(limbs: Limbs) -> Self {
        Self(limbs, PhantomData)
    }

    /// The element whose Montgomery form these bytes are, little-endian, as a `.zkey` stores coordinates.
    ///
    /// The integer must be below 2m; one that is not gives a wrong element and wrong results, but nothing worse.
    #[inline(always)]
    pub fn from_mont_bytes(bytes: &[u8; 32]) -> Self {
        Self::raw(limbs::from_bytes(bytes))
    }

    /// The unique Montgomery form, in \[0, m).
    #[inline(always)]
    pub fn reduced(self) -> [u64; 4] {
        limbs::sub_if_not_below(self.0, M::M)
    }

    /// The Montgomery product of two integers: a·b/2^256 mod m, in \[0, 2m).
    ///
    /// In: a·b < 2^256·m, and a < 2^256 − m for the accumulator to fit. Out: below 2m.
    #[inline(always)]
    fn montgomery(a: Limbs, b: Limbs) -> Self {
        let m = M::M;
        let mut t = [0u64; 4];
        for b_i in b {
            let (t0, mut high) = mac(t[0], a[0], b_i, 0);
            let k = t0.wrapping_mul(M::NEG_INV);
            let (_, mut low) = mac(t0, k, m[0], 0);
            for j in 1..4 {
                let t_j;
                (t_j, high) = mac(t[j], a[j], b_i, high);
                (t[j - 1], low) = mac(t_j, k, m[j], low);
            }
            t[3] = high.wrapping_add(low);
        }
        Self::raw(t)
    }

    /// t/2^256 mod m, below t/2^256 + m. In: t < 2^256·3m, so that the result is below 4m and fits.
    #[inline(always)]
    pub(crate) fn montgomery_reduce(mut t: [u64; 8]) -> Limbs {
        let mut top = 0;
        for i in 0..4 {
            let k = t[i].wrapping_mul(M::NEG_INV);
            let (_, mut carry) = mac(t[i], k, M::M[0], 0);
            for j in 1..4 {
                (t[i + j], carry) = mac(t[i + j], k, M::M[j], carry);
            }
            (t[i + 4], top) = limbs::adc(t[i + 4], carry, top);
        }
        [t[4], t[5], t[6], t[7]]
    }

    /// In: limbs below 4m. Out: the same element, below 2m.
    #[inline(always)]
    pub(crate) fn from_below_4m(limbs: Limbs) -> Self {
        Self::raw(limbs::sub_if_not_below(limbs, M::M2))
    }

    /// The representative, below 2m.
    #[inline(always)]
    pub(crate) const fn limbs(self) -> Limbs {
        self.0
    }
}

impl<M: Modulus> Field for Lazy<M> {
    const ZERO: Self = Self::raw([0; 4]);
    const ONE: Self = Self::raw(M::R);

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::from_below_4m(limbs::add(self.0, other.0).0)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let (difference, borrow) = limbs::sub(self.0, other.0);
        Self::raw(limbs::add(difference, limbs::mask(M::M2, borrow)).0)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::montgomery(self.0, other.0)
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.0 == [0; 4] || self.0 == M::M
    }

    fn invert(self) -> Self {
        // The inverse of the integer x·R is x⁻¹·R⁻¹; a Montgomery product with R³ makes that x⁻¹·R.
        Self::montgomery(invert::invert(self.reduced(), M::M, M::NEG_INV), M::R3)
    }
}

impl FrLazy {
    /// Σ factorsᵢ·valuesᵢ, reduced once. At most six products.
    ///
    /// In: factors below r, values below 2r. The sum is below 12r² < 2^256·2.3r, and reduced below 3.3r < 4r. Out: below 2r.
    #[inline(always)]
    pub fn sum_of_products<const N: usize>(factors: &[crate::Fr; N], values: &[Self; N]) -> Self {
        const { assert!(N <= 6, "the sum of seven and more products is not shown to fit") };
        let mut sum = [0; 8];
        for (factor, value) in factors.iter().zip(values) {
            sum = limbs::add_wide(sum, limbs::mul_wide(factor.0.0, value.0));
        }
        Self::from_below_4m(Self::montgomery_reduce(sum))
    }

    /// The product, in Montgomery form, of a canonical integer and one stored times 2^512 mod r.
    ///
    /// In: `canonical` < r, `times_r2` < 2^256, so that the product is below 2^256·r. Out: below 2r.
    #[inline(always)]
    pub fn mul_canonical_r2(canonical: &FrCanonical, times_r2: &[u8; 32]) -> Self {
        Self::montgomery(limbs::from_bytes(&canonical.0), limbs::from_bytes(times_r2))
    }

    /// The canonical integer.
    #[inline(always)]
    pub fn to_canonical(self) -> FrCanonical {
        FrCanonical::from_limbs(Self::montgomery(self.0, [1, 0, 0, 0]).reduced())
    }

    /// The element of a canonical integer below r.
    #[inline(always)]
    pub fn from_canonical(x: &FrCanonical) -> Self {
        Self::montgomery(limbs::from_bytes(&x.0), R::R2)
    }
}

impl From<crate::Fq> for FqLazy {
    #[inline(always)]
    fn from(x: crate::Fq) -> Self {
        Self::raw(x.0.0)
    }
}

impl From<FqLazy> for crate::Fq {
    #[inline(always)]
    fn from(x: FqLazy) -> Self {
        Self::new_unchecked(BigInt(x.reduced()))
    }
}

impl From<crate::Fr> for FrLazy {
    #[inline(always)]
    fn from(x: crate::Fr) -> Self {
        Self::raw(x.0.0)
    }
}

impl From<FrLazy> for crate::Fr {
    #[inline(always)]
    fn from(x: FrLazy) -> Self {
        Self::new_unchecked(BigInt(x.reduced()))
    }
}
