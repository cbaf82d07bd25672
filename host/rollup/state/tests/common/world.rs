//! A rollup with a few users, random ops over it, and signatures by any user over anything.
#![allow(dead_code, reason = "each test binary uses some of these")]

use millrace_state::{
    Fr,
    babyjub::Point,
    batch::{Batch, Header},
    builder::QueueEntry,
    eddsa::SecretKey,
    op::{Authorisation, Op, SignedOp},
    state::State,
    types::{AccountId, Address, Domain, Fee, TokenId},
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha20Rng;

pub(crate) const TIME: u64 = 1_700_000_000;
pub(crate) const TOKENS: [TokenId; 3] = [TokenId(0), TokenId(7), TokenId(255)];
pub(crate) const FEE_TOKENS: [TokenId; 4] = [TokenId(0), TokenId(3), TokenId(7), TokenId(255)];
pub(crate) const DOMAIN: Domain = Domain { chain_id: 31337, contract: Address([0xc0; 20]) };

pub(crate) fn id(number: u32) -> AccountId {
    AccountId::new(number).unwrap()
}

pub(crate) fn fee(amount: u128) -> Fee {
    Fee::new(amount).unwrap()
}

pub(crate) fn secret(user: AccountId, generation: u8) -> SecretKey {
    let mut seed = [generation; 32];
    seed[..4].copy_from_slice(&user.get().to_be_bytes());
    SecretKey::from_seed(&seed)
}

pub(crate) fn owner(user: AccountId) -> Address {
    let mut bytes = [0xaa; 20];
    bytes[16..].copy_from_slice(&user.get().to_be_bytes());
    Address(bytes)
}

pub(crate) struct World {
    pub(crate) state: State,
    /// Generation of each account's key; 0 for none.
    pub(crate) generations: std::collections::BTreeMap<AccountId, u8>,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) number: u64,
}

impl World {
    /// Ids at both ends and in the middle of the tree.
    pub(crate) const USERS: [u32; 5] = [1, 2, 3, 0x55_5555, 0xff_ffff];

    pub(crate) fn empty(seed: u64) -> Self {
        let (state, generations) = (State::default(), std::collections::BTreeMap::new());
        Self { state, generations, rng: ChaCha20Rng::seed_from_u64(seed), number: 0 }
    }

    /// Every user has a key and some of every token.
    pub(crate) fn with_users(seed: u64) -> Self {
        let mut world = Self::empty(seed);
        for user in Self::USERS.map(id) {
            for token in TOKENS {
                world.run_alone(Op::Deposit { account: user, token, amount: 1_000_000, owner: owner(user) });
            }
            let op = world.set_key(user);
            world.run_alone(op);
        }
        world
    }

    /// Runs one op in a batch of its own.
    pub(crate) fn run_alone(&mut self, op: Op) {
        let batch = self.batch(vec![op.into()], AccountId::NOBODY);
        self.state.execute(DOMAIN, &batch).unwrap();
    }

    pub(crate) fn header(&mut self, fee_account: AccountId) -> Header {
        self.number += 1;
        Header { number: self.number, time: TIME + self.number, fee_account, fee_tokens: FEE_TOKENS }
    }

    pub(crate) fn batch(&mut self, ops: Vec<SignedOp>, fee_account: AccountId) -> Batch {
        Batch { header: self.header(fee_account), ops }
    }

    /// The next key of a user.
    pub(crate) fn set_key(&mut self, user: AccountId) -> Op {
        let generation = self.generations.entry(user).or_insert(0);
        *generation = *generation % 200 + 1;
        Op::SetKey { account: user, key: secret(user, *generation).public() }
    }

    pub(crate) fn nonce(&self, user: AccountId) -> u64 {
        self.state.account(user).map_or(0, |account| account.nonce)
    }

    /// Signs with the present key at the nonce that comes `ahead` after the present one.
    pub(crate) fn sign_ahead(&self, op: Op, ahead: u64) -> SignedOp {
        let user = op.signer().expect("an op that is signed");
        let secret = secret(user, self.generations.get(&user).copied().unwrap_or(0));
        let (nonce, valid_until) = (self.nonce(user) + ahead, u64::MAX);
        let signature = secret.sign(op.message(&DOMAIN, nonce, valid_until));
        SignedOp { op, authorisation: Some(Authorisation { nonce, valid_until, signature }) }
    }

    pub(crate) fn sign(&self, op: Op) -> SignedOp {
        self.sign_ahead(op, 0)
    }

    pub(crate) fn user(&mut self) -> AccountId {
        id(*Self::USERS.choose(&mut self.rng).unwrap())
    }

    pub(crate) fn token(&mut self) -> TokenId {
        *TOKENS.choose(&mut self.rng).unwrap()
    }

    /// 0, everything, or something between.
    pub(crate) fn part_of(&mut self, most: u128) -> u128 {
        match self.rng.random_range(0..6) {
            0 => 0,
            1 => most,
            _ => self.rng.random_range(0..=most),
        }
    }

    /// Something that L1 may have queued.
    pub(crate) fn entry(&mut self) -> QueueEntry {
        let (account, token) = (self.user(), self.token());
        match self.rng.random_range(0..4) {
            0 | 1 => {
                let bits = self.rng.random_range(0..100);
                let amount = self.rng.random_range(1..=1u128 << bits);
                QueueEntry::Deposit { account, token, amount, owner: owner(account) }
            }
            2 => QueueEntry::FullExit { account, token, owner: owner(account) },
            _ => match self.set_key(account) {
                Op::SetKey { account, key } => QueueEntry::SetKey { account, key },
                _ => unreachable!("set_key makes a SET_KEY"),
            },
        }
    }

    /// A signed op that holds in `state`; `None` where the user drawn has no key or no owner.
    pub(crate) fn payment(&mut self, state: &State) -> Option<SignedOp> {
        let (from, to, token) = (self.user(), self.user(), self.token());
        if self.generations.get(&from).is_none_or(|generation| *generation == 0)
            || state.account(to).is_none_or(|account| account.owner == Address::NOBODY)
        {
            return None;
        }
        let balance = state.balance(from, token);
        let amount = self.part_of(balance);
        let fee = fee(self.part_of((balance - amount).min((1 << 96) - 1)));
        let op = if self.rng.random_bool(0.5) {
            Op::Transfer { from, to, token, amount, fee }
        } else {
            Op::Withdraw { from, token, amount, fee, recipient: owner(to) }
        };
        let ahead = state.account(from).map_or(0, |account| account.nonce) - self.nonce(from);
        Some(self.sign_ahead(op, ahead))
    }

    /// A random batch of `size` ops that holds, not yet run.
    pub(crate) fn random_batch(&mut self, size: usize) -> Batch {
        use millrace_state::state::OpContext;
        let owned = self.state.accounts().find(|(_, account)| account.owner != Address::NOBODY);
        let fee_account = owned.map_or(AccountId::NOBODY, |(id, _)| id);
        let header = self.header(fee_account);
        let context = OpContext { domain: &DOMAIN, time: header.time, fee_tokens: &header.fee_tokens };
        let mut state = self.state.clone();
        let mut ops: Vec<SignedOp> = Vec::new();
        for _ in 0..self.rng.random_range(0..=size) {
            let op = self.entry().op(&state).into();
            state.apply(&op, &context).unwrap();
            ops.push(op);
        }
        for _ in ops.len()..self.rng.random_range(ops.len()..=size) {
            if let Some(op) = self.payment(&state)
                && (fee_account != AccountId::NOBODY || op.op.fee().is_none_or(|(_, fee)| fee.get() == 0))
            {
                state.apply(&op, &context).unwrap();
                ops.push(op);
            }
        }
        ops.resize(size, Op::Noop.into());
        Batch { header, ops }
    }
}

/// The point of order 2.
pub(crate) fn low_order() -> Point {
    Point { x: Fr::from(0u8), y: -Fr::from(1u8) }
}
