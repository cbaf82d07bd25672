//! Makes a batch of what waits: the queue's head first, then signed ops, then NOOPs.

use thiserror::Error;

use crate::{
    babyjub::Point,
    batch::{BatchError, Executed, FEE_TOKENS, Header, Run},
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
pub struct Plan {
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
}

/// Why a signed op is not in the batch.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LeftOut {
    /// It breaks a rule and will not come back.
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

/// The four tokens, rising, in which most fees are offered; others fill up.
fn fee_tokens(pool: &[SignedOp]) -> [TokenId; FEE_TOKENS] {
    let mut offers = [0usize; 256];
    for (token, fee) in pool.iter().filter_map(|signed| signed.op.fee()) {
        offers[usize::from(token.0)] += usize::from(fee.get() != 0);
    }
    let mut tokens: Vec<u8> = (0..=255).collect();
    tokens.sort_by_key(|token| std::cmp::Reverse(offers[usize::from(*token)]));
    tokens.truncate(FEE_TOKENS);
    tokens.sort_unstable();
    std::array::from_fn(|i| TokenId(tokens[i]))
}

/// Builds and runs a batch: as many queue entries as fit, then ops of the pool, one sender's by rising nonce, then NOOPs.
///
/// # Errors
/// [`BatchError`] where a queue entry cannot run (the contract lets no such entry in) or fees were paid and the fee account
/// cannot take them; nothing has changed then.
pub fn build(
    state: &mut State,
    plan: &Plan,
    queue: &[QueueEntry],
    pool: &[SignedOp],
) -> Result<Built, BatchError> {
    let Plan { domain, size, number, time, fee_account } = *plan;
    let header = Header { number, time, fee_account, fee_tokens: fee_tokens(pool) };
    let mut run = Run::start(state, domain, header, Signatures::Checked)?;
    let consumed = queue.len().min(size);
    for (index, entry) in queue[..consumed].iter().enumerate() {
        let op = entry.op(run.state());
        if let Err(error) = run.apply(&op.into()) {
            run.undo();
            return Err(BatchError::Op { index, error });
        }
    }
    let mut order: Vec<usize> = (0..pool.len()).collect();
    order.sort_by_key(|i| pool[*i].authorisation.map_or(0, |authorisation| authorisation.nonce));
    let (mut included, mut left_out) = (Vec::new(), Vec::new());
    for i in order {
        if pool[i].op.signer().is_none() {
            left_out.push((i, LeftOut::NotFromQueue));
        } else if run.len() == size {
            left_out.push((i, LeftOut::Full));
        } else {
            match run.apply(&pool[i]) {
                Ok(()) => included.push(i),
                Err(OpError::Nonce { account, expected, got }) if got > expected => {
                    left_out.push((i, LeftOut::NonceAhead { account, expected, got }));
                }
                Err(OpError::FeeToken(token)) => left_out.push((i, LeftOut::FeeToken(token))),
                Err(error) => left_out.push((i, LeftOut::Rejected(error))),
            }
        }
    }
    while run.len() < size {
        run.apply(&Op::Noop.into()).expect("a NOOP has no rule to break");
    }
    Ok(Built { executed: run.finish()?, consumed, included, left_out })
}
