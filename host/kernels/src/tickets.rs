//! Jobs in flight, and how their ends are waited for.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use millrace_job::{CancelToken, EngineError, JobOutput};

type Outcome = Box<Result<JobOutput, EngineError>>;

#[derive(Default)]
enum State {
    #[default]
    Running,
    Ended(Outcome),
    Taken,
}

/// What one who waits gets.
pub(crate) enum Taken {
    /// The outcome, for nobody else.
    Outcome(Outcome),
    /// The job has not ended in time.
    NotYet,
    /// Somebody else with the same ticket had the outcome.
    Spent,
}

/// Where a job leaves its outcome.
#[derive(Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
    ended: Condvar,
    /// Asks the job to stop.
    pub(crate) cancel: CancelToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    /// Leaves the outcome; called once.
    pub(crate) fn end(&self, outcome: Result<JobOutput, EngineError>) {
        *lock(&self.state) = State::Ended(Box::new(outcome));
        self.ended.notify_all();
    }

    /// The outcome, if the job has ended by `deadline` (`None`: however long it takes).
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Taken {
        let mut state = lock(&self.state);
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Ended(outcome) => return Taken::Outcome(outcome),
                State::Taken => return Taken::Spent,
                State::Running => *state = State::Running,
            }
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Taken::NotYet,
                Some(left) => self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_wait_on_one_ticket_both_come_back() {
        let tickets = Tickets::default();
        let (ticket, slot) = tickets.open();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let slot = tickets.get(ticket).expect("open");
                std::thread::spawn(move || slot.take(None))
            })
            .collect();
        assert!(matches!(slot.take(Some(Instant::now())), Taken::NotYet));
        slot.end(Err(EngineError::Cancelled));
        let ends: Vec<_> = waiting.into_iter().map(|t| t.join().expect("no panic")).collect();
        let count = |wanted: fn(&Taken) -> bool| ends.iter().filter(|end| wanted(end)).count();
        assert_eq!(count(|end| matches!(end, Taken::Outcome(_))), 1);
        assert_eq!(count(|end| matches!(end, Taken::Spent)), 1);
        assert!(matches!(slot.take(None), Taken::Spent));
    }
}
