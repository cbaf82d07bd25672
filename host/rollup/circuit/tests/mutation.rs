//! Every wire changed, alone: some constraint must break. And every rule must be the only one to notice some change, so that a circuit without it
//! would fail here.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use ark_ff::{AdditiveGroup, Field};
use common::one_of_each;
use millrace_circuit::{
    Fr,
    batch::Circuit,
    system::{Side, System},
};
use rand::SeedableRng;

/// Rules that are never the only one to notice a change of one wire, and the test that fails without each.
const ELSEWHERE: [(&str, &str); 11] = [
    ("header: word", "propagation"),
    ("op: exactly one code", "attacks: an_op_has_one_code_and_only_its_fields"),
    ("op: unused fields are 0", "attacks: an_op_has_one_code_and_only_its_fields"),
    ("full exit: pays the balance", "attacks: money_cannot_be_made"),
    ("set key", "propagation"),
    ("root: before the op", "attacks: the_state_cannot_be_swapped"),
    ("root: between sender and receiver", "attacks: the_state_cannot_be_swapped"),
    ("signature: none where the op takes none", "attacks: signatures_have_one_form"),
    ("set key: parity of Ax", "attacks: a_new_key_is_the_one_that_l1_saw"),
    ("root: before the fees", "attacks: the_state_cannot_be_swapped"),
    ("root: after the batch", "attacks: the_state_cannot_be_swapped"),
];

/// Constraints that each wire is in.
fn constraints_of(system: &System) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new(); system.n_wires()];
    for constraint in 0..system.n_constraints() {
        for side in [Side::A, Side::B, Side::C] {
            for (wire, _) in system.terms(constraint, side) {
                let list: &mut Vec<u32> = &mut all[wire.0 as usize];
                if list.last() != Some(&(constraint as u32)) {
                    list.push(constraint as u32);
                }
            }
        }
    }
    all
}

/// The rules that notice this wire with this value.
fn noticed(system: &System, constraints: &[u32], witness: &[Fr]) -> BTreeSet<&'static str> {
    let broken = constraints.iter().filter(|i| !system.holds(**i as usize, witness));
    broken.map(|i| system.rule(*i as usize)).collect()
}

#[test]
fn every_wire_is_bound_and_every_rule_is_needed() {
    let circuit = Circuit::new(1);
    let system = circuit.system();
    let constraints = constraints_of(system);
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    // Rule → a change that it alone notices.
    let mut needed: BTreeMap<&str, String> = BTreeMap::new();
    let mut changes = 0u32;
    for executed in one_of_each() {
        let op = executed.ops[0].signed.op;
        let mut witness = circuit.witness(&executed).unwrap();
        assert_eq!(system.first_broken(&witness), None, "{op:?}");
        for wire in 1..system.n_wires() {
            let value = witness[wire];
            let others = [value + Fr::ONE, value - Fr::ONE, Fr::ZERO, Fr::ONE, -value, random(&mut rng)];
            for other in others.into_iter().filter(|other| *other != value) {
                witness[wire] = other;
                let rules = noticed(system, &constraints[wire], &witness);
                assert!(!rules.is_empty(), "wire {wire} may be {other} instead of {value} in {op:?}");
                if rules.len() == 1 {
                    let rule = rules.into_iter().next().unwrap();
                    needed.entry(rule).or_insert_with(|| format!("wire {wire} in {op:?}"));
                }
                changes += 1;
            }
            witness[wire] = value;
        }
    }
    println!("{changes} changes, all noticed");
    let idle: Vec<&str> = system.rules().iter().copied().filter(|rule| !needed.contains_key(rule)).collect();
    assert_eq!(
        idle,
        ELSEWHERE.map(|(rule, _)| rule),
        "rules that were never the only one to notice a change"
    );
}

/// The tests that [`ELSEWHERE`] relies on are there, and name the rule.
#[test]
fn other_tests_hold_the_other_rules() {
    let files = [("attacks", include_str!("attacks.rs")), ("propagation", include_str!("propagation.rs"))];
    for (rule, test) in ELSEWHERE {
        let (file, function) = test.split_once(": ").unwrap_or((test, "DEFINING"));
        let (_, text) = files.iter().find(|(name, _)| *name == file).expect("a file of tests");
        let start =
            text.find(&format!(" {function}")).unwrap_or_else(|| panic!("no {function} in {file}.rs"));
        let end = if function == "DEFINING" { "];" } else { "\n}" };
        let body = text[start..].split(end).next().unwrap();
        assert!(body.contains(&format!("{rule:?}")), "{function} does not look at {rule:?}");
    }
}

fn random(rng: &mut rand_chacha::ChaCha20Rng) -> Fr {
    use rand::Rng;
    Fr::from(rng.random::<u128>()) * Fr::from(rng.random::<u128>()) + Fr::from(rng.random::<u64>())
}
