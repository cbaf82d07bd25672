//! `millrace rollup restore` and `millrace rollup balance`: what anybody can know who has L1's logs, and nothing else.

use clap::Args;
use comfy_table::{Cell, CellAlignment, Table, presets};
use millrace_l1::SolCall as _;
use millrace_l1::{
    Address, U256,
    chain::{BlockTag, Chain, view},
    rollup::{
        abi::IRollup,
        leave::{Holding, exit_call, refund_call, withdraw_call},
        restore::Restored,
        word,
    },
};
use millrace_state::{builder::QueueEntry, types::AccountId};
use serde_json::{Value, json};

use super::place::{Call, PlaceArgs, amount, restore_failure};
use crate::{
    exit::{Code, Failure},
    output::say,
    submit::submit_failure,
};

/// `millrace rollup restore`
#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Also print the calls with which this owner leaves, and that pay it; anybody may send them, in their order.
    #[arg(long, value_name = "ADDR", conflicts_with = "account")]
    owner: Option<Address>,
    /// The same, for the owner of this account.
    #[arg(long, value_name = "ID")]
    account: Option<u32>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// `millrace rollup balance`
#[derive(Args)]
pub(crate) struct BalanceArgs {
    /// Whose.
    owner: Address,
    #[command(flatten)]
    place: PlaceArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &RestoreArgs) -> Result<(), Failure> {
    let mut node = args.place.open()?;
    let tag = args.place.tag(BlockTag::Finalized);
    let restored = args.place.restore(&mut node, BlockTag::Finalized)?;
    let owner = match (args.owner, args.account) {
        (Some(owner), _) => Some(owner),
        (None, Some(id)) => Some(owner_of(&restored, id)?),
        (None, None) => None,
    };
    let calls = match owner {
        Some(owner) => {
            let holding = holding(&restored, &mut node, owner)?;
            [exodus_calls(&restored, &holding), withdrawals(&restored, &holding)].concat()
        }
        None => Vec::new(),
    };
    if args.json {
        let mut json = summary_json(&restored);
        json["accounts"] =
            accounts(&restored).map(|(id, owner)| account_json(&restored, id, owner)).collect();
        json["calls"] = calls.iter().map(Call::json).collect();
        say!("{json:#}");
        return Ok(());
    }
    say!("{}", summary(&restored, tag));
    say!("");
    table(&restored).lines().for_each(|line| say!("{}", line.trim_end()));
    if let Some(owner) = owner {
        say!("\n{}", leaving(&restored, owner, calls.is_empty()));
        calls.iter().for_each(|call| say!("\n{}", call.text()));
    }
    Ok(())
}

pub(crate) fn balance(args: &BalanceArgs) -> Result<(), Failure> {
    let mut node = args.place.open()?;
    let restored = args.place.restore(&mut node, BlockTag::Finalized)?;
    let holding = holding(&restored, &mut node, args.owner)?;
    // Asked once more, so that each path is checked against what L1 says and not against our own tree.
    let call = IRollup::stateRootCall {};
    let root = view(&mut node, restored.contract, call, &restored.block).map_err(submit_failure)?;
    for proof in &holding.balances {
        let reached = word(proof.root());
        if reached != root {
            let message = format!("the path of token {} leads to {reached}, L1 has {root}", proof.token);
            return Err(Failure::new(Code::Mismatch, message));
        }
    }
    if args.json {
        let mut json = summary_json(&restored);
        json["account"] = holding_json(&holding);
        say!("{json:#}");
        return Ok(());
    }
    let account = holding.account.map_or("no account".to_owned(), |id| format!("account {id}"));
    say!("{}: {account} in the rollup {}", args.owner, restored.contract);
    for proof in &holding.balances {
        say!(
            "  balance  {:<42} path checked against the root on L1",
            amount(proof.token.0, U256::from(proof.balance))
        );
    }
    for (index, queued) in &holding.queued {
        say!("  queued   {:<42} entry {index}, until a batch takes it", entry_words(&queued.entry));
    }
    for (token, units) in &holding.pending {
        say!("  pending  {:<42} to be withdrawn now", amount(*token, *units));
    }
    if holding.is_empty() {
        say!("  nothing");
    }
    let root = format!("{:#066x}", word(restored.books.root()));
    say!("root {root} of batch {}, block {}", restored.books.batch_number(), restored.block.number);
    Ok(())
}

/// What an owner has, compared with the contract.
pub(crate) fn holding(
    restored: &Restored,
    chain: &mut dyn Chain,
    owner: Address,
) -> Result<Holding, Failure> {
    restored.holding(chain, owner).map_err(restore_failure)
}

fn owner_of(restored: &Restored, id: u32) -> Result<Address, Failure> {
    let owners = restored.books.owners();
    let owner = (id as usize).checked_sub(1).and_then(|index| owners.get(index)).copied();
    owner.ok_or_else(|| {
        Failure::new(Code::Usage, format!("expected an account from 1 to {}, got {id}", owners.len()))
    })
}

fn accounts(restored: &Restored) -> impl Iterator<Item = (AccountId, Address)> {
    let owners = restored.books.owners().iter();
    owners.zip(1..).map(|(owner, id)| (AccountId::new(id).expect("the contract hands out 24 bits"), *owner))
}

/// What stands above an owner's calls.
fn leaving(restored: &Restored, owner: Address, nothing: bool) -> String {
    if nothing {
        return format!("nothing is there for {owner}");
    }
    let mut text = format!(
        "{owner} leaves with these calls, by anybody, in this order.\n\
         Exits and refunds make money pending, the withdrawals at the end pay all of it to the owner.\n\
         Amounts are those of block {}: where one has changed, take new calls.",
        restored.block.number,
    );
    if !restored.in_exodus {
        text += "\n\n\
            NOT IN EXODUS: until then exits, refunds, and withdrawals after them are refused.\n\
            A balance leaves now by `millrace rollup force-exit`, which its owner sends. If the operator\n\
            does not take that within seven days, anybody sends `millrace rollup exodus start`.\n\
            What is pending already: `millrace rollup withdraw`, at any time.";
    }
    text
}

/// The exits and refunds of an owner: they make money pending, and are for exodus only.
pub(crate) fn exodus_calls(restored: &Restored, holding: &Holding) -> Vec<Call> {
    let (to, value) = (restored.contract, U256::ZERO);
    let exits = holding.balances.iter().map(|proof| Call {
        what: format!("exit of {}, only in exodus", amount(proof.token.0, U256::from(proof.balance))),
        to,
        value,
        data: exit_call(proof).abi_encode(),
    });
    let refunds = holding.queued.iter().map(|(index, queued)| Call {
        what: format!("refund of queue entry {index}, {}, only in exodus", entry_words(&queued.entry)),
        to,
        value,
        data: refund_call(*index, holding.owner).abi_encode(),
    });
    exits.chain(refunds).collect()
}

/// The withdrawals that pay an owner everything: one for each token, of what is pending after the [`exodus_calls`] of the same holding.
fn withdrawals(restored: &Restored, holding: &Holding) -> Vec<Call> {
    let owner = holding.owner;
    let call = |(token, units): (u8, U256)| {
        let when =
            if holding.pending.contains(&(token, units)) { "at any time" } else { "after the calls above" };
        Call {
            what: format!("withdrawal of {} to {owner}, {when}", amount(token, units)),
            to: restored.contract,
            value: U256::ZERO,
            data: withdraw_call(owner, token, owner, units).abi_encode(),
        }
    };
    holding.pending_after_leaving().into_iter().map(call).collect()
}

/// A queue entry in words.
pub(crate) fn entry_words(entry: &QueueEntry) -> String {
    match entry {
        QueueEntry::Deposit { token, amount: units, .. } => {
            format!("deposit of {}", amount(token.0, U256::from(*units)))
        }
        QueueEntry::FullExit { token, .. } => format!("full exit of token {token}"),
        QueueEntry::SetKey { .. } => "new key".to_owned(),
    }
}

fn summary(restored: &Restored, tag: BlockTag) -> String {
    let Restored { books, chain_id, contract, block, logs, .. } = restored;
    let (head, _) = books.queue_bounds();
    let queue = match books.queue().len() {
        0 => "empty".to_owned(),
        n => format!("{n} wait, from entry {head} on"),
    };
    let exodus = match (books.exodus(), restored.in_exodus) {
        (true, _) => "started: everybody leaves",
        (false, true) => "due: anybody can start it",
        (false, false) => "no",
    };
    format!(
        "rollup    {contract} on chain {chain_id}\n\
         read      {logs} logs up to block {} ({tag}), {}\n\
         root      {:#066x}\n          \
                   made again from the logs, and equal to the contract's; so are custody and debts\n\
         batches   {}\n\
         accounts  {}\n\
         queue     {queue}\n\
         exodus    {exodus}",
        block.number,
        block.hash,
        word(books.root()),
        books.batch_number(),
        books.owners().len(),
    )
}

fn table(restored: &Restored) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["account", "owner", "nonce", "balance"]);
    for (id, owner) in accounts(restored) {
        let account = restored.books.state().account(id);
        let balances: Vec<String> = account
            .into_iter()
            .flat_map(|account| account.balances())
            .map(|(token, units)| {
                let gone = if restored.books.has_exited(id, token.0) { ", has left" } else { "" };
                format!("{}{gone}", amount(token.0, U256::from(units)))
            })
            .collect();
        let balances = if balances.is_empty() { "–".to_owned() } else { balances.join("\n") };
        let nonce = account.map_or(0, |account| account.nonce);
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            number(id.to_string()),
            Cell::new(owner),
            number(nonce.to_string()),
            Cell::new(balances),
        ]);
    }
    table
}

fn summary_json(restored: &Restored) -> Value {
    let Restored { books, chain_id, contract, block, logs, .. } = restored;
    let (head, tail) = books.queue_bounds();
    json!({
        "contract": contract.to_string(), "chain_id": chain_id, "logs": logs,
        "block": { "number": block.number, "hash": block.hash.to_string(), "time": block.time },
        "root": format!("{:#066x}", word(books.root())),
        "batch_number": books.batch_number(),
        "queue": { "head": head, "tail": tail, "waiting": books.queue().len() },
        "in_exodus": restored.in_exodus,
    })
}

fn account_json(restored: &Restored, id: AccountId, owner: Address) -> Value {
    let account = restored.books.state().account(id);
    let balances: serde_json::Map<String, Value> = account
        .into_iter()
        .flat_map(|account| account.balances())
        .filter(|(token, _)| !restored.books.has_exited(id, token.0))
        .map(|(token, units)| (token.to_string(), json!(units.to_string())))
        .collect();
    let nonce = account.map_or(0, |account| account.nonce);
    json!({ "id": id.get(), "owner": owner.to_string(), "nonce": nonce, "balances": balances })
}

fn holding_json(holding: &Holding) -> Value {
    let of = |token: u8, units: U256| json!({ "token": token, "amount": units.to_string() });
    let balances = holding.balances.iter().map(|proof| of(proof.token.0, U256::from(proof.balance)));
    let pending = holding.pending.iter().map(|(token, units)| of(*token, *units));
    let queued = holding.queued.iter().map(|(index, queued)| {
        json!({ "index": index, "op": entry_words(&queued.entry), "fee_gwei": queued.fee_gwei })
    });
    json!({
        "id": holding.account.map(AccountId::get), "owner": holding.owner.to_string(),
        "balances": balances.collect::<Value>(), "queued": queued.collect::<Value>(),
        "pending": pending.collect::<Value>(),
    })
}
