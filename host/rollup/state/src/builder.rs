//! Makes a batch of what waits: the queue's head first, then signed ops, then NOOPs.

mod fees;
mod select;

use thiserror::Error;

pub use self::fees::FeePolicy;
use self::{fees::fee_tokens, select::Chains};
use crate::{
    babyjub::Point,
    batch::{BatchError, Executed, Header, Run},
    op::{Op, SignedOp},
    state::{OpError, Signatures, State},
    types::{AccountId, Address, Domain, TokenId},
};

/// An entry of the L1 queue: a forced op, but for the amount of a full exit, which is the balance when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueEntry {
    /// DEPOSIT.
    Deposit {
        /// Receiver.
        account: AccountId,
        /// Token.
        token: TokenId,
        /// Amount, not 0.
        amount: u128,
        /// L1 owner of the account.
        owner: Address,
    },
    /// FULL_EXIT.
    FullExit {
        /// Leaver.
        account: AccountId,
        /// Token.
        token: TokenId,
        /// L1 owner, who is paid.
        owner: Address,
    },
    /// SET_KEY.
    SetKey {
        /// The account.
        account: AccountId,
        /// The key, a point of the curve.
        key: Point,
    },
}

impl QueueEntry {
    /// The op that this entry is in the given state.
    pub fn op(&self, state: &State) -> Op {
        match *self {
            QueueEntry::Deposit { account, token, amount, owner } => {
                Op::Deposit { account, token, amount, owner }
            }
            QueueEntry::FullExit { account, token, owner } => {
                Op::FullExit { account, token, owner, amount: state.balance(account, token) }
            }
            QueueEntry::SetKey { account, key } => Op::SetKey { account, key },
        }
    }
}

/// What a batch is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The rollup.
    pub domain: Domain,
    /// Ops of the batch, N.
    pub size: usize,
    /// Number of the batch.
    pub number: u64,
    /// Time of the batch.
    pub time: u64,
    /// Who is credited the fees. The contract wants one that it has handed out wherever a batch consumes queue entries, fees or none.
    pub fee_account: AccountId,
    /// What signed ops must pay.
    pub fees: &'a FeePolicy,
}

/// Why a signed op is not in the batch.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LeftOut {
    /// It breaks a rule, now that every other op of the pool that could has run.
    #[error("rejected: {0}")]
    Rejected(OpError),
    /// The batch is full.
    #[error("waits: the batch is full")]
    Full,
    /// An op with an earlier nonce is missing.
    #[error("waits: account {account} is at nonce {expected}, the op has {got}")]
    NonceAhead {
        /// The account.
        account: AccountId,
        /// The account's nonce.
        expected: u64,
        /// The op's.
        got: u64,
    },
    /// An op with a nonce so far ahead is not kept.
    #[error("rejected: account {account} is at nonce {expected}, {got} is too far ahead")]
    NonceTooFar {
        /// The account.
        account: AccountId,
        /// The account's nonce.
        expected: u64,
        /// The op's.
        got: u64,
    },
    /// The fee is worth less than the operator asks.
    #[error("rejected: the fee is worth {got}, expected at least {minimum}")]
    FeeTooLow {
        /// What the operator asks.
        minimum: u128,
        /// What the fee is worth.
        got: u128,
    },
    /// Four other tokens take this batch's fees.
    #[error("waits: the batch takes no fee in token {0}")]
    FeeToken(TokenId),
    /// Only ops from the queue can be in a batch.
    #[error("rejected: ops from the queue are taken from L1 only")]
    NotFromQueue,
}

/// A batch and what is not in it.
#[derive(Debug)]
pub struct Built {
    /// The batch, as it ran.
    pub executed: Executed,
    /// Queue entries consumed, from the head.
    pub consumed: usize,
    /// Ops of the pool that are in the batch, by position in the pool.
    pub included: Vec<usize>,
    /// The others.
    pub left_out: Vec<(usize, LeftOut)>,
}

/// Runs the entries at the head of the queue; where one cannot run, everything is undone.
fn run_queue<'a>(mut run: Run<'a>, queue: &[QueueEntry]) -> Result<Run<'a>, BatchError> {
    for (index, entry) in queue.iter().enumerate() {
        let op = entry.op(run.state());
        if let Err(error) = run.apply(&op.into()) {
            run.undo();
            return Err(BatchError::Op { index, error });
        }
    }
    Ok(run)
}

/// Builds and runs a batch: as many queue entries as fit, then ops of the pool, then NOOPs.
///
/// The pool is in the order of arrival. A first run, undone, takes fees in any token; the four tokens are chosen from the ops that ran in it, so that
/// an op that cannot run now weighs nothing. Each account's ops run by rising nonce, accounts by the value of their next op; but one
/// place and one of the four tokens go to the op that has waited longest.
///
/// # Errors
/// [`BatchError`] where a queue entry cannot run (the contract lets no such entry in) or fees were paid and the fee account
/// cannot take them; nothing has changed then.
pub fn build(
    state: &mut State,
    plan: &Plan<'_>,
    queue: &[QueueEntry],
    pool: &[SignedOp],
) -> Result<Built, BatchError> {
    let Plan { domain, size, number, time, fee_account, fees } = *plan;
    let consumed = queue.len().min(size);
    let queue = &queue[..consumed];

    let mut trial = run_queue(Run::trial(state, domain, time), queue)?;
    let (chains, mut left_out) = Chains::new(pool, fees, &trial);
    let tried = chains.clone().select(&mut trial, size);
    trial.undo();
    let runnable = tried.included.iter().map(|i| &pool[*i]);
    let oldest = runnable.clone().next().filter(|_| size - consumed > 1);
    let fee_tokens = fee_tokens(fees, oldest, runnable);

    let header = Header { number, time, fee_account, fee_tokens };
    let mut run = run_queue(Run::start(state, domain, header, Signatures::Checked)?, queue)?;
    let alive = chains.without(&tried.left_out);
    left_out.extend(tried.left_out.into_iter().filter(|(i, _)| !alive.contains(*i)));
    let selection = alive.select(&mut run, size);
    left_out.extend(selection.left_out);
    while run.len() < size {
        run.apply(&Op::Noop.into()).expect("a NOOP has no rule to break");
    }
    Ok(Built { executed: run.finish()?, consumed, included: selection.included, left_out })
}
