//! The pairing check.

use ark_ec::{
    AdditiveGroup, CurveGroup, VariableBaseMSM,
    pairing::{Pairing, PairingOutput},
};
use ark_ff::{PrimeField, Zero};
use millrace_bn254::{Bn254, Fr, FrCanonical, G1Affine, G1Projective, G2Affine};
use thiserror::Error;

use crate::{
    Proof,
    points::{self, PointFault},
};

type G2Prepared = <Bn254 as Pairing>::G2Prepared;

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

/// A key whose points were checked, with everything worked out that does not depend on a proof.
#[derive(Clone, Debug)]
pub struct PreparedKey {
    /// e(alpha, beta).
    alpha_beta: PairingOutput<Bn254>,
    gamma: G2Prepared,
    delta: G2Prepared,
    constant: G1Affine,
    /// A base for each public signal.
    bases: Vec<G1Affine>,
}

impl VerifyingKey {
    /// Public signals that a proof has.
    fn publics(&self) -> usize {
        self.ic.len().saturating_sub(1)
    }

    /// Checks the key's points and prepares it: worth it for more than one proof.
    ///
    /// # Errors
    /// [`VerifyError::Point`] for a point that is none, [`VerifyError::Count`] if there is not even the constant's base.
    pub fn prepare(&self) -> Result<PreparedKey, VerifyError> {
        let Some((&constant, bases)) = self.ic.split_first() else {
            return Err(VerifyError::Count { expected: 0, got: 0 });
        };
        check_point("alpha", points::check_g1(&self.alpha))?;
        for (what, p) in [("beta", &self.beta), ("gamma", &self.gamma), ("delta", &self.delta)] {
            check_point(what, points::check_g2(p))?;
        }
        self.ic.iter().try_for_each(|base| check_point("a public base", points::check_g1(base)))?;
        Ok(PreparedKey {
            alpha_beta: Bn254::pairing(self.alpha, self.beta),
            gamma: self.gamma.into(),
            delta: self.delta.into(),
            constant,
            bases: bases.to_vec(),
        })
    }
}

fn check_point(what: &'static str, checked: Result<(), PointFault>) -> Result<(), VerifyError> {
    checked.map_err(|fault| VerifyError::Point { what, fault })
}

impl PreparedKey {
    /// Checks e(A, B) · e(−Σ xᵢ·ICᵢ, gamma) · e(−C, delta) = e(alpha, beta).
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self, publics: &[FrCanonical], proof: &Proof) -> Result<(), VerifyError> {
        if publics.len() != self.bases.len() {
            return Err(VerifyError::Count { expected: self.bases.len(), got: publics.len() });
        }
        check_point("A", points::check_g1(&proof.a))?;
        check_point("C", points::check_g1(&proof.c))?;
        check_point("B", points::check_g2(&proof.b))?;
        let publics = publics.iter().enumerate();
        let publics: Vec<Fr> = publics
            .map(|(index, x)| x.to_fr().ok_or(VerifyError::Range { index }))
            .collect::<Result<_, _>>()?;
        let inputs = match publics.len() {
            0..FEW => self.bases.iter().zip(&publics).map(|(base, x)| *base * x).sum::<G1Projective>(),
            _ => sum(&self.bases, &publics),
        };
        let product = Bn254::multi_pairing(
            [proof.a, (-(inputs + self.constant)).into_affine(), -proof.c],
            [proof.b.into(), self.gamma.clone(), self.delta.clone()],
        );
        if product == self.alpha_beta { Ok(()) } else { Err(VerifyError::Pairing) }
    }
}

/// Σ xᵢ·ICᵢ, 64 bits of all xᵢ at a time: arkworks' sum of whole scalars starts threads of its own whenever it is called, and panics where the system gives none.
fn sum(bases: &[G1Affine], publics: &[Fr]) -> G1Projective {
    let limbs: Vec<[u64; 4]> = publics.iter().map(|x| x.into_bigint().0).collect();
    (0..4).rev().fold(G1Projective::zero(), |mut total, at| {
        for _ in 0..64 {
            total.double_in_place();
        }
        let limbs: Vec<u64> = limbs.iter().map(|limbs| limbs[at]).collect();
        total + G1Projective::msm_u64(bases, &limbs)
    })
}

/// From so many public signals on, their sum is made by windows: eight of four times 64 bits are 2,000 additions and as many doublings as one alone, eight products of whole scalars 1,000 and eight times as many.
const FEW: usize = 8;

/// Checks e(A, B) = e(alpha, beta) · e(Σ xᵢ·ICᵢ, gamma) · e(C, delta).
///
/// # Errors
/// [`VerifyError::Pairing`] if it does not hold; the other variants if it cannot be asked.
pub fn verify(key: &VerifyingKey, publics: &[FrCanonical], proof: &Proof) -> Result<(), VerifyError> {
    if key.ic.is_empty() || publics.len() != key.publics() {
        return Err(VerifyError::Count { expected: key.publics(), got: publics.len() });
    }
    key.prepare()?.verify(publics, proof)
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{Field, Zero};
    use millrace_bn254::{Fr, G1Affine, G1Projective};

    use super::sum;

    #[test]
    fn a_sum_by_64_bits_is_the_sum() {
        for n in [4u64, 5, 40, 300] {
            let base = |i: u64| match i % 7 {
                3 => G1Affine::zero(),
                _ => (G1Affine::generator() * Fr::from(i * i + 1)).into_affine(),
            };
            let public = |i: u64| match i % 5 {
                0 => -Fr::from(i + 1),
                1 => Fr::from(i / 5),
                2 => Fr::from(2u64).pow([64 * (i % 4)]) - Fr::from(i % 2),
                _ => Fr::from(3u64).pow([1000 + i]),
            };
            let (bases, publics): (Vec<_>, Vec<_>) = (0..n).map(|i| (base(i), public(i))).unzip();
            let plain: G1Projective = bases.iter().zip(&publics).map(|(base, x)| *base * x).sum();
            assert_eq!(sum(&bases, &publics), plain, "{n} public signals");
            assert!(sum(&bases, &vec![Fr::zero(); bases.len()]).is_zero());
        }
    }
}
