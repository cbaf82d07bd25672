//! Whether bytes are points: range, curve, subgroup.

use ark_ec::AffineRepr;
use millrace_bn254::{G1Affine, G1Mont, G2Affine, G2Mont};
use rayon::prelude::*;
use thiserror::Error;

/// Which curve a point should be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// y² = x³ + 3 over Fq, prime order.
    G1,
    /// The sextic twist over Fq2, which has points outside the subgroup of order r.
    G2,
}

impl std::fmt::Display for Curve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Curve::G1 => "G1",
            Curve::G2 => "G2",
        })
    }
}

/// What is wrong with a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PointFault {
    /// A coordinate is not below q.
    #[error("has a coordinate that is not below the field's modulus")]
    Range,
    /// The curve equation does not hold.
    #[error("is not on the curve")]
    OffCurve,
    /// On the curve, but not of order r.
    #[error("is on the curve but outside the subgroup of order r")]
    OutsideSubgroup,
    /// The point at infinity where a key or proof must have another.
    #[error("is the point at infinity")]
    Infinity,
}

/// A bad point and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{curve} point {index} of {what} (byte {offset}) {fault}")]
pub struct PointError {
    /// The array or field of the file.
    pub what: &'static str,
    /// The curve that it should be on.
    pub curve: Curve,
    /// Index within the array.
    pub index: u64,
    /// Offset of the point in the file.
    pub offset: u64,
    /// What is wrong.
    pub fault: PointFault,
}

/// The point of `bytes`, in range and on the curve (G1 has prime order, so also in the subgroup).
pub(crate) fn g1(bytes: &G1Mont) -> Result<G1Affine, PointFault> {
    let point = bytes.to_affine().ok_or(PointFault::Range)?;
    check_g1(&point).map(|()| point)
}

/// The point of `bytes`, in range and on the curve; the subgroup is not checked.
pub(crate) fn g2(bytes: &G2Mont) -> Result<G2Affine, PointFault> {
    let point = bytes.to_affine().ok_or(PointFault::Range)?;
    if point.is_on_curve() { Ok(point) } else { Err(PointFault::OffCurve) }
}

/// Whether the point is on the curve.
pub(crate) fn check_g1(point: &G1Affine) -> Result<(), PointFault> {
    if point.is_on_curve() { Ok(()) } else { Err(PointFault::OffCurve) }
}

/// Whether the point is on the curve and in the subgroup (ψ(P) = 6x²·P, one check per point: the twist's cofactor has small
/// factors, so a random combination of many points could miss one).
pub(crate) fn check_g2(point: &G2Affine) -> Result<(), PointFault> {
    if !point.is_on_curve() {
        return Err(PointFault::OffCurve);
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(PointFault::OutsideSubgroup);
    }
    Ok(())
}

/// Refuses the point at infinity.
pub(crate) fn not_infinity<P: AffineRepr>(point: P) -> Result<P, PointFault> {
    if point.is_zero() { Err(PointFault::Infinity) } else { Ok(point) }
}

/// Runs `check` over all of `points` on all cores and reports the first that fails.
pub(crate) fn check_all<T: Sync>(
    what: &'static str,
    curve: Curve,
    points: &[T],
    offset: usize,
    check: impl Fn(&T) -> Result<(), PointFault> + Sync,
) -> Result<(), PointError> {
    let bad = points.par_iter().enumerate().find_map_first(|(i, p)| check(p).err().map(|fault| (i, fault)));
    match bad {
        None => Ok(()),
        Some((i, fault)) => {
            let offset = (offset + i * size_of::<T>()) as u64;
            Err(PointError { what, curve, index: i as u64, offset, fault })
        }
    }
}
