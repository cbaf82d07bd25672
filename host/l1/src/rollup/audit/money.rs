//! The tokens of a contract, what it holds of each and what it owes; and where its clocks stand.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use super::{Audit, Expected, Verdict, ask};
use crate::chain::{Chain, view};
use crate::rollup::abi::{IRollup, IToken};
use crate::rpc::SubmitError;

/// The contract takes no longer list, the native coin included.
const MAX_TOKENS: u16 = 256;

/// Adds the lines; `given` is the list that the constructor was given, where that is known.
pub(super) fn rows(
    audit: &mut Audit,
    chain: &mut dyn Chain,
    values: &BTreeMap<&str, U256>,
    expected: &Expected,
    given: Option<&[Address]>,
) -> Result<(), SubmitError> {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let (contract, block) = (audit.contract, audit.block);
    audit.row(
        "fee of a queue entry",
        format!("{} gwei, more when the queue is long", value("baseFeeGwei")),
        Verdict::Shown,
        "",
    );

    let length = value("tokenCount");
    let count = u16::try_from(length).ok().filter(|count| (1..=MAX_TOKENS).contains(count));
    let Some(count) = count else {
        audit.row("number of tokens", length.to_string(), Verdict::Differs, "no constructor leaves so many");
        return clocks(audit, chain, contract);
    };
    let mut list = Vec::new();
    for token in 0..count {
        let number = U256::from(token);
        let address = view(chain, contract, IRollup::tokenAtCall { token: number }, &block)?;
        let owed = view(chain, contract, IRollup::owedOfCall { token: number }, &block)?;
        let name = if token == 0 { "native coin".to_owned() } else { address.to_string() };
        let bare = token != 0 && chain.code(address, &block)?.is_empty();
        let held = match token {
            0 => Some(chain.balance(contract, &block)?),
            _ if bare => None,
            _ => ask(chain, address, IToken::balanceOfCall { owner: contract }, &block)?,
        };
        let listed = |tokens: &[Address]| token == 0 || tokens.get(usize::from(token) - 1) == Some(&address);
        let note = match held {
            _ if bare => "no code is there",
            None => "it does not say what the contract holds of it",
            _ if !expected.tokens.as_deref().is_none_or(listed) => "another token was expected",
            _ if !given.is_none_or(listed) => "another token than the constructor was given",
            _ if list.contains(&address) => "the same token twice",
            Some(held) if held < owed => "it holds less than it owes",
            Some(_) => "",
        };
        audit.compare(format!("token {token}"), name, note.is_empty(), note);
        if let Some(held) = held {
            let spare = held.saturating_sub(owed);
            audit.row("  held, owed, over", format!("{held}, {owed}, {spare}"), Verdict::Shown, "");
        }
        list.push(address);
    }
    if let Some(tokens) = &expected.tokens {
        let same = tokens.len() + 1 == usize::from(count);
        audit.compare("number of tokens", count.to_string(), same, "another number was expected");
    }
    clocks(audit, chain, contract)
}

fn clocks(audit: &mut Audit, chain: &mut dyn Chain, contract: Address) -> Result<(), SubmitError> {
    let block = audit.block;
    let now = U256::from(block.time);
    let proposer_time = view(chain, contract, IRollup::proposerTimeCall {}, &block)?;
    match now.checked_sub(proposer_time) {
        Some(idle) => {
            let note = "or, where there is none, the deployment";
            audit.row("proposer's last batch", format!("{} ago", duration(idle)), Verdict::Shown, note);
        }
        None => {
            let note = "a time to come: nobody else could ever propose";
            audit.row("proposer's last batch", proposer_time.to_string(), Verdict::Differs, note);
        }
    }
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
