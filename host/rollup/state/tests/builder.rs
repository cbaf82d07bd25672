//! The batch builder under spam: what cannot run weighs nothing, what pays goes first, what waits gets its turn.

mod common;

use common::world::{DOMAIN, FEE_TOKENS, TIME, TOKENS, World, fee, id, owner};
use millrace_state::{
    builder::{Built, FeePolicy, LeftOut, Plan, build},
    op::{Op, SignedOp},
    state::OpError,
    types::TokenId,
};

const TOKEN: TokenId = TokenId(7);

fn pay(from: u32, token: TokenId, paid: u128) -> Op {
    Op::Transfer { from: id(from), to: id(2), token, amount: 1, fee: fee(paid) }
}

/// All tokens of the world are worth the same.
fn policy() -> FeePolicy {
    FeePolicy::new(TOKENS.map(|token| (token, 1)), 0)
}

fn built(world: &mut World, fees: &FeePolicy, size: usize, pool: &[SignedOp]) -> Built {
    let plan = Plan { domain: DOMAIN, size, number: 1, time: TIME, fee_account: id(3), fees };
    let built = build(&mut world.state, &plan, &[], pool).unwrap();
    let mut named: Vec<usize> =
        built.left_out.iter().map(|(i, _)| *i).chain(built.included.clone()).collect();
    named.sort_unstable();
    assert_eq!(named, (0..pool.len()).collect::<Vec<_>>(), "every op is named once");
    built
}

fn reason(built: &Built, i: usize) -> LeftOut {
    built.left_out.iter().find(|(at, _)| *at == i).expect("left out").1
}

/// Gives account `from` some of each of `tokens`.
fn fund(world: &mut World, from: u32, tokens: impl IntoIterator<Item = u8>) {
    for token in tokens.into_iter().map(TokenId) {
        world.run_alone(Op::Deposit { account: id(from), token, amount: 1000, owner: owner(id(from)) });
    }
}

#[test]
fn ops_that_cannot_run_choose_no_token() {
    let world = World::with_users(1);
    // Ahead of their nonce, forged, and beyond the balance: all in four junk tokens.
    let mut pool: Vec<SignedOp> = Vec::new();
    for token in [100, 101, 102, 103].map(TokenId) {
        for ahead in 1..20 {
            pool.push(world.sign_ahead(pay(1, token, 1), ahead));
        }
        let mut forged = world.sign(pay(3, token, 1));
        forged.op = pay(3, token, (1 << 96) - 1);
        pool.push(forged);
        pool.push(world.sign(pay(0x55_5555, token, 1_000_000_000)));
    }
    pool.push(world.sign(pay(2, TOKEN, 1)));
    let honest = pool.len() - 1;
    for prices in [vec![(TOKEN, 1)], (0..=255).map(|token| (TokenId(token), 1)).collect(), vec![]] {
        let mut world = World { state: world.state.clone(), ..World::empty(1) };
        let built = built(&mut world, &FeePolicy::new(prices, 0), 4, &pool);
        assert_eq!(built.included, [honest]);
    }
}

#[test]
fn tokens_are_weighed_by_value_and_junk_that_runs_gets_one_place() {
    let mut world = World::with_users(2);
    fund(&mut world, 1, [100, 101, 102, 103, 104]);
    // Junk that runs and came first: ten ops in five tokens without a price.
    let mut pool: Vec<SignedOp> =
        (0..10).map(|ahead| world.sign_ahead(pay(1, TokenId(100 + ahead as u8 % 5), 90), ahead)).collect();
    pool.extend(
        [pay(2, TOKENS[0], 1), pay(3, TOKENS[1], 1), pay(0x55_5555, TOKENS[2], 1)].map(|op| world.sign(op)),
    );
    let built = built(&mut world, &policy(), 4, &pool);
    assert_eq!(built.included, [0, 10, 11, 12]);
    assert_eq!(built.executed.header.fee_tokens, [TOKENS[0], TOKENS[1], TokenId(100), TOKENS[2]]);
    assert_eq!(reason(&built, 1), LeftOut::Full);
}

#[test]
fn higher_fees_go_first_and_nonces_stay_in_order() {
    let mut world = World::with_users(3);
    let mut pool = vec![
        world.sign(pay(1, TOKEN, 5)),
        world.sign_ahead(pay(1, TOKEN, 900), 1),
        world.sign(pay(2, TOKEN, 0)),
        world.sign(pay(3, TOKEN, 7)),
        world.sign_ahead(pay(3, TOKEN, 6), 1),
    ];
    let built = built(&mut world, &policy(), 4, &pool);
    // The oldest, then what it made way for, then by fee; the free op of an account that never paid comes last.
    assert_eq!(built.included, [0, 1, 3, 4]);
    assert_eq!(reason(&built, 2), LeftOut::Full);
    // Of two ops with one nonce the better pays; the other is used up.
    pool = vec![world.sign(pay(2, TOKEN, 1)), world.sign(pay(2, TOKEN, 2))];
    let built = self::built(&mut world, &policy(), 4, &pool);
    assert_eq!(built.included, [1]);
    assert!(matches!(reason(&built, 0), LeftOut::Rejected(OpError::Nonce { expected: 1, got: 0, .. })));
}

#[test]
fn a_forged_op_does_not_stand_in_the_way_of_its_nonce() {
    let mut world = World::with_users(4);
    let mut forged = world.sign(pay(1, TOKEN, 1));
    forged.op = pay(1, TOKEN, 999);
    let pool = [forged, world.sign(pay(1, TOKEN, 1)), world.sign_ahead(pay(1, TOKEN, 1), 1)];
    let built = built(&mut world, &policy(), 4, &pool);
    assert_eq!(built.included, [1, 2]);
    assert!(matches!(reason(&built, 0), LeftOut::Rejected(OpError::Signature { .. })));
}

#[test]
fn money_of_the_same_batch_can_be_spent() {
    let mut world = World::with_users(5);
    let whole = |from, to, amount, paid| Op::Transfer {
        from: id(from),
        to: id(to),
        token: TOKEN,
        amount,
        fee: fee(paid),
    };
    // Account 2 can only pay once account 1 has paid, whose fee is lower.
    let pool = [
        world.sign(whole(3, 2, 1, 0)),
        world.sign(whole(2, 3, 1_500_000, 9)),
        world.sign(whole(1, 2, 900_000, 1)),
    ];
    let built = built(&mut world, &policy(), 4, &pool);
    assert_eq!(built.included, [0, 2, 1]);
}

#[test]
fn what_is_too_cheap_or_too_far_ahead_is_turned_away() {
    let mut world = World::with_users(6);
    let mut fees = FeePolicy::new([(TOKEN, 10)], 20);
    fees.nonce_window = 3;
    let pool = [
        world.sign(pay(1, TOKEN, 1)),
        world.sign(pay(2, TOKENS[0], 1000)),
        world.sign(pay(3, TOKEN, 2)),
        world.sign_ahead(pay(3, TOKEN, 2), 2),
        world.sign_ahead(pay(3, TOKEN, 2), 3),
    ];
    let built = built(&mut world, &fees, 8, &pool);
    assert_eq!(built.included, [2]);
    assert_eq!(reason(&built, 0), LeftOut::FeeTooLow { minimum: 20, got: 10 });
    assert_eq!(reason(&built, 1), LeftOut::FeeTooLow { minimum: 20, got: 0 });
    assert_eq!(reason(&built, 3), LeftOut::NonceAhead { account: id(3), expected: 1, got: 2 });
    assert_eq!(reason(&built, 4), LeftOut::NonceTooFar { account: id(3), expected: 0, got: 3 });
}

/// Four others outbid it in every batch, in all four tokens but its own; it is in the first batch all the same, and its next op in the second.
#[test]
fn nobody_who_pays_the_minimum_is_outbid_for_ever() {
    let mut world = World::with_users(7);
    let rich = [1, 2, 0x55_5555, 0xff_ffff];
    fund(&mut world, 3, [200, 201]);
    rich.iter().zip(FEE_TOKENS).for_each(|(user, token)| fund(&mut world, *user, [token.0]));
    let fees = FeePolicy::new((0..=255).map(|token| (TokenId(token), 1)), 1);
    let cheap = [0, 1].map(|ahead| world.sign_ahead(pay(3, TokenId(200 + ahead), 1), ahead.into()));
    for waiting in [&cheap[..], &cheap[1..]] {
        let mut pool = waiting.to_vec();
        for (user, token) in rich.into_iter().zip(FEE_TOKENS) {
            pool.extend((0..8).map(|ahead| world.sign_ahead(pay(user, token, 90), ahead)));
        }
        let built = built(&mut world, &fees, 8, &pool);
        assert_eq!(built.included[0], 0);
        assert_eq!(built.included.len(), 8);
        assert!(built.included[1..].iter().all(|i| *i >= waiting.len()), "the others go to who pays more");
    }
}
