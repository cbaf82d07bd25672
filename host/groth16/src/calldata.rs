//! The proof as text to paste into a contract call.

use ark_ec::AffineRepr;
use millrace_bn254::{Fq, Fq2, FqCanonical, FrCanonical, G1Affine};

use crate::Proof;

fn word(little_endian: &[u8; 32]) -> String {
    let digits: String = little_endian.iter().rev().map(|b| format!("{b:02x}")).collect();
    format!("\"0x{digits}\"")
}

fn fq(x: &Fq) -> String {
    word(&FqCanonical::from(*x).0)
}

/// The imaginary part first, as the pairing precompile wants it.
fn fq2(x: &Fq2) -> String {
    format!("[{}, {}]", fq(&x.c1), fq(&x.c0))
}

/// Infinity is (0, 0) on chain.
fn g1(p: &G1Affine) -> String {
    let (x, y) = p.xy().unwrap_or_default();
    format!("[{}, {}]", fq(&x), fq(&y))
}

/// What `snarkjs zkey export soliditycalldata` prints, without the newline: the four arguments a, b, c, inputs of
/// `verifyProof`, 32-byte words in hexadecimal.
pub fn solidity_calldata(proof: &Proof, publics: &[FrCanonical]) -> String {
    let (bx, by) = proof.b.xy().unwrap_or_default();
    let inputs: Vec<_> = publics.iter().map(|x| word(&x.0)).collect();
    format!("{},[{},{}],{},[{}]", g1(&proof.a), fq2(&bx), fq2(&by), g1(&proof.c), inputs.join(","))
}
