//! Development keys for trying the rollup out: made once from the published seed, kept in the user's cache, their verifiers committed as compiled code.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use millrace_circuit::batch::Circuit;
use millrace_groth16::{ProvingKey, R1cs, dev_setup, dev_verifying_key};
use millrace_l1::{
    B256, VerifierKey,
    rollup::{audit::KnownVerifier, compiled::Contract},
    solidity::{ExportOptions, export},
};

use crate::{
    exit::{Code, Failure, OrFail},
    input,
    output::{Outputs, tell},
    submit::compile,
};

/// What `millrace setup --dev` takes where it is told nothing else.
pub(crate) const SEED: &str = "millrace";

/// For each size, the verifier of its key. Made by the tests of this command (`MILLRACE_WRITE_CONTRACTS=1`), which also compare.
const COMMITTED: [(usize, &str); 2] =
    [(1, include_str!("devkey/verifier-1.json")), (8, include_str!("devkey/verifier-8.json"))];

/// Name of a verifier's contract.
pub(crate) const VERIFIER: &str = "Groth16Verifier";

/// The verifier of a development key.
pub(crate) struct Verifier {
    /// Its code.
    pub(crate) contract: Contract,
    /// Hash of the key.
    pub(crate) key_hash: B256,
}

/// The committed verifier for batches of so many ops.
pub(crate) fn verifier(ops: usize) -> Result<Verifier, Failure> {
    let found = COMMITTED.iter().find(|(size, _)| *size == ops);
    let (_, json) = found.ok_or_else(|| {
        Failure::new(Code::Usage, format!("expected batches of 1 or 8 ops for a development key, got {ops}"))
    })?;
    Ok(read(json))
}

fn read(json: &str) -> Verifier {
    let file: serde_json::Value = serde_json::from_str(json).expect("a committed verifier");
    let key_hash = file["key_hash"].as_str().and_then(|hash| hash.parse().ok()).expect("a committed hash");
    Verifier { contract: Contract::from_json(json), key_hash }
}

/// All of them, for an audit to recognise.
pub(crate) fn verifiers() -> Vec<KnownVerifier> {
    let known = |(ops, json): &(usize, &str)| {
        let Verifier { contract, key_hash } = read(json);
        let name = format!("the development key of {ops} ops");
        KnownVerifier { name, key_hash, runtime: contract.runtime, dev: true }
    };
    COMMITTED.iter().map(known).collect()
}

/// Those of these sizes, made again: circuit, verifying key from the published seed, contract, code. What cannot be compiled is left out, and with it nothing is recognised.
pub(crate) fn rebuilt_verifiers(sizes: &[usize]) -> Vec<KnownVerifier> {
    let rebuilt = |ops: &usize| match rebuilt_verifier(*ops) {
        Ok(verifier) => Some(verifier),
        Err(failure) => {
            tracing::info!(ops, %failure, "the verifier of a development key is not made again");
            None
        }
    };
    sizes.iter().filter_map(rebuilt).collect()
}

fn rebuilt_verifier(ops: usize) -> Result<KnownVerifier, Failure> {
    let r1cs = r1cs(&Circuit::new(ops))?;
    let key = VerifierKey::from(&dev_verifying_key(&r1cs, SEED.as_bytes()).or_fail(Code::BadFile)?);
    let options = ExportOptions { name: VERIFIER, contributions: Some(0), allow_dev: true };
    let source = export(&key, &options).or_fail(Code::BadFile)?;
    let name = format!("the development key of {ops} ops, made again from its seed");
    Ok(KnownVerifier { name, key_hash: key.hash(), runtime: compile(&source, VERIFIER)?.runtime, dev: true })
}

fn r1cs(circuit: &Circuit) -> Result<R1cs, Failure> {
    let mut bytes = Vec::new();
    circuit.write_r1cs(&mut bytes).or_fail(Code::Output)?;
    R1cs::from_bytes(Arc::new(bytes)).or_fail(Code::BadFile)
}

/// Where keys are kept: `MILLRACE_CACHE`, else `millrace` in the user's cache folder.
fn folder() -> Result<PathBuf, Failure> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home =
        || Some(named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?.join("millrace"));
    named("MILLRACE_CACHE").or_else(home).ok_or_else(|| {
        Failure::new(
            Code::Output,
            "expected MILLRACE_CACHE or HOME to be set: a key has to be kept somewhere",
        )
    })
}

/// The development key for batches of so many ops, from the cache or made now (seconds for one op, half a minute for eight); says how long it took, if it did.
pub(crate) fn load(circuit: &Circuit, ops: usize) -> Result<(ProvingKey, Option<f64>), Failure> {
    let expected = verifier(ops)?.key_hash;
    let folder = folder()?;
    let name = hex::encode(&expected[..4]);
    let path = folder.join(format!("rollup-dev-{ops}-{name}.zkey"));
    let fits = |key: &ProvingKey| VerifierKey::from(key.verifying_key()).hash() == expected;
    if let Some(key) = input::key(&path).ok().filter(fits) {
        return Ok((key, None));
    }
    let started = Instant::now();
    tell!("making the development key of {ops} ops, once: {}", path.display());
    std::fs::create_dir_all(&folder).or_fail(Code::Output)?;
    make(circuit, &path)?;
    let key = input::key(&path)?;
    if !fits(&key) {
        let message = "the circuit's development key is not the one whose verifier is committed: this build is not whole";
        return Err(Failure::new(Code::BadFile, message));
    }
    Ok((key, Some(started.elapsed().as_secs_f64())))
}

fn make(circuit: &Circuit, path: &Path) -> Result<(), Failure> {
    let r1cs = r1cs(circuit)?;
    let mut outputs = Outputs::default();
    outputs.add_written(path, |out| dev_setup(&r1cs, SEED.as_bytes(), out).or_fail(Code::Output))?;
    outputs.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_l1::solc::{self, CompileError};

    const TOKENS: &str = include_str!("../../../rollup/contracts/test/mocks/Tokens.sol");

    /// Compares a file with what compiling gives, or writes it; prints why where nothing can be compiled.
    fn current(file: &str, source: &str, contract: &str, key_hash: Option<B256>) {
        let compiled = match solc::compile(source, contract) {
            Ok(compiled) => compiled,
            Err(missing @ (CompileError::SolcMissing { .. } | CompileError::Node(_))) => {
                println!("skipped: {missing}");
                return;
            }
            Err(other) => panic!("{other}"),
        };
        let code = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        let mut json = serde_json::json!({ "contract": contract, "compiler": compiled.compiler });
        if let Some(hash) = key_hash {
            json["key_hash"] = hash.to_string().into();
        }
        json["bytecode"] = code(&compiled.bytecode).into();
        json["runtime"] = code(&compiled.runtime).into();
        let (text, path) =
            (format!("{json:#}\n"), Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rollup").join(file));
        if std::env::var_os("MILLRACE_WRITE_CONTRACTS").is_some() {
            std::fs::write(&path, &text).expect("a writable checkout");
        }
        let committed = std::fs::read_to_string(&path).expect("the committed file");
        assert!(committed == text, "{file} is not current: run `make contracts-generate`");
    }

    /// The committed verifiers are those of the keys that `setup --dev` makes.
    #[test]
    fn committed_verifiers_are_current() {
        for (ops, _) in COMMITTED {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("dev.zkey");
            make(&Circuit::new(ops), &path).expect("a key");
            let key = VerifierKey::from(input::key(&path).expect("our own key").verifying_key());
            let options = ExportOptions { name: VERIFIER, contributions: Some(0), allow_dev: true };
            let source = export(&key, &options).expect("allowed");
            current(&format!("devkey/verifier-{ops}.json"), &source, VERIFIER, Some(key.hash()));
            // An audit makes the verifying key alone, by another way.
            let r1cs = r1cs(&Circuit::new(ops)).expect("a circuit");
            let again = dev_verifying_key(&r1cs, SEED.as_bytes()).expect("a key");
            assert_eq!(VerifierKey::from(&again), key, "{ops} ops");
            let other = dev_verifying_key(&r1cs, b"another seed").expect("a key");
            assert_ne!(VerifierKey::from(&other), key, "{ops} ops");
        }
    }

    #[test]
    fn committed_token_is_current() {
        current("demo/token.json", TOKENS, "Token", None);
    }
}
