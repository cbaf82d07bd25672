//! The circuit's files: the same bytes everywhere, read by snarkjs, and those that a ceremony was tried with.
//!
//! `r1cs.json` holds the digests of the three sizes. `MILLRACE_OPS=64` lets snarkjs look at the largest, too: half a gigabyte, and 12 GB of heap.

mod common;
#[path = "common/snarkjs.rs"]
mod snarkjs;

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use common::world::{DOMAIN, World};
use millrace_circuit::batch::Circuit;
use sha2::{Digest, Sha256};
use snarkjs::{snarkjs, text};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Digest of the `.r1cs`, which is written nowhere.
fn digest(circuit: &Circuit) -> String {
    let mut hash = Sha256::new();
    let mut out = BufWriter::with_capacity(1 << 16, &mut hash);
    circuit.write_r1cs(&mut out).unwrap();
    out.flush().unwrap();
    drop(out);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last record that `make ceremony` left for this size.
fn ceremony(size: usize) -> Option<serde_json::Value> {
    let results = std::fs::read_dir(here("../../../bench/results")).unwrap();
    let records = results.map(|entry| entry.unwrap().path().join(format!("ops-{size}.json")));
    records.filter(|path| path.is_file()).max().map(|path| json(&path))
}

#[test]
fn files_are_reproducible_and_snarkjs_reads_them() {
    let largest = std::env::var("MILLRACE_OPS").is_ok_and(|n| n == "64");
    let known = json(&here("r1cs.json"));
    let folder = tempfile::tempdir().unwrap();
    for (size, heap_mib) in [(1, 4000), (8, 4000), (64, 12_000)] {
        let circuit = Circuit::new(size);
        let found = digest(&circuit);
        assert_eq!(known[size.to_string()]["sha256"], *found, "{size} ops");
        assert_eq!(known[size.to_string()]["constraints"], circuit.system().n_constraints(), "{size} ops");
        match ceremony(size) {
            Some(record) => {
                assert_eq!(
                    record["r1cs_sha256"], *found,
                    "the ceremony of {size} ops was for another circuit"
                );
                assert_eq!(record["verified"], true, "{size} ops");
            }
            None if size < 64 => println!("skipped: no ceremony of {size} ops was kept (make ceremony)"),
            None => {}
        }
        if size == 64 && !largest {
            println!("not asked for: snarkjs on the circuit of 64 ops (MILLRACE_OPS=64)");
            continue;
        }
        let mut out = BufWriter::new(File::create(folder.path().join("c.r1cs")).unwrap());
        circuit.write_r1cs(&mut out).unwrap();
        out.into_inner().unwrap();
        let mut world = World::with_users(6);
        let executed = loop {
            let batch = world.random_batch(size);
            let executed = world.state.execute(DOMAIN, &batch).unwrap();
            if batch.ops.iter().any(|signed| signed.authorisation.is_some()) {
                break executed;
            }
        };
        let mut wtns = BufWriter::new(File::create(folder.path().join("c.wtns")).unwrap());
        circuit.groth16_witness(&executed).unwrap().write(&mut wtns).unwrap();
        wtns.into_inner().unwrap();
        let Some(info) = snarkjs(folder.path(), heap_mib, &["r1cs", "info", "c.r1cs"]) else { continue };
        let info = text(&info);
        let system = circuit.system();
        assert!(info.contains(&format!("# of Constraints: {}", system.n_constraints())), "{info}");
        assert!(info.contains(&format!("# of Wires: {}", system.n_wires())), "{info}");
        let checked = snarkjs(folder.path(), heap_mib, &["wtns", "check", "c.r1cs", "c.wtns"]).unwrap();
        let said = text(&checked);
        assert!(checked.status.success() && said.contains("WITNESS IS CORRECT"), "{size} ops: {said}");
        println!("{size} ops: {found}, snarkjs r1cs info and wtns check agree");
    }
}
