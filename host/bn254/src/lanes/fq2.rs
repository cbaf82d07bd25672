//! Fq2 over lanes.

use core::array::from_fn;

use super::{LANES, Lanes, Line, PrimeLanes, X_SHIFT, Y_SHIFT};
use crate::{
    fq2::Fq2Lazy,
    mont::{FqLazy, Q},
};

/// Eight elements c0 + c1·u.
#[derive(Clone, Copy)]
pub struct Fq2Lanes<V> {
    c0: V,
    c1: V,
}

impl<V: PrimeLanes<Modulus = Q>> Lanes for Fq2Lanes<V>
where
    V: Lanes<Scalar = FqLazy>,
{
    type Scalar = Fq2Lazy;
    const ROWS: usize = 2;
    const LINES: usize = 2 * V::LINES;

    #[inline(always)]
    fn zero() -> Self {
        Self { c0: V::zero(), c1: V::zero() }
    }
    #[inline(always)]
    fn one() -> Self {
        Self { c0: V::one(), c1: V::zero() }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { c0: self.c0.add(other.c0), c1: self.c1.add(other.c1) }
    }
    #[inline(always)]
    fn sub<const K: usize>(self, other: Self) -> Self {
        Self { c0: self.c0.sub::<K>(other.c0), c1: self.c1.sub::<K>(other.c1) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let [c0, c1] = V::mul_fq2([self.c0, self.c1], [other.c0, other.c1]);
        Self { c0, c1 }
    }
    /// (a0 + a1)(a0 − a1) + 2·a0·a1·u. Asks A ≤ 8; gives 2A(A + 8)/84.6 + 2 and 2A²/84.6 + 4.
    #[inline(always)]
    fn square(self) -> Self {
        let cross = self.c0.mul(self.c1);
        Self { c0: self.c0.add(self.c1).mul(self.c0.sub::<8>(self.c1)), c1: cross.add(cross) }
    }
    #[inline(always)]
    fn sub_signed<const K: usize>(self, negative: u8, other: Self) -> Self {
        Self {
            c0: self.c0.sub_signed::<K>(negative, other.c0),
            c1: self.c1.sub_signed::<K>(negative, other.c1),
        }
    }
    #[inline(always)]
    fn mul_sub_settle<const K: usize, const S: u32, const N: usize>(
        self,
        other: Self,
        less: [Self; N],
    ) -> Self {
        let mut parts = [[V::zero(); 2]; N];
        for i in 0..N {
            parts[i] = [less[i].c0, less[i].c1];
        }
        let [c0, c1] = V::mul_fq2_sub_settle::<K, S, N>([self.c0, self.c1], [other.c0, other.c1], parts);
        Self { c0, c1 }
    }
    /// As [`Lanes::square`], with 2·a0 doubled before its product.
    #[inline(always)]
    fn square_sub_settle<const K: usize, const S: u32, const N: usize>(self, less: [Self; N]) -> Self {
        let mut parts = [[V::zero(); N]; 2];
        for i in 0..N {
            parts[0][i] = less[i].c0;
            parts[1][i] = less[i].c1;
        }
        let (sum, difference) = (self.c0.add(self.c1), self.c0.sub::<8>(self.c1));
        Self {
            c0: sum.mul_sub_settle::<K, S, N>(difference, parts[0]),
            c1: self.c0.add(self.c0).mul_sub_settle::<K, S, N>(self.c1, parts[1]),
        }
    }
    #[inline(always)]
    fn settle<const S: u32>(self) -> Self {
        Self { c0: self.c0.settle::<S>(), c1: self.c1.settle::<S>() }
    }
    #[inline(always)]
    fn zeros_of_product(self) -> u8 {
        self.c0.zeros_of_product() & self.c1.zeros_of_product()
    }
    #[inline(always)]
    fn may_be_zero(self) -> u8 {
        self.c0.may_be_zero() & self.c1.may_be_zero()
    }
    #[inline(always)]
    fn select(mask: u8, a: Self, b: Self) -> Self {
        Self { c0: V::select(mask, a.c0, b.c0), c1: V::select(mask, a.c1, b.c1) }
    }
    #[inline(always)]
    fn scalars(self) -> [Fq2Lazy; LANES] {
        let (c0, c1) = (self.c0.scalars(), self.c1.scalars());
        from_fn(|i| Fq2Lazy { c0: c0[i], c1: c1[i] })
    }
    #[inline(always)]
    fn from_scalars(scalars: [Fq2Lazy; LANES]) -> Self {
        Self { c0: V::from_scalars(scalars.map(|s| s.c0)), c1: V::from_scalars(scalars.map(|s| s.c1)) }
    }
    #[inline(always)]
    fn prefetch<T>(data: &T) {
        V::prefetch(data);
    }
    #[inline(always)]
    fn save(self, lines: &mut [Line]) {
        self.c0.save(&mut lines[..V::LINES]);
        self.c1.save(&mut lines[V::LINES..]);
    }
    #[inline(always)]
    fn restore(lines: &[Line]) -> Self {
        Self { c0: V::restore(&lines[..V::LINES]), c1: V::restore(&lines[V::LINES..]) }
    }
    #[inline(always)]
    fn gather_points(rows: [&[[u8; 64]]; LANES]) -> (Self, Self) {
        let [a, b, c, d, e, f, g, h] = rows;
        let part = [&a[0], &b[0], &c[0], &d[0], &e[0], &f[0], &g[0], &h[0]];
        let [x0, x1] = V::gather::<X_SHIFT, X_SHIFT>(part);
        let part = [&a[1], &b[1], &c[1], &d[1], &e[1], &f[1], &g[1], &h[1]];
        let [y0, y1] = V::gather::<Y_SHIFT, Y_SHIFT>(part);
        (Self { c0: x0, c1: x1 }, Self { c0: y0, c1: y1 })
    }
    #[inline(always)]
    fn scatter_points(x: Self, y: Self, rows: &mut [[u8; 64]], places: [usize; LANES]) {
        let [a, b, c, d, e, f, g, h] = places;
        let firsts = [2 * a, 2 * b, 2 * c, 2 * d, 2 * e, 2 * f, 2 * g, 2 * h];
        V::scatter::<X_SHIFT, X_SHIFT>([x.c0, x.c1], rows, firsts);
        let [a, b, c, d, e, f, g, h] = firsts;
        let seconds = [a + 1, b + 1, c + 1, d + 1, e + 1, f + 1, g + 1, h + 1];
        V::scatter::<Y_SHIFT, Y_SHIFT>([y.c0, y.c1], rows, seconds);
    }
}
