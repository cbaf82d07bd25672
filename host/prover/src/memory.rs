//! What a proof holds at its fullest, before it is begun.
//!
//! ```text
//! rows          w, a, b, sums in flight
//! quotient      w, a, b, its memory, tables, sums in flight
//! sums          w, h, tables, sums in flight
//! ```
//!
//! Where jobs leave their memory to the next ones, it is all of these together.

use millrace_groth16::ProvingKey;
use millrace_job::{Group, JobKind};

/// What of a circuit a proof's memory depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitSize {
    /// Signals, the constant included.
    pub signals: usize,
    /// Length of the domain, a power of two.
    pub domain: usize,
}

impl From<&ProvingKey> for CircuitSize {
    fn from(key: &ProvingKey) -> Self {
        let header = key.header();
        Self { signals: header.n_vars as usize, domain: header.domain_size as usize }
    }
}

/// What an engine takes for its jobs, in bytes.
pub struct WorkingMemory<'a> {
    /// Jobs in flight.
    pub jobs: usize,
    /// Of a job, beside inputs and answer.
    pub of_job: &'a dyn Fn(&JobKind) -> u64,
    /// Where jobs over so many values as the key has leave their memory to the next ones: how much of it a sum leaves beside what those have that run.
    pub left_of: Option<&'a dyn Fn(&JobKind) -> u64>,
    /// Tables of transforms that are in memory while a quotient is made.
    pub tables: u64,
    /// Of these, what stays.
    pub tables_kept: u64,
}

/// An upper bound on the memory of a proof, without the mapped key and what the process has anyway; all of it on one engine.
pub fn proof_bytes(circuit: CircuitSize, engine: &WorkingMemory<'_>) -> u64 {
    let CircuitSize { signals: vars, domain } = circuit;
    let (witness, vector) = (32 * vars as u64, 32 * domain as u64);
    let sum_bytes = |points, group| (engine.of_job)(&JobKind::Msm { group, points });
    let [g2, signals, largest] = [(vars, Group::G2), (vars, Group::G1), (vars.max(domain), Group::G1)];
    let [of_g2, of_signals, of_largest] =
        [g2, signals, largest].map(|(points, group)| sum_bytes(points, group));
    // The greatest sums that run at a time: there is one over G2, and one over L.
    let sums = |n: usize, all: &mut [u64; 3]| {
        all.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
        all.iter().take(n).sum::<u64>() + all[2] * n.saturating_sub(3) as u64
    };
    let rows = (engine.of_job)(&JobKind::Rows { rows: domain });
    let quotient = (engine.of_job)(&JobKind::Quotient { log_n: domain.ilog2() });
    let WorkingMemory { jobs, tables, tables_kept, .. } = *engine;

    if let Some(left_of) = engine.left_of {
        // What one kind of job left stays while another runs; sums of all three sizes may have run at a time with another of them, and over G1 that of the largest serves the others.
        let [left_of_g2, left_of_g1] =
            [g2, largest].map(|(points, group)| left_of(&JobKind::Msm { group, points }));
        let mut more = [(of_g2, left_of_g2), (of_largest, left_of_g1), (of_largest, left_of_g1)]
            .map(|(running, left)| running.saturating_sub(left));
        let left = left_of_g2 + jobs as u64 * left_of_g1;
        return witness + 3 * vector + tables + rows + quotient + left + sums(jobs, &mut more);
    }
    let sums = |n| sums(n, &mut [of_g2, of_signals, of_largest]);
    let rows = 2 * vector + rows + sums(jobs - 1);
    let quotient = 2 * vector + quotient + tables + sums(jobs - 1);
    let last = vector + tables_kept + sums(jobs);
    witness + rows.max(quotient).max(last)
}
