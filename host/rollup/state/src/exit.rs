//! The proof of one balance under a state root: what a user hands to L1 in exodus.

use millrace_bn254::Fr;
use thiserror::Error;

use crate::{
    babyjub::Point,
    poseidon::hash5,
    state::State,
    tree::{ACCOUNT_DEPTH, BALANCE_DEPTH, Path, root_of},
    types::{AccountId, Address, TokenId},
};

/// One balance, and all that its place under a root takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitProof {
    /// The account.
    pub account: AccountId,
    /// The token.
    pub token: TokenId,
    /// L1 owner, who is paid.
    pub owner: Address,
    /// The account's key.
    pub key: Point,
    /// The account's nonce.
    pub nonce: u64,
    /// The balance.
    pub balance: u128,
    /// Siblings of the balance.
    pub balance_path: Path<BALANCE_DEPTH>,
    /// Siblings of the leaf.
    pub account_path: Path<ACCOUNT_DEPTH>,
}

/// Why there is no proof.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExitError {
    /// No such account.
    #[error("the state has no account {0}")]
    NoAccount(AccountId),
    /// Nothing to take out.
    #[error("account {account} has no balance of token {token}")]
    NoBalance {
        /// The account.
        account: AccountId,
        /// The token.
        token: TokenId,
    },
}

impl ExitProof {
    /// The root that this proof is for.
    pub fn root(&self) -> Fr {
        let balances = root_of(self.token.0.into(), Fr::from(self.balance), &self.balance_path);
        let balances = balances.expect("a token is below 4^4");
        let leaf = hash5(&[self.owner.to_fr(), self.key.x, self.key.y, Fr::from(self.nonce), balances]);
        root_of(self.account.get(), leaf, &self.account_path).expect("an account id is below 4^12")
    }
}

impl State {
    /// Proves a balance under the present root.
    ///
    /// # Errors
    /// [`ExitError`].
    pub fn prove_balance(&self, id: AccountId, token: TokenId) -> Result<ExitProof, ExitError> {
        let account = self.account(id).ok_or(ExitError::NoAccount(id))?;
        let balance = account.balance(token);
        if balance == 0 {
            return Err(ExitError::NoBalance { account: id, token });
        }
        Ok(ExitProof {
            account: id,
            token,
            owner: account.owner,
            key: account.key,
            nonce: account.nonce,
            balance,
            balance_path: account.balance_path(token),
            account_path: self.account_path(id),
        })
    }
}
