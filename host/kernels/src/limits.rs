//! Memory for speed, or speed for memory.
//!
//! The bytes here are upper bounds of what a job of the CPU engine takes beside its inputs and answers. `host/cli/tests/memory.rs` holds
//! whole proofs to them.

use millrace_job::{Group, JobKind};

use crate::msm::{kept_sum_bytes, left_bytes, sum_bytes};

/// How much a [`CpuEngine`](crate::CpuEngine) keeps in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Jobs at once: 2 fill each other's gaps, 1 takes the memory of one.
    pub jobs: usize,
    /// Points of a sum that are looked at together. Each such part weighs its buckets anew.
    pub points: usize,
    /// Whether tables of transforms stay for the next one.
    pub keep_tables: bool,
    /// Jobs over so many values or fewer leave their memory, wiped, to the next ones, which then ask the system for none.
    pub kept_values: usize,
}

/// A thread's part of a transform that it works on: the longer side of the square, eight values each, 40 bytes a value in the widest form.
const fn scratch_bytes(log_n: u32) -> u64 {
    (8 * 40) << log_n.div_ceil(2)
}

/// Rows of a point.
const fn rows_of(group: Group) -> usize {
    match group {
        Group::G1 => 1,
        Group::G2 => 2,
    }
}

impl Limits {
    /// The fastest: what a job takes is asked for once.
    pub const NONE: Self = Self { jobs: 2, points: usize::MAX, keep_tables: true, kept_values: usize::MAX };

    /// Ever less memory, from [`Limits::NONE`] on.
    pub fn ladder() -> impl Iterator<Item = Self> {
        let unkept = Self { kept_values: 0, ..Self::NONE };
        let one = Self { jobs: 1, ..unkept };
        let first = [Self::NONE, unkept, Self { keep_tables: false, ..unkept }, one];
        let parts = [usize::MAX, 1 << 19, 1 << 18, 1 << 17, 1 << 16, 1 << 15];
        first.into_iter().chain(parts.map(|points| Self { points, keep_tables: false, ..one }))
    }

    /// Most that a job takes while it runs, on so many threads, beside its inputs, its answer, and [`Limits::table_bytes`].
    pub fn working_bytes(&self, kind: &JobKind, threads: usize) -> u64 {
        let (threads, all_threads) = (threads as u64, threads);
        match *kind {
            JobKind::Msm { group, points } => {
                let rows = rows_of(group);
                let bytes = if points <= self.kept_values { kept_sum_bytes } else { sum_bytes };
                bytes(points.min(self.points), rows, all_threads) as u64
            }
            JobKind::Ntt { log_n, .. } => (32 << log_n) + threads * scratch_bytes(log_n),
            // Where nothing is kept, a goes before the third vector between passes comes. Lists of places: 2 bytes a value in the last pass, 3/4 in the one before.
            JobKind::Quotient { log_n } => {
                let vectors = if self.kept_values >= 1 << log_n { 3 } else { 2 };
                ((32 * vectors + 3) << log_n) + threads * 2 * scratch_bytes(log_n)
            }
            JobKind::Rows { rows } => 16 * rows as u64,
        }
    }

    /// What of [`Limits::working_bytes`] a sum leaves to later ones, for each that runs at a time, however many there were: no digits, which all kinds of sums share, and no windows that are
    /// wider than each thread may have. Nothing for other jobs.
    pub fn left_bytes(&self, kind: &JobKind, threads: usize) -> u64 {
        match *kind {
            JobKind::Msm { group, points } if points <= self.kept_values => {
                left_bytes(points.min(self.points), rows_of(group), threads) as u64
            }
            _ => 0,
        }
    }

    /// The table that a transform reads.
    pub fn table_bytes(log_n: u32) -> u64 {
        32 << log_n
    }
}

#[cfg(test)]
mod tests {
    use millrace_job::NttDirection;

    use super::*;

    #[test]
    fn the_ladder_goes_down() {
        let kinds = [
            JobKind::Msm { group: Group::G2, points: 1 << 20 },
            JobKind::Ntt { log_n: 20, direction: NttDirection::Forward, coset: true },
            JobKind::Quotient { log_n: 20 },
        ];
        let bytes = |limits: Limits| -> u64 {
            let tables = Limits::table_bytes(20) * (1 + u64::from(limits.keep_tables));
            limits.jobs as u64 * kinds.iter().map(|kind| limits.working_bytes(kind, 2)).max().expect("two")
                + tables
        };
        let ladder: Vec<_> = Limits::ladder().collect();
        assert_eq!(ladder[0], Limits::NONE);
        assert!(ladder.windows(2).all(|step| bytes(step[1]) <= bytes(step[0])));
    }
}
