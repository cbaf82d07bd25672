//! Takes ops from a pool into a run, by value, each account's nonces as a chain.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use super::{FeePolicy, LeftOut};
use crate::{
    batch::Run,
    op::{Op, SignedOp},
    state::OpError,
    types::AccountId,
};

/// What became of the ops of a pool, by position.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// In the order in which they ran.
    pub(super) included: Vec<usize>,
    pub(super) left_out: Vec<(usize, LeftOut)>,
}

/// Ops that may run, by account.
#[derive(Clone, Debug)]
pub(super) struct Chains<'a> {
    pool: &'a [SignedOp],
    values: Vec<u128>,
    /// By rising nonce; of several with one nonce the most valuable comes first, and of those the oldest.
    chains: BTreeMap<AccountId, VecDeque<usize>>,
}

impl<'a> Chains<'a> {
    /// Sorts the pool; ops that the policy turns away, and those from the queue, are left out at once.
    pub(super) fn new(
        pool: &'a [SignedOp],
        policy: &FeePolicy,
        run: &Run<'_>,
    ) -> (Self, Vec<(usize, LeftOut)>) {
        let values: Vec<u128> = pool.iter().map(|signed| policy.value(signed)).collect();
        let mut chains: BTreeMap<AccountId, VecDeque<usize>> = BTreeMap::new();
        let mut left_out = Vec::new();
        for (i, signed) in pool.iter().enumerate() {
            let reason = match (signed.op.signer(), signed.authorisation) {
                (None, _) => LeftOut::NotFromQueue,
                (Some(_), None) => LeftOut::Rejected(OpError::Unsigned),
                (Some(account), Some(authorisation)) => {
                    let (expected, got) = (nonce(run, account), authorisation.nonce);
                    if got < expected {
                        LeftOut::Rejected(OpError::Nonce { account, expected, got })
                    } else if got - expected >= policy.nonce_window {
                        LeftOut::NonceTooFar { account, expected, got }
                    } else if values[i] < policy.minimum {
                        LeftOut::FeeTooLow { minimum: policy.minimum, got: values[i] }
                    } else {
                        chains.entry(account).or_default().push_back(i);
                        continue;
                    }
                }
            };
            left_out.push((i, reason));
        }
        let mut all = Self { pool, values, chains };
        let Self { values, chains, .. } = &mut all;
        for chain in chains.values_mut() {
            chain.make_contiguous().sort_by_key(|i| (nonce_of(pool, *i), Reverse(values[*i]), *i));
        }
        (all, left_out)
    }

    /// Without ops that can never run.
    pub(super) fn without(&self, left_out: &[(usize, LeftOut)]) -> Self {
        let dead = |reason: &LeftOut| {
            use OpError as E;
            matches!(reason, LeftOut::Rejected(E::Signature { .. } | E::Expired { .. } | E::NoRecipient))
        };
        let dead: BTreeSet<usize> =
            left_out.iter().filter(|(_, reason)| dead(reason)).map(|(i, _)| *i).collect();
        let mut kept = self.clone();
        kept.chains.values_mut().for_each(|chain| chain.retain(|i| !dead.contains(i)));
        kept
    }

    /// Whether an op is in a chain.
    pub(super) fn contains(&self, i: usize) -> bool {
        let account = self.pool[i].op.signer();
        account.and_then(|account| self.chains.get(&account)).is_some_and(|chain| chain.contains(&i))
    }

    /// Runs ops until the batch has `size`. Where more than one place is free the first goes to the account whose next op stands first in the pool
    /// (the pool is in the order of arrival), so that whoever pays the minimum is not outbid for ever; the others go to the most valuable.
    pub(super) fn select(mut self, run: &mut Run<'_>, size: usize) -> Selection {
        let mut selection = Selection::default();
        let mut by_age = run.len() + 1 < size;
        // Next ops, and those that wait for money from another op of the pool.
        let mut heads: BTreeSet<(Reverse<u128>, usize)> = BTreeSet::new();
        let mut poor: BTreeMap<AccountId, OpError> = BTreeMap::new();
        let accounts: Vec<AccountId> = self.chains.keys().copied().collect();
        accounts.iter().for_each(|account| heads.extend(self.head(run, *account)));
        while run.len() < size {
            let oldest = || heads.iter().min_by_key(|(_, i)| *i).copied();
            let Some(head) = (if by_age { oldest() } else { heads.first().copied() }) else { break };
            heads.remove(&head);
            let (_, i) = head;
            let signed = &self.pool[i];
            let account = signed.op.signer().expect("chains hold signed ops");
            match run.apply(signed) {
                Ok(()) => {
                    by_age = false;
                    selection.included.push(i);
                    self.chains.get_mut(&account).expect("its chain").pop_front();
                    self.drop_used(run, account, &mut selection);
                    heads.extend(self.head(run, account));
                    if let Op::Transfer { to, .. } = signed.op
                        && poor.remove(&to).is_some()
                    {
                        heads.extend(self.head(run, to));
                    }
                }
                Err(error @ OpError::Balance { .. }) if !self.has_rival(account) => {
                    poor.insert(account, error);
                }
                Err(error) => {
                    let reason = match error {
                        OpError::FeeToken(token) => LeftOut::FeeToken(token),
                        error => LeftOut::Rejected(error),
                    };
                    selection.left_out.push((i, reason));
                    self.chains.get_mut(&account).expect("its chain").pop_front();
                    heads.extend(self.head(run, account));
                }
            }
        }
        self.explain(run, &poor, &mut selection);
        selection
    }

    /// The op that an account can run next.
    fn head(&self, run: &Run<'_>, account: AccountId) -> Option<(Reverse<u128>, usize)> {
        let i = *self.chains.get(&account)?.front()?;
        (nonce_of(self.pool, i) == nonce(run, account)).then(|| (Reverse(self.values[i]), i))
    }

    /// Whether another op has the nonce of an account's first.
    fn has_rival(&self, account: AccountId) -> bool {
        let mut nonces = self.chains[&account].iter().map(|i| nonce_of(self.pool, *i));
        nonces.next() == nonces.next()
    }

    /// Leaves out the rivals of an op that ran.
    fn drop_used(&mut self, run: &Run<'_>, account: AccountId, selection: &mut Selection) {
        let (expected, chain) = (nonce(run, account), self.chains.get_mut(&account).expect("its chain"));
        while let Some(i) = chain.front().copied().filter(|i| nonce_of(self.pool, *i) < expected) {
            let got = nonce_of(self.pool, i);
            selection.left_out.push((i, LeftOut::Rejected(OpError::Nonce { account, expected, got })));
            chain.pop_front();
        }
    }

    /// Says of every op that is still there why it waits.
    fn explain(self, run: &Run<'_>, poor: &BTreeMap<AccountId, OpError>, selection: &mut Selection) {
        for (account, chain) in self.chains {
            let expected = nonce(run, account);
            let mut next = expected;
            if let Some(error) = poor.get(&account) {
                selection.left_out.extend(chain.front().map(|i| (*i, LeftOut::Rejected(*error))));
            }
            for i in chain.into_iter().skip(usize::from(poor.contains_key(&account))) {
                let got = nonce_of(self.pool, i);
                let reason = if got > next {
                    LeftOut::NonceAhead { account, expected, got }
                } else {
                    next = got.saturating_add(1);
                    LeftOut::Full
                };
                selection.left_out.push((i, reason));
            }
        }
    }
}

fn nonce(run: &Run<'_>, account: AccountId) -> u64 {
    run.state().account(account).map_or(0, |account| account.nonce)
}

fn nonce_of(pool: &[SignedOp], i: usize) -> u64 {
    pool[i].authorisation.map_or(0, |authorisation| authorisation.nonce)
}
