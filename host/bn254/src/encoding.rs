//! Byte encodings of field elements and points, alignment 1, so that a mapped file can be viewed as a slice of them.
//!
//! | type | bytes | contents |
//! |---|---|---|
//! | [`FrCanonical`], [`FqCanonical`] | 32 | little-endian integer below the modulus |
//! | [`G1Canonical`] | 64 | x ‖ y, canonical; (0, 0) is infinity: what the device reads |
//! | [`G1Mont`] | 64 | x ‖ y, each times 2^256 mod q; (0, 0) is infinity: what a `.zkey` stores |
//! | [`G2Mont`] | 128 | x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1, each times 2^256 mod q; all zero is infinity |
//!
//! None of these types promises that its bytes are in range or on the curve: that is checked where they enter
//! (`millrace-groth16`), and every conversion here says what it does with values out of range.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use bytemuck::{Pod, Zeroable};

/// A scalar as a canonical little-endian integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct FrCanonical(pub [u8; 32]);

/// A base-field element as a canonical little-endian integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct FqCanonical(pub [u8; 32]);

/// An affine G1 point, canonical coordinates, (0, 0) for infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct G1Canonical {
    /// x coordinate.
    pub x: FqCanonical,
    /// y coordinate.
    pub y: FqCanonical,
}

/// An affine G1 point in Montgomery form (R = 2^256), little-endian, (0, 0) for infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct G1Mont(pub [u8; 64]);

/// An affine G2 point in Montgomery form (R = 2^256), little-endian, all zero for infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct G2Mont(pub [u8; 128]);

fn limbs(bytes: &[u8]) -> [u64; 4] {
    let mut out = [0; 4];
    for (limb, chunk) in out.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().expect("chunks_exact(8) yields 8 bytes"));
    }
    out
}

fn bytes(limbs: [u64; 4]) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(limbs) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    out
}

impl FrCanonical {
    /// Zero.
    pub const ZERO: Self = Self([0; 32]);

    /// The integer as four 64-bit limbs, least significant first.
    pub fn limbs(&self) -> [u64; 4] {
        limbs(&self.0)
    }

    /// From four limbs, least significant first; not checked against the modulus.
    pub fn from_limbs(limbs: [u64; 4]) -> Self {
        Self(bytes(limbs))
    }

    /// Whether the integer is below r.
    pub fn is_in_range(&self) -> bool {
        BigInt(self.limbs()) < Fr::MODULUS
    }

    /// The field element, or `None` if the integer is not below r.
    pub fn to_fr(&self) -> Option<Fr> {
        Fr::from_bigint(BigInt(self.limbs()))
    }
}

impl From<Fr> for FrCanonical {
    fn from(x: Fr) -> Self {
        Self::from_limbs(x.into_bigint().0)
    }
}

impl FqCanonical {
    /// The integer as four 64-bit limbs, least significant first.
    pub fn limbs(&self) -> [u64; 4] {
        limbs(&self.0)
    }

    /// The field element, or `None` if the integer is not below q.
    pub fn to_fq(&self) -> Option<Fq> {
        Fq::from_bigint(BigInt(self.limbs()))
    }
}

impl From<Fq> for FqCanonical {
    fn from(x: Fq) -> Self {
        Self(bytes(x.into_bigint().0))
    }
}

impl From<&G1Affine> for G1Canonical {
    fn from(p: &G1Affine) -> Self {
        match p.xy() {
            None => Self::default(),
            Some((x, y)) => Self { x: x.into(), y: y.into() },
        }
    }
}

/// The element whose Montgomery form is these 32 bytes; `None` if the integer is not below q.
fn fq_from_mont(b: &[u8]) -> Option<Fq> {
    let m = BigInt(limbs(b));
    (m < Fq::MODULUS).then(|| Fq::new_unchecked(m))
}

impl G1Mont {
    /// Whether both coordinates are below q. The curve equation is not checked.
    pub fn is_in_range(&self) -> bool {
        let (x, y) = self.0.split_at(32);
        [x, y].into_iter().all(|half| BigInt(limbs(half)) < Fq::MODULUS)
    }

    /// The point, or `None` if a coordinate is out of range. The curve equation is not checked.
    pub fn to_affine(&self) -> Option<G1Affine> {
        let (x, y) = (fq_from_mont(&self.0[..32])?, fq_from_mont(&self.0[32..])?);
        Some(if self.0 == [0; 64] { G1Affine::identity() } else { G1Affine::new_unchecked(x, y) })
    }
}

impl From<&G1Affine> for G1Mont {
    fn from(p: &G1Affine) -> Self {
        let mut out = [0; 64];
        if let Some((x, y)) = p.xy() {
            out[..32].copy_from_slice(&bytes(x.0.0));
            out[32..].copy_from_slice(&bytes(y.0.0));
        }
        Self(out)
    }
}

impl G2Mont {
    /// The point, or `None` if a coordinate is out of range. Curve and subgroup are not checked.
    pub fn to_affine(&self) -> Option<G2Affine> {
        let c = |i: usize| fq_from_mont(&self.0[32 * i..32 * (i + 1)]);
        let (x, y) = (Fq2::new(c(0)?, c(1)?), Fq2::new(c(2)?, c(3)?));
        Some(if self.0 == [0; 128] { G2Affine::identity() } else { G2Affine::new_unchecked(x, y) })
    }
}

impl From<&G2Affine> for G2Mont {
    fn from(p: &G2Affine) -> Self {
        let mut out = [0; 128];
        if let Some((x, y)) = p.xy() {
            for (chunk, c) in out.chunks_exact_mut(32).zip([x.c0, x.c1, y.c0, y.c1]) {
                chunk.copy_from_slice(&bytes(c.0.0));
            }
        }
        Self(out)
    }
}
