//! The circuit of a batch of N ops, and witnesses of it.

use millrace_bn254::Fr;
use millrace_state::{
    batch::{Batch, Executed, FEE_TOKENS, Header, PublicInputs},
    op::Op,
    state::State,
    types::{AccountId, Address, Domain, TokenId},
};
use rayon::prelude::*;
use thiserror::Error;

use crate::{
    builder::{Builder, Memory, Num},
    head::{Head, HeaderInputs, head},
    op::{OpInputs, Outcome, Shared, op},
    system::{System, Wire},
    tail::{Publics, credit_fees, public_data},
};

/// Public wires: P, ρ, y.
pub const N_PUBLIC: u32 = 3;

/// A batch of another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the batch has {got} ops, the circuit is for {expected}")]
pub struct WrongSize {
    /// N of the circuit.
    pub expected: usize,
    /// Ops of the batch.
    pub got: usize,
}

/// The circuit for N ops.
#[derive(Debug)]
pub struct Circuit {
    size: usize,
    system: System,
    /// First wire of the first op, wires of an op, first wire after the ops.
    ops: Wires,
    words: Vec<Wire>,
}

/// Where the ops lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wires {
    first: u32,
    each: u32,
    end: u32,
    /// Constraints before the end of the first op.
    constraints: usize,
}

/// A batch of NOOPs on the empty state: what constraints are recorded over.
fn nothing(size: usize) -> Executed {
    let domain = Domain { chain_id: 0, contract: Address::NOBODY };
    let fee_tokens = [0, 1, 2, 3].map(TokenId);
    let header = Header { number: 0, time: 0, fee_account: AccountId::NOBODY, fee_tokens };
    let batch = Batch { header, ops: vec![Op::Noop.into(); size] };
    State::default().execute(domain, &batch).expect("a NOOP has no rule to break")
}

fn shared(head: &Head) -> Shared {
    let fee_tokens = head.fee_tokens.each_ref().map(|token| token.num.clone());
    Shared { domain: head.domain.clone(), time: head.time.clone(), fee_tokens }
}

/// Public wires and head.
fn begin(
    b: &mut Builder,
    batch: &Executed,
    header: &HeaderInputs,
    publics: &PublicInputs,
) -> (Publics, Head) {
    let (p, rho, y) = (b.wire(publics.p), b.input(publics.rho), b.wire(publics.y));
    (Publics { p, rho, y }, head(b, batch, header))
}

/// All that comes after the ops; gives the words.
fn end(b: &mut Builder, publics: &Publics, head: &Head, outcomes: &[Outcome], batch: &Executed) -> Vec<Num> {
    let root = outcomes.last().map_or(&head.old_root, |last| &last.root);
    let sums: [Num; FEE_TOKENS] = std::array::from_fn(|i| {
        outcomes.iter().fold(b.zero(), |sum, outcome| sum + &outcome.fees[i]).merged()
    });
    let root = credit_fees(b, head, root, &sums, batch);
    b.rule("root: after the batch");
    b.enforce_equal(&root, &head.new_root);
    let mut words =
        vec![head.domain.clone(), head.old_root.clone(), head.new_root.clone(), head.header.clone()];
    words.extend(outcomes.iter().flat_map(|outcome| outcome.words.iter().cloned()));
    public_data(b, publics, &words);
    words
}

impl Circuit {
    /// Records the constraints for `size` ops.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn new(size: usize) -> Self {
        Self::recorded_over(&nothing(size)).0
    }

    /// Records the constraints over a batch, and gives its witness too. The constraints are the same over every batch of that size; which wires are
    /// [`System::inputs`] is as in this batch.
    ///
    /// # Panics
    /// If the batch has no op.
    pub fn recorded_over(batch: &Executed) -> (Self, Vec<Fr>) {
        let size = batch.ops.len();
        assert!(size > 0, "a batch has at least one op");
        let mut b = Builder::recording();
        let (publics, head) =
            begin(&mut b, batch, &(&batch.header).into(), &PublicInputs::of(&batch.words()));
        let shared = shared(&head);
        let first = b.next_wire();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(size);
        let mut constraints = 0;
        for trace in &batch.ops {
            let root = outcomes.last().map_or(&head.old_root, |last| &last.root).clone();
            outcomes.push(op(&mut b, &shared, &root, &trace.into()));
            if outcomes.len() == 1 {
                constraints = b.n_constraints();
            }
        }
        let end_wire = b.next_wire();
        let words = end(&mut b, &publics, &head, &outcomes, batch);
        let words = words.iter().map(|word| word.terms()[0].0).collect();
        let (system, values) = b.finish(N_PUBLIC);
        let each = (end_wire - first) / size as u32;
        assert_eq!(first + each * size as u32, end_wire, "ops have the same number of wires each");
        let ops = Wires { first, each, end: end_wire, constraints };
        (Self { size, system, ops, words }, values)
    }

    /// N.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The constraints.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Wires of the i-th op.
    pub fn op_wires(&self, i: usize) -> std::ops::Range<u32> {
        let start = self.ops.first + self.ops.each * i as u32;
        start..start + self.ops.each
    }

    /// The constraints of the head and of the first op.
    pub(crate) fn first_constraints(&self) -> std::ops::Range<usize> {
        0..self.ops.constraints
    }

    /// Values of the head and of the first op, the hashes in outline; and the root after that op.
    pub(crate) fn outline(
        &self,
        batch: &Executed,
        op_inputs: &OpInputs,
        memory: Memory,
    ) -> (Vec<Fr>, Fr, Memory) {
        let zero = Fr::from(0u8);
        let mut b = Builder::filling(0, self.ops.first as usize);
        b.wire(Fr::from(1u8));
        // No op has a public wire.
        let publics = PublicInputs { p: zero, rho: zero, y: zero };
        let (_, head) = begin(&mut b, batch, &(&batch.header).into(), &publics);
        let mut values = b.into_values();
        let mut b = Builder::outlining(self.ops.first, self.ops.each as usize, memory);
        let root = b.zero();
        let outcome = op(&mut b, &shared(&head), &root, op_inputs);
        let (wires, memory) = b.into_outline();
        assert_eq!(wires.len(), self.ops.each as usize, "an op has the wires that were recorded");
        values.extend(wires);
        (values, outcome.root.value, memory)
    }

    /// log₂ of the evaluation domain that a Groth16 key for this circuit has (a row for each public wire and the constant).
    pub fn log_domain(&self) -> u32 {
        (self.system.n_constraints() + N_PUBLIC as usize + 1).next_power_of_two().ilog2()
    }

    /// The wires of the words w.
    pub fn word_wires(&self) -> &[Wire] {
        &self.words
    }

    /// The witness of a batch: a value for each wire.
    ///
    /// # Errors
    /// [`WrongSize`].
    pub fn witness(&self, batch: &Executed) -> Result<Vec<Fr>, WrongSize> {
        let ops: Vec<OpInputs> = batch.ops.iter().map(OpInputs::from).collect();
        self.witness_of(batch, &(&batch.header).into(), &ops, &PublicInputs::of(&batch.words()))
    }

    /// The witness that a prover would make who chooses the header's numbers, the ops' inputs and the public inputs freely (`batch.header` and `batch.ops` are not
    /// looked at). What breaks a rule breaks a
    /// constraint of it.
    ///
    /// # Errors
    /// [`WrongSize`].
    pub fn witness_of(
        &self,
        batch: &Executed,
        header: &HeaderInputs,
        ops: &[OpInputs],
        publics: &PublicInputs,
    ) -> Result<Vec<Fr>, WrongSize> {
        self.check_size(ops.len())?;
        let mut values = vec![Fr::from(0u8); self.system.n_wires()];
        self.fill(&mut values, (batch, header, ops, publics), |value| *value);
        Ok(values)
    }

    pub(crate) fn check_size(&self, got: usize) -> Result<(), WrongSize> {
        if got == self.size { Ok(()) } else { Err(WrongSize { expected: self.size, got }) }
    }

    /// Fills a place for each wire with its value. Only the places are the caller's to wipe: a batch's ops and what they are signed with become public, and no
    /// key is among a witness's values. An op's values are kept only until they are where they belong: fresh memory costs the kernel's time, more than the
    /// values of a bit or a selection do.
    ///
    /// # Panics
    /// If there are other numbers of places or ops than the circuit has.
    pub(crate) fn fill<T: Send>(
        &self,
        places: &mut [T],
        (batch, header, ops, publics): (&Executed, &HeaderInputs, &[OpInputs], &PublicInputs),
        convert: impl Fn(&Fr) -> T + Sync,
    ) {
        assert_eq!(places.len(), self.system.n_wires(), "a place for every wire");
        assert_eq!(ops.len(), self.size, "as many ops as the circuit has");
        let put = |places: &mut [T], values: &[Fr]| {
            assert_eq!(places.len(), values.len(), "as many wires as were recorded");
            places.iter_mut().zip(values).for_each(|(place, value)| *place = convert(value));
        };
        let (head_places, places) = places.split_at_mut(self.ops.first as usize);
        let (op_places, tail_places) = places.split_at_mut((self.ops.end - self.ops.first) as usize);
        let mut b = Builder::filling(0, self.ops.first as usize);
        b.wire(Fr::from(1u8));
        let (publics, head) = begin(&mut b, batch, header, publics);
        put(head_places, &b.into_values());
        let shared = shared(&head);
        // The root before an op enters no value, only a constraint: ops need not wait for each other.
        let each = self.ops.each as usize;
        let outcomes: Vec<Outcome> = op_places
            .par_chunks_exact_mut(each)
            .zip(ops)
            .enumerate()
            .map_init(Vec::new, |memory, (i, (places, inputs))| {
                let mut b = Builder::filling_again(self.op_wires(i).start, each, std::mem::take(memory));
                let root = b.zero();
                let outcome = op(&mut b, &shared, &root, inputs);
                *memory = b.into_values();
                put(places, memory);
                outcome
            })
            .collect();
        let mut b = Builder::filling(self.ops.end, tail_places.len());
        end(&mut b, &publics, &head, &outcomes, batch);
        put(tail_places, &b.into_values());
    }
}
