//! Lanes as an array of four-limb elements: runs anywhere, and is what other backends are compared with.
//!
//! Every element stays below 2m, so bounds, shifts and offsets of [`Lanes`](super::Lanes) mean nothing here. A backend of such
//! arrays says only how it multiplies ([`Products`]); this one does so in plain Rust.

use core::{array::from_fn, marker::PhantomData};

use super::{Backend, Factor, LANES, Lanes, Line, Packed, PrimeLanes};
use crate::{
    field::Field,
    fq2::Fq2Lazy,
    limbs::{self, Limbs},
    mont::{FqLazy, Lazy, Modulus, Q, R},
};

/// Eight elements, one after the other, multiplied by `P`.
#[derive(Clone, Copy)]
pub(crate) struct Array<M, P>(Eight, PhantomData<(M, P)>);

/// Eight integers below 2m.
pub(crate) type Eight = [Limbs; LANES];

/// How eight elements are multiplied; out: below 2m.
///
/// These are functions of their own: written out at each use, a kernel would not fit the instruction cache.
pub(crate) trait Products: Copy + Send + Sync + 'static {
    /// aᵢ·bᵢ, in the place of aᵢ.
    fn mul<M: Modulus>(a: &mut Eight, b: &Eight);
    /// The same in Fq2.
    fn mul_fq2(a: &mut [Eight; 2], b: &[Eight; 2]);
}

/// The backend without instructions of any one processor.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Backend for Portable {
    type Fq = Array<Q, Self>;
    type Fr = Array<R, Self>;
}

impl Products for Portable {
    #[inline(never)]
    fn mul<M: Modulus>(a: &mut Eight, b: &Eight) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = Lazy::<M>::raw(*a).mul(Lazy::raw(*b)).limbs();
        }
    }

    #[inline(never)]
    fn mul_fq2(a: &mut [Eight; 2], b: &[Eight; 2]) {
        // Not in the loop: some compilers would make vectors of its carries.
        #[inline(never)]
        fn product(a: Fq2Lazy, b: &Fq2Lazy) -> Fq2Lazy {
            a.mul(*b)
        }
        zip_fq2(a, b, |a, b| product(a, &b));
    }
}

/// `f` of the elements of Fq2 at each place, in the place of the first.
#[inline(always)]
pub(crate) fn zip_fq2(a: &mut [Eight; 2], b: &[Eight; 2], f: impl Fn(Fq2Lazy, Fq2Lazy) -> Fq2Lazy) {
    let element = |c0: Limbs, c1: Limbs| Fq2Lazy { c0: FqLazy::raw(c0), c1: FqLazy::raw(c1) };
    let ([a0, a1], [b0, b1]) = (a, b);
    for ((a0, a1), (b0, b1)) in a0.iter_mut().zip(a1).zip(b0.iter().zip(b1)) {
        let product = f(element(*a0, *a1), element(*b0, *b1));
        (*a0, *a1) = (product.c0.limbs(), product.c1.limbs());
    }
}

impl<M: Modulus, P: Products> Array<M, P> {
    #[inline(always)]
    fn new(lanes: Eight) -> Self {
        Self(lanes, PhantomData)
    }

    #[inline(always)]
    fn each(f: impl Fn(usize) -> Lazy<M>) -> Self {
        Self::of(|i| f(i).limbs())
    }

    #[inline(always)]
    fn of(f: impl Fn(usize) -> Limbs) -> Self {
        Self::new([f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)])
    }

    #[inline(always)]
    fn lane(&self, i: usize) -> Lazy<M> {
        Lazy::raw(self.0[i])
    }
}

/// A packed block is the elements, one after the other.
#[inline(always)]
fn elements(packed: &Packed) -> &Eight {
    let (elements, _) = packed.0.as_flattened().as_chunks();
    elements.try_into().expect("eight of four limbs")
}

#[inline(always)]
fn elements_mut(packed: &mut Packed) -> &mut Eight {
    let (elements, _) = packed.0.as_flattened_mut().as_chunks_mut();
    elements.try_into().expect("eight of four limbs")
}

#[inline(always)]
fn mask(f: impl Fn(usize) -> bool) -> u8 {
    let mut mask = 0;
    for lane in 0..LANES {
        mask |= u8::from(f(lane)) << lane;
    }
    mask
}

#[inline(always)]
fn half(row: &[u8; 64], index: usize) -> [u64; 4] {
    let (halves, _) = row.as_chunks::<32>();
    limbs::from_bytes(&halves[index])
}

fn put(row: &mut [u8; 64], index: usize, value: [u64; 4]) {
    let (words, _) = row.as_chunks_mut::<8>();
    for (word, limb) in words[4 * index..].iter_mut().zip(value) {
        *word = limb.to_le_bytes();
    }
}

/// aᵢ − bᵢ, in the place of aᵢ. A function of its own for the reason that products are.
#[inline(never)]
fn sub_all<M: Modulus>(a: &mut Eight, b: &Eight) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = Lazy::<M>::raw(*a).sub(Lazy::raw(*b)).limbs();
    }
}

impl<M: Modulus, P: Products> Lanes for Array<M, P> {
    type Scalar = Lazy<M>;
    const ROWS: usize = 1;
    const LINES: usize = 4;

    fn zero() -> Self {
        Self::each(|_| Lazy::ZERO)
    }
    fn one() -> Self {
        Self::each(|_| Lazy::ONE)
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::each(|i| self.lane(i).add(other.lane(i)))
    }
    #[inline(always)]
    fn sub<const K: usize>(mut self, other: Self) -> Self {
        sub_all::<M>(&mut self.0, &other.0);
        self
    }
    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        P::mul::<M>(&mut self.0, &other.0);
        self
    }
    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }
    #[inline(always)]
    fn sub_signed<const K: usize>(self, negative: u8, other: Self) -> Self {
        Self::each(|i| if negative >> i & 1 == 1 { self.lane(i).neg() } else { self.lane(i) }).sub::<K>(other)
    }
    #[inline(always)]
    fn mul_sub_settle<const K: usize, const S: u32, const N: usize>(
        self,
        other: Self,
        less: [Self; N],
    ) -> Self {
        less.into_iter().fold(self.mul(other), |rest, less| rest.sub::<K>(less))
    }
    #[inline(always)]
    fn square_sub_settle<const K: usize, const S: u32, const N: usize>(self, less: [Self; N]) -> Self {
        self.mul_sub_settle::<K, S, N>(self, less)
    }
    #[inline(always)]
    fn settle<const S: u32>(self) -> Self {
        self
    }
    #[inline(always)]
    fn zeros_of_product(self) -> u8 {
        mask(|i| self.lane(i).is_zero())
    }
    #[inline(always)]
    fn may_be_zero(self) -> u8 {
        mask(|i| self.0[i][0] == 0)
    }
    #[inline(always)]
    fn select(mask: u8, a: Self, b: Self) -> Self {
        Self::of(|i| if mask >> i & 1 == 1 { a.0[i] } else { b.0[i] })
    }
    #[inline(always)]
    fn scalars(self) -> [Lazy<M>; LANES] {
        self.0.map(Lazy::raw)
    }
    #[inline(always)]
    fn from_scalars(scalars: [Lazy<M>; LANES]) -> Self {
        Self::each(|i| scalars[i])
    }
    #[inline(always)]
    fn prefetch<T>(_data: &T) {}
    #[inline(always)]
    fn save(self, lines: &mut [Line]) {
        for (line, pair) in lines.iter_mut().zip(self.0.chunks_exact(2)) {
            line.0[..4].copy_from_slice(&pair[0]);
            line.0[4..].copy_from_slice(&pair[1]);
        }
    }
    #[inline(always)]
    fn restore(lines: &[Line]) -> Self {
        Self::of(|i| from_fn(|limb| lines[i / 2].0[4 * (i % 2) + limb]))
    }
    #[inline(always)]
    fn gather_points(rows: [&[[u8; 64]]; LANES]) -> (Self, Self) {
        let [a, b, c, d, e, f, g, h] = rows;
        let [x, y] = Self::gather::<0, 0>([&a[0], &b[0], &c[0], &d[0], &e[0], &f[0], &g[0], &h[0]]);
        (x, y)
    }
    #[inline(always)]
    fn scatter_points(x: Self, y: Self, rows: &mut [[u8; 64]], places: [usize; LANES]) {
        Self::scatter::<0, 0>([x, y], rows, places);
    }
}

/// Nothing waits here. Sums and products are written out again: passed on to those of [`Lanes`], they would be copied more often.
impl<M: Modulus, P: Products> super::Loose for Array<M, P> {
    type Tight = Self;

    #[inline(always)]
    fn of(tight: Self) -> Self {
        tight
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::each(|i| self.lane(i).add(other.lane(i)))
    }
    #[inline(always)]
    fn sub<const K: usize>(mut self, other: Self) -> Self {
        sub_all::<M>(&mut self.0, &other.0);
        self
    }
    #[inline(always)]
    fn mul(mut self, by: Self) -> Self {
        P::mul::<M>(&mut self.0, &by.0);
        self
    }
    #[inline(always)]
    fn carried(self) -> Self {
        self
    }
    #[inline(always)]
    fn save(self, lines: &mut [Line]) {
        Lanes::save(self, lines);
    }
    #[inline(always)]
    fn restore(lines: &[Line]) -> Self {
        Lanes::restore(lines)
    }
}

impl<M: Modulus, P: Products> PrimeLanes for Array<M, P> {
    type Modulus = M;
    type Loose = Self;

    #[inline(always)]
    fn gather<const A: u32, const B: u32>(rows: [&[u8; 64]; LANES]) -> [Self; 2] {
        [Self::of(|i| half(rows[i], 0)), Self::of(|i| half(rows[i], 1))]
    }
    #[inline(always)]
    fn scatter<const A: u32, const B: u32>(pair: [Self; 2], rows: &mut [[u8; 64]], places: [usize; LANES]) {
        for (i, at) in places.into_iter().enumerate() {
            put(&mut rows[at], 0, pair[0].0[i]);
            put(&mut rows[at], 1, pair[1].0[i]);
        }
    }
    #[inline(always)]
    fn mul_fq2(a: [Self; 2], b: [Self; 2]) -> [Self; 2] {
        let mut product = a.map(|x| x.0);
        P::mul_fq2(&mut product, &b.map(|x| x.0));
        product.map(Self::new)
    }
    #[inline(always)]
    fn mul_fq2_sub_settle<const K: usize, const S: u32, const N: usize>(
        a: [Self; 2],
        b: [Self; 2],
        less: [[Self; 2]; N],
    ) -> [Self; 2] {
        let product = Self::mul_fq2(a, b);
        less.into_iter().fold(product, |[c0, c1], less| [c0.sub::<K>(less[0]), c1.sub::<K>(less[1])])
    }
    #[inline(always)]
    fn load(values: &[[u64; 4]; LANES]) -> Self {
        Self::new(*values)
    }
    #[inline(always)]
    fn store_reduced(self, values: &mut [[u64; 4]; LANES]) {
        for (i, value) in values.iter_mut().enumerate() {
            *value = self.lane(i).reduced();
        }
    }
    #[inline(always)]
    fn unpack(packed: &Packed) -> Self {
        Self::new(*elements(packed))
    }
    #[inline(always)]
    fn pack(self) -> Packed {
        let mut packed = Packed::ZERO;
        *elements_mut(&mut packed) = self.0;
        packed
    }
    #[inline(always)]
    fn mul_packed(x: &mut Packed, y: &Packed) {
        P::mul::<M>(elements_mut(x), elements(y));
    }
    fn factor(element: Lazy<M>) -> Factor {
        let [a, b, c, d] = element.reduced();
        Factor([a, b, c, d, 0])
    }
    #[inline(always)]
    fn broadcast(factor: &Factor) -> Self {
        let [a, b, c, d, _] = factor.0;
        Self::new([[a, b, c, d]; LANES])
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        from_fn(|i| Self::of(|j| rows[j].0[i]))
    }

    #[cfg(test)]
    const RADIX_BITS: u32 = 256;
    #[cfg(test)]
    const ROOM: u64 = 2;
    #[cfg(test)]
    fn from_integers(integers: &[super::Integer; LANES]) -> Self {
        Self::new(integers.map(|[a, b, c, d, _]| [a, b, c, d]))
    }
    #[cfg(test)]
    fn integers(self) -> [super::Integer; LANES] {
        self.0.map(|[a, b, c, d]| [a, b, c, d, 0])
    }
}
