//! Keys and proofs that snarkjs made, and the verifier that snarkjs writes for the same key: both contracts accept the same calldata.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;
use alloy_primitives::U256;
use millrace_groth16::{proof_from_json, public_from_json, verifying_key_from_json};
use millrace_l1::evm::{Evm, Verdict};
use millrace_l1::solidity::{ExportOptions, export};
use millrace_l1::{VerifierKey, VerifyCall, solc, tools};

/// The folder of circuit vectors; `None`, with the reason printed, where it was not made.
fn vectors() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/vectors");
    let folder = std::env::var_os("MILLRACE_VECTORS").map_or(default, PathBuf::from);
    if !folder.join("complete").is_file() {
        println!("skipped: no circuit vectors in {} (run `make vectors`)", folder.display());
        return None;
    }
    Some(folder)
}

/// Every circuit that has a snarkjs proof: its name, key and the call that carries the proof.
fn proofs(folder: &Path) -> Vec<(String, VerifierKey, VerifyCall)> {
    let read = |name: String| std::fs::read_to_string(folder.join(name)).expect("a complete folder");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let file = entry.expect("an entry").file_name().into_string().expect("plain names");
        let Some(name) = file.strip_suffix(".proof.json").filter(|name| !name.contains('.')) else {
            continue;
        };
        let key = verifying_key_from_json(&read(format!("{name}.vk.json"))).expect("a key");
        let proof = proof_from_json(&read(file.clone())).expect("a proof");
        let public = public_from_json(&read(format!("{name}.public.json"))).expect("public inputs");
        // A circuit without public inputs has no contract.
        if !public.is_empty() {
            found.push((name.to_owned(), VerifierKey::from(&key), VerifyCall::new(&proof, &public)));
        }
    }
    assert!(found.len() >= 3, "circuits of at least three shapes");
    found
}

#[test]
fn proofs_of_snarkjs_are_accepted() {
    let Some(folder) = vectors() else { return };
    for (name, key, call) in proofs(&folder) {
        let options = ExportOptions { name: "Verifier", contributions: Some(1), allow_dev: false };
        let source = export(&key, &options).expect("a contributed key");
        let Some(compiled) = support::compile(&source) else { return };
        let mut evm = Evm::new();
        let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
        let verdict = evm.verify(verifier, &call.encode()).expect("call");
        assert!(matches!(verdict, Verdict::Accepted { .. }), "{name}: {verdict:?}");
        println!("{name}: {} inputs, {verdict:?}", call.input.len());

        let mut wrong = call;
        wrong.input[0] ^= U256::ONE;
        let verdict = evm.verify(verifier, &wrong.encode()).expect("call");
        assert!(matches!(verdict, Verdict::Rejected { .. }), "{name}: {verdict:?}");
    }
}

#[test]
fn verifier_of_snarkjs_accepts_our_calldata() {
    let (Some(folder), Ok(modules)) = (vectors(), tools::node_modules()) else { return };
    let out = tempfile::tempdir().expect("folder");
    let contract = out.path().join("theirs.sol");
    let (name, _, call) = proofs(&folder).swap_remove(0);
    let status = Command::new("node")
        .arg(modules.join("snarkjs/build/cli.cjs"))
        .args(["zkey", "export", "solidityverifier"])
        .arg(folder.join(format!("{name}.zkey")))
        .arg(&contract)
        .stdout(std::process::Stdio::null())
        .status();
    match status {
        Ok(status) => assert!(status.success(), "snarkjs: {status}"),
        Err(error) => return println!("skipped: cannot run node: {error}"),
    }
    let source = std::fs::read_to_string(&contract).expect("the contract");
    let compiled = match solc::compile(&source, "Groth16Verifier") {
        Ok(compiled) => compiled,
        Err(missing @ solc::CompileError::SolcMissing { .. }) => return println!("skipped: {missing}"),
        Err(other) => panic!("{other}"),
    };
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    let verdict = evm.verify(verifier, &call.encode()).expect("call");
    println!("snarkjs' contract, {name}, {} inputs: {verdict:?}", call.input.len());
    assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
}
