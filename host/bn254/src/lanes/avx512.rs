//! Lanes on AVX-512 IFMA: five limbs of 52 bits, one vector of eight lanes a limb.
//!
//! An element x is any integer X ≡ x·2^260 (mod m) with 0 ≤ X < 2^260, limbs below 2^52; 2^260 > 84.6 m. Sums and differences
//! propagate carries and never reduce; products reduce by Montgomery's method, and [`Lanes::settle`] by an estimated quotient.
//!
//! # Safety
//!
//! All `unsafe` of this crate is here, in [`arith`] and [`layout`], and in [`adx`](super::adx). Duties:
//!
//! 1. *Instructions.* The intrinsics need the features of [`Token`]. The backend's type is private to this module, so kernels come to it by
//!    [`Token::run`] alone, which is entered only with a token, and a token exists only after detection.
//! 2. *Memory.* Loads and stores go through pointers made from references to arrays of at least the accessed size; the unaligned
//!    forms are used, so alignment is no duty.

#![allow(unsafe_code)]

/// An array of an expression at each index, written out: the iterator of an array would stand between the intrinsics and the
/// function whose features they need.
macro_rules! five {
    ($i:ident => $e:expr) => {
        [
            { const $i: usize = 0; $e },
            { const $i: usize = 1; $e },
            { const $i: usize = 2; $e },
            { const $i: usize = 3; $e },
            { const $i: usize = 4; $e },
        ]
    };
}
macro_rules! eight {
    ($i:ident => $e:expr) => {
        [
            { const $i: usize = 0; $e },
            { const $i: usize = 1; $e },
            { const $i: usize = 2; $e },
            { const $i: usize = 3; $e },
            { const $i: usize = 4; $e },
            { const $i: usize = 5; $e },
            { const $i: usize = 6; $e },
            { const $i: usize = 7; $e },
        ]
    };
}

mod arith;
mod layout;

use core::{arch::x86_64::*, marker::PhantomData};

use self::arith::{Limbs52, Wide};
use super::{Backend, Factor, LANES, Lanes, Line, Loose, Packed, PrimeLanes, X_SHIFT, Y_SHIFT};
use crate::{
    backend::Kernel,
    field::Field,
    mont::{Lazy, Modulus, Q, R},
};

/// Proof that the processor has what this module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(());

impl Token {
    /// The proof, if it is so.
    pub(crate) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("adx");
        all.then_some(Self(()))
    }

    /// Runs a kernel with these instructions on.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512ifma,avx512vbmi2,bmi2,adx")]
        fn with_features<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx512>()
        }
        // SAFETY: 1. `self` proves the features. 2. No memory is touched here.
        unsafe { with_features(kernel) }
    }
}

/// The backend.
struct Avx512;

impl Backend for Avx512 {
    type Fq = Ifma<Q>;
    type Fr = Ifma<R>;
}

/// Eight elements.
#[derive(Clone, Copy)]
pub(crate) struct Ifma<M>([__m512i; 5], PhantomData<M>);

impl<M: Modulus> Ifma<M> {
    #[inline(always)]
    fn new(limbs: [__m512i; 5]) -> Self {
        Self(limbs, PhantomData)
    }

    #[inline(always)]
    fn constant(value: Limbs52) -> Self {
        // SAFETY: 1. see the module. 2. No memory is touched.
        Self::new(five!(I => unsafe { _mm512_set1_epi64(value[I] as i64) }))
    }
}

/// Needed by every element of a field: powers of two modulo m, in four limbs.
trait Conversions: Modulus {
    /// 2^252 mod m: a Montgomery product (R = 2^256) with it takes x·2^260 to x·2^256.
    const OUT: [u64; 4] = crate::mont::power_of_two(252, Self::M);
    /// 2^260 mod m: the other way.
    const IN: [u64; 4] = crate::mont::power_of_two(260, Self::M);
    /// 2^260 mod m in 52-bit limbs: the form of 1.
    const ONE52: Limbs52 = arith::limbs52(Self::IN);
}
impl<M: Modulus> Conversions for M {}

impl<M: Modulus> Lanes for Ifma<M> {
    type Scalar = Lazy<M>;
    const ROWS: usize = 1;
    const LINES: usize = 5;

    #[inline(always)]
    fn zero() -> Self {
        Self::constant([0; 5])
    }
    #[inline(always)]
    fn one() -> Self {
        Self::constant(M::ONE52)
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::new(arith::add(self.0, other.0))
    }
    #[inline(always)]
    fn sub<const K: usize>(self, other: Self) -> Self {
        Self::new(arith::sub::<M, K>(self.0, other.0))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(Wide::product(&self.0, &other.0).reduce::<M>())
    }
    #[inline(always)]
    fn square(self) -> Self {
        Self::new(Wide::square(&self.0).reduce::<M>())
    }
    #[inline(always)]
    fn sub_signed<const K: usize>(self, negative: u8, other: Self) -> Self {
        Self::new(arith::sub_signed::<M, K>(self.0, negative, other.0))
    }
    #[inline(always)]
    fn mul_sub_settle<const K: usize, const S: u32, const N: usize>(
        self,
        other: Self,
        less: [Self; N],
    ) -> Self {
        let product = Wide::product(&self.0, &other.0);
        Self::new(product.reduce_sub_settle::<M, K, S, N>(limbs_of(&less)))
    }
    #[inline(always)]
    fn square_sub_settle<const K: usize, const S: u32, const N: usize>(self, less: [Self; N]) -> Self {
        Self::new(Wide::square(&self.0).reduce_sub_settle::<M, K, S, N>(limbs_of(&less)))
    }
    #[inline(always)]
    fn settle<const S: u32>(self) -> Self {
        Self::new(arith::settle::<M, S>(self.0))
    }
    /// A product is below 4m: 0 is 0, m, 2m or 3m. The lowest limb decides but for one case in 2^50.
    #[inline(always)]
    fn zeros_of_product(self) -> u8 {
        let mut mask = self.may_be_zero();
        for low in
            const { [arith::multiple::<M>(1)[0], arith::multiple::<M>(2)[0], arith::multiple::<M>(3)[0]] }
        {
            // SAFETY: 1. see the module. 2. No memory is touched.
            mask |= unsafe { _mm512_cmpeq_epi64_mask(self.0[0], _mm512_set1_epi64(low as i64)) };
        }
        mask
    }
    #[inline(always)]
    fn may_be_zero(self) -> u8 {
        // SAFETY: 1. see the module. 2. No memory is touched.
        unsafe { _mm512_testn_epi64_mask(self.0[0], self.0[0]) }
    }
    #[inline(always)]
    fn select(mask: u8, a: Self, b: Self) -> Self {
        // SAFETY: 1. see the module. 2. No memory is touched.
        Self::new(five!(I => unsafe { _mm512_mask_blend_epi64(mask, b.0[I], a.0[I]) }))
    }
    fn scalars(self) -> [Lazy<M>; LANES] {
        let mut values = [[0; 4]; LANES];
        layout::store(arith::settle::<M, 0>(self.0), &mut values);
        values.map(|value| Lazy::raw(value).mul(Lazy::raw(M::OUT)))
    }
    fn from_scalars(scalars: [Lazy<M>; LANES]) -> Self {
        Self::load(&scalars.map(|scalar| scalar.mul(Lazy::raw(M::IN)).limbs()))
    }
    #[inline(always)]
    fn prefetch<T>(data: &T) {
        let (start, size) = (core::ptr::from_ref(data).cast::<i8>(), size_of::<T>());
        for at in (0..size).step_by(64) {
            // SAFETY: 1. Part of SSE. 2. Addresses inside a reference; a prefetch does not access memory as the language sees it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(at)) }
        }
        if size > 1 {
            // Data starts anywhere, so its end may lie on one line more.
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(size - 1)) }
        }
    }
    #[inline(always)]
    fn save(self, lines: &mut [Line]) {
        layout::save(self.0, lines);
    }
    #[inline(always)]
    fn restore(lines: &[Line]) -> Self {
        Self::new(layout::restore(lines))
    }
    #[inline(always)]
    fn gather_points(rows: [&[[u8; 64]]; LANES]) -> (Self, Self) {
        let [x, y] = Self::gather::<X_SHIFT, Y_SHIFT>(eight!(I => &rows[I][0]));
        (x, y)
    }
    #[inline(always)]
    fn scatter_points(x: Self, y: Self, rows: &mut [[u8; 64]], places: [usize; LANES]) {
        Self::scatter::<X_SHIFT, Y_SHIFT>([x, y], rows, places);
    }
}

/// The limbs of each.
#[inline(always)]
fn limbs_of<M: Modulus, const N: usize>(elements: &[Ifma<M>; N]) -> [[__m512i; 5]; N] {
    let mut limbs = [Ifma::<M>::zero().0; N];
    for i in 0..N {
        limbs[i] = elements[i].0;
    }
    limbs
}

/// Karatsuba on unreduced products: c0 = a0·b0 − a1·b1 + m·2^260, c1 = (a0 + a1)(b0 + b1) − a0·b0 − a1·b1. As
/// a1·b1 ≤ 84 m² < m·2^260 (84.6 m²), c0 is not negative; columns may be, and reduction takes signed ones.
#[inline(always)]
fn wide_product_fq2<M: Modulus>(a: [Ifma<M>; 2], b: [Ifma<M>; 2]) -> [Wide; 2] {
    let low = Wide::product(&a[0].0, &b[0].0);
    let high = Wide::product(&a[1].0, &b[1].0);
    let cross = Wide::product(&arith::add(a[0].0, a[1].0), &arith::add(b[0].0, b[1].0));
    let real = low.sub(&high).add_upper(Ifma::<M>::constant(arith::multiple::<M>(1)).0);
    [real, cross.sub(&low).sub(&high)]
}

/// Eight sums: five signed columns of 64 bits each. A column of a product is below 2^58 ([`Wide`]), one of an offset K·m below 2^52, so what 16 of each come to
/// is below 2^63.
#[derive(Clone, Copy)]
pub(crate) struct Sums<M>([__m512i; 5], PhantomData<M>);

impl<M: Modulus> Loose for Sums<M> {
    type Tight = Ifma<M>;

    #[inline(always)]
    fn of(tight: Ifma<M>) -> Self {
        Self(tight.0, PhantomData)
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(arith::add_columns(self.0, other.0), PhantomData)
    }
    #[inline(always)]
    fn sub<const K: usize>(self, other: Self) -> Self {
        Self(arith::sub_columns::<M, K>(self.0, other.0), PhantomData)
    }
    #[inline(always)]
    fn mul(self, by: Ifma<M>) -> Self {
        let product = Wide::product(&arith::carry_unmasked(self.0), &by.0);
        Self(product.reduce_columns::<M>(), PhantomData)
    }
    #[inline(always)]
    fn carried(self) -> Ifma<M> {
        Ifma::new(arith::carry(self.0))
    }
    #[inline(always)]
    fn save(self, lines: &mut [Line]) {
        layout::save(self.0, lines);
    }
    #[inline(always)]
    fn restore(lines: &[Line]) -> Self {
        Self(layout::restore(lines), PhantomData)
    }
}

impl<M: Modulus> PrimeLanes for Ifma<M> {
    type Modulus = M;
    type Loose = Sums<M>;

    #[inline(always)]
    fn gather<const A: u32, const B: u32>(rows: [&[u8; 64]; LANES]) -> [Self; 2] {
        let [a0, a1, a2, a3, b0, b1, b2, b3] = layout::gather(rows);
        [Self::new(layout::split::<A>([a0, a1, a2, a3])), Self::new(layout::split::<B>([b0, b1, b2, b3]))]
    }
    #[inline(always)]
    fn scatter<const A: u32, const B: u32>(pair: [Self; 2], rows: &mut [[u8; 64]], places: [usize; LANES]) {
        let (a, b) = (layout::join::<A>(pair[0].0), layout::join::<B>(pair[1].0));
        layout::scatter([a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]], rows, places);
    }
    #[inline(always)]
    fn mul_fq2(a: [Self; 2], b: [Self; 2]) -> [Self; 2] {
        let [real, imaginary] = wide_product_fq2(a, b);
        [Self::new(real.reduce::<M>()), Self::new(imaginary.reduce::<M>())]
    }
    #[inline(always)]
    fn mul_fq2_sub_settle<const K: usize, const S: u32, const N: usize>(
        a: [Self; 2],
        b: [Self; 2],
        less: [[Self; 2]; N],
    ) -> [Self; 2] {
        let [real, imaginary] = wide_product_fq2(a, b);
        let mut parts = [[Self::zero().0; N]; 2];
        for i in 0..N {
            parts[0][i] = less[i][0].0;
            parts[1][i] = less[i][1].0;
        }
        [
            Self::new(real.reduce_sub_settle::<M, K, S, N>(parts[0])),
            Self::new(imaginary.reduce_sub_settle::<M, K, S, N>(parts[1])),
        ]
    }
    #[inline(always)]
    fn load(values: &[[u64; 4]; LANES]) -> Self {
        Self::new(layout::split::<0>(layout::load(values)))
    }
    #[inline(always)]
    fn store_reduced(self, values: &mut [[u64; 4]; LANES]) {
        layout::store(arith::canonical::<M>(self.0), values);
    }
    #[inline(always)]
    fn unpack(packed: &Packed) -> Self {
        Self::new(layout::split::<0>(layout::words(packed)))
    }
    #[inline(always)]
    fn pack(self) -> Packed {
        layout::packed(layout::join::<0>(self.0))
    }
    fn factor(element: Lazy<M>) -> Factor {
        Factor(arith::limbs52(element.mul(Lazy::raw(M::IN)).reduced()))
    }
    #[inline(always)]
    fn broadcast(factor: &Factor) -> Self {
        Self::constant(factor.0)
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let limbs: [[__m512i; 8]; 5] = five!(L => layout::transpose(eight!(I => rows[I].0[L])));
        eight!(I => Self::new(five!(L => limbs[L][I])))
    }

    #[cfg(test)]
    const RADIX_BITS: u32 = 260;
    #[cfg(test)]
    const ROOM: u64 = 84;
    #[cfg(test)]
    fn from_integers(integers: &[super::Integer; LANES]) -> Self {
        let limb = |x: &super::Integer, i: usize| {
            let (at, shift) = (52 * i / 64, 52 * i % 64);
            let next = x.get(at + 1).map_or(0, |next| u128::from(*next));
            ((u128::from(x[at]) | next << 64) >> shift) as u64 & ((1 << 52) - 1)
        };
        Self::restore(&core::array::from_fn::<_, 5, _>(|i| Line(integers.each_ref().map(|x| limb(x, i)))))
    }
    #[cfg(test)]
    fn integers(self) -> [super::Integer; LANES] {
        let mut lines = [Line([0; LANES]); 5];
        self.save(&mut lines);
        core::array::from_fn(|lane| {
            let mut integer = [0; 5];
            for (i, line) in lines.iter().enumerate() {
                assert!(line.0[lane] >> 52 == 0, "limb {i} has more than 52 bits");
                let (at, shift) = (52 * i / 64, 52 * i % 64);
                let part = u128::from(line.0[lane]) << shift;
                integer[at] |= part as u64;
                if at < 4 {
                    integer[at + 1] |= (part >> 64) as u64;
                }
            }
            integer
        })
    }
}
