//! What snarkjs wrote, read and written again; what we say of it.

mod common;

use std::fs;

use common::{CIRCUITS, key, vectors};
use millrace_groth16::{
    ContributionKind, KeyError, ProvingKey, R1cs, TrivialDelta, VerifyError, Witness, proof_from_json,
    proof_to_json, public_from_json, public_to_json, solidity_calldata, verify, verifying_key_from_json,
    verifying_key_to_json,
};

#[test]
fn keys_open_and_pass_every_check() {
    let Some(folder) = vectors() else { return };
    for (name, publics, domain) in CIRCUITS {
        let key = ProvingKey::open(&folder.join(format!("{name}.zkey"))).unwrap();
        assert_eq!((key.header().n_public, key.header().domain_size), (publics, domain), "{name}");
        key.check_coefficients().unwrap();
        key.check_points().unwrap();
        key.check_subgroups().unwrap();
        assert_eq!(key.trivial_delta(), None);
        let r1cs = R1cs::open(&folder.join(format!("{name}.r1cs"))).unwrap();
        assert_eq!((r1cs.n_wires(), r1cs.n_public()), (key.header().n_vars, publics), "{name}");
    }
}

#[test]
fn the_domain_of_full_has_no_row_to_spare() {
    let Some(folder) = vectors() else { return };
    let r1cs = R1cs::open(&folder.join("full.r1cs")).unwrap();
    assert_eq!(r1cs.n_constraints() + r1cs.n_public() + 1, 256);
}

#[test]
fn contributions_are_listed_with_the_hashes_that_snarkjs_printed() {
    let Some(folder) = vectors() else { return };
    for (name, ..) in CIRCUITS {
        let key = ProvingKey::open(&folder.join(format!("{name}.zkey"))).unwrap();
        let printed = fs::read_to_string(folder.join(format!("{name}.contributions.json"))).unwrap();
        let hex = |hash: &[u8]| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let hashes: Vec<_> = key.contributions().iter().map(|c| format!("\"{}\"", hex(&c.hash))).collect();
        assert_eq!(printed, format!("[{}]", hashes.join(",")), "{name}");
        assert_eq!(key.contributions()[0].name, "first");
        let kinds = key
            .contributions()
            .iter()
            .map(|c| matches!(c.kind, ContributionKind::Beacon { iterations_log2: 10, .. }));
        assert!(kinds.min().unwrap());
    }
}

#[test]
fn a_key_without_contribution_is_known_as_such() {
    let Some(folder) = vectors() else { return };
    let key = ProvingKey::open(&folder.join("tiny_dev.zkey")).unwrap();
    assert!(key.contributions().is_empty());
    assert_eq!(key.trivial_delta(), Some(TrivialDelta::EqualsGamma));
}

#[test]
fn keys_of_other_proof_systems_are_refused_by_name() {
    let Some(folder) = vectors() else { return };
    for (file, name) in [("tiny_plonk.zkey", "PLONK"), ("tiny_fflonk.zkey", "FFLONK")] {
        let Err(KeyError::Protocol { got }) = ProvingKey::open(&folder.join(file)) else {
            panic!("{file} was taken")
        };
        assert_eq!(got, name);
    }
}

#[test]
fn witnesses_satisfy_their_constraints_and_a_changed_one_names_the_first_broken() {
    let Some(folder) = vectors() else { return };
    for (name, ..) in CIRCUITS {
        let r1cs = R1cs::open(&folder.join(format!("{name}.r1cs"))).unwrap();
        let witness = Witness::open(&folder.join(format!("{name}.wtns"))).unwrap();
        assert_eq!(r1cs.first_unsatisfied(&witness).unwrap(), None, "{name}");
    }
    let r1cs = R1cs::open(&folder.join("full.r1cs")).unwrap();
    let witness = Witness::open(&folder.join("full.wtns")).unwrap();
    let mut values = witness.values().to_vec();
    // The last link of the chain: no constraint before its own can see it.
    let last = values.len() - 1;
    values[last].0[0] ^= 1;
    let broken = r1cs.first_unsatisfied(&Witness::from_values(values).unwrap()).unwrap().unwrap();
    assert!(broken.constraint >= 252, "{broken}");
    assert_ne!(broken.a * broken.b, broken.c);
}

#[test]
fn snarkjs_proofs_hold_and_changed_ones_do_not() {
    let Some(folder) = vectors() else { return };
    let read = |name: String| fs::read_to_string(folder.join(name)).unwrap();
    for (name, ..) in CIRCUITS {
        let key = ProvingKey::open(&folder.join(format!("{name}.zkey"))).unwrap();
        let proof = proof_from_json(&read(format!("{name}.proof.json"))).unwrap();
        let publics = public_from_json(&read(format!("{name}.public.json"))).unwrap();
        verify(key.verifying_key(), &publics, &proof).unwrap();

        let mut other = proof;
        other.a = -other.a;
        assert_eq!(verify(key.verifying_key(), &publics, &other), Err(VerifyError::Pairing), "{name}");
        let mut more = publics.clone();
        more.push(Default::default());
        let count = VerifyError::Count { expected: publics.len(), got: publics.len() + 1 };
        assert_eq!(verify(key.verifying_key(), &more, &proof), Err(count), "{name}");
        let dev = ProvingKey::open(&folder.join(format!("{name}_dev.zkey"))).unwrap();
        assert_eq!(
            verify(dev.verifying_key(), &publics, &proof),
            Err(VerifyError::Pairing),
            "{name}: another key"
        );
    }
}

#[test]
fn json_is_written_as_snarkjs_writes_it() {
    let Some(folder) = vectors() else { return };
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    for name in ["many", "private"] {
        let (proof, public) =
            (read(&format!("{name}.cli.proof.json")), read(&format!("{name}.cli.public.json")));
        assert_eq!(proof_to_json(&proof_from_json(&proof).unwrap()), proof);
        assert_eq!(public_to_json(&public_from_json(&public).unwrap()), public);
    }
    let text = read("many.cli.vk.json");
    let key = ProvingKey::open(&folder.join("many.zkey")).unwrap();
    assert_eq!(&verifying_key_from_json(&text).unwrap(), key.verifying_key());
    assert_eq!(verifying_key_to_json(key.verifying_key()), text);
    let proof = proof_from_json(&read("many.cli.proof.json")).unwrap();
    let publics = public_from_json(&read("many.cli.public.json")).unwrap();
    assert_eq!(format!("{}\n", solidity_calldata(&proof, &publics)), read("many.cli.calldata.txt"));
}

#[test]
fn opening_a_key_does_not_look_at_its_long_arrays() {
    let mut bytes = common::TINY_KEY.to_vec();
    let h = common::section(&bytes, 9);
    bytes[h.start] ^= 1;
    let key = key(&bytes).unwrap();
    let Err(KeyError::Point(e)) = key.check_points() else { panic!("a bad point went unseen") };
    assert_eq!((e.what, e.index, e.offset), ("bases of the quotient", 0, h.start as u64));
}
