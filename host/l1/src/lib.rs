//! Proofs on L1.
//!
//! In: a verifying key, a proof, its public inputs. Out: the Solidity verifier of the key ([`solidity`]), the call that carries
//! the proof ([`calldata`]), and what a chain says to it: an embedded EVM ([`evm`]) or a node over JSON-RPC ([`rpc`]). It
//! never sees a witness or a proving key, and it judges nothing itself: the contract does.

#![forbid(unsafe_code)]

pub mod calldata;
pub mod chain;
pub mod evm;
pub mod key;
pub mod revert;
pub mod rollup;
pub mod rpc;
pub mod solc;
pub mod solidity;
pub mod tools;
mod words;

pub use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
pub use alloy_sol_types::{SolCall, SolEvent, SolValue};
pub use calldata::VerifyCall;
pub use key::{DevReason, KeyError, VerifierKey};
pub use words::{Q, R, fr_word, g1_words, g2_words};
