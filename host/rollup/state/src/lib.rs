//! The rollup's state and rules, outside any circuit.
//!
//! In: queue entries of L1 and signed ops of users. Out: batches (their words, roots and the trace that a circuit's witness is made of), and proofs of
//! single balances for the exit. Layouts and rules are those of `docs/spec/rollup.md`. This crate never touches L1 or constraint systems, and
//! files only in [`store`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`poseidon`], [`babyjub`], [`eddsa`] | hash, curve and signature that the circuit shares |
//! | [`tree`] | sparse trees with four children a node |
//! | [`types`] | ids, tokens, addresses |
//! | [`op`] | the ops and their two words |
//! | [`state`] | accounts, and what an op does to them |
//! | [`batch`] | header, words, P, ρ, y, and the executor |
//! | [`builder`] | from queue and pool to a batch, with a reason for what is left out |
//! | [`packed`] | ops as they travel to L1 and stand in its logs |
//! | [`replay`] | the state again, from the words of accepted batches |
//! | [`store`] | accepted batches on disk |
//! | [`exit`] | the proof of one balance |

#![forbid(unsafe_code)]

pub mod babyjub;
pub mod batch;
pub mod builder;
pub mod eddsa;
pub mod exit;
pub mod op;
pub mod packed;
pub mod poseidon;
pub mod replay;
pub mod state;
pub mod store;
pub mod tree;
pub mod types;

pub use millrace_bn254::Fr;
