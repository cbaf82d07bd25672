//! Transforms of 2^k values, natural order on both sides.
//!
//! Forward: the values are read in bit-reversed order, then every level joins two transforms of half the length
//! (decimation in time): with E, O the transforms of the even and the odd coefficients at the squares of the points,
//! X(p) = E(p²) + p·O(p²) and X(−p) = E(p²) − p·O(p²). Inverse: each level undone, last first; the very last multiplies
//! by 1/n as well.
//!
//! The coset costs nothing: level m has the points g^(n/m)·ω_m^k, and as g = ω_2n these are ω_2m^(2k+1), odd powers in
//! place of even ones. So only the factors differ, and there is a table of them for each direction, coset and size.
//!
//! Levels are entered depth first, so that lengths which fit a cache are finished there, and halves go to different threads.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use millrace_bn254::{Fr, field::Field, mont::FrLazy};
use millrace_job::{CancelToken, EngineError, NttDirection};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Largest transform: r − 1 holds 2^28, and the coset needs a root of twice the order.
pub(crate) const MAX_LOG_N: u32 = 27;
/// Below this length a level or a half is not worth a task of its own.
const SERIAL: usize = 1 << 10;
/// Tables kept.
const TABLES: usize = 6;

/// Which factors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shape {
    log_n: u32,
    inverse: bool,
    coset: bool,
}

/// The factors of level m (m = 2, 4, …, n) at m/2 − 1 .. m − 1.
type Table = Arc<Vec<FrLazy>>;

/// The factor tables last used.
#[derive(Default)]
pub(crate) struct Tables(Mutex<VecDeque<(Shape, Table)>>);

impl Tables {
    fn get(&self, shape: Shape) -> Table {
        let find = |tables: &VecDeque<(Shape, Table)>| {
            tables.iter().find(|(of, _)| *of == shape).map(|(_, table)| table.clone())
        };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = find(&lock()) {
            return table;
        }
        let table = Arc::new(factors(shape));
        let mut tables = lock();
        if let Some(table) = find(&tables) {
            return table;
        }
        tables.push_front((shape, table.clone()));
        tables.truncate(TABLES);
        table
    }
}

/// 5^((r−1)/2^log_n).
fn root_of_unity(log_n: u32) -> FrLazy {
    // 5^((r−1)/2^28), of order 2^28.
    const ROOT: [u64; 4] = [0x9bd61b6e725b19f0, 0x402d111e41112ed4, 0x00e0a7eb8ef62abc, 0x2a3c09f0a58a7e85];
    let mut root = FrLazy::from_canonical(&millrace_bn254::FrCanonical::from_limbs(ROOT));
    for _ in log_n..28 {
        root = root.square();
    }
    root
}

/// The powers first, first·step, first·step², …, in parallel.
fn powers(first: FrLazy, step: FrLazy, out: &mut [FrLazy]) {
    out.par_chunks_mut(SERIAL).enumerate().for_each(|(number, chunk)| {
        let mut power = first;
        let (mut square, mut exponent) = (step, number * SERIAL);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = power.mul(square);
            }
            (square, exponent) = (square.square(), exponent >> 1);
        }
        for value in chunk {
            *value = power;
            power = power.mul(step);
        }
    });
}

fn factors(shape: Shape) -> Vec<FrLazy> {
    let mut table = vec![FrLazy::ZERO; (1usize << shape.log_n) - 1];
    for level in 1..=shape.log_n {
        let turn = |x: FrLazy| if shape.inverse { x.invert() } else { x };
        let (step, half) = (turn(root_of_unity(level)), 1usize << (level - 1));
        let first = if shape.coset { turn(root_of_unity(level + 1)) } else { FrLazy::ONE };
        powers(first, step, &mut table[half - 1..2 * half - 1]);
    }
    table
}

fn reversed(i: usize, log_n: u32) -> usize {
    if log_n == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - log_n) }
}

/// One level: pairs (a, b) of both halves become (a + p·b, a − p·b).
fn join(low: &mut [FrLazy], high: &mut [FrLazy], factors: &[FrLazy]) {
    for ((a, b), p) in low.iter_mut().zip(high).zip(factors) {
        let product = b.mul(*p);
        (*a, *b) = (a.add(product), a.sub(product));
    }
}

/// A level undone but for a factor of 2: (a, b) become (a + b, (a − b)·p).
fn part(low: &mut [FrLazy], high: &mut [FrLazy], factors: &[FrLazy]) {
    for ((a, b), p) in low.iter_mut().zip(high).zip(factors) {
        let difference = a.sub(*b);
        (*a, *b) = (a.add(*b), difference.mul(*p));
    }
}

/// Applies `level` to both halves of `x`, in parallel where they are long.
fn halves(x: &mut [FrLazy], table: &[FrLazy], level: fn(&mut [FrLazy], &mut [FrLazy], &[FrLazy])) {
    let half = x.len() / 2;
    let factors = &table[half - 1..2 * half - 1];
    let (low, high) = x.split_at_mut(half);
    if half < 2 * SERIAL {
        return level(low, high, factors);
    }
    let chunks = low.par_chunks_mut(SERIAL).zip(high.par_chunks_mut(SERIAL)).zip(factors.par_chunks(SERIAL));
    chunks.for_each(|((low, high), factors)| level(low, high, factors));
}

fn forward(x: &mut [FrLazy], table: &[FrLazy]) {
    if x.len() > 2 {
        in_halves(x, |half| forward(half, table));
    }
    halves(x, table, join);
}

/// `last` holds what the two results of the last level are multiplied by: the scale, and the scale times the factor.
fn inverse(x: &mut [FrLazy], table: &[FrLazy], last: &[FrLazy; 2]) {
    if let [a, b] = x {
        (*a, *b) = (a.add(*b).mul(last[0]), a.sub(*b).mul(last[1]));
        return;
    }
    halves(x, table, part);
    in_halves(x, |half| inverse(half, table, last));
}

/// Does both halves of `x`, on different threads where they are long.
fn in_halves(x: &mut [FrLazy], next: impl Fn(&mut [FrLazy]) + Sync) {
    let parallel = x.len() > 2 * SERIAL;
    let (low, high) = x.split_at_mut(x.len() / 2);
    if parallel {
        rayon::join(|| next(low), || next(high));
    } else {
        next(low);
        next(high);
    }
}

/// Transforms 2^log_n values, `log_n` ≤ [`MAX_LOG_N`], on the current thread pool. Wipes what it was given and what it
/// worked on: both come from a witness.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub(crate) fn transform(
    tables: &Tables,
    direction: NttDirection,
    coset: bool,
    mut values: Vec<Fr>,
    cancel: &CancelToken,
) -> Result<Vec<Fr>, EngineError> {
    let (n, log_n) = (values.len(), values.len().ilog2());
    let table = tables.get(Shape { log_n, inverse: direction == NttDirection::Inverse, coset });
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let positions = (0..n).into_par_iter().with_min_len(SERIAL);
    Ok(match direction {
        NttDirection::Forward => {
            let mut x: Vec<FrLazy> = positions.map(|i| values[reversed(i, log_n)].into()).collect();
            values.iter_mut().zeroize();
            drop(values);
            if n > 1 {
                forward(&mut x, &table);
            }
            let values = x.par_iter().with_min_len(SERIAL).map(|value| Fr::from(*value)).collect();
            x.iter_mut().zeroize();
            values
        }
        NttDirection::Inverse => {
            let mut x: Vec<FrLazy> =
                values.par_iter().with_min_len(SERIAL).map(|value| FrLazy::from(*value)).collect();
            values.iter_mut().zeroize();
            drop(values);
            if n > 1 {
                let scale = FrLazy::from(Fr::from(n as u64)).invert();
                inverse(&mut x, &table, &[scale, scale.mul(table[0])]);
            }
            let values = positions.map(|i| x[reversed(i, log_n)].into()).collect();
            x.iter_mut().zeroize();
            values
        }
    })
}
