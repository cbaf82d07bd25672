//! arkworks' own Groth16 prover (`ark-groth16`) on a snarkjs key.

use std::time::{Duration, Instant};

use ark_bn254::{Bn254, Fr};
use ark_ff::{Field, PrimeField};
use ark_groth16::{Groth16, ProvingKey, VerifyingKey};
use ark_relations::{gr1cs::SynthesisError, utils::matrix::Matrix};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, SerializationError};
use millrace_oracle::{OracleProof, ReadError, Witness, Zkey};

use crate::reduction::SnarkjsReduction;

/// A snarkjs key in arkworks' form.
pub struct ArkworksKey {
    key: ProvingKey<Bn254>,
    matrices: [Matrix<Fr>; 2],
    publics: usize,
    signals: usize,
    domain: usize,
}

/// A rival's proof and how long it took.
#[derive(Clone, Debug)]
pub struct RivalProof {
    /// The proof.
    pub proof: OracleProof,
    /// Reading key and witness.
    pub load: Duration,
    /// Proving.
    pub prove: Duration,
}

impl ArkworksKey {
    /// Reads the bytes of a `.zkey`.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn read(zkey: &[u8]) -> Result<Self, ReadError> {
        let key = Zkey::read(zkey)?;
        // Entries are stored times 2^512.
        let unit = Fr::from(2u64).pow([512u64]).inverse().expect("2 is not zero mod r");
        let mut matrices = [vec![Vec::new(); key.domain], vec![Vec::new(); key.domain]];
        for (index, entry) in key.entries.iter().enumerate() {
            let bad = || ReadError::OutOfRange { what: "coefficient", index };
            let matrix = matrices.get_mut(entry.matrix() as usize).ok_or_else(bad)?;
            let row = matrix.get_mut(entry.row() as usize).ok_or_else(bad)?;
            let column = entry.column() as usize;
            if column >= key.signals {
                return Err(bad());
            }
            row.push((Fr::from_le_bytes_mod_order(entry.value_r2()) * unit, column));
        }
        Ok(Self {
            publics: key.publics,
            signals: key.signals,
            domain: key.domain,
            matrices,
            key: ProvingKey {
                vk: VerifyingKey {
                    alpha_g1: key.alpha_1,
                    beta_g2: key.beta_2,
                    gamma_g2: key.gamma_2,
                    delta_g2: key.delta_2,
                    gamma_abc_g1: key.ic,
                },
                beta_g1: key.beta_1,
                delta_g1: key.delta_1,
                a_query: key.a,
                b_g1_query: key.b1,
                b_g2_query: key.b2,
                h_query: key.h,
                l_query: key.l,
            },
        })
    }

    /// Seconds that arkworks takes to load this key from its own form, uncompressed and with its own checks: every point on its curve and in its subgroup.
    ///
    /// # Errors
    /// [`ReadError::Mismatch`] if arkworks refuses it.
    pub fn load_seconds(&self) -> Result<f64, ReadError> {
        let refused = |error: SerializationError| ReadError::Mismatch {
            what: "key",
            expected: "one that arkworks takes".into(),
            got: error.to_string(),
        };
        let mut bytes = Vec::with_capacity(self.key.uncompressed_size());
        self.key.serialize_uncompressed(&mut bytes).map_err(refused)?;
        let started = Instant::now();
        let key = ProvingKey::<Bn254>::deserialize_uncompressed(bytes.as_slice()).map_err(refused)?;
        let seconds = started.elapsed().as_secs_f64();
        assert!(key.a_query.len() == self.signals, "arkworks read the key that it wrote");
        Ok(seconds)
    }

    /// Proves, with given blinding scalars.
    ///
    /// # Errors
    /// [`ReadError::Mismatch`] for a witness of another circuit, or a domain that arkworks has no transform for.
    pub fn prove(&self, witness: &Witness, r: Fr, s: Fr) -> Result<OracleProof, ReadError> {
        let w = &witness.0;
        if w.len() != self.signals {
            let (expected, got) = (self.signals.to_string(), w.len().to_string());
            return Err(ReadError::Mismatch { what: "witness of this key", expected, got });
        }
        let proof = Groth16::<Bn254, SnarkjsReduction>::create_proof_with_reduction_and_matrices(
            &self.key,
            r,
            s,
            &self.matrices,
            self.publics + 1,
            self.domain,
            w,
        )
        .map_err(|error: SynthesisError| ReadError::Mismatch {
            what: "domain",
            expected: "a power of two up to 2^27".into(),
            got: format!("{} ({error})", self.domain),
        })?;
        let publics = w[1..=self.publics].to_vec();
        Ok(OracleProof { a: proof.a, b: proof.b, c: proof.c, publics })
    }
}

/// Reads a key and a witness, proves, and says how long each took.
///
/// # Errors
/// Any [`ReadError`].
pub fn arkworks_prove(zkey: &[u8], wtns: &[u8], r: Fr, s: Fr) -> Result<RivalProof, ReadError> {
    let start = Instant::now();
    let (key, witness) = (ArkworksKey::read(zkey)?, Witness::read(wtns)?);
    let load = start.elapsed();
    let start = Instant::now();
    let proof = key.prove(&witness, r, s)?;
    Ok(RivalProof { proof, load, prove: start.elapsed() })
}
