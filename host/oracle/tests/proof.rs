//! Whole proofs: they verify, they change with the blinding, and damaged files are errors.

mod common;

use std::{env, fs, path::PathBuf};

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use ark_std::test_rng;
use millrace_oracle::{OracleProof, ReadError, Zkey, prove, verifies};

#[test]
fn a_toy_proof_verifies_and_a_changed_one_does_not() {
    let mut rng = test_rng();
    for (squares, log_n) in [(1, 2), (5, 3), (6, 3), (9, 4)] {
        let toy = common::toy(squares, log_n, &mut rng);
        let key = Zkey::read(&toy.zkey).unwrap();
        for (r, s) in [(Fr::zero(), Fr::zero()), (Fr::rand(&mut rng), Fr::rand(&mut rng))] {
            let proof = prove(&toy.zkey, &toy.wtns, r, s).unwrap();
            assert!(verifies(&key, &proof), "{squares} squares on 2^{log_n}");
            let other = proof.publics[0] + Fr::one();
            assert!(!verifies(&key, &OracleProof { publics: vec![other], ..proof.clone() }));
            assert!(!verifies(&key, &OracleProof { a: proof.c, ..proof.clone() }));
            assert!(!verifies(&key, &OracleProof { publics: vec![], ..proof }));
        }
    }
}

#[test]
fn blinding_changes_every_element() {
    let mut rng = test_rng();
    let toy = common::toy(3, 3, &mut rng);
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let [one, again, other] =
        [(r, s), (r, s), (s, r)].map(|(r, s)| prove(&toy.zkey, &toy.wtns, r, s).unwrap());
    assert_eq!(one, again);
    assert!(one.a != other.a && one.b != other.b && one.c != other.c);
}

#[test]
fn a_wrong_witness_gives_a_proof_that_does_not_verify() {
    let toy = common::toy(3, 3, &mut test_rng());
    let mut wtns = toy.wtns.clone();
    let at = wtns.len() - 32;
    wtns[at] ^= 1;
    let proof = prove(&toy.zkey, &wtns, Fr::one(), Fr::one()).unwrap();
    assert!(!verifies(&Zkey::read(&toy.zkey).unwrap(), &proof));
}

#[test]
fn damaged_files_are_errors() {
    let toy = common::toy(2, 2, &mut test_rng());
    let go = |zkey: &[u8], wtns: &[u8]| prove(zkey, wtns, Fr::one(), Fr::one());
    for end in 0..toy.zkey.len() {
        go(&toy.zkey[..end], &toy.wtns).unwrap_err();
    }
    for end in 0..toy.wtns.len() {
        go(&toy.zkey, &toy.wtns[..end]).unwrap_err();
    }
    assert!(matches!(go(&[&toy.zkey[..], &[0]].concat(), &toy.wtns), Err(ReadError::Mismatch { .. })));
    assert!(matches!(go(b"wtns", &toy.wtns), Err(ReadError::Mismatch { what: "magic", .. })));
    let longer = common::toy(1, 2, &mut test_rng());
    assert!(matches!(go(&toy.zkey, &longer.wtns), Err(ReadError::Mismatch { .. })));
    let mut wtns = toy.wtns.clone();
    let at = wtns.len() - 32;
    wtns[at..].fill(0xff);
    assert!(matches!(go(&toy.zkey, &wtns), Err(ReadError::OutOfRange { index: 3, .. })));
}

/// Keys of other people's making, where they are at hand: every `x.zkey` with an `x.wtns` beside it.
#[test]
fn real_keys_verify() {
    let folder = env::var_os("MILLRACE_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/vectors")),
        PathBuf::from,
    );
    let mut keys = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "zkey") && path.with_extension("wtns").exists() {
                keys.push(path);
            }
        }
    }
    if keys.is_empty() {
        println!("skipped: no key with a witness in {}", folder.display());
    }
    let mut rng = test_rng();
    for path in keys {
        let (zkey, wtns) = (fs::read(&path).unwrap(), fs::read(path.with_extension("wtns")).unwrap());
        let proof = prove(&zkey, &wtns, Fr::rand(&mut rng), Fr::rand(&mut rng)).unwrap();
        assert!(verifies(&Zkey::read(&zkey).unwrap(), &proof), "{}", path.display());
        println!("verified {}", path.display());
    }
}
