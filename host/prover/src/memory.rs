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
    /// Whether jobs over so many values as the key has leave their memory to the next ones.
    pub kept: bool,
    /// Tables of transforms that are in memory while a quotient is made.
    pub tables: u64,
    /// Of these, what stays.
    pub tables_kept: u64,
}

/// An upper bound on the memory of a proof, without the mapped key and what the process has anyway; all of it on one engine.
pub fn proof_bytes(circuit: CircuitSize, engine: &WorkingMemory<'_>) -> u64 {
    let CircuitSize { signals: vars, domain } = circuit;
    let (witness, vector) = (32 * vars as u64, 32 * domain as u64);
    let of_sum = |points, group| (engine.of_job)(&JobKind::Msm { group, points });
    let signals = of_sum(vars, Group::G1);
    // The greatest sum, and the greatest beside it: there is one over G2, and one over L.
    let largest = signals.max(of_sum(domain, Group::G1));
    // Where memory is kept, that of the largest serves the others.
    let mut sums = [of_sum(vars, Group::G2), if engine.kept { largest } else { signals }, largest];
    sums.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    let sums = |n: usize| sums.iter().take(n).sum::<u64>() + sums[2] * n.saturating_sub(3) as u64;
    let rows = (engine.of_job)(&JobKind::Rows { rows: domain });
    let quotient = (engine.of_job)(&JobKind::Quotient { log_n: domain.ilog2() });
    let WorkingMemory { jobs, tables, tables_kept, .. } = *engine;

    if engine.kept {
        // What one kind of job left stays while another runs; sums of all three sizes may have run at a time with another of them.
        return witness + 3 * vector + tables + rows + quotient + sums(jobs + 1);
    }
    let rows = 2 * vector + rows + sums(jobs - 1);
    let quotient = 2 * vector + quotient + tables + sums(jobs - 1);
    let last = vector + tables_kept + sums(jobs);
    witness + rows.max(quotient).max(last)
}
