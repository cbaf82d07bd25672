//! Four-limb lanes whose products use the two carry chains of x86-64 processors with BMI2 and ADX: `mulx` leaves flags alone, `adcx` and `adox` carry
//! in a flag each. Compilers do not make the second chain, so the rows of products are written in assembly.
//!
//! The method is that of [`mont`](crate::mont), and so are the ranges: operand scanning, one reduction step after each limb, accumulators below
//! 3m + 1, no subtraction at the end.
//!
//! # Safety
//!
//! Duties of each block:
//!
//! 1. *Instructions.* The backend's type is private to this module, so kernels come to it by [`Token::run`] alone, which is entered only with a
//!    token, and a token exists only after detection.
//! 2. *Memory.* Pointers come from references to arrays of as many limbs as are read; none is written.
//! 3. *Registers.* All that are written are named; the stack and the direction flag are left alone.

#![allow(unsafe_code)]

use core::arch::asm;

use super::{
    Backend,
    portable::{Array, Eight, Products, zip_fq2},
};
use crate::{
    backend::Kernel,
    limbs::{self, Limbs},
    mont::{Modulus, Q, R},
};

/// Proof that the processor has what this module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(());

impl Token {
    /// The proof, if it is so.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx")).then_some(Self(()))
    }

    /// Runs a kernel with these instructions on.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "bmi2,adx")]
        fn with_features<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Adx>()
        }
        // SAFETY: 1. `self` proves the features. 2., 3. No memory and no register is touched here.
        unsafe { with_features(kernel) }
    }
}

/// The backend.
#[derive(Clone, Copy)]
struct Adx;

impl Backend for Adx {
    type Fq = Array<Q, Self>;
    type Fr = Array<R, Self>;
}

impl Products for Adx {
    #[inline(never)]
    fn mul<M: Modulus>(a: &mut Eight, b: &Eight) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = montgomery::<M>(a, b);
        }
    }

    #[inline(never)]
    fn mul_fq2(a: &mut [Eight; 2], b: &[Eight; 2]) {
        zip_fq2(a, b, |a, b| a.mul_with(b, wide, reduce::<Q>));
    }
}

/// a·b/2^256 mod m, as `Lazy::montgomery`: in a·b < 2^256·m and a < 2^256 − m, out below 2m.
#[inline(always)]
fn montgomery<M: Modulus>(a: &Limbs, b: &Limbs) -> Limbs {
    let t = clear_lowest::<M>(first_row(a, b[0]));
    let t = clear_lowest::<M>(add_row(t, a, b[1]));
    let t = clear_lowest::<M>(add_row(t, a, b[2]));
    clear_lowest::<M>(add_row(t, a, b[3]))
}

/// a·b, eight limbs.
#[inline(always)]
fn wide(a: Limbs, b: Limbs) -> [u64; 8] {
    let [r0, t @ ..] = first_row(&a, b[0]);
    let [r1, t @ ..] = add_row(t, &a, b[1]);
    let [r2, t @ ..] = add_row(t, &a, b[2]);
    let [r3, r4, r5, r6, r7] = add_row(t, &a, b[3]);
    [r0, r1, r2, r3, r4, r5, r6, r7]
}

/// t/2^256 mod m, as `Lazy::montgomery_reduce`: in t < 2^256·3m, out below t/2^256 + m.
#[inline(always)]
fn reduce<M: Modulus>(t: [u64; 8]) -> Limbs {
    let [t0, t1, t2, t3, high @ ..] = t;
    let low = (0..4).fold([t0, t1, t2, t3], |[a, b, c, d], _| clear_lowest::<M>([a, b, c, d, 0]));
    // What the low half leaves is at most m.
    limbs::add(low, high).0
}

/// a·b; 4 products in one chain of carries.
#[inline(always)]
fn first_row(a: &Limbs, b: u64) -> [u64; 5] {
    let (t0, t1, t2, t3, t4);
    // SAFETY: 1. see the module. 2. Four limbs of a are read. 3. All registers are operands.
    unsafe {
        asm!(
            "mulx {t1}, {t0}, qword ptr [{a}]",
            "mulx {t2}, {low}, qword ptr [{a} + 8]",
            "add {t1}, {low}",
            "mulx {t3}, {low}, qword ptr [{a} + 16]",
            "adc {t2}, {low}",
            "mulx {t4}, {low}, qword ptr [{a} + 24]",
            "adc {t3}, {low}",
            "adc {t4}, 0",
            a = in(reg) a.as_ptr(),
            in("rdx") b,
            t0 = out(reg) t0,
            t1 = out(reg) t1,
            t2 = out(reg) t2,
            t3 = out(reg) t3,
            t4 = out(reg) t4,
            low = out(reg) _,
            options(nostack, readonly, pure),
        );
    }
    [t0, t1, t2, t3, t4]
}

/// t + a·b, below 2^320: low halves of products in one chain, high ones in the other.
#[inline(always)]
fn add_row(t: Limbs, a: &Limbs, b: u64) -> [u64; 5] {
    let [mut t0, mut t1, mut t2, mut t3] = t;
    let t4;
    // SAFETY: 1. see the module. 2. Four limbs of a are read. 3. All registers are operands.
    unsafe {
        asm!(
            "xor {high:e}, {high:e}",
            "mulx {high}, {low}, qword ptr [{a}]",
            "adcx {t0}, {low}",
            "adox {t1}, {high}",
            "mulx {high}, {low}, qword ptr [{a} + 8]",
            "adcx {t1}, {low}",
            "adox {t2}, {high}",
            "mulx {high}, {low}, qword ptr [{a} + 16]",
            "adcx {t2}, {low}",
            "adox {t3}, {high}",
            "mulx {t4}, {low}, qword ptr [{a} + 24]",
            "adcx {t3}, {low}",
            "mov {low:e}, 0",
            "adox {t4}, {low}",
            "adcx {t4}, {low}",
            a = in(reg) a.as_ptr(),
            in("rdx") b,
            t0 = inout(reg) t0,
            t1 = inout(reg) t1,
            t2 = inout(reg) t2,
            t3 = inout(reg) t3,
            t4 = out(reg) t4,
            high = out(reg) _,
            low = out(reg) _,
            options(nostack, readonly, pure),
        );
    }
    [t0, t1, t2, t3, t4]
}

/// (t + k·m)/2^64, with the k = −t/m mod 2^64 that makes it an integer. In: t < 2^320 − 2^64·m. Out: below t/2^64 + m, which is to be below 2^256.
#[inline(always)]
fn clear_lowest<M: Modulus>(t: [u64; 5]) -> Limbs {
    let [t0, mut t1, mut t2, mut t3, mut t4] = t;
    // SAFETY: 1. see the module. 2. Four limbs of m are read. 3. All registers are operands.
    unsafe {
        asm!(
            "xor {high:e}, {high:e}",
            "mulx {high}, {low}, qword ptr [{m}]",
            "adcx {low}, {t0}",
            "adox {t1}, {high}",
            "mulx {high}, {low}, qword ptr [{m} + 8]",
            "adcx {t1}, {low}",
            "adox {t2}, {high}",
            "mulx {high}, {low}, qword ptr [{m} + 16]",
            "adcx {t2}, {low}",
            "adox {t3}, {high}",
            "mulx {high}, {low}, qword ptr [{m} + 24]",
            "adcx {t3}, {low}",
            "adox {t4}, {high}",
            "mov {low:e}, 0",
            "adcx {t4}, {low}",
            m = in(reg) M::M.as_ptr(),
            in("rdx") t0.wrapping_mul(M::NEG_INV),
            t0 = in(reg) t0,
            t1 = inout(reg) t1,
            t2 = inout(reg) t2,
            t3 = inout(reg) t3,
            t4 = inout(reg) t4,
            high = out(reg) _,
            low = out(reg) _,
            options(nostack, readonly, pure),
        );
    }
    [t1, t2, t3, t4]
}
