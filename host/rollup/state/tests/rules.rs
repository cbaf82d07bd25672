//! Every rule broken, each refused with its own error and without a trace in the state.

mod common;

use ark_ff::{BigInteger, Field};
use common::world::{DOMAIN, TIME, World, fee, id, low_order, owner, secret};
use millrace_state::{
    Fr,
    babyjub::{BASE, Point, SUBGROUP_ORDER},
    batch::{Batch, BatchError, Header},
    builder::{FeePolicy, LeftOut, Plan, QueueEntry, build},
    eddsa::{self, Signature, SignatureError},
    op::{Op, OpWordsError, SignedOp},
    state::OpError,
    types::{AccountId, Address, Domain, TokenId},
};

const TOKEN: TokenId = TokenId(7);

fn transfer(from: u32, to: u32, amount: u128, paid: u128) -> Op {
    Op::Transfer { from: id(from), to: id(to), token: TOKEN, amount, fee: fee(paid) }
}

/// Runs one op alone; a refusal must leave the root as it was.
fn run(world: &mut World, op: impl Into<SignedOp>) -> Result<(), OpError> {
    let batch = world.batch(vec![op.into()], id(2));
    let before = world.state.root();
    match world.state.execute(DOMAIN, &batch) {
        Ok(_) => Ok(()),
        Err(BatchError::Op { index: 0, error }) => {
            assert_eq!(world.state.root(), before, "a refused op must change nothing");
            Err(error)
        }
        Err(other) => panic!("{other}"),
    }
}

fn signature_error(error: SignatureError) -> Result<(), OpError> {
    Err(OpError::Signature { account: id(1), error })
}

#[test]
fn nobody_is_never_credited_nor_debited() {
    let mut world = World::with_users(1);
    let nobody = AccountId::NOBODY;
    let deposit = |account, owner| Op::Deposit { account, token: TOKEN, amount: 1, owner };
    assert_eq!(run(&mut world, deposit(nobody, owner(id(1)))), Err(OpError::Nobody));
    assert_eq!(run(&mut world, deposit(id(9), Address::NOBODY)), Err(OpError::NoOwner));
    assert_eq!(run(&mut world, Op::SetKey { account: nobody, key: BASE }), Err(OpError::Nobody));
    let exit = Op::FullExit { account: nobody, token: TOKEN, amount: 0, owner: owner(id(1)) };
    assert_eq!(run(&mut world, exit), Err(OpError::Nobody));
    let to_nobody = world.sign(transfer(1, 0, 1, 0));
    assert_eq!(run(&mut world, to_nobody), Err(OpError::Nobody));
    let to_empty = world.sign(transfer(1, 77, 1, 0));
    assert_eq!(run(&mut world, to_empty), Err(OpError::NoReceiver(id(77))));
    let op = Op::Withdraw { from: id(1), token: TOKEN, amount: 1, fee: fee(0), recipient: Address::NOBODY };
    let burnt = world.sign(op);
    assert_eq!(run(&mut world, burnt), Err(OpError::NoRecipient));
}

#[test]
fn no_balance_goes_below_zero_or_above_128_bits() {
    let mut world = World::with_users(2);
    for (amount, paid) in [(1_000_001, 0), (1_000_000, 1), (0, 1_000_001), (u128::MAX, 0), (u128::MAX, 1)] {
        let op = world.sign(transfer(1, 2, amount, paid));
        assert!(
            matches!(run(&mut world, op), Err(OpError::Balance { balance: 1_000_000, .. })),
            "{amount} + {paid}"
        );
    }
    // L1 lets no token's total reach 2^120; were it to fail, the state would still not wrap.
    let huge = |account: u32| Op::Deposit {
        account: id(account),
        token: TOKEN,
        amount: u128::MAX - 1_000_000,
        owner: owner(id(account)),
    };
    assert_eq!(run(&mut world, huge(1)), Ok(()));
    assert_eq!(run(&mut world, huge(1)), Err(OpError::Overflow { account: id(1), token: TOKEN }));
    let op = world.sign(transfer(1, 2, u128::MAX - 1, 0));
    assert_eq!(run(&mut world, op), Err(OpError::Overflow { account: id(2), token: TOKEN }));
    // Everything, fee included, may go.
    let op = world.sign(transfer(1, 2, 0, 5));
    assert_eq!(run(&mut world, op), Ok(()));
}

#[test]
fn a_nonce_serves_once_and_in_order() {
    let mut world = World::with_users(3);
    let op = world.sign(transfer(1, 2, 5, 1));
    assert_eq!(run(&mut world, op), Ok(()));
    assert_eq!(run(&mut world, op), Err(OpError::Nonce { account: id(1), expected: 1, got: 0 }));
    let skipped = world.sign_ahead(transfer(1, 2, 5, 1), 1);
    assert_eq!(run(&mut world, skipped), Err(OpError::Nonce { account: id(1), expected: 1, got: 2 }));
    // A nonce is signed, not only carried.
    let mut renamed = op;
    renamed.authorisation.as_mut().unwrap().nonce = 1;
    assert_eq!(run(&mut world, renamed), signature_error(SignatureError::Wrong));
}

#[test]
fn a_signature_holds_for_one_op_chain_contract_and_time_only() {
    let mut world = World::with_users(4);
    let op = transfer(1, 2, 5, 1);
    let signed = world.sign(op);
    let other_ops = [
        transfer(1, 3, 5, 1),
        transfer(1, 2, 6, 1),
        transfer(1, 2, 5, 2),
        Op::Transfer { from: id(1), to: id(2), token: TokenId(0), amount: 5, fee: fee(1) },
        Op::Withdraw { from: id(1), token: TOKEN, amount: 5, fee: fee(1), recipient: owner(id(2)) },
    ];
    for other in other_ops {
        let replayed = SignedOp { op: other, ..signed };
        assert_eq!(run(&mut world, replayed), signature_error(SignatureError::Wrong), "{other:?}");
    }
    let other_domains = [Domain { chain_id: 1, ..DOMAIN }, Domain { contract: Address([1; 20]), ..DOMAIN }];
    for domain in other_domains {
        let batch = world.batch(vec![signed], id(2));
        let error = OpError::Signature { account: id(1), error: SignatureError::Wrong };
        let refused = world.state.execute(domain, &batch).unwrap_err();
        assert_eq!(refused, BatchError::Op { index: 0, error }, "{domain:?}");
    }
    // validUntil is inclusive, and signed.
    let mut expiring = signed;
    let authorisation = expiring.authorisation.as_mut().unwrap();
    authorisation.valid_until = TIME;
    authorisation.signature = secret(id(1), 1).sign(op.message(&DOMAIN, 0, TIME));
    let header = Header { time: TIME, ..world.header(id(2)) };
    let late = Header { time: TIME + 1, ..header };
    let refused = world.state.execute(DOMAIN, &Batch { header: late, ops: vec![expiring] }).unwrap_err();
    let error = OpError::Expired { valid_until: TIME, batch_time: TIME + 1 };
    assert_eq!(refused, BatchError::Op { index: 0, error });
    let mut prolonged = expiring;
    prolonged.authorisation.as_mut().unwrap().valid_until += 1;
    let refused = world.state.execute(DOMAIN, &Batch { header: late, ops: vec![prolonged] }).unwrap_err();
    let error = OpError::Signature { account: id(1), error: SignatureError::Wrong };
    assert_eq!(refused, BatchError::Op { index: 0, error });
    assert!(world.state.execute(DOMAIN, &Batch { header, ops: vec![expiring] }).is_ok());
}

#[test]
fn only_the_present_key_signs() {
    let mut world = World::with_users(5);
    let mut with_old_key = world.sign(transfer(1, 2, 5, 0));
    let change = world.set_key(id(1));
    let batch = world.batch(vec![change.into(), with_old_key], id(2));
    let error = OpError::Signature { account: id(1), error: SignatureError::Wrong };
    assert_eq!(world.state.execute(DOMAIN, &batch).unwrap_err(), BatchError::Op { index: 1, error });
    assert_eq!(run(&mut world, change), Ok(()));
    assert_eq!(run(&mut world, with_old_key), signature_error(SignatureError::Wrong));
    with_old_key.authorisation = None;
    assert_eq!(run(&mut world, with_old_key), Err(OpError::Unsigned));
    let with_new_key = world.sign(transfer(1, 2, 5, 0));
    assert_eq!(run(&mut world, with_new_key), Ok(()));
    let decorated = SignedOp { op: change, ..with_new_key };
    assert_eq!(run(&mut world, decorated), Err(OpError::NeedlesslySigned));
}

#[test]
fn keys_and_nonces_of_signatures_must_be_sound_points() {
    let mut world = World::with_users(6);
    let op = transfer(1, 2, 5, 0);
    let signed = world.sign(op);
    let with = |change: &dyn Fn(&mut Signature)| {
        let mut other = signed;
        change(&mut other.authorisation.as_mut().unwrap().signature);
        other
    };
    let malleated = with(&|signature| {
        signature.s.add_with_carry(&SUBGROUP_ORDER);
    });
    assert_eq!(run(&mut world, malleated), signature_error(SignatureError::ScalarRange));
    let order = with(&|signature| signature.s = SUBGROUP_ORDER);
    assert_eq!(run(&mut world, order), signature_error(SignatureError::ScalarRange));
    let off_curve = with(&|signature| signature.r8.x += Fr::ONE);
    assert_eq!(run(&mut world, off_curve), signature_error(SignatureError::NonceOffCurve));
    let low = with(&|signature| signature.r8 = low_order());
    assert_eq!(run(&mut world, low), signature_error(SignatureError::Wrong));
    // R8 plus a point of order 2 cannot be told apart by a check that multiplies by the cofactor; this one does not.
    let shifted = with(&|signature| signature.r8 = signature.r8.add(&low_order()));
    assert_eq!(run(&mut world, shifted), signature_error(SignatureError::Wrong));

    let off = Point { x: Fr::ONE, y: Fr::ONE };
    assert_eq!(run(&mut world, Op::SetKey { account: id(1), key: off }), Err(OpError::KeyOffCurve));
    for key in [Point::IDENTITY, low_order()] {
        assert_eq!(run(&mut world, Op::SetKey { account: id(1), key }), Ok(()));
        // S = 0, R8 = identity satisfies the bare equation for a low-order key, whatever the message.
        let forged = with(&|signature| *signature = Signature { r8: Point::IDENTITY, s: 0u64.into() });
        assert_eq!(run(&mut world, forged), signature_error(SignatureError::KeyOfLowOrder));
    }
    let mut keyless = World::empty(7);
    for account in [1, 2] {
        let (account, owner) = (id(account), owner(id(account)));
        keyless.run_alone(Op::Deposit { account, token: TOKEN, amount: 100, owner });
    }
    assert_eq!(run(&mut keyless, signed), signature_error(SignatureError::NoKey));
    let key = Point { x: Fr::from(0u8), y: Fr::from(0u8) };
    assert_eq!(
        eddsa::verify(&off, Fr::ONE, &Signature { r8: key, s: 0u64.into() }),
        Err(SignatureError::KeyOffCurve)
    );
}

#[test]
fn a_full_exit_pays_exactly_the_balance() {
    let mut world = World::with_users(8);
    let exit = |account, amount| Op::FullExit {
        account: id(account),
        token: TOKEN,
        amount,
        owner: owner(id(account)),
    };
    for got in [0, 999_999, 1_000_001, u128::MAX] {
        let expected = OpError::ExitAmount { account: id(1), token: TOKEN, balance: 1_000_000, got };
        assert_eq!(run(&mut world, exit(1, got)), Err(expected));
    }
    assert_eq!(run(&mut world, exit(1, 1_000_000)), Ok(()));
    let root = world.state.root();
    assert_eq!(run(&mut world, exit(1, 0)), Ok(()));
    assert_eq!(run(&mut world, exit(0x12_3456, 0)), Ok(()));
    assert_eq!(world.state.root(), root, "an exit of nothing changes nothing");
}

#[test]
fn fees_need_a_token_of_the_batch_and_somebody_to_take_them() {
    let mut world = World::with_users(9);
    let op = Op::Transfer { from: id(1), to: id(2), token: TokenId(9), amount: 0, fee: fee(1) };
    let signed = world.sign(op);
    assert_eq!(run(&mut world, signed), Err(OpError::FeeToken(TokenId(9))));
    for (fee_account, error) in [(AccountId::NOBODY, OpError::Nobody), (id(77), OpError::NoReceiver(id(77)))]
    {
        let signed = world.sign(transfer(1, 2, 5, 1));
        let batch = world.batch(vec![signed], fee_account);
        let before = world.state.root();
        assert_eq!(world.state.execute(DOMAIN, &batch).unwrap_err(), BatchError::Fees(error));
        assert_eq!(world.state.root(), before);
    }
    // Sender = receiver = fee account: nothing is lost, nothing is made.
    let signed = world.sign(transfer(1, 1, 400, 600));
    let batch = world.batch(vec![signed], id(1));
    world.state.execute(DOMAIN, &batch).unwrap();
    assert_eq!(world.state.balance(id(1), TOKEN), 1_000_000);
    let mut header = world.header(id(1));
    header.fee_tokens[1] = header.fee_tokens[0];
    let refused = world.state.execute(DOMAIN, &Batch { header, ops: vec![] }).unwrap_err();
    assert_eq!(refused, BatchError::FeeTokens);
}

#[test]
fn words_are_one_op_or_none() {
    let mut world = World::with_users(10);
    let ops = [
        Op::Noop,
        transfer(1, 2, u128::MAX, (1 << 96) - 1),
        Op::Withdraw { from: id(1), token: TOKEN, amount: 9, fee: fee(3), recipient: owner(id(4)) },
        Op::Deposit {
            account: id(0xff_ffff),
            token: TokenId(255),
            amount: u128::MAX,
            owner: Address([0xff; 20]),
        },
        Op::FullExit { account: id(1), token: TOKEN, amount: 0, owner: owner(id(1)) },
        world.set_key(id(1)),
    ];
    for op in ops {
        let [w0, w1] = op.words();
        assert_eq!(Op::from_words([w0, w1]), Ok(op));
        // Any single bit more or less is another op or none.
        for bit in 0..253u32 {
            for words in
                [[w0 + Fr::from(2u8).pow([bit.into()]), w1], [w0, w1 + Fr::from(2u8).pow([bit.into()])]]
            {
                if let Ok(other) = Op::from_words(words) {
                    assert_ne!(other, op);
                    assert_eq!(other.words(), words);
                }
            }
        }
    }
    let code = |code: u64| Fr::from(code) * Fr::from(2u8).pow([248]);
    assert_eq!(Op::from_words([code(6), Fr::from(0u8)]), Err(OpWordsError::Code(6)));
    assert_eq!(
        Op::from_words([code(8), Fr::from(0u8)]),
        Err(OpWordsError::TooWide { word: 0, max_bits: 251, got_bits: 252 })
    );
    assert_eq!(
        Op::from_words([Fr::from(0u8), code(1)]),
        Err(OpWordsError::TooWide { word: 1, max_bits: 192, got_bits: 249 })
    );
    assert_eq!(
        Op::from_words([Fr::from(1u8), Fr::from(0u8)]),
        Err(OpWordsError::Unused { code: 0, field: "amount" })
    );
    assert_eq!(Op::from_words([code(5), Fr::from(2u8)]), Err(OpWordsError::NoPoint));
}

#[test]
fn the_builder_orders_rejects_with_a_reason_and_fills() {
    let mut world = World::with_users(11);
    let fees = FeePolicy::new([(TOKEN, 1)], 0);
    let plan = Plan { domain: DOMAIN, size: 6, number: 1, time: TIME, fee_account: id(3), fees: &fees };
    let exit = QueueEntry::FullExit { account: id(3), token: TOKEN, owner: owner(id(3)) };
    let pool = [
        world.sign_ahead(transfer(1, 2, 2, 1), 1),
        world.sign(transfer(1, 2, 1, 1)),
        world.sign_ahead(transfer(1, 2, 3, 1), 3),
        world.sign(transfer(2, 1, 2_000_000, 1)),
        Op::SetKey { account: id(1), key: BASE }.into(),
    ];
    let built = build(&mut world.state, &plan, &[exit], &pool).unwrap();
    assert_eq!((built.consumed, built.included), (1, vec![1, 0]));
    assert_eq!(built.executed.ops.len(), 6);
    let mut left_out = built.left_out;
    left_out.sort_by_key(|(i, _)| *i);
    assert_eq!(left_out[0], (2, LeftOut::NonceAhead { account: id(1), expected: 2, got: 3 }));
    assert!(matches!(left_out[1], (3, LeftOut::Rejected(OpError::Balance { .. }))));
    assert_eq!(left_out[2], (4, LeftOut::NotFromQueue));
    // The same batch runs again from its parts, and another state refuses it.
    let batch = Batch {
        header: built.executed.header,
        ops: built.executed.ops.iter().map(|trace| trace.signed).collect(),
    };
    let mut again = World::with_users(11);
    assert_eq!(again.state.execute(DOMAIN, &batch).unwrap().words(), built.executed.words());
    assert!(again.state.execute(DOMAIN, &batch).is_err());
    let wrong_order = Batch { ops: batch.ops.iter().rev().copied().collect(), ..batch };
    assert_eq!(again.state.execute(DOMAIN, &wrong_order).unwrap_err(), BatchError::QueueOrder(5));
}

#[test]
fn random_batches_keep_every_token_s_total() {
    let mut world = World::empty(12);
    let mut ran = 0;
    for _ in 0..60 {
        let batch = world.random_batch(8);
        let total = |world: &World, token| -> u128 {
            world.state.accounts().map(|(_, account)| account.balance(token)).sum()
        };
        let before = common::world::TOKENS.map(|token| total(&world, token));
        world.state.execute(DOMAIN, &batch).unwrap();
        let mut expected = before;
        for signed in &batch.ops {
            for (sum, token) in expected.iter_mut().zip(common::world::TOKENS) {
                match signed.op {
                    Op::Deposit { token: t, amount, .. } if t == token => *sum += amount,
                    Op::Withdraw { token: t, amount, .. } | Op::FullExit { token: t, amount, .. }
                        if t == token =>
                    {
                        *sum -= amount;
                    }
                    _ => {}
                }
            }
            ran += usize::from(signed.op != Op::Noop);
        }
        assert_eq!(common::world::TOKENS.map(|token| total(&world, token)), expected);
    }
    assert!(ran > 150, "only {ran} ops ran");
}
