//! The call `verifyProof(uint256[2] a, uint256[2][2] b, uint256[2] c, uint256[N] input)`, as bytes.
//!
//! ```text
//! byte 0      4     68    196   260          260 + 32·N
//!      | sel  | a   | b    | c   | input ...  |
//! ```
//! Every word is 32 bytes, big-endian. b's words are `x₁ x₀ y₁ y₀`. The contract refuses any other length.

use alloy_primitives::{U256, keccak256};
use millrace_bn254::FrCanonical;
use millrace_groth16::Proof;

use crate::words::{fr_word, g1_words, g2_words};

/// Bytes before the first public input: the selector and eight words of proof.
pub const PROOF_END_BYTES: usize = 4 + 8 * 32;

/// Arguments of `verifyProof`. Words are not checked: the contract judges them, and tests send it bad ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyCall {
    /// A as `[x, y]`.
    pub a: [U256; 2],
    /// B as `[[x₁, x₀], [y₁, y₀]]`.
    pub b: [[U256; 2]; 2],
    /// C as `[x, y]`.
    pub c: [U256; 2],
    /// The public inputs, in the order of the circuit.
    pub input: Vec<U256>,
}

impl VerifyCall {
    /// The call for a proof and its public inputs.
    pub fn new(proof: &Proof, input: &[FrCanonical]) -> Self {
        Self {
            a: g1_words(&proof.a),
            b: g2_words(&proof.b),
            c: g1_words(&proof.c),
            input: input.iter().map(fr_word).collect(),
        }
    }

    /// Calldata in the Solidity ABI: [`PROOF_END_BYTES`] bytes and 32 for each input.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PROOF_END_BYTES + 32 * self.input.len());
        bytes.extend(selector(self.input.len()));
        let proof = self.a.iter().chain(self.b.as_flattened()).chain(&self.c);
        proof.chain(&self.input).for_each(|word| bytes.extend(word.to_be_bytes::<32>()));
        bytes
    }
}

/// First four bytes of the Keccak-256 of the function's signature for `inputs` public inputs.
pub fn selector(inputs: usize) -> [u8; 4] {
    let signature = format!("verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{inputs}])");
    let digest = keccak256(signature);
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Selectors that snarkjs' own verifiers have, known from deployed contracts with 1 and 2 inputs.
    #[test]
    fn selector_is_the_ecosystems() {
        assert_eq!(selector(1), [0x43, 0x75, 0x3b, 0x4d]);
        assert_eq!(selector(2), [0xf5, 0xc9, 0xd6, 0x9e]);
    }

    #[test]
    fn layout_is_selector_then_words_in_order() {
        let w = |n: u64| U256::from(n);
        let call = VerifyCall {
            a: [w(1), w(2)],
            b: [[w(3), w(4)], [w(5), w(6)]],
            c: [w(7), w(8)],
            input: vec![w(9), w(10)],
        };
        let bytes = call.encode();
        assert_eq!(bytes.len(), PROOF_END_BYTES + 2 * 32);
        assert_eq!(bytes[..4], selector(2));
        for (i, word) in bytes[4..].chunks(32).enumerate() {
            assert_eq!(U256::from_be_slice(word), w(i as u64 + 1), "word {i}");
        }
    }
}
