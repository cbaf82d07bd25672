//! What a proof holds at its fullest, before it is begun.
//!
//! ```text
//! rows          w, a, b
//! transforms    w, a, b, c, tables; jobs in flight: transforms, or one and sums
//! a·b − c       w, a·b, c, tables; sums in flight, or what transforms left
//! sums          w, h, tables, sums in flight, the witness without its public part for the sum over L
//! ```

use millrace_groth16::KeyHeader;
use millrace_job::{Group, JobKind, NttDirection};

/// What an engine takes for its jobs, in bytes.
pub struct WorkingMemory<'a> {
    /// Jobs in flight.
    pub jobs: usize,
    /// Of a job, beside inputs and answer.
    pub of_job: &'a dyn Fn(&JobKind) -> u64,
    /// Tables of transforms that are in memory while `n` transforms are in flight.
    pub tables: &'a dyn Fn(usize) -> u64,
}

/// An upper bound on the memory of a proof, without the mapped key and what the process has anyway; all of it on one engine.
pub fn proof_bytes(header: &KeyHeader, engine: &WorkingMemory<'_>) -> u64 {
    let (vars, domain) = (header.n_vars as usize, header.domain_size as usize);
    let (witness, vector) = (32 * vars as u64, 32 * domain as u64);
    let of = engine.of_job;
    let sum = |points, group| of(&JobKind::Msm { group, points });
    let sum = sum(vars, Group::G2).max(sum(vars, Group::G1)).max(sum(domain, Group::G1));
    let transform =
        of(&JobKind::Ntt { log_n: domain.ilog2(), direction: NttDirection::Forward, coset: true });
    let jobs = engine.jobs as u64;
    let others = (jobs - 1) * sum;

    let rows = 2 * vector + of(&JobKind::Rows { rows: domain }) + others;
    let transforms =
        |n: usize| 3 * vector + (engine.tables)(n) + n as u64 * transform + (jobs - n as u64) * sum;
    let transforms = (1..=engine.jobs).map(transforms).max().unwrap_or(0);
    let combined =
        3 * vector + (engine.tables)(0) + (transform + others).max(jobs * sum).max(jobs * transform);
    let private = (vars - header.n_public as usize - 1) as u64;
    let sums = vector + (engine.tables)(0) + jobs * sum + 32 * private;
    witness + rows.max(transforms).max(combined).max(sums)
}
