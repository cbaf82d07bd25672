//! `millrace rollup operate`: takes what waits on L1 into batches, proves them, submits them, and keeps what was accepted.
//!
//! Nothing is written down before it is sent, because nothing has to be: L1 says what it has accepted, a node says what of this sender's it holds, and the contract
//! takes no batch twice. So an operator that was killed first waits until nothing of its own is on the way, then takes into its store what L1 accepted, and goes on from there.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use millrace_circuit::batch::Circuit;
use millrace_job::CancelToken;
use millrace_l1::{
    Address, B256, SolCall, U256, VerifierKey,
    chain::{BlockTag, Chain, Nonces, view},
    rollup::{
        abi::{IRollup, IVerifier},
        owner,
        restore::{Place, Restored},
    },
    rpc::{Limits, Node},
};
use millrace_state::types::{AccountId, Domain};

use super::{
    SIZES, devkey,
    operator::{Blinding, Engines, Followed, Operator},
    parse_size,
    place::grouped,
};
use crate::{
    device::DeviceName,
    exit::{Code, Failure},
    input,
    memory::parse_bytes,
    output::{say, tell},
    submit::{sender, submit_failure},
};

/// Longest wait for a transaction of before, or for a block that is later than the last batch.
const PATIENCE: Duration = Duration::from_secs(300);
/// Entries that are older are overdue, and a proposer that is idle for longer loses its turn.
const DAY_SECONDS: u64 = 86_400;
const POLL: Duration = Duration::from_millis(500);

/// `millrace rollup operate`
#[derive(Args)]
pub(crate) struct OperateArgs {
    /// A node's JSON-RPC address.
    #[arg(long, value_name = "URL")]
    rpc: String,
    /// The rollup's contract there.
    #[arg(long, value_name = "ADDR")]
    contract: Address,
    /// A block before the deployment, to read logs from: saves time on a long chain.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from_block: u64,
    /// The store of accepted batches: made where there is none, brought to what L1 has accepted where there is one.
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// Ops of a batch: one of the contract's sizes.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = parse_size)]
    ops: usize,
    /// The key of that size (`.zkey` or `.mkey`); else the development key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The account that fees are paid to; else the proposer's own, which it has when somebody has deposited for it.
    #[arg(long, value_name = "ID")]
    fee_account: Option<u32>,
    /// Fail where the device fails, instead of going on with the CPU.
    #[arg(long)]
    no_fallback: bool,
    /// Where batches are proven.
    #[arg(long, value_name = "cpu|cpu-oracle|model|sim|vfio:ADDRESS", default_value = "cpu")]
    device: DeviceName,
    /// More devices to share the jobs with, by measured rates; may be given several times. One that is not there, or goes away, is taken in when it comes.
    #[arg(long, value_name = "DEVICE")]
    with: Vec<DeviceName>,
    /// Most memory that a proof may take, like 300MiB (needs `--device cpu`): the fastest way that stays below is chosen.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_memory: Option<u64>,
    /// The proposer, as an account that the node itself signs for.
    #[arg(long, value_name = "ADDR", conflicts_with = "key_file")]
    from: Option<String>,
    /// A file with the proposer's private key in hexadecimal (else the environment variable MILLRACE_L1_KEY).
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// End after so many batches; else when nothing waits.
    #[arg(long, value_name = "N")]
    batches: Option<u64>,
    /// Work for a contract with a development key: anybody can forge proofs there.
    #[arg(long)]
    dev: bool,
}

pub(crate) fn run(args: &OperateArgs, cancel: &CancelToken) -> Result<(), Failure> {
    let sender = sender(args.from.as_deref(), args.key_file.as_deref())?;
    let mut node = Node::open(&args.rpc, Limits::default()).map_err(submit_failure)?;
    let rollup = Rollup::find(&mut node, args)?;
    let circuit = Circuit::new(args.ops);
    let key = match &args.key {
        Some(path) => input::key(path)?,
        None => devkey::load(&circuit, args.ops)?.0,
    };
    rollup.is_of(&mut node, args.ops, VerifierKey::from(key.verifying_key()).hash())?;
    let proposer = sender.address();
    let engines = Engines {
        device: &args.device,
        with: &args.with,
        fallback: !args.no_fallback,
        max_memory: args.max_memory,
    };
    let mut operator = Operator::start(engines, circuit, key, sender, Blinding::Os, cancel)?;
    operator.open_store(&args.store, rollup.domain)?;
    let mut done = 0;
    while args.batches.is_none_or(|batches| done < batches) {
        let nonce = rollup.nothing_on_the_way(&mut node, proposer, cancel)?;
        let Some(Followed { seen, .. }) = rollup.follow(&mut node, &mut operator, cancel)? else { break };
        // A proof takes long: what the contract would refuse is said before it.
        rollup.is_our_turn(&mut node, &seen, proposer)?;
        rollup.takes_what_is_overdue(&mut node, &seen, args.ops)?;
        let fee_account = fee_account(seen.books.owners(), proposer, args.fee_account)?;
        let Some(proven) = operator.next(&seen, rollup.domain, fee_account, &[])? else { break };
        // With the nonce from before the logs were read: another operator of this key can have no second transaction beside it.
        let gas = operator.submit(&mut node, rollup.place.contract, Some(nonce), &proven)?;
        done += 1;
        say!(
            "batch {}: {} from the queue, proven in {:.2} s, accepted for {} gas; it is in the store",
            proven.executed.header.number,
            proven.consumed,
            proven.seconds,
            grouped(gas)
        );
    }
    say!("{done} batches by {}; the store has {}", args.device, operator.stored()?);
    if done > 0 {
        say!("{}", operator.made().by());
    }
    Ok(())
}

/// The rollup that is worked for.
struct Rollup {
    place: Place,
    domain: Domain,
}

impl Rollup {
    fn find(node: &mut Node, args: &OperateArgs) -> Result<Self, Failure> {
        let (contract, from_block) = (args.contract, args.from_block);
        let chain_id = node.chain_id().map_err(submit_failure)?;
        let head = node.block(BlockTag::Latest).map_err(submit_failure)?;
        if node.code(contract, &head).map_err(submit_failure)?.is_empty() {
            let message = format!("no contract at {contract} on chain {chain_id}");
            return Err(Failure::new(Code::L1Unavailable, message));
        }
        if view(node, contract, IRollup::isDevSetupCall {}, &head).map_err(submit_failure)? && !args.dev {
            let message = "the contract has a development key: proofs can be forged (--dev accepts that)";
            return Err(Failure::new(Code::DevKey, message));
        }
        let place = Place { contract, until: BlockTag::Latest, from_block };
        Ok(Self { place, domain: Domain { chain_id, contract: owner(contract) } })
    }

    /// Whether the contract checks batches of that size with that key: a proof takes long, and any other would be refused.
    fn is_of(&self, node: &mut Node, ops: usize, key_hash: B256) -> Result<(), Failure> {
        let head = node.block(BlockTag::Latest).map_err(submit_failure)?;
        let call = IRollup::verifierOfCall { size: U256::from(ops) };
        let verifier = view(node, self.place.contract, call, &head).map_err(submit_failure)?;
        if verifier.is_zero() {
            let message = format!("the contract takes no batches of {ops} ops");
            return Err(Failure::new(Code::Mismatch, message));
        }
        let found =
            view(node, verifier, IVerifier::VERIFYING_KEY_HASHCall {}, &head).map_err(submit_failure)?;
        if found != key_hash {
            let message =
                format!("the contract's key for {ops} ops is {found}, this is another one: {key_hash}");
            return Err(Failure::new(Code::Mismatch, message));
        }
        Ok(())
    }

    /// Waits until no transaction of the proposer's is between here and a block: one that was sent before a kill would be sent twice otherwise. Answers the next nonce.
    fn nothing_on_the_way(
        &self,
        node: &mut Node,
        proposer: Address,
        cancel: &CancelToken,
    ) -> Result<u64, Failure> {
        let mut wait = Wait::new(cancel);
        loop {
            let Nonces { mined, known } = node.nonces(proposer).map_err(submit_failure)?;
            if mined == known {
                return Ok(known);
            }
            let waiting = known - mined;
            let what = format!(
                "{waiting} transactions of {proposer} that lie in no block: a batch may be among them"
            );
            wait.a_while(&what)?;
        }
    }

    /// Brings the store to L1's present, once that is later than the last batch; `None` where nothing waits.
    fn follow(
        &self,
        node: &mut Node,
        operator: &mut Operator,
        cancel: &CancelToken,
    ) -> Result<Option<Followed>, Failure> {
        let mut wait = Wait::new(cancel);
        loop {
            let followed = operator.follow(node, &self.place)?;
            let Followed { seen, adopted, forgotten } = &followed;
            if adopted + forgotten > 0 {
                tell!("L1 is followed: {adopted} batches come into the store, {forgotten} leave it");
            }
            if seen.books.queue().is_empty() {
                return Ok(None);
            }
            // The time of batches rises, and is that of a block.
            if seen.block.time > seen.books.batch_time() {
                return Ok(Some(followed));
            }
            wait.a_while("a block that is later than the last batch")?;
        }
    }
}

impl Rollup {
    fn view<C: SolCall>(&self, node: &mut Node, seen: &Restored, call: C) -> Result<C::Return, Failure> {
        view(node, self.place.contract, call, &seen.block).map_err(submit_failure)
    }

    /// Whether the contract takes batches at all, and from this sender.
    fn is_our_turn(&self, node: &mut Node, seen: &Restored, sender: Address) -> Result<(), Failure> {
        if seen.in_exodus {
            let message = "the contract is in exodus: it takes no batch any more, and everybody can leave";
            return Err(Failure::new(Code::L1Rejected, message));
        }
        let proposer = self.view(node, seen, IRollup::proposerCall {})?;
        let last = self.view(node, seen, IRollup::proposerTimeCall {})?;
        let idle = U256::from(seen.block.time).saturating_sub(last);
        if sender != proposer && idle <= U256::from(DAY_SECONDS) {
            let message = format!(
                "only the proposer {proposer} may submit until it has been idle for a day: that is {idle} s now"
            );
            return Err(Failure::new(Code::L1Rejected, message));
        }
        Ok(())
    }

    /// Whether a batch of this size takes all that the contract wants taken.
    fn takes_what_is_overdue(&self, node: &mut Node, seen: &Restored, ops: usize) -> Result<(), Failure> {
        let (head, tail) = seen.books.queue_bounds();
        let Some(next) = head.checked_add(ops as u64).filter(|next| *next < tail) else { return Ok(()) };
        let entry = self.view(node, seen, IRollup::queueEntryCall { index: U256::from(next) })?;
        let mut largest = 0;
        for size in SIZES {
            let call = IRollup::verifierOfCall { size: U256::from(size) };
            if !self.view(node, seen, call)?.is_zero() {
                largest = size;
            }
        }
        leaves_nothing_overdue(ops, largest, entry.time.saturating_to(), seen.block.time)
    }
}

/// A batch must take every entry that is older than a day at the batch's time, or as many as the largest batch holds: `left` is the time of the first that it does not take.
fn leaves_nothing_overdue(ops: usize, largest: usize, left: u64, batch_time: u64) -> Result<(), Failure> {
    let overdue = left.saturating_add(DAY_SECONDS) < batch_time;
    if overdue && ops < largest {
        let message = format!(
            "more than {ops} entries of the queue are older than a day, which only a batch of the largest size may leave: --ops {largest}"
        );
        return Err(Failure::new(Code::Usage, message));
    }
    Ok(())
}

/// The account that is paid: the one that is named, else the proposer's own.
fn fee_account(owners: &[Address], proposer: Address, named: Option<u32>) -> Result<AccountId, Failure> {
    let own = || owners.iter().zip(1u32..).find(|(owner, _)| **owner == proposer).map(|(_, id)| id);
    let Some(id) = named.or_else(own) else {
        let message = format!(
            "the proposer {proposer} has no account that fees could be paid to: deposit for it, or name one with --fee-account"
        );
        return Err(Failure::new(Code::Usage, message));
    };
    AccountId::new(id).ok().filter(|id| (1..=owners.len()).contains(&(id.get() as usize))).ok_or_else(|| {
        Failure::new(Code::Usage, format!("expected an account from 1 to {}, got {id}", owners.len()))
    })
}

/// Waiting for L1, for a bounded time.
struct Wait<'a> {
    cancel: &'a CancelToken,
    started: Option<Instant>,
}

impl<'a> Wait<'a> {
    fn new(cancel: &'a CancelToken) -> Self {
        Self { cancel, started: None }
    }

    /// Sleeps; says at first for what.
    fn a_while(&mut self, what: &str) -> Result<(), Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::new(Code::Cancelled, "interrupted while waiting for L1"));
        }
        let started = *self.started.get_or_insert_with(|| {
            tell!("waiting for {what}");
            Instant::now()
        });
        if started.elapsed() > PATIENCE {
            let message = format!("waited {} s for {what}", PATIENCE.as_secs());
            return Err(Failure::new(Code::L1Unavailable, message));
        }
        std::thread::sleep(POLL);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_go_to_the_proposer_or_to_whom_it_names() {
        let [first, proposer, other] = [1, 2, 3].map(Address::repeat_byte);
        let owners = [first, proposer];
        let id = |id: Result<AccountId, Failure>| id.map(AccountId::get).map_err(|failure| failure.code);
        assert_eq!(id(fee_account(&owners, proposer, None)), Ok(2), "not the first depositor's");
        assert_eq!(id(fee_account(&owners, proposer, Some(1))), Ok(1));
        assert_eq!(id(fee_account(&owners, other, None)), Err(Code::Usage));
        for nobody in [0, 3, 1 << 24, u32::MAX] {
            assert_eq!(id(fee_account(&owners, proposer, Some(nobody))), Err(Code::Usage), "{nobody}");
        }
    }

    #[test]
    fn what_is_overdue_needs_the_largest_batch() {
        let left = 1_000;
        let at = |ops, largest, time| leaves_nothing_overdue(ops, largest, left, time).is_ok();
        // As the contract has it: older than a day, strictly.
        assert!(at(8, 64, left + DAY_SECONDS));
        assert!(!at(8, 64, left + DAY_SECONDS + 1));
        assert!(at(64, 64, left + DAY_SECONDS + 1));
        assert!(at(1, 1, u64::MAX));
        let source = include_str!("../../../rollup/contracts/src/Rollup.sol");
        for line in [
            "OVERDUE_SECONDS = 24 hours;",
            "PROPOSER_IDLE_SECONDS = 24 hours;",
            "headTime + OVERDUE_SECONDS < batch.time;",
            "overdue && batch.queueOps < LARGEST_SIZE",
        ] {
            assert!(source.contains(line), "{line}");
        }
    }
}
