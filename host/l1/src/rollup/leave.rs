//! What an owner can take out of a rollup by its own power, and the calls for it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use millrace_state::builder::QueueEntry;
use millrace_state::exit::ExitProof;
use millrace_state::types::{AccountId, TokenId};

use super::abi::IRollup;
use super::books::{Books, Queued, fee_wei};
use super::{NATIVE, address, word};

/// Everything that an owner has in a rollup.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The owner.
    pub owner: Address,
    /// Its account, where it has one.
    pub account: Option<AccountId>,
    /// Balances of the last root, each with its way to that root; those that have left in exodus are not there.
    pub balances: Vec<ExitProof>,
    /// Queue entries of the account that no batch has taken: refunded in exodus.
    pub queued: Vec<(u64, Queued)>,
    /// What can be withdrawn now, by token.
    pub pending: Vec<(u8, U256)>,
}

impl Holding {
    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.balances.is_empty() && self.queued.is_empty() && self.pending.is_empty()
    }

    /// What is pending for the owner, by token, once every balance here has left and every entry here is refunded with its fee: whoever is not the owner must
    /// withdraw exactly this. Tokens of which there is nothing are left out.
    pub fn pending_after_leaving(&self) -> BTreeMap<u8, U256> {
        let pending = self.pending.iter().copied();
        let exits = self.balances.iter().map(|proof| (proof.token.0, U256::from(proof.balance)));
        let deposits = self.queued.iter().filter_map(|(_, queued)| match queued.entry {
            QueueEntry::Deposit { token, amount, .. } => Some((token.0, U256::from(amount))),
            QueueEntry::FullExit { .. } | QueueEntry::SetKey { .. } => None,
        });
        let fees = self.queued.iter().map(|(_, queued)| (NATIVE, fee_wei(queued.fee_gwei)));
        let mut sums = BTreeMap::new();
        for (token, units) in pending.chain(exits).chain(deposits).chain(fees) {
            *sums.entry(token).or_insert(U256::ZERO) += units;
        }
        sums.retain(|_, units| !units.is_zero());
        sums
    }
}

impl Books {
    /// What an owner has.
    pub fn holding(&self, owner: Address) -> Holding {
        let account = self.account_of(owner);
        let tokens = account
            .and_then(|id| self.state().account(id))
            .into_iter()
            .flat_map(|account| account.balances().map(|(token, _)| token).collect::<Vec<TokenId>>());
        let balances = tokens
            .filter_map(|token| {
                let id = account.filter(|id| !self.has_exited(*id, token.0))?;
                self.state().prove_balance(id, token).ok()
            })
            .collect();
        let queued = self.queue().iter().filter(|(_, queued)| queued.owner == owner);
        let pending = self.all_pending().range((owner, 0)..=(owner, u8::MAX));
        Holding {
            owner,
            account,
            balances,
            queued: queued.map(|(index, queued)| (*index, *queued)).collect(),
            pending: pending.map(|((_, token), amount)| (*token, *amount)).collect(),
        }
    }
}

/// Takes a balance out in exodus.
pub fn exit_call(proof: &ExitProof) -> IRollup::exitCall {
    let siblings = proof.balance_path.iter().chain(&proof.account_path).flatten();
    let path: Vec<U256> = siblings.map(|x| word(*x)).collect();
    let claim = IRollup::ExitClaim {
        id: proof.account.get().try_into().expect("24 bits"),
        token: proof.token.0,
        owner: address(proof.owner),
        ax: word(proof.key.x),
        ay: word(proof.key.y),
        nonce: U256::from(proof.nonce),
        balance: proof.balance,
        path: path.try_into().expect("12 and 36 siblings"),
    };
    IRollup::exitCall { claim }
}

/// Gives an unprocessed queue entry back in exodus.
pub fn refund_call(index: u64, owner: Address) -> IRollup::refundCall {
    IRollup::refundCall { index: U256::from(index), owner }
}

/// Pays out what is pending.
pub fn withdraw_call(owner: Address, token: u8, to: Address, amount: U256) -> IRollup::withdrawCall {
    IRollup::withdrawCall { owner, token: U256::from(token), to, amount }
}
