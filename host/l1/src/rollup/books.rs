//! Everything the contract knows, made from its events alone.
//!
//! Nothing here asks who called what: `submit` may have come through another contract or a delegated account, the event is the same. Every event is
//! checked against what came before it, so that a list with a gap, an exchange or an invention does not get far.

mod batch;
mod error;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolEventInterface;
use millrace_bn254::Fr;
use millrace_state::builder::QueueEntry;
use millrace_state::state::State;
use millrace_state::types::{AccountId, Domain, TokenId};

pub use self::error::BooksError;
use super::abi::IRollup::{self, IRollupEvents as Event};
use super::{NATIVE, field, owner as state_owner};
use crate::chain::Log;

/// Wei in a gwei.
const GWEI: u64 = 1_000_000_000;
/// The queue fee grows by its base with each so many waiting entries.
const FEE_STEP_ENTRIES: u64 = 64;

/// An entry of the queue that no batch has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// What it asks for.
    pub entry: QueueEntry,
    /// Owner of its account.
    pub owner: Address,
    /// Fee that it paid.
    pub fee_gwei: u64,
}

/// The contract's books.
pub struct Books {
    domain: Domain,
    state: State,
    batch_number: u64,
    batch_time: u64,
    /// Owner of account i + 1.
    owners: Vec<Address>,
    ids: HashMap<Address, AccountId>,
    /// By index: what is neither processed nor refunded.
    queue: BTreeMap<u64, Queued>,
    head: u64,
    tail: u64,
    base_fee_gwei: u64,
    custody: BTreeMap<u8, u128>,
    /// What is not 0.
    pending: BTreeMap<(Address, u8), U256>,
    exited: BTreeSet<(AccountId, u8)>,
    exodus: bool,
}

impl Books {
    /// The books of a contract that was just deployed.
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            state: State::default(),
            batch_number: 0,
            batch_time: 0,
            owners: Vec::new(),
            ids: HashMap::new(),
            queue: BTreeMap::new(),
            head: 0,
            tail: 0,
            base_fee_gwei: 0,
            custody: BTreeMap::new(),
            pending: BTreeMap::new(),
            exited: BTreeSet::new(),
            exodus: false,
        }
    }

    /// The state of the last accepted batch.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its root.
    pub fn root(&self) -> Fr {
        self.state.root()
    }

    /// Number of the last accepted batch.
    pub fn batch_number(&self) -> u64 {
        self.batch_number
    }

    /// Time that it named.
    pub fn batch_time(&self) -> u64 {
        self.batch_time
    }

    /// Owners by rising account id, from 1.
    pub fn owners(&self) -> &[Address] {
        &self.owners
    }

    /// The account of an owner.
    pub fn account_of(&self, owner: Address) -> Option<AccountId> {
        self.ids.get(&owner).copied()
    }

    /// Entries that no batch has taken and nobody was refunded, by index.
    pub fn queue(&self) -> &BTreeMap<u64, Queued> {
        &self.queue
    }

    /// First entry that no batch has taken, and the index of the next new one.
    pub fn queue_bounds(&self) -> (u64, u64) {
        (self.head, self.tail)
    }

    /// Whether the exodus has been started.
    pub fn exodus(&self) -> bool {
        self.exodus
    }

    /// Whether a balance has left in exodus.
    pub fn has_exited(&self, account: AccountId, token: u8) -> bool {
        self.exited.contains(&(account, token))
    }

    /// Sum of a token's balances in the state, without those that have left.
    pub fn custody(&self, token: u8) -> u128 {
        self.custody.get(&token).copied().unwrap_or(0)
    }

    /// What an address can withdraw.
    pub fn pending(&self, owner: Address, token: u8) -> U256 {
        self.pending.get(&(owner, token)).copied().unwrap_or_default()
    }

    /// Everything that can be withdrawn, by owner and token.
    pub fn all_pending(&self) -> &BTreeMap<(Address, u8), U256> {
        &self.pending
    }

    /// Custody, queued deposits and fees, and pending balances: what the contract must hold at least.
    pub fn owed(&self, token: u8) -> U256 {
        let pending = self.pending.iter().filter(|((_, t), _)| *t == token).map(|(_, amount)| *amount);
        let queued = self.queue.values().map(|queued| match queued.entry {
            QueueEntry::Deposit { token: TokenId(t), amount, .. } if t == token => U256::from(amount),
            _ => U256::ZERO,
        });
        let fees = self.queue.values().filter(|_| token == NATIVE).map(|q| fee_wei(q.fee_gwei));
        let custody = U256::from(self.custody(token));
        pending.chain(queued).chain(fees).fold(custody, U256::saturating_add)
    }

    /// Takes in the next log; gives the words of the batch that it says was accepted, if it says so.
    ///
    /// # Errors
    /// [`BooksError`] where the log is none of the contract's, or cannot come next. The books are of no use then.
    pub fn apply(&mut self, log: &Log) -> Result<Option<Vec<Fr>>, BooksError> {
        let event = Event::decode_raw_log(&log.topics, &log.data).map_err(|_| BooksError::Unknown)?;
        match event {
            Event::Deposited(event) => self.deposited(&event),
            Event::ExitRequested(event) => {
                let (account, token) = self.requester(event.owner, event.id, event.token)?;
                let entry = QueueEntry::FullExit { account, token, owner: state_owner(event.owner) };
                self.push(event.index, entry, event.owner, event.feeGwei)
            }
            Event::KeyRequested(event) => {
                let (account, _) = self.requester(event.owner, event.id, U256::ZERO)?;
                let coordinate = |word| field(word).ok_or(BooksError::Word("a key's coordinate"));
                let key =
                    millrace_state::babyjub::Point { x: coordinate(event.ax)?, y: coordinate(event.ay)? };
                self.push(event.index, QueueEntry::SetKey { account, key }, event.owner, event.feeGwei)
            }
            Event::ExcessCredited(event) => {
                // No chain has more coin; and no sum of so many can wrap.
                let amount = narrow(event.amount, 128, "an excess")?;
                self.credit(event.sender, NATIVE, U256::from(amount))
            }
            Event::BatchAccepted(event) => return self.batch_accepted(&event).map(Some),
            Event::ExodusStarted(event) => {
                let expected = (super::word(self.root()), U256::from(self.head), U256::from(self.tail));
                if self.exodus || expected != (event.root, event.head, event.tail) {
                    return Err(BooksError::Follows("the start of an exodus of another root or queue"));
                }
                self.exodus = true;
                Ok(())
            }
            Event::Exited(event) => self.left(&event),
            Event::Refunded(event) => self.refunded(&event),
            Event::Withdrawn(event) => {
                let token = narrow_token(event.token)?;
                self.debit(event.owner, token, event.amount)
            }
        }?;
        Ok(None)
    }

    fn deposited(&mut self, event: &IRollup::Deposited) -> Result<(), BooksError> {
        let amount = narrow(event.amount, 120, "an amount")?;
        let token = TokenId(narrow_token(event.token)?);
        if amount == 0 || event.owner == Address::ZERO {
            return Err(BooksError::Follows("a deposit of nothing or for nobody"));
        }
        let account = match self.account_of(event.owner) {
            Some(account) => account,
            None => {
                self.owners.push(event.owner);
                let id =
                    AccountId::new(self.owners.len() as u32).map_err(|_| BooksError::Word("an account"))?;
                self.ids.insert(event.owner, id);
                id
            }
        };
        if event.id != U256::from(account.get()) {
            return Err(BooksError::Follows("a deposit for an account that its owner does not have"));
        }
        let owner = state_owner(event.owner);
        let entry = QueueEntry::Deposit { account, token, amount, owner };
        self.push(event.index, entry, event.owner, event.feeGwei)
    }

    /// Account and token of a forced op.
    fn requester(&self, owner: Address, id: U256, token: U256) -> Result<(AccountId, TokenId), BooksError> {
        let account = self.account_of(owner).filter(|account| id == U256::from(account.get()));
        let account =
            account.ok_or(BooksError::Follows("a request for an account that its owner does not have"))?;
        Ok((account, TokenId(narrow_token(token)?)))
    }

    fn push(
        &mut self,
        index: U256,
        entry: QueueEntry,
        owner: Address,
        fee_gwei: U256,
    ) -> Result<(), BooksError> {
        if index != U256::from(self.tail) {
            return Err(BooksError::QueueIndex { expected: self.tail, got: index });
        }
        let fee_gwei = narrow(fee_gwei, 56, "a fee")? as u64;
        let steps = 1 + (self.tail - self.head) / FEE_STEP_ENTRIES;
        if self.tail == 0 {
            self.base_fee_gwei = fee_gwei;
        }
        if Some(fee_gwei) != self.base_fee_gwei.checked_mul(steps) || self.exodus {
            return Err(BooksError::Follows("a queue entry with another fee than the queue's, or in exodus"));
        }
        self.queue.insert(self.tail, Queued { entry, owner, fee_gwei });
        self.tail += 1;
        Ok(())
    }

    fn credit(&mut self, owner: Address, token: u8, amount: U256) -> Result<(), BooksError> {
        if !amount.is_zero() {
            let pending = self.pending.entry((owner, token)).or_default();
            *pending = pending.checked_add(amount).ok_or(BooksError::Word("a pending balance"))?;
        }
        Ok(())
    }

    fn debit(&mut self, owner: Address, token: u8, amount: U256) -> Result<(), BooksError> {
        let left = self.pending(owner, token).checked_sub(amount);
        let left = left.ok_or(BooksError::Follows("a withdrawal of more than is pending"))?;
        match left.is_zero() {
            true => drop(self.pending.remove(&(owner, token))),
            false => drop(self.pending.insert((owner, token), left)),
        }
        Ok(())
    }

    /// Out of custody, to pending.
    fn pay_out(&mut self, owner: Address, token: u8, amount: u128) -> Result<(), BooksError> {
        let left = self.custody(token).checked_sub(amount);
        let left = left.ok_or(BooksError::Follows("a payment of more than is in custody"))?;
        self.custody.insert(token, left);
        self.credit(owner, token, U256::from(amount))
    }

    fn left(&mut self, event: &IRollup::Exited) -> Result<(), BooksError> {
        let token = narrow_token(event.token)?;
        let id = narrow(event.id, 24, "an account")? as u32;
        let id = AccountId::new(id).map_err(|_| BooksError::Word("an account"))?;
        let balance = self.state.balance(id, TokenId(token));
        let owns = self.state.account(id).is_some_and(|account| account.owner == state_owner(event.owner));
        let once = self.exodus && self.exited.insert((id, token));
        if !once || !owns || event.amount != U256::from(balance) || balance == 0 {
            return Err(BooksError::Follows(
                "an exit that is not of a balance of the last root, or not the first",
            ));
        }
        self.pay_out(event.owner, token, balance)
    }

    fn refunded(&mut self, event: &IRollup::Refunded) -> Result<(), BooksError> {
        let index = narrow(event.index, 40, "a queue index")? as u64;
        let queued = self.queue.remove(&index).filter(|_| self.exodus);
        let queued = queued.ok_or(BooksError::Follows("a refund of an entry that is not there"))?;
        let (token, amount) = match queued.entry {
            QueueEntry::Deposit { token, amount, .. } => (token, amount),
            QueueEntry::FullExit { token, .. } => (token, 0),
            QueueEntry::SetKey { .. } => (TokenId(NATIVE), 0),
        };
        let expected = (queued.owner, U256::from(token.0), U256::from(amount), U256::from(queued.fee_gwei));
        if expected != (event.owner, event.token, event.amount, event.feeGwei) {
            return Err(BooksError::Follows("a refund that is not what the entry paid"));
        }
        self.credit(queued.owner, token.0, U256::from(amount))?;
        self.credit(queued.owner, NATIVE, fee_wei(queued.fee_gwei))
    }
}

pub(super) fn fee_wei(gwei: u64) -> U256 {
    U256::from(gwei) * U256::from(GWEI)
}

fn narrow(word: U256, bits: usize, what: &'static str) -> Result<u128, BooksError> {
    if word.bit_len() > bits { Err(BooksError::Word(what)) } else { Ok(word.to()) }
}

fn narrow_token(word: U256) -> Result<u8, BooksError> {
    narrow(word, 8, "a token").map(|token| token as u8)
}
