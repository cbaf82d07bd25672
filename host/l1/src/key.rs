//! The part of a Groth16 key that the contract holds, and what makes a key unfit for it.

use alloy_primitives::{B256, keccak256};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use millrace_groth16::VerifyingKey;
use thiserror::Error;

use crate::words::{g1_words, g2_words};

/// Most public inputs a contract can take: each costs 78 bytes of code, of the 24,576 that a contract may have.
pub const MAX_INPUTS: usize = 256;

/// A Groth16 verifying key over BN254.
///
/// The equation is `e(A, B) = e(alpha, beta) · e(L, gamma) · e(C, delta)` with `L = ic[0] + Σ input[i] · ic[i + 1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// α in G1.
    pub alpha: G1Affine,
    /// β in G2.
    pub beta: G2Affine,
    /// γ in G2; the generator in every key that snarkjs makes.
    pub gamma: G2Affine,
    /// δ in G2; what the ceremony's contributions randomise.
    pub delta: G2Affine,
    /// One point for the constant 1, then one for each public input.
    pub ic: Vec<G1Affine>,
}

impl From<&VerifyingKey> for VerifierKey {
    fn from(key: &VerifyingKey) -> Self {
        Self { alpha: key.alpha, beta: key.beta, gamma: key.gamma, delta: key.delta, ic: key.ic.clone() }
    }
}

/// Why a key is no verifying key at all: no contract is made from it, whatever the caller allows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No public input: a contract would learn nothing from an accepted proof, and Solidity has no arrays of length 0.
    #[error("key has {got} IC points: expected at least 2, the constant's and one public input's")]
    TooFewIc {
        /// Points in the key.
        got: usize,
    },
    /// The contract would pass the size limit of the EVM.
    #[error("key has {got} public inputs: a contract holds at most {max}")]
    TooManyInputs {
        /// Inputs in the key.
        got: usize,
        /// [`MAX_INPUTS`].
        max: usize,
    },
    /// A point that must not be the point at infinity is: the pairing with it proves nothing.
    #[error("{point} is the point at infinity")]
    Infinity {
        /// `alpha`, `beta`, `gamma`, `delta` or `ic[i]`.
        point: String,
    },
    /// A point is off its curve or outside the subgroup of order r.
    #[error("{point} is not in its group")]
    NotInGroup {
        /// `alpha`, `beta`, `gamma`, `delta` or `ic[i]`.
        point: String,
    },
    /// Two inputs share a base, so that only their sum is proven.
    #[error("ic[{first}] and ic[{second}] are equal: these two public inputs could be exchanged")]
    RepeatedIc {
        /// Lower index.
        first: usize,
        /// Higher index.
        second: usize,
    },
}

/// Why proofs under a key can be forged by whoever knows how the key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DevReason {
    /// α is that of every development setup: the key's secrets are hashes of a published seed.
    #[error("the key comes from a development setup")]
    DevSetup,
    /// γ = δ: anybody can shift value between the public and the private part of a proof.
    #[error("delta equals gamma")]
    DeltaIsGamma,
    /// δ is the generator of G2, so its discrete logarithm is 1.
    #[error("delta is the generator")]
    DeltaIsGenerator,
    /// δ = β.
    #[error("delta equals beta")]
    DeltaIsBeta,
    /// The key file lists no contribution to its second phase.
    #[error("the key lists no contribution")]
    NoContribution,
}

impl VerifierKey {
    /// Number of public inputs. 0 for a key without IC points, which [`Self::check`] refuses.
    pub fn inputs(&self) -> usize {
        self.ic.len().saturating_sub(1)
    }

    /// Checks that the key can be a contract's key at all.
    ///
    /// # Errors
    /// The first flaw found. An infinite `ic[i]` would leave a public input free; equal ones would leave two exchangeable.
    pub fn check(&self) -> Result<(), KeyError> {
        if self.ic.len() < 2 {
            return Err(KeyError::TooFewIc { got: self.ic.len() });
        }
        if self.inputs() > MAX_INPUTS {
            return Err(KeyError::TooManyInputs { got: self.inputs(), max: MAX_INPUTS });
        }
        for (name, point) in [("beta", &self.beta), ("gamma", &self.gamma), ("delta", &self.delta)] {
            let in_group = point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
            check_point(name.to_owned(), point.is_zero(), in_group)?;
        }
        check_point("alpha".to_owned(), self.alpha.is_zero(), self.alpha.is_on_curve())?;
        for (i, point) in self.ic.iter().enumerate() {
            check_point(format!("ic[{i}]"), point.is_zero(), point.is_on_curve())?;
            if let Some(first) = self.ic[..i].iter().position(|earlier| earlier == point) {
                return Err(KeyError::RepeatedIc { first, second: i });
            }
        }
        Ok(())
    }

    /// Lists why the key is fit for development only; empty for a key of a real ceremony.
    ///
    /// `contributions` is the number the key file lists, `None` where it is not known (a `verification_key.json` has no list).
    pub fn dev_reasons(&self, contributions: Option<usize>) -> Vec<DevReason> {
        let mut reasons = Vec::new();
        if millrace_groth16::is_dev_alpha(&self.alpha) {
            reasons.push(DevReason::DevSetup);
        }
        if self.delta == self.gamma {
            reasons.push(DevReason::DeltaIsGamma);
        }
        if self.delta == G2Affine::generator() {
            reasons.push(DevReason::DeltaIsGenerator);
        }
        if self.delta == self.beta {
            reasons.push(DevReason::DeltaIsBeta);
        }
        if contributions == Some(0) {
            reasons.push(DevReason::NoContribution);
        }
        reasons
    }

    /// Names the key: Keccak-256 over alpha, beta, gamma, delta and the IC points as 32-byte words in the order of calldata.
    ///
    /// The generated contract answers it as `VERIFYING_KEY_HASH()`, so that a sender can tell that it talks to the verifier
    /// of its own circuit.
    pub fn hash(&self) -> B256 {
        let mut bytes = Vec::with_capacity((2 + 12 + 2 * self.ic.len()) * 32);
        let mut push = |words: &[alloy_primitives::U256]| {
            words.iter().for_each(|word| bytes.extend(word.to_be_bytes::<32>()));
        };
        push(&g1_words(&self.alpha));
        for point in [&self.beta, &self.gamma, &self.delta] {
            push(g2_words(point).as_flattened());
        }
        self.ic.iter().for_each(|point| push(&g1_words(point)));
        keccak256(bytes)
    }
}

fn check_point(point: String, infinite: bool, in_group: bool) -> Result<(), KeyError> {
    if infinite {
        Err(KeyError::Infinity { point })
    } else if !in_group {
        Err(KeyError::NotInGroup { point })
    } else {
        Ok(())
    }
}
