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
    Address, B256, U256, VerifierKey,
    chain::{BlockTag, Chain, view},
    rollup::{
        abi::{IRollup, IVerifier},
        owner,
        restore::Place,
    },
    rpc::{Limits, Node},
};
use millrace_state::types::Domain;

use super::{
    devkey,
    operator::{Blinding, Followed, Operator},
    parse_size,
    place::grouped,
};
use crate::{
    device::DeviceName,
    exit::{Code, Failure},
    input,
    output::{say, tell},
    submit::{sender, submit_failure},
};

/// Longest wait for a transaction of before, or for a block that is later than the last batch.
const PATIENCE: Duration = Duration::from_secs(300);
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
    /// Where batches are proven.
    #[arg(long, value_name = "cpu|cpu-oracle|model|sim|vfio:ADDRESS", default_value = "cpu")]
    device: DeviceName,
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
    let mut operator = Operator::start(&args.device, circuit, key, sender, Blinding::Os, cancel)?;
    operator.open_store(&args.store, rollup.domain)?;
    let mut done = 0;
    while args.batches.is_none_or(|batches| done < batches) {
        rollup.nothing_on_the_way(&mut node, proposer, cancel)?;
        let Some(followed) = rollup.follow(&mut node, &mut operator, cancel)? else { break };
        let Some(proven) = operator.next(&followed.seen, rollup.domain, &[])? else { break };
        let gas = operator.submit(&mut node, rollup.place.contract, &proven)?;
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

    /// Waits until no transaction of the proposer's is between here and a block: one that was sent before a kill would be sent twice otherwise.
    fn nothing_on_the_way(
        &self,
        node: &mut Node,
        proposer: Address,
        cancel: &CancelToken,
    ) -> Result<(), Failure> {
        let mut wait = Wait::new(cancel);
        loop {
            let waiting = node.waiting(proposer).map_err(submit_failure)?;
            if waiting == 0 {
                return Ok(());
            }
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
