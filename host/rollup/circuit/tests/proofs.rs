//! The real circuit, a development key, real proofs: by our prover and by snarkjs, each checked by the other.

mod common;
#[path = "common/snarkjs.rs"]
mod snarkjs;

use std::sync::{Arc, LazyLock};

use common::one_of_each;
use millrace_circuit::batch::Circuit;
use millrace_groth16::{
    ProvingKey, R1cs, TrivialDelta, dev_setup, is_dev_alpha, proof_to_json, public_to_json, verify,
    verifying_key_to_json,
};
use millrace_job::CancelToken;
use millrace_kernels::CpuEngine;
use millrace_prover::{Prover, Randomness};
use millrace_state::batch::PublicInputs;
use snarkjs::{snarkjs, text};

/// node's own bound is a machine's.
const HEAP_MIB: u32 = 4000;

struct Key {
    circuit: Circuit,
    r1cs: Vec<u8>,
    zkey: Arc<Vec<u8>>,
}

/// The circuit of one op and its development key.
static KEY: LazyLock<Key> = LazyLock::new(|| {
    let circuit = Circuit::new(1);
    let mut r1cs = Vec::new();
    circuit.write_r1cs(&mut r1cs).unwrap();
    Key { zkey: Arc::new(make_key(&r1cs, b"test")), circuit, r1cs }
});

fn make_key(r1cs: &[u8], seed: &[u8]) -> Vec<u8> {
    let mut zkey = Vec::new();
    dev_setup(&R1cs::from_bytes(Arc::new(r1cs.to_vec())).unwrap(), seed, &mut zkey).unwrap();
    zkey
}

#[test]
fn the_same_seed_gives_the_same_key_and_it_is_marked() {
    let Key { circuit, r1cs, zkey } = &*KEY;
    assert!(**zkey == make_key(r1cs, b"test"), "reproducible");
    let key = ProvingKey::from_bytes(zkey.clone()).unwrap();
    assert_eq!(key.header().n_vars as usize, circuit.system().n_wires());
    assert_eq!(key.header().domain_size, 1 << circuit.log_domain());
    key.check_coefficients().unwrap();
    key.check_points().unwrap();
    assert_eq!(key.trivial_delta(), Some(TrivialDelta::DevSetup));
    assert!(is_dev_alpha(&key.verifying_key().alpha));
    // Another seed, another key, the same mark.
    let other = ProvingKey::from_bytes(Arc::new(make_key(r1cs, b"other"))).unwrap();
    assert_ne!(other.header().delta_g1, key.header().delta_g1);
    assert!(is_dev_alpha(&other.verifying_key().alpha));
    assert_ne!(key.header().delta_g2, key.header().gamma_g2);
}

#[test]
fn every_kind_of_op_is_proven_and_snarkjs_agrees() {
    let Key { circuit, r1cs, zkey } = &*KEY;
    let prover = Prover::alone(Arc::new(CpuEngine::new()));
    let key = prover.load(ProvingKey::from_bytes(zkey.clone()).unwrap()).unwrap();
    let verifying = ProvingKey::from_bytes(zkey.clone()).unwrap().verifying_key().clone();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("op.r1cs"), r1cs).unwrap();
    std::fs::write(file("op.zkey"), &**zkey).unwrap();
    std::fs::write(file("vk.json"), verifying_key_to_json(&verifying)).unwrap();
    let run = |arguments: &[&str]| snarkjs(folder.path(), HEAP_MIB, arguments);
    let info = run(&["r1cs", "info", "op.r1cs"]);
    // Asked again only where it is there, so that it is told once where it is not.
    let is_there = info.is_some();
    let run = |arguments: &[&str]| if is_there { run(arguments) } else { None };
    if let Some(info) = info {
        let info = text(&info);
        assert!(info.contains(&format!("# of Constraints: {}", circuit.system().n_constraints())), "{info}");
        assert!(info.contains(&format!("# of Wires: {}", circuit.system().n_wires())), "{info}");
    }
    for executed in one_of_each() {
        let op = executed.ops[0].signed.op;
        let witness = circuit.groth16_witness(&executed).unwrap();
        let parsed = R1cs::from_bytes(Arc::new(r1cs.clone())).unwrap();
        let randomness = Randomness::Seed([3; 32]);
        let proved =
            prover.prove(&key, &witness, Some(&parsed), &randomness, &(), &CancelToken::default()).unwrap();
        let expected = PublicInputs::of(&executed.words());
        let publics: Vec<_> = proved.publics.iter().map(|x| x.to_fr().unwrap()).collect();
        assert_eq!(publics, [expected.p, expected.rho, expected.y], "{op:?}");
        verify(&verifying, &proved.publics, &proved.proof).unwrap();
        let mut other = proved.publics.clone();
        other.swap(0, 2);
        assert!(verify(&verifying, &other, &proved.proof).is_err());

        let mut wtns = Vec::new();
        witness.write(&mut wtns).unwrap();
        std::fs::write(file("op.wtns"), wtns).unwrap();
        std::fs::write(file("proof.json"), proof_to_json(&proved.proof)).unwrap();
        std::fs::write(file("public.json"), public_to_json(&proved.publics)).unwrap();
        if let Some(checked) = run(&["wtns", "check", "op.r1cs", "op.wtns"]) {
            assert!(
                checked.status.success() && text(&checked).contains("CORRECT"),
                "{op:?}: {}",
                text(&checked)
            );
            let verified = run(&["groth16", "verify", "vk.json", "public.json", "proof.json"]).unwrap();
            assert!(verified.status.success(), "{op:?}: {}", text(&verified));
        }
    }
    // snarkjs proves with our key what we accept.
    if let Some(made) = run(&["groth16", "prove", "op.zkey", "op.wtns", "theirs.json", "public.json"]) {
        assert!(made.status.success(), "{}", text(&made));
        let proof = std::fs::read_to_string(file("theirs.json")).unwrap();
        let public = std::fs::read_to_string(file("public.json")).unwrap();
        let proof = millrace_groth16::proof_from_json(&proof).unwrap();
        let public = millrace_groth16::public_from_json(&public).unwrap();
        verify(&verifying, &public, &proof).unwrap();
    }
}
