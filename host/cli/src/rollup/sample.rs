//! A batch to measure with: full of signed transfers, fees included, between users spread over the tree.

use millrace_state::{
    batch::{Batch, Executed, Header},
    eddsa::SecretKey,
    op::{Authorisation, Op, SignedOp},
    state::State,
    types::{AccountId, Address, Domain, Fee, TokenId},
};

const TOKEN: TokenId = TokenId(0);
pub(crate) const DOMAIN: Domain = Domain { chain_id: 31337, contract: Address([0x11; 20]) };

/// A step that is odd spreads ids over all 2^24; id 0 would take 2^24 users.
const SPREAD: u32 = 0x9e_3779;

/// The i-th user: id, owner and key.
fn user(i: usize, step: u32) -> (AccountId, Address, SecretKey) {
    let id = (i as u32 + 1).wrapping_mul(step) & 0xff_ffff;
    let (mut seed, mut owner) = ([0; 32], [1; 20]);
    seed[..8].copy_from_slice(&(i as u64).to_be_bytes());
    owner[..8].copy_from_slice(&(i as u64).to_be_bytes());
    (AccountId::new(id).expect("24 bits"), Address(owner), SecretKey::from_seed(&seed))
}

/// A rollup in which everybody pays the next one in every batch.
pub(crate) struct Sample {
    state: State,
    users: Vec<(AccountId, Address, SecretKey)>,
    /// The last batch.
    number: u64,
}

impl Sample {
    /// `size` users with a deposit and a key each; gives the batch that made them, too.
    pub(crate) fn new(size: usize) -> (Self, Executed) {
        Self::with(size, SPREAD)
    }

    /// The same with the ids that a contract hands out: 1, 2, 3 …
    pub(crate) fn registered(size: usize) -> (Self, Executed) {
        Self::with(size, 1)
    }

    /// What the last batch left.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    fn with(size: usize, step: u32) -> (Self, Executed) {
        let users: Vec<_> = (0..size).map(|i| user(i, step)).collect();
        let mut ops: Vec<SignedOp> = Vec::new();
        for (account, owner, secret) in &users {
            let (account, owner) = (*account, *owner);
            ops.push(Op::Deposit { account, token: TOKEN, amount: 10u128.pow(18), owner }.into());
            ops.push(Op::SetKey { account, key: secret.public() }.into());
        }
        let mut sample = Self { state: State::default(), users, number: 0 };
        let executed = sample.run(ops);
        (sample, executed)
    }

    fn run(&mut self, ops: Vec<SignedOp>) -> Executed {
        self.number += 1;
        let header = Header {
            number: self.number,
            time: 1_700_000_000 + self.number,
            fee_account: self.users[0].0,
            fee_tokens: [0, 1, 2, 3].map(TokenId),
        };
        self.state.execute(DOMAIN, &Batch { header, ops }).expect("a batch that everybody can pay")
    }

    /// The next batch: a transfer of every user.
    pub(crate) fn transfers(&mut self) -> Executed {
        let fee = Fee::new(10u128.pow(12)).expect("below 2^96");
        // The first batch made the keys; since then each has signed once a batch.
        let (nonce, valid_until) = (self.number - 1, u64::MAX);
        let pay = |i: usize| {
            let ((from, _, secret), (to, ..)) = (&self.users[i], &self.users[(i + 1) % self.users.len()]);
            let op =
                Op::Transfer { from: *from, to: *to, token: TOKEN, amount: 10u128.pow(15) + i as u128, fee };
            let signature = secret.sign(op.message(&DOMAIN, nonce, valid_until));
            SignedOp { op, authorisation: Some(Authorisation { nonce, valid_until, signature }) }
        };
        let ops = (0..self.users.len()).map(pay).collect();
        self.run(ops)
    }
}

/// A batch of that many transfers, run.
pub(crate) fn transfers(size: usize) -> Executed {
    Sample::new(size).0.transfers()
}
