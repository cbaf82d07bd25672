//! How fast an engine is, as seen so far.

use std::{collections::HashMap, time::Duration};

use crate::{Group, JobKind};

/// Jobs whose time grows with the same measure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Class {
    MsmG1,
    MsmG2,
    Ntt,
    Rows,
}

fn class(kind: &JobKind) -> Class {
    match kind {
        JobKind::Msm { group: Group::G1, .. } => Class::MsmG1,
        JobKind::Msm { group: Group::G2, .. } => Class::MsmG2,
        JobKind::Ntt { .. } => Class::Ntt,
        JobKind::Rows { .. } => Class::Rows,
    }
}

/// The measure that a job's time grows with: points, values times their logarithm, rows; at least 1.
pub(super) fn work(kind: &JobKind) -> f64 {
    let work = match kind {
        JobKind::Msm { points, .. } => *points as f64,
        JobKind::Ntt { log_n, .. } => f64::from(*log_n) * f64::from(*log_n).exp2(),
        JobKind::Rows { rows } => *rows as f64,
    };
    work.max(1.0)
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
