//! Whole proofs of the same files: the CPU engine beside arkworks' own prover, taken in turns.
//!
//! `MILLRACE_VECTORS` (or `target/vectors`) is searched for every `x.zkey` with an `x.wtns` beside it. Prints a JSON line per
//! proof made: wall time and processor time, of loading and of proving; our proving includes the pairing check, whose wall time is
//! printed by itself as well. Both provers keep their key loaded; both use all processors. The first round of each is not printed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use millrace_groth16::{ProvingKey, Witness};
use millrace_harness::timed;
use millrace_job::CancelToken;
use millrace_kernels::CpuEngine;
use millrace_prover::{Prover, Randomness};
use millrace_rivals::ArkworksKey;

const SEED: Randomness = Randomness::Seed([7; 32]);

/// Runs `work` and prints what it took.
fn report<T>(what: &str, prover: &str, at_least: Duration, work: impl FnMut() -> T) -> T {
    let (last, took) = timed(at_least, work);
    println!(r#"{{"what":"{what}","prover":"{prover}",{}}}"#, took.json());
    last
}

fn keys(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            keys(&path, found);
        } else if path.extension().is_some_and(|e| e == "zkey") && path.with_extension("wtns").exists() {
            found.push(path);
        }
    }
}

fn main() {
    let folder =
        env::var_os("MILLRACE_VECTORS").map_or_else(|| PathBuf::from("target/vectors"), PathBuf::from);
    let mut found = Vec::new();
    keys(&folder, &mut found);
    found.sort();
    if found.is_empty() {
        println!("skipped: no key with a witness in {}", folder.display());
    }
    let once = env::args().any(|arg| arg == "--test");
    let (rounds, at_least) = if once { (1, Duration::ZERO) } else { (5, Duration::from_millis(600)) };
    for path in found {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let (zkey, wtns) = (fs::read(&path), fs::read(path.with_extension("wtns")));
        let (zkey, wtns) = (zkey.expect("a readable key"), wtns.expect("a readable witness"));
        let rival_witness = millrace_oracle::Witness::read(&wtns).expect("a good witness");
        let witness = Witness::from_bytes(&wtns).expect("a good witness");

        let prover = Prover::alone(Arc::new(CpuEngine::new()));
        let what = format!("load {name}");
        let ours = report(&what, "millrace cpu", Duration::ZERO, || {
            prover.load(ProvingKey::open(&path).expect("a good key")).expect("a good key")
        });
        let rival =
            report(&what, "arkworks", Duration::ZERO, || ArkworksKey::read(&zkey).expect("a good key"));

        let blinding = SEED.draw().expect("a seed needs no system");
        let make = || {
            prover.prove(&ours, &witness, None, &SEED, &(), &CancelToken::default()).expect("a good witness")
        };
        let make_rival = || rival.prove(&rival_witness, blinding.r, blinding.s).expect("a good witness");
        let (first, rival_proof) = (make(), make_rival());
        let proof = &first.proof;
        assert!(proof.a == rival_proof.a && proof.b == rival_proof.b && proof.c == rival_proof.c, "{name}");
        let what = format!("prove {name}");
        for _ in 0..rounds {
            let last = report(&what, "millrace cpu", at_least, make);
            println!(
                r#"{{"what":"check {name}","prover":"millrace cpu","wall_ms":{:.2}}}"#,
                last.report.check.as_secs_f64() * 1e3
            );
            report(&what, "arkworks", at_least, make_rival);
        }
    }
}
