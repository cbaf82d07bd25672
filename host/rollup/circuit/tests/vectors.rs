//! The shared vectors of `sim/vectors/rollup` through the circuit: the batches that circomlibjs, zk-kit and js-sha3 have signed, hashed and added up satisfy it, with the words and
//! public inputs that they found, and which the contract's tests compare too.

#[path = "../../state/tests/common/mod.rs"]
mod common;

use ark_ff::Field;
use common::{batch, fr, frs, list, number, vectors};
use millrace_circuit::{Fr, batch::Circuit};
use millrace_state::state::State;

#[test]
fn batches_of_others_satisfy_the_circuit_with_their_words_and_public_inputs() {
    let circuits = [1, 8].map(Circuit::new);
    let mut run = [0; 2];
    let all = vectors("batches.json");
    let mut state = State::default();
    for case in list(&all, "batches") {
        let (domain, batch) = batch(case);
        let executed = state.execute(domain, &batch).unwrap();
        let size: usize = number(&case["size"]);
        let which = circuits.iter().position(|circuit| circuit.size() == size).unwrap();
        let circuit = &circuits[which];
        let mut witness = circuit.witness(&executed).unwrap();
        assert_eq!(circuit.system().first_broken(&witness), None, "{:?}", batch.ops);
        let words: Vec<Fr> = circuit.word_wires().iter().map(|wire| witness[wire.0 as usize]).collect();
        assert_eq!(words, frs(&case["words"]));
        // After the constant 1 come the public inputs in the order of the contract.
        assert_eq!(witness[..4], [Fr::ONE, fr(&case["p"]), fr(&case["rho"]), fr(&case["y"])]);
        witness[3] += Fr::ONE;
        assert_eq!(circuit.system().first_broken(&witness).map(|broken| broken.rule), Some("public data: y"));
        run[which] += 1;
    }
    assert_eq!(run, [5, 3], "batches of 1 and of 8 ops");
    assert_eq!(state.root(), fr(&all["root"]));
}
