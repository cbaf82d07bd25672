//! What a proof asks the allocator for, once its prover has made one: the vectors that pass between crates, and next to nothing else.
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

const LOG_DOMAIN: u32 = 14;
/// The scalars of H, and the witness without its public part.
const VECTORS: usize = 2;
/// In small pieces: graph, threads, places of the quotient (2.4 bytes a value), lists of tasks, pairings. Measured: 229 KiB.
const REST_BYTES: usize = 320 << 10;

/// xᵢ₊₁ = xᵢ·(xᵢ + 1), the last link public, in a domain that is filled.
fn chain() -> (ProvingKey, Witness) {
    let n_constraints = (1u32 << LOG_DOMAIN) - 2;
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

#[test]
fn a_proof_of_a_ready_prover_allocates_its_two_vectors() {
    let (key, witness) = chain();
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
    let vectors = VECTORS * (32 << LOG_DOMAIN);
    for _ in 0..3 {
        let bytes = proof();
        println!("{bytes} bytes allocated, {vectors} of them in vectors; by the first proof {first}");
        assert!(bytes <= vectors + REST_BYTES, "{bytes} bytes, {vectors} in vectors");
        // The vectors alone are known: less would mean that it was not counted.
        assert!(bytes > vectors - (64 << LOG_DOMAIN) && first > bytes);
    }
}
