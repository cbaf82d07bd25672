//! What a proof asks the allocator for, once its prover has made one: next to nothing, and no more for a larger circuit.
//!
//! Alone in its program, as it counts what all threads allocate. One thread and one job at a time, so that each proof does the same in the same order.

use std::{alloc::System, sync::Arc};

use ark_ff::One;
use millrace_bn254::{Fr, FrCanonical, backend::Instructions};
use millrace_groth16::{ProvingKey, R1cs, R1csSizes, Witness, dev_setup, write_r1cs};
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

/// xᵢ₊₁ = xᵢ·(xᵢ + 1), the last link public, in a domain that is filled.
fn chain(log_domain: u32) -> (ProvingKey, Witness) {
    let n_constraints = (1u32 << log_domain) - 2;
    let mut links = vec![Fr::from(0x9e37_79b9_7f4a_7c15u64)];
    for i in 0..n_constraints as usize {
        links.push(links[i] * (links[i] + Fr::one()));
    }
    let end = links.pop().expect("a link");
    let wires = [vec![Fr::one(), end], links].concat();
    let one = Fr::one();
    let constraint = |i: u32| {
        let made = if i + 1 == n_constraints { 1 } else { i + 3 };
        [vec![(i + 2, one)], vec![(i + 2, one), (0, one)], vec![(made, one)]]
    };
    let constraints = || (0..n_constraints).map(constraint);
    let n_terms = constraints().flatten().map(|side| side.len() as u64).sum();
    let sizes = R1csSizes { n_wires: wires.len() as u32, n_public: 1, n_constraints, n_terms };
    let (mut r1cs, mut key) = (Vec::new(), std::io::Cursor::new(Vec::new()));
    write_r1cs(&mut r1cs, &sizes, constraints()).expect("in memory");
    let r1cs = R1cs::from_bytes(Arc::new(r1cs)).expect("a good circuit");
    dev_setup(&r1cs, b"allocations", &mut key).expect("a good circuit");
    let key = ProvingKey::from_bytes(Arc::new(key.into_inner())).expect("a good key");
    let witness = Witness::from_values(wires.into_iter().map(FrCanonical::from).collect());
    (key, witness.expect("in range"))
}

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
