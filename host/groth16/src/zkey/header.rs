//! Sections 1 and 2 of a `.zkey`.
//!
//! | bytes | section 2 |
//! |---|---|
//! | 4, 32 | length of q, q |
//! | 4, 32 | length of r, r |
//! | 4, 4, 4 | signals, public signals, domain size |
//! | 64, 64, 128, 128, 64, 128 | alpha₁, beta₁, beta₂, gamma₂, delta₁, delta₂ |

use ark_ff::PrimeField;
use millrace_bn254::{Fq, Fr, FrCanonical, G1Affine, G1Mont, G2Affine, G2Mont};

use super::{KeyError, checked};
use crate::{
    ContainerError, Curve,
    container::{Cursor, Sections},
    json::decimal,
    points,
};

/// log₂ of the longest domain: the quotient needs roots of twice its order, and r − 1 has 28 factors of two.
const MAX_LOG_DOMAIN: u32 = 27;

/// Counts and single points of a key. The points are on their curves, in the subgroup, and not infinity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHeader {
    /// Signals, the constant 1 included: the length of a witness.
    pub n_vars: u32,
    /// Public signals.
    pub n_public: u32,
    /// Length of the evaluation domain, a power of two.
    pub domain_size: u32,
    /// alpha over G1.
    pub alpha_g1: G1Affine,
    /// beta over G1.
    pub beta_g1: G1Affine,
    /// beta over G2.
    pub beta_g2: G2Affine,
    /// gamma over G2.
    pub gamma_g2: G2Affine,
    /// delta over G1.
    pub delta_g1: G1Affine,
    /// delta over G2.
    pub delta_g2: G2Affine,
}

/// Section 1: the proof system's number.
pub(super) fn check_protocol(file: &[u8], sections: &Sections) -> Result<(), KeyError> {
    let range = sections.get_sized(1, "proof system", 4)?;
    match Cursor::new(file, range).u32("the proof system")? {
        1 => Ok(()),
        2 => Err(KeyError::Protocol { got: "PLONK".to_owned() }),
        10 => Err(KeyError::Protocol { got: "FFLONK".to_owned() }),
        other => Err(KeyError::Protocol { got: format!("proof system {other}") }),
    }
}

/// Reads a modulus with its length and compares it; another one comes back as (expected, got), decimal.
fn modulus(at: &mut Cursor<'_>, expected: &[u8; 32]) -> Result<Result<(), (String, String)>, ContainerError> {
    let len_bytes = at.u32("the length of a modulus")?;
    let got = at.take(u64::from(len_bytes), "a modulus")?;
    Ok(if got == expected {
        Ok(())
    } else {
        // A lying length may cover much of the file; no known modulus has more than 96 bytes.
        Err((decimal(expected), decimal(&got[..got.len().min(96)])))
    })
}

/// A modulus, little-endian.
fn modulus_bytes(limbs: [u64; 4]) -> [u8; 32] {
    FrCanonical::from_limbs(limbs).0
}

/// q, little-endian.
fn q_bytes() -> [u8; 32] {
    modulus_bytes(Fq::MODULUS.0)
}

/// r, little-endian.
fn r_bytes() -> [u8; 32] {
    modulus_bytes(Fr::MODULUS.0)
}

/// Reads the scalar field's modulus with its length, as all three file formats have it.
pub(crate) fn check_r(at: &mut Cursor<'_>) -> Result<Result<(), (String, String)>, ContainerError> {
    modulus(at, &r_bytes())
}

impl KeyHeader {
    /// Reads section 2.
    pub(super) fn parse(file: &[u8], sections: &Sections) -> Result<Self, KeyError> {
        let mut at = Cursor::new(file, sections.get(2, "key header")?);
        for (what, expected) in [("base field", q_bytes()), ("scalar field", r_bytes())] {
            modulus(&mut at, &expected)?.map_err(|(expected, got)| KeyError::OtherCurve {
                what,
                expected,
                got,
            })?;
        }
        let n_vars = at.u32("the number of signals")?;
        let n_public = at.u32("the number of public signals")?;
        let domain_size = at.u32("the domain size")?;
        if !domain_size.is_power_of_two() || domain_size < 2 || domain_size.ilog2() > MAX_LOG_DOMAIN {
            return Err(KeyError::Domain { got: domain_size });
        }
        // Each public signal and the constant has a row of its own.
        if n_public >= n_vars || n_public >= domain_size {
            return Err(KeyError::Counts { n_vars, n_public, domain_size });
        }
        let g1 = |at: &mut Cursor<'_>, what| {
            let offset = at.offset();
            let bytes = G1Mont(at.array(what)?);
            checked(points::g1(&bytes), what, Curve::G1, offset)
        };
        let g2 = |at: &mut Cursor<'_>, what| {
            let offset = at.offset();
            let bytes = G2Mont(at.array(what)?);
            let point = points::g2(&bytes).and_then(|p| points::check_g2(&p).map(|()| p));
            checked(point, what, Curve::G2, offset)
        };
        let header = Self {
            n_vars,
            n_public,
            domain_size,
            alpha_g1: g1(&mut at, "alpha")?,
            beta_g1: g1(&mut at, "beta over G1")?,
            beta_g2: g2(&mut at, "beta over G2")?,
            gamma_g2: g2(&mut at, "gamma")?,
            delta_g1: g1(&mut at, "delta over G1")?,
            delta_g2: g2(&mut at, "delta over G2")?,
        };
        match at.left() {
            0 => Ok(header),
            extra_bytes => Err(ContainerError::Trailing { offset: at.offset(), extra_bytes }.into()),
        }
    }
}
