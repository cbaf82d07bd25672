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
use millrace_l1::rollup::word;
use millrace_state::eddsa::SecretKey;
use millrace_state::op::Op;
use millrace_state::store::Store;
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

    // A store that lacks any number of them, as that of an operator that was killed in between does, gets the rest from L1 alone.
    let accepted = chain.accepted();
    assert_eq!(accepted.len(), 6);
    for held in 0..=6 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store =
            Store::open(&folder.path().join("accepted.redb"), chain.domain()).expect("a new file");
        for words in &accepted[..held] {
            store.accept(words).expect("the next batch");
        }
        assert_eq!(store.follow(&accepted).expect("L1's batches"), held as u64);
        assert_eq!((store.accepted(), word(store.state().root())), (6, chain.root()));
    }

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

/// Each op at least once in one batch of a size that is deployed, its proof and `submit`: payments with a key that the same batch sets, an exit of what the same batch
/// deposits. `MILLRACE_PROOF_OPS=64` takes the largest size, for which there should be 8 GB of memory.
#[test]
fn every_op_in_one_large_batch() {
    let size = std::env::var("MILLRACE_PROOF_OPS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let started = std::time::Instant::now();
    let Some(operator) = Operator::of_size(size) else { return };
    let key_ready = started.elapsed();
    let mut chain = Chain::new(&operator, &[ALICE, BOB]);
    let mut operator = operator.for_contract(chain.domain());
    let key = SecretKey::from_seed(&[7; 32]);

    let coins = |number: u128| number * 1_000_000_000_000_000_000;
    let one = U256::from(coins(1));
    chain.deposit(ALICE, one * U256::from(3));
    chain.deposit(BOB, one * U256::from(2));
    chain.set_key(ALICE, key.public());
    chain.request_full_exit(BOB);
    let mut ops = vec![
        Op::Deposit { account: id(1), token: NATIVE, amount: coins(3), owner: owner(ALICE) }.into(),
        Op::Deposit { account: id(2), token: NATIVE, amount: coins(2), owner: owner(BOB) }.into(),
        Op::SetKey { account: id(1), key: key.public() }.into(),
        Op::FullExit { account: id(2), token: NATIVE, amount: coins(2), owner: owner(BOB) }.into(),
    ];
    // All that is left but one is payments of a thousandth, and one withdrawal; the last is a NOOP.
    let (part, fee) = (coins(1) / 1000, Fee::new(5).expect("small"));
    let payments = size as u64 - 6;
    let pay = Op::Transfer { from: id(1), to: id(2), token: NATIVE, amount: part, fee };
    ops.extend((0..payments).map(|i| operator.sign(pay, &key, i)));
    let recipient = owner(COLD_WALLET);
    let withdraw = Op::Withdraw { from: id(1), token: NATIVE, amount: coins(1), fee, recipient };
    ops.push(operator.sign(withdraw, &key, payments));

    let proving = std::time::Instant::now();
    let submission = operator.batch_of(&mut chain, ops, 4);
    let proof_time = proving.elapsed();
    let mut wrong = submission.clone();
    wrong.batch.newRoot ^= U256::ONE;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    // The first payment's amount.
    let mut wrong = submission.clone();
    wrong.ops[4 * 36 + 31] ^= 1;
    refused::<IRollup::ProofRejected>(&mut chain, &wrong);
    let mut off_curve = submission.clone();
    off_curve.proof.a.swap(0, 1);
    let reason = chain.submit(&off_curve).expect_err("no point");
    assert!(reason.contains("precompile 8 failed: "), "{reason}");

    let gas = chain.gas_of_submit(&submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());
    assert_eq!(chain.pending(BOB), one * U256::from(2));
    assert_eq!(chain.pending(COLD_WALLET), one);
    // Fees went back to ALICE's account, which takes them.
    let paid = U256::from(part) * U256::from(payments);
    assert_eq!(U256::from(operator.prove_balance(id(1)).balance), one * U256::from(2) - paid);
    assert_eq!(chain.custody(), one * U256::from(2));
    refused::<IRollup::BatchTimeOutOfRange>(&mut chain, &submission);
    chain.forward(1);
    refused::<IRollup::BatchTimeOutOfRange>(&mut chain, &submission);
    println!(
        "one batch of {size} ops, {payments} of them payments: key and verifier {key_ready:.1?}, execution, witness and proof {proof_time:.2?}, submit {gas} gas"
    );
}
