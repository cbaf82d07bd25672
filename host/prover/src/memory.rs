//! What a proof holds at its fullest, before it is begun.
//!
//! ```text
//! rows          w, a, b
//! transforms    w, a, b, c, tables; jobs in flight: transforms, or one and sums
//! a·b − c       w, a·b, c, tables; sums in flight, or what transforms left
//! sums          w, h, tables, sums in flight
//! ```
//!
//! Where jobs leave their memory to the next ones, it is all of these together, of three vectors beside the witness.
//!
//! For the sum over L of a `.zkey`, the witness without its public part is copied; an imported key has a base for each signal.

use millrace_groth16::ProvingKey;
use millrace_job::{Group, JobKind, NttDirection};

/// What an engine takes for its jobs, in bytes.
pub struct WorkingMemory<'a> {
    /// Jobs in flight.
    pub jobs: usize,
    /// Of a job, beside inputs and answer.
    pub of_job: &'a dyn Fn(&JobKind) -> u64,
    /// Whether jobs over so many values as the key has leave their memory to the next ones.
    pub kept: bool,
    /// Tables of transforms that are in memory while `n` transforms are in flight.
    pub tables: &'a dyn Fn(usize) -> u64,
}

/// An upper bound on the memory of a proof, without the mapped key and what the process has anyway; all of it on one engine.
pub fn proof_bytes(key: &ProvingKey, engine: &WorkingMemory<'_>) -> u64 {
    let header = key.header();
    let (vars, domain) = (header.n_vars as usize, header.domain_size as usize);
    let (witness, vector) = (32 * vars as u64, 32 * domain as u64);
    let of_sum = |points, group| (engine.of_job)(&JobKind::Msm { group, points });
    let private = vars - header.n_public as usize - 1;
    let copy = if key.origin().is_some() { 0 } else { 32 * private as u64 };
    let signals = of_sum(vars, Group::G1);
    // The greatest sum, and the greatest beside it: there is one over G2, and one over L.
    let mut sums = [of_sum(vars, Group::G2), signals + copy, signals.max(of_sum(domain, Group::G1))];
    sums.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    let sums = |n: usize| sums.iter().take(n).sum::<u64>() + sums[2] * n.saturating_sub(3) as u64;
    let transform = JobKind::Ntt { log_n: domain.ilog2(), direction: NttDirection::Forward, coset: true };
    let transform = (engine.of_job)(&transform);
    let (jobs, tables) = (engine.jobs, engine.tables);

    if engine.kept {
        // What one kind of job left stays while another runs; sums of all three sizes may have run at a time with another of them.
        let rows = (engine.of_job)(&JobKind::Rows { rows: domain });
        return witness + 3 * vector + tables(jobs) + rows + jobs as u64 * transform + sums(jobs + 1);
    }
    let rows = 2 * vector + (engine.of_job)(&JobKind::Rows { rows: domain }) + sums(jobs - 1);
    let transforms = |n: usize| 3 * vector + tables(n) + n as u64 * transform + sums(jobs - n);
    let transforms = (1..=jobs).map(transforms).max().unwrap_or(0);
    let left = |n: usize| n as u64 * transform + sums(jobs - n);
    let combined = 2 * vector + tables(0) + (0..=jobs).map(left).max().unwrap_or(0);
    let last = vector + tables(0) + sums(jobs);
    witness + rows.max(transforms).max(combined).max(last)
}
