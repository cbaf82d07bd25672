//! A transform that is too long for an engine, out of shorter ones.
//!
//! n = n₁·n₂, where n₂ is the longest that the engine takes. With input index i = i₁ + n₁·i₂ and output index o = o₂ + n₂·o₁:
//!
//! 1. the host takes every n₁-th value: n₁ vectors of n₂ values;
//! 2. the engine transforms each of them (n₁ jobs);
//! 3. the host multiplies value o₂ of vector i₁ by ω_n^(i₁·o₂);
//! 4. the host transforms over i₁ (n₂ short transforms of n₁ values), and o₁ comes out.
//!
//! Coset shift: going forward, ω_2n^(i₁ + n₁·i₂) = ω_2n^(i₁) · ω_2n₂^(i₂), so the engine's own coset shift does the second
//! factor and step 3 the first. Going back, ω_2n^(−o₂ − n₂·o₁) has no factor of the engine's form, and the host does both.

use ark_ff::{AdditiveGroup, FftField, Field};
use millrace_bn254::Fr;
use rayon::prelude::*;

use crate::{
    Engine, EngineSlot, JobGraph, JobKind, JobSpec, NttDirection, Port, StepError, Value, wipe_values,
};

/// The transform to be made.
#[derive(Clone, Copy, Debug)]
pub struct Transform {
    /// Direction.
    pub direction: NttDirection,
    /// Whether the coset shift is applied.
    pub coset: bool,
    /// log₂ of the length.
    pub log_n: u32,
}

impl Transform {
    fn kind(&self, log_n: u32) -> JobKind {
        JobKind::Ntt { log_n, direction: self.direction, coset: self.coset }
    }

    /// log₂ of the longest part that the engine takes, at most that of the whole; `None` if it takes none of at least two values.
    pub fn limit(&self, engine: &dyn Engine) -> Option<u32> {
        (1..=self.log_n).rev().find(|log_n| engine.supports(&self.kind(*log_n)))
    }
}

/// Adds `transform` of `values` to the graph: one job if `limit` allows, else four steps with jobs of 2^`limit` values.
///
/// # Panics
/// If `limit` is 0, or as [`JobGraph::job`].
pub fn add(
    graph: &mut JobGraph<'_>,
    label: &str,
    slot: EngineSlot,
    transform: Transform,
    limit: u32,
    values: Port,
) -> Port {
    assert!(limit > 0, "{label}: an engine that transforms nothing");
    let Transform { direction, coset, log_n } = transform;
    if log_n <= limit {
        return graph.job(label, slot, JobSpec::Ntt { direction, coset, log_n, values });
    }
    let log_n1 = log_n - limit;
    let n1 = 1usize << log_n1;
    let parts = graph.host(format!("{label} cut"), &[values], n1, move |mut values| {
        let mut all = only(&mut values)?.into_values()?;
        let cut =
            (0..n1).map(|i1| Value::Values(all.iter().skip(i1).step_by(n1).copied().collect())).collect();
        wipe_values(&mut all);
        Ok(cut)
    });
    let inner = matches!(direction, NttDirection::Forward) && coset;
    let parts: Vec<_> = parts
        .into_iter()
        .enumerate()
        .map(|(i1, values)| {
            let spec = JobSpec::Ntt { direction, coset: inner, log_n: limit, values };
            graph.job(format!("{label} {}/{n1}", i1 + 1), slot, spec)
        })
        .collect();
    graph.host(format!("{label} join"), &parts, 1, move |values| {
        let parts = values.into_iter().map(Value::into_values).collect::<Result<Vec<_>, _>>()?;
        Ok(vec![Value::Values(join(transform, parts)?)])
    })[0]
}

fn only(values: &mut Vec<Value>) -> Result<Value, StepError> {
    values.pop().ok_or_else(|| StepError("a step without its input".to_owned()))
}

/// ω = 5^((r−1)/2^log), or its inverse.
fn root(log: u32, direction: NttDirection) -> Fr {
    let mut root = Fr::TWO_ADIC_ROOT_OF_UNITY;
    for _ in log..Fr::TWO_ADICITY {
        root.square_in_place();
    }
    match direction {
        NttDirection::Forward => root,
        NttDirection::Inverse => root.inverse().expect("a root of unity is not zero"),
    }
}

/// Steps 3 and 4.
fn join(transform: Transform, mut parts: Vec<Vec<Fr>>) -> Result<Vec<Fr>, StepError> {
    let Transform { direction, coset, log_n } = transform;
    let (n1, n2) = (parts.len(), parts.first().map_or(0, Vec::len));
    if n1 * n2 != 1 << log_n || parts.iter().any(|p| p.len() != n2) {
        return Err(StepError(format!("{n1} parts of {n2} values do not make 2^{log_n}")));
    }
    let (omega, shift) = (root(log_n, direction), root(log_n + 1, direction));
    let forward_shift = if coset && direction == NttDirection::Forward { shift } else { Fr::ONE };
    let inverse_shift =
        (coset && direction == NttDirection::Inverse).then(|| (shift, shift.pow([n2 as u64])));
    let short = root(n1.ilog2(), direction);
    let scale = match direction {
        NttDirection::Forward => Fr::ONE,
        NttDirection::Inverse => Fr::from(n1 as u64).inverse().expect("n1 is a power of two below r"),
    };

    let mut columns = vec![Fr::ZERO; n1 * n2];
    columns.par_chunks_exact_mut(n1).enumerate().for_each(|(o2, column)| {
        let step = omega.pow([o2 as u64]) * forward_shift;
        let mut factor = scale;
        for (x, part) in column.iter_mut().zip(&parts) {
            *x = part[o2] * factor;
            factor *= step;
        }
        short_transform(column, short);
        if let Some((one, row)) = inverse_shift {
            let mut factor = one.pow([o2 as u64]);
            for x in column {
                *x *= factor;
                factor *= row;
            }
        }
    });
    parts.iter_mut().for_each(|p| wipe_values(p));
    let mut out = vec![Fr::ZERO; n1 * n2];
    out.par_chunks_exact_mut(n2).enumerate().for_each(|(o1, row)| {
        for (o2, x) in row.iter_mut().enumerate() {
            *x = columns[o2 * n1 + o1];
        }
    });
    wipe_values(&mut columns);
    Ok(out)
}

/// X\[k\] = Σ x\[j\] ω^(jk) in place, natural order on both sides; the length is a power of two and ω has that order.
fn short_transform(x: &mut [Fr], omega: Fr) {
    let n = x.len();
    let log_n = n.ilog2();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - log_n.max(1));
        if log_n > 0 && i < j {
            x.swap(i, j);
        }
    }
    let mut half = 1;
    while half < n {
        let step = omega.pow([(n / (2 * half)) as u64]);
        for block in x.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            let mut w = Fr::ONE;
            for (a, b) in low.iter_mut().zip(high) {
                let t = *b * w;
                (*a, *b) = (*a + t, *a - t);
                w *= step;
            }
        }
        half *= 2;
    }
}
