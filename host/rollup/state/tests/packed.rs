//! Packed ops: there and back, one form only, and nothing else.

mod common;

use common::{
    frs, list, vectors,
    world::{World, fee, id, owner},
};
use millrace_state::{
    op::{Op, OpWordsError},
    packed::{PackedError, RECORD_BYTES, pack, unpack, words},
    types::TokenId,
};
use rand::Rng;

fn random_ops(world: &mut World, size: usize) -> Vec<Op> {
    (0..size)
        .map(|_| {
            let (from, to, token) = (world.user(), world.user(), TokenId(world.rng.random()));
            let (amount, paid) = (world.rng.random(), world.rng.random::<u128>() >> 32);
            match world.rng.random_range(0..6) {
                0 => Op::Noop,
                1 => Op::Deposit { account: from, token, amount, owner: owner(to) },
                2 => Op::Transfer { from, to, token, amount, fee: fee(paid) },
                3 => Op::Withdraw { from, token, amount, fee: fee(paid), recipient: owner(to) },
                4 => Op::FullExit { account: from, token, amount, owner: owner(to) },
                _ => world.set_key(from),
            }
        })
        .collect()
}

#[test]
fn ops_come_back_and_every_changed_byte_is_another_list_or_none() {
    let mut world = World::empty(41);
    for size in [1, 8, 8, 8, 64] {
        let ops = random_ops(&mut world, size);
        let bytes = pack(&ops);
        assert_eq!(unpack(size, &bytes).as_ref(), Ok(&ops));
        for place in 0..bytes.len().min(600) {
            let mut other = bytes.clone();
            other[place] ^= 1 << world.rng.random_range(0..8);
            if let Ok(others) = unpack(size, &other) {
                assert_ne!(others, ops);
                assert_eq!(pack(&others), other, "one form only");
            }
        }
        for cut in [0, 1, RECORD_BYTES - 1, bytes.len() - 1] {
            assert!(matches!(unpack(size, &bytes[..cut]), Err(PackedError::Length { .. })), "{cut} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        let length = PackedError::Length { expected_bytes: bytes.len(), got_bytes: bytes.len() + 1 };
        assert_eq!(unpack(size, &longer), Err(length));
    }
}

#[test]
fn the_known_batches_pack() {
    for case in list(&vectors("batches.json"), "batches") {
        let all = frs(&case["words"]);
        let (_, batch) = common::batch(case);
        let ops: Vec<Op> = batch.ops.iter().map(|signed| signed.op).collect();
        let head = all[..4].try_into().unwrap();
        assert_eq!(words(head, ops.len(), &pack(&ops)), Ok(all));
    }
}

#[test]
fn what_is_no_op_is_told() {
    let mut world = World::empty(42);
    let key = pack(&[world.set_key(id(1))]);
    let mut other = key.clone();
    other[35] = 1;
    assert_eq!(unpack(1, &other), Err(PackedError::KeyRecord { index: 0 }));
    let mut other = key;
    other[36..].fill(0xff);
    assert_eq!(unpack(1, &other), Err(PackedError::Range { index: 0 }));
    let mut other = pack(&[Op::Noop, Op::Noop]);
    other[RECORD_BYTES] = 7;
    assert_eq!(unpack(2, &other), Err(PackedError::Op { index: 1, error: OpWordsError::Code(7) }));
    assert_eq!(
        unpack(usize::MAX, &other),
        Err(PackedError::Length { expected_bytes: usize::MAX, got_bytes: other.len() })
    );
}
