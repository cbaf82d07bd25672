//! What a proof asks the allocator for, once its prover has made one: next to nothing, and no more for a larger circuit.
//!
//! Alone in its program, as it counts what all threads allocate. One thread and one job at a time, so that each proof does the same in the same order.

mod common;

use std::{alloc::System, iter, sync::Arc};

use ark_ec::AffineRepr;
use ark_ff::Field;
use common::chain;
use millrace_bn254::{
    Fr, FrCanonical, G1Affine, G2Affine,
    backend::Instructions,
    curve::Xyzz,
    points::{Curve, G1, G2},
};
use millrace_job::{BufferId, CancelToken, Coefficient, Engine, Group, Job, JobValue, Resident, ScalarSlice};
use millrace_kernels::{CpuEngine, Limits};
use millrace_prover::{Prover, Randomness};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// In small pieces, whatever the size: the pairing check (79 KiB in arkworks), the graph, threads, sums of windows, the report. Measured: 108 to 115 KiB.
const MOST_BYTES: usize = 144 << 10;
/// By how much a larger circuit may take more: the pool's own queues grow now and then, and there are other windows. A list or vector of it has 128 KiB at least.
const GROWTH_BYTES: usize = 32 << 10;
/// The jobs of a proof alone: tickets, closures, sums of windows.
const MOST_BYTES_OF_JOBS: usize = 32 << 10;

/// What `run` allocates the first time, and the most that it does later.
fn allocated(what: &str, run: impl Fn()) -> (usize, usize) {
    let once = || {
        let region = Region::new(ALLOCATOR);
        run();
        region.change().bytes_allocated
    };
    let first = once();
    let later = (0..3).map(|_| once()).max().expect("three");
    println!("{what}: {later} bytes allocated, by the first {first}");
    (first, later)
}

/// As fast as it goes.
fn engine() -> CpuEngine {
    CpuEngine::with_limits(1, Instructions::best(), Limits { jobs: 1, ..Limits::NONE })
}

fn proofs(log_domain: u32) -> (usize, usize) {
    let (key, witness) = chain(log_domain);
    let prover = Prover::alone(Arc::new(engine()));
    let key = prover.load(key).expect("a good key");
    allocated(&format!("a proof of 2^{log_domain}"), || {
        let seed = Randomness::Seed([7; 32]);
        prover.prove(&key, &witness, None, &seed, &(), &CancelToken::default()).expect("a good witness");
    })
}

/// P, 2P, 4P, …, 64 of them again and again.
fn bases<C: Curve, A>(first: C::Base, len: usize) -> Vec<C::Base>
where
    A: From<millrace_bn254::curve::Affine<C::Field>>,
    C::Base: for<'a> From<&'a A>,
{
    let next = |point: &Xyzz<C::Field>| Some(point.double());
    let points: Vec<C::Base> = iter::successors(Some(Xyzz::from(C::base(&first))), next)
        .map(|point| (&A::from(point.to_affine())).into())
        .take(64)
        .collect();
    points.into_iter().cycle().take(len).collect()
}

fn scalar(i: u64) -> FrCanonical {
    let word = |at: u64| (4 * i + at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    FrCanonical::from_limbs([word(0), word(1), word(2), word(3) >> 4])
}

/// The jobs of a proof with so many signals and constraints, one after the other: without a key, which would take longer to make than they.
fn jobs(signals: usize) -> (usize, usize) {
    let (engine, domain) = (engine(), signals.next_power_of_two());
    let load = |resident: Resident| engine.load(resident).expect("bases of our own");
    let one = FrCanonical::from(Fr::from(2u8).pow([512])).0;
    let row = |i| [0, 1].map(|matrix| Coefficient::new(matrix, i, i, one));
    let entries: Vec<_> = (0..signals as u32).flat_map(row).collect();
    let matrix = load(Resident::Matrix { entries: entries.into(), rows: domain });
    let g1 = load(Resident::G1(bases::<G1, G1Affine>((&G1Affine::generator()).into(), domain).into()));
    let g2 = load(Resident::G2(bases::<G2, G2Affine>((&G2Affine::generator()).into(), signals).into()));
    let witness: ScalarSlice = (0..signals as u64).map(scalar).collect::<Vec<_>>().into();
    let run = |job: Job| engine.submit(job).and_then(|ticket| engine.wait(ticket)).expect("a good job").value;
    let sum = |group, bases: BufferId, scalars: ScalarSlice| {
        run(Job::Msm { group, bases, range: 0..scalars.len(), scalars })
    };
    allocated(&format!("the jobs of {signals} signals"), || {
        let JobValue::Rows { a, b } = run(Job::Rows { matrix, witness: witness.clone() }) else {
            panic!("two products")
        };
        sum(Group::G1, g1, witness.clone());
        sum(Group::G2, g2, witness.clone());
        let JobValue::Scalars(quotient) = run(Job::Quotient { a, b }) else { panic!("scalars") };
        sum(Group::G1, g1, quotient);
    })
}

#[test]
fn a_proof_of_a_ready_prover_allocates_no_more_for_a_larger_circuit() {
    let [(_, small), (first, large)] = [12, 15].map(proofs);
    // What is looked at is the proof's memory.
    assert!(first > 10 * (32 << 15), "{first} bytes by the first proof");
    assert!(large <= MOST_BYTES, "{large} bytes");
    assert!(large <= small + GROWTH_BYTES, "{small} and {large} bytes");

    // Above 2^18 as below, and where the sum over the quotient has wider windows than those over the witness.
    for signals in [90_000, (1 << 18) + 1] {
        let (first, later) = jobs(signals);
        assert!(first > 5 * 32 * signals, "{first} bytes by the first jobs of {signals} signals");
        assert!(later <= MOST_BYTES_OF_JOBS, "{later} bytes, {signals} signals");
    }
}
