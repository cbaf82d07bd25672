//! The pairing check.

use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use millrace_bn254::{Bn254, FrCanonical, G1Affine, G2Affine};
use thiserror::Error;

use crate::{
    Proof,
    points::{self, PointFault},
};

/// What a verifier knows of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// alpha.
    pub alpha: G1Affine,
    /// beta.
    pub beta: G2Affine,
    /// gamma.
    pub gamma: G2Affine,
    /// delta.
    pub delta: G2Affine,
    /// One base for the constant and one for each public signal.
    pub ic: Vec<G1Affine>,
}

/// Why a proof was refused.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// Too few or too many public signals.
    #[error("{got} public signals, expected {expected}")]
    Count {
        /// As the key has it.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// A public signal is not below r (x and x + r would both be accepted otherwise).
    #[error("public signal {index} is not below the scalar field's modulus")]
    Range {
        /// Which one, from 0.
        index: usize,
    },
    /// A point of proof or key is none.
    #[error("{what} {fault}")]
    Point {
        /// Which point.
        what: &'static str,
        /// What is wrong with it.
        fault: PointFault,
    },
    /// The equation does not hold.
    #[error("the pairing equation does not hold")]
    Pairing,
}

/// Checks e(A, B) = e(alpha, beta) · e(Σ xᵢ·ICᵢ, gamma) · e(C, delta).
///
/// # Errors
/// [`VerifyError::Pairing`] if it does not hold; the other variants if it cannot be asked.
pub fn verify(key: &VerifyingKey, publics: &[FrCanonical], proof: &Proof) -> Result<(), VerifyError> {
    let expected = key.ic.len().saturating_sub(1);
    let Some((&constant, bases)) = key.ic.split_first().filter(|_| publics.len() == expected) else {
        return Err(VerifyError::Count { expected, got: publics.len() });
    };
    for (what, p) in [("A", &proof.a), ("C", &proof.c), ("alpha", &key.alpha)] {
        points::check_g1(p).map_err(|fault| VerifyError::Point { what, fault })?;
    }
    for (what, p) in [("B", &proof.b), ("beta", &key.beta), ("gamma", &key.gamma), ("delta", &key.delta)] {
        points::check_g2(p).map_err(|fault| VerifyError::Point { what, fault })?;
    }
    let mut inputs = constant.into_group();
    for (index, (base, x)) in bases.iter().zip(publics).enumerate() {
        let x = x.to_fr().ok_or(VerifyError::Range { index })?;
        points::check_g1(base).map_err(|fault| VerifyError::Point { what: "a public base", fault })?;
        inputs += *base * x;
    }
    let product = Bn254::multi_pairing(
        [-proof.a, key.alpha, inputs.into_affine(), proof.c],
        [proof.b, key.beta, key.gamma, key.delta],
    );
    if product.0 == ark_ff::Field::ONE { Ok(()) } else { Err(VerifyError::Pairing) }
}
