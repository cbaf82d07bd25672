//! The CPU as an [`Engine`].

use std::{
    collections::HashMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_bn254::{
    Fr, FrCanonical, G1Mont, G2Mont,
    backend::Instructions,
    curve::{Affine, Xyzz},
    points::{G1, G2},
};
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, Group, Job, JobKind, JobOutput, JobReport, JobValue, Lent,
    Resident, Ticket, wipe_values,
};

use crate::{
    Limits,
    lanes::{NoThreads, Threads},
    msm, ntt,
    quotient::Quotient,
    rows::{MAX_ROWS, Matrices, Matrix},
    store::{Kept, Store},
    tickets::{Taken, Tickets},
};

const NAME: &str = "cpu";

enum Held {
    G1(Lent<G1Mont>),
    G2(Lent<G2Mont>),
    Matrix(Matrices),
}

/// Does every kind of job on threads of its own; jobs in flight share them.
pub struct CpuEngine {
    threads: Threads,
    instructions: Instructions,
    limits: Limits,
    next_buffer: AtomicU64,
    held: RwLock<HashMap<BufferId, Arc<Held>>>,
    tickets: Tickets,
    plans: Arc<ntt::Plans>,
    store: Arc<Store>,
    wanted: msm::Wanted,
}

fn bad(expected: impl Into<String>, got: impl Into<String>) -> EngineError {
    EngineError::BadJob { engine: NAME.into(), expected: expected.into(), got: got.into() }
}

impl Default for CpuEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl CpuEngine {
    /// An engine with a thread for each processor that this process may use.
    ///
    /// # Panics
    /// If the system gives no threads.
    pub fn new() -> Self {
        Self::with_threads(thread::available_parallelism().map_or(1, Into::into))
    }

    /// An engine with so many threads, at least one, and the instructions of [`Instructions::from_env`].
    ///
    /// # Panics
    /// If the system does not give that many threads, or the environment names instructions that cannot be had (a command
    /// asks [`Instructions::from_env`] first).
    pub fn with_threads(threads: usize) -> Self {
        let instructions = Instructions::from_env().unwrap_or_else(|e| panic!("MILLRACE_BACKEND: {e}"));
        Self::with_instructions(threads, instructions)
    }

    /// An engine with so many threads, at least one, and these instructions.
    ///
    /// # Panics
    /// If the system does not give that many threads.
    pub fn with_instructions(threads: usize, instructions: Instructions) -> Self {
        Self::with_limits(threads, instructions, Limits::NONE)
    }

    /// As [`CpuEngine::with_instructions`], within [`Limits`].
    ///
    /// # Panics
    /// If the system does not give that many threads.
    pub fn with_limits(threads: usize, instructions: Instructions, limits: Limits) -> Self {
        let mut engines =
            Self::lanes(threads, 1, instructions, limits).unwrap_or_else(|error| panic!("{error}"));
        engines.pop().expect("one at least")
    }

    /// As [`CpuEngine::with_limits`], for several proofs in flight: so many engines, though no more than threads, of which each does the jobs of one proof at a time. They share the threads:
    /// a job runs on its engine's share, or on all if no other has a job when it begins. They also share tables, and memory that jobs leave.
    ///
    /// # Errors
    /// [`NoThreads`] if the system does not give that many threads, twice as many for more than one engine.
    pub fn lanes(
        threads: usize,
        lanes: usize,
        instructions: Instructions,
        limits: Limits,
    ) -> Result<Vec<Self>, NoThreads> {
        let threads = Threads::new(threads, lanes)?;
        let lanes = threads.len();
        let (plans, store) = (Arc::new(ntt::Plans::new(lanes)), Arc::new(Store::new(lanes)));
        let engine = |threads| Self {
            threads,
            instructions,
            limits,
            next_buffer: AtomicU64::new(0),
            held: RwLock::default(),
            tickets: Tickets::default(),
            plans: plans.clone(),
            store: store.clone(),
            wanted: msm::Wanted::default(),
        };
        Ok(threads.into_iter().map(engine).collect())
    }

    /// The same with windows of so many bits, 2 to 16, in all sums of 16 points or more: for measuring which are the best. Such sums may take more than
    /// [`Limits`] says.
    ///
    /// # Panics
    /// For any other number of bits.
    pub fn with_window_bits(mut self, bits: u32) -> Self {
        assert!((2..=16).contains(&bits), "windows of {bits} bits");
        self.wanted.window_bits = Some(bits);
        self
    }

    /// The same with longer scalars cut into halves by the endomorphism, or never, in all sums of 16 points or more: for measuring where it pays.
    pub fn with_halves(mut self, halves: bool) -> Self {
        self.wanted.halves = Some(halves);
        self
    }

    /// The same with windows of their own for each class of scalars by length, or one set for all as if they were of one length, in all sums of 16 points or more: for measuring where it pays.
    pub fn with_classes(mut self, classes: bool) -> Self {
        self.wanted.classes = Some(classes);
        self
    }

    /// The same with windows and tasks of sums as for so many threads: for measuring what cutting costs. Sums may take more than [`Limits`] says.
    pub fn with_tasks_for(mut self, threads: usize) -> Self {
        self.wanted.threads = Some(threads.max(1));
        self
    }

    /// Number of threads that a job gets at most.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// The instructions that its kernels use.
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }

    fn buffer(&self, id: BufferId) -> Result<Arc<Held>, EngineError> {
        let held = self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.get(&id).cloned().ok_or_else(|| bad("a resident buffer", format!("{id:?}")))
    }

    /// Checks a job against the buffers it names and returns the work of it.
    #[allow(clippy::type_complexity, reason = "a boxed closure, written out once")]
    fn prepare(
        &self,
        job: Job,
    ) -> Result<Box<dyn FnOnce(&CancelToken) -> Result<JobValue, EngineError> + Send>, EngineError> {
        match job {
            Job::Msm { group, bases, range, scalars } => {
                let held = self.buffer(bases)?;
                let len = match (group, &*held) {
                    (Group::G1, Held::G1(bases)) => bases.len(),
                    (Group::G2, Held::G2(bases)) => bases.len(),
                    _ => return Err(bad(format!("bases of {group:?}"), "a buffer of another kind")),
                };
                check_range(&range, len, scalars.len())?;
                let how = msm::How { instructions: self.instructions, wanted: self.wanted };
                let Limits { points, keep_tables, kept_values, .. } = self.limits;
                let (plans, store) = (self.plans.clone(), self.store.clone());
                let parts = Parts { how, points, store, keep: scalars.len() <= kept_values };
                Ok(Box::new(move |cancel| {
                    // Sums come after transforms, mostly, and want memory of their own; where that is much, what smaller ones left goes too.
                    plans.release(kept_values, !keep_tables);
                    if !parts.keep {
                        parts.store.clear();
                        plans.forget_scratches();
                    }
                    let sum = match &*held {
                        Held::G1(bases) => {
                            let sum = parts.sum::<G1>(&bases.as_slice()[range], &scalars, cancel)?;
                            JobValue::G1(millrace_bn254::curve::G1Lazy::into(sum))
                        }
                        Held::G2(bases) => {
                            let sum = parts.sum::<G2>(&bases.as_slice()[range], &scalars, cancel)?;
                            JobValue::G2(millrace_bn254::curve::G2Lazy::into(sum))
                        }
                        Held::Matrix(_) => return Err(bad("bases", "a matrix")),
                    };
                    parts.store.take_in_scalars(scalars, kept_values);
                    Ok(sum)
                }))
            }
            Job::Ntt { direction, coset, values } => {
                let mut values = Wiped(values);
                if !values.0.len().is_power_of_two() || values.0.len() > 1 << ntt::MAX_LOG_N {
                    let expected = format!("a power of two of values, up to 2^{}", ntt::MAX_LOG_N);
                    return Err(bad(expected, values.0.len().to_string()));
                }
                let (plans, instructions) = (self.plans.clone(), self.instructions);
                let keep_tables = self.limits.keep_tables;
                Ok(Box::new(move |cancel| {
                    let done = ntt::transform(&plans, instructions, direction, coset, values.take(), cancel);
                    if !keep_tables {
                        plans.release(0, true);
                    }
                    done.map(JobValue::Values)
                }))
            }
            Job::Quotient { a, b } => {
                let (mut a, mut b) = (Wiped(a), Wiped(b));
                let [of_a, of_b] = [a.0.len(), b.0.len()];
                if of_a != of_b || !of_a.is_power_of_two() || of_a > 1 << ntt::MAX_LOG_N {
                    let expected = format!("a power of two of values twice, up to 2^{}", ntt::MAX_LOG_N);
                    return Err(bad(expected, format!("{of_a} and {of_b}")));
                }
                let (plans, store) = (self.plans.clone(), self.store.clone());
                let (instructions, limits) = (self.instructions, self.limits);
                Ok(Box::new(move |cancel| {
                    let quotient = Quotient { plans: &plans, store: &store, instructions, limits, cancel };
                    let done = quotient.scalars(a.take(), b.take());
                    if !limits.keep_tables {
                        plans.release(0, true);
                    }
                    done.map(JobValue::Scalars)
                }))
            }
            Job::Rows { matrix, witness } => {
                let held = self.buffer(matrix)?;
                if !matches!(&*held, Held::Matrix(_)) {
                    return Err(bad("a matrix", "a buffer of another kind"));
                }
                let (store, kept_values) = (self.store.clone(), self.limits.kept_values);
                Ok(Box::new(move |cancel| {
                    let Held::Matrix(matrix) = &*held else {
                        return Err(bad("a matrix", "a buffer of another kind"));
                    };
                    let keep = matrix.rows() <= kept_values;
                    let (a, b) = matrix.products((&store, keep), &witness, cancel)?;
                    Ok(JobValue::Rows { a, b })
                }))
            }
        }
    }
}

/// How sums are cut.
struct Parts {
    how: msm::How,
    /// Points of a part at most.
    points: usize,
    /// Where memory comes from.
    store: Arc<Store>,
    /// Whether it is left there.
    keep: bool,
}

impl Parts {
    fn sum<C: Kept>(
        &self,
        bases: &[C::Base],
        scalars: &[FrCanonical],
        cancel: &CancelToken,
    ) -> Result<Affine<C::Field>, EngineError> {
        let memory = (&*self.store, self.keep);
        if scalars.len() <= self.points {
            return msm::sum::<C>(self.how, memory, bases, scalars, cancel);
        }
        let mut total = Xyzz::INFINITY;
        for (part, (bases, scalars)) in bases.chunks(self.points).zip(scalars.chunks(self.points)).enumerate()
        {
            let sum =
                msm::sum::<C>(self.how, memory, bases, scalars, cancel).map_err(|error| match error {
                    EngineError::BadValue { what, position } => {
                        EngineError::BadValue { what, position: position + (part * self.points) as u64 }
                    }
                    other => other,
                })?;
            total = total.add_affine(&sum);
        }
        Ok(total.to_affine())
    }
}

/// Values that are wiped unless somebody takes them: the job may be refused, cancelled or panic before it begins.
struct Wiped(Vec<Fr>);

impl Wiped {
    fn take(&mut self) -> Vec<Fr> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe_values(&mut self.0);
    }
}

/// Wipes an answer that nobody wants.
fn wipe(value: JobValue) {
    match value {
        JobValue::Values(mut values) => wipe_values(&mut values),
        JobValue::Rows { mut a, mut b } => {
            wipe_values(&mut a);
            wipe_values(&mut b);
        }
        // Scalars wipe themselves.
        JobValue::G1(_) | JobValue::G2(_) | JobValue::Scalars(_) => {}
    }
}

fn check_range(range: &Range<usize>, bases: usize, scalars: usize) -> Result<(), EngineError> {
    if range.start > range.end || range.end > bases {
        return Err(bad(format!("a range within {bases} bases"), format!("{range:?}")));
    }
    if range.len() != scalars {
        return Err(bad(format!("{} scalars", range.len()), scalars.to_string()));
    }
    if scalars > msm::MAX_POINTS {
        return Err(bad(format!("at most {} points", msm::MAX_POINTS), scalars.to_string()));
    }
    Ok(())
}

impl Engine for CpuEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn supports(&self, _kind: &JobKind) -> bool {
        true
    }

    /// Two, unless limited: the end of one job, where threads run out of tasks, is filled by the next.
    fn depth(&self) -> usize {
        self.limits.jobs
    }

    /// Keeps a reference to what is lent; reads nothing.
    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        let matrices = |m| {
            let too_many = |rows: usize| bad(format!("at most {MAX_ROWS} rows"), rows.to_string());
            Matrices::new(m).map(Held::Matrix).map_err(too_many)
        };
        let held = match data {
            Resident::G1(bases) => Held::G1(bases),
            Resident::G2(bases) => Held::G2(bases),
            Resident::Matrix { entries, rows } => matrices(Matrices::Entries(Matrix::new(entries, rows)))?,
            Resident::Rows(rows) => matrices(Matrices::ByRow(rows))?,
        };
        let id = BufferId(self.next_buffer.fetch_add(1, Ordering::Relaxed));
        let mut all = self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(id, Arc::new(held));
        Ok(id)
    }

    fn unload(&self, id: BufferId) {
        self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&id);
    }

    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        let (start, mut kind) = (Instant::now(), job.kind());
        if let Job::Rows { matrix, .. } = &job
            && let Held::Matrix(matrix) = &*self.buffer(*matrix)?
        {
            kind = JobKind::Rows { rows: matrix.rows() };
        }
        let work = self.prepare(job)?;
        let (ticket, slot) = self.tickets.open();
        self.threads.spawn(move |here| {
            // A panic is a bug of ours; it must not take the process or the waiting thread with it.
            let value = catch_unwind(AssertUnwindSafe(|| match slot.cancel.is_cancelled() {
                true => Err(EngineError::Cancelled),
                false => work(&slot.cancel),
            }));
            let value = value.unwrap_or_else(|_| {
                let cause = "a panic in a kernel".into();
                Err(EngineError::JobFailed { engine: NAME.into(), job_id: ticket as u32, cause, position: 0 })
            });
            let report = JobReport { engine: NAME.into(), kind, wall: start.elapsed(), cycles: None };
            // Whoever is woken may begin a job of another lane.
            drop(here);
            slot.end(value.map(|value| JobOutput { value, report }));
        });
        Ok(Ticket(ticket))
    }

    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let unknown = || bad("a ticket of this engine", format!("{ticket:?}"));
        let slot = self.tickets.close(ticket.0).ok_or_else(unknown)?;
        match slot.take(None) {
            Taken::Outcome(outcome) => *outcome,
            Taken::NotYet | Taken::Spent => Err(unknown()),
        }
    }

    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        let deadline = Instant::now().checked_add(at_most);
        let unknown = || bad("a ticket of this engine", format!("{ticket:?}"));
        let slot = self.tickets.get(ticket.0).ok_or_else(unknown)?;
        match slot.take(deadline) {
            Taken::NotYet => Ok(Err(ticket)),
            Taken::Spent => Err(unknown()),
            Taken::Outcome(outcome) => {
                self.tickets.close(ticket.0);
                (*outcome).map(Ok)
            }
        }
    }

    /// Returns when the job has stopped and its copies of scalars are wiped.
    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        if let Some(slot) = self.tickets.close(ticket.0) {
            slot.cancel.cancel();
            if let Taken::Outcome(outcome) = slot.take(None)
                && let Ok(output) = *outcome
            {
                wipe(output.value);
            }
        }
        Ok(())
    }
}
