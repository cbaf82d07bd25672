//! A rank-1 constraint system: (A·w)·(B·w) = C·w for every constraint.

use std::{collections::HashMap, ops::Range};

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;

/// Index of a wire. 0 is the constant 1, then come the public wires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wire(pub u32);

impl Wire {
    /// The constant 1.
    pub const ONE: Self = Self(0);
}

/// Σ coefficient·wire. Terms may repeat a wire until the combination enters a [`System`].
pub type Combination = Vec<(Wire, Fr)>;

/// A term as stored: wire and index into the table of coefficients.
type Term = (u32, u32);

/// Which of the three matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Left factor.
    A,
    /// Right factor.
    B,
    /// Product.
    C,
}

/// The constraints. Equal coefficients are stored once: a system of 2^21 constraints has few thousand different ones.
#[derive(Clone, Debug, Default)]
pub struct System {
    n_wires: u32,
    n_public: u32,
    coefficients: Vec<Fr>,
    places: HashMap<Fr, u32>,
    terms: Vec<Term>,
    /// Ends in `terms` of A, B and C of each constraint.
    ends: Vec<[u32; 3]>,
    names: Vec<&'static str>,
    rules: Vec<u16>,
    inputs: Vec<Wire>,
    permutations: Vec<Range<usize>>,
}

/// A constraint that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The constraint, from 0.
    pub constraint: usize,
    /// The rule that it belongs to.
    pub rule: &'static str,
}

impl System {
    pub(crate) fn set_sizes(&mut self, n_wires: u32, n_public: u32) {
        (self.n_wires, self.n_public) = (n_wires, n_public);
    }

    pub(crate) fn add_input(&mut self, wire: Wire) {
        self.inputs.push(wire);
    }

    pub(crate) fn add_permutation(&mut self, constraints: Range<usize>) {
        self.permutations.push(constraints);
    }

    /// The constraints inside of Poseidon permutations, a range for each permutation, rising.
    pub fn permutations(&self) -> &[Range<usize>] {
        &self.permutations
    }

    /// The wires that a prover chooses, in the batch that was recorded: what the ops say, what the state held, signatures, siblings, ρ. The constraints determine all others
    /// from these. (Of a node's four children the one on the path is none, so the place of an index decides which three are.)
    pub fn inputs(&self) -> &[Wire] {
        &self.inputs
    }

    /// Wires, the constant 1 included.
    pub fn n_wires(&self) -> usize {
        self.n_wires as usize
    }

    /// Public wires: 1 … n_public.
    pub fn n_public(&self) -> usize {
        self.n_public as usize
    }

    /// Constraints, linear ones included.
    pub fn n_constraints(&self) -> usize {
        self.ends.len()
    }

    /// Terms of all three matrices.
    pub fn n_terms(&self) -> usize {
        self.terms.len()
    }

    /// Terms of one matrix.
    pub fn n_terms_of(&self, side: Side) -> usize {
        (0..self.n_constraints()).map(|i| self.side(i, side).len()).sum()
    }

    fn put(&mut self, mut combination: Combination) {
        combination.sort_unstable_by_key(|(wire, _)| *wire);
        let mut terms = combination.into_iter().peekable();
        while let Some((wire, mut coefficient)) = terms.next() {
            while let Some((_, more)) = terms.next_if(|(next, _)| *next == wire) {
                coefficient += more;
            }
            if coefficient != Fr::ZERO {
                let next = self.coefficients.len() as u32;
                let place = *self.places.entry(coefficient).or_insert(next);
                if place == next {
                    self.coefficients.push(coefficient);
                }
                self.terms.push((wire.0, place));
            }
        }
    }

    /// Adds a constraint of the given rule.
    pub(crate) fn push(&mut self, rule: &'static str, sides: [Combination; 3]) {
        let ends = sides.map(|side| {
            self.put(side);
            self.terms.len() as u32
        });
        self.ends.push(ends);
        let number = self.names.iter().rposition(|name| *name == rule).unwrap_or_else(|| {
            self.names.push(rule);
            self.names.len() - 1
        });
        self.rules.push(number as u16);
    }

    /// Adds a constraint whose combinations are already sorted and merged.
    pub(crate) fn push_clean(&mut self, rule: &'static str, sides: [&[(Wire, Fr)]; 3]) {
        self.push(rule, sides.map(<[_]>::to_vec));
    }

    fn side(&self, constraint: usize, side: Side) -> &[Term] {
        let [a, b, c] = self.ends[constraint].map(|end| end as usize);
        let start = constraint.checked_sub(1).map_or(0, |before| self.ends[before][2] as usize);
        match side {
            Side::A => &self.terms[start..a],
            Side::B => &self.terms[a..b],
            Side::C => &self.terms[b..c],
        }
    }

    /// The terms of one side of a constraint, by rising wire.
    pub fn terms(&self, constraint: usize, side: Side) -> impl ExactSizeIterator<Item = (Wire, Fr)> + '_ {
        self.side(constraint, side)
            .iter()
            .map(|(wire, place)| (Wire(*wire), self.coefficients[*place as usize]))
    }

    /// The rule that a constraint belongs to.
    pub fn rule(&self, constraint: usize) -> &'static str {
        self.names[usize::from(self.rules[constraint])]
    }

    /// All rules, each once.
    pub fn rules(&self) -> &[&'static str] {
        &self.names
    }

    /// The value of one side.
    pub fn value(&self, constraint: usize, side: Side, witness: &[Fr]) -> Fr {
        let mut sum = Fr::ZERO;
        for (wire, place) in self.side(constraint, side) {
            let (value, coefficient) = (witness[*wire as usize], self.coefficients[*place as usize]);
            // Most coefficients are 1, and most values of bits 0.
            if coefficient == Fr::ONE {
                sum += value;
            } else if value != Fr::ZERO {
                sum += value * coefficient;
            }
        }
        sum
    }

    /// Whether a constraint holds.
    pub fn holds(&self, constraint: usize, witness: &[Fr]) -> bool {
        let [a, b, c] = [Side::A, Side::B, Side::C].map(|side| self.value(constraint, side, witness));
        a * b == c
    }

    /// The first constraint that does not hold.
    ///
    /// # Panics
    /// If the witness has not [`System::n_wires`] values.
    pub fn first_broken(&self, witness: &[Fr]) -> Option<Broken> {
        assert_eq!(witness.len(), self.n_wires(), "a value for every wire");
        let constraint = (0..self.n_constraints()).find(|i| !self.holds(*i, witness))?;
        Some(Broken { constraint, rule: self.rule(constraint) })
    }
}
