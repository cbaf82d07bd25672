//! The rollup's contract with real proofs of the real circuit, from the first deposit to the last exit, in an embedded EVM.
//!
//! State and circuit, prover, generated verifier and the committed contract code meet here for the first time; each has tests of its own.

mod audited;
mod chain;
mod liar;
mod operator;
mod relayed;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolError;
use chain::Chain;
use millrace_l1::rollup::abi::IRollup;
use millrace_state::eddsa::SecretKey;
use millrace_state::op::Op;
use millrace_state::types::{AccountId, Fee, TokenId};
use operator::{Operator, Submission};

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const COLD_WALLET: Address = Address::repeat_byte(0xc0);
const NATIVE: TokenId = TokenId(0);
const DAY_SECONDS: u64 = 86_400;

fn id(number: u32) -> AccountId {
    AccountId::new(number).expect("a small number")
}

/// An L1 address, as the state has it.
fn owner(address: Address) -> millrace_state::types::Address {
    millrace_state::types::Address(address.into_array())
}

/// Asserts that the contract refuses a batch, and with which error.
#[track_caller]
fn refused<E: SolError>(chain: &mut Chain, submission: &Submission) {
    let reason = chain.submit(submission).expect_err("the batch is wrong");
    let name = E::SIGNATURE.split('(').next().expect("a name");
    assert!(reason.starts_with(&format!("{name}: ")), "expected {name}, got {reason}");
}

/// Every op, with its proof; wrong batches in between; then the operator is gone and everybody leaves.
#[test]
fn deposits_come_back_whatever_the_operator_does() {
    let Some(operator) = Operator::new() else { return };
    let mut chain = Chain::new(&operator, &[ALICE, BOB]);
    let mut operator = operator.for_contract(chain.domain());
    let one = U256::from(10).pow(U256::from(18));
    let key = SecretKey::from_seed(&[7; 32]);

    // Two deposits, and a key for the first account.
    chain.deposit(ALICE, one * U256::from(3));
    chain.deposit(BOB, one * U256::from(2));
    chain.set_key(ALICE, key.public());
    let amount = |coins: u128| coins * 1_000_000_000_000_000_000;
    let deposits = [
        Op::Deposit { account: id(1), token: NATIVE, amount: amount(3), owner: owner(ALICE) },
        Op::Deposit { account: id(2), token: NATIVE, amount: amount(2), owner: owner(BOB) },
        Op::SetKey { account: id(1), key: key.public() },
    ];
    for op in deposits {
        let submission = operator.batch(&mut chain, op.into(), 1);
        chain.submit(&submission).expect("a right batch");
        assert_eq!(chain.root(), operator.root());
        chain.forward(1);
    }
    assert_eq!(chain.custody(), one * U256::from(5));

    // A payment and a withdrawal, signed. Nothing but the right batch is taken.
    let pay = Op::Transfer { from: id(1), to: id(2), token: NATIVE, amount: amount(1), fee: Fee::default() };
    let submission = operator.signed(&mut chain, pay, &key);
    let mut wrong = submission.clone();
    wrong.batch.newRoot ^= U256::ONE;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    let mut wrong = submission.clone();
    wrong.ops[31] ^= 1;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    let mut wrong = submission.clone();
    wrong.batch.sponge ^= U256::ONE;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    chain.submit(&submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());
    chain.forward(1);

    let recipient = owner(COLD_WALLET);
    let fee = Fee::new(5).expect("small");
    let withdraw = Op::Withdraw { from: id(1), token: NATIVE, amount: amount(1), fee, recipient };
    let earlier = submission;
    let submission = operator.signed(&mut chain, withdraw, &key);
    let mut wrong = submission.clone();
    wrong.proof = earlier.proof;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    let mut wrong = submission.clone();
    *wrong.ops.last_mut().expect("an address") ^= 1;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    chain.submit(&submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());
    assert_eq!(chain.pending(COLD_WALLET), one);
    chain.forward(1);

    // BOB forces his exit; the batch pays him his balance, and the fee went to ALICE's account.
    chain.request_full_exit(BOB);
    let leave = Op::FullExit { account: id(2), token: NATIVE, amount: amount(3), owner: owner(BOB) };
    let submission = operator.batch(&mut chain, leave.into(), 1);
    chain.submit(&submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());
    let bob_before = chain.pending(BOB);
    assert_eq!(bob_before, one * U256::from(3));

    // The operator stops. ALICE forces an exit that nobody takes, BOB deposits again; after seven days both leave by themselves.
    chain.request_full_exit(ALICE);
    chain.deposit(BOB, one);
    chain.forward(7 * DAY_SECONDS + 1);
    let late = operator.noop(&mut chain);
    refused::<IRollup::InExodus>(&mut chain, &late);
    let proof = operator.prove_balance(id(1));
    assert_eq!(proof.balance, amount(1));
    let mut more = proof.clone();
    more.balance += 1;
    assert!(chain.exit(&more).is_err(), "more than the balance");
    chain.exit(&proof).expect("the balance of the last root");
    assert!(chain.exit(&proof).is_err(), "once only");
    // Queue entries 0 to 3 were processed, 4 is ALICE's request, 5 BOB's deposit.
    chain.refund(4, ALICE).expect("the fee of a request");
    chain.refund(5, BOB).expect("an unprocessed deposit and its fee");
    assert!(chain.refund(5, BOB).is_err(), "once only");

    for owner in [ALICE, BOB, COLD_WALLET] {
        chain.withdraw_all(owner);
    }
    assert_eq!(chain.balance(COLD_WALLET), one);
    assert_eq!(chain.balance(chain.rollup()), U256::ZERO, "everything is paid out");
}
