//! Every forced op is provable in every reachable state, with exactly one result.
//!
//! `MILLRACE_STATES=N` looks at N random reachable states instead of the default; the executor is asked about each, the circuit about one in a hundred of
//! them (all of them in a short run).

mod common;

use common::world::{DOMAIN, FEE_TOKENS, TIME, World, id, owner};
use millrace_circuit::batch::Circuit;
use millrace_state::{
    batch::{Batch, Header},
    builder::QueueEntry,
    op::Op,
    state::{OpContext, OpError, State},
    types::{AccountId, TokenId},
};
use rand::Rng;

/// Runs the entry on a copy of the state; its only possible op must work and any other amount of an exit must not.
fn provable(state: &State, header: Header, entry: QueueEntry, circuit: Option<&Circuit>) {
    let op = entry.op(state);
    let batch = Batch { header, ops: vec![op.into()] };
    let executed = state.clone().execute(DOMAIN, &batch).unwrap_or_else(|error| panic!("{op:?}: {error}"));
    if let Some(circuit) = circuit {
        let witness = circuit.witness(&executed).unwrap();
        assert_eq!(circuit.system().first_broken(&witness), None, "{op:?}");
    }
    if let Op::FullExit { account, token, amount, owner } = op {
        let context = OpContext { domain: &DOMAIN, time: TIME, fee_tokens: &FEE_TOKENS };
        for got in [amount.wrapping_sub(1), amount + 1] {
            let other = Op::FullExit { account, token, amount: got, owner };
            let refused = state.clone().apply(&other.into(), &context).unwrap_err();
            assert_eq!(refused, OpError::ExitAmount { account, token, balance: amount, got });
        }
    }
}

/// The world's next state: now and then a new world, else another random batch.
fn step(world: &mut World, seed: u64) {
    if world.rng.random_ratio(1, 40) {
        *world = World::empty(seed);
    }
    let batch = world.random_batch(4);
    world.state.execute(DOMAIN, &batch).unwrap();
}

#[test]
fn forced_ops_are_provable_in_every_reachable_state() {
    let asked = std::env::var("MILLRACE_STATES").ok().and_then(|n| n.parse::<u64>().ok());
    let states = asked.unwrap_or(40);
    let circuit = Circuit::new(1);
    let mut world = World::empty(5);
    for n in 0..states {
        step(&mut world, n);
        let in_circuit = (asked.is_none() || n % 100 == 0).then_some(&circuit);
        let header = world.header(AccountId::NOBODY);
        // A user, or an account that nobody touched yet.
        let account =
            if world.rng.random_ratio(1, 8) { id(world.rng.random_range(1..1 << 24)) } else { world.user() };
        let token = if world.rng.random_ratio(1, 8) { TokenId(world.rng.random()) } else { world.token() };
        let amount = world.rng.random_range(1..1u128 << 119);
        let key = common::world::secret(account, world.rng.random()).public();
        let owner = owner(account);
        let entries = [
            QueueEntry::Deposit { account, token, amount, owner },
            QueueEntry::FullExit { account, token, owner },
            QueueEntry::SetKey { account, key },
        ];
        for entry in entries {
            provable(&world.state, header, entry, in_circuit);
        }
    }
    println!("{states} states, three forced ops in each");
}
