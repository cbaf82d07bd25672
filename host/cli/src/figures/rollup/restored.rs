//! A rollup of 10^5 transfers, restored from L1's logs by what `millrace rollup restore` runs, and the call with which a user leaves it.
//!
//! The logs are those that the contract emits for deposits, keys and batches, as topics and data, and whatever the reader compares is answered as the contract
//! answers it, from the books of the one who made the batches. What is not in the time: a node's network, and the proofs, which L1 has checked when it emits a log.

use std::time::Instant;

use millrace_l1::{
    Address, B256, Bytes, SolCall, SolEvent, U256,
    chain::{Block, BlockTag, Chain, Creation, Log, LogPage, Nonces},
    rollup::{
        abi::IRollup,
        address,
        leave::exit_call,
        restore::{Place, restore},
        word,
    },
    rpc::{Receipt, Sender, SubmitError},
};
use millrace_state::{batch::Executed, op::Op, packed::pack, types::AccountId};

use super::{
    Bar, Sheet,
    sample::{self, Sample},
};
use crate::{
    exit::{Code, Failure},
    rollup::restore_failure,
};

/// Transfers of a batch, and users.
const OPS: usize = 64;
const BATCHES: usize = 100_000usize.div_ceil(OPS);
/// A queue entry's least fee, and after how many waiting entries it grows by as much.
const BASE_FEE_GWEI: u64 = 100_000;
const FEE_STEP_ENTRIES: u64 = 64;
/// Blocks, with a log each, that are answered at once: as many as nodes do.
const PAGE: u64 = 1_000;

/// The contract of a sampled rollup: its logs, one a block from block 1 on, and what it answers.
struct Sampled {
    logs: Vec<Log>,
    sample: Sample,
    owners: Vec<Address>,
    last: Executed,
}

impl Sampled {
    /// After so many batches of transfers.
    fn new(batches: usize) -> Self {
        let (sample, first) = Sample::registered(OPS);
        let mut out = Self { logs: Vec::new(), sample, owners: Vec::new(), last: first.clone() };
        for (index, op) in first.ops.iter().enumerate() {
            out.queued(index as u64, &op.signed.op);
        }
        out.accepted(&first, first.ops.len());
        for _ in 0..batches {
            let batch = out.sample.transfers();
            out.accepted(&batch, 0);
            out.last = batch;
        }
        out
    }

    fn emit(&mut self, event: &impl SolEvent) {
        let (topics, data) = event.encode_log_data().split();
        self.logs.push(Log { block: self.logs.len() as u64 + 1, index: 0, topics, data });
    }

    /// What was asked for before a batch took it.
    fn queued(&mut self, index: u64, op: &Op) {
        let fee = U256::from(BASE_FEE_GWEI * (1 + index / FEE_STEP_ENTRIES));
        let (index, id) = (U256::from(index), |account: AccountId| U256::from(account.get()));
        match *op {
            Op::Deposit { account, token, amount, owner } => {
                self.owners.push(address(owner));
                let (owner, token, amount) = (address(owner), U256::from(token.0), U256::from(amount));
                self.emit(&IRollup::Deposited { index, owner, id: id(account), token, amount, feeGwei: fee });
            }
            Op::SetKey { account, key } => {
                let owner = self.owners[account.get() as usize - 1];
                let (ax, ay) = (word(key.x), word(key.y));
                self.emit(&IRollup::KeyRequested { index, owner, id: id(account), ax, ay, feeGwei: fee });
            }
            _ => unreachable!("the sample's first batch makes users"),
        }
    }

    fn accepted(&mut self, batch: &Executed, queue_ops: usize) {
        let ops: Vec<Op> = batch.ops.iter().map(|op| op.signed.op).collect();
        self.emit(&IRollup::BatchAccepted {
            number: U256::from(batch.header.number),
            newRoot: word(batch.new_root),
            header: word(batch.header.word()),
            size: U256::from(ops.len()),
            queueOps: U256::from(queue_ops),
            ops: pack(&ops).into(),
        });
    }

    /// Entries that the first batch took.
    fn entries(&self) -> u64 {
        2 * OPS as u64
    }

    fn pending(&self, owner: Address) -> U256 {
        let is_fee_account = self.owners.first() == Some(&owner);
        let gwei = if is_fee_account { BASE_FEE_GWEI * self.entries() } else { 0 };
        U256::from(gwei) * U256::from(1_000_000_000u64)
    }

    /// What the contract returns; `None` for a call that it is not asked.
    fn answer(&self, data: &[u8]) -> Option<Vec<u8>> {
        let one = |value: U256| Some(value.to_be_bytes_vec());
        let custody = || {
            let balances = self.sample.state().accounts().flat_map(|(_, a)| a.balances().map(|(_, x)| x));
            U256::from(balances.sum::<u128>())
        };
        match <[u8; 4]>::try_from(data.get(..4)?).ok()? {
            IRollup::batchNumberCall::SELECTOR => one(U256::from(self.last.header.number)),
            IRollup::stateRootCall::SELECTOR => one(word(self.last.new_root)),
            IRollup::batchTimeCall::SELECTOR => one(U256::from(self.last.header.time)),
            IRollup::queueBoundsCall::SELECTOR => {
                Some([self.entries(), self.entries(), 0].map(|x| U256::from(x).to_be_bytes_vec()).concat())
            }
            IRollup::accountCountCall::SELECTOR => one(U256::from(self.owners.len())),
            IRollup::tokenCountCall::SELECTOR => one(U256::from(1)),
            IRollup::custodyOfCall::SELECTOR => one(custody()),
            IRollup::owedOfCall::SELECTOR => one(custody() + self.pending(self.owners[0])),
            IRollup::inExodusCall::SELECTOR | IRollup::exitedCall::SELECTOR => one(U256::ZERO),
            IRollup::idOfCall::SELECTOR => {
                let owner = IRollup::idOfCall::abi_decode(data).ok()?.owner;
                let place = self.owners.iter().position(|other| *other == owner);
                one(U256::from(place.map_or(0, |place| place + 1)))
            }
            IRollup::pendingOfCall::SELECTOR => {
                one(self.pending(IRollup::pendingOfCall::abi_decode(data).ok()?.owner))
            }
            _ => None,
        }
    }
}

impl Chain for Sampled {
    fn chain_id(&mut self) -> Result<u64, SubmitError> {
        Ok(sample::DOMAIN.chain_id)
    }

    fn block(&mut self, _: BlockTag) -> Result<Block, SubmitError> {
        let number = self.logs.len() as u64;
        Ok(Block { number, hash: B256::from(U256::from(number)), time: self.last.header.time })
    }

    fn code(&mut self, _: Address, _: &Block) -> Result<Bytes, SubmitError> {
        Ok(vec![0xfe].into())
    }

    fn balance(&mut self, _: Address, _: &Block) -> Result<U256, SubmitError> {
        Err(not_asked("eth_getBalance"))
    }

    fn call(&mut self, _: Address, data: &[u8], _: &Block) -> Result<Bytes, SubmitError> {
        self.answer(data).map(Into::into).ok_or_else(|| not_asked("eth_call"))
    }

    fn logs(&mut self, _: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError> {
        let next_block = (from_block + PAGE).min(to.number + 1);
        let logs = self.logs.iter().filter(|log| (from_block..next_block).contains(&log.block));
        Ok(LogPage { logs: logs.cloned().collect(), next_block })
    }

    fn creation(&mut self, _: Address, _: &Block, _: Option<B256>) -> Result<Option<Creation>, SubmitError> {
        Ok(None)
    }

    fn nonces(&mut self, _: Address) -> Result<Nonces, SubmitError> {
        Err(not_asked("eth_getTransactionCount"))
    }

    fn send(&mut self, _: &Sender, _: Option<Address>, _: U256, _: &[u8]) -> Result<Receipt, SubmitError> {
        Err(not_asked("eth_sendRawTransaction"))
    }
}

fn not_asked(method: &'static str) -> SubmitError {
    SubmitError::BadAnswer { method, message: "a sampled rollup is not asked that".to_owned() }
}

pub(super) fn measure(sheet: &mut Sheet) -> Result<(), Failure> {
    let mut chain = Sampled::new(BATCHES);
    let contract = address(sample::DOMAIN.contract);
    let leaver = chain.owners[OPS - 1];
    let started = Instant::now();
    let place = Place { contract, until: BlockTag::Finalized, from_block: 0 };
    let restored = restore(&mut chain, &place).map_err(restore_failure)?;
    let holding = restored.holding(&mut chain, leaver).map_err(restore_failure)?;
    let calls: Vec<Vec<u8>> = holding.balances.iter().map(|proof| exit_call(proof).abi_encode()).collect();
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    let reaches = holding.balances.iter().all(|proof| word(proof.root()) == word(chain.last.new_root));
    if calls.len() != 1 || !reaches {
        return Err(Failure::new(Code::Mismatch, "the exit of a balance leads to another root"));
    }
    let transfers = (restored.books.batch_number() - 1) * OPS as u64;
    sheet.line("transfers restored from their logs", transfers as f64, "transfers", Bar::AtLeast(1e5));
    sheet.line("restoring these, and the call to exit", minutes, "minutes", Bar::AtMost(10.0));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that is given one log less, or another root at the end, says so: what is measured is a reader that compares.
    #[test]
    fn restoring_compares() {
        let mut chain = Sampled::new(2);
        let place =
            Place { contract: address(sample::DOMAIN.contract), until: BlockTag::Latest, from_block: 0 };
        let restored = restore(&mut chain, &place).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((restored.logs, restored.books.batch_number()), (2 * OPS as u64 + 3, 3));
        let first_owner = chain.owners[0];
        let holding = restored.holding(&mut chain, first_owner).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((holding.balances.len(), holding.pending.len()), (1, 1));
        let last = std::mem::replace(&mut chain.last, Sample::registered(OPS).1);
        assert!(restore(&mut chain, &place).is_err());
        chain.last = last;
        assert!(restore(&mut chain, &place).is_ok());
        chain.logs.remove(5);
        assert!(restore(&mut chain, &place).is_err());
    }
}
