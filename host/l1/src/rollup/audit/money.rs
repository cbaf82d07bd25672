//! The tokens of a contract, what it holds of each and what it owes; and where its clocks stand.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use super::{Audit, Expected, Verdict};
use crate::chain::{Chain, view};
use crate::rollup::abi::{IRollup, IToken};
use crate::rpc::SubmitError;

/// Adds the lines.
pub(super) fn rows(
    audit: &mut Audit,
    chain: &mut dyn Chain,
    values: &BTreeMap<&str, U256>,
    expected: &Expected,
) -> Result<(), SubmitError> {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let (contract, block) = (audit.contract, audit.block);
    audit.row(
        "fee of a queue entry",
        format!("{} gwei, more when the queue is long", value("baseFeeGwei")),
        Verdict::Shown,
        "",
    );

    // The constructor of the code that was compared takes 255 at most.
    let count = value("tokenCount").saturating_to::<u16>().min(256);
    let mut list = Vec::new();
    for token in 0..count {
        let number = U256::from(token);
        let address = view(chain, contract, IRollup::tokenAtCall { token: number }, &block)?;
        let held = match token {
            0 => chain.balance(contract, &block)?,
            _ => view(chain, address, IToken::balanceOfCall { owner: contract }, &block)?,
        };
        let owed = view(chain, contract, IRollup::owedOfCall { token: number }, &block)?;
        let name = if token == 0 { "native coin".to_owned() } else { address.to_string() };
        let bare = token != 0 && chain.code(address, &block)?.is_empty();
        let known = match &expected.tokens {
            Some(tokens) if token > 0 => tokens.get(usize::from(token) - 1) == Some(&address),
            _ => true,
        };
        let note = match (bare, known) {
            (true, _) => "no code is there",
            (_, false) => "another token was expected",
            _ if list.contains(&address) => "the same token twice",
            _ => "it holds less than it owes",
        };
        let right = !bare && known && !list.contains(&address) && held >= owed;
        audit.compare(format!("token {token}"), name, right, note);
        let spare = held.saturating_sub(owed);
        audit.row("  held, owed, over", format!("{held}, {owed}, {spare}"), Verdict::Shown, "");
        list.push(address);
    }
    if let Some(tokens) = &expected.tokens {
        let same = tokens.len() + 1 == usize::from(count);
        audit.compare("number of tokens", count.to_string(), same, "another length was expected");
    }
    clocks(audit, chain, contract)
}

fn clocks(audit: &mut Audit, chain: &mut dyn Chain, contract: Address) -> Result<(), SubmitError> {
    let block = audit.block;
    let now = U256::from(block.time);
    let proposer_time = view(chain, contract, IRollup::proposerTimeCall {}, &block)?;
    let idle = now.saturating_sub(proposer_time);
    let found = format!("{} ago", duration(idle));
    audit.row("proposer's last batch", found, Verdict::Shown, "or, where there is none, the deployment");
    let queue = view(chain, contract, IRollup::queueBoundsCall {}, &block)?;
    let waiting = queue.tail.saturating_sub(queue.head);
    let oldest = match waiting.is_zero() {
        true => "empty".to_owned(),
        false => format!("{waiting} wait, the first for {}", duration(now.saturating_sub(queue.headTime))),
    };
    audit.row("queue", oldest, Verdict::Shown, "");
    let exodus = view(chain, contract, IRollup::inExodusCall {}, &block)?;
    let note = if exodus { "everybody can leave; nothing else works" } else { "" };
    audit.row("exodus", if exodus { "YES" } else { "no" }, Verdict::Shown, note);
    Ok(())
}

/// Days, hours and minutes.
fn duration(seconds: U256) -> String {
    let minutes = seconds.saturating_to::<u64>() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}
