//! The rollup's circuit, key and batch as files: made, proven, checked, and refused where they should be.

mod common;

use common::{Job, fails, millrace, ok};

#[test]
fn a_sampled_batch_is_proven_under_a_development_key() {
    let job = Job::new();
    let file = |name: &str| job.folder.path().join(name).to_string_lossy().into_owned();
    let (r1cs, key, witness) = (file("one.r1cs"), file("one.zkey"), file("one.wtns"));
    let said = ok(&["rollup", "circuit", "--ops", "1", "-o", &r1cs]);
    assert!(said.contains("1 ops") && said.contains("domain 2^16"), "{said}");
    ok(&["setup", "--dev", "--seed", "a test", &r1cs, "-o", &key]);
    ok(&["rollup", "sample", "--ops", "1", "-o", &witness]);
    let (proof, public) = (file("proof.json"), file("public.json"));
    ok(&["prove", &key, &witness, "--r1cs", &r1cs, "-o", &proof, "-p", &public]);
    ok(&["verify", &key, &public, &proof]);

    // Marked in every form: the key itself, and what is exported of it.
    assert!(ok(&["info", &key]).contains("NOT SAFE"));
    let refused = fails(15, &["export", "solidity", &key, "-o", &file("V.sol")]);
    assert!(refused.contains("development setup"), "{refused}");
    assert!(!job.folder.path().join("V.sol").exists());
    ok(&["export", "solidity", "--dev", &key, "-o", &file("V.sol")]);
}

#[test]
fn keys_are_not_made_by_mistake() {
    let job = Job::new();
    let file = |name: &str| job.folder.path().join(name).to_string_lossy().into_owned();
    let r1cs = file("one.r1cs");
    ok(&["rollup", "circuit", "--ops", "1", "-o", &r1cs]);
    let refused = fails(15, &["setup", &r1cs, "-o", &file("one.zkey")]);
    assert!(refused.contains("ceremony"), "{refused}");
    fails(2, &["setup", "--dev", &r1cs, "-o", &r1cs]);
    fails(3, &["setup", "--dev", &file("none.r1cs"), "-o", &file("one.zkey")]);
    std::fs::write(file("short.r1cs"), &std::fs::read(&r1cs).expect("reads")[..1 << 16]).expect("writes");
    fails(3, &["setup", "--dev", &file("short.r1cs"), "-o", &file("one.zkey")]);
    fails(9, &["rollup", "circuit", "--ops", "1", "-o", "/no/such/folder/one.r1cs"]);
    assert!(!job.folder.path().join("one.zkey").exists(), "nothing is left behind");
}

#[test]
fn powers_of_tau_are_made_from_a_seed() {
    let job = Job::new();
    let file = |name: &str| job.folder.path().join(name).to_string_lossy().into_owned();
    let (one, again, other) = (file("one.ptau"), file("again.ptau"), file("other.ptau"));
    ok(&["setup", "--dev-ptau", "4", "-o", &one]);
    ok(&["setup", "--dev-ptau", "4", "-o", &again]);
    ok(&["setup", "--dev-ptau", "4", "--seed", "another", "-o", &other]);
    let bytes = |path: &str| std::fs::read(path).expect("reads");
    assert!(bytes(&one).starts_with(b"ptau") && bytes(&one) == bytes(&again));
    assert!(bytes(&one) != bytes(&other));
    for power in ["0", "23"] {
        let refused = fails(2, &["setup", "--dev-ptau", power, "-o", &file("none.ptau")]);
        assert!(refused.contains("expected 1 to 22"), "{refused}");
    }
    // What the arguments' parser refuses it says in its own way.
    let usage = |args: &[&str]| assert_eq!(millrace(args).status.code(), Some(2), "{args:?}");
    usage(&["setup", "--dev-ptau", "4", &file("one.r1cs"), "-o", &file("none.ptau")]);
    usage(&["setup"]);
    assert!(!job.folder.path().join("none.ptau").exists(), "nothing is left behind");
}
