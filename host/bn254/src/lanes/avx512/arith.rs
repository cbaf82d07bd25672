//! Arithmetic on five vectors of 52-bit limbs. Safety: the two duties of the parent module; nothing here touches memory.

use core::arch::x86_64::*;

use crate::mont::Modulus;

/// An integer below 2^260 in limbs of 52 bits.
pub(super) type Limbs52 = [u64; 5];

const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;

/// The limbs of an integer of four 64-bit limbs.
pub(super) const fn limbs52(x: [u64; 4]) -> Limbs52 {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

/// k·m, for k ≤ 84.
pub(super) const fn multiple<M: Modulus>(k: usize) -> Limbs52 {
    let m = limbs52(M::M);
    let (mut out, mut carry, mut i) = ([0; 5], 0u128, 0);
    while i < 5 {
        carry += m[i] as u128 * k as u128;
        out[i] = carry as u64 & MASK;
        carry >>= BITS;
        i += 1;
    }
    out
}

/// What reduction multiplies by.
trait Reduction: Modulus {
    /// m.
    const M52: Limbs52 = limbs52(Self::M);
    /// c = −1/m mod 2^52.
    const C: u64 = Self::NEG_INV & MASK;
    /// (c·m + 1)/2^52, below m. With t₀ the lowest limb, t + t₀·c·m = (t − t₀) + t₀·(c·m + 1): its lowest limb is 0 without
    /// a product to find the factor and none to clear the limb.
    const MC: Limbs52 = {
        let m = limbs52(Self::M);
        let (mut out, mut i) = ([0; 5], 1);
        let mut carry = (Self::C as u128 * m[0] as u128 + 1) >> BITS;
        while i < 5 {
            carry += Self::C as u128 * m[i] as u128;
            out[i - 1] = carry as u64 & MASK;
            carry >>= BITS;
            i += 1;
        }
        out[4] = carry as u64;
        out
    };
    /// floor(2^305/m), below 2^52 as m > 2^253: for quotients by the top limb.
    const MU: u64 = {
        // Long division, bit by bit: the remainder stays below m < 2^254.
        let (mut quotient, mut rest, mut bit) = (0u64, [0u64; 4], 0);
        while bit <= 305 {
            let carry = if bit == 0 { 1 } else { 0 };
            let doubled = crate::limbs::add(rest, rest).0;
            let doubled = [doubled[0] | carry, doubled[1], doubled[2], doubled[3]];
            let (difference, borrow) = crate::limbs::sub(doubled, Self::M);
            quotient = quotient << 1 | (1 - borrow);
            rest = if borrow == 0 { difference } else { doubled };
            bit += 1;
        }
        quotient
    };
}
impl<M: Modulus> Reduction for M {}

#[inline(always)]
fn set(x: u64) -> __m512i {
    // SAFETY: see the module.
    unsafe { _mm512_set1_epi64(x as i64) }
}

/// Makes limbs below 2^52 of signed columns whose value is in \[0, 2^260).
#[inline(always)]
pub(super) fn carry(mut t: [__m512i; 5]) -> [__m512i; 5] {
    for i in 0..4 {
        // SAFETY: see the module.
        unsafe {
            t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<BITS>(t[i]));
            t[i] = _mm512_and_si512(t[i], set(MASK));
        }
    }
    t
}

/// [`carry`] for a factor of [`Wide::product`]: bits from 52 on are left, as IFMA looks at no others than those below.
#[inline(always)]
pub(super) fn carry_unmasked(mut t: [__m512i; 5]) -> [__m512i; 5] {
    for i in 0..4 {
        // SAFETY: see the module.
        t[i + 1] = unsafe { _mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<BITS>(t[i])) };
    }
    t
}

/// a + b, column by column.
#[inline(always)]
pub(super) fn add_columns(a: [__m512i; 5], b: [__m512i; 5]) -> [__m512i; 5] {
    // SAFETY: see the module.
    five!(I => unsafe { _mm512_add_epi64(a[I], b[I]) })
}

/// a − b + K·m, column by column.
#[inline(always)]
pub(super) fn sub_columns<M: Modulus, const K: usize>(a: [__m512i; 5], b: [__m512i; 5]) -> [__m512i; 5] {
    let offset = const { multiple::<M>(K) };
    // SAFETY: see the module.
    five!(I => unsafe { _mm512_sub_epi64(_mm512_add_epi64(a[I], set(offset[I])), b[I]) })
}

/// a + b, below 2^260.
#[inline(always)]
pub(super) fn add(a: [__m512i; 5], b: [__m512i; 5]) -> [__m512i; 5] {
    carry(add_columns(a, b))
}

/// a − b + K·m, in \[0, 2^260).
#[inline(always)]
pub(super) fn sub<M: Modulus, const K: usize>(a: [__m512i; 5], b: [__m512i; 5]) -> [__m512i; 5] {
    carry(sub_columns::<M, K>(a, b))
}

/// (−a where `negative` is set, else a) − b + K·m, in \[0, 2^260).
#[inline(always)]
pub(super) fn sub_signed<M: Modulus, const K: usize>(
    a: [__m512i; 5],
    negative: u8,
    b: [__m512i; 5],
) -> [__m512i; 5] {
    let offset = const { multiple::<M>(K) };
    carry(five!(I => {
        // SAFETY: see the module.
        unsafe {
            let rest = _mm512_sub_epi64(set(offset[I]), b[I]);
            let sum = _mm512_add_epi64(rest, a[I]);
            _mm512_mask_sub_epi64(sum, negative, rest, a[I])
        }
    }))
}

/// t − Σ `less` + K·m for signed columns t, settled: with S as for [`settle`], in the range that it asks for.
#[inline(always)]
fn sub_settle<M: Modulus, const K: usize, const S: u32, const N: usize>(
    t: [__m512i; 5],
    less: [[__m512i; 5]; N],
) -> [__m512i; 5] {
    let offset = const { multiple::<M>(K) };
    // SAFETY: see the module.
    let mut t = five!(I => unsafe { _mm512_add_epi64(t[I], set(offset[I])) });
    for less in &less {
        // SAFETY: see the module.
        t = five!(I => unsafe { _mm512_sub_epi64(t[I], less[I]) });
    }
    settle::<M, S>(carry(t))
}

/// v − q·m for vectors q below 2^7 with q·m ≤ v.
#[inline(always)]
fn sub_times<M: Modulus>(v: [__m512i; 5], q: __m512i) -> [__m512i; 5] {
    let mut t = v;
    for i in 0..5 {
        // SAFETY: see the module.
        unsafe {
            let zero = _mm512_setzero_si512();
            t[i] = _mm512_sub_epi64(t[i], _mm512_madd52lo_epu64(zero, q, set(M::M52[i])));
            if i < 4 {
                t[i + 1] = _mm512_sub_epi64(t[i + 1], _mm512_madd52hi_epu64(zero, q, set(M::M52[i])));
            }
        }
    }
    carry(t)
}

/// An estimate of v/m: right or one too small.
///
/// With t the top limb, v = t·2^208 + e, 0 ≤ e < 2^208, and μ = 2^305/m − d, 0 ≤ d < 1: t·μ/2^97 = t·2^208/m − t·d/2^97, so v/m exceeds
/// it by less than 2^208/m + 2^52/2^97 < 2^-44; rounding down makes that at most 1.
#[inline(always)]
fn quotient<M: Modulus>(v: &[__m512i; 5]) -> __m512i {
    // SAFETY: see the module.
    unsafe { _mm512_srli_epi64::<45>(_mm512_madd52hi_epu64(_mm512_setzero_si512(), v[4], set(M::MU))) }
}

/// The same element, below (2 + 2^S − 1)·m and a multiple of 2^S, for v ≥ 2^S·m or S = 0; S ≤ 2.
///
/// The quotient is lowered by up to 2^S − 1, to the residue modulo 2^S that makes the rest a multiple: v ≡ q·m, and m ≡ −1 (mod 4)
/// for q and 1 (mod 4) for r, so q ≡ v/m.
#[inline(always)]
pub(super) fn settle<M: Modulus, const S: u32>(v: [__m512i; 5]) -> [__m512i; 5] {
    let mut q = quotient::<M>(&v);
    if S > 0 {
        let low = set((1 << S) - 1);
        // SAFETY: see the module. c = −1/m, so q − v/m = q + c·v modulo 2^S; c is 1 or 3 there.
        unsafe {
            let wanted = if M::C & 3 == 1 { v[0] } else { _mm512_sub_epi64(_mm512_setzero_si512(), v[0]) };
            q = _mm512_sub_epi64(q, _mm512_and_si512(_mm512_add_epi64(q, wanted), low));
        }
    }
    sub_times::<M>(v, q)
}

/// The unique representative, below m.
#[inline(always)]
pub(super) fn canonical<M: Modulus>(v: [__m512i; 5]) -> [__m512i; 5] {
    let v = settle::<M, 0>(v);
    // SAFETY: see the module. A carry out of the top makes that limb negative: then v was below m already.
    unsafe {
        let less = carry(five!(I => _mm512_sub_epi64(v[I], set(M::M52[I]))));
        let negative = _mm512_movepi64_mask(less[4]);
        five!(I => _mm512_mask_blend_epi64(negative, less[I], v[I]))
    }
}

/// Ten columns of weight 2^52 each, signed 64-bit, each below 2^58 in size.
#[derive(Clone, Copy)]
pub(super) struct Wide([__m512i; 10]);

impl Wide {
    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: see the module.
        Self([unsafe { _mm512_setzero_si512() }; 10])
    }

    /// a·b: a column has at most ten terms below 2^52.
    #[inline(always)]
    pub(super) fn product(a: &[__m512i; 5], b: &[__m512i; 5]) -> Self {
        let mut t = Self::zero().0;
        for i in 0..5 {
            for j in 0..5 {
                // SAFETY: see the module.
                unsafe {
                    t[i + j] = _mm512_madd52lo_epu64(t[i + j], a[i], b[j]);
                    t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a[i], b[j]);
                }
            }
        }
        Self(t)
    }

    /// a²: mixed terms once, doubled together (a doubled limb would not fit 52 bits), then the squares.
    #[inline(always)]
    pub(super) fn square(a: &[__m512i; 5]) -> Self {
        let mut t = Self::zero().0;
        // SAFETY: see the module.
        unsafe {
            for i in 0..5 {
                for j in i + 1..5 {
                    t[i + j] = _mm512_madd52lo_epu64(t[i + j], a[i], a[j]);
                    t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a[i], a[j]);
                }
            }
            for column in &mut t {
                *column = _mm512_add_epi64(*column, *column);
            }
            for i in 0..5 {
                t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a[i], a[i]);
                t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a[i], a[i]);
            }
        }
        Self(t)
    }

    /// Columnwise difference.
    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Self {
        // SAFETY: see the module.
        Self([
            unsafe { _mm512_sub_epi64(self.0[0], other.0[0]) },
            unsafe { _mm512_sub_epi64(self.0[1], other.0[1]) },
            unsafe { _mm512_sub_epi64(self.0[2], other.0[2]) },
            unsafe { _mm512_sub_epi64(self.0[3], other.0[3]) },
            unsafe { _mm512_sub_epi64(self.0[4], other.0[4]) },
            unsafe { _mm512_sub_epi64(self.0[5], other.0[5]) },
            unsafe { _mm512_sub_epi64(self.0[6], other.0[6]) },
            unsafe { _mm512_sub_epi64(self.0[7], other.0[7]) },
            unsafe { _mm512_sub_epi64(self.0[8], other.0[8]) },
            unsafe { _mm512_sub_epi64(self.0[9], other.0[9]) },
        ])
    }

    /// Plus x·2^260.
    #[inline(always)]
    pub(super) fn add_upper(mut self, x: [__m512i; 5]) -> Self {
        for (column, limb) in self.0[5..].iter_mut().zip(x) {
            // SAFETY: see the module.
            *column = unsafe { _mm512_add_epi64(*column, limb) };
        }
        self
    }

    /// t/2^260 mod m, for a value t in \[0, 82·m·2^260), which is A·B ≤ 6,940 m² for a product: below t/2^260 + 2m ≤ 84 m, limbs below 2^52.
    ///
    /// Four steps add t₀·c·m < 2^104·m at their place (see [`Reduction::MC`]) and drop a limb, the fifth adds k·m with k < 2^52: in all
    /// less than (2^104·2^156·(1 + 2^-51) + 2^52·2^208)·m·… ≤ 2·2^260·m. A column gains ten terms below 2^52 and a carry, so it
    /// stays below 2^58; carries are signed, as columns of a difference are.
    #[inline(always)]
    pub(super) fn reduce<M: Modulus>(self) -> [__m512i; 5] {
        carry(self.reduce_columns::<M>())
    }

    /// The same less the elements of `less`, plus K·m, settled.
    #[inline(always)]
    pub(super) fn reduce_sub_settle<M: Modulus, const K: usize, const S: u32, const N: usize>(
        self,
        less: [[__m512i; 5]; N],
    ) -> [__m512i; 5] {
        sub_settle::<M, K, S, N>(self.reduce_columns::<M>(), less)
    }

    /// [`Wide::reduce`] but for the last carries: columns are not negative for those of a product, and below 2^58.
    #[inline(always)]
    pub(super) fn reduce_columns<M: Modulus>(self) -> [__m512i; 5] {
        let mut t = self.0;
        // SAFETY: see the module.
        unsafe {
            for i in 0..4 {
                let k = t[i];
                t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<BITS>(k));
                for j in 0..5 {
                    t[i + 1 + j] = _mm512_madd52lo_epu64(t[i + 1 + j], k, set(M::MC[j]));
                    t[i + 2 + j] = _mm512_madd52hi_epu64(t[i + 2 + j], k, set(M::MC[j]));
                }
            }
            let k = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[4], set(M::C));
            t[4] = _mm512_madd52lo_epu64(t[4], k, set(M::M52[0]));
            t[5] = _mm512_madd52hi_epu64(t[5], k, set(M::M52[0]));
            t[5] = _mm512_add_epi64(t[5], _mm512_srai_epi64::<BITS>(t[4]));
            for j in 1..5 {
                t[4 + j] = _mm512_madd52lo_epu64(t[4 + j], k, set(M::M52[j]));
                t[5 + j] = _mm512_madd52hi_epu64(t[5 + j], k, set(M::M52[j]));
            }
        }
        [t[5], t[6], t[7], t[8], t[9]]
    }
}
