//! Numbers that carry their value, and what they are made with.

use std::{
    collections::HashMap,
    ops::{Add, Range, Sub},
};

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;

use crate::system::{Combination, System, Wire};

/// A linear combination of wires with its value. Where a witness is filled the combination stays empty.
#[derive(Clone, Debug)]
pub struct Num {
    /// The value.
    pub value: Fr,
    terms: Combination,
}

impl Num {
    /// `factor`·self.
    pub fn times(&self, factor: Fr) -> Self {
        let terms = self.terms.iter().map(|(wire, coefficient)| (*wire, *coefficient * factor)).collect();
        Self { value: self.value * factor, terms }
    }

    /// self + `factor`·`other`.
    pub fn plus(mut self, factor: Fr, other: &Num) -> Self {
        self.value += factor * other.value;
        self.terms.extend(other.terms.iter().map(|(wire, coefficient)| (*wire, *coefficient * factor)));
        self
    }

    /// The same with each wire once.
    pub(crate) fn merged(mut self) -> Self {
        if self.terms.len() > 1 {
            self.terms.sort_unstable_by_key(|(wire, _)| *wire);
            self.terms.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    kept.1 += later.1;
                }
                same
            });
        }
        self
    }

    /// The combination.
    pub(crate) fn terms(&self) -> &Combination {
        &self.terms
    }
}

impl Add<&Num> for &Num {
    type Output = Num;

    fn add(self, other: &Num) -> Num {
        self.clone() + other
    }
}

impl Add<&Num> for Num {
    type Output = Num;

    fn add(mut self, other: &Num) -> Num {
        self.value += other.value;
        self.terms.extend_from_slice(&other.terms);
        self
    }
}

impl Sub<&Num> for &Num {
    type Output = Num;

    fn sub(self, other: &Num) -> Num {
        self.clone() - other
    }
}

impl Sub<&Num> for Num {
    type Output = Num;

    fn sub(self, other: &Num) -> Num {
        self.plus(-Fr::ONE, other)
    }
}

/// What an outline remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Hashes: inputs behind their number, filled with zeros, to output.
    pub(crate) hashes: HashMap<[Fr; 6], Fr>,
    /// Values of wires that are often the same, by the first of them.
    blocks: HashMap<u32, Vec<Fr>>,
}

/// Makes wires and constraints.
#[derive(Debug)]
pub struct Builder {
    first: u32,
    values: Vec<Fr>,
    system: Option<System>,
    memory: Option<Memory>,
    rule: &'static str,
}

impl Builder {
    /// Records constraints (and values, of whatever batch it is run over). Wire 0 is there.
    pub(crate) fn recording() -> Self {
        Self { first: 0, values: vec![Fr::ONE], system: Some(System::default()), memory: None, rule: "" }
    }

    /// Keeps the values of wires from number `first` on, and no constraint.
    pub(crate) fn filling(first: u32, capacity: usize) -> Self {
        Self::filling_again(first, capacity, Vec::new())
    }

    /// The same in the memory of values that are not needed any more.
    pub(crate) fn filling_again(first: u32, capacity: usize, mut values: Vec<Fr>) -> Self {
        values.clear();
        values.reserve(capacity);
        Self { first, values, system: None, memory: None, rule: "" }
    }

    /// The same, but of a hash only the output is filled, the wires inside stay 0; what is remembered is not computed again.
    pub(crate) fn outlining(first: u32, capacity: usize, memory: Memory) -> Self {
        Self { memory: Some(memory), ..Self::filling(first, capacity) }
    }

    /// Whether constraints are kept.
    pub(crate) fn is_recording(&self) -> bool {
        self.system.is_some()
    }

    /// What was recorded, with its values.
    pub(crate) fn finish(self, n_public: u32) -> (System, Vec<Fr>) {
        let mut system = self.system.expect("a recording builder");
        system.set_sizes(self.values.len() as u32, n_public);
        (system, self.values)
    }

    /// The values kept.
    pub(crate) fn into_values(self) -> Vec<Fr> {
        self.values
    }

    /// Where values of further wires go, for a part whose constraints are recorded otherwise.
    pub(crate) fn values_mut(&mut self) -> &mut Vec<Fr> {
        &mut self.values
    }

    /// The values kept, and what is remembered.
    pub(crate) fn into_outline(self) -> (Vec<Fr>, Memory) {
        (self.values, self.memory.expect("an outlining builder"))
    }

    /// In an outline: fills the wires from here on as [`Self::remember`] did, and says whether it has.
    pub(crate) fn recall(&mut self) -> bool {
        let first = self.next_wire();
        let block = self.memory.as_ref().and_then(|memory| memory.blocks.get(&first));
        block.inspect(|block| self.values.extend_from_slice(block)).is_some()
    }

    /// In an outline: keeps the values of the wires from `first` on for [`Self::recall`] there.
    pub(crate) fn remember(&mut self, first: u32) {
        if let Some(memory) = &mut self.memory {
            memory.blocks.insert(first, self.values[(first - self.first) as usize..].to_vec());
        }
    }

    /// Where hashes are filled in outline: the `n` wires of a hash of which only `output` gets a value, that of `compute` over the inputs.
    pub(crate) fn outlined(
        &mut self,
        inputs: &[Fr],
        n: usize,
        output: usize,
        compute: impl FnOnce() -> Fr,
    ) -> Option<Num> {
        let hashes = &mut self.memory.as_mut()?.hashes;
        let mut key = [Fr::ZERO; 6];
        key[0] = Fr::from(inputs.len() as u64);
        key[1..=inputs.len()].copy_from_slice(inputs);
        let value = *hashes.entry(key).or_insert_with(compute);
        let start = self.values.len();
        self.values.resize(start + n, Fr::ZERO);
        self.values[start + output] = value;
        Some(self.unrecorded(value))
    }

    /// Constraints so far.
    pub(crate) fn n_constraints(&self) -> usize {
        self.system.as_ref().map_or(0, System::n_constraints)
    }

    /// Says that the constraints from number `start` on are those of a permutation.
    pub(crate) fn end_permutation(&mut self, start: usize) {
        if let Some(system) = &mut self.system {
            let range: Range<usize> = start..system.n_constraints();
            system.add_permutation(range);
        }
    }

    /// The number of the next wire.
    pub(crate) fn next_wire(&self) -> u32 {
        self.first + self.values.len() as u32
    }

    /// Names the rule that the constraints from here on belong to.
    pub(crate) fn rule(&mut self, rule: &'static str) {
        self.rule = rule;
    }

    /// A new wire.
    pub(crate) fn wire(&mut self, value: Fr) -> Num {
        let wire = Wire(self.next_wire());
        self.values.push(value);
        self.known(wire, value)
    }

    /// A new wire that the prover chooses; every other wire must follow from these.
    pub(crate) fn input(&mut self, value: Fr) -> Num {
        if let Some(system) = &mut self.system {
            system.add_input(Wire(self.first + self.values.len() as u32));
        }
        self.wire(value)
    }

    /// A wire made elsewhere.
    pub(crate) fn known(&self, wire: Wire, value: Fr) -> Num {
        Num { value, terms: if self.is_recording() { vec![(wire, Fr::ONE)] } else { Vec::new() } }
    }

    /// A constant.
    pub(crate) fn constant(&self, value: Fr) -> Num {
        self.known(Wire::ONE, Fr::ONE).times(value)
    }

    /// 1.
    pub(crate) fn one(&self) -> Num {
        self.constant(Fr::ONE)
    }

    /// A value alone: for what is not recorded.
    pub(crate) fn unrecorded(&self, value: Fr) -> Num {
        Num { value, terms: Vec::new() }
    }

    /// 0.
    pub(crate) fn zero(&self) -> Num {
        Num { value: Fr::ZERO, terms: Vec::new() }
    }

    /// a·b = c.
    pub(crate) fn enforce(&mut self, a: &Num, b: &Num, c: &Num) {
        if let Some(system) = &mut self.system {
            system.push(self.rule, [a, b, c].map(|side| side.terms.clone()));
        }
    }

    /// Records a constraint of wires alone.
    pub(crate) fn enforce_terms(&mut self, sides: [&[(Wire, Fr)]; 3]) {
        if let Some(system) = &mut self.system {
            system.push_clean(self.rule, sides);
        }
    }

    /// a = 0, as a linear constraint: empty factors, so that it costs the prover nothing in A and B.
    pub(crate) fn enforce_zero(&mut self, a: &Num) {
        let zero = self.zero();
        self.enforce(&zero, &zero, a);
    }

    /// a = b.
    pub(crate) fn enforce_equal(&mut self, a: &Num, b: &Num) {
        self.enforce_zero(&(a - b));
    }

    /// A wire for a·b.
    pub(crate) fn product(&mut self, a: &Num, b: &Num) -> Num {
        let out = self.wire(a.value * b.value);
        self.enforce(a, b, &out);
        out
    }

    /// A wire for a combination.
    pub(crate) fn settle(&mut self, a: &Num) -> Num {
        let out = self.wire(a.value);
        self.enforce_equal(a, &out);
        out
    }

    /// `condition` · `a` = 0: a must be 0 where the condition is not.
    pub(crate) fn enforce_zero_if(&mut self, condition: &Num, a: &Num) {
        let zero = self.zero();
        self.enforce(condition, a, &zero);
    }
}
