//! Proofs on L1: calldata, embedded EVM, JSON-RPC.
