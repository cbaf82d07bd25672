//! Keys, witnesses and proofs: snarkjs files in, snarkjs files out.
