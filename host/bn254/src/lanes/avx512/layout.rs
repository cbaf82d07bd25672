//! Between integers in memory and vectors of limbs. Safety: the two duties of the parent module.

use core::arch::x86_64::*;

use super::super::{LANES, Line, Packed};

/// Transposes an 8 × 8 matrix of 64-bit words.
#[inline(always)]
pub(super) fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    // SAFETY: 1. see the parent. 2. No memory is touched.
    unsafe {
        // Pairs of rows: t[2i] has the even words of rows 2i, 2i+1 in turn, t[2i+1] the odd ones.
        let t: [__m512i; 8] = eight!(I => if I & 1 == 0 {
            _mm512_unpacklo_epi64(r[I & !1], r[I | 1])
        } else {
            _mm512_unpackhi_epi64(r[I & !1], r[I | 1])
        });
        // Quadruples: 128-bit parts 0, 2 and 1, 3 of two of them.
        let quad =
            |a: __m512i, b: __m512i| (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b));
        let (a0, a2) = quad(t[0], t[2]);
        let (a1, a3) = quad(t[1], t[3]);
        let (b0, b2) = quad(t[4], t[6]);
        let (b1, b3) = quad(t[5], t[7]);
        let (c0, c4) = quad(a0, b0);
        let (c1, c5) = quad(a1, b1);
        let (c2, c6) = quad(a2, b2);
        let (c3, c7) = quad(a3, b3);
        [c0, c1, c2, c3, c4, c5, c6, c7]
    }
}

/// Word i of every row in vector i.
#[inline(always)]
pub(super) fn gather(rows: [&[u8; 64]; LANES]) -> [__m512i; 8] {
    // SAFETY: 1. see the parent. 2. Each reference has the 64 bytes that are read.
    transpose(eight!(I => unsafe { _mm512_loadu_si512(rows[I].as_ptr().cast()) }))
}

/// Undoes [`gather`], into the rows at these places.
#[inline(always)]
pub(super) fn scatter(words: [__m512i; 8], rows: &mut [[u8; 64]], places: [usize; LANES]) {
    let words = transpose(words);
    for i in 0..LANES {
        // SAFETY: 1. see the parent. 2. The reference has the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(rows[places[i]].as_mut_ptr().cast(), words[i]) }
    }
}

/// Four-limb integers, one after the other, limb by limb.
#[inline(always)]
pub(super) fn load(values: &[[u64; 4]; LANES]) -> [__m512i; 4] {
    // SAFETY: 1. see the parent. 2. Two values are the 64 bytes that are read.
    let v = [
        unsafe { _mm512_loadu_si512(values[0..2].as_ptr().cast()) },
        unsafe { _mm512_loadu_si512(values[2..4].as_ptr().cast()) },
        unsafe { _mm512_loadu_si512(values[4..6].as_ptr().cast()) },
        unsafe { _mm512_loadu_si512(values[6..8].as_ptr().cast()) },
    ];
    // SAFETY: 1. see the parent. 2. No memory is touched.
    unsafe {
        // Vector i holds values 2i and 2i + 1: low words 0, 2 and high words 1, 3 of each, paired with those of vector i + 1.
        let quad = |a: __m512i, b: __m512i, low: __m512i| _mm512_permutex2var_epi64(a, low, b);
        let even = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let odd = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        let (a, b) = (quad(v[0], v[1], even), quad(v[2], v[3], even));
        let (c, d) = (quad(v[0], v[1], odd), quad(v[2], v[3], odd));
        [
            _mm512_shuffle_i64x2::<0x44>(a, b),
            _mm512_shuffle_i64x2::<0xee>(a, b),
            _mm512_shuffle_i64x2::<0x44>(c, d),
            _mm512_shuffle_i64x2::<0xee>(c, d),
        ]
    }
}

/// Writes integers below 2^256.
#[inline(always)]
pub(super) fn store(limbs: [__m512i; 5], values: &mut [[u64; 4]; LANES]) {
    let w = join::<0>(limbs);
    // SAFETY: 1. see the parent. 2. Two values are the 64 bytes that are written.
    unsafe {
        let low = [_mm512_unpacklo_epi64(w[0], w[1]), _mm512_unpackhi_epi64(w[0], w[1])];
        let high = [_mm512_unpacklo_epi64(w[2], w[3]), _mm512_unpackhi_epi64(w[2], w[3])];
        // low[p], high[p]: words 0, 1 and 2, 3 of the values p, p + 2, p + 4, p + 6 in the four 128-bit parts.
        for part in 0..4i64 {
            let at = 2 * part;
            let index = _mm512_setr_epi64(at, at + 1, at + 8, at + 9, at, at + 1, at + 8, at + 9);
            let even = _mm512_permutex2var_epi64(low[0], index, high[0]);
            let odd = _mm512_permutex2var_epi64(low[1], index, high[1]);
            let both = _mm512_shuffle_i64x2::<0x44>(even, odd);
            let part = part as usize;
            _mm512_storeu_si512(values[2 * part..2 * part + 2].as_mut_ptr().cast(), both);
        }
    }
}

/// The words of a block.
#[inline(always)]
pub(super) fn words(packed: &Packed) -> [__m512i; 4] {
    // SAFETY: 1. see the parent. 2. Each limb has the 64 bytes that are read.
    unsafe {
        [
            _mm512_loadu_si512(packed.0[0].as_ptr().cast()),
            _mm512_loadu_si512(packed.0[1].as_ptr().cast()),
            _mm512_loadu_si512(packed.0[2].as_ptr().cast()),
            _mm512_loadu_si512(packed.0[3].as_ptr().cast()),
        ]
    }
}

/// A block of these words.
#[inline(always)]
pub(super) fn packed(words: [__m512i; 4]) -> Packed {
    let mut out = Packed::ZERO;
    for (limb, vector) in out.0.iter_mut().zip(words) {
        // SAFETY: 1. see the parent. 2. The limb has the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(limb.as_mut_ptr().cast(), vector) }
    }
    out
}

/// 52-bit limbs of 2^S times a 256-bit integer, S ≤ 4.
#[inline(always)]
pub(super) fn split<const S: u32>(w: [__m512i; 4]) -> [__m512i; 5] {
    // SAFETY: 1. see the parent. 2. No memory is touched.
    unsafe {
        let mask = _mm512_set1_epi64((1 << 52) - 1);
        let count = |bits: u32| _mm512_set1_epi64(i64::from(bits - S));
        [
            _mm512_and_si512(_mm512_sllv_epi64(w[0], _mm512_set1_epi64(i64::from(S))), mask),
            _mm512_and_si512(_mm512_shrdv_epi64(w[0], w[1], count(52)), mask),
            _mm512_and_si512(_mm512_shrdv_epi64(w[1], w[2], count(40)), mask),
            _mm512_and_si512(_mm512_shrdv_epi64(w[2], w[3], count(28)), mask),
            _mm512_srlv_epi64(w[3], count(16)),
        ]
    }
}

/// The integer over 2^S; it is a multiple, and below 2^(256 + S).
#[inline(always)]
pub(super) fn join<const S: u32>(l: [__m512i; 5]) -> [__m512i; 4] {
    // SAFETY: 1. see the parent. 2. No memory is touched.
    unsafe {
        let down = |x: __m512i, bits: u32| _mm512_srlv_epi64(x, _mm512_set1_epi64(i64::from(bits + S)));
        let up = |x: __m512i, bits: u32| _mm512_sllv_epi64(x, _mm512_set1_epi64(i64::from(bits - S)));
        [
            _mm512_or_si512(down(l[0], 0), up(l[1], 52)),
            _mm512_or_si512(down(l[1], 12), up(l[2], 40)),
            _mm512_or_si512(down(l[2], 24), up(l[3], 28)),
            _mm512_or_si512(down(l[3], 36), up(l[4], 16)),
        ]
    }
}

/// Writes five lines.
#[inline(always)]
pub(super) fn save(limbs: [__m512i; 5], lines: &mut [Line]) {
    let lines = &mut lines[..5];
    for i in 0..5 {
        // SAFETY: 1. see the parent. 2. The line has the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(lines[i].0.as_mut_ptr().cast(), limbs[i]) }
    }
}

/// Reads five lines.
#[inline(always)]
pub(super) fn restore(lines: &[Line]) -> [__m512i; 5] {
    let lines = &lines[..5];
    // SAFETY: 1. see the parent. 2. Each line has the 64 bytes that are read.
    five!(I => unsafe { _mm512_loadu_si512(lines[I].0.as_ptr().cast()) })
}
