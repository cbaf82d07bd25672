//! Points of y² = x³ + b over a [`Field`]; b is never needed.
//!
//! Additions here are complete for points of the curve: equal points, opposite ones and infinity have their own branches.

use zeroize::Zeroize;

use crate::{
    G1Affine, G1Mont, G2Affine, G2Mont,
    field::Field,
    fq2::Fq2Lazy,
    mont::{FqLazy, Lazy},
};

/// A point (x, y), or (0, 0) for infinity; (0, 0) is on neither curve.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Affine<F> {
    /// x coordinate.
    pub x: F,
    /// y coordinate.
    pub y: F,
}

/// A point (X/ZZ, Y/ZZZ) with ZZ³ = ZZZ², or ZZ = 0 for infinity.
#[derive(Clone, Copy, Debug)]
pub struct Xyzz<F> {
    x: F,
    y: F,
    zz: F,
    zzz: F,
}

impl<F: Zeroize> Zeroize for Xyzz<F> {
    fn zeroize(&mut self) {
        let Self { x, y, zz, zzz } = self;
        [x, y, zz, zzz].into_iter().for_each(Zeroize::zeroize);
    }
}

/// The short name of a G1 point under computation.
pub type G1Lazy = Affine<FqLazy>;
/// The short name of a G2 point under computation.
pub type G2Lazy = Affine<Fq2Lazy>;

impl<F: Field> Affine<F> {
    /// The neutral element.
    pub const INFINITY: Self = Self { x: F::ZERO, y: F::ZERO };

    /// Whether this is the neutral element.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }

    /// −P if `negative`, else P.
    #[inline(always)]
    pub fn neg_if(self, negative: bool) -> Self {
        if negative { Self { x: self.x, y: self.y.neg() } } else { self }
    }
}

impl<F: Field> Xyzz<F> {
    /// The neutral element.
    pub const INFINITY: Self = Self { x: F::ONE, y: F::ONE, zz: F::ZERO, zzz: F::ZERO };

    /// Whether this is the neutral element.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.zz.is_zero()
    }

    /// 2P (EFD dbl-2008-s-1, a = 0: 6 products, 3 squares).
    pub fn double(&self) -> Self {
        let u = self.y.double();
        let v = u.square();
        let w = u.mul(v);
        let s = self.x.mul(v);
        let xx = self.x.square();
        let m = xx.double().add(xx);
        let x = m.square().sub(s.double());
        let y = m.mul(s.sub(x)).sub(w.mul(self.y));
        Self { x, y, zz: v.mul(self.zz), zzz: w.mul(self.zzz) }
    }

    /// P + Q for an affine Q (EFD madd-2008-s: 8 products, 2 squares).
    pub fn add_affine(&self, other: &Affine<F>) -> Self {
        if other.is_infinity() {
            return *self;
        }
        if self.is_infinity() {
            return (*other).into();
        }
        let p = other.x.mul(self.zz).sub(self.x);
        let r = other.y.mul(self.zzz).sub(self.y);
        if p.is_zero() {
            return if r.is_zero() { self.double() } else { Self::INFINITY };
        }
        let pp = p.square();
        let ppp = p.mul(pp);
        self.finish(r, pp, ppp, self.x, self.y, self.zz, self.zzz)
    }

    /// P + Q (EFD add-2008-s: 12 products, 2 squares).
    pub fn add(&self, other: &Self) -> Self {
        if other.is_infinity() {
            return *self;
        }
        if self.is_infinity() {
            return *other;
        }
        let (u, s) = (self.x.mul(other.zz), self.y.mul(other.zzz));
        let p = other.x.mul(self.zz).sub(u);
        let r = other.y.mul(self.zzz).sub(s);
        if p.is_zero() {
            return if r.is_zero() { self.double() } else { Self::INFINITY };
        }
        let pp = p.square();
        let ppp = p.mul(pp);
        self.finish(r, pp, ppp, u, s, self.zz.mul(other.zz), self.zzz.mul(other.zzz))
    }

    /// The part that both additions share: the first point's coordinates on the common denominators are (u, s).
    #[inline(always)]
    #[allow(
        clippy::too_many_arguments,
        reason = "the intermediate values of one formula, named as in the EFD"
    )]
    fn finish(&self, r: F, pp: F, ppp: F, u: F, s: F, zz: F, zzz: F) -> Self {
        let q = u.mul(pp);
        let x = r.square().sub(ppp).sub(q.double());
        let y = r.mul(q.sub(x)).sub(s.mul(ppp));
        Self { x, y, zz: zz.mul(pp), zzz: zzz.mul(ppp) }
    }

    /// 2^times · P.
    pub fn double_times(mut self, times: u32) -> Self {
        for _ in 0..times {
            self = self.double();
        }
        self
    }

    /// The affine form; costs an inversion.
    pub fn to_affine(&self) -> Affine<F> {
        if self.is_infinity() {
            return Affine::INFINITY;
        }
        let inverse = self.zzz.invert();
        // ZZ = z², ZZZ = z³: 1/ZZ = (ZZ/ZZZ)².
        let z = self.zz.mul(inverse);
        Affine { x: self.x.mul(z.square()), y: self.y.mul(inverse) }
    }
}

impl<F: Field> From<Affine<F>> for Xyzz<F> {
    fn from(p: Affine<F>) -> Self {
        if p.is_infinity() { Self::INFINITY } else { Self { x: p.x, y: p.y, zz: F::ONE, zzz: F::ONE } }
    }
}

/// A 32-byte part of an encoded point.
#[inline(always)]
fn coordinate<M: crate::mont::Modulus>(bytes: &[u8], index: usize) -> Lazy<M> {
    let (parts, _) = bytes.as_chunks::<32>();
    Lazy::from_mont_bytes(&parts[index])
}

impl From<&G1Mont> for G1Lazy {
    /// Coordinates must be below 2q: see [`Lazy::from_mont_bytes`].
    #[inline(always)]
    fn from(p: &G1Mont) -> Self {
        Self { x: coordinate(&p.0, 0), y: coordinate(&p.0, 1) }
    }
}

impl From<&G2Mont> for G2Lazy {
    /// Coordinates must be below 2q: see [`Lazy::from_mont_bytes`].
    #[inline(always)]
    fn from(p: &G2Mont) -> Self {
        Self {
            x: Fq2Lazy { c0: coordinate(&p.0, 0), c1: coordinate(&p.0, 1) },
            y: Fq2Lazy { c0: coordinate(&p.0, 2), c1: coordinate(&p.0, 3) },
        }
    }
}

impl From<G1Lazy> for G1Affine {
    fn from(p: G1Lazy) -> Self {
        if p.is_infinity() { Self::identity() } else { Self::new_unchecked(p.x.into(), p.y.into()) }
    }
}

impl From<G2Lazy> for G2Affine {
    fn from(p: G2Lazy) -> Self {
        if p.is_infinity() { Self::identity() } else { Self::new_unchecked(p.x.into(), p.y.into()) }
    }
}
