//! Eight field elements at a time: what vector kernels are written against.
//!
//! A backend implements [`Lanes`] for both prime fields; [`fq2`] builds the quadratic extension on top. Kernels are generic
//! over [`Backend`] and written once; [`backend`](crate::backend) picks one and calls the kernel with that backend's instructions on.
//!
//! # Ranges
//!
//! A backend may hold an element as any integer of its class, below a bound that grows with sums and falls with products.
//! Kernels therefore keep book of bounds, in units of the modulus m, by the rules of the narrowest backend (R' = 2^260 > 84.6 m):
//!
//! | operation | asks | gives |
//! |---|---|---|
//! | `add` | A + B ≤ 84 | A + B |
//! | `sub::<K>` | B ≤ K, A + K ≤ 84 | A + K |
//! | `sub_signed::<K>` | A + B ≤ K, A + K ≤ 84 | A + K |
//! | `mul`, `square` | A, B ≤ 84, AB ≤ 6,900 | AB/84.6 + 2 |
//! | `settle::<S>` | 2^S ≤ value/m or S = 0, A ≤ 84 | 2 + 2^S − 1, and a multiple of 2^S |
//! | `mul_sub_settle::<K, S>` | as `mul`; `less` together ≤ K − 2^S, AB/84.6 + 2 + K ≤ 84 | as `settle::<S>` |
//! | `load`, `gather` with shift S | integers below 2m | 2·2^S |
//! | the same of [`Loose`] sums | the same, and at most 16 products and vectors in a sum | the same |
//!
//! AB is bounded because a product must stay below R' itself: 6,900/84.6 + 2 < 84, where 84·84 would come out at 85.4. A backend that reduces more is free to. Integers out of range on loading give wrong elements, and nothing worse.
//!
//! # Shifts
//!
//! Files hold x·2^256, and a backend may compute on x·2^260, which is 16 times as much. Point kernels need no product for
//! that: on the isomorphic curve with x' = x/4 and y' = y/8 the forms x'·2^260 = 4·(x·2^256) and y'·2^260 = 2·(y·2^256) are the file's,
//! shifted by [`X_SHIFT`] and [`Y_SHIFT`] bits, and affine addition is the same on both curves. Transforms are linear, so there the
//! factor stays in the values and only the twiddles are converted.

#[cfg(target_arch = "x86_64")]
pub(crate) mod adx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod fq2;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

use crate::{
    field::Field,
    mont::{Lazy, Modulus, Q, R},
};

/// Elements in a vector.
pub(crate) const LANES: usize = 8;
/// By how many bits an x coordinate of a file is shifted on loading.
pub(crate) const X_SHIFT: u32 = 2;
/// By how many bits a y coordinate of a file is shifted on loading.
pub(crate) const Y_SHIFT: u32 = 1;

/// Eight 256-bit integers, limbs or elements side by side as the backend likes them: what one has packed only it unpacks.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Packed(pub(crate) [[u64; LANES]; 4]);

impl zeroize::Zeroize for Packed {
    fn zeroize(&mut self) {
        self.0.iter_mut().for_each(zeroize::Zeroize::zeroize);
    }
}

impl Packed {
    /// Eight zeros.
    pub const ZERO: Self = Self([[0; LANES]; 4]);
}

/// Working memory of kernels, which does not know the backend's vectors.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Line(pub(crate) [u64; LANES]);

/// A field element as a backend wants it for [`PrimeLanes::broadcast`].
#[derive(Clone, Copy, Debug)]
pub struct Factor(pub(crate) [u64; 5]);

/// An integer as a backend holds it, in 64-bit limbs.
#[cfg(test)]
pub(crate) type Integer = [u64; 5];

/// Eight elements of a field.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// One element, outside a vector.
    type Scalar: Field;
    /// 64-byte rows of a point with such coordinates.
    const ROWS: usize;
    /// Lines that a vector takes in memory.
    const LINES: usize;

    /// Eight zeros.
    fn zero() -> Self;
    /// Eight ones.
    fn one() -> Self;
    /// a + b.
    fn add(self, other: Self) -> Self;
    /// a − b, for b ≤ K·m.
    fn sub<const K: usize>(self, other: Self) -> Self;
    /// a·b.
    fn mul(self, other: Self) -> Self;
    /// a².
    fn square(self) -> Self;
    /// (−a where `negative` is set, else a) − b, for A + B ≤ K; below A + K.
    fn sub_signed<const K: usize>(self, negative: u8, other: Self) -> Self;
    /// a·b − Σ `less`, settled: the sum of the bounds of `less` is at most K − 2^S, and AB/84.6 + 2 + K at most 84.
    fn mul_sub_settle<const K: usize, const S: u32, const N: usize>(
        self,
        other: Self,
        less: [Self; N],
    ) -> Self;
    /// The same for a².
    fn square_sub_settle<const K: usize, const S: u32, const N: usize>(self, less: [Self; N]) -> Self;
    /// The same element, small, and as an integer a multiple of 2^S.
    fn settle<const S: u32>(self) -> Self;
    /// Lanes of a product that are 0; asks that it is below 4.
    fn zeros_of_product(self) -> u8;
    /// Lanes of a loaded coordinate that may be 0; never misses an integer 0.
    fn may_be_zero(self) -> u8;
    /// Lanes of `a` where `mask` is set, of `b` elsewhere.
    fn select(mask: u8, a: Self, b: Self) -> Self;
    /// The elements.
    fn scalars(self) -> [Self::Scalar; LANES];
    /// The vector of these elements; below 2m.
    fn from_scalars(scalars: [Self::Scalar; LANES]) -> Self;
    /// Asks the processor to fetch what will be read soon; a hint.
    fn prefetch<T>(data: &T);
    /// Writes [`Lanes::LINES`] lines.
    fn save(self, lines: &mut [Line]);
    /// From [`Lanes::save`].
    fn restore(lines: &[Line]) -> Self;
    /// The points in eight rows, (x, y), shifted by [`X_SHIFT`] and [`Y_SHIFT`]; `rows[lane]` has [`Lanes::ROWS`] parts.
    fn gather_points(rows: [&[[u8; 64]]; LANES]) -> (Self, Self);
    /// Undoes the shifts of [`Lanes::gather_points`] and writes point i to rows from `places[i]`·[`Lanes::ROWS`] on; x and y come
    /// settled by as much. Coordinates end below 2m.
    fn scatter_points(x: Self, y: Self, rows: &mut [[u8; 64]], places: [usize; LANES]);
}

/// Eight sums of products and vectors whose carries wait until a sum is multiplied or done: a backend with room above its limbs propagates none before.
///
/// Bounds of the integers are those of [`Lanes`]. Besides, at most 16 products and vectors may be added and subtracted in one sum, so that the room above limbs suffices.
pub trait Loose: Copy {
    /// What sums are made of.
    type Tight: PrimeLanes;

    /// The sum of one.
    fn of(tight: Self::Tight) -> Self;
    /// a + b.
    fn add(self, other: Self) -> Self;
    /// a − b, for b ≤ K·m.
    fn sub<const K: usize>(self, other: Self) -> Self;
    /// a·b: a sum of one product, however many a is of.
    fn mul(self, by: Self::Tight) -> Self;
    /// The same integers.
    fn carried(self) -> Self::Tight;
    /// Writes [`Lanes::LINES`] lines.
    fn save(self, lines: &mut [Line]);
    /// From [`Loose::save`].
    fn restore(lines: &[Line]) -> Self;
}

/// Eight elements of a prime field.
pub trait PrimeLanes: Lanes<Scalar = Lazy<Self::Modulus>> {
    /// Which field.
    type Modulus: Modulus;
    /// Sums of such elements.
    type Loose: Loose<Tight = Self>;

    /// Two coordinates of eight rows, the first shifted by `A` bits, the second by `B`.
    fn gather<const A: u32, const B: u32>(rows: [&[u8; 64]; LANES]) -> [Self; 2];
    /// Undoes [`PrimeLanes::gather`] on settled elements, into the rows at these places.
    fn scatter<const A: u32, const B: u32>(pair: [Self; 2], rows: &mut [[u8; 64]], places: [usize; LANES]);
    /// (a0 + a1·u)(b0 + b1·u) with u² = −1. Asks A, B ≤ 42 and A·B ≤ 84 for both; gives AB/84.6 + 3 and 2AB/84.6 + 2.
    fn mul_fq2(a: [Self; 2], b: [Self; 2]) -> [Self; 2];
    /// The same less the elements of `less`, settled as by [`Lanes::mul_sub_settle`]; what is given and K together are at most 84.
    fn mul_fq2_sub_settle<const K: usize, const S: u32, const N: usize>(
        a: [Self; 2],
        b: [Self; 2],
        less: [[Self; 2]; N],
    ) -> [Self; 2];
    /// Eight integers below 2m, not shifted, from four-limb numbers one after the other.
    fn load(values: &[[u64; 4]; LANES]) -> Self;
    /// The same, unique and below m, for any element up to 84 m.
    fn store_reduced(self, values: &mut [[u64; 4]; LANES]);
    /// From [`PrimeLanes::pack`].
    fn unpack(packed: &Packed) -> Self;
    /// The integers; asks A ≤ 5 (2^256 > 5.2 m).
    fn pack(self) -> Packed;
    /// x·y, both packed, in the place of x.
    #[inline(always)]
    fn mul_packed(x: &mut Packed, y: &Packed) {
        *x = Self::unpack(x).mul(Self::unpack(y)).pack();
    }
    /// What [`PrimeLanes::broadcast`] takes.
    fn factor(element: Lazy<Self::Modulus>) -> Factor;
    /// Eight times the same element, below m.
    fn broadcast(factor: &Factor) -> Self;
    /// Transposes 8 vectors of 8.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];

    /// R' is 2 to this power.
    #[cfg(test)]
    const RADIX_BITS: u32;
    /// Integers may be any below so many m, at most 84.
    #[cfg(test)]
    const ROOM: u64;
    /// The vector of these integers, below [`PrimeLanes::ROOM`]: for tests at the exact ends of ranges.
    #[cfg(test)]
    fn from_integers(integers: &[Integer; LANES]) -> Self;
    /// The integers.
    #[cfg(test)]
    fn integers(self) -> [Integer; LANES];
}

/// A set of vector types.
pub trait Backend: 'static {
    /// Eight base-field elements.
    type Fq: PrimeLanes<Modulus = Q>;
    /// Eight scalar-field elements.
    type Fr: PrimeLanes<Modulus = R>;
}
