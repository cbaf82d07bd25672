//! The ops and their two words.

use ark_ff::AdditiveGroup;
use millrace_bn254::Fr;
use thiserror::Error;

use crate::{
    babyjub::Point,
    eddsa::Signature,
    poseidon::hash5,
    types::{AccountId, Address, Domain, Fee, Packer, TokenId, address_of, bits_of, field_of},
};

/// One op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fills a batch.
    Noop,
    /// From the queue: credits a deposit, and gives an empty leaf its owner.
    Deposit {
        /// Receiver.
        account: AccountId,
        /// Token.
        token: TokenId,
        /// Amount.
        amount: u128,
        /// L1 owner of the account.
        owner: Address,
    },
    /// Signed: moves an amount to another account.
    Transfer {
        /// Sender.
        from: AccountId,
        /// Receiver.
        to: AccountId,
        /// Token of amount and fee.
        token: TokenId,
        /// Amount that the receiver gets.
        amount: u128,
        /// What the sender pays on top.
        fee: Fee,
    },
    /// Signed: moves an amount to L1.
    Withdraw {
        /// Sender.
        from: AccountId,
        /// Token of amount and fee.
        token: TokenId,
        /// Amount that the recipient gets.
        amount: u128,
        /// What the sender pays on top.
        fee: Fee,
        /// L1 recipient.
        recipient: Address,
    },
    /// From the queue: moves a whole balance to L1.
    FullExit {
        /// Leaver.
        account: AccountId,
        /// Token.
        token: TokenId,
        /// The whole balance: decided when the batch is made.
        amount: u128,
        /// L1 owner, who is paid.
        owner: Address,
    },
    /// From the queue: sets the key that signs for an account.
    SetKey {
        /// The account.
        account: AccountId,
        /// The key, a point of the curve.
        key: Point,
    },
}

/// Why two words are no op.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpWordsError {
    /// No op has this code.
    #[error("no op has the code {0}")]
    Code(u8),
    /// A word has more bits than its fields.
    #[error("word {word} has {got_bits} bits, expected at most {max_bits}")]
    TooWide {
        /// 0 or 1.
        word: usize,
        /// The most that the fields take.
        max_bits: usize,
        /// What the word has.
        got_bits: usize,
    },
    /// A field that the op does not use is not 0.
    #[error("op code {code} has no {field}, yet the field is not 0")]
    Unused {
        /// The op's code.
        code: u8,
        /// The field.
        field: &'static str,
    },
    /// SET_KEY: no x belongs to this y, or none of this parity.
    #[error("no point of the curve has this y and parity of x")]
    NoPoint,
}

const CODE_AT: usize = 248;
const ACCOUNT_AT: usize = 224;
const FEE_AT: usize = 128;
const TOKEN_AT: usize = 184;
const TO_AT: usize = 160;

impl Op {
    /// The op's code.
    pub fn code(&self) -> u8 {
        match self {
            Op::Noop => 0,
            Op::Deposit { .. } => 1,
            Op::Transfer { .. } => 2,
            Op::Withdraw { .. } => 3,
            Op::FullExit { .. } => 4,
            Op::SetKey { .. } => 5,
        }
    }

    /// Whether the op comes from the L1 queue.
    pub fn is_forced(&self) -> bool {
        matches!(self, Op::Deposit { .. } | Op::FullExit { .. } | Op::SetKey { .. })
    }

    /// The account whose key must sign, if the op needs a signature.
    pub fn signer(&self) -> Option<AccountId> {
        match *self {
            Op::Transfer { from, .. } | Op::Withdraw { from, .. } => Some(from),
            _ => None,
        }
    }

    /// Token and fee, where the op pays one.
    pub fn fee(&self) -> Option<(TokenId, Fee)> {
        match *self {
            Op::Transfer { token, fee, .. } | Op::Withdraw { token, fee, .. } => Some((token, fee)),
            _ => None,
        }
    }

    /// w0 and w1.
    pub fn words(&self) -> [Fr; 2] {
        let no_fee = Fee::default();
        let w0 = |account: AccountId, fee: Fee, amount: u128| {
            Packer::new(Fr::from(amount))
                .put(FEE_AT, fee.get())
                .put(ACCOUNT_AT, account.get().into())
                .put(CODE_AT, self.code().into())
                .word()
        };
        let w1 = |token: TokenId, to: AccountId, address: Address| {
            Packer::new(address.to_fr()).put(TO_AT, to.get().into()).put(TOKEN_AT, token.0.into()).word()
        };
        match *self {
            Op::Noop => [Fr::ZERO; 2],
            Op::Deposit { account, token, amount, owner }
            | Op::FullExit { account, token, amount, owner } => {
                [w0(account, no_fee, amount), w1(token, AccountId::NOBODY, owner)]
            }
            Op::Transfer { from, to, token, amount, fee } => {
                [w0(from, fee, amount), w1(token, to, Address::NOBODY)]
            }
            Op::Withdraw { from, token, amount, fee, recipient } => {
                [w0(from, fee, amount), w1(token, AccountId::NOBODY, recipient)]
            }
            Op::SetKey { account, key } => [w0(account, no_fee, key.x_is_odd().into()), key.y],
        }
    }

    /// The op that has these words.
    ///
    /// # Errors
    /// [`OpWordsError`].
    pub fn from_words([w0, w1]: [Fr; 2]) -> Result<Self, OpWordsError> {
        let narrow = |word, value, max_bits| match bits_of(value) {
            got_bits if got_bits > max_bits => Err(OpWordsError::TooWide { word, max_bits, got_bits }),
            _ => Ok(()),
        };
        narrow(0, w0, 251)?;
        let code = field_of(w0, CODE_AT, 3) as u8;
        if code != 5 {
            narrow(1, w1, 192)?;
        }
        let unused =
            |field, value: bool| if value { Err(OpWordsError::Unused { code, field }) } else { Ok(()) };
        let account = AccountId::new(field_of(w0, ACCOUNT_AT, 24) as u32).expect("24 bits");
        let fee = Fee::new(field_of(w0, FEE_AT, 96)).expect("96 bits");
        let amount = field_of(w0, 0, 128);
        let token = TokenId(field_of(w1, TOKEN_AT, 8) as u8);
        let to = AccountId::new(field_of(w1, TO_AT, 24) as u32).expect("24 bits");
        let address = address_of(w1);
        if !matches!(code, 2 | 3) {
            unused("fee", fee.get() != 0)?;
        }
        if matches!(code, 1 | 3 | 4) {
            unused("receiver", to != AccountId::NOBODY)?;
        }
        match code {
            0 => {
                unused("account", account != AccountId::NOBODY)?;
                unused("amount", amount != 0)?;
                unused("second word", w1 != Fr::ZERO)?;
                Ok(Op::Noop)
            }
            1 => Ok(Op::Deposit { account, token, amount, owner: address }),
            2 => {
                unused("address", address != Address::NOBODY)?;
                Ok(Op::Transfer { from: account, to, token, amount, fee })
            }
            3 => Ok(Op::Withdraw { from: account, token, amount, fee, recipient: address }),
            4 => Ok(Op::FullExit { account, token, amount, owner: address }),
            5 => {
                unused("amount above the parity bit", amount > 1)?;
                let key = Point::from_y(w1, amount == 1).ok_or(OpWordsError::NoPoint)?;
                Ok(Op::SetKey { account, key })
            }
            other => Err(OpWordsError::Code(other)),
        }
    }

    /// The message M that a signer of this op signs.
    pub fn message(&self, domain: &Domain, nonce: u64, valid_until: u64) -> Fr {
        let [w0, w1] = self.words();
        hash5(&[domain.word(), w0, w1, Fr::from(nonce), Fr::from(valid_until)])
    }
}

/// What a signer adds to an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorisation {
    /// The account's nonce before the op.
    pub nonce: u64,
    /// Last batch time, in seconds since 1970, at which the op may run.
    pub valid_until: u64,
    /// Over [`Op::message`].
    pub signature: Signature,
}

/// An op with its authorisation, where it needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedOp {
    /// The op.
    pub op: Op,
    /// Present for TRANSFER and WITHDRAW.
    pub authorisation: Option<Authorisation>,
}

impl From<Op> for SignedOp {
    fn from(op: Op) -> Self {
        Self { op, authorisation: None }
    }
}
