//! Fq2 = Fq\[u\]/(u² + 1), the field under G2.
//!
//! A product takes three wide products and two reductions instead of four and four (Karatsuba with lazy reduction).
//! With coordinates in \[0, 2q) and 4q < 2^256:
//!
//! - c0 = a0·b0 − a1·b1 lies in (−4q², 4q²). Where it is negative, 2^256·q is added (its residue is 0, and
//!   2^256 > 4q), so that it lies in \[0, 2^256·q) and its reduction below 2q.
//! - c1 = (a0 + a1)(b0 + b1) − a0·b0 − a1·b1 = a0·b1 + a1·b0 lies in \[0, 8q²), below 2^256·2q; its reduction is below 3q,
//!   and one conditional subtraction brings it below 2q. The sums are below 4q and are not reduced.

use zeroize::Zeroize;

use crate::{
    Fq2,
    field::Field,
    limbs::{self, Limbs, mul_wide, sbb},
    mont::{FqLazy, Modulus, Q},
};

/// c0 + c1·u, both coordinates in \[0, 2q).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Fq2Lazy {
    /// The real coordinate.
    pub c0: FqLazy,
    /// The coordinate of u.
    pub c1: FqLazy,
}

impl Zeroize for Fq2Lazy {
    fn zeroize(&mut self) {
        self.c0.zeroize();
        self.c1.zeroize();
    }
}

/// (a − b mod 2^512, borrow).
#[inline(always)]
fn sub_wide(a: [u64; 8], b: [u64; 8]) -> ([u64; 8], u64) {
    let (mut out, mut borrow) = ([0; 8], 0);
    for i in 0..8 {
        (out[i], borrow) = sbb(a[i], b[i], borrow);
    }
    (out, borrow)
}

impl Fq2Lazy {
    /// The product, by these two pieces: a·b of any integers, and t/2^256 mod q below t/2^256 + q.
    #[inline(always)]
    pub(crate) fn mul_with(
        self,
        other: Self,
        wide: impl Fn(Limbs, Limbs) -> [u64; 8],
        reduce: impl Fn([u64; 8]) -> Limbs,
    ) -> Self {
        let [a0, a1, b0, b1] = [self.c0, self.c1, other.c0, other.c1].map(FqLazy::limbs);
        let (low, high) = (wide(a0, b0), wide(a1, b1));
        let cross = wide(limbs::add(a0, a1).0, limbs::add(b0, b1).0);
        let (mut real, negative) = sub_wide(low, high);
        let upper = limbs::add([real[4], real[5], real[6], real[7]], limbs::mask(Q::M, negative)).0;
        real[4..].copy_from_slice(&upper);
        let imaginary = sub_wide(sub_wide(cross, low).0, high).0;
        Self { c0: FqLazy::raw(reduce(real)), c1: FqLazy::from_below_4m(reduce(imaginary)) }
    }
}

impl Field for Fq2Lazy {
    const ZERO: Self = Self { c0: FqLazy::ZERO, c1: FqLazy::ZERO };
    const ONE: Self = Self { c0: FqLazy::ONE, c1: FqLazy::ZERO };

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { c0: self.c0.add(other.c0), c1: self.c1.add(other.c1) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { c0: self.c0.sub(other.c0), c1: self.c1.sub(other.c1) }
    }

    #[inline]
    fn mul(self, other: Self) -> Self {
        self.mul_with(other, mul_wide, FqLazy::montgomery_reduce)
    }

    /// (a0 + a1)(a0 − a1) + 2·a0·a1·u.
    #[inline]
    fn square(self) -> Self {
        let cross = self.c0.mul(self.c1);
        Self { c0: self.c0.add(self.c1).mul(self.c0.sub(self.c1)), c1: cross.double() }
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.c0.is_zero() && self.c1.is_zero()
    }

    /// (a0 − a1·u)/(a0² + a1²): the norm is zero only for zero, as −1 is no square mod q.
    fn invert(self) -> Self {
        let inverse = self.c0.square().add(self.c1.square()).invert();
        Self { c0: self.c0.mul(inverse), c1: self.c1.mul(inverse).neg() }
    }
}

impl From<Fq2> for Fq2Lazy {
    fn from(x: Fq2) -> Self {
        Self { c0: x.c0.into(), c1: x.c1.into() }
    }
}

impl From<Fq2Lazy> for Fq2 {
    fn from(x: Fq2Lazy) -> Self {
        Self::new(x.c0.into(), x.c1.into())
    }
}
