//! A whole setup of the circuit for one op by snarkjs: key, contribution, beacon, `zkey verify`; then a proof with that key by us, checked by snarkjs.
//!
//! Its powers of tau are ours (`dev_ptau`): snarkjs takes half an hour of processor time to prepare its own. `make ceremony` runs that, too, and keeps a record.

mod common;
#[path = "common/snarkjs.rs"]
mod snarkjs;

use std::{fs::File, io::BufWriter, path::Path, sync::Arc};

use common::one_of_each;
use millrace_circuit::batch::Circuit;
use millrace_groth16::{
    ProvingKey, TrivialDelta, dev_ptau, is_dev_alpha, proof_to_json, public_to_json, verify,
    verifying_key_to_json,
};
use millrace_job::CancelToken;
use millrace_kernels::CpuEngine;
use millrace_prover::{Prover, Randomness};
use snarkjs::{snarkjs, text};

const HEAP_MIB: u32 = 4000;
const BEACON: &str = "4d696c6c7261636520746573742063657265";

fn powers(path: &Path, power: u32) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    dev_ptau(power, b"a test", &mut out).unwrap();
    out.into_inner().unwrap();
}

/// Sections of a file: number and bytes.
fn sections(file: &[u8]) -> Vec<(u32, &[u8])> {
    let count = u32::from_le_bytes(file[8..12].try_into().unwrap());
    let mut rest = &file[12..];
    let out = (0..count)
        .map(|_| {
            let (head, body) = rest.split_at(12);
            let len = u64::from_le_bytes(head[4..].try_into().unwrap()) as usize;
            let (section, after) = body.split_at(len);
            rest = after;
            (u32::from_le_bytes(head[..4].try_into().unwrap()), section)
        })
        .collect();
    assert!(rest.is_empty(), "nothing follows the sections");
    out
}

/// snarkjs makes the same second half of the file from the first by transforms of points that know no τ.
#[test]
fn powers_of_tau_are_what_snarkjs_makes_of_them() {
    for power in [1, 5] {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        powers(&file("ours.ptau"), power);
        let ours = std::fs::read(file("ours.ptau")).unwrap();
        let all = sections(&ours);
        assert_eq!(all.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]);
        let mut first = b"ptau\x01\0\0\0\x07\0\0\0".to_vec();
        for (id, section) in &all[..7] {
            first.extend(id.to_le_bytes());
            first.extend((section.len() as u64).to_le_bytes());
            first.extend(*section);
        }
        std::fs::write(file("first.ptau"), first).unwrap();
        let arguments = ["powersoftau", "prepare", "phase2", "first.ptau", "theirs.ptau"];
        let Some(prepared) = snarkjs(folder.path(), HEAP_MIB, &arguments) else { return };
        assert!(prepared.status.success(), "{}", text(&prepared));
        let theirs = std::fs::read(file("theirs.ptau")).unwrap();
        for ((id, ours), (other, theirs)) in all.iter().zip(sections(&theirs)) {
            assert!(*id == other && *ours == theirs, "power {power}, section {id}");
        }
    }
}

#[test]
fn a_whole_setup_by_snarkjs_is_valid_and_proves() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let run = |arguments: &[&str]| snarkjs(folder.path(), HEAP_MIB, arguments);
    let done = |arguments: &[&str], says: &str| {
        let output = run(arguments).expect("snarkjs was there");
        let text = text(&output);
        // snarkjs ends with 0 where it finds a key invalid, too.
        assert!(output.status.success() && text.contains(says), "{arguments:?}: {text}");
    };
    if run(&["--help"]).is_none() {
        return;
    }
    let circuit = Circuit::new(1);
    let mut r1cs = BufWriter::new(File::create(file("c.r1cs")).unwrap());
    circuit.write_r1cs(&mut r1cs).unwrap();
    r1cs.into_inner().unwrap();
    powers(&file("pot.ptau"), circuit.log_domain());
    done(&["groth16", "setup", "c.r1cs", "pot.ptau", "c0.zkey"], "");
    done(&["zkey", "contribute", "c0.zkey", "c1.zkey", "--name=first", "-e=public text, a test"], "");
    done(&["zkey", "beacon", "c1.zkey", "c.zkey", BEACON, "10"], "");
    done(&["zkey", "verify", "c.r1cs", "pot.ptau", "c.zkey"], "ZKey Ok!");

    let key = ProvingKey::open(&file("c.zkey")).unwrap();
    assert_eq!(key.header().domain_size, 1 << circuit.log_domain());
    // Whatever was contributed to it, it stays a development key.
    assert!(is_dev_alpha(&key.verifying_key().alpha));
    assert_eq!(key.trivial_delta(), Some(TrivialDelta::DevSetup));
    let verifying = key.verifying_key().clone();
    let prover = Prover::alone(Arc::new(CpuEngine::new()));
    let key = prover.load(key).unwrap();
    std::fs::write(file("vk.json"), verifying_key_to_json(&verifying)).unwrap();
    for executed in one_of_each() {
        let witness = circuit.groth16_witness(&executed).unwrap();
        let randomness = Randomness::Seed([3; 32]);
        let proved = prover.prove(&key, &witness, None, &randomness, &(), &CancelToken::default()).unwrap();
        verify(&verifying, &proved.publics, &proved.proof).unwrap();
        std::fs::write(file("proof.json"), proof_to_json(&proved.proof)).unwrap();
        std::fs::write(file("public.json"), public_to_json(&proved.publics)).unwrap();
        done(&["groth16", "verify", "vk.json", "public.json", "proof.json"], "OK!");
    }
}
