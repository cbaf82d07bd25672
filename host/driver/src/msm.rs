//! MSM over G1: what is sent, and how the result is judged.

use std::ops::Range;

use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field, Zero};
use millrace_bn254::{Fq, FqCanonical, FrCanonical, G1Affine, G1Projective};
use millrace_job::{BucketDump, EngineError};
use millrace_regs::{Descriptor, layout};

use crate::{
    Identity,
    flight::{Output, Work},
    pool::Pool,
    residents::{BASE_BYTES, Pin},
    shared::Shared,
};

/// Bytes of a point as the device writes it: X, Y, Z and 32 zero bytes.
pub(crate) const POINT_BYTES: usize = 128;
const SCALAR_BYTES: usize = 32;

/// Number of buckets that the device keeps.
pub(crate) fn bucket_count(identity: &Identity) -> usize {
    (identity.windows as usize) << (identity.window_bits - 1)
}

/// Additions and beats of one job, roughly: digits into buckets, and the reduction.
fn expected_work(identity: &Identity, points: usize) -> u64 {
    let digits = (points as u64).saturating_mul(u64::from(identity.windows));
    digits.saturating_add(4 * bucket_count(identity) as u64)
}

impl Shared {
    /// Splits by point range into descriptors of at most `max_points`; answers with the first point of each part too.
    pub(crate) fn msm_work(
        &self,
        pin: &Pin,
        range: &Range<usize>,
        scalars: &[FrCanonical],
        max_points: usize,
        dump: bool,
    ) -> Result<(Vec<Work>, Vec<usize>), EngineError> {
        let mut work = Vec::new();
        let mut first_points = Vec::new();
        for (i, part) in scalars.chunks(max_points.max(1)).enumerate() {
            let first = i * max_points;
            let input_bytes = part.len() * SCALAR_BYTES;
            let input = self.staging(input_bytes, Pool::lease)?;
            input.write(0, bytemuck::cast_slice(part));
            let len_bytes =
                if dump { bucket_count(&self.device.identity) * POINT_BYTES } else { POINT_BYTES };
            let output = Output { staging: self.staging(len_bytes, Pool::lease_poisoned)?, len_bytes };
            let descriptor = Descriptor {
                opcode: layout::OPCODE_MSM_G1,
                flags: layout::FLAG_SRC1_DEV | layout::FLAG_MONT | if dump { layout::FLAG_DUMP } else { 0 },
                src0: input.iova().0,
                src1: pin.start() + ((range.start + first) * BASE_BYTES) as u64,
                dst: output.staging.iova().0,
                count: part.len() as u64,
                dst_len_bytes: len_bytes as u64,
                ..Descriptor::default()
            };
            work.push(Work {
                descriptor,
                inputs: vec![input],
                loan: None,
                output: Some(output),
                expected_work: expected_work(&self.device.identity, part.len()),
            });
            first_points.push(first);
        }
        Ok((work, first_points))
    }

    /// The buckets of a dump. A bucket off the curve is kept as it is: a dump is taken to see what went wrong.
    ///
    /// # Errors
    /// The index of the first bucket that is no three coordinates below q.
    pub(crate) fn decode_dump(&self, bytes: &[u8]) -> Result<BucketDump, u64> {
        let buckets = bytes.chunks_exact(POINT_BYTES).enumerate();
        let decoded: Result<Vec<_>, u64> =
            buckets.map(|(i, point)| Ok(decode_homogeneous(point).ok_or(i as u64)?.0)).collect();
        let mut decoded = decoded?;
        // An MSM of no points is not sent at all: its buckets are empty.
        decoded.resize(bucket_count(&self.device.identity), G1Projective::ZERO);
        Ok(BucketDump {
            window_bits: self.device.identity.window_bits,
            windows: self.device.identity.windows,
            buckets: G1Projective::normalize_batch(&decoded),
        })
    }
}

/// The point in homogeneous coordinates (x = X/Z, y = Y/Z) that 128 bytes name.
///
/// `None` unless all three are below q, the rest is zero, and Y²Z = X³ + 3Z³ (for Z = 0: X = 0). The curve's order is
/// prime, so a point on it is in the group.
pub(crate) fn decode_point(bytes: &[u8]) -> Option<G1Projective> {
    decode_homogeneous(bytes).and_then(|(point, on_curve)| on_curve.then_some(point))
}

/// As [`decode_point`], but says whether the point is on the curve rather than refuse it.
fn decode_homogeneous(bytes: &[u8]) -> Option<(G1Projective, bool)> {
    let coordinate = |i: usize| -> Option<Fq> {
        let bytes = bytes.get(32 * i..32 * (i + 1))?;
        FqCanonical(bytes.try_into().ok()?).to_fq()
    };
    let (x, y, z) = (coordinate(0)?, coordinate(1)?, coordinate(2)?);
    if bytes.get(96..POINT_BYTES)?.iter().any(|&b| b != 0) {
        return None;
    }
    if z.is_zero() {
        return x.is_zero().then_some((G1Projective::ZERO, true));
    }
    let z2 = z.square();
    let on_curve = y.square() * z == x.square() * x + Fq::from(3u64) * z2 * z;
    // Homogeneous to Jacobian without an inversion: (XZ) / Z² = X/Z and (YZ²) / Z³ = Y/Z.
    Some((G1Projective::new_unchecked(x * z, y * z2, z), on_curve))
}

/// The sum of the parts' results, affine, by one inversion.
pub(crate) fn sum(parts: &[G1Projective]) -> G1Affine {
    parts.iter().sum::<G1Projective>().into_affine()
}

/// Whether the caller's scalar itself is out of range, rather than what the device read.
pub(crate) fn is_bad_scalar(scalars: &[FrCanonical], position: u64) -> bool {
    let scalar = usize::try_from(position).ok().and_then(|i| scalars.get(i));
    scalar.is_some_and(|k| !k.is_in_range())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{BigInteger, PrimeField, UniformRand};

    fn encode(x: Fq, y: Fq, z: Fq) -> Vec<u8> {
        let mut bytes: Vec<u8> = [x, y, z].iter().flat_map(|c| c.into_bigint().to_bytes_le()).collect();
        bytes.resize(POINT_BYTES, 0);
        bytes
    }

    #[test]
    fn projective_points_are_read_and_judged() {
        let mut rng = ark_std::test_rng();
        for _ in 0..20 {
            let point = G1Affine::rand(&mut rng);
            let z = Fq::rand(&mut rng);
            let good = encode(point.x * z, point.y * z, z);
            assert_eq!(decode_point(&good).unwrap().into_affine(), point);
            for bit in [0, 300, 600, 800] {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode_point(&bad), None, "bit {bit}");
            }
        }
        assert_eq!(decode_point(&encode(Fq::ZERO, Fq::from(7u64), Fq::ZERO)), Some(G1Projective::ZERO));
        assert_eq!(decode_point(&encode(Fq::ONE, Fq::ONE, Fq::ZERO)), None);
        let mut modulus = encode(Fq::ZERO, Fq::ONE, Fq::ZERO);
        modulus[32..64].copy_from_slice(&Fq::MODULUS.to_bytes_le());
        assert_eq!(decode_point(&modulus), None, "q is not canonical");
        assert_eq!(decode_point(&[]), None);
    }
}
