//! Jobs that wait for an engine.

use std::sync::{Condvar, Mutex, PoisonError};

use super::Ready;

#[derive(Default)]
struct State {
    waiting: Vec<Ready>,
    closed: bool,
}

/// A queue with few entries, most urgent first.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    pub(super) fn put(&self, ready: Ready) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(ready);
        self.changed.notify_one();
    }

    /// The most urgent job, as soon as there is one; `None` when the queue is closed.
    pub(super) fn take(&self) -> Option<Ready> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return None;
            }
            let best = (0..state.waiting.len()).min_by_key(|i| state.waiting[*i].urgency());
            if let Some(best) = best {
                return Some(state.waiting.swap_remove(best));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends the waiting threads home; what is still in the queue is dropped.
    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }
}
