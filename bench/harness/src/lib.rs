//! Benchmarks of engines and whole proofs.
