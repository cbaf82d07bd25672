//! Users and random batches, shared with the tests of `millrace-state`.
#![allow(dead_code, reason = "each test binary uses some of these")]

pub(crate) mod lawless;
#[path = "../../../state/tests/common/world.rs"]
pub(crate) mod world;

use millrace_state::{batch::Executed, op::Op, types::TokenId};
use world::{DOMAIN, World, fee, id, owner};

/// A batch of one op of every kind, each after the last.
pub(crate) fn one_of_each() -> Vec<Executed> {
    let mut world = World::with_users(7);
    let (token, one, two) = (TokenId(7), id(1), id(2));
    let ops = [
        Op::Noop,
        Op::Deposit { account: two, token, amount: 5, owner: owner(two) },
        Op::Transfer { from: one, to: two, token, amount: 700, fee: fee(11) },
        Op::Withdraw { from: two, token, amount: 300, fee: fee(2), recipient: owner(one) },
        Op::FullExit { account: two, token, amount: 1_000_000 + 5 + 700 - 300 - 2 + 13, owner: owner(two) },
        world.set_key(id(3)),
    ];
    ops.map(|op| {
        let signed = if op.signer().is_some() { world.sign(op) } else { op.into() };
        let batch = world.batch(vec![signed], two);
        world.state.execute(DOMAIN, &batch).unwrap()
    })
    .to_vec()
}
