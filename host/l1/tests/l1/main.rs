//! Tests of the crate as its users see it. One binary, because linking an EVM and an RPC client takes longer than the tests.

mod attacks;
mod bad_node;
mod contracts;
mod node;
mod snarkjs;
mod support;
mod verifier;
