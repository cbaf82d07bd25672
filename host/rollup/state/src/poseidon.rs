//! Poseidon with circomlib's constants, widths 5 and 6 (four and five inputs), with sparse partial rounds.
//!
//! In: field elements. Out: one element, or the whole state. The constants are made once, from the Grain register that they are defined by.

mod grain;
mod sparse;

use std::sync::LazyLock;

use ark_ff::AdditiveGroup;
use millrace_bn254::{Fr, field::Field, mont::FrLazy};

pub use sparse::PartialRound;

/// Full rounds of every width, half before and half after the partial ones.
pub const FULL_ROUNDS: usize = 8;
/// Partial rounds of the widths 5 and 6.
pub const PARTIAL_ROUNDS: usize = 60;

/// The permutation of width `T`.
///
/// A full round adds its constants, raises every element to the fifth power and mixes: with [`Poseidon::before`] in the last round of the first half, with
/// [`Poseidon::mds`] in the others. Partial rounds: [`PartialRound`].
pub struct Poseidon<const T: usize> {
    /// Constants of the full rounds.
    pub full: [[Fr; T]; FULL_ROUNDS],
    /// The mixing matrix.
    pub mds: [[Fr; T]; T],
    /// The matrix of the last full round before the partial ones.
    pub before: [[Fr; T]; T],
    /// The partial rounds.
    pub partial: Vec<PartialRound<T>>,
}

static WIDTH_5: LazyLock<Poseidon<5>> = LazyLock::new(Poseidon::new);
static WIDTH_6: LazyLock<Poseidon<6>> = LazyLock::new(Poseidon::new);

/// The permutation under trees and sponge.
pub fn width_5() -> &'static Poseidon<5> {
    &WIDTH_5
}

/// The permutation under leaves, messages and challenges.
pub fn width_6() -> &'static Poseidon<6> {
    &WIDTH_6
}

impl<const T: usize> Poseidon<T> {
    fn new() -> Self {
        let (constants, mds) = grain::constants::<T>(FULL_ROUNDS, PARTIAL_ROUNDS);
        let half = FULL_ROUNDS / 2;
        let split = sparse::split(&mds, &constants[half..half + PARTIAL_ROUNDS]);
        let mut full = std::array::from_fn(|i| constants[if i < half { i } else { i + PARTIAL_ROUNDS }]);
        for (constant, carried) in full[half].iter_mut().zip(split.carried) {
            *constant += carried;
        }
        Self { full, mds, before: split.before, partial: split.rounds }
    }

    /// Applies the permutation.
    pub fn permute(&self, state: &mut [Fr; T]) {
        let mut lazy = state.map(FrLazy::from);
        let half = FULL_ROUNDS / 2;
        for (i, constants) in self.full[..half].iter().enumerate() {
            full_round(&mut lazy, constants, if i + 1 == half { &self.before } else { &self.mds });
        }
        for round in &self.partial {
            let power = fifth(lazy[0].add(round.constant.into()));
            lazy[0] = power;
            let first = FrLazy::sum_of_products(&round.row, &lazy);
            for (x, factor) in lazy.iter_mut().zip(&round.column).skip(1) {
                *x = x.add(FrLazy::from(*factor).mul(power));
            }
            lazy[0] = first;
        }
        for constants in &self.full[half..] {
            full_round(&mut lazy, constants, &self.mds);
        }
        *state = lazy.map(Fr::from);
    }

    /// The inverse of a mixing matrix: `mds` or `before`.
    pub fn inverse(matrix: &[[Fr; T]; T]) -> [[Fr; T]; T] {
        sparse::invert(matrix)
    }
}

#[inline(always)]
fn fifth(x: FrLazy) -> FrLazy {
    x.square().square().mul(x)
}

fn full_round<const T: usize>(state: &mut [FrLazy; T], constants: &[Fr; T], matrix: &[[Fr; T]; T]) {
    for (x, c) in state.iter_mut().zip(constants) {
        *x = fifth(x.add((*c).into()));
    }
    *state = matrix.each_ref().map(|row| FrLazy::sum_of_products(row, state));
}

/// `Poseidon_4` of the specification.
pub fn hash4(inputs: &[Fr; 4]) -> Fr {
    let [a, b, c, d] = *inputs;
    let mut state = [Fr::ZERO, a, b, c, d];
    width_5().permute(&mut state);
    state[0]
}

/// `Poseidon_5` of the specification.
pub fn hash5(inputs: &[Fr; 5]) -> Fr {
    let [a, b, c, d, e] = *inputs;
    let mut state = [Fr::ZERO, a, b, c, d, e];
    width_6().permute(&mut state);
    state[0]
}

/// The sponge over a batch's words: capacity `words.len()`, rate 4, filled with zeros, squeezed from the rate.
pub fn sponge(words: &[Fr]) -> Fr {
    let mut state = [Fr::from(words.len() as u64), Fr::ZERO, Fr::ZERO, Fr::ZERO, Fr::ZERO];
    for block in words.chunks(4) {
        for (x, word) in state[1..].iter_mut().zip(block) {
            *x += word;
        }
        width_5().permute(&mut state);
    }
    state[1]
}
