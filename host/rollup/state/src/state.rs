//! Accounts, and what one op does to them.

use std::collections::BTreeMap;

use ark_ff::AdditiveGroup;
use millrace_bn254::Fr;
use thiserror::Error;

use crate::{
    babyjub::Point,
    eddsa::{self, SignatureError},
    op::{Authorisation, Op, SignedOp},
    poseidon::hash5,
    tree::{ACCOUNT_DEPTH, BALANCE_DEPTH, Path, Tree},
    types::{AccountId, Address, Domain, TokenId},
};

/// No key: what an account has before its first SET_KEY.
pub const NO_KEY: Point = Point { x: Fr::ZERO, y: Fr::ZERO };

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// L1 owner; nobody in an empty account.
    pub owner: Address,
    /// Key that signs, or [`NO_KEY`].
    pub key: Point,
    /// Signed ops so far.
    pub nonce: u64,
    /// Balances that are not 0.
    balances: BTreeMap<TokenId, u128>,
    tree: Tree<BALANCE_DEPTH>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            owner: Address::NOBODY,
            key: NO_KEY,
            nonce: 0,
            balances: BTreeMap::new(),
            tree: Tree::balances(),
        }
    }
}

impl Account {
    /// The balance of a token.
    pub fn balance(&self, token: TokenId) -> u128 {
        self.balances.get(&token).copied().unwrap_or(0)
    }

    /// Balances that are not 0.
    pub fn balances(&self) -> impl Iterator<Item = (TokenId, u128)> + '_ {
        self.balances.iter().map(|(token, balance)| (*token, *balance))
    }

    fn set_balance(&mut self, token: TokenId, balance: u128) {
        if balance == 0 {
            self.balances.remove(&token);
        } else {
            self.balances.insert(token, balance);
        }
        self.tree.set(token.0.into(), Fr::from(balance));
    }

    /// The five inputs of the leaf's hash.
    pub fn leaf_inputs(&self) -> [Fr; 5] {
        [self.owner.to_fr(), self.key.x, self.key.y, Fr::from(self.nonce), self.tree.root()]
    }

    /// The leaf.
    pub fn leaf(&self) -> Fr {
        hash5(&self.leaf_inputs())
    }

    /// The siblings of a balance.
    pub fn balance_path(&self, token: TokenId) -> Path<BALANCE_DEPTH> {
        self.tree.path(token.0.into())
    }
}

/// Why an op cannot run. No proof of it exists either.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpError {
    /// The op is about account 0.
    #[error("account 0 is nobody: nothing can be done with it")]
    Nobody,
    /// A deposit without an owner.
    #[error("a deposit needs an owner: address 0 is nobody")]
    NoOwner,
    /// A withdrawal to address 0.
    #[error("a withdrawal needs a recipient: address 0 is nobody")]
    NoRecipient,
    /// The receiver is empty.
    #[error("account {0} has no owner and cannot receive")]
    NoReceiver(AccountId),
    /// Amount and fee are more than the balance.
    #[error("account {account} has {balance} of token {token}, the op needs {needed}")]
    Balance {
        /// The account.
        account: AccountId,
        /// The token.
        token: TokenId,
        /// What it has.
        balance: u128,
        /// Amount and fee; `u128::MAX` where their sum is above that.
        needed: u128,
    },
    /// The receiver's balance would reach 2^128.
    #[error("account {account} would have 2^128 or more of token {token}")]
    Overflow {
        /// The account.
        account: AccountId,
        /// The token.
        token: TokenId,
    },
    /// A full exit of another amount than the balance.
    #[error(
        "a full exit must pay the balance: account {account} has {balance} of token {token}, the op says {got}"
    )]
    ExitAmount {
        /// The account.
        account: AccountId,
        /// The token.
        token: TokenId,
        /// What it has.
        balance: u128,
        /// What the op says.
        got: u128,
    },
    /// No signature where one is needed.
    #[error("the op needs a signature")]
    Unsigned,
    /// A signature where none belongs.
    #[error("the op takes no signature")]
    NeedlesslySigned,
    /// The nonce is not the account's.
    #[error("the nonce is {got}, account {account} expects {expected}")]
    Nonce {
        /// The account.
        account: AccountId,
        /// The account's nonce.
        expected: u64,
        /// The op's.
        got: u64,
    },
    /// No further nonce.
    #[error("account {0} has used all its nonces")]
    NoncesUsedUp(AccountId),
    /// Too late.
    #[error("the op was valid until {valid_until}, the batch's time is {batch_time}")]
    Expired {
        /// Last time.
        valid_until: u64,
        /// The batch's.
        batch_time: u64,
    },
    /// The signature does not hold.
    #[error("account {account}: {error}")]
    Signature {
        /// The account.
        account: AccountId,
        /// What is wrong with it.
        error: SignatureError,
    },
    /// A key that is no point.
    #[error("the new key is not on the curve")]
    KeyOffCurve,
    /// A fee in a token that the batch does not take.
    #[error("the batch takes no fee in token {0}")]
    FeeToken(TokenId),
}

/// One account and one of its balances before a change, with the paths to both.
#[derive(Clone, Debug)]
pub struct Touch {
    /// The account.
    pub account: AccountId,
    /// The token.
    pub token: TokenId,
    /// Inputs of the leaf's hash.
    pub leaf: [Fr; 5],
    /// The balance.
    pub balance: u128,
    /// Siblings of the balance.
    pub balance_path: Path<BALANCE_DEPTH>,
    /// Siblings of the leaf.
    pub account_path: Path<ACCOUNT_DEPTH>,
}

/// What a circuit needs to know of one op.
#[derive(Clone, Debug)]
pub struct OpTrace {
    /// The op and its authorisation.
    pub signed: SignedOp,
    /// The op's own account before it.
    pub first: Touch,
    /// The receiver of a TRANSFER, after the sender was debited; account 0 for other ops.
    pub second: Touch,
}

/// What of a batch an op depends on.
#[derive(Clone, Copy, Debug)]
pub struct OpContext<'a> {
    /// The rollup.
    pub domain: &'a Domain,
    /// The batch's time.
    pub time: u64,
    /// The tokens in which the batch takes fees.
    pub fee_tokens: &'a [TokenId],
}

/// Who answers for the signatures of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signatures {
    /// They are checked here.
    Checked,
    /// A proof that L1 accepted; they are not there any more.
    Proven,
}

/// All accounts.
#[derive(Clone, Debug)]
pub struct State {
    accounts: BTreeMap<AccountId, Account>,
    tree: Tree<ACCOUNT_DEPTH>,
}

impl Default for State {
    fn default() -> Self {
        Self { accounts: BTreeMap::new(), tree: Tree::accounts() }
    }
}

impl State {
    /// The state root.
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// An account that was touched before.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// Accounts that were touched, by rising id.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.accounts.iter().map(|(id, account)| (*id, account))
    }

    /// The balance of a token, 0 where there is no such account.
    pub fn balance(&self, id: AccountId, token: TokenId) -> u128 {
        self.account(id).map_or(0, |account| account.balance(token))
    }

    /// The siblings of an account's leaf.
    pub fn account_path(&self, id: AccountId) -> Path<ACCOUNT_DEPTH> {
        self.tree.path(id.get())
    }

    /// Puts back an account as it was (`None`: untouched).
    pub(crate) fn restore(&mut self, id: AccountId, before: Option<Account>) {
        let leaf = before.as_ref().map_or_else(crate::tree::empty_account_leaf, Account::leaf);
        match before {
            Some(account) => self.accounts.insert(id, account),
            None => self.accounts.remove(&id),
        };
        self.tree.set(id.get(), leaf);
    }

    pub(crate) fn touch(&self, id: AccountId, token: TokenId) -> Touch {
        let empty = Account::default();
        let account = self.account(id).unwrap_or(&empty);
        Touch {
            account: id,
            token,
            leaf: account.leaf_inputs(),
            balance: account.balance(token),
            balance_path: account.balance_path(token),
            account_path: self.account_path(id),
        }
    }

    fn change(&mut self, id: AccountId, change: impl FnOnce(&mut Account)) {
        let account = self.accounts.entry(id).or_default();
        change(account);
        self.tree.set(id.get(), account.leaf());
    }

    /// Adds to a balance; the account must have an owner.
    pub(crate) fn credit(&mut self, id: AccountId, token: TokenId, amount: u128) -> Result<(), OpError> {
        if id == AccountId::NOBODY {
            return Err(OpError::Nobody);
        }
        let account = self.account(id).filter(|account| account.owner != Address::NOBODY);
        let account = account.ok_or(OpError::NoReceiver(id))?;
        let sum =
            account.balance(token).checked_add(amount).ok_or(OpError::Overflow { account: id, token })?;
        self.change(id, |account| account.set_balance(token, sum));
        Ok(())
    }

    /// Checks everything that a signer answers for.
    fn check_signer(
        &self,
        id: AccountId,
        op: &Op,
        authorisation: Option<&Authorisation>,
        context: &OpContext<'_>,
    ) -> Result<(), OpError> {
        let authorisation = authorisation.ok_or(OpError::Unsigned)?;
        let Authorisation { nonce, valid_until, signature } = *authorisation;
        let (key, expected) = self.account(id).map_or((NO_KEY, 0), |account| (account.key, account.nonce));
        if nonce != expected {
            return Err(OpError::Nonce { account: id, expected, got: nonce });
        }
        if nonce == u64::MAX {
            return Err(OpError::NoncesUsedUp(id));
        }
        if context.time > valid_until {
            return Err(OpError::Expired { valid_until, batch_time: context.time });
        }
        let message = op.message(context.domain, nonce, valid_until);
        eddsa::verify(&key, message, &signature).map_err(|error| OpError::Signature { account: id, error })
    }

    /// Takes amount and fee from a signer and counts its nonce.
    fn debit(&mut self, id: AccountId, token: TokenId, amount: u128, fee: u128) -> Result<(), OpError> {
        let balance = self.balance(id, token);
        let needed = amount.checked_add(fee);
        let left = needed.and_then(|needed| balance.checked_sub(needed));
        let left = left.ok_or(OpError::Balance {
            account: id,
            token,
            balance,
            needed: needed.unwrap_or(u128::MAX),
        })?;
        self.change(id, |account| {
            account.set_balance(token, left);
            account.nonce += 1;
        });
        Ok(())
    }

    /// Runs one op. Where it fails nothing has changed.
    ///
    /// # Errors
    /// [`OpError`]: the first rule that the op breaks.
    pub fn apply(&mut self, signed: &SignedOp, context: &OpContext<'_>) -> Result<OpTrace, OpError> {
        self.run(signed, context, Signatures::Checked)
    }

    /// Runs one op; with [`Signatures::Proven`] its signature has been checked by a proof that L1 accepted.
    pub(crate) fn run(
        &mut self,
        signed: &SignedOp,
        context: &OpContext<'_>,
        signatures: Signatures,
    ) -> Result<OpTrace, OpError> {
        let SignedOp { op, authorisation } = signed;
        let check = |state: &Self, from, op| match signatures {
            Signatures::Checked => state.check_signer(from, op, authorisation.as_ref(), context),
            Signatures::Proven => Ok(()),
        };
        if op.signer().is_none() && authorisation.is_some() {
            return Err(OpError::NeedlesslySigned);
        }
        if let Some((token, fee)) = op.fee()
            && fee.get() != 0
            && !context.fee_tokens.contains(&token)
        {
            return Err(OpError::FeeToken(token));
        }
        let (id, token) = match *op {
            Op::Noop => (AccountId::NOBODY, TokenId(0)),
            Op::Deposit { account, token, .. } | Op::FullExit { account, token, .. } => (account, token),
            Op::Transfer { from, token, .. } | Op::Withdraw { from, token, .. } => (from, token),
            Op::SetKey { account, .. } => (account, TokenId(0)),
        };
        if id == AccountId::NOBODY && *op != Op::Noop {
            return Err(OpError::Nobody);
        }
        let first = self.touch(id, token);
        let mut second = None;
        match *op {
            Op::Noop => {}
            Op::Deposit { account, token, amount, owner } => {
                if owner == Address::NOBODY {
                    return Err(OpError::NoOwner);
                }
                let balance = self.balance(account, token);
                let sum = balance.checked_add(amount).ok_or(OpError::Overflow { account, token })?;
                self.change(account, |account| {
                    if account.owner == Address::NOBODY {
                        account.owner = owner;
                    }
                    account.set_balance(token, sum);
                });
            }
            Op::Transfer { from, to, token, amount, fee } => {
                check(self, from, op)?;
                let before = self.account(from).cloned();
                self.debit(from, token, amount, fee.get())?;
                second = Some(self.touch(to, token));
                if let Err(error) = self.credit(to, token, amount) {
                    self.restore(from, before);
                    return Err(error);
                }
            }
            Op::Withdraw { from, token, amount, fee, recipient } => {
                if recipient == Address::NOBODY {
                    return Err(OpError::NoRecipient);
                }
                check(self, from, op)?;
                self.debit(from, token, amount, fee.get())?;
            }
            Op::FullExit { account, token, amount, .. } => {
                let balance = self.balance(account, token);
                if amount != balance {
                    return Err(OpError::ExitAmount { account, token, balance, got: amount });
                }
                if balance != 0 {
                    self.change(account, |account| account.set_balance(token, 0));
                }
            }
            Op::SetKey { account, key } => {
                if !key.is_on_curve() {
                    return Err(OpError::KeyOffCurve);
                }
                self.change(account, |account| account.key = key);
            }
        }
        // Every other op leaves account 0 as it is; the token is the op's, so that the circuit has one token an op.
        let second = second.unwrap_or_else(|| self.touch(AccountId::NOBODY, token));
        Ok(OpTrace { signed: *signed, first, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        batch::{Batch, BatchError, Header},
        eddsa::SecretKey,
        types::Fee,
    };

    const DOMAIN: Domain = Domain { chain_id: 31337, contract: Address([0xc0; 20]) };

    /// One op in a batch of its own, signed by account 1 at this nonce.
    fn run(state: &mut State, nonce: u64) -> Result<(), BatchError> {
        let (one, token) = (AccountId::new(1).unwrap(), TokenId(0));
        let op = Op::Transfer { from: one, to: one, token, amount: 5, fee: Fee::new(0).unwrap() };
        let signature = SecretKey::from_seed(&[1; 32]).sign(op.message(&DOMAIN, nonce, u64::MAX));
        let authorisation = Some(Authorisation { nonce, valid_until: u64::MAX, signature });
        let fee_tokens = [0, 1, 2, 3].map(TokenId);
        let header = Header { number: 1, time: 1, fee_account: one, fee_tokens };
        let batch = Batch { header, ops: vec![SignedOp { op, authorisation }] };
        state.execute(DOMAIN, &batch).map(|_| ())
    }

    /// No history reaches 2^64 − 1 signatures, so the account is put there.
    #[test]
    fn nonces_end_and_do_not_come_back() {
        let one = AccountId::new(1).unwrap();
        let mut state = State::default();
        state.change(one, |account| {
            account.owner = Address([1; 20]);
            account.key = SecretKey::from_seed(&[1; 32]).public();
            account.nonce = u64::MAX - 1;
            account.set_balance(TokenId(0), 5);
        });
        assert_eq!(run(&mut state, u64::MAX - 1), Ok(()));
        assert_eq!(state.account(one).unwrap().nonce, u64::MAX);
        let refused = |error| Err(BatchError::Op { index: 0, error });
        assert_eq!(run(&mut state, u64::MAX), refused(OpError::NoncesUsedUp(one)));
        assert_eq!(run(&mut state, 0), refused(OpError::Nonce { account: one, expected: u64::MAX, got: 0 }));
    }
}
