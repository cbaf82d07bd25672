//! The rollup's circuit.
//!
//! In: a batch as `millrace-state` ran it. Out: a rank-1 constraint system for N ops (as `.r1cs`) and the witness of a batch (as `.wtns`). Nothing here
//! decides whether a batch is right: the constraints do, and an untrue trace gives a witness that breaks one of them, by name.
//!
//! | module | what it holds |
//! |---|---|
//! | [`system`] | wires, linear combinations, constraints with the name of the rule that each belongs to |
//! | [`builder`] | numbers that carry their value, and the two ways to run a circuit: to record constraints, or to fill a witness |
//! | `gadgets` | bits, Poseidon, Edwards points, EdDSA, Merkle updates |
//! | `head`, `op`, `tail` | the parts of a batch |
//! | [`batch`] | the whole: [`batch::Circuit`] |
//! | [`outline`] | one op checked fast, for campaigns of millions |
//!
//! Each gadget is written once. Recording runs it over a batch of NOOPs and keeps the constraints; filling runs it over the real batch, one op a thread,
//! and keeps the values. Wires come in the same order both times, because no gadget looks at a value to decide what to do.

#![forbid(unsafe_code)]

pub mod batch;
pub mod builder;
mod export;
mod gadgets;
mod head;
mod op;
pub mod outline;
pub mod system;
mod tail;

pub use head::HeaderInputs;
pub use millrace_bn254::Fr;
pub use op::OpInputs;
