//! Proofs on L1: in the EVM of this process, and on a real node.

mod common;

use common::{Job, anvil::node, fails, ok, vectors};

/// An account that anvil always unlocks.
const FROM: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// A proof of `many`, or `None` with the reason printed.
fn proof() -> Option<(Job, String)> {
    let vectors = vectors()?;
    if millrace_l1::tools::node_modules().is_err() {
        println!("skipped: no node_modules with solc (make setup)");
        return None;
    }
    let job = Job::new();
    let key = vectors.join("many.zkey");
    ok(&job.prove_args(&key, &vectors.join("many.wtns"), &[]));
    let public: Vec<String> = serde_json::from_str(&job.read("public.json")).expect("JSON");
    let mut wrong = public;
    wrong[0] = "12345".to_owned();
    std::fs::write(job.path("wrong.json"), serde_json::to_string(&wrong).expect("JSON")).expect("writes");
    Some((job, key.display().to_string()))
}

#[test]
fn the_embedded_evm_judges() {
    let Some((job, key)) = proof() else { return };
    let (public, wrong, proof) = (job.path("public.json"), job.path("wrong.json"), job.path("proof.json"));
    let accepted = ok(&["submit", &public, &proof, "--embedded", &key]);
    assert!(accepted.contains("accepted") && accepted.contains(" gas"), "{accepted}");
    fails(13, &["submit", &wrong, &proof, "--embedded", &key]);
    let dev = key.replace("many.zkey", "many_dev.zkey");
    fails(15, &["submit", &public, &proof, "--embedded", &dev]);
}

#[test]
fn a_real_node_judges() {
    let (Some((job, key)), Some(node)) = (proof(), node(&[])) else { return };
    let (public, wrong, proof) = (job.path("public.json"), job.path("wrong.json"), job.path("proof.json"));
    let rpc = ["--rpc", &node.1, "--from", FROM];
    let text = ok(&[&["submit", &public, &proof, "--deploy", &key], &rpc[..]].concat());
    let contract =
        text.split_once("deployed at ").and_then(|(_, rest)| rest.split_once(';')).expect("an address").0;
    let to = ["--contract", contract];
    let again = ok(&[&["submit", &public, &proof], &rpc[..], &to].concat());
    assert!(again.contains("accepted by") && again.contains("chain 31337"), "{again}");
    fails(13, &[&["submit", &wrong, &proof], &rpc[..], &to].concat());
    fails(14, &[&["submit", &public, &proof, "--chain-id", "1"], &rpc[..], &to].concat());
    fails(14, &[&["submit", &public, &proof], &rpc[..], &["--contract", FROM]].concat());
    drop(node);
    fails(
        14,
        &["submit", &public, &proof, "--rpc", "http://127.0.0.1:1", "--from", FROM, "--contract", contract],
    );
}
