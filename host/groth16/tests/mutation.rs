//! Real files with bytes changed, cut off or added: never a panic, and whatever is taken is safe to use.

mod common;

use std::sync::Arc;

use common::{TINY_KEY, TINY_PROOF, TINY_R1CS, TINY_VK, TINY_WITNESS, key};
use millrace_groth16::{R1cs, Witness, proof_from_json, public_from_json, verifying_key_from_json};
use proptest::{collection::vec, prelude::*, sample::Index};

/// A change to a file.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Word(Index, u32),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Copy(Index, Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let special = prop_oneof![Just(0), Just(1), Just(u32::MAX), Just(1 << 31), any::<u32>()];
    let one = prop_oneof![
        4 => (any::<Index>(), 1u8..).prop_map(|(i, x)| Change::Flip(i, x)),
        4 => (any::<Index>(), special).prop_map(|(i, x)| Change::Word(i, x)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(i, x)| Change::Insert(i, x)),
        1 => (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(i, j, n)| Change::Copy(i, j, n)),
    ];
    vec(one, 1..4)
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    if file.is_empty() {
        return;
    }
    let len = file.len();
    match change {
        Change::Flip(i, x) => file[i.index(len)] ^= x,
        Change::Word(i, x) => {
            let at = i.index(len) & !3;
            let n = 4.min(len - at);
            file[at..at + n].copy_from_slice(&x.to_le_bytes()[..n]);
        }
        Change::Cut(i) => file.truncate(i.index(len)),
        Change::Insert(i, x) => {
            file.splice(i.index(len)..i.index(len), x.iter().copied());
        }
        Change::Copy(i, j, n) => {
            let (from, to) = (i.index(len), j.index(len));
            let n = usize::from(*n).min(len - from).min(len - to);
            file.copy_within(from..from + n, to);
        }
    }
}

fn changed(file: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut file = file.to_vec();
    changes.iter().for_each(|c| apply(&mut file, c));
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_key_is_refused_or_safe(changes in changes()) {
        let bytes = changed(TINY_KEY, &changes);
        if let Ok(key) = key(&bytes) {
            if key.check_coefficients().is_ok() {
                let _ = key.check_points().and_then(|()| key.check_subgroups());
            }
            let _ = key.trivial_delta();
            prop_assert!(key.range(millrace_groth16::KeyPart::H).end <= bytes.len());
        }
    }

    #[test]
    fn a_changed_witness_is_refused_or_in_range(changes in changes()) {
        if let Ok(witness) = Witness::from_bytes(&changed(TINY_WITNESS, &changes)) {
            prop_assert!(witness.values().iter().all(|v| v.is_in_range()));
        }
    }

    #[test]
    fn changed_constraints_are_refused_or_judged(changes in changes()) {
        if let Ok(r1cs) = R1cs::from_bytes(Arc::new(changed(TINY_R1CS, &changes))) {
            let _ = r1cs.first_unsatisfied(&Witness::from_bytes(TINY_WITNESS).unwrap());
        }
    }

    #[test]
    fn changed_json_is_refused_or_read(changes in changes()) {
        for text in [TINY_PROOF, TINY_VK] {
            let text = String::from_utf8_lossy(&changed(text.as_bytes(), &changes)).into_owned();
            let _ = (proof_from_json(&text), verifying_key_from_json(&text), public_from_json(&text));
        }
    }
}

#[test]
fn every_prefix_of_a_key_is_refused() {
    for end in 0..TINY_KEY.len() {
        assert!(key(&TINY_KEY[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn every_single_byte_matters_or_is_safe() {
    for at in 0..TINY_KEY.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = TINY_KEY.to_vec();
            bytes[at] ^= bit;
            if let Ok(key) = key(&bytes) {
                let _ = key.check_coefficients().and_then(|()| key.check_points());
            }
        }
    }
}
