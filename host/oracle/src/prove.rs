//! A whole proof, as a textbook has it, for keys made by snarkjs.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};

use crate::{ReadError, Witness, Zkey, msm_g1, msm_g2, quotient, rows};

/// A Groth16 proof and the public inputs it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleProof {
    /// A.
    pub a: G1Affine,
    /// B.
    pub b: G2Affine,
    /// C.
    pub c: G1Affine,
    /// Public signals, the constant one not included.
    pub publics: Vec<Fr>,
}

/// Proves from the bytes of a `.zkey` and a `.wtns`, with given blinding scalars `r` and `s`.
///
/// The witness is not checked against the circuit: see [`verifies`].
///
/// # Errors
/// Any [`ReadError`].
pub fn prove(zkey: &[u8], wtns: &[u8], r: Fr, s: Fr) -> Result<OracleProof, ReadError> {
    let (key, Witness(w)) = (Zkey::read(zkey)?, Witness::read(wtns)?);
    if w.len() != key.signals {
        let (expected, got) = (key.signals.to_string(), w.len().to_string());
        return Err(ReadError::Mismatch { what: "witness of this key", expected, got });
    }
    if !key.domain.is_power_of_two() || key.domain > 1 << 27 {
        let expected = "a power of two up to 2^27".to_string();
        return Err(ReadError::Mismatch { what: "domain", expected, got: key.domain.to_string() });
    }
    let (a, b) = rows(&key.entries, key.domain, &w)
        .map_err(|index| ReadError::OutOfRange { what: "coefficient", index })?;
    let h = quotient(a, b);
    let private = &w[key.publics + 1..];

    let a: G1Projective = key.alpha_1 + msm_g1(&key.a, &w) + key.delta_1 * r;
    let b1: G1Projective = key.beta_1 + msm_g1(&key.b1, &w) + key.delta_1 * s;
    let b: G2Projective = key.beta_2 + msm_g2(&key.b2, &w) + key.delta_2 * s;
    let c: G1Projective =
        msm_g1(&key.l, private) + msm_g1(&key.h, &h) + a * s + b1 * r - key.delta_1 * (r * s);
    Ok(OracleProof {
        a: a.into_affine(),
        b: b.into_affine(),
        c: c.into_affine(),
        publics: w[1..=key.publics].to_vec(),
    })
}

/// Whether e(A, B) = e(α, β) · e(IC(publics), γ) · e(C, δ).
pub fn verifies(key: &Zkey, proof: &OracleProof) -> bool {
    if proof.publics.len() != key.publics {
        return false;
    }
    let inputs = key.ic[0] + msm_g1(&key.ic[1..], &proof.publics);
    let right = Bn254::multi_pairing(
        [key.alpha_1.into_group(), inputs, proof.c.into_group()],
        [key.beta_2, key.gamma_2, key.delta_2],
    );
    Bn254::pairing(proof.a, proof.b) == right
}
