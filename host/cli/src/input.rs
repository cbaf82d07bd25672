//! Files on their way in. The formats are judged by `millrace-groth16`; here a path is put before the words.

use std::path::Path;

use millrace_bn254::FrCanonical;
use millrace_groth16::{KeyError, Proof, ProvingKey, R1cs, VerifyingKey, Witness};

use crate::exit::{Code, Failure};

/// JSON files that people pass around are kilobytes; this bounds what a hostile one can cost.
const MAX_JSON_BYTES: u64 = 64 << 20;

fn at<E: std::error::Error>(path: &Path, code: Code) -> impl FnOnce(E) -> Failure {
    let prefix = format!("{}: ", path.display());
    move |error| Failure::caused(code, &prefix, &error)
}

/// Whether a path is a regular file: what is mapped or read whole must be one (a FIFO would block for ever, `/dev/zero` has no end).
pub(crate) fn regular(path: &Path) -> std::io::Result<()> {
    if path.metadata()?.is_file() { Ok(()) } else { Err(std::io::Error::other("expected a regular file")) }
}

/// What to end with where a key is no good.
pub(crate) fn key_code(error: &KeyError) -> Code {
    match error {
        KeyError::Import(_) => Code::UnusableImport,
        _ => Code::BadFile,
    }
}

/// A mapped key, imported or not, its structure checked; a stale one is refused.
pub(crate) fn key(path: &Path) -> Result<ProvingKey, Failure> {
    let key = key_as_it_is(path)?;
    if let Some(origin) = key.origin() {
        origin.check_remembered().map_err(at(path, Code::UnusableImport))?;
    }
    Ok(key)
}

/// As [`key`], stale or not.
pub(crate) fn key_as_it_is(path: &Path) -> Result<ProvingKey, Failure> {
    regular(path).map_err(at(path, Code::BadFile))?;
    ProvingKey::open(path).map_err(|error| at(path, key_code(&error))(error))
}

/// Refuses an imported key that was made from another file than `zkey`, and a key that was not imported.
pub(crate) fn made_from(key: &ProvingKey, zkey: &Path) -> Result<(), Failure> {
    let Some(origin) = key.origin() else {
        return Err(Failure::new(Code::Usage, "--source expects an imported key, got a .zkey"));
    };
    let same = origin.check_is(zkey).map_err(at(zkey, Code::BadFile))?;
    same.map_err(|error| Failure::new(Code::UnusableImport, error))
}

/// A witness.
pub(crate) fn witness(path: &Path) -> Result<Witness, Failure> {
    regular(path).map_err(at(path, Code::BadFile))?;
    Witness::open(path).map_err(|error| {
        // Another prime or a value out of range is a wrong witness; all else is a damaged file.
        let code = match error {
            millrace_groth16::WitnessError::Range { .. }
            | millrace_groth16::WitnessError::OtherField { .. }
            | millrace_groth16::WitnessError::NotOne => Code::BadWitness,
            _ => Code::BadFile,
        };
        at(path, code)(error)
    })
}

/// The constraints of a circuit.
pub(crate) fn r1cs(path: &Path) -> Result<R1cs, Failure> {
    regular(path).map_err(at(path, Code::BadFile))?;
    R1cs::open(path).map_err(at(path, Code::BadFile))
}

fn text(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(at(path, Code::BadFile))?;
    // The length that the system tells is 0 for pipes and devices, so the reading itself is bounded.
    file.take(MAX_JSON_BYTES + 1).read_to_string(&mut text).map_err(at(path, Code::BadFile))?;
    if text.len() as u64 > MAX_JSON_BYTES {
        let message = format!("{}: expected at most {MAX_JSON_BYTES} bytes of JSON", path.display());
        return Err(Failure::new(Code::BadFile, message));
    }
    Ok(text)
}

/// `proof.json`
pub(crate) fn proof(path: &Path) -> Result<Proof, Failure> {
    millrace_groth16::proof_from_json(&text(path)?).map_err(at(path, Code::BadFile))
}

/// `public.json`
pub(crate) fn public(path: &Path) -> Result<Vec<FrCanonical>, Failure> {
    millrace_groth16::public_from_json(&text(path)?).map_err(at(path, Code::BadFile))
}

/// A verification key: snarkjs' JSON, or the one inside a key, imported or not.
pub(crate) fn verifying_key(path: &Path) -> Result<VerifyingKey, Failure> {
    if matches!(&magic(path)?, b"zkey" | b"mkey") {
        return Ok(key(path)?.verifying_key().clone());
    }
    millrace_groth16::verifying_key_from_json(&text(path)?).map_err(at(path, Code::BadFile))
}

/// The first four bytes, zeros where the file is shorter.
pub(crate) fn magic(path: &Path) -> Result<[u8; 4], Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    regular(path).map_err(at(path, Code::BadFile))?;
    let file = std::fs::File::open(path).map_err(at(path, Code::BadFile))?;
    file.take(4).read_to_end(&mut bytes).map_err(at(path, Code::BadFile))?;
    bytes.resize(4, 0);
    Ok(bytes.try_into().expect("resized to 4"))
}
