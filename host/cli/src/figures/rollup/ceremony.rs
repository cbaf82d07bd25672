//! The whole way of a key through snarkjs, whose last record (`make ceremony`) is of the circuit as it is now or of none.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bar, Sheet};
use crate::exit::{Code, Failure, OrFail};

const SIZES: [usize; 2] = [1, 8];

/// The last record of that size.
fn last(root: &Path, ops: usize) -> Option<PathBuf> {
    let results = std::fs::read_dir(root.join("bench/results")).ok()?;
    let records = results.flatten().map(|entry| entry.path().join(format!("ops-{ops}.json")));
    records.filter(|path| path.is_file()).max()
}

/// `digest` gives the SHA-256 of the circuit's `.r1cs` for so many ops.
pub(super) fn measure(
    sheet: &mut Sheet,
    root: &Path,
    digest: impl Fn(usize) -> Result<String, Failure>,
) -> Result<(), Failure> {
    for ops in SIZES {
        let name = format!("setup of N = {ops} by snarkjs, verified: log2 of the domain");
        let Some(path) = last(root, ops) else {
            sheet.not_measured(&name, "no ceremony was kept (make ceremony)");
            continue;
        };
        let text = std::fs::read_to_string(&path).or_fail(Code::BadFile)?;
        let record: Value = serde_json::from_str(&text).or_fail(Code::BadFile)?;
        match whole(&record, &digest(ops)?) {
            Some(power) => {
                let least = if ops == 1 { 16.0 } else { 18.0 };
                sheet.stored(&name, power, "bits", Bar::AtLeast(least));
            }
            None => {
                let why = format!("stale: {} is of another circuit (make ceremony)", path.display());
                sheet.not_measured(&name, &why);
            }
        }
    }
    Ok(())
}

/// log₂ of the domain, where the record is of this circuit and `zkey verify`, `groth16 verify` had nothing against it.
fn whole(record: &Value, r1cs_sha256: &str) -> Option<f64> {
    let is_of_this = record["r1cs_sha256"] == r1cs_sha256 && record["verified"] == true;
    is_of_this.then(|| record["ptau_power"].as_f64()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::whole;

    #[test]
    fn a_record_is_of_this_circuit_and_verified() {
        let record = json!({"r1cs_sha256": "aa", "verified": true, "ptau_power": 18});
        assert_eq!(whole(&record, "aa"), Some(18.0));
        assert_eq!(whole(&record, "ab"), None);
        assert_eq!(whole(&json!({"r1cs_sha256": "aa", "verified": false, "ptau_power": 18}), "aa"), None);
        assert_eq!(whole(&json!({}), "aa"), None);
    }
}
