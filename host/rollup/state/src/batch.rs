//! A batch: header, ops, its words, and the executor.

use std::collections::HashMap;

use ark_ff::{AdditiveGroup, BigInteger, PrimeField};
use millrace_bn254::Fr;
use sha3::{Digest, Keccak256};
use thiserror::Error;

use crate::{
    op::SignedOp,
    poseidon::sponge,
    state::{Account, OpContext, OpError, OpTrace, Signatures, State, Touch},
    types::{AccountId, Domain, Packer, TokenId, bits_of, field_of},
};

/// Tokens in which one batch takes fees.
pub const FEE_TOKENS: usize = 4;
/// Words before the ops.
pub const HEAD_WORDS: usize = 4;
/// Words of an op.
pub const OP_WORDS: usize = 2;
/// Domain of ρ.
pub const TAG: &[u8; 32] = b"millrace rollup public data v001";

/// L(N): words of a batch of `n` ops.
pub const fn word_count(n: usize) -> usize {
    HEAD_WORDS + OP_WORDS * n
}

/// What a batch says besides its ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of the batch; the first is 1.
    pub number: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// Who is credited the fees.
    pub fee_account: AccountId,
    /// Tokens in which fees may be paid, strictly rising.
    pub fee_tokens: [TokenId; FEE_TOKENS],
}

impl Header {
    /// `header` of the specification.
    pub fn word(&self) -> Fr {
        let [a, b, c, d] = self.fee_tokens.map(|token| u128::from(token.0));
        Packer::new(Fr::from(self.time))
            .put(64, self.number.into())
            .put(128, self.fee_account.get().into())
            .put(152, d)
            .put(160, c)
            .put(168, b)
            .put(176, a)
            .word()
    }
}

/// Why a word is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the header's word has {got_bits} bits, expected at most 184")]
pub struct HeaderTooWide {
    /// What it has.
    pub got_bits: usize,
}

impl Header {
    /// The header that has this word.
    ///
    /// # Errors
    /// [`HeaderTooWide`].
    pub fn from_word(word: Fr) -> Result<Self, HeaderTooWide> {
        let got_bits = bits_of(word);
        if got_bits > 184 {
            return Err(HeaderTooWide { got_bits });
        }
        let byte = |at| TokenId(field_of(word, at, 8) as u8);
        Ok(Self {
            number: field_of(word, 64, 64) as u64,
            time: field_of(word, 0, 64) as u64,
            fee_account: AccountId::new(field_of(word, 128, 24) as u32).expect("24 bits"),
            fee_tokens: [byte(176), byte(168), byte(160), byte(152)],
        })
    }
}

/// Header and ops. Exactly `N` ops: a short batch is filled with NOOPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The header.
    pub header: Header,
    /// The ops, those from the queue first.
    pub ops: Vec<SignedOp>,
}

/// Why a batch cannot run.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Fee tokens must rise.
    #[error("the fee tokens do not rise strictly")]
    FeeTokens,
    /// An op from the queue behind another op.
    #[error("op {0} is from the queue and stands behind one that is not")]
    QueueOrder(usize),
    /// An op breaks a rule.
    #[error("op {index}: {error}")]
    Op {
        /// Which, from 0.
        index: usize,
        /// The rule.
        error: OpError,
    },
    /// Fees were paid and nobody can be credited.
    #[error("fees cannot be credited: {0}")]
    Fees(OpError),
}

/// What a circuit needs to know of the fees' crediting.
#[derive(Clone, Debug)]
pub struct FeeTrace {
    /// The fee account before each of the four credits.
    pub touches: [Touch; FEE_TOKENS],
    /// The four sums.
    pub sums: [u128; FEE_TOKENS],
}

/// A batch that ran, with all that its witness is made of.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The word that names the rollup ([`Domain::word`]).
    pub domain: Fr,
    /// The header.
    pub header: Header,
    /// Root before.
    pub old_root: Fr,
    /// Root after.
    pub new_root: Fr,
    /// One for each op.
    pub ops: Vec<OpTrace>,
    /// The fees.
    pub fees: FeeTrace,
}

/// The circuit's public inputs, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicInputs {
    /// Sponge of the words.
    pub p: Fr,
    /// The challenge.
    pub rho: Fr,
    /// The words as a polynomial at ρ.
    pub y: Fr,
}

impl PublicInputs {
    /// Of the words of a batch, as the contract computes them.
    pub fn of(words: &[Fr]) -> Self {
        let p = sponge(words);
        let rho = challenge(words, p);
        Self { p, rho, y: evaluate(words, rho) }
    }
}

/// ρ for the words of a batch and their sponge.
///
/// # Panics
/// If `words` has no batch's length.
pub fn challenge(words: &[Fr], p: Fr) -> Fr {
    let n = words.len().checked_sub(HEAD_WORDS).expect("a batch has at least its head words") / OP_WORDS;
    assert_eq!(words.len(), word_count(n), "a batch has two words an op");
    let mut inner = Keccak256::new();
    for word in words {
        inner.update(word.into_bigint().to_bytes_be());
    }
    let hash = Keccak256::new()
        .chain_update(TAG)
        .chain_update(Fr::from(n as u64).into_bigint().to_bytes_be())
        .chain_update(p.into_bigint().to_bytes_be())
        .chain_update(inner.finalize())
        .finalize();
    Fr::from_be_bytes_mod_order(&hash)
}

/// Σ wᵢ·ρⁱ.
pub fn evaluate(words: &[Fr], rho: Fr) -> Fr {
    words.iter().rev().fold(Fr::ZERO, |sum, word| sum * rho + word)
}

impl Executed {
    /// The words w.
    pub fn words(&self) -> Vec<Fr> {
        let mut words = vec![self.domain, self.old_root, self.new_root, self.header.word()];
        words.extend(self.ops.iter().flat_map(|op| op.signed.op.words()));
        words
    }
}

/// A run of a batch that is not finished. Dropped unfinished it leaves the state half-way: use [`Run::finish`] or [`Run::undo`].
pub(crate) struct Run<'a> {
    state: &'a mut State,
    domain: Domain,
    header: Header,
    /// Tokens in which fees may be paid: the header's, or all in a trial.
    fee_tokens: Vec<TokenId>,
    old_root: Fr,
    /// Accounts as they were before the run.
    before: HashMap<AccountId, Option<Account>>,
    ops: Vec<OpTrace>,
    sums: [u128; FEE_TOKENS],
    signatures: Signatures,
}

impl<'a> Run<'a> {
    pub(crate) fn start(
        state: &'a mut State,
        domain: Domain,
        header: Header,
        signatures: Signatures,
    ) -> Result<Self, BatchError> {
        if !header.fee_tokens.is_sorted_by(|a, b| a < b) {
            return Err(BatchError::FeeTokens);
        }
        let old_root = state.root();
        let (before, ops) = (HashMap::new(), Vec::new());
        let fee_tokens = header.fee_tokens.to_vec();
        Ok(Self {
            state,
            domain,
            header,
            fee_tokens,
            old_root,
            before,
            ops,
            sums: [0; FEE_TOKENS],
            signatures,
        })
    }

    /// A run that takes fees in any token, to see which ops could run. It is no batch: it ends with [`Run::undo`].
    pub(crate) fn trial(state: &'a mut State, domain: Domain, time: u64) -> Self {
        let fee_tokens = [0, 1, 2, 3].map(TokenId);
        let header = Header { number: 0, time, fee_account: AccountId::NOBODY, fee_tokens };
        let run = Self::start(state, domain, header, Signatures::Checked).expect("the fee tokens rise");
        Self { fee_tokens: (0..=255).map(TokenId).collect(), ..run }
    }

    pub(crate) fn state(&self) -> &State {
        self.state
    }

    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    fn remember(&mut self, id: AccountId) {
        let state = &*self.state;
        self.before.entry(id).or_insert_with(|| state.account(id).cloned());
    }

    pub(crate) fn apply(&mut self, signed: &SignedOp) -> Result<(), OpError> {
        use crate::op::Op;
        match signed.op {
            Op::Noop => {}
            Op::Deposit { account, .. } | Op::FullExit { account, .. } | Op::SetKey { account, .. } => {
                self.remember(account);
            }
            Op::Withdraw { from, .. } => self.remember(from),
            Op::Transfer { from, to, .. } => {
                self.remember(from);
                self.remember(to);
            }
        }
        let context =
            OpContext { domain: &self.domain, time: self.header.time, fee_tokens: &self.fee_tokens };
        let trace = self.state.run(signed, &context, self.signatures)?;
        if let Some((token, fee)) = signed.op.fee()
            && let Some(i) = self.header.fee_tokens.iter().position(|t| *t == token)
        {
            // Each is below 2^96 and a batch has far fewer than 2^32 ops.
            self.sums[i] += fee.get();
        }
        self.ops.push(trace);
        Ok(())
    }

    fn credit_fees(&mut self) -> Result<FeeTrace, OpError> {
        let id = self.header.fee_account;
        let paid = self.sums.iter().any(|sum| *sum != 0);
        if paid {
            self.remember(id);
        }
        let mut touches = Vec::with_capacity(FEE_TOKENS);
        for (token, sum) in self.header.fee_tokens.into_iter().zip(self.sums) {
            touches.push(self.state.touch(id, token));
            if paid {
                self.state.credit(id, token, sum)?;
            }
        }
        let touches = touches.try_into().expect("four tokens");
        Ok(FeeTrace { touches, sums: self.sums })
    }

    /// Credits the fees.
    pub(crate) fn finish(self) -> Result<Executed, BatchError> {
        self.finish_if(|_| Ok(()))
    }

    /// Credits the fees, and puts everything back where `check` of the new root fails.
    pub(crate) fn finish_if<E: From<BatchError>>(
        mut self,
        check: impl FnOnce(Fr) -> Result<(), E>,
    ) -> Result<Executed, E> {
        let new_root = |run: &Self| run.state.root();
        let fees = self.credit_fees().map_err(|error| BatchError::Fees(error).into());
        let checked = fees.and_then(|fees| check(new_root(&self)).map(|()| fees));
        match checked {
            Ok(fees) => Ok(Executed {
                domain: self.domain.word(),
                header: self.header,
                old_root: self.old_root,
                new_root: new_root(&self),
                ops: self.ops,
                fees,
            }),
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    /// Puts the state back.
    pub(crate) fn undo(self) {
        for (id, before) in self.before {
            self.state.restore(id, before);
        }
    }
}

impl State {
    /// Runs a batch. Where it fails nothing has changed.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn execute(&mut self, domain: Domain, batch: &Batch) -> Result<Executed, BatchError> {
        self.run_batch(domain, batch, Signatures::Checked)?.finish()
    }

    /// Runs all ops of a batch.
    pub(crate) fn run_batch(
        &mut self,
        domain: Domain,
        batch: &Batch,
        signatures: Signatures,
    ) -> Result<Run<'_>, BatchError> {
        let forced = batch.ops.iter().take_while(|signed| signed.op.is_forced()).count();
        if let Some(i) = batch.ops[forced..].iter().position(|signed| signed.op.is_forced()) {
            return Err(BatchError::QueueOrder(forced + i));
        }
        let mut run = Run::start(self, domain, batch.header, signatures)?;
        for (index, signed) in batch.ops.iter().enumerate() {
            if let Err(error) = run.apply(signed) {
                run.undo();
                return Err(BatchError::Op { index, error });
            }
        }
        Ok(run)
    }
}
