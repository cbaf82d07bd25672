//! EdDSA over Baby Jubjub with Poseidon, as circomlibjs' `signPoseidon` and zk-kit's `signMessage` make it.
//!
//! S·B8 = R8 + h·8·A with h = Poseidon_5(R8x, R8y, Ax, Ay, M), h taken as an integer below r.

use ark_ff::{BigInteger, PrimeField};
use blake2::{Blake2b512, Digest};
use millrace_bn254::Fr;
use num_bigint::BigUint;
use thiserror::Error;
use zeroize::Zeroize;

use crate::{
    babyjub::{BASE, Point, SUBGROUP_ORDER},
    poseidon::hash5,
};

type Integer = <Fr as PrimeField>::BigInt;

/// Why a signature does not hold.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The account has no key.
    #[error("the account has no key")]
    NoKey,
    /// A is not a point.
    #[error("the key is not on the curve")]
    KeyOffCurve,
    /// 8·A is the identity: anyone could sign.
    #[error("the key has low order")]
    KeyOfLowOrder,
    /// R8 is not a point.
    #[error("R8 is not on the curve")]
    NonceOffCurve,
    /// S is not below l.
    #[error("S is not below the subgroup's order")]
    ScalarRange,
    /// The equation does not hold.
    #[error("the signature is not of this key and message")]
    Wrong,
}

/// A signature. S may be any 256-bit integer here; [`verify`] wants it below l.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// R8.
    pub r8: Point,
    /// S.
    pub s: Integer,
}

/// The challenge h.
pub fn challenge(r8: &Point, key: &Point, message: Fr) -> Fr {
    hash5(&[r8.x, r8.y, key.x, key.y, message])
}

/// Checks a signature.
///
/// # Errors
/// [`SignatureError`], the first that applies in the order of its variants.
pub fn verify(key: &Point, message: Fr, signature: &Signature) -> Result<(), SignatureError> {
    let Signature { r8, s } = signature;
    if key.x == Fr::from(0u8) && key.y == Fr::from(0u8) {
        return Err(SignatureError::NoKey);
    }
    if !key.is_on_curve() {
        return Err(SignatureError::KeyOffCurve);
    }
    let key8 = key.times_cofactor();
    if key8 == Point::IDENTITY {
        return Err(SignatureError::KeyOfLowOrder);
    }
    if !r8.is_on_curve() {
        return Err(SignatureError::NonceOffCurve);
    }
    if *s >= SUBGROUP_ORDER {
        return Err(SignatureError::ScalarRange);
    }
    let h = challenge(r8, key, message).into_bigint();
    if BASE.times(*s) == r8.add(&key8.times(h)) { Ok(()) } else { Err(SignatureError::Wrong) }
}

/// A secret key: a scalar and the prefix that nonces are derived from. Wiped on drop.
pub struct SecretKey {
    /// The scalar a with A = a·B8, below l.
    scalar: [u64; 4],
    prefix: [u8; 32],
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.scalar.zeroize();
        self.prefix.zeroize();
    }
}

impl SecretKey {
    /// Derives a key from 32 bytes of secret randomness (BLAKE2b-512, so not the key that circomlibjs would derive from them; signatures are the same kind).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut hash: [u8; 64] =
            Blake2b512::new().chain_update(b"millrace eddsa key").chain_update(seed).finalize().into();
        let mut prefix = [0; 32];
        prefix.copy_from_slice(&hash[32..]);
        let mut scalar = below_order(&hash[..32]);
        // The key of the scalar 0 has low order: one seed in 2^251 would give it.
        if scalar.is_zero() {
            scalar = Integer::from(1u64);
        }
        hash.zeroize();
        Self { scalar: scalar.0, prefix }
    }

    /// A = a·B8.
    pub fn public(&self) -> Point {
        BASE.times(Integer::new(self.scalar))
    }

    /// Signs a message; the nonce is derived from key and message.
    pub fn sign(&self, message: Fr) -> Signature {
        let mut hasher = Blake2b512::new().chain_update(b"millrace eddsa nonce").chain_update(self.prefix);
        hasher.update(message.into_bigint().to_bytes_be());
        let r = below_order(&hasher.finalize());
        let r8 = BASE.times(r);
        let h = challenge(&r8, &self.public(), message);
        // S·B8 = r·B8 + h·8·a·B8.
        let s = BigUint::from(r)
            + BigUint::from(h.into_bigint()) * 8u8 * BigUint::from(Integer::new(self.scalar));
        let s = Integer::try_from(s % BigUint::from(SUBGROUP_ORDER)).expect("below l");
        Signature { r8, s }
    }
}

/// Bytes, least significant first, modulo l.
fn below_order(bytes: &[u8]) -> Integer {
    Integer::try_from(BigUint::from_bytes_le(bytes) % BigUint::from(SUBGROUP_ORDER)).expect("below l")
}
