//! Compiles a contract with the JavaScript build of solc, run by Node. Needed at run time only, and only by those who compile.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use alloy_primitives::{B256, b256, keccak256};
use serde_json::{Value, json};
use thiserror::Error;

use crate::tools::{self, NODE_MODULES_VAR};

const SCRIPT: &str = include_str!("../solc/compile.mjs");

/// keccak256 of the pinned compiler, `soljson.js` of npm's `solc` 0.8.37, as the Solidity project publishes it beside each build. Nothing else is run: a compiler with its name and version could answer
/// with whatever code is wanted.
const SOLJSON_HASH: B256 = b256!("912586d6d0d7ce6880e9fadf575f001cf625bdad98f0c3f437df36dc0359530a");

/// Most bytes of code that a contract may have (EIP-170).
pub const MAX_CODE_BYTES: usize = 24_576;

/// A compilation takes about 2 s; one that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A compiled contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What a deploying transaction carries.
    pub bytecode: Vec<u8>,
    /// What lies at the contract's address afterwards; at most [`MAX_CODE_BYTES`].
    pub runtime: Vec<u8>,
    /// The compiler's own version text.
    pub compiler: String,
}

/// Why a contract was not compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The npm package `solc` is not installed.
    #[error("solc is not installed (looked in {}): run `make setup`, or set {NODE_MODULES_VAR}", paths(.searched))]
    SolcMissing {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// It is another compiler.
    #[error(
        "{} is not the compiler that is pinned: its keccak256 is {got}, expected {SOLJSON_HASH}: run `make setup`, or set {NODE_MODULES_VAR}", .path.display()
    )]
    OtherCompiler {
        /// The file.
        path: PathBuf,
        /// Its hash.
        got: B256,
    },
    /// Node cannot be started.
    #[error("cannot run `node`, which solc needs: install Node.js 20 or later")]
    Node(#[source] std::io::Error),
    /// A temporary file cannot be written or read.
    #[error("cannot exchange files with solc")]
    Files(#[source] std::io::Error),
    /// The compiler did not end in time.
    #[error("solc did not end within {} s", LIMIT.as_secs())]
    Timeout,
    /// The compiler process failed.
    #[error("solc ended with {status}: {message}")]
    Process {
        /// Exit status.
        status: std::process::ExitStatus,
        /// The last of what it wrote to standard error.
        message: String,
    },
    /// The compiler found errors in the source.
    #[error("solc refused the contract:\n{}", .messages.join("\n"))]
    Source {
        /// One formatted message each.
        messages: Vec<String>,
    },
    /// The answer has no bytecode for the contract.
    #[error("solc answered without bytecode for contract {contract:?}")]
    NoBytecode {
        /// The name looked for.
        contract: String,
    },
    /// The contract is larger than the EVM takes.
    #[error("contract has {got} bytes of code, the EVM takes at most {MAX_CODE_BYTES}")]
    CodeTooLarge {
        /// Its size in bytes.
        got: usize,
    },
}

/// Compiles `contract` out of `source`. Warnings are errors: the sources are ours.
///
/// # Errors
/// Missing tools, a failing compiler, refused source, oversized code.
pub fn compile(source: &str, contract: &str) -> Result<Compiled, CompileError> {
    read_answer(&answer(&request(source))?, contract)
}

/// What solc answers to a request, both in Solidity's standard JSON, with its version as `compilerVersion`. It has errors and warnings unless it is [`clean`].
///
/// # Errors
/// Missing tools, a failing compiler.
pub(crate) fn answer(request: &Value) -> Result<Value, CompileError> {
    let modules = tools::node_modules().map_err(|searched| CompileError::SolcMissing { searched })?;
    let path = modules.join("solc/soljson.js");
    let Ok(soljson) = std::fs::read(&path) else {
        return Err(CompileError::SolcMissing { searched: vec![path] });
    };
    let got = keccak256(&soljson);
    if got != SOLJSON_HASH {
        return Err(CompileError::OtherCompiler { path, got });
    }
    match run("node".as_ref(), &soljson, request) {
        // The node that `make setup` installs where the system has none; only where somebody names the folder, for it is not pinned.
        Err(CompileError::Node(error))
            if error.kind() == std::io::ErrorKind::NotFound
                && std::env::var_os(NODE_MODULES_VAR).is_some() =>
        {
            let own = modules.join("../venv/bin/node");
            run(&own, &soljson, request).map_err(|again| match again {
                CompileError::Node(_) => CompileError::Node(error),
                other => other,
            })
        }
        result => result,
    }
}

/// Whether the compiler had nothing against the sources.
pub(crate) fn clean(answer: &Value) -> Result<(), CompileError> {
    let messages: Vec<String> = answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|error| error["severity"] != "info")
        .map(|error| error["formattedMessage"].as_str().unwrap_or("unknown error").to_owned())
        .collect();
    if messages.is_empty() { Ok(()) } else { Err(CompileError::Source { messages }) }
}

/// Standard JSON input. `shanghai` because the code needs nothing newer; no metadata, so that equal sources give equal code.
fn request(source: &str) -> Value {
    json!({
        "language": "Solidity",
        "sources": { "contract.sol": { "content": source } },
        "settings": {
            "optimizer": { "enabled": true, "runs": 1_000_000 },
            "evmVersion": "shanghai",
            "metadata": { "bytecodeHash": "none", "appendCBOR": false },
            "outputSelection": { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object"] } }
        }
    })
}

fn run(node: &Path, soljson: &[u8], request: &Value) -> Result<Value, CompileError> {
    let folder = tempfile::tempdir().map_err(CompileError::Files)?;
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("compile.mjs"), SCRIPT).map_err(CompileError::Files)?;
    std::fs::write(at("soljson.js"), soljson).map_err(CompileError::Files)?;
    std::fs::write(at("input.json"), request.to_string()).map_err(CompileError::Files)?;
    let errors = std::fs::File::create(at("stderr")).map_err(CompileError::Files)?;
    let mut child = Command::new(node)
        .arg("--stack-size=8000")
        .args(["compile.mjs", "soljson.js", "input.json", "output.json"].map(at))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(CompileError::Node)?;
    let status =
        tools::wait_bounded(&mut child, LIMIT).map_err(CompileError::Node)?.ok_or(CompileError::Timeout)?;
    if !status.success() {
        let message = std::fs::read(at("stderr")).map_err(CompileError::Files)?;
        let tail = &message[message.len().saturating_sub(2000)..];
        return Err(CompileError::Process { status, message: String::from_utf8_lossy(tail).into_owned() });
    }
    let output = std::fs::read(at("output.json")).map_err(CompileError::Files)?;
    serde_json::from_slice(&output).map_err(|error| CompileError::Files(error.into()))
}

fn read_answer(answer: &Value, contract: &str) -> Result<Compiled, CompileError> {
    clean(answer)?;
    let evm = &answer["contracts"]["contract.sol"][contract]["evm"];
    let code = |kind: &str| {
        let text = evm[kind]["object"].as_str().unwrap_or_default();
        match alloy_primitives::hex::decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(CompileError::NoBytecode { contract: contract.to_owned() }),
        }
    };
    let compiled = Compiled {
        bytecode: code("bytecode")?,
        runtime: code("deployedBytecode")?,
        compiler: answer["compilerVersion"].as_str().unwrap_or("unknown").to_owned(),
    };
    if compiled.runtime.len() > MAX_CODE_BYTES {
        return Err(CompileError::CodeTooLarge { got: compiled.runtime.len() });
    }
    Ok(compiled)
}

fn paths(searched: &[PathBuf]) -> String {
    searched.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_errors() {
        let answer = json!({ "errors": [{ "severity": "warning", "formattedMessage": "shadowed" }] });
        match read_answer(&answer, "C") {
            Err(CompileError::Source { messages }) => assert_eq!(messages, ["shadowed"]),
            other => panic!("expected refused source, got {other:?}"),
        }
    }

    #[test]
    fn code_over_the_limit_is_refused() {
        let answer = |bytes: usize| {
            let object = json!({ "object": "60".repeat(bytes) });
            json!({ "contracts": { "contract.sol": { "C": { "evm": {
                "bytecode": { "object": "60" }, "deployedBytecode": object } } } } })
        };
        assert!(read_answer(&answer(MAX_CODE_BYTES), "C").is_ok());
        match read_answer(&answer(MAX_CODE_BYTES + 1), "C") {
            Err(CompileError::CodeTooLarge { got }) => assert_eq!(got, MAX_CODE_BYTES + 1),
            other => panic!("expected an oversized contract, got {other:?}"),
        }
        assert!(matches!(read_answer(&answer(0), "C"), Err(CompileError::NoBytecode { .. })));
        assert!(matches!(read_answer(&json!({}), "C"), Err(CompileError::NoBytecode { .. })));
    }
}
