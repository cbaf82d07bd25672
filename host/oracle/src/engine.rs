//! The oracle as an [`Engine`].

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use millrace_job::{
    BufferId, Coefficient, Engine, EngineError, Group, Job, JobKind, JobOutput, JobReport, JobValue, Lent,
    Resident, Ticket,
};

use crate::{decode, msm_g1, msm_g2, ntt, quotient, rows, sparse::unfolded};

const NAME: &str = "cpu-oracle";

/// Largest transform: r − 1 holds 2^28, and the coset shift needs one factor of two more than the transform.
const MAX_LOG_N: u32 = 27;

enum Held {
    G1(Vec<G1Affine>),
    G2(Vec<G2Affine>),
    Matrix { entries: Lent<Coefficient>, rows: usize },
}

/// Does every kind of job in the submitting thread, with plain arkworks.
#[derive(Default)]
pub struct OracleEngine {
    next: AtomicU64,
    held: Mutex<HashMap<BufferId, Arc<Held>>>,
    done: Mutex<HashMap<u64, Result<JobOutput, EngineError>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bad(expected: impl Into<String>, got: impl Into<String>) -> EngineError {
    EngineError::BadJob { engine: NAME.into(), expected: expected.into(), got: got.into() }
}

impl OracleEngine {
    /// An engine with nothing resident.
    pub fn new() -> Self {
        Self::default()
    }

    fn fresh(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn buffer(&self, id: BufferId) -> Result<Arc<Held>, EngineError> {
        lock(&self.held).get(&id).cloned().ok_or_else(|| bad("a resident buffer", format!("{id:?}")))
    }

    fn compute(&self, job: Job) -> Result<JobValue, EngineError> {
        match job {
            Job::Msm { group, bases, range, scalars } => {
                let scalars = decoded(scalars.iter().map(|k| &k.0), "scalar")?;
                match (group, &*self.buffer(bases)?) {
                    (Group::G1, Held::G1(all)) => {
                        Ok(JobValue::G1(msm_g1(part(all, range, scalars.len())?, &scalars).into_affine()))
                    }
                    (Group::G2, Held::G2(all)) => {
                        Ok(JobValue::G2(msm_g2(part(all, range, scalars.len())?, &scalars).into_affine()))
                    }
                    _ => Err(bad(format!("bases of {group:?}"), "a buffer of another kind")),
                }
            }
            Job::Ntt { direction, coset, mut values } => {
                if !values.len().is_power_of_two() || values.len() > 1 << MAX_LOG_N {
                    return Err(bad(
                        format!("a power of two of values, up to 2^{MAX_LOG_N}"),
                        values.len().to_string(),
                    ));
                }
                ntt(&mut values, direction, coset);
                Ok(JobValue::Values(values))
            }
            Job::Quotient { a, b } => {
                if !a.len().is_power_of_two() || a.len() > 1 << MAX_LOG_N || a.len() != b.len() {
                    let expected = format!("a power of two of values twice, up to 2^{MAX_LOG_N}");
                    return Err(bad(expected, format!("{} and {}", a.len(), b.len())));
                }
                Ok(JobValue::Scalars(quotient(a, b).into_iter().map(decode::encoded).collect()))
            }
            Job::Rows { matrix, witness } => {
                let witness = decoded(witness.iter().map(|k| &k.0), "witness value")?;
                let Held::Matrix { entries, rows: count } = &*self.buffer(matrix)? else {
                    return Err(bad("a matrix", "a buffer of another kind"));
                };
                let (a, b) = rows(entries.as_slice(), *count, &witness).map_err(|index| {
                    bad("coefficients within the matrix and the witness", format!("coefficient {index}"))
                })?;
                Ok(JobValue::Rows { a, b })
            }
        }
    }
}

fn decoded<'a>(
    values: impl Iterator<Item = &'a [u8; 32]>,
    what: &'static str,
) -> Result<Vec<Fr>, EngineError> {
    let values = values.enumerate();
    values
        .map(|(i, bytes)| decode::canonical(bytes).ok_or(EngineError::BadValue { what, position: i as u64 }))
        .collect()
}

fn part<T>(all: &[T], range: Range<usize>, scalars: usize) -> Result<&[T], EngineError> {
    let part = all
        .get(range.clone())
        .ok_or_else(|| bad(format!("a range within {} bases", all.len()), format!("{range:?}")))?;
    if part.len() != scalars {
        return Err(bad(format!("{} scalars", part.len()), scalars.to_string()));
    }
    Ok(part)
}

impl Engine for OracleEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn supports(&self, _kind: &JobKind) -> bool {
        true
    }

    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        fn points<P, T>(all: &[P], decode: impl Fn(&P) -> Option<T>) -> Result<Vec<T>, EngineError> {
            let points = all.iter().enumerate();
            points
                .map(|(i, p)| {
                    decode(p).ok_or(EngineError::BadValue { what: "coordinate", position: i as u64 })
                })
                .collect()
        }
        let held = match data {
            Resident::G1(bases) => Held::G1(points(bases.as_slice(), |p| decode::g1(&p.0))?),
            Resident::G2(bases) => Held::G2(points(bases.as_slice(), |p| decode::g2(&p.0))?),
            Resident::Matrix { entries, rows } => Held::Matrix { entries, rows },
            Resident::Rows(by_row) => {
                let rows = by_row.rows();
                let bad = |index| bad("rows within the terms and the values", format!("row {index}"));
                Held::Matrix { entries: unfolded(&by_row).map_err(bad)?.into(), rows }
            }
        };
        let id = BufferId(self.fresh());
        lock(&self.held).insert(id, Arc::new(held));
        Ok(id)
    }

    fn unload(&self, id: BufferId) {
        lock(&self.held).remove(&id);
    }

    /// Computes at once; nothing is left to wait for.
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        let (kind, start) = (job.kind(), Instant::now());
        let outcome = self.compute(job).map(|value| {
            let kind = match &value {
                JobValue::Rows { a, .. } => JobKind::Rows { rows: a.len() },
                _ => kind,
            };
            let report = JobReport { engine: NAME.into(), kind, wall: start.elapsed(), cycles: None };
            JobOutput { value, report }
        });
        if let Err(error @ EngineError::BadJob { .. }) = outcome {
            return Err(error);
        }
        let ticket = self.fresh();
        lock(&self.done).insert(ticket, outcome);
        Ok(Ticket(ticket))
    }

    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let outcome = lock(&self.done).remove(&ticket.0);
        outcome.unwrap_or_else(|| Err(bad("a ticket of this engine", format!("{ticket:?}"))))
    }

    fn try_wait(&self, ticket: Ticket, _at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        self.wait(ticket).map(Ok)
    }

    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        lock(&self.done).remove(&ticket.0);
        Ok(())
    }
}
