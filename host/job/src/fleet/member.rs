//! One engine of a fleet: what it holds, what it has to do, how fast it is, and whether it is still trusted with work.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{FAILURES_MOST, FleetMember, rates::Rates};
use crate::{BufferId, Engine, EngineError, Job, JobKind, Resident, Ticket};

#[derive(Default)]
struct Books {
    rates: Rates,
    /// Seconds that its jobs in flight are expected to take.
    backlog: f64,
    in_flight: usize,
    done: u64,
    /// When it last finished a job: before that it cannot have worked on the next.
    last_end: Option<Instant>,
    /// Incidents without a job done between them: what fails several jobs in flight at once, as a reset does, is one.
    failures_in_a_row: u32,
    last_failure: Option<Instant>,
    aside: Option<String>,
    /// Put aside for good.
    barred: bool,
}

pub(super) struct Member {
    pub(super) engine: Arc<dyn Engine>,
    books: Mutex<Books>,
    /// The fleet's name of what it holds → its own.
    placed: Mutex<HashMap<u64, BufferId>>,
}

/// Why a job was not taken.
pub(super) enum Refusal {
    /// It is the engine's fault: another may take it.
    Member(EngineError),
    /// It is the job's.
    Job(EngineError),
}

impl Refusal {
    pub(super) fn into_error(self) -> EngineError {
        match self {
            Self::Member(error) | Self::Job(error) => error,
        }
    }
}

impl Member {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, books: Mutex::default(), placed: Mutex::default() }
    }

    pub(super) fn name(&self) -> &str {
        self.engine.name()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn describe(&self) -> FleetMember {
        let books = self.books();
        FleetMember {
            name: self.name().to_owned(),
            aside: books.aside.clone(),
            barred: books.barred,
            in_flight: books.in_flight,
            done: books.done,
        }
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.books().aside.is_none()
    }

    pub(super) fn put_aside(&self, reason: &str) {
        self.books().aside.get_or_insert_with(|| reason.to_owned());
    }

    /// Puts it aside for an answer that was wrong: a reset makes up for much, but not for that.
    pub(super) fn bar(&self, reason: &str) {
        let mut books = self.books();
        books.aside = Some(reason.to_owned());
        books.barred = true;
    }

    pub(super) fn rate(&self, kind: &JobKind) -> Option<f64> {
        self.books().rates.get(kind)
    }

    /// Seconds that its jobs in flight are expected to take, and their number.
    pub(super) fn backlog(&self) -> (f64, usize) {
        let books = self.books();
        (books.backlog, books.in_flight)
    }

    /// The job with the engine's own name of its buffer, loaded first if it is not there.
    pub(super) fn translated(
        &self,
        job: &Job,
        resident: impl Fn(BufferId) -> Option<Resident>,
        fleet: &str,
    ) -> Result<Job, Refusal> {
        let mut job = job.clone();
        let id = match &mut job {
            Job::Msm { bases: id, .. } | Job::Rows { matrix: id, .. } => id,
            Job::Ntt { .. } | Job::Quotient { .. } => return Ok(job),
        };
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match placed.get(&id.0) {
            Some(own) => *own,
            None => {
                let data = resident(*id).ok_or_else(|| {
                    Refusal::Job(EngineError::BadJob {
                        engine: fleet.to_owned(),
                        expected: "a resident buffer of this engine".into(),
                        got: format!("buffer {}", id.0),
                    })
                })?;
                let began = Instant::now();
                let own = self.engine.load(data).map_err(|error| self.refusal(error, began))?;
                placed.insert(id.0, own);
                own
            }
        };
        *id = own;
        Ok(job)
    }

    pub(super) fn unload(&self, id: BufferId) {
        let own = self.placed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.0);
        if let Some(own) = own {
            self.engine.unload(own);
        }
    }

    /// The ticket, and when the engine was given the job.
    pub(super) fn submit(
        &self,
        job: &Job,
        resident: impl Fn(BufferId) -> Option<Resident>,
        expected: f64,
        fleet: &str,
    ) -> Result<(Ticket, Instant), Refusal> {
        // Before the bases are loaded, which takes its time: others must not queue up here meanwhile.
        self.books().enter(expected);
        let taken = self.translated(job, resident, fleet).and_then(|job| {
            let started = Instant::now();
            let ticket = self.engine.submit(job).map_err(|error| self.refusal(error, started))?;
            Ok((ticket, started))
        });
        if taken.is_err() {
            self.forgotten(expected);
        }
        taken
    }

    fn refusal(&self, error: EngineError, started: Instant) -> Refusal {
        if self.is_to_blame(&error, started) { Refusal::Member(error) } else { Refusal::Job(error) }
    }

    /// Whether another engine may do better with what was `started` then; a lost one is put aside, and so is one that fails too
    /// often in a row.
    fn is_to_blame(&self, error: &EngineError, started: Instant) -> bool {
        match error {
            EngineError::DeviceLost { .. } => {
                self.put_aside(&error.to_string());
                true
            }
            EngineError::OutOfMemory { .. }
            | EngineError::MappingRefused { .. }
            | EngineError::Unavailable { .. } => true,
            error if error.is_transient() => {
                let mut books = self.books();
                if books.last_failure.is_none_or(|last| started > last) {
                    books.last_failure = Some(Instant::now());
                    books.failures_in_a_row += 1;
                }
                if books.failures_in_a_row >= FAILURES_MOST {
                    books.aside.get_or_insert_with(|| error.to_string());
                }
                true
            }
            _ => false,
        }
    }

    /// A job ended well.
    pub(super) fn done(&self, kind: &JobKind, started: Instant, expected: f64) {
        let mut books = self.books();
        books.leave(expected);
        books.done += 1;
        books.failures_in_a_row = 0;
        let now = Instant::now();
        // With several in flight most of a job's time is the time of those before it.
        let began = books.last_end.map_or(started, |end| end.max(started));
        books.rates.record(kind, now - began);
        books.last_end = Some(now);
    }

    /// A job ended badly that was started then; whether another engine may do better.
    pub(super) fn failed(&self, error: &EngineError, started: Instant, expected: f64) -> bool {
        self.forgotten(expected);
        self.is_to_blame(error, started)
    }

    /// A job is here no more.
    pub(super) fn forgotten(&self, expected: f64) {
        self.books().leave(expected);
    }
}

impl Books {
    fn enter(&mut self, expected: f64) {
        self.backlog += expected;
        self.in_flight += 1;
    }

    fn leave(&mut self, expected: f64) {
        self.backlog = (self.backlog - expected).max(0.0);
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        for (_, own) in self.placed.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            self.engine.unload(own);
        }
    }
}
