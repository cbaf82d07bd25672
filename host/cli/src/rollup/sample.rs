//! A batch to measure with: full of signed transfers, fees included, between users spread over the tree.

use millrace_state::{
    batch::{Batch, Executed, Header},
    eddsa::SecretKey,
    op::{Authorisation, Op, SignedOp},
    state::State,
    types::{AccountId, Address, Domain, Fee, TokenId},
};

const TOKEN: TokenId = TokenId(0);
const DOMAIN: Domain = Domain { chain_id: 31337, contract: Address([0x11; 20]) };

/// The i-th user: id, owner and key.
fn user(i: usize) -> (AccountId, Address, SecretKey) {
    // Any step that is odd spreads the ids over all 2^24; id 0 would take 2^24 users.
    let id = (i as u32 + 1).wrapping_mul(0x9e_3779) & 0xff_ffff;
    let (mut seed, mut owner) = ([0; 32], [1; 20]);
    seed[..8].copy_from_slice(&(i as u64).to_be_bytes());
    owner[..8].copy_from_slice(&(i as u64).to_be_bytes());
    (AccountId::new(id).expect("24 bits"), Address(owner), SecretKey::from_seed(&seed))
}

/// A batch of that many transfers, run.
pub(crate) fn transfers(size: usize) -> Executed {
    let mut state = State::default();
    let users: Vec<_> = (0..size).map(user).collect();
    let (fee_account, ..) = users[0];
    let fee_tokens = [0, 1, 2, 3].map(TokenId);
    let header = |number| Header { number, time: 1_700_000_000 + number, fee_account, fee_tokens };
    let mut deposits: Vec<SignedOp> = Vec::new();
    for (account, owner, secret) in &users {
        let (account, owner) = (*account, *owner);
        deposits.push(Op::Deposit { account, token: TOKEN, amount: 10u128.pow(18), owner }.into());
        deposits.push(Op::SetKey { account, key: secret.public() }.into());
    }
    let batch = Batch { header: header(1), ops: deposits };
    state.execute(DOMAIN, &batch).expect("deposits and keys are always possible");

    let fee = Fee::new(10u128.pow(12)).expect("below 2^96");
    let pay = |i: usize| {
        let ((from, _, secret), (to, ..)) = (&users[i], &users[(i + 1) % size]);
        let op = Op::Transfer { from: *from, to: *to, token: TOKEN, amount: 10u128.pow(17) + i as u128, fee };
        let (nonce, valid_until) = (0, u64::MAX);
        let signature = secret.sign(op.message(&DOMAIN, nonce, valid_until));
        SignedOp { op, authorisation: Some(Authorisation { nonce, valid_until, signature }) }
    };
    let batch = Batch { header: header(2), ops: (0..size).map(pay).collect() };
    state.execute(DOMAIN, &batch).expect("everybody can pay")
}
