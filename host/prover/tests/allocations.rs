//! What a proof asks the allocator for, once its prover has made one: next to nothing, and no more for a larger circuit.
//!
//! Alone in its program, as it counts what all threads allocate. One thread and one job at a time, so that each proof does the same in the same order.

mod common;

use std::{alloc::System, sync::Arc};

use common::chain;
use millrace_bn254::backend::Instructions;
use millrace_job::CancelToken;
use millrace_kernels::{CpuEngine, Limits};
use millrace_prover::{Prover, Randomness};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// In small pieces, whatever the size: the pairing check (79 KiB in arkworks), the graph, threads, sums of windows, the report. Measured: 108 to 115 KiB.
const MOST_BYTES: usize = 144 << 10;
/// By how much a larger circuit may take more: the pool's own queues grow now and then.
const GROWTH_BYTES: usize = 4 << 10;

/// What the first proof of a prover allocates, and the most that a later one does.
fn allocated(log_domain: u32) -> (usize, usize) {
    let (key, witness) = chain(log_domain);
    let limits = Limits { jobs: 1, ..Limits::NONE };
    let engine = CpuEngine::with_limits(1, Instructions::best(), limits);
    let prover = Prover::alone(Arc::new(engine));
    let key = prover.load(key).expect("a good key");
    let proof = || {
        let region = Region::new(ALLOCATOR);
        let seed = Randomness::Seed([7; 32]);
        prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default()).expect("a good witness");
        region.change().bytes_allocated
    };
    let first = proof();
    let later = (0..3).map(|_| proof()).max().expect("three");
    println!("2^{log_domain}: {later} bytes allocated, by the first proof {first}");
    (first, later)
}

#[test]
fn a_proof_of_a_ready_prover_allocates_no_more_for_a_larger_circuit() {
    let [(_, small), (first, large)] = [12, 15].map(allocated);
    // What is looked at is the proof's memory.
    assert!(first > 10 * (32 << 15), "{first} bytes by the first proof");
    assert!(large <= MOST_BYTES, "{large} bytes");
    assert!(large <= small + GROWTH_BYTES, "{small} and {large} bytes");
}
