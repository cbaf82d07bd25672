//! The state from words alone: the known batches, random ones, and words that are not what came next.

mod common;

use ark_ff::Field;
use common::{
    batch, fr, frs, list, vectors,
    world::{DOMAIN, World},
};
use millrace_state::{
    Fr,
    batch::{BatchError, Header, HeaderTooWide},
    op::OpWordsError,
    replay::ReplayError,
    state::State,
    types::Domain,
};

#[test]
fn the_known_batches_lead_to_the_known_root() {
    let all = vectors("batches.json");
    let mut state = State::default();
    for case in list(&all, "batches") {
        let (domain, batch) = batch(case);
        assert_eq!(state.replay(&domain, &frs(&case["words"])), Ok(batch.header));
    }
    assert_eq!(state.root(), fr(&all["root"]));
}

#[test]
fn replay_and_execution_end_at_the_same_state() {
    let mut world = World::empty(21);
    let mut copy = State::default();
    for _ in 0..60 {
        let batch = world.random_batch(8);
        let executed = world.state.execute(DOMAIN, &batch).unwrap();
        copy.replay(&DOMAIN, &executed.words()).unwrap();
        assert_eq!(copy.root(), world.state.root());
    }
    for (id, account) in world.state.accounts() {
        let copied = copy.account(id).unwrap();
        assert_eq!((copied.owner, copied.key, copied.nonce), (account.owner, account.key, account.nonce));
        assert!(copied.balances().eq(account.balances()));
    }
}

#[test]
fn words_that_did_not_come_next_change_nothing() {
    let mut world = World::with_users(22);
    let mut state = world.state.clone();
    let root = state.root();
    let batch = world.random_batch(8);
    let words = world.state.execute(DOMAIN, &batch).unwrap().words();
    let mut refused = |words: &[Fr]| {
        let error = state.replay(&DOMAIN, words).unwrap_err();
        assert_eq!(state.root(), root);
        error
    };
    let with = |place: usize, word: Fr| {
        let mut words = words.clone();
        words[place] = word;
        words
    };
    assert_eq!(refused(&words[..3]), ReplayError::Length { got: 3 });
    assert_eq!(refused(&words[..4]), ReplayError::Length { got: 4 });
    assert_eq!(refused(&words[..words.len() - 1]), ReplayError::Length { got: 19 });
    let other = Domain { chain_id: 1, ..DOMAIN }.word();
    assert_eq!(refused(&with(0, other)), ReplayError::Domain { expected: words[0], got: other });
    assert_eq!(refused(&with(1, Fr::ONE)), ReplayError::OldRoot { expected: root, got: Fr::ONE });
    assert_eq!(refused(&with(2, Fr::ONE)), ReplayError::NewRoot { claimed: Fr::ONE, reached: words[2] });
    let wide = Fr::from(2u8).pow([184]);
    assert_eq!(refused(&with(3, wide)), ReplayError::Header(HeaderTooWide { got_bits: 185 }));
    let same_tokens = words[3] + Fr::from(200u8) * Fr::from(2u8).pow([176]);
    assert_eq!(refused(&with(3, same_tokens)), ReplayError::Batch(BatchError::FeeTokens));
    let code_6 = Fr::from(6u8) * Fr::from(2u8).pow([248]);
    assert_eq!(refused(&with(4, code_6)), ReplayError::Op { index: 0, error: OpWordsError::Code(6) });
    assert!(Header::from_word(words[3]).is_ok_and(|header| header.word() == words[3]));
    assert!(state.replay(&DOMAIN, &words).is_ok());
    assert!(
        matches!(state.replay(&DOMAIN, &words), Err(ReplayError::OldRoot { .. })) || words[1] == words[2]
    );
}
