//! Every forced op is provable in every reachable state, with exactly one result.
//!
//! In each of many random reachable states each forced op is run, and its witness asked about: some of them in the whole circuit, all of them in outline
//! ([`millrace_circuit::outline`]). `MILLRACE_STATES=N` looks at N states instead of the default, `MILLRACE_SEED` takes another walk through them; `make campaign-rollup` does both.

mod common;

use common::world::{DOMAIN, World, id, owner};
use millrace_circuit::{Fr, OpInputs, batch::Circuit, outline::Outline, system::Broken};
use millrace_state::{
    batch::{Batch, BatchError, Executed},
    builder::QueueEntry,
    op::Op,
    state::{OpError, State},
    types::{AccountId, TokenId},
};
use rand::Rng;

/// The whole circuit is asked about one state in so many.
const WHOLE: u64 = 1000;
/// Bits of an amount that may stay in the walk: no world is old enough for its sum to reach 2^120.
const LARGEST_BITS: u32 = 108;
/// After so many states there is a new world, on average.
const WORLD: u32 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs the entry's only possible op on a copy of the state.
fn run(world: &mut World, entry: QueueEntry) -> (State, Executed) {
    let op = entry.op(&world.state);
    let mut state = world.state.clone();
    let batch = world.batch(vec![op.into()], AccountId::NOBODY);
    let executed = state.execute(DOMAIN, &batch).unwrap_or_else(|error| panic!("{op:?}: {error}"));
    (state, executed)
}

/// Another amount of an exit is refused by the executor, and by the rule of the circuit that is for it, whatever else it breaks. It is the one thing about a
/// forced op that a prover says: all others stand in the queue.
fn refuses_another_amount(world: &mut World, executed: &Executed, outline: &mut Outline<'_>) {
    let Op::FullExit { account, token, amount, owner } = executed.ops[0].signed.op else { return };
    let got = match world.rng.random_range(0..4) {
        0 => amount.wrapping_sub(1),
        1 => amount + 1,
        2 if amount != 0 => 0,
        _ => world.rng.random::<u128>() ^ amount | 1 << 120,
    };
    let other = Op::FullExit { account, token, amount: got, owner };
    let batch = Batch { header: executed.header, ops: vec![other.into()] };
    let refused = world.state.clone().execute(DOMAIN, &batch).unwrap_err();
    let error = OpError::ExitAmount { account, token, balance: amount, got };
    assert_eq!(refused, BatchError::Op { index: 0, error });
    let mut inputs = OpInputs::from(&executed.ops[0]);
    inputs.amount = Fr::from(got);
    let broken = outline.broken(executed, &inputs);
    let rule = "full exit: pays the balance";
    assert!(broken.iter().any(|broken| broken.rule == rule), "{got} for {amount} breaks only {broken:?}");
}

/// Three entries about one random account: a user's, or one that nobody touched yet.
fn entries(world: &mut World) -> [QueueEntry; 3] {
    let account =
        if world.rng.random_ratio(1, 8) { id(world.rng.random_range(1..1 << 24)) } else { world.user() };
    let token = if world.rng.random_ratio(1, 8) { TokenId(world.rng.random()) } else { world.token() };
    let amount = if world.rng.random_ratio(1, 8) {
        // The most that L1 takes: what it owes in a token stays below 2^120.
        let total: u128 = world.state.accounts().map(|(_, account)| account.balance(token)).sum();
        (1 << 120) - 1 - total
    } else {
        let bits = world.rng.random_range(0..LARGEST_BITS);
        world.rng.random_range(1..=1u128 << bits)
    };
    let Op::SetKey { key, .. } = world.set_key(account) else { unreachable!("set_key makes a SET_KEY") };
    let owner = owner(account);
    [
        QueueEntry::Deposit { account, token, amount, owner },
        QueueEntry::FullExit { account, token, owner },
        QueueEntry::SetKey { account, key },
    ]
}

#[test]
fn forced_ops_are_provable_in_every_reachable_state() {
    let asked = number("MILLRACE_STATES");
    let (states, seed) = (asked.unwrap_or(200), number("MILLRACE_SEED").unwrap_or(5));
    let whole_every = if asked.is_some() { WHOLE } else { 10 };
    let circuit = Circuit::new(1);
    let mut outline = Outline::new(&circuit);
    let mut world = World::empty(seed);
    let (mut payments, mut wholes) = (0, 0);
    for n in 0..states {
        // The walk: now and then a new world, else a random batch with payments, or one of the forced ops that were tried.
        if world.rng.random_ratio(1, WORLD) {
            world = World::empty(seed << 32 | n);
        }
        if world.rng.random_ratio(1, 8) {
            let batch = world.random_batch(3);
            payments += batch.ops.iter().filter(|signed| signed.op.signer().is_some()).count();
            world.state.execute(DOMAIN, &batch).unwrap();
        }
        let chosen = world.rng.random_range(0..4);
        let mut next = None;
        let generations = world.generations.clone();
        for (i, entry) in entries(&mut world).into_iter().enumerate() {
            let (state, executed) = run(&mut world, entry);
            let op = executed.ops[0].signed.op;
            assert_eq!(outline.check(&executed), Ok(()), "state {n} of seed {seed}: {op:?}");
            refuses_another_amount(&mut world, &executed, &mut outline);
            if n % whole_every == 0 {
                let witness = circuit.witness(&executed).unwrap();
                assert_eq!(circuit.system().first_broken(&witness), None, "state {n} of seed {seed}: {op:?}");
                wholes += 1;
            }
            // The largest deposit leaves no room for another.
            let is_largest = matches!(op, Op::Deposit { amount, .. } if amount >> LARGEST_BITS != 0);
            if i == chosen && !is_largest {
                next = Some(state);
            }
        }
        // The key that was made is the account's only where the SET_KEY is what happened.
        if chosen != 2 {
            world.generations = generations;
        }
        world.state = next.unwrap_or(world.state);
    }
    println!(
        "forced: seed {seed}, {states} states, three forced ops in each, {wholes} ops in the whole circuit, {payments} payments between"
    );
}

/// The outline sees what the whole circuit sees: in each kind of op, a wrong input of each sort.
#[test]
fn the_outline_breaks_where_the_circuit_breaks() {
    let circuit = Circuit::new(1);
    let mut outline = Outline::new(&circuit);
    let mut world = World::with_users(3);
    type Change = fn(&mut OpInputs);
    let changes: [Change; 8] = [
        |op| op.amount += Fr::from(1u8),
        |op| op.account += Fr::from(1u8),
        |op| op.token += Fr::from(1u8),
        |op| op.balance += Fr::from(1u8),
        |op| op.received += Fr::from(1u8),
        |op| op.first.leaf[3] += Fr::from(1u8),
        |op| op.second.account_path[11][2] += Fr::from(1u8),
        |op| op.valid_until += Fr::from(1u8),
    ];
    for entry in entries(&mut world) {
        let (_, executed) = run(&mut world, entry);
        let publics = millrace_state::batch::PublicInputs::of(&executed.words());
        for change in changes {
            assert_eq!(outline.check(&executed), Ok(()));
            let mut inputs = OpInputs::from(&executed.ops[0]);
            change(&mut inputs);
            let Err(Broken { rule, .. }) = outline.check_inputs(&executed, &inputs) else {
                panic!("unnoticed in {:?}", executed.ops[0].signed.op)
            };
            let header = (&executed.header).into();
            let witness = circuit.witness_of(&executed, &header, &[inputs], &publics).unwrap();
            let broken = common::lawless::broken(&circuit, &witness);
            assert!(broken.contains(rule), "{rule} is not among {broken:?}");
        }
    }
}
