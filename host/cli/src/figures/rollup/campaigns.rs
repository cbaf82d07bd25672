//! Campaigns of hours: what their last runs found, as long as nothing that they tested has changed; and a sample of the longest one afresh.

use std::path::Path;

use millrace_circuit::{batch::Circuit, outline::Outline};
use millrace_state::{
    batch::{Batch, Header},
    builder::QueueEntry,
    op::Op,
    state::State,
    types::{AccountId, Address, TokenId},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Bar, Sheet, sample::DOMAIN};
use crate::exit::{Code, Failure, OrFail};

/// Record, name of the figure, unit, least.
const KEPT: [(&str, &str, &str, f64); 3] = [
    ("forced", "random states, each forced op provable, one result", "states", 1e6),
    ("decoder", "random ops through Rust's and the contract's decoder", "ops", 1e6),
    ("batches", "random batches through executor and circuit", "batches", 1e3),
];
/// States looked at afresh.
const STATES: u32 = 300;

pub(super) fn measure(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    for (record, name, unit, least) in KEPT {
        let path = root.join(format!("host/rollup/campaigns/{record}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            sheet.not_measured(name, "no campaign was kept (make campaign-rollup)");
            continue;
        };
        let kept: Value = serde_json::from_str(&text).or_fail(Code::BadFile)?;
        match stale(root, &kept) {
            Some(file) => {
                sheet.not_measured(name, &format!("stale: {file} has changed (make campaign-rollup)"))
            }
            None => sheet.stored(name, kept["total"].as_f64().unwrap_or(0.0), unit, Bar::AtLeast(least)),
        }
    }
    solvency(sheet, root)?;
    let provable = f64::from(provable()?);
    sheet.line("the first of these afresh: states", provable, "states", Bar::AtLeast(f64::from(STATES)));
    Ok(())
}

/// The first file that is not what the campaign tested.
fn stale(root: &Path, kept: &Value) -> Option<String> {
    let Some(tested) = kept["tested"].as_object() else { return Some("the record".to_owned()) };
    let changed = tested.iter().find(|(path, digest)| {
        let now = std::fs::read(root.join(path)).map(|bytes| hex::encode(Sha256::digest(bytes)));
        now.ok().as_deref() != digest.as_str()
    });
    changed.map(|(path, _)| path.clone())
}

/// The contracts' random call sequences (`make contracts-campaign`), whose digest is that of all sources in one.
fn solvency(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    const NAME: &str = "random call sequences, the contract solvent after each";
    let contracts = root.join("host/rollup/contracts");
    let text = std::fs::read_to_string(contracts.join("campaign.json")).or_fail(Code::BadFile)?;
    let kept: Value = serde_json::from_str(&text).or_fail(Code::BadFile)?;
    let (mut files, mut folders) = (Vec::new(), vec![contracts.join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).or_fail(Code::BadFile)? {
            let path = entry.or_fail(Code::BadFile)?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file).or_fail(Code::BadFile)?);
    }
    if kept["sources_sha256"] == hex::encode(hash.finalize()) {
        sheet.stored(NAME, kept["sequences"].as_f64().unwrap_or(0.0), "sequences", Bar::AtLeast(1e5));
    } else {
        sheet.not_measured(NAME, "stale: the contracts have changed (make contracts-campaign)");
    }
    Ok(())
}

/// In each of [`STATES`] states of a random walk every forced op about a random account is run, and its witness asked about. Gives the states in which all was well.
fn provable() -> Result<u32, Failure> {
    let seed = rand::rng().random();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let circuit = Circuit::new(1);
    let mut outline = Outline::new(&circuit);
    let mut state = State::default();
    let keys: Vec<_> =
        (0..8).map(|i| millrace_state::eddsa::SecretKey::from_seed(&[i; 32]).public()).collect();
    for number in 1..=STATES {
        let random =
            if rng.random_ratio(1, 2) { rng.random_range(1..16) } else { rng.random_range(1..1 << 24) };
        let account = AccountId::new(random).expect("24 bits");
        let (token, owner) = (TokenId(rng.random()), Address([random as u8 | 1; 20]));
        let bits = rng.random_range(0..100);
        let amount = rng.random_range(1..=1u128 << bits);
        let entries = [
            QueueEntry::Deposit { account, token, amount, owner },
            QueueEntry::FullExit { account, token, owner },
            QueueEntry::SetKey { account, key: keys[rng.random_range(0..keys.len())] },
        ];
        let next = rng.random_range(0..4);
        let mut states = Vec::new();
        for entry in entries {
            let op: Op = entry.op(&state);
            let header = Header {
                number: number.into(),
                time: number.into(),
                fee_account: AccountId::NOBODY,
                fee_tokens: [0, 1, 2, 3].map(TokenId),
            };
            let mut after = state.clone();
            let told = |error: &dyn std::fmt::Display| {
                Failure::new(Code::Mismatch, format!("seed {seed}, state {number}, {op:?}: {error}"))
            };
            let batch = Batch { header, ops: vec![op.into()] };
            let executed = after.execute(DOMAIN, &batch).map_err(|error| told(&error))?;
            outline.check(&executed).map_err(|broken| told(&format!("{} is broken", broken.rule)))?;
            states.push(after);
        }
        if next < states.len() {
            state = states.swap_remove(next);
        }
    }
    Ok(STATES)
}
