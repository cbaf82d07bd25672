//! What the executor runs satisfies the circuit.

mod common;

use common::world::{DOMAIN, World};
use millrace_circuit::{
    Fr,
    batch::{Circuit, WrongSize},
    system::Side,
};
use millrace_state::batch::Batch;

#[test]
fn random_batches_satisfy_the_circuit() {
    // `MILLRACE_BATCHES=N` runs more of them, `MILLRACE_SEED` others (`make campaign-rollup`).
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse().expect("a number"));
    let (batches, seed) = (number("MILLRACE_BATCHES").unwrap_or(40), number("MILLRACE_SEED").unwrap_or(1));
    let circuit = Circuit::new(2);
    let mut world = World::empty(seed);
    let mut signed = 0;
    for run in 0..batches {
        let batch = world.random_batch(2);
        signed += batch.ops.iter().filter(|signed| signed.op.signer().is_some()).count();
        let executed = world.state.execute(DOMAIN, &batch).unwrap();
        let witness = circuit.witness(&executed).unwrap();
        assert_eq!(circuit.system().first_broken(&witness), None, "run {run}: {:?}", batch.ops);
    }
    println!("batches: seed {seed}, {batches} batches of two ops, {signed} of the ops signed");
}

/// Indices of ops, carries of roots and fees between them, and the sponge's padding differ by size: one batch of the size that is deployed.
#[test]
fn a_full_batch_satisfies_the_circuit() {
    // `MILLRACE_OPS=64` takes the largest size.
    let size = std::env::var("MILLRACE_OPS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut world = World::with_users(4);
    let kinds = |batch: &Batch| {
        let signed = batch.ops.iter().filter(|signed| signed.op.signer().is_some()).count();
        let forced = batch.ops.iter().filter(|signed| signed.op.is_forced()).count();
        (forced, signed)
    };
    let full =
        |batch: &Batch| matches!(kinds(batch), (f, s) if f >= size / 8 && s >= size / 4 && f + s > size / 2);
    // Each is run, so that the next is drawn from what it left: keys, nonces and balances as they are then.
    let run = |_| {
        let batch = world.random_batch(size);
        let executed = world.state.execute(DOMAIN, &batch).unwrap();
        full(&batch).then_some((batch, executed))
    };
    let (batch, executed) =
        (0..1000).find_map(run).expect("one of a thousand random batches is more than half full");
    assert!(size < 8 || executed.fees.sums.iter().any(|sum| *sum != 0), "fees are paid");
    let circuit = Circuit::new(size);
    let mut witness = circuit.witness(&executed).unwrap();
    assert_eq!(circuit.system().first_broken(&witness), None, "{:?}", batch.ops);
    // The last op's wires are looked at too.
    let last = circuit.op_wires(size - 1).start as usize;
    witness[last] += Fr::from(1u8);
    assert!(circuit.system().first_broken(&witness).is_some());
    let (forced, signed) = kinds(&batch);
    println!("one batch of {size} ops: {forced} from the queue, {signed} signed");
}

#[test]
fn sizes_are_those_promised() {
    let [one, two, eight] = [1, 2, 8].map(Circuit::new);
    assert_eq!((one.log_domain(), eight.log_domain()), (16, 18));
    let constraints = |circuit: &Circuit| circuit.system().n_constraints();
    let each = (constraints(&eight) - constraints(&two)) / 6;
    assert!(each <= 30_000, "{each} constraints an op");
    for circuit in [&one, &eight] {
        let system = circuit.system();
        let terms = system.n_terms_of(Side::A) + system.n_terms_of(Side::B);
        assert!(terms <= 10 * system.n_constraints(), "{terms} terms in A and B");
    }
    // 64 ops fit 2^21: each op costs the same but for the sponge's blocks of four words.
    assert!(constraints(&eight) + 56 * (each + 1) + 4 <= 1 << 21);
}

#[test]
fn a_batch_of_another_size_is_refused() {
    let mut world = World::empty(2);
    let batch = world.random_batch(2);
    let executed = world.state.execute(DOMAIN, &batch).unwrap();
    let refused = Circuit::new(1).witness(&executed).unwrap_err();
    assert_eq!(refused, WrongSize { expected: 1, got: 2 });
}
