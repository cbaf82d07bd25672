//! snarkjs accepts our proofs, in the files that we write.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use common::{CIRCUITS, Circuit, DEVICE, Device, Fault, options, prove, prover, vectors};
use millrace_groth16::{proof_to_json, public_to_json, verifying_key_to_json};
use millrace_prover::Placement;

/// snarkjs' command line, or `None` with a word about it.
fn snarkjs() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node_modules");
    let modules = std::env::var_os("MILLRACE_NODE_MODULES").map_or(default, PathBuf::from);
    let cli = modules.join("snarkjs/build/cli.cjs");
    let node = Command::new("node").arg("--version").output().is_ok_and(|out| out.status.success());
    if node && cli.is_file() {
        return Some(cli);
    }
    println!("skipped: no node, or no snarkjs at {} (sim/tools/setup.sh installs it)", cli.display());
    None
}

#[test]
fn snarkjs_accepts_our_proof_and_refuses_it_for_other_public_signals() {
    let (Some(folder), Some(cli)) = (vectors(), snarkjs()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let accepts = || {
        let mut command = Command::new("node");
        command.arg(&cli).args(["groth16", "verify"]);
        command.args(["vk.json", "public.json", "proof.json"].map(file)).status().unwrap().success()
    };
    for name in CIRCUITS {
        let circuit = Circuit::open(&folder, name);
        let prover = prover(Arc::new(Device::new(Fault::None)), options(Placement::On(DEVICE)));
        let proved = prove(&prover, &circuit, None).unwrap();
        std::fs::write(file("proof.json"), proof_to_json(&proved.proof)).unwrap();
        std::fs::write(file("public.json"), public_to_json(&proved.publics)).unwrap();
        std::fs::write(file("vk.json"), verifying_key_to_json(circuit.key.verifying_key())).unwrap();
        assert!(accepts(), "{name}");
        if name == "tiny" {
            std::fs::write(file("public.json"), "[\"1\"]").unwrap();
            assert!(!accepts(), "{name} with a false public signal");
        }
    }
}
