//! Jobs in flight, and how their ends are waited for.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use millrace_job::{CancelToken, EngineError, JobOutput};

type Outcome = Result<JobOutput, EngineError>;

/// Where a job leaves its outcome.
#[derive(Default)]
pub(crate) struct Slot {
    outcome: Mutex<Option<Outcome>>,
    ended: Condvar,
    /// Asks the job to stop.
    pub(crate) cancel: CancelToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    /// Leaves the outcome; called once.
    pub(crate) fn end(&self, outcome: Outcome) {
        *lock(&self.outcome) = Some(outcome);
        self.ended.notify_all();
    }

    /// The outcome, or `None` if the job has not ended by `deadline` (`None`: however long it takes).
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Option<Outcome> {
        let mut outcome = lock(&self.outcome);
        while outcome.is_none() {
            outcome = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.ended.wait(outcome).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.ended.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        outcome.take()
    }
}

/// Slots by ticket number.
#[derive(Default)]
pub(crate) struct Tickets {
    slots: Mutex<(u64, HashMap<u64, Arc<Slot>>)>,
}

impl Tickets {
    /// A new ticket and its slot.
    pub(crate) fn open(&self) -> (u64, Arc<Slot>) {
        let mut slots = lock(&self.slots);
        slots.0 += 1;
        let (ticket, slot) = (slots.0, Arc::new(Slot::default()));
        slots.1.insert(ticket, slot.clone());
        (ticket, slot)
    }

    /// The slot of a ticket that is still to be used.
    pub(crate) fn get(&self, ticket: u64) -> Option<Arc<Slot>> {
        lock(&self.slots).1.get(&ticket).cloned()
    }

    /// Forgets a ticket.
    pub(crate) fn close(&self, ticket: u64) -> Option<Arc<Slot>> {
        lock(&self.slots).1.remove(&ticket)
    }
}
