//! How fast an engine is, as seen so far.

use std::{collections::HashMap, time::Duration};

use crate::{Group, JobKind};

/// Jobs whose time grows with the same measure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Class {
    MsmG1,
    MsmG2,
    Ntt,
    Quotient,
    Rows,
}

fn class(kind: &JobKind) -> Class {
    match kind {
        JobKind::Msm { group: Group::G1, .. } => Class::MsmG1,
        JobKind::Msm { group: Group::G2, .. } => Class::MsmG2,
        JobKind::Ntt { .. } => Class::Ntt,
        JobKind::Quotient { .. } => Class::Quotient,
        JobKind::Rows { .. } => Class::Rows,
    }
}

/// The measure that a job's time grows with: points, values times their logarithm, rows; at least 1.
pub(super) fn work(kind: &JobKind) -> f64 {
    let work = match kind {
        JobKind::Msm { points, .. } => *points as f64,
        JobKind::Ntt { log_n, .. } | JobKind::Quotient { log_n } => {
            f64::from(*log_n) * f64::from(*log_n).exp2()
        }
        JobKind::Rows { rows } => *rows as f64,
    };
    work.max(1.0)
}

/// An engine whose share of a job would be less gets none of it: a part that is too small costs more than it brings.
const SHARE_LEAST: f64 = 0.05;

/// Weights for sharing a job among engines of these rates; one that nobody has measured counts as fast as the fastest.
pub(super) fn shares(rates: &[Option<f64>]) -> Vec<f64> {
    let fastest = rates.iter().flatten().copied().fold(0.0, f64::max);
    let weights: Vec<f64> = rates.iter().map(|rate| rate.unwrap_or(fastest)).collect();
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        // Nobody was measured.
        return vec![1.0; rates.len().max(1)];
    }
    weights.into_iter().filter(|weight| weight / total > SHARE_LEAST).collect()
}

/// Work a second for each class of jobs.
#[derive(Default)]
pub(super) struct Rates(HashMap<Class, f64>);

impl Rates {
    /// Takes a job into account that took so long: the newest measurement counts half.
    pub(super) fn record(&mut self, kind: &JobKind, took: Duration) {
        let rate = work(kind) / took.as_secs_f64().max(1e-9);
        self.0.entry(class(kind)).and_modify(|old| *old = f64::midpoint(*old, rate)).or_insert(rate);
    }

    pub(super) fn get(&self, kind: &JobKind) -> Option<f64> {
        self.0.get(&class(kind)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_follow_the_rates() {
        assert_eq!(shares(&[]), [1.0], "the job itself will say what is wrong");
        assert_eq!(shares(&[None, None, None]), [1.0; 3]);
        assert_eq!(shares(&[Some(7.0), None]), [7.0, 7.0]);
        assert_eq!(shares(&[Some(7.0), Some(3.0)]), [7.0, 3.0]);
        assert_eq!(shares(&[Some(100.0), Some(1.0)]), [100.0], "too slow for a part");
    }
}
