//! The public-data argument, attacked as `docs/notes/public-data.md` says: where ρ leaves something out, a proof of an innocent batch lets the contract
//! pay for another; in the shipped order the same attack fails.

mod common;

use std::{collections::BTreeSet, sync::LazyLock};

use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use common::{
    lawless::{Ledger, Plot, Swap, broken, header, inputs},
    world::{World, id, owner},
};
use millrace_circuit::{Fr, batch::Circuit};
use millrace_state::{
    batch::{PublicInputs, challenge, evaluate},
    op::Op,
    poseidon::sponge,
    state::State,
    types::TokenId,
};
use sha3::{Digest, Keccak256};

static CIRCUIT: LazyLock<Circuit> = LazyLock::new(|| Circuit::new(1));

/// Places of w.
const DOMAIN_WORD: usize = 0;
const NEW_ROOT: usize = 2;

/// What a contract would take for ρ if it hashed these words only.
fn weak_challenge<'a>(words: impl IntoIterator<Item = &'a Fr>) -> Fr {
    let mut hash = Keccak256::new();
    words.into_iter().for_each(|word| hash.update(word.into_bigint().to_bytes_be()));
    Fr::from_be_bytes_mod_order(&hash.finalize())
}

/// An innocent batch: one NOOP on a state of the thief's own.
fn innocent() -> Plot {
    Plot::run(Ledger::of(&State::default()), header(0), vec![inputs(Op::Noop)], Swap::Nowhere)
}

/// The words that the thief wants the contract to apply: it pays account 9, which owns nothing, a million.
fn theft() -> Vec<Fr> {
    let op = Op::FullExit { account: id(9), token: TokenId(7), amount: 1_000_000, owner: owner(id(9)) };
    let plot = Plot::run(Ledger::of(&World::with_users(1).state), header(0), vec![inputs(op)], Swap::Nowhere);
    assert!(plot.broken(&CIRCUIT).contains("full exit: pays the balance"), "no proof of the theft itself");
    plot.words()
}

/// Sets one word so that both batches have the same y.
fn solve(words: &mut [Fr], place: usize, rho: Fr, y: Fr) {
    let power = rho.pow([place as u64]);
    words[place] += (y - evaluate(words, rho)) * power.inverse().unwrap();
    assert_eq!(evaluate(words, rho), y);
}

#[test]
fn without_p_under_rho_a_proof_of_nothing_pays_a_thief() {
    let stolen = theft();
    let rho = weak_challenge(&stolen);
    let y = evaluate(&stolen, rho);
    // The domain of the thief's own batch is a free word: nothing in a NOOP depends on it.
    let mut plot = innocent();
    let mut words = plot.words();
    solve(&mut words, DOMAIN_WORD, rho, y);
    plot.executed.domain = words[DOMAIN_WORD];
    let publics = PublicInputs { p: sponge(&words), rho, y };
    assert_ne!(words, stolen);
    // The circuit is satisfied, and the public inputs are those that such a contract would compute from the stolen batch.
    assert!(broken(&CIRCUIT, &plot.witness_for(&CIRCUIT, &publics)).is_empty());
    assert_eq!((publics.rho, publics.y), (weak_challenge(&stolen), evaluate(&stolen, rho)));
}

#[test]
fn with_one_word_outside_rho_a_proof_of_nothing_pays_a_thief() {
    let plot = innocent();
    let words = plot.words();
    let p = sponge(&words);
    // ρ covers P and all words but the new root, which the thief does not care for.
    let covered = |words: &[Fr]| {
        let some = words.iter().enumerate().filter(|(i, _)| *i != NEW_ROOT).map(|(_, word)| word);
        weak_challenge(some.chain([&p]))
    };
    let mut stolen = theft();
    let rho = covered(&stolen);
    let y = evaluate(&words, rho);
    solve(&mut stolen, NEW_ROOT, rho, y);
    let publics = PublicInputs { p, rho, y };
    assert!(broken(&CIRCUIT, &plot.witness_for(&CIRCUIT, &publics)).is_empty());
    assert_eq!((publics.rho, publics.y), (covered(&stolen), evaluate(&stolen, rho)));
    assert_ne!(words, stolen);
}

/// A thief who names P, takes the ρ that follows, sets a word so that the batches agree in y, and next names the P of what came out. Gives the P, ρ and words
/// of the round in which the P named was the right one.
fn chase(rho_of: impl Fn(Fr) -> Fr, stolen: &[Fr], rounds: usize) -> Option<(PublicInputs, Vec<Fr>)> {
    let mut words = innocent().words();
    for _ in 0..rounds {
        let p = sponge(&words);
        let rho = rho_of(p);
        let y = evaluate(stolen, rho);
        solve(&mut words, DOMAIN_WORD, rho, y);
        if sponge(&words) == p {
            return Some((PublicInputs { p, rho, y }, words));
        }
    }
    None
}

#[test]
fn the_shipped_order_withstands_both() {
    let mut plot = innocent();
    let stolen = theft();
    // First: where ρ leaves out P the chase ends at once, with a proof; in the shipped order P runs away.
    let without_p = |_| challenge(&stolen, Fr::ZERO);
    let (publics, words) = chase(without_p, &stolen, 2).expect("ρ stands still");
    plot.executed.domain = words[DOMAIN_WORD];
    assert!(broken(&CIRCUIT, &plot.witness_for(&CIRCUIT, &publics)).is_empty());
    assert_eq!(chase(|p| challenge(&stolen, p), &stolen, 200), None);
    // What the thief holds after a round has a P that is not the one named.
    let (p, mut words) = (sponge(&plot.words()), plot.words());
    let rho = challenge(&stolen, p);
    let y = evaluate(&stolen, rho);
    solve(&mut words, DOMAIN_WORD, rho, y);
    plot.executed.domain = words[DOMAIN_WORD];
    let found = broken(&CIRCUIT, &plot.witness_for(&CIRCUIT, &PublicInputs { p, rho, y }));
    assert_eq!(found, BTreeSet::from(["public data: P"]));
    // Second: every word is under ρ, so setting one moves ρ and with it y.
    let words = innocent().words();
    let p = sponge(&words);
    for place in 0..words.len() {
        let mut stolen = stolen.clone();
        let rho = challenge(&stolen, p);
        solve(&mut stolen, place, rho, evaluate(&words, rho));
        let moved = challenge(&stolen, p);
        assert_ne!(moved, rho, "word {place} is under ρ");
        assert_ne!(evaluate(&stolen, moved), evaluate(&words, moved), "word {place}");
    }
    assert_ne!(challenge(&stolen, p), challenge(&stolen, p + Fr::ONE), "P is under ρ");
    assert_ne!(p, Fr::ZERO);
}
