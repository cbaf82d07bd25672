//! `millrace rollup demo`: the rollup from the first deposit to the last exit, real contracts and proofs, the operator's disk deleted on the way.

mod cast;
mod exodus;
mod life;
mod story;

use clap::Args;
use millrace_job::CancelToken;
use millrace_l1::{
    Address, SolCall, U256,
    chain::{Block, BlockTag, TestChain, embedded::Embedded, view},
    rollup::restore::Place,
    rpc::{Limits, Node, Receipt, Sender, SubmitError},
};
use millrace_state::types::Domain;

use self::{cast::Person, story::Story};
use super::operator::{Blinding, Made, Operator};
use crate::{
    args::parse_seed,
    device::DeviceName,
    exit::{Code, Failure},
    output::{say, tell},
    submit::submit_failure,
};

/// `millrace rollup demo`
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Where batches are proven.
    #[arg(long, value_name = "cpu|cpu-oracle|model|sim", default_value = "cpu")]
    device: DeviceName,
    /// Ops of a batch, 1 or 8; with the simulated device 1, else 8.
    #[arg(long, value_name = "N")]
    ops: Option<usize>,
    /// A test node (anvil) to play on, instead of the EVM in this process.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,
    /// The seed of all proofs' blinding: the same story has the same proofs then, on every device. For tests only: such proofs hide nothing.
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    seed: Option<[u8; 32]>,
    /// Fail where the device fails, instead of going on with the CPU.
    #[arg(long)]
    no_fallback: bool,
    /// Stop when the operator is gone, and leave the exodus to you and the other commands.
    #[arg(long, requires = "rpc")]
    stop: bool,
}

/// The stage.
struct Demo {
    chain: Box<dyn TestChain>,
    story: Story,
    device: DeviceName,
    ops: usize,
    contract: Address,
    /// The block of the last deployment: the contract's own.
    deployed: u64,
    token: Address,
    domain: Domain,
    operator: Option<Operator>,
    blinding: Blinding,
    fallback: bool,
    /// What the operator proved.
    made: Made,
    /// What each wallet had before, by token.
    before: Vec<[U256; 2]>,
}

pub(crate) fn run(args: &DemoArgs, cancel: &CancelToken) -> Result<(), Failure> {
    let ops = args.ops.unwrap_or(if args.device == DeviceName::Sim { 1 } else { 8 });
    super::devkey::verifier(ops)?;
    if args.seed.is_some() {
        tell!("r and s come from --seed: for tests and validation only, these proofs hide nothing");
    }
    let chain: Box<dyn TestChain> = match &args.rpc {
        Some(url) => Box::new(Node::open(url, Limits::default()).map_err(submit_failure)?),
        None => Box::new(Embedded::default()),
    };
    let nobody = millrace_state::types::Address::NOBODY;
    let mut demo = Demo {
        chain,
        story: Story::default(),
        device: args.device.clone(),
        ops,
        contract: Address::ZERO,
        deployed: 0,
        token: Address::ZERO,
        domain: Domain { chain_id: 0, contract: nobody },
        operator: None,
        blinding: args.seed.map_or(Blinding::Os, Blinding::Seed),
        fallback: !args.no_fallback,
        made: Made::default(),
        before: Vec::new(),
    };
    demo.domain.chain_id = demo.chain.chain_id().map_err(submit_failure)?;
    demo.introduce(args.rpc.is_some());
    demo.deploy(cancel)?;
    demo.deposits()?;
    demo.payments()?;
    demo.forced_exit()?;
    demo.operator_vanishes()?;
    if args.stop {
        demo.leave_to_the_user();
        return Ok(());
    }
    demo.exodus()?;
    demo.settle()
}

impl Demo {
    fn introduce(&self, node: bool) {
        let l1 = if node { "a test node" } else { "an EVM in this process" };
        say!("A validity rollup, from the first deposit to the last exit\n");
        say!("   L1        {l1}, chain {}", self.domain.chain_id);
        say!("   prover    {}, batches of {} ops", self.device, self.ops);
        say!("   key       DEVELOPMENT KEY, made from a published seed: anybody can forge proofs under it.");
        say!("             Real contracts and real proofs, but guard nothing of value with it.");
    }

    /// Where the contract is, for whoever reads its logs.
    fn place(&self) -> Place {
        Place { contract: self.contract, until: BlockTag::Latest, from_block: self.deployed }
    }

    fn head(&mut self) -> Result<Block, Failure> {
        self.chain.block(BlockTag::Latest).map_err(submit_failure)
    }

    fn view<C: SolCall>(&mut self, contract: Address, call: C) -> Result<C::Return, Failure> {
        let head = self.head()?;
        view(&mut *self.chain, contract, call, &head).map_err(submit_failure)
    }

    /// A transaction of a person; the contract's refusal is an answer, too.
    fn try_send<C: SolCall>(
        &mut self,
        from: &Person,
        to: Address,
        value: U256,
        call: C,
    ) -> Result<Receipt, SubmitError> {
        self.chain.send(&Sender::Unlocked(from.address), Some(to), value, &call.abi_encode())
    }

    fn send<C: SolCall>(&mut self, from: &Person, to: Address, value: U256, call: C) -> Result<u64, Failure> {
        self.try_send(from, to, value, call).map(|receipt| receipt.gas_used).map_err(submit_failure)
    }

    /// What must be refused, with this error.
    fn refused<T>(&self, what: &str, error: &str, answer: Result<T, SubmitError>) -> Result<(), Failure> {
        match answer {
            Err(SubmitError::Reverted { reason }) if reason.starts_with(&format!("{error}: ")) => {
                self.story.row(&format!("{what}: refused, {error}"), None, None);
                Ok(())
            }
            Err(other) => Err(Failure::new(Code::Mismatch, format!("{what}: expected {error}, got {other}"))),
            Ok(_) => Err(Failure::new(Code::Mismatch, format!("{what}: expected {error}, it was accepted"))),
        }
    }

    /// What must be so.
    fn expect(what: &str, expected: U256, got: U256) -> Result<(), Failure> {
        if got == expected {
            return Ok(());
        }
        Err(Failure::new(Code::Mismatch, format!("{what}: expected {expected}, got {got}")))
    }

    fn leave_to_the_user(&self) {
        let [operator, alice, bob, carol, dave] = cast::everybody().map(|person| person.address);
        say!("\nNow it is up to you. The users' accounts are unlocked on the node (--from); the cast:\n");
        say!("   rollup    {}", self.contract);
        say!("   token 1   {}", self.token);
        say!("   operator  {operator}\n   Alice     {alice}\n   Bob       {bob}");
        say!("   Carol     {carol}\n   Dave      {dave}");
    }
}
