//! The verifier that the rollup's contract tests run against is what this crate makes from their key, byte for byte.

use std::path::Path;

use millrace_groth16::verifying_key_from_json;
use millrace_l1::VerifierKey;
use millrace_l1::solidity::{ExportOptions, export};

/// Set, it makes the test write the file instead: `make contracts-generate` does.
const WRITE_VAR: &str = "MILLRACE_WRITE_CONTRACTS";

#[test]
fn verifier_of_the_rollups_tests_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rollup/contracts/test/verifier");
    let json = std::fs::read_to_string(folder.join("verification_key.json")).expect("the key of the tests");
    let key = VerifierKey::from(&verifying_key_from_json(&json).expect("a key"));
    // Its trapdoor is public: no contribution.
    let options = ExportOptions { name: "TestKeyVerifier", contributions: Some(0), allow_dev: true };
    let source = export(&key, &options).expect("a key for development");
    let file = folder.join("TestKeyVerifier.sol");
    if std::env::var_os(WRITE_VAR).is_some() {
        std::fs::write(&file, &source).expect("a writable checkout");
    }
    let committed = std::fs::read_to_string(&file).expect("the committed verifier");
    assert!(committed == source, "{} is not current: run `make contracts-generate`", file.display());
}
