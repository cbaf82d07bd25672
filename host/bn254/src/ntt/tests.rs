//! The levels of the deepest pass on the greatest integers that a pass may begin with: a pass of 14 levels belongs to a transform of 2^27 or 2^28 values,
//! but one task of it fits a cache.

use ark_ff::{AdditiveGroup, Field, PrimeField};

use super::{Levels, Shape, passes};
use crate::{
    Fr,
    backend::{Instructions, Kernel},
    lanes::{Backend, Integer, LANES, Line, Loose, PrimeLanes},
    mont::{Modulus, R},
};
use passes::{Read, room};

const LOG_LEN: u32 = 14;
const LEN: usize = 1 << LOG_LEN;

/// Integers in units of r, as the module promises: before the levels and after them.
const BEFORE: f64 = 3.5;
const AFTER: f64 = 60.0;

/// In floating point, which rounds 2r − 1 to 2.
fn moduli(x: &Integer) -> f64 {
    let float = |x: &[u64]| x.iter().rev().fold(0.0, |sum, limb| sum * 2f64.powi(64) + *limb as f64);
    float(x) / float(&R::M)
}

fn residue(x: &Integer) -> Fr {
    Fr::from_le_bytes_mod_order(x.map(u64::to_le_bytes).as_flattened())
}

/// x + k·r.
fn lifted(x: Fr, k: u64) -> Integer {
    let mut out = [0; 5];
    let mut carry = 0u128;
    for (i, out) in out.iter_mut().enumerate() {
        let [x, r] = [x.into_bigint().0.get(i), R::M.get(i)].map(|limb| limb.map_or(0, |x| u128::from(*x)));
        carry += x + u128::from(k) * r;
        (*out, carry) = (carry as u64, carry >> 64);
    }
    out
}

/// The transform by its definition, split in even and odd places.
fn expected(x: &[Fr], root: Fr) -> Vec<Fr> {
    if let [x] = x {
        return vec![*x];
    }
    let half = |first: usize| x.iter().skip(first).step_by(2).copied().collect::<Vec<_>>();
    let (even, odd) = (expected(&half(0), root.square()), expected(&half(1), root.square()));
    let mut power = Fr::ONE;
    let mut out = vec![Fr::ZERO; x.len()];
    for k in 0..x.len() / 2 {
        let term = power * odd[k];
        (out[k], out[k + x.len() / 2]) = (even[k] + term, even[k] - term);
        power *= root;
    }
    out
}

struct Given<V>(Vec<V>);

impl<V: PrimeLanes> Read<V> for Given<V> {
    fn read(&self, index: usize) -> V {
        self.0[index]
    }
    fn prefetch(&self, _: usize) {}
}

/// What stands in a lane: (an element for each place, how many moduli more than the least integer).
fn given(lane: usize, place: usize) -> Integer {
    let noise = Fr::from(place as u64 * 8 + lane as u64 + 1).pow([5]).square();
    match lane {
        0 => lifted(Fr::from(0u64), 3),
        1 => lifted(-Fr::from(1u64), 2),
        2 => lifted(-Fr::from(1u64), 2 * (place as u64 % 2)),
        3 => lifted(Fr::from((1u64 << 63) - 1), 3),
        4 => lifted(Fr::from(place as u64 % 2), 3 * (1 - place as u64 % 2)),
        5 => lifted(if place == LEN - 1 { -Fr::from(1u64) } else { Fr::from(0u64) }, 2),
        _ => lifted(noise, lane as u64 % 2 * 2),
    }
}

struct Deepest {
    instructions: Instructions,
    coset: bool,
}

impl Kernel for Deepest {
    type Output = ();

    fn run<B: Backend>(self) {
        let Self { instructions, coset } = self;
        let shape = Shape { log_n: 2 * LOG_LEN - 1, inverse: false, coset };
        let levels = Levels::new(instructions, shape, LOG_LEN, coset);
        let unreduced = B::Fr::ROOM > 2;
        let vectors: Vec<B::Fr> = (0..LEN)
            .map(|place| {
                let integers: [Integer; LANES] = core::array::from_fn(|lane| {
                    let x = given(lane, place);
                    assert!(moduli(&x) < BEFORE);
                    if unreduced { x } else { lifted(residue(&x), 1) }
                });
                B::Fr::from_integers(&integers)
            })
            .collect();
        let mut scratch: Vec<Line> = Vec::new();
        let mut out = room::<B::Fr>(&mut scratch, LEN);
        levels.run::<B::Fr>(&mut out, &Given(vectors));
        let got: Vec<[Integer; LANES]> =
            (0..LEN).map(|place| out.get::<B::Fr>(place).carried().integers()).collect();

        let greatest = got.iter().flatten().map(moduli).fold(0.0, f64::max);
        assert!(greatest <= if unreduced { AFTER } else { 2.0 }, "{greatest} moduli");
        // Every difference adds 4 moduli, less a product that is a modulus or more where it is one of zeros that are not the integer 0.
        let reached = BEFORE + 3.0 * f64::from(LOG_LEN);
        assert!(!unreduced || greatest > reached - 2.0, "{greatest} moduli at most: the bound is not tried");

        let (root, shift) = (Fr::from(shape.root(LOG_LEN)), Fr::from(shape.root(LOG_LEN + 1)));
        for lane in 0..LANES {
            let mut power = Fr::ONE;
            let values: Vec<Fr> = (0..LEN)
                .map(|place| {
                    let value = residue(&given(lane, place)) * power;
                    if coset {
                        power *= shift;
                    }
                    value
                })
                .collect();
            for (place, (got, expected)) in got.iter().zip(expected(&values, root)).enumerate() {
                assert_eq!(residue(&got[lane]), expected, "lane {lane}, place {place}, coset {coset}");
            }
        }
    }
}

#[test]
fn fourteen_levels_stay_in_range() {
    for instructions in Instructions::all() {
        for coset in [false, true] {
            instructions.run(Deepest { instructions, coset });
        }
    }
}
