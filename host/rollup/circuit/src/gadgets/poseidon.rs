//! Poseidon with few terms.
//!
//! A circuit that eliminates linear constraints carries combinations of 23 terms through the S-boxes. Here every S-box input is a wire, so that its three products have one
//! term a factor, and what is linear stands on the C side, which the prover never multiplies by the witness:
//!
//! - x² = x·x and x⁴ = x²·x² are wires; the third constraint is x⁴·x = (the fifth power as a combination of the *next* inputs). In a full round that is a row of
//!   the inverse matrix; in a partial round it is (next x₀ − Σ rowᵢ·sᵢ)/row₀.
//! - In partial rounds s₁ … s_{t−1} grow by a term a round; after [`SEGMENT`] rounds they are settled as wires.
//! - The last round gives output 0 as a wire and needs no other.
//!
//! The constraints of one permutation are recorded once, over wires of its own, and copied for each instance; values are filled apart from them, which is most of
//! a witness ([`Filling`]). That the two agree is shown once, for all inputs, by a test below.

use std::sync::LazyLock;

use ark_ff::Field;
use millrace_bn254::{Fr, field::Field as _, mont::FrLazy};
use millrace_state::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, Poseidon, width_5, width_6};

use crate::{
    builder::{Builder, Num},
    system::{Combination, Side, System, Wire},
};

/// Partial rounds after which the growing combinations are settled.
const SEGMENT: usize = 15;
const HALF: usize = FULL_ROUNDS / 2;

type Matrix<const T: usize> = [[Fr; T]; T];

/// A permutation with what the elimination needs of it.
struct Prepared<const T: usize> {
    poseidon: &'static Poseidon<T>,
    /// Inverses of `mds` and `before`.
    mds_inverse: Matrix<T>,
    before_inverse: Matrix<T>,
    /// 1/row₀ of each partial round.
    row_inverses: Vec<Fr>,
}

impl<const T: usize> Prepared<T> {
    fn new(poseidon: &'static Poseidon<T>) -> Self {
        let inverse = |round: &millrace_state::poseidon::PartialRound<T>| {
            round.row[0].inverse().expect("an entry of a Cauchy matrix is not 0")
        };
        Self {
            poseidon,
            mds_inverse: Poseidon::inverse(&poseidon.mds),
            before_inverse: Poseidon::inverse(&poseidon.before),
            row_inverses: poseidon.partial.iter().map(inverse).collect(),
        }
    }

    /// x⁵ of a number that may be no wire, its last product left to the caller: (x⁴, x⁵'s value).
    fn powers(b: &mut Builder, x: &Num) -> (Num, Fr) {
        let square = b.product(x, x);
        let fourth = b.product(&square, &square);
        let fifth = fourth.value * x.value;
        (fourth, fifth)
    }

    /// S-boxes, mixing, and the next constants: gives the next inputs as wires. `first_is_constant`: the input 0 is no wire but a constant.
    fn full_round(
        b: &mut Builder,
        inputs: &[Num; T],
        (matrix, inverse): (&Matrix<T>, &Matrix<T>),
        next_constants: &[Fr; T],
        first_is_constant: bool,
    ) -> [Num; T] {
        let mut fourths = Vec::with_capacity(T);
        let mut fifths = [Fr::from(0u8); T];
        for (i, x) in inputs.iter().enumerate() {
            if i == 0 && first_is_constant {
                fourths.push(None);
                fifths[0] = x.value.square().square() * x.value;
            } else {
                let (fourth, fifth) = Self::powers(b, x);
                fourths.push(Some(fourth));
                fifths[i] = fifth;
            }
        }
        let next: [Num; T] =
            std::array::from_fn(|j| b.wire(Fr::sum_of_products(&matrix[j], &fifths) + next_constants[j]));
        for (i, fourth) in fourths.iter().enumerate() {
            let fifth = (0..T).fold(b.zero(), |sum, j| {
                sum.plus(inverse[i][j], &next[j]).plus(-inverse[i][j] * next_constants[j], &b.one())
            });
            match fourth {
                Some(fourth) => b.enforce(fourth, &inputs[i], &fifth),
                None => b.enforce_equal(&fifth, &b.constant(fifths[i])),
            }
        }
        next
    }

    /// All partial rounds; input 0 has its constant already, and the outputs have `next_constants`.
    fn partial_rounds(&self, b: &mut Builder, inputs: [Num; T], next_constants: &[Fr; T]) -> [Num; T] {
        let mut state = inputs;
        for (k, round) in self.poseidon.partial.iter().enumerate() {
            let x = state[0].clone();
            let (fourth, fifth) = Self::powers(b, &x);
            let mut values = state.each_ref().map(|s| s.value);
            values[0] = fifth;
            let mixed = Fr::sum_of_products(&round.row, &values);
            let constant = self.poseidon.partial.get(k + 1).map_or(next_constants[0], |next| next.constant);
            let next = b.wire(mixed + constant);
            let mut power = next.clone().plus(-constant, &b.one());
            for (factor, s) in round.row[1..].iter().zip(&state[1..]) {
                power = power.plus(-*factor, s);
            }
            power = power.times(self.row_inverses[k]).merged();
            b.enforce(&fourth, &x, &power);
            for (factor, s) in round.column[1..].iter().zip(&mut state[1..]) {
                *s = std::mem::replace(s, b.zero()).plus(*factor, &power).merged();
            }
            let is_last = k + 1 == PARTIAL_ROUNDS;
            if is_last || (k + 1) % SEGMENT == 0 {
                for (constant, s) in next_constants[1..].iter().zip(&mut state[1..]) {
                    let sum = if is_last { s.clone().plus(*constant, &b.one()) } else { s.clone() };
                    *s = b.settle(&sum);
                }
            }
            state[0] = next;
        }
        state
    }

    /// The permutation. With `hash`, the state's element 0 is the constant 0 before and only element 0 is given after.
    fn permute(&self, b: &mut Builder, inputs: &[Num; T], hash: bool) -> Vec<Num> {
        let Poseidon { full, mds, before, partial } = self.poseidon;
        let one = b.one();
        let mut state: [Num; T] = std::array::from_fn(|i| inputs[i].clone().plus(full[0][i], &one));
        for round in 0..HALF {
            let is_last = round + 1 == HALF;
            let matrices = if is_last { (before, &self.before_inverse) } else { (mds, &self.mds_inverse) };
            let mut constants = full[round + 1];
            if is_last {
                constants = [Fr::from(0u8); T];
                constants[0] = partial[0].constant;
            }
            state = Self::full_round(b, &state, matrices, &constants, hash && round == 0);
        }
        state = self.partial_rounds(b, state, &full[HALF]);
        for constants in &full[HALF + 1..] {
            state = Self::full_round(b, &state, (mds, &self.mds_inverse), constants, false);
        }
        if !hash {
            let none = [Fr::from(0u8); T];
            return Self::full_round(b, &state, (mds, &self.mds_inverse), &none, false).to_vec();
        }
        // Element 0 alone: the other fifth powers are wires, and the first is what is left of the output.
        let (fourth, fifth) = Self::powers(b, &state[0]);
        let mut rest = b.zero();
        for (factor, x) in mds[0][1..].iter().zip(&state[1..]) {
            let (fourth, _) = Self::powers(b, x);
            rest = rest.plus(*factor, &b.product(&fourth, x));
        }
        let out = b.wire(mds[0][0] * fifth + rest.value);
        let scale = mds[0][0].inverse().expect("an entry of a Cauchy matrix is not 0");
        b.enforce(&fourth, &state[0], &(&out - &rest).times(scale));
        vec![out]
    }
}

/// The wires of a permutation alone, in the order in which [`Prepared::permute`] makes them: the way a witness is filled, where no constraint is recorded and nothing else is
/// looked at. Numbers stay as they come, below 2r, until they are kept.
struct Filling<'a>(&'a mut Vec<Fr>);

impl Filling<'_> {
    #[inline(always)]
    fn keep(&mut self, x: FrLazy) {
        self.0.push(x.into());
    }

    /// Keeps x² and x⁴, gives x⁵.
    #[inline(always)]
    fn fifth(&mut self, x: FrLazy) -> FrLazy {
        let square = x.square();
        let fourth = square.square();
        self.keep(square);
        self.keep(fourth);
        fourth.mul(x)
    }

    fn full_round<const T: usize>(
        &mut self,
        state: &mut [FrLazy; T],
        matrix: &Matrix<T>,
        next_constants: &[Fr; T],
        first_is_constant: bool,
    ) {
        let first = usize::from(first_is_constant);
        if first_is_constant {
            state[0] = state[0].square().square().mul(state[0]);
        }
        for x in &mut state[first..] {
            *x = self.fifth(*x);
        }
        let mixed = matrix.each_ref().map(|row| FrLazy::sum_of_products(row, state));
        for ((x, mixed), constant) in state.iter_mut().zip(mixed).zip(next_constants) {
            *x = mixed.add((*constant).into());
            self.keep(*x);
        }
    }

    fn partial_rounds<const T: usize>(
        &mut self,
        poseidon: &Poseidon<T>,
        state: &mut [FrLazy; T],
        next_constants: &[Fr; T],
    ) {
        for (k, round) in poseidon.partial.iter().enumerate() {
            let fifth = self.fifth(state[0]);
            state[0] = fifth;
            let constant = poseidon.partial.get(k + 1).map_or(next_constants[0], |next| next.constant);
            let next = FrLazy::sum_of_products(&round.row, state).add(constant.into());
            self.keep(next);
            for (x, factor) in state.iter_mut().zip(&round.column).skip(1) {
                *x = x.add(FrLazy::from(*factor).mul(fifth));
            }
            let is_last = k + 1 == PARTIAL_ROUNDS;
            if is_last || (k + 1) % SEGMENT == 0 {
                for (x, constant) in state.iter_mut().zip(next_constants).skip(1) {
                    if is_last {
                        *x = x.add((*constant).into());
                    }
                    self.keep(*x);
                }
            }
            state[0] = next;
        }
    }

    /// What [`Prepared::permute`] does; gives its outputs, or 0 in the places of those that it does not give.
    fn permutation<const T: usize>(mut self, poseidon: &Poseidon<T>, inputs: [Fr; T], hash: bool) -> [Fr; T] {
        let Poseidon { full, mds, before, partial } = poseidon;
        let none = [Fr::from(0u8); T];
        let mut state: [FrLazy; T] = std::array::from_fn(|i| FrLazy::from(inputs[i]).add(full[0][i].into()));
        for round in 0..HALF {
            let first_is_constant = hash && round == 0;
            if round + 1 < HALF {
                self.full_round(&mut state, mds, &full[round + 1], first_is_constant);
            } else {
                let mut constants = none;
                constants[0] = partial[0].constant;
                self.full_round(&mut state, before, &constants, first_is_constant);
            }
        }
        self.partial_rounds(poseidon, &mut state, &full[HALF]);
        for constants in &full[HALF + 1..] {
            self.full_round(&mut state, mds, constants, false);
        }
        if !hash {
            self.full_round(&mut state, mds, &none, false);
            return state.map(Fr::from);
        }
        state[0] = self.fifth(state[0]);
        for x in &mut state[1..] {
            *x = self.fifth(*x);
            self.keep(*x);
        }
        let out = FrLazy::sum_of_products(&mds[0], &state);
        self.keep(out);
        let mut outputs = none;
        outputs[0] = out.into();
        outputs
    }
}

/// The constraints of one permutation over wires of its own: 0 is 1, then the inputs, then the inner wires.
struct Template<const T: usize> {
    prepared: Prepared<T>,
    hash: bool,
    system: System,
    outputs: Vec<Wire>,
}

impl<const T: usize> Template<T> {
    fn new(poseidon: &'static Poseidon<T>, hash: bool) -> Self {
        let prepared = Prepared::new(poseidon);
        let mut b = Builder::recording();
        let inputs: [Num; T] = std::array::from_fn(|i| {
            // A hash has no wire for the capacity, but keeps its number free.
            let wire = b.wire(Fr::from(0u8));
            if hash && i == 0 { b.zero() } else { wire }
        });
        let outputs = prepared.permute(&mut b, &inputs, hash);
        let outputs = outputs.iter().map(|out| out.terms()[0].0).collect();
        let (system, _) = b.finish(0);
        Self { prepared, hash, system, outputs }
    }

    fn instance(&self, b: &mut Builder, inputs: &[Num; T]) -> Vec<Num> {
        let first = b.next_wire();
        if self.hash {
            let values = inputs.each_ref().map(|x| x.value);
            let (n, output) = (self.system.n_wires() - 1 - T, self.outputs[0].0 as usize - 1 - T);
            let hashed = b.outlined(&values[1..], n, output, || {
                let mut state = values;
                self.prepared.poseidon.permute(&mut state);
                state[0]
            });
            if let Some(out) = hashed {
                return vec![out];
            }
        }
        let start = b.n_constraints();
        let values = inputs.each_ref().map(|x| x.value);
        let outputs = Filling(b.values_mut()).permutation(self.prepared.poseidon, values, self.hash);
        let mut outputs: Vec<Num> =
            outputs[..self.outputs.len()].iter().map(|value| b.unrecorded(*value)).collect();
        if b.is_recording() {
            let moved = |wire: Wire| Wire(wire.0 - 1 - T as u32 + first);
            for constraint in 0..self.system.n_constraints() {
                let sides = [Side::A, Side::B, Side::C].map(|side| {
                    let mut out = Combination::new();
                    for (wire, factor) in self.system.terms(constraint, side) {
                        match wire.0 as usize {
                            0 => out.push((Wire::ONE, factor)),
                            i if i <= T => {
                                out.extend(inputs[i - 1].terms().iter().map(|(w, f)| (*w, *f * factor)))
                            }
                            _ => out.push((moved(wire), factor)),
                        }
                    }
                    out
                });
                b.enforce_terms([&sides[0], &sides[1], &sides[2]]);
            }
            b.end_permutation(start);
            for (out, wire) in outputs.iter_mut().zip(&self.outputs) {
                *out = b.known(moved(*wire), out.value);
            }
        }
        outputs
    }
}

static HASH_4: LazyLock<Template<5>> = LazyLock::new(|| Template::new(width_5(), true));
static HASH_5: LazyLock<Template<6>> = LazyLock::new(|| Template::new(width_6(), true));
static SPONGE: LazyLock<Template<5>> = LazyLock::new(|| Template::new(width_5(), false));

fn only<T>(mut outputs: Vec<T>) -> T {
    outputs.swap_remove(0)
}

/// `Poseidon_4`.
pub(crate) fn hash4(b: &mut Builder, inputs: [&Num; 4]) -> Num {
    let [p, q, r, s] = inputs.map(Clone::clone);
    let zero = b.zero();
    only(HASH_4.instance(b, &[zero, p, q, r, s]))
}

/// `Poseidon_5`.
pub(crate) fn hash5(b: &mut Builder, inputs: [&Num; 5]) -> Num {
    let [p, q, r, s, t] = inputs.map(Clone::clone);
    let zero = b.zero();
    only(HASH_5.instance(b, &[zero, p, q, r, s, t]))
}

/// The sponge of the specification over the words.
pub(crate) fn sponge(b: &mut Builder, words: &[Num]) -> Num {
    let mut state = vec![b.zero(); 5];
    state[0] = b.constant(Fr::from(words.len() as u64));
    for block in words.chunks(4) {
        for (x, word) in state[1..].iter_mut().zip(block) {
            *x = &*x + word;
        }
        let inputs = state.try_into().expect("five elements");
        state = SPONGE.instance(b, &inputs);
    }
    state.swap_remove(1)
}

#[cfg(test)]
mod tests {
    use ark_ff::PrimeField;
    use rand::{RngCore, SeedableRng};

    use super::*;

    /// Every wire is a polynomial of the inputs, of degree at most 5^68 < 2^158: nothing in a permutation looks at a value. So what a constraint is off
    /// by has a degree below 2^159, and is 0 for all inputs if it is 0 for random ones, but with a probability below 2^159/r < 2^-94 (Schwartz–Zippel). The same holds of
    /// what the output differs by from that of `millrace-state`. That is about polynomials; that the sums of products they are computed by stay in range
    /// for every value is shown beside those (`millrace_bn254::mont`), and the ends of the range are tried here too.
    fn holds_for_all_inputs<const T: usize>(template: &Template<T>, seed: u64) {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        holds_for(template, || {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            Fr::from_le_bytes_mod_order(&bytes)
        });
        // The third is r − 1 in Montgomery form: −1/R.
        let r = Fr::from(2u8).pow([256]);
        for end in [Fr::from(0u8), -Fr::ONE, -r.inverse().expect("2 is not 0"), Fr::ONE] {
            holds_for(template, || end);
        }
    }

    fn holds_for<const T: usize>(template: &Template<T>, mut input: impl FnMut() -> Fr) {
        let mut b = Builder::recording();
        let inputs: [Num; T] =
            std::array::from_fn(|i| if template.hash && i == 0 { b.zero() } else { b.wire(input()) });
        let mut state = inputs.each_ref().map(|x| x.value);
        let outputs = template.instance(&mut b, &inputs);
        template.prepared.poseidon.permute(&mut state);
        for (out, x) in outputs.iter().zip(state) {
            assert_eq!(out.value, x);
        }
        let (system, mut values) = b.finish(0);
        assert_eq!(values.len(), template.system.n_wires() - usize::from(template.hash));
        assert_eq!(system.permutations(), std::slice::from_ref(&(0..system.n_constraints())));
        assert_eq!(system.first_broken(&values), None);
        let out = outputs[0].terms()[0].0.0 as usize;
        values[out] += Fr::ONE;
        assert!(system.first_broken(&values).is_some());
    }

    #[test]
    fn permutations_hold_for_all_inputs() {
        holds_for_all_inputs(&HASH_4, 1);
        holds_for_all_inputs(&HASH_5, 2);
        holds_for_all_inputs(&SPONGE, 3);
    }
}
