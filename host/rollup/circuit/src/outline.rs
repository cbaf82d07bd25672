//! One op checked fast: all its constraints but those inside of Poseidon permutations.
//!
//! Nine tenths of an op are permutations. What is inside of one holds whatever its inputs are, once it is filled as the gadget fills it: a test beside the gadget shows that as an
//! identity of polynomials. So an op's witness satisfies the circuit if every other constraint holds with each hash's output as Poseidon gives it, and for that neither the wires
//! inside need values nor the constraints there need looking at. Hashes that came before (of the old root, of paths that meet) are remembered, and of the other constraints only
//! those are evaluated that have a wire whose value has changed since they last held.

use millrace_bn254::Fr;
use millrace_state::batch::Executed;

use crate::{
    batch::Circuit,
    builder::Memory,
    op::OpInputs,
    system::{Broken, Side},
};

/// Hashes remembered before all are forgotten.
const MOST_HASHES: usize = 1 << 16;
/// The rule of the last root, whose constraint is behind the op.
const LAST_ROOT: &str = "root: after the batch";

/// The first op of a circuit, and the last one that held in its place.
#[derive(Debug)]
pub struct Outline<'a> {
    circuit: &'a Circuit,
    memory: Memory,
    /// Each wire that has constraints outside of permutations, with those.
    constraints_of: Vec<(usize, Vec<u32>)>,
    /// Values with which all those held; empty before the first.
    held: Vec<Fr>,
    /// For each constraint, the round in which it was last looked at.
    seen: Vec<u32>,
    round: u32,
}

impl<'a> Outline<'a> {
    /// For the first op of this circuit.
    pub fn new(circuit: &'a Circuit) -> Self {
        let system = circuit.system();
        let all = circuit.first_constraints();
        let mut constraints_of: Vec<Vec<u32>> = vec![Vec::new(); circuit.op_wires(0).end as usize];
        let mut permutations = system.permutations().iter().peekable();
        for constraint in all.clone() {
            while permutations.next_if(|range| range.end <= constraint).is_some() {}
            if permutations.peek().is_some_and(|range| range.contains(&constraint)) {
                continue;
            }
            for side in [Side::A, Side::B, Side::C] {
                for (wire, _) in system.terms(constraint, side) {
                    let list = &mut constraints_of[wire.0 as usize];
                    if list.last() != Some(&(constraint as u32)) {
                        list.push(constraint as u32);
                    }
                }
            }
        }
        let with_wire = constraints_of.into_iter().enumerate();
        let constraints_of = with_wire.filter(|(_, constraints)| !constraints.is_empty()).collect();
        let seen = vec![0; all.len()];
        Self { circuit, memory: Memory::default(), constraints_of, held: Vec::new(), seen, round: 0 }
    }

    /// Checks the first op of a batch, as the executor ran it, and that its root is the batch's new one: so no fee may be paid and nothing may follow.
    ///
    /// # Errors
    /// [`Broken`]: a constraint that does not hold.
    pub fn check(&mut self, batch: &Executed) -> Result<(), Broken> {
        self.check_inputs(batch, &(&batch.ops[0]).into())
    }

    /// The same for an op whose inputs a prover chose freely.
    ///
    /// # Errors
    /// [`Broken`]: the first constraint that does not hold.
    pub fn check_inputs(&mut self, batch: &Executed, inputs: &OpInputs) -> Result<(), Broken> {
        let (values, broken) = self.look(batch, inputs);
        match broken.into_iter().min_by_key(|broken| broken.constraint) {
            Some(broken) => Err(broken),
            None => {
                self.held = values;
                Ok(())
            }
        }
    }

    /// Every constraint, in no order, that does not hold with such inputs.
    pub fn broken(&mut self, batch: &Executed, inputs: &OpInputs) -> Vec<Broken> {
        self.look(batch, inputs).1
    }

    /// Values of the wires, and what does not hold with them.
    fn look(&mut self, batch: &Executed, inputs: &OpInputs) -> (Vec<Fr>, Vec<Broken>) {
        if self.memory.hashes.len() > MOST_HASHES {
            self.memory.hashes.clear();
        }
        let (values, root, memory) = self.circuit.outline(batch, inputs, std::mem::take(&mut self.memory));
        self.memory = memory;
        self.round += 1;
        let system = self.circuit.system();
        let mut broken = Vec::new();
        for (wire, constraints) in &self.constraints_of {
            if self.held.get(*wire) == Some(&values[*wire]) {
                continue;
            }
            for constraint in constraints {
                let seen = &mut self.seen[*constraint as usize];
                if std::mem::replace(seen, self.round) != self.round
                    && !system.holds(*constraint as usize, &values)
                {
                    let constraint = *constraint as usize;
                    broken.push(Broken { constraint, rule: system.rule(constraint) });
                }
            }
        }
        if root != batch.new_root {
            broken.push(Broken { constraint: self.seen.len(), rule: LAST_ROOT });
        }
        (values, broken)
    }
}
