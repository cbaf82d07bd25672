//! Campaigns of hours: what their last runs found, as long as nothing that they depend on has changed.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

use super::{Bar, Sheet};
use crate::exit::{Code, Failure, OrFail};

/// Record, name of the figure, unit, least.
const KEPT: [(&str, &str, &str, f64); 3] = [
    ("forced", "random states, each forced op provable, one result", "states", 1e6),
    ("decoder", "random ops through Rust's and the contract's decoder", "ops", 1e6),
    ("batches", "random batches through executor and circuit", "batches", 1e3),
];

pub(super) fn measure(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    for (record, name, unit, least) in KEPT {
        let path = root.join(format!("host/rollup/campaigns/{record}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            sheet.not_measured(name, "no campaign was kept (make campaign-rollup)");
            continue;
        };
        let list = ["host/rollup/campaign.sh", record, "tested"];
        match fresh(root, &text, &list, "campaign-rollup")? {
            Err(why) => sheet.not_measured(name, &why),
            Ok(kept) => sheet.stored(name, number(&kept["total"]), unit, Bar::AtLeast(least)),
        }
    }
    solvency(sheet, root)
}

/// A record as it was read; or why it is no longer shown: one of the files that `list` prints has changed, and `make target` renews it.
pub(super) fn fresh(
    root: &Path,
    text: &str,
    list: &[&str],
    target: &str,
) -> Result<Result<Value, String>, Failure> {
    let kept: Value = serde_json::from_str(text).or_fail(Code::BadFile)?;
    Ok(match stale(&tested(root, list)?, &kept["tested"]) {
        Some(file) => Err(format!("stale: {file} has changed (make {target})")),
        None => Ok(kept),
    })
}

/// A number of a record; what it has not counts as none.
pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// Every file that a campaign depends on, with its digest as it is now: the campaign's own list, so that a record cannot leave one out.
fn tested(root: &Path, command: &[&str]) -> Result<Value, Failure> {
    let run = Command::new("bash").args(command).current_dir(root).output().or_fail(Code::BadFile)?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        return Err(Failure::new(Code::BadFile, format!("{}: {said}", command.join(" "))));
    }
    serde_json::from_slice(&run.stdout).or_fail(Code::BadFile)
}

/// The first file that is in one list only, or with another digest.
fn stale(now: &Value, kept: &Value) -> Option<String> {
    let names = |list: &Value| list.as_object().into_iter().flat_map(|list| list.keys().cloned()).collect();
    let all: BTreeSet<String> =
        [now, kept].into_iter().flat_map(names as fn(&Value) -> Vec<String>).collect();
    if all.is_empty() {
        return Some("the record".to_owned());
    }
    all.into_iter().find(|name| now[name.as_str()] != kept[name.as_str()])
}

/// The contracts' random call sequences (`make contracts-campaign`).
fn solvency(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    const NAME: &str = "random call sequences, the contract solvent after each";
    let path = root.join("host/rollup/contracts/campaign.json");
    let text = std::fs::read_to_string(path).or_fail(Code::BadFile)?;
    let list = ["host/rollup/contracts/tools/campaign.sh", "tested"];
    match fresh(root, &text, &list, "contracts-campaign")? {
        Err(why) => sheet.not_measured(NAME, &why),
        Ok(kept) => sheet.stored(NAME, number(&kept["sequences"]), "sequences", Bar::AtLeast(1e5)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::stale;

    #[test]
    fn a_record_is_of_all_files_as_they_are() {
        let now = json!({"a": "1", "b": "2"});
        assert_eq!(stale(&now, &now), None);
        for kept in [json!({"a": "1"}), json!({"a": "1", "b": "3"}), json!({"a": "1", "b": null})] {
            assert_eq!(stale(&now, &kept), Some("b".to_owned()));
        }
        assert_eq!(stale(&now, &json!({"a": "1", "b": "2", "c": "3"})), Some("c".to_owned()));
        assert_eq!(stale(&json!({}), &json!(null)), Some("the record".to_owned()));
    }
}
