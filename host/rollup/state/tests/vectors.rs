//! Known answers made by circomlibjs, zk-kit and js-sha3: hash, trees, signatures, batches, exits.

mod common;

use ark_ff::Field;
use common::{batch, fr, frs, id, list, number, path, point, text, token, vectors};
use millrace_state::{
    Fr,
    batch::PublicInputs,
    eddsa::{self, Signature, SignatureError},
    exit::ExitProof,
    op::Op,
    poseidon::{Poseidon, hash4, hash5, width_5, width_6},
    state::State,
    tree::{self, Tree, root_of},
};

fn check_permutation<const T: usize>(poseidon: &Poseidon<T>) -> usize {
    let all = vectors("poseidon.json");
    let mine = list(&all, "permutations").iter().filter(|case| case["in"].as_array().unwrap().len() == T);
    mine.map(|case| {
        let mut state: [Fr; T] = frs(&case["in"]).try_into().unwrap();
        poseidon.permute(&mut state);
        assert_eq!(state.to_vec(), frs(&case["out"]));
    })
    .count()
}

#[test]
fn permutations_are_circomlibs() {
    assert_eq!(check_permutation(width_5()), 48);
    assert_eq!(check_permutation(width_6()), 48);
}

#[test]
fn hashes_of_one_to_five_are_the_published_ones() {
    // circomlib's own test vectors for poseidon([1,2,3,4]) and poseidon([1,2,3,4,5]).
    let n = |i: u64| Fr::from(i);
    let four: Fr =
        "18821383157269793795438455681495246036402687001665670618754263018637548127333".parse().unwrap();
    let five: Fr =
        "6183221330272524995739186171720101788151706631170188140075976616310159254464".parse().unwrap();
    assert_eq!(hash4(&[n(1), n(2), n(3), n(4)]), four);
    assert_eq!(hash5(&[n(1), n(2), n(3), n(4), n(5)]), five);
}

#[test]
fn empty_trees_have_the_known_roots() {
    let all = vectors("trees.json");
    assert_eq!(tree::empty_balance_root(), fr(&all["empty_balance_root"]));
    assert_eq!(tree::empty_account_leaf(), fr(&all["empty_account_leaf"]));
    assert_eq!(tree::empty_account_root(), fr(&all["empty_account_root"]));
    assert_eq!(State::default().root(), tree::empty_account_root());
}

fn check_trees<const DEPTH: usize>(name: &str, empty: &Tree<DEPTH>) {
    for case in list(&vectors("trees.json"), name) {
        let mut tree = empty.clone();
        let leaves = list(case, "leaves");
        for leaf in leaves {
            tree.set(number(&leaf[0]), fr(&leaf[1]));
        }
        let (index, expected) = (number(&case["index"]), fr(&case["root"]));
        let siblings = path::<DEPTH>(&case["siblings"]);
        assert_eq!(tree.root(), expected);
        assert_eq!(tree.path(index), siblings);
        assert_eq!(root_of(index, tree.leaf(index), &siblings), Some(expected));
        assert_eq!(root_of(Tree::<DEPTH>::LEAVES, tree.leaf(index), &siblings), None);
        // Taken out again in another order, the tree is the empty one.
        let blank = empty.leaf(0);
        for leaf in leaves.iter().rev() {
            tree.set(number(&leaf[0]), blank);
        }
        assert_eq!(tree.root(), empty.root());
    }
}

#[test]
fn trees_have_the_known_roots_and_paths() {
    check_trees("balance_trees", &Tree::balances());
    check_trees("account_trees", &Tree::accounts());
}

#[test]
fn signatures_of_others_verify_and_changed_ones_do_not() {
    let all = vectors("eddsa.json");
    let cases = list(&all, "signatures");
    assert_eq!(cases.len(), 24);
    for case in cases {
        let (key, message) = (point(&case["key"]), fr(&case["message"]));
        let s: num_bigint::BigUint = text(&case["s"]).parse().unwrap();
        let signature = Signature { r8: point(&case["r8"]), s: s.try_into().unwrap() };
        assert_eq!(eddsa::verify(&key, message, &signature), Ok(()), "{}", case["signer"]);
        assert_eq!(eddsa::verify(&key, message + Fr::ONE, &signature), Err(SignatureError::Wrong));
        let mut other = signature;
        other.s.0[0] ^= 1;
        assert_eq!(eddsa::verify(&key, message, &other), Err(SignatureError::Wrong));
        let other = Signature { r8: key, ..signature };
        assert_eq!(eddsa::verify(&key, message, &other), Err(SignatureError::Wrong));
    }
}

#[test]
fn batches_give_the_known_words_roots_and_public_inputs() {
    let all = vectors("batches.json");
    let mut state = State::default();
    for case in list(&all, "batches") {
        let (domain, batch) = batch(case);
        let executed = state.execute(domain, &batch).unwrap();
        let words = frs(&case["words"]);
        assert_eq!(executed.words(), words);
        let expected = PublicInputs { p: fr(&case["p"]), rho: fr(&case["rho"]), y: fr(&case["y"]) };
        assert_eq!(PublicInputs::of(&words), expected);
        for (signed, words) in batch.ops.iter().zip(words[4..].chunks(2)) {
            assert_eq!(Op::from_words(words.try_into().unwrap()), Ok(signed.op));
        }
    }
    assert_eq!(state.root(), fr(&all["root"]));
}

#[test]
fn exits_are_proven_with_the_known_paths() {
    let mut state = State::default();
    for case in list(&vectors("batches.json"), "batches") {
        let (domain, batch) = batch(case);
        state.execute(domain, &batch).unwrap();
    }
    let all = vectors("exits.json");
    for case in list(&all, "exits") {
        let expected = ExitProof {
            account: id(&case["account"]),
            token: token(&case["token"]),
            owner: common::address(&case["owner"]),
            key: point(&case["key"]),
            nonce: number(&case["nonce"]),
            balance: number(&case["balance"]),
            balance_path: path(&case["balance_path"]),
            account_path: path(&case["account_path"]),
        };
        let proof = state.prove_balance(expected.account, expected.token).unwrap();
        assert_eq!(proof, expected);
        assert_eq!(proof.root(), fr(&all["root"]));
    }
}
