//! Every wire follows from the prover's inputs: constraints are solved one after another from the inputs alone, in whatever order works. A wire that is
//! never reached could have two values.
//!
//! A constraint with one known factor is linear in what it does not know. Those over the same unknown wires are solved together, by elimination: so many
//! independent ones as unknowns determine all. A number's bits, each constrained to be 0 or 1 and weighted with different powers of two of at most 253 places, are determined
//! by their sum. Bits of 254 places have two sums; that the comparison picks one is shown by a test beside it (`gadgets/bits.rs`), so they count as
//! determined where it is there.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use ark_ff::{AdditiveGroup, Field};
use common::one_of_each;
use millrace_circuit::{
    Fr,
    batch::Circuit,
    system::{Side, System},
};

const SIDES: [Side; 3] = [Side::A, Side::B, Side::C];
/// The rule of the 254-bit decomposition.
const STRICT: &str = "signature: bits of the challenge, or of Ax";

/// log₂ of the powers of two.
static POWERS: LazyLock<HashMap<Fr, u32>> =
    LazyLock::new(|| (0..254).map(|i| (Fr::from(2u8).pow([u64::from(i)]), i)).collect());

struct Propagation<'a> {
    system: &'a System,
    witness: &'a [Fr],
    constraints_of: Vec<Vec<u32>>,
    known: Vec<bool>,
    boolean: Vec<bool>,
    /// Unknown wires of each constraint.
    unknown: Vec<u32>,
    queue: Vec<u32>,
    skip: Option<&'static str>,
}

/// Σ coefficient·unknown = what is known.
type Row = BTreeMap<u32, Fr>;

impl<'a> Propagation<'a> {
    fn new(system: &'a System, witness: &'a [Fr], skip: Option<&'static str>) -> Self {
        let n = system.n_constraints();
        let mut constraints_of = vec![Vec::new(); system.n_wires()];
        let mut boolean = vec![false; system.n_wires()];
        let mut unknown = vec![0; n];
        for (i, count) in unknown.iter_mut().enumerate() {
            if Some(system.rule(i)) == skip {
                continue;
            }
            let wires: BTreeSet<u32> =
                SIDES.iter().flat_map(|side| system.terms(i, *side).map(|(wire, _)| wire.0)).collect();
            *count = wires.len() as u32;
            wires.iter().for_each(|wire| constraints_of[*wire as usize].push(i as u32));
            let sides = SIDES.map(|side| system.terms(i, side).collect::<Vec<_>>());
            if wires.len() == 1 && sides[0] == sides[1] && sides[1] == sides[2] {
                boolean[*wires.first().unwrap() as usize] = true;
            }
        }
        let known = vec![false; system.n_wires()];
        Self { system, witness, constraints_of, known, boolean, unknown, queue: Vec::new(), skip }
    }

    fn learn(&mut self, wire: u32) {
        if !std::mem::replace(&mut self.known[wire as usize], true) {
            for constraint in &self.constraints_of[wire as usize] {
                self.unknown[*constraint as usize] -= 1;
                self.queue.push(*constraint);
            }
        }
    }

    /// Unknown part of a side, and the value of the known part.
    fn split(&self, constraint: usize, side: Side) -> (Row, Fr) {
        let (mut row, mut sum) = (Row::new(), Fr::ZERO);
        for (wire, factor) in self.system.terms(constraint, side) {
            if self.known[wire.0 as usize] {
                sum += factor * self.witness[wire.0 as usize];
            } else {
                row.insert(wire.0, factor);
            }
        }
        (row, sum)
    }

    /// The constraint as a linear equation in what is unknown, where it is one.
    fn linear(&self, constraint: usize) -> Option<Row> {
        let [(a, a_known), (b, b_known), (c, _)] = SIDES.map(|side| self.split(constraint, side));
        let (scaled, factor) = match (a.is_empty(), b.is_empty()) {
            (true, _) => (b, a_known),
            (_, true) => (a, b_known),
            _ => return None,
        };
        let mut row = c;
        for (wire, coefficient) in scaled {
            *row.entry(wire).or_insert(Fr::ZERO) -= coefficient * factor;
        }
        row.retain(|_, coefficient| *coefficient != Fr::ZERO);
        Some(row)
    }

    /// Whether the row is a sum of bits with different powers of two, all times one number.
    fn is_bits(&self, constraint: usize, row: &Row) -> bool {
        if row.len() > 253 && !(self.system.rule(constraint) == STRICT && self.skip != Some(STRICT)) {
            return false;
        }
        let scale = row
            .values()
            .find_map(|c| c.inverse().filter(|s| row.values().all(|c| POWERS.contains_key(&(*c * s)))));
        let Some(scale) = scale else { return false };
        let places: BTreeSet<u32> = row.values().map(|c| POWERS[&(*c * scale)]).collect();
        places.len() == row.len() && row.keys().all(|wire| self.boolean[*wire as usize])
    }

    fn run(&mut self) {
        // Linear constraints that know too little, by the wires that they do not know.
        let mut waiting: HashMap<Vec<u32>, Vec<Row>> = HashMap::new();
        while let Some(constraint) = self.queue.pop() {
            let constraint = constraint as usize;
            if self.unknown[constraint] == 0 {
                continue;
            }
            let Some(row) = self.linear(constraint) else { continue };
            let wires: Vec<u32> = row.keys().copied().collect();
            if wires.len() == 1 || self.is_bits(constraint, &row) {
                wires.into_iter().for_each(|wire| self.learn(wire));
            } else if wires.len() <= 12 {
                let rows = waiting.entry(wires.clone()).or_default();
                add_independent(rows, row);
                if rows.len() == wires.len() {
                    wires.into_iter().for_each(|wire| self.learn(wire));
                }
            }
        }
    }
}

/// Adds what of a row is independent of the others; each row's first wire is in no later row.
fn add_independent(rows: &mut Vec<Row>, mut row: Row) {
    for other in rows.iter() {
        let (wire, lead) = other.first_key_value().unwrap();
        if let Some(coefficient) = row.get(wire).copied() {
            let factor = coefficient * lead.inverse().unwrap();
            for (wire, c) in other {
                *row.entry(*wire).or_insert(Fr::ZERO) -= factor * c;
            }
            row.retain(|_, coefficient| *coefficient != Fr::ZERO);
        }
    }
    if !row.is_empty() {
        rows.push(row);
    }
}

/// Wires that do not follow from the inputs.
fn undetermined(system: &System, witness: &[Fr], skip: Option<&'static str>) -> Vec<usize> {
    let mut propagation = Propagation::new(system, witness, skip);
    propagation.learn(0);
    system.inputs().iter().for_each(|wire| propagation.learn(wire.0));
    propagation.run();
    (0..system.n_wires()).filter(|wire| !propagation.known[*wire]).collect()
}

#[test]
fn every_wire_follows_from_the_inputs() {
    let reference = Circuit::new(1);
    for executed in one_of_each() {
        let (circuit, witness) = Circuit::recorded_over(&executed);
        let system = circuit.system();
        assert_eq!(system.n_constraints(), reference.system().n_constraints());
        for i in 0..system.n_constraints() {
            for side in SIDES {
                assert!(
                    system.terms(i, side).eq(reference.system().terms(i, side)),
                    "the same whatever was recorded"
                );
            }
        }
        let open = undetermined(system, &witness, None);
        assert!(
            open.is_empty(),
            "{:?}: {} wires, from {:?}",
            executed.ops[0].signed.op,
            open.len(),
            open.first()
        );
    }
}

/// Rules without which no change of one wire goes unnoticed (see `mutation.rs`) and no attack is stopped by them alone, because they define wires that others check.
const DEFINING: [&str; 4] = ["header: word", "set key", "root: before the op", "root: after the batch"];

#[test]
fn rules_that_define_wires_are_needed_for_that() {
    let executed = &one_of_each()[2];
    let (circuit, witness) = Circuit::recorded_over(executed);
    for rule in DEFINING {
        assert!(circuit.system().rules().contains(&rule), "{rule}");
        assert!(
            !undetermined(circuit.system(), &witness, Some(rule)).is_empty(),
            "nothing is open without {rule:?}"
        );
    }
}
