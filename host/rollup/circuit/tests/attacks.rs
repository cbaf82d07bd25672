//! Attacks on the circuit: each is proven by a prover who checks nothing, with state, roots, words and public inputs all consistent, so that the rule
//! named is the only one broken. A circuit without that rule would accept the theft.

mod common;

use std::{collections::BTreeSet, sync::LazyLock};

use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use common::{
    lawless::{Ledger, Plot, Swap, broken, header, inputs, sign},
    world::{DOMAIN, TIME, World, fee, id, low_order, owner, secret},
};
use millrace_circuit::{Fr, HeaderInputs, OpInputs, batch::Circuit};
use millrace_state::{
    babyjub::{BASE, Point, SUBGROUP_ORDER},
    batch::{FEE_TOKENS, Header, PublicInputs},
    op::Op,
    types::{Address, Domain, TokenId},
};

const TOKEN: TokenId = TokenId(7);
const FOREVER: u64 = u64::MAX;

static CIRCUIT: LazyLock<Circuit> = LazyLock::new(|| Circuit::new(1));
static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::of(&World::with_users(1).state));

fn transfer(from: u32, to: u32, amount: u128, paid: u128) -> OpInputs {
    inputs(Op::Transfer { from: id(from), to: id(to), token: TOKEN, amount, fee: fee(paid) })
}

fn withdraw(from: u32, amount: u128, paid: u128, recipient: Address) -> OpInputs {
    inputs(Op::Withdraw { from: id(from), token: TOKEN, amount, fee: fee(paid), recipient })
}

fn deposit(account: u32, amount: u128) -> OpInputs {
    inputs(Op::Deposit { account: id(account), token: TOKEN, amount, owner: owner(id(account)) })
}

fn full_exit(account: u32, amount: u128) -> OpInputs {
    inputs(Op::FullExit { account: id(account), token: TOKEN, amount, owner: owner(id(account)) })
}

fn set_key(account: u32, key: Point) -> OpInputs {
    inputs(Op::SetKey { account: id(account), key })
}

/// Signed by account 1 with its key and nonce.
fn signed(mut op: OpInputs) -> OpInputs {
    sign(&mut op, &secret(id(1), 1), DOMAIN.word(), Fr::ZERO, Fr::from(FOREVER));
    op
}

fn changed(mut op: OpInputs, change: impl FnOnce(&mut OpInputs)) -> OpInputs {
    change(&mut op);
    op
}

/// The op, over the users' state, with fees to account 2, is refused by exactly this rule.
#[track_caller]
fn refused(rule: &'static str, op: OpInputs) {
    refused_over(rule, LEDGER.clone(), header(2), op);
}

#[track_caller]
fn refused_over(rule: &'static str, ledger: Ledger, header: Header, op: OpInputs) {
    let plot = Plot::run(ledger, header, vec![op], Swap::Nowhere);
    assert_eq!(plot.broken(&CIRCUIT), BTreeSet::from([rule]));
}

#[track_caller]
fn accepted(op: OpInputs) {
    let plot = Plot::run(LEDGER.clone(), header(2), vec![op], Swap::Nowhere);
    assert_eq!(plot.broken(&CIRCUIT), BTreeSet::new());
}

#[test]
fn honest_ops_pass_the_same_way() {
    accepted(inputs(Op::Noop));
    accepted(deposit(1, 5));
    // An owner once set stays, whoever deposits.
    accepted(changed(deposit(1, 5), |op| op.address = Fr::from(9u8)));
    accepted(signed(transfer(1, 2, 999_999, 1)));
    accepted(signed(transfer(1, 1, 400, 600)));
    accepted(signed(withdraw(1, 1_000_000, 0, owner(id(1)))));
    accepted(full_exit(3, 1_000_000));
    accepted(full_exit(77, 0));
    accepted(set_key(1, BASE));
    accepted(set_key(1, low_order()));
}

#[test]
fn money_cannot_be_made() {
    let rule = "balance: not below zero, not above 128 bits";
    refused(rule, signed(transfer(1, 2, 1_000_001, 0)));
    refused(rule, signed(transfer(1, 1, 1_000_001, 0)));
    refused(rule, signed(transfer(1, 2, 1_000_000, 1)));
    refused(rule, signed(transfer(1, 2, 0, 1_000_001)));
    refused(rule, signed(withdraw(1, u128::MAX, 0, owner(id(1)))));
    let mut rich = LEDGER.clone();
    rich.change(1, |leaf| leaf.set_balance(7, Fr::from(u128::MAX)));
    refused_over(rule, rich.clone(), header(2), deposit(1, 1));
    let op = changed(transfer(2, 1, 1, 0), |op| {
        sign(op, &secret(id(2), 1), DOMAIN.word(), Fr::ZERO, Fr::from(FOREVER));
    });
    refused_over("transfer: receiver's balance not above 128 bits", rich, header(2), op);
    let mut rich = LEDGER.clone();
    rich.change(2, |leaf| leaf.set_balance(7, Fr::from(u128::MAX)));
    refused_over("fees: balance not above 128 bits", rich, header(2), signed(transfer(1, 3, 0, 1)));
    refused("full exit: pays the balance", full_exit(1, 999_999));
    refused("full exit: pays the balance", full_exit(1, 0));
    refused("full exit: pays the balance", changed(full_exit(77, 0), |op| op.account = Fr::from(1u8)));
}

/// Sender = fee account, alone or as receiver, too: a fee that comes back has to be there before.
#[test]
fn a_sender_may_take_the_fees_and_gains_nothing() {
    let rule = "balance: not below zero, not above 128 bits";
    let to_the_sender = header(1);
    let ops = |fee| {
        [transfer(1, 2, 999_999, fee), transfer(1, 1, 999_999, fee), withdraw(1, 999_999, fee, owner(id(1)))]
    };
    for (paid, poor) in ops(1).into_iter().zip(ops(2)) {
        let plot = Plot::run(LEDGER.clone(), to_the_sender, vec![signed(paid)], Swap::Nowhere);
        assert_eq!(plot.broken(&CIRCUIT), BTreeSet::new());
        // Where the money does not come back before the fees are credited, those find a balance below zero, which their path's input (128 bits) cannot be.
        let receives = poor.to == poor.account;
        let plot = Plot::run(LEDGER.clone(), to_the_sender, vec![signed(poor)], Swap::Nowhere);
        let expected = if receives { vec![rule] } else { vec![rule, "fees: balance path"] };
        assert_eq!(plot.broken(&CIRCUIT), BTreeSet::from_iter(expected));
    }
}

#[test]
fn numbers_cannot_leave_their_fields() {
    let rule = "op: fields in range";
    let minus = -Fr::ONE;
    refused(rule, signed(changed(transfer(1, 2, 0, 0), |op| op.amount = minus)));
    refused(rule, signed(changed(transfer(1, 2, 0, 0), |op| op.fee = minus)));
    refused(rule, signed(changed(withdraw(1, 0, 0, owner(id(1))), |op| op.address = minus)));
    refused(rule, changed(deposit(1, 5), |op| op.account += Fr::from(2u8).pow([24])));
    refused(rule, changed(deposit(1, 5), |op| op.token += Fr::from(256u16)));
}

/// Each field's first number too large stands in the next field of the word; its last number that fits passes.
#[test]
fn fields_end_at_their_last_bit() {
    type Change = fn(&mut OpInputs, Fr);
    let power = |bit: u64| Fr::from(2u8).pow([bit]);
    let rule = "op: fields in range";
    // An account that has `balance`, so that nothing else forbids the op.
    let with = |balance: Fr| {
        let mut ledger = LEDGER.clone();
        ledger.change(1, |leaf| leaf.set_balance(7, balance));
        ledger
    };
    let op = |change: Change, x: Fr| signed(changed(withdraw(1, 0, 0, owner(id(1))), |op| change(op, x)));
    let fields: [(u64, bool, Change); 3] = [
        (128, true, |op, x| op.amount = x),
        (96, true, |op, x| op.fee = x),
        (160, false, |op, x| op.address = x),
    ];
    for (bits, is_paid, change) in fields {
        for (x, due) in [(power(bits) - Fr::ONE, BTreeSet::new()), (power(bits), BTreeSet::from([rule]))] {
            let ledger = if is_paid { with(x) } else { LEDGER.clone() };
            let plot = Plot::run(ledger, header(2), vec![op(change, x)], Swap::Nowhere);
            assert_eq!(plot.broken(&CIRCUIT), due, "{bits} bits");
        }
    }
    refused(rule, signed(changed(transfer(1, 2, 0, 0), |op| op.to += power(24))));
}

/// Numbers that add up to the word that L1 made, but are others.
#[test]
fn the_header_s_numbers_are_those_of_its_word() {
    let power = |bit: u64| Fr::from(2u8).pow([bit]);
    let rule = "header: fields in range";
    // The plot runs with the numbers of `mine`, changed where they leave their fields; the word is that of `header(2)`.
    let found_as = |mine: Header, op: OpInputs, change: &dyn Fn(&mut HeaderInputs)| {
        let mut plot = Plot::run(LEDGER.clone(), mine, vec![op], Swap::Nowhere);
        plot.executed.header = header(2);
        let mut chosen = HeaderInputs::from(&mine);
        change(&mut chosen);
        plot.broken_with(&CIRCUIT, &chosen)
    };
    let found = |op: OpInputs, change: &dyn Fn(&mut HeaderInputs)| found_as(header(2), op, change);
    let noop = || inputs(Op::Noop);
    assert_eq!(found(noop(), &|_| {}), BTreeSet::new());
    let only = BTreeSet::from([rule]);
    assert_eq!(found(noop(), &|h| (h.time, h.number) = (h.time + power(64), h.number - Fr::ONE)), only);
    // Fees to account 1, where L1 read account 2.
    let pays = || signed(transfer(1, 2, 5, 1));
    assert_eq!(found_as(header(1), pays(), &|h| h.number += power(64)), only);
    let mut other_token = header(2);
    other_token.fee_tokens[FEE_TOKENS - 1] = TokenId(254);
    assert_eq!(found_as(other_token, pays(), &|h| h.fee_account += power(24)), only);
    // A signature that has ended, used at a time before 1970.
    let late = changed(transfer(1, 2, 5, 0), |op| {
        sign(op, &secret(id(1), 1), DOMAIN.word(), Fr::ZERO, Fr::from(TIME - 1));
    });
    refused("signature: in time", late.clone());
    assert_eq!(found(late, &|h| (h.time, h.number) = (h.time - power(64), h.number + Fr::ONE)), only);
    // A fee token and 256: the order of the tokens forbids it as well.
    for i in 1..FEE_TOKENS {
        let broken = found(noop(), &|h| {
            h.fee_tokens[i] += Fr::from(256u16);
            h.fee_tokens[i - 1] -= Fr::ONE;
        });
        assert!(broken.contains(rule) && broken.contains("header: fee tokens rise"), "{broken:?}");
    }
}

#[test]
fn an_op_has_one_code_and_only_its_fields() {
    let rule = "op: exactly one code";
    refused(rule, changed(inputs(Op::Noop), |op| (op.is, op.account) = ([false; 6], Fr::from(5u8))));
    // A deposit and an exit at once, which L1 would read as SET_KEY.
    let both = changed(full_exit(1, 1_000_000), |op| op.is[1] = true);
    refused(rule, both);

    let rule = "op: unused fields are 0";
    let one = Fr::ONE;
    refused(rule, changed(inputs(Op::Noop), |op| op.account = one));
    refused(rule, changed(inputs(Op::Noop), |op| op.address = one));
    refused(rule, changed(inputs(Op::Noop), |op| op.token = one));
    refused(rule, changed(deposit(1, 5), |op| op.fee = one));
    refused(rule, changed(deposit(1, 5), |op| op.to = one));
    refused(rule, changed(full_exit(1, 999_999), |op| (op.amount, op.to) = (op.amount + one, one)));
    refused(rule, signed(changed(withdraw(1, 5, 0, owner(id(1))), |op| op.to = one)));
    refused(rule, signed(changed(transfer(1, 2, 5, 0), |op| op.address = one)));
    refused(rule, changed(set_key(1, BASE), |op| op.token = one));
    refused(rule, changed(set_key(1, BASE), |op| op.address = one));
    // A key beside a deposit would add itself to w1: (0, −2) passes the curve check of an op without a key.
    let beside = Point { x: Fr::ZERO, y: -Fr::from(2u8) };
    refused(rule, changed(deposit(1, 5), |op| op.key = beside));
}

#[test]
fn nobody_is_left_alone() {
    let rule = "op: account 0 is nobody";
    refused(rule, changed(deposit(1, 5), |op| op.account = Fr::ZERO));
    refused(rule, changed(full_exit(1, 0), |op| op.account = Fr::ZERO));
    refused(rule, set_key(0, BASE));
    let rule = "op: address 0 is nobody";
    refused(rule, changed(deposit(77, 5), |op| op.address = Fr::ZERO));
    refused(rule, signed(withdraw(1, 5, 0, Address::NOBODY)));
    let rule = "transfer: receiver is somebody";
    refused(rule, signed(transfer(1, 0, 5, 0)));
    refused(rule, signed(transfer(1, 77, 5, 0)));
    let rule = "fees: the fee account is somebody";
    refused_over(rule, LEDGER.clone(), header(0), signed(transfer(1, 2, 5, 1)));
    refused_over(rule, LEDGER.clone(), header(77), signed(transfer(1, 2, 5, 1)));
    let op = inputs(Op::Transfer { from: id(1), to: id(2), token: TokenId(9), amount: 0, fee: fee(1) });
    let mut ledger = LEDGER.clone();
    ledger.change(1, |leaf| leaf.set_balance(9, Fr::from(10u8)));
    refused_over("fee: in a token of the batch", ledger, header(2), signed(op));
    let mut falling = header(2);
    falling.fee_tokens = [0, 7, 7, 255].map(TokenId);
    refused_over("header: fee tokens rise", LEDGER.clone(), falling, inputs(Op::Noop));
}

#[test]
fn the_state_cannot_be_swapped() {
    let rules = [
        (Swap::Before, "root: before the op"),
        (Swap::Between, "root: between sender and receiver"),
        (Swap::Fees, "root: before the fees"),
    ];
    for (swap, rule) in rules {
        let plot = Plot::run(LEDGER.clone(), header(2), vec![signed(transfer(1, 2, 5, 1))], swap);
        assert_eq!(plot.broken(&CIRCUIT), BTreeSet::from([rule]));
    }
    let mut plot = Plot::run(LEDGER.clone(), header(2), vec![full_exit(1, 1_000_000)], Swap::Nowhere);
    plot.executed.new_root = plot.executed.old_root;
    assert_eq!(plot.broken(&CIRCUIT), BTreeSet::from(["root: after the batch"]));
}

/// Places that do not belong together: the first root computed is wrong.
#[test]
fn a_path_belongs_to_one_account_and_one_token() {
    let edits: [fn(&mut OpInputs); 5] = [
        |op| op.account = Fr::from(2u8),
        |op| op.token = Fr::ZERO,
        |op| op.balance += Fr::ONE,
        |op| op.first.account_path[5][1] += Fr::ONE,
        |op| op.first.leaf[0] += Fr::ONE,
    ];
    for edit in edits {
        let mut plot = Plot::run(LEDGER.clone(), header(2), vec![deposit(1, 5)], Swap::Nowhere);
        edit(&mut plot.ops[0]);
        assert!(plot.broken(&CIRCUIT).contains("root: before the op"));
    }
}

#[test]
fn signatures_are_the_account_s_own_and_used_once() {
    let rule = "signature: equation";
    let by = |secret, domain: &Domain, nonce: u64| {
        changed(transfer(1, 2, 5, 0), |op| {
            sign(op, &secret, domain.word(), Fr::from(nonce), Fr::from(FOREVER));
        })
    };
    refused(rule, by(secret(id(2), 1), &DOMAIN, 0));
    refused(rule, by(secret(id(1), 2), &DOMAIN, 0));
    refused(rule, by(secret(id(1), 1), &DOMAIN, 1));
    refused(rule, by(secret(id(1), 1), &Domain { chain_id: 1, ..DOMAIN }, 0));
    refused(rule, by(secret(id(1), 1), &Domain { contract: Address([1; 20]), ..DOMAIN }, 0));
    refused(rule, changed(transfer(1, 2, 5, 0), |op| op.valid_until = Fr::from(FOREVER)));
    // A signature for one op, used for another.
    let good = signed(transfer(1, 2, 5, 0));
    accepted(good.clone());
    refused(rule, changed(good.clone(), |op| op.amount += Fr::ONE));
    refused(rule, changed(good.clone(), |op| op.fee += Fr::ONE));
    refused(rule, changed(good.clone(), |op| op.to = Fr::from(3u8)));
    refused(rule, changed(good.clone(), |op| op.token = Fr::ZERO));
    refused(rule, changed(good.clone(), |op| op.valid_until -= Fr::ONE));
    let as_withdrawal = |op: &mut OpInputs| {
        (op.is, op.to, op.address) = ([false, false, false, true, false, false], Fr::ZERO, Fr::ONE);
    };
    refused(rule, changed(good.clone(), as_withdrawal));
    refused(rule, changed(good.clone(), |op| op.r8 = op.r8.add(&low_order())));
    refused(rule, changed(good.clone(), |op| op.r8 = low_order()));
    // Used again: the nonce has moved on.
    let mut later = LEDGER.clone();
    later.change(1, |leaf| leaf.nonce += Fr::ONE);
    refused_over(rule, later, header(2), good.clone());
    // The circuit's nonce is a field element: after 2^64 − 1, where the executor ends, comes 2^64, and there what was signed at 0 does not serve again.
    let mut wrapped = LEDGER.clone();
    wrapped.change(1, |leaf| leaf.nonce = Fr::from(2u8).pow([64]));
    refused_over(rule, wrapped, header(2), good);
}

#[test]
fn signatures_have_one_form() {
    let order = Fr::from(num_bigint::BigUint::from(SUBGROUP_ORDER));
    let rule = "signature: S below the subgroup's order";
    // Of an S that is small enough, S + l has as many bits as l: only the comparison can tell.
    let until = |time: u64| {
        changed(transfer(1, 2, 5, 0), |op| {
            sign(op, &secret(id(1), 1), DOMAIN.word(), Fr::ZERO, Fr::from(time));
        })
    };
    let bits = |x: Fr| x.into_bigint().num_bits();
    let good = (0..).map(|i| until(FOREVER - i)).find(|op| bits(op.s + order) <= 251).unwrap();
    accepted(good.clone());
    refused(rule, changed(good.clone(), |op| op.s += order));
    let plot =
        Plot::run(LEDGER.clone(), header(2), vec![changed(good, |op| op.s += order.double())], Swap::Nowhere);
    assert!(plot.broken(&CIRCUIT).contains(rule));
    let rule = "signature: none where the op takes none";
    refused(rule, changed(inputs(Op::Noop), |op| op.s = Fr::ONE));
    refused(rule, changed(inputs(Op::Noop), |op| op.r8 = BASE));
    refused(rule, changed(deposit(1, 5), |op| op.valid_until = Fr::from(FOREVER)));
}

#[test]
fn weak_and_missing_keys_sign_nothing() {
    let nothing = |op: &mut OpInputs| op.valid_until = Fr::from(FOREVER);
    let mut ledger = LEDGER.clone();
    ledger.change(1, |leaf| leaf.key = low_order());
    // R8 = identity and S = 0 satisfy the equation for any message.
    let rule = "signature: key not of low order";
    refused_over(rule, ledger, header(2), changed(transfer(1, 2, 5, 0), nothing));
    for key in [Point { x: Fr::ZERO, y: Fr::ZERO }, Point { x: Fr::ONE, y: Fr::ONE }] {
        let mut ledger = LEDGER.clone();
        ledger.change(1, |leaf| leaf.key = key);
        let op = changed(transfer(1, 2, 5, 0), nothing);
        let plot = Plot::run(ledger, header(2), vec![op], Swap::Nowhere);
        assert!(plot.broken(&CIRCUIT).contains("signature: key on the curve"));
    }
    let off_curve = changed(signed(transfer(1, 2, 5, 0)), |op| op.r8.y += Fr::ONE);
    let plot = Plot::run(LEDGER.clone(), header(2), vec![off_curve], Swap::Nowhere);
    assert!(plot.broken(&CIRCUIT).contains("signature: R8 on the curve"));
}

#[test]
fn signatures_end() {
    let until = |time: Fr| {
        changed(transfer(1, 2, 5, 0), |op| sign(op, &secret(id(1), 1), DOMAIN.word(), Fr::ZERO, time))
    };
    accepted(until(Fr::from(TIME)));
    refused("signature: in time", until(Fr::from(TIME - 1)));
    refused("signature: in time", until(Fr::ZERO));
    refused("signature: in time", until(Fr::from(2u8).pow([64])));
    refused("signature: in time", until(-Fr::ONE));
}

#[test]
fn a_new_key_is_the_one_that_l1_saw() {
    let key = secret(id(1), 9).public();
    let other_sign = Point { x: -key.x, y: key.y };
    let mut op = set_key(1, key);
    op.key = other_sign;
    refused("set key: parity of Ax", op);
    refused("set key: parity of Ax", changed(set_key(1, key), |op| op.amount = Fr::ONE - op.amount));
    refused("set key: on the curve", changed(set_key(1, key), |op| op.key.x += Fr::from(2u8)));
    refused("set key: on the curve", set_key(1, Point { x: Fr::ZERO, y: Fr::ZERO }));
}

#[test]
fn an_old_key_is_dead_within_the_batch() {
    let circuit = Circuit::new(2);
    let ops = |secret| {
        let pay = changed(transfer(1, 2, 5, 0), |op| {
            sign(op, &secret, DOMAIN.word(), Fr::ZERO, Fr::from(FOREVER));
        });
        vec![set_key(1, super_key().public()), pay]
    };
    let plot = Plot::run(LEDGER.clone(), header(2), ops(secret(id(1), 1)), Swap::Nowhere);
    assert_eq!(plot.broken(&circuit), BTreeSet::from(["signature: equation"]));
    let plot = Plot::run(LEDGER.clone(), header(2), ops(super_key()), Swap::Nowhere);
    assert_eq!(plot.broken(&circuit), BTreeSet::new());
}

fn super_key() -> millrace_state::eddsa::SecretKey {
    secret(id(1), 77)
}

#[test]
fn public_inputs_are_those_of_the_words() {
    let plot = Plot::run(LEDGER.clone(), header(2), vec![deposit(1, 5)], Swap::Nowhere);
    let publics = PublicInputs::of(&plot.words());
    let found = |publics: PublicInputs| broken(&CIRCUIT, &plot.witness_for(&CIRCUIT, &publics));
    assert_eq!(found(publics), BTreeSet::new());
    assert_eq!(found(PublicInputs { p: publics.p + Fr::ONE, ..publics }), BTreeSet::from(["public data: P"]));
    assert_eq!(found(PublicInputs { y: publics.y + Fr::ONE, ..publics }), BTreeSet::from(["public data: y"]));
    assert_eq!(
        found(PublicInputs { rho: publics.rho + Fr::ONE, ..publics }),
        BTreeSet::from(["public data: y"])
    );
}
