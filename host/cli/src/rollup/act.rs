//! What a user does on L1, with no operator's help: deposit, ask for an exit, start the exodus, leave.

use clap::{Args, Subcommand};
use millrace_l1::{
    Address, SolCall, U256,
    chain::{BlockTag, Chain, view},
    rollup::{
        abi::IRollup,
        leave::{Holding, withdraw_call},
    },
    rpc::Node,
};
use millrace_state::builder::QueueEntry;

use super::{
    place::{Call, PlaceArgs, SendArgs, amount, print_or_send},
    restore::{exodus_calls, holding},
};
use crate::{
    exit::{Code, Failure},
    output::say,
    submit::submit_failure,
};

/// Base fees that a queue entry may cost where the user names no bound.
const MAX_BASE_FEES: u64 = 10;
const GWEI: u64 = 1_000_000_000;

/// `millrace rollup exodus`
#[derive(Subcommand)]
pub(crate) enum ExodusCommand {
    /// Start the exodus: possible for anybody once the oldest queue entry is older than seven days.
    Start {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        send: SendArgs,
    },
}

/// What all commands that take something out ask for.
#[derive(Args)]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    send: SendArgs,
    /// Whose; else the sender's own. Anybody may send: the money is the owner's, never the sender's. Only a withdrawal pays it out.
    #[arg(long, value_name = "ADDR")]
    owner: Option<Address>,
    /// Only this token's.
    #[arg(long, value_name = "NUMBER")]
    token: Option<u8>,
}

/// `millrace rollup refund`
#[derive(Args)]
pub(crate) struct RefundArgs {
    #[command(flatten)]
    leave: LeaveArgs,
    /// Only this queue entry's.
    #[arg(long, value_name = "INDEX")]
    index: Option<u64>,
}

/// `millrace rollup withdraw`
#[derive(Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    leave: LeaveArgs,
    /// Where to; else to the owner. Only the owner itself may choose.
    #[arg(long, value_name = "ADDR")]
    to: Option<Address>,
}

/// What a queue entry may cost.
#[derive(Args)]
pub(crate) struct FeeArgs {
    /// The highest queue fee that is paid, in wei; else ten times the contract's base fee. Fees grow with the queue, by a base fee every 64 entries.
    #[arg(long, value_name = "WEI")]
    max_fee: Option<U256>,
}

impl FeeArgs {
    /// The fee, if it is not too high.
    fn accept(&self, fee: U256, base_gwei: U256) -> Result<U256, Failure> {
        let default = || base_gwei.saturating_mul(U256::from(MAX_BASE_FEES * GWEI));
        let max = self.max_fee.unwrap_or_else(default);
        if fee <= max {
            return Ok(fee);
        }
        let (fee, max) = (amount(0, fee), amount(0, max));
        let message = format!(
            "expected a queue fee of at most {max}, the node names {fee} (--max-fee WEI accepts more)"
        );
        Err(Failure::new(Code::Usage, message))
    }
}

/// `millrace rollup deposit`
#[derive(Args)]
pub(crate) struct DepositArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    fee: FeeArgs,
    /// Who gets it; else the sender. Its first deposit makes its account.
    #[arg(long, value_name = "ADDR")]
    owner: Option<Address>,
    /// Which token of the contract's list; 0 is the native coin. An ERC-20 has to be approved for the contract before.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    token: u8,
    /// How much, in the token's smallest unit.
    #[arg(long, value_name = "UNITS")]
    amount: U256,
}

/// `millrace rollup force-exit`
#[derive(Args)]
pub(crate) struct ForceExitArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    fee: FeeArgs,
    /// The token whose whole balance leaves.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    token: u8,
}

pub(crate) fn exodus(command: &ExodusCommand) -> Result<(), Failure> {
    let ExodusCommand::Start { place, send } = command;
    let call = Call {
        what: "exodus".to_owned(),
        to: place.contract,
        value: U256::ZERO,
        data: IRollup::startExodusCall {}.abi_encode(),
    };
    print_or_send(&mut place.open()?, send, &[call])
}

fn owner(named: Option<Address>, send: &SendArgs) -> Result<Address, Failure> {
    match named {
        Some(owner) => Ok(owner),
        None => send.sender().map(|sender| sender.address()),
    }
}

/// Restores the rollup, and prints or sends the calls for what `keep` leaves of an owner's holding.
fn leave(args: &LeaveArgs, nothing: &str, keep: impl FnOnce(&mut Holding)) -> Result<(), Failure> {
    let owner = owner(args.owner, &args.send)?;
    let mut node = args.place.open()?;
    let restored = args.place.restore(&mut node, BlockTag::Latest)?;
    let mut holding = holding(&restored, &mut node, owner)?;
    keep(&mut holding);
    let calls = exodus_calls(&restored, &holding);
    if calls.is_empty() {
        return Err(Failure::new(Code::Usage, format!("{owner} has {nothing}")));
    }
    print_or_send(&mut node, &args.send, &calls)?;
    let when = if args.send.print { "pending then" } else { "pending now" };
    say!("{when}: `millrace rollup withdraw` pays it to {owner}");
    Ok(())
}

pub(crate) fn exit(args: &LeaveArgs) -> Result<(), Failure> {
    leave(args, "no such balance in the last root", |holding| {
        holding.balances.retain(|proof| args.token.is_none_or(|token| token == proof.token.0));
        (holding.queued, holding.pending) = (Vec::new(), Vec::new());
    })
}

pub(crate) fn refund(args: &RefundArgs) -> Result<(), Failure> {
    let (token, index) = (args.leave.token, args.index);
    leave(&args.leave, "no such entry in the queue", |holding| {
        holding.queued.retain(|(at, queued)| {
            let of = match queued.entry {
                QueueEntry::Deposit { token, .. } | QueueEntry::FullExit { token, .. } => Some(token.0),
                QueueEntry::SetKey { .. } => None,
            };
            index.is_none_or(|index| index == *at) && (token.is_none() || token == of)
        });
        (holding.balances, holding.pending) = (Vec::new(), Vec::new());
    })
}

pub(crate) fn withdraw(args: &WithdrawArgs) -> Result<(), Failure> {
    let WithdrawArgs { leave: LeaveArgs { place, send, owner: named, token }, to } = args;
    let owner = owner(*named, send)?;
    let mut node = place.open()?;
    let restored = place.restore(&mut node, BlockTag::Latest)?;
    let to = to.unwrap_or(owner);
    let calls: Vec<Call> = holding(&restored, &mut node, owner)?
        .pending
        .into_iter()
        .filter(|(number, _)| token.is_none_or(|token| token == *number))
        .map(|(number, units)| Call {
            what: format!("withdrawal of {} to {to}", amount(number, units)),
            to: restored.contract,
            value: U256::ZERO,
            data: withdraw_call(owner, number, to, units).abi_encode(),
        })
        .collect();
    if calls.is_empty() {
        return Err(Failure::new(Code::Usage, format!("nothing is pending for {owner}")));
    }
    print_or_send(&mut node, send, &calls)
}

/// What the next queue entry costs, by the node's word.
fn queue_fee(node: &mut Node, place: &PlaceArgs, bound: &FeeArgs) -> Result<U256, Failure> {
    let block = node.block(BlockTag::Latest).map_err(submit_failure)?;
    let fee = view(node, place.contract, IRollup::queueFeeCall {}, &block).map_err(submit_failure)?;
    let base = view(node, place.contract, IRollup::baseFeeGweiCall {}, &block).map_err(submit_failure)?;
    bound.accept(fee, base)
}

pub(crate) fn deposit(args: &DepositArgs) -> Result<(), Failure> {
    let owner = owner(args.owner, &args.send)?;
    let mut node = args.place.open()?;
    let fee = queue_fee(&mut node, &args.place, &args.fee)?;
    let coins = if args.token == 0 { args.amount } else { U256::ZERO };
    let value = fee.checked_add(coins).ok_or_else(|| {
        Failure::new(Code::Usage, format!("expected an amount that exists, got {}", args.amount))
    })?;
    let token = U256::from(args.token);
    let call = Call {
        what: format!(
            "deposit of {} for {owner}, queue fee {}",
            amount(args.token, args.amount),
            amount(0, fee)
        ),
        to: args.place.contract,
        value,
        data: IRollup::depositCall { owner, token, amount: args.amount }.abi_encode(),
    };
    print_or_send(&mut node, &args.send, &[call])
}

pub(crate) fn force_exit(args: &ForceExitArgs) -> Result<(), Failure> {
    let mut node = args.place.open()?;
    let value = queue_fee(&mut node, &args.place, &args.fee)?;
    let call = Call {
        what: format!("full exit of token {}, queued, queue fee {}", args.token, amount(0, value)),
        to: args.place.contract,
        value,
        data: IRollup::requestFullExitCall { token: U256::from(args.token) }.abi_encode(),
    };
    print_or_send(&mut node, &args.send, &[call])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_have_a_bound() {
        let (base_gwei, wei) = (U256::from(100_000), |gwei: u64| U256::from(gwei) * U256::from(GWEI));
        let default = FeeArgs { max_fee: None };
        assert_eq!(default.accept(wei(1_000_000), base_gwei).expect("ten base fees"), wei(1_000_000));
        let refused = default.accept(wei(1_000_000) + U256::ONE, base_gwei).expect_err("more");
        assert_eq!(refused.code, Code::Usage);
        assert!(refused.to_string().contains("at most 0.001 ETH"), "{refused}");
        let named = FeeArgs { max_fee: Some(wei(5)) };
        assert_eq!(named.accept(wei(5), base_gwei).expect("as named"), wei(5));
        assert!(named.accept(wei(5) + U256::ONE, base_gwei).is_err());
        // A node may name anything.
        assert!(default.accept(U256::MAX, U256::ZERO).is_err());
        assert!(default.accept(U256::MAX, U256::MAX).is_ok(), "the base fee is the node's word, too");
    }
}
