//! What the contract costs its users, from the gas that forge measures on its EVM, and what delays and spam come to.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{Bar, Sheet};
use crate::exit::{Code, Failure, OrFail};

/// Snapshot entry, name of the figure, most gas.
const GAS: [(&str, &str, f64); 7] = [
    ("submit 64 transfers", "gas: submit of 64 transfers", 320_000.0),
    ("submit 8 transfers", "gas: submit of 8 transfers", 265_000.0),
    ("verifier alone, without the transaction", "gas: the verifier alone", 210_000.0),
    ("deposit, ERC-20", "gas: ERC-20 deposit", 90_000.0),
    ("deposit, ERC-20, first of an account", "gas: ERC-20 deposit, an owner's first", 115_000.0),
    (FORCED_EXIT, "gas: forced exit", 70_000.0),
    ("exit by Merkle proof", "gas: exit by Merkle proof", 650_000.0),
];
/// What an exit's path is made of; the bar is the whole exit's.
const HASHES: [(&str, &str); 2] = [
    ("hash4", "gas: Poseidon of 4 words, the call included"),
    ("hash5", "gas: Poseidon of 5 words, the call included"),
];
const FORCED_EXIT: &str = "forced exit";

/// The queue fee that the contract's tests and page use, and after how many entries it grows by itself.
const BASE_FEE_GWEI: f64 = 100_000.0;
const FEE_STEP_ENTRIES: f64 = 64.0;
const BATCH: f64 = 64.0;
const EXODUS_DAYS: f64 = 7.0;
/// How often the assumed operator lands a batch of 64.
const BATCH_MINUTES: f64 = 5.0;

pub(super) fn measure(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    let Some(gas) = gas(root)? else {
        for (_, name, _) in GAS {
            sheet.not_measured(name, "npm has forge for Linux on x86-64 only, and it is not installed");
        }
        return Ok(());
    };
    for (entry, name, most) in GAS {
        sheet.line(name, value(&gas, entry)?, "gas", Bar::AtMost(most));
    }
    let hashes = snapshot(root, "hash")?;
    for (entry, name) in HASHES {
        sheet.told(name, value(&hashes, entry)?, "gas");
    }
    spam(sheet, value(&gas, FORCED_EXIT)?);
    for ahead in [0.0, 64.0, 640.0, 6_400.0, 64_000.0] {
        sheet.told(
            &format!("exit delay behind {ahead} entries, 64 every 5 min"),
            prompt_hours(ahead),
            "hours",
        );
        sheet.told(&format!("exit delay behind {ahead} entries, worst allowed"), worst_hours(ahead), "hours");
    }
    Ok(())
}

fn value(gas: &Value, entry: &str) -> Result<f64, Failure> {
    let text = gas[entry].as_str().and_then(|text| text.parse().ok());
    text.ok_or_else(|| Failure::new(Code::BadFile, format!("a snapshot of gas has no number for {entry:?}")))
}

/// Runs the gas tests, which fail where a call costs anything else than the snapshot says, and gives the snapshot; `None` without forge.
fn gas(root: &Path) -> Result<Option<Value>, Failure> {
    let Ok(modules) = millrace_l1::tools::node_modules() else { return Ok(None) };
    let modules = modules.canonicalize().or_fail(Code::BadFile)?;
    let forge = modules.join("@foundry-rs/forge-linux-amd64/bin/forge");
    if !forge.is_file() {
        return Ok(None);
    }
    let folder = root.join("host/rollup/contracts");
    let run = Command::new(forge)
        .args(["test", "--match-test", "test_gas"])
        .current_dir(&folder)
        .env("MILLRACE_NODE_MODULES", &modules)
        .output()
        .or_fail(Code::BadFile)?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        let tail: Vec<&str> = said.lines().rev().take(20).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(Failure::new(Code::Mismatch, format!("forge's gas tests failed:\n{tail}")));
    }
    snapshot(root, "contracts").map(Some)
}

fn snapshot(root: &Path, name: &str) -> Result<Value, Failure> {
    let path = root.join(format!("host/rollup/contracts/gas/{name}.json"));
    let text = std::fs::read_to_string(path).or_fail(Code::BadFile)?;
    serde_json::from_str(&text).or_fail(Code::BadFile)
}

/// What it takes to keep more waiting than an operator takes in seven days: so many entries, each paid for.
fn spam(sheet: &mut Sheet, gas_of_entry: f64) {
    let entries = EXODUS_DAYS * 24.0 * 60.0 / BATCH_MINUTES * BATCH;
    // The n-th costs the base fee times 1 + ⌊n/64⌋: an arithmetic series of steps.
    let steps = entries / FEE_STEP_ENTRIES;
    let fees_gwei = BASE_FEE_GWEI * FEE_STEP_ENTRIES * steps * (steps + 1.0) / 2.0;
    sheet.told("exodus by spam, operator 64 every 5 min: entries", entries, "entries");
    sheet.told("exodus by spam: fees of the queue", fees_gwei / 1e9, "ETH");
    for gwei in [1.0, 0.01] {
        let price = entries * gas_of_entry * gwei / 1e9;
        sheet.told(&format!("exodus by spam: gas at {gwei} gwei"), price, "ETH");
    }
}

/// A forced exit behind `ahead` entries, taken by an operator that lands 64 ops every five minutes, the queue first.
fn prompt_hours(ahead: f64) -> f64 {
    ((ahead + 1.0) / BATCH).ceil() * BATCH_MINUTES / 60.0
}

/// The same with an operator that does the least that the contract accepts without losing its turn: a batch a day, dated an hour back, and in it only what is then older than a day
/// (`test_queue_laziestOperator_leavesFor49Hours`). After seven days exodus is due, and the exit needs no operator.
fn worst_hours(ahead: f64) -> f64 {
    (25.0 + 24.0 * ((ahead + 1.0) / BATCH).ceil()).min(EXODUS_DAYS * 24.0)
}
