//! The contracts' Solidity sources, those in this build or those in a folder, and what they compile to: the same bytes as the committed code, if both are what they should be.
//!
//! Settings are those of `tools/compile.mjs` and `foundry.toml`: no metadata in the code, so that it depends on nothing but the sources and the compiler.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thiserror::Error;

use super::compiled::Contract;
use crate::solc::{self, CompileError};

/// The longest file that is read, and how many: ours are 60 kB at most, and a dozen.
const MAX_BYTES: u64 = 1 << 20;
const MAX_FILES: usize = 256;
/// Folders in folders.
const MAX_DEPTH: usize = 8;

macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../rollup/contracts/", $path)))),+]
    };
}

/// All of `host/rollup/contracts/src`.
const EMBEDDED: &[(&str, &str)] = embedded![
    "src/IGroth16Verifier.sol",
    "src/IPoseidon.sol",
    "src/IRollup.sol",
    "src/Poseidon.sol",
    "src/Rollup.sol",
    "src/libraries/BabyJubjub.sol",
    "src/libraries/Field.sol",
    "src/libraries/PublicData.sol",
    "src/libraries/Queue.sol",
    "src/libraries/SetupCheck.sol",
    "src/libraries/StateTree.sol",
    "src/libraries/TokenTransfer.sol",
];

/// Sources by their path (`src/Rollup.sol`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    files: BTreeMap<String, String>,
    /// Where they are from, in words.
    from: String,
}

/// Why a folder has no sources.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Something in it cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is too long, or there are too many, or too deep.
    #[error("{}: expected at most {MAX_FILES} files of {MAX_BYTES} bytes, {MAX_DEPTH} folders deep", .path.display())]
    TooMuch {
        /// Where the bound is passed.
        path: PathBuf,
    },
    /// It is not the contracts' folder.
    #[error("expected src/Rollup.sol and src/Poseidon.sol in {}", .folder.display())]
    NotThere {
        /// Where it was looked.
        folder: PathBuf,
    },
}

/// What sources compile to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// `Rollup`.
    pub rollup: Contract,
    /// `Poseidon`.
    pub poseidon: Contract,
    /// Where the sources are from, in words.
    pub from: String,
}

impl Sources {
    /// Those that this build was made with.
    pub fn embedded() -> Self {
        let files = EMBEDDED.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, from: "the sources in this build".to_owned() }
    }

    /// All Solidity files of `folder/src`, where `folder` is like `host/rollup/contracts`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn read(folder: &Path) -> Result<Self, SourceError> {
        let mut files = BTreeMap::new();
        read_into(&mut files, folder, "src", MAX_DEPTH)?;
        if ["src/Rollup.sol", "src/Poseidon.sol"].iter().any(|path| !files.contains_key(*path)) {
            return Err(SourceError::NotThere { folder: folder.to_owned() });
        }
        Ok(Self { files, from: folder.display().to_string() })
    }

    /// Compiles both contracts. Needs solc.
    ///
    /// # Errors
    /// Missing tools, a failing compiler, refused sources.
    pub fn rebuild(&self) -> Result<Rebuilt, CompileError> {
        // As in foundry.toml: Poseidon's assembly is laid out by hand.
        let (rollup, poseidon) = (self.compile("Rollup", true)?, self.compile("Poseidon", false)?);
        Ok(Rebuilt { rollup, poseidon, from: self.from.clone() })
    }

    fn compile(&self, name: &str, via_ir: bool) -> Result<Contract, CompileError> {
        let file = format!("src/{name}.sol");
        let sources: BTreeMap<&str, Value> =
            self.files.iter().map(|(path, text)| (path.as_str(), json!({ "content": text }))).collect();
        let code = [
            "evm.bytecode.object",
            "evm.deployedBytecode.object",
            "evm.deployedBytecode.immutableReferences",
        ];
        let answer = solc::answer(&json!({
            "language": "Solidity",
            "sources": sources,
            "settings": {
                "optimizer": { "enabled": true, "runs": 1_000_000 },
                "evmVersion": "shanghai",
                "viaIR": via_ir,
                "metadata": { "bytecodeHash": "none", "appendCBOR": false },
                "outputSelection": { &file: { "": ["ast"], name: code } },
            }
        }))?;
        solc::clean(&answer)?;
        let evm = &answer["contracts"][&file][name]["evm"];
        let bytes = |kind: &str| {
            let text = evm[kind]["object"].as_str().unwrap_or_default();
            let bytes = alloy_primitives::hex::decode(text).ok().filter(|bytes| !bytes.is_empty());
            bytes.ok_or_else(|| CompileError::NoBytecode { contract: name.to_owned() })
        };
        let places = &evm["deployedBytecode"]["immutableReferences"];
        Ok(Contract {
            compiler: answer["compilerVersion"].as_str().unwrap_or("unknown").to_owned(),
            bytecode: bytes("bytecode")?,
            runtime: bytes("deployedBytecode")?,
            immutables: immutables(&answer["sources"][&file]["ast"], places),
        })
    }
}

/// solc numbers immutables; their names stand in the syntax tree.
fn immutables(ast: &Value, places: &Value) -> BTreeMap<String, Vec<usize>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let contracts = list(&ast["nodes"]).into_iter().filter(|node| node["nodeType"] == "ContractDefinition");
    let names: BTreeMap<String, String> = contracts
        .flat_map(|contract| list(&contract["nodes"]))
        .filter(|variable| variable["mutability"] == "immutable")
        .map(|variable| {
            (variable["id"].to_string(), variable["name"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    let at = |place: &Value| place["start"].as_u64().map(|start| start as usize);
    let named = |(id, places): (&String, &Value)| {
        let mut places: Vec<usize> = list(places).iter().filter_map(at).collect();
        places.sort_unstable();
        // One without a name keeps its number, and differs from what is committed.
        (names.get(id).unwrap_or(id).clone(), places)
    };
    places.as_object().into_iter().flatten().map(named).collect()
}

fn read_into(
    files: &mut BTreeMap<String, String>,
    folder: &Path,
    below: &str,
    depth: usize,
) -> Result<(), SourceError> {
    let path = folder.join(below);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| SourceError::Io { path, error }
    };
    if depth == 0 {
        return Err(SourceError::TooMuch { path });
    }
    for entry in std::fs::read_dir(&path).map_err(io(&path))? {
        let entry = entry.map_err(io(&path))?;
        let (path, name) = (entry.path(), format!("{below}/{}", entry.file_name().to_string_lossy()));
        let facts = entry.metadata().map_err(io(&path))?;
        if facts.is_dir() {
            read_into(files, folder, &name, depth - 1)?;
        } else if facts.is_file() && name.ends_with(".sol") {
            if facts.len() > MAX_BYTES || files.len() >= MAX_FILES {
                return Err(SourceError::TooMuch { path });
            }
            files.insert(name, std::fs::read_to_string(&path).map_err(io(&path))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::compiled::{POSEIDON, ROLLUP};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../rollup/contracts")
    }

    #[test]
    fn no_source_is_left_out() {
        assert_eq!(Sources::read(&folder()).expect("a checkout").files, Sources::embedded().files);
        assert!(matches!(Sources::read(&folder().join("src")), Err(SourceError::Io { .. })));
        let other = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(other.path().join("src")).expect("a folder");
        assert!(matches!(Sources::read(other.path()), Err(SourceError::NotThere { .. })));
        let long = vec![b' '; MAX_BYTES as usize + 1];
        std::fs::write(other.path().join("src/Rollup.sol"), long).expect("writes");
        assert!(matches!(Sources::read(other.path()), Err(SourceError::TooMuch { .. })));
    }

    #[test]
    fn sources_compile_to_the_committed_code_and_others_do_not() {
        let rebuilt = match Sources::embedded().rebuild() {
            Ok(rebuilt) => rebuilt,
            Err(missing @ (CompileError::SolcMissing { .. } | CompileError::Node(_))) => {
                println!("skipped: {missing}");
                return;
            }
            Err(other) => panic!("{other}"),
        };
        assert!(rebuilt.rollup == *ROLLUP, "code, places of immutables and compiler are those committed");
        assert!(rebuilt.poseidon == *POSEIDON);

        let changed = |from: &str, to: &str| {
            let mut sources = Sources::embedded();
            let rollup = sources.files.get_mut("src/Rollup.sol").expect("it is there");
            assert!(rollup.contains(from));
            *rollup = rollup.replace(from, to);
            sources.compile("Rollup", true)
        };
        let later = changed("EXODUS_SECONDS = 7 days;", "EXODUS_SECONDS = 8 days;").expect("it compiles");
        assert!(later != *ROLLUP);
        assert_ne!(later.runtime, ROLLUP.runtime);
        assert!(matches!(changed("EXODUS_SECONDS = 7 days;", "!"), Err(CompileError::Source { .. })));
    }
}
