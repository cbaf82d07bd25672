//! Which engine a proof gets, where each of several does whole proofs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Proofs in flight on each of several engines.
pub(crate) struct Seats(Mutex<Vec<usize>>);

/// A proof in flight; it ends when this goes.
pub(crate) struct Seat<'a> {
    all: &'a Seats,
    /// The engine.
    pub(crate) index: usize,
}

impl Seats {
    /// So many engines, at least one, without proofs.
    pub(crate) fn new(engines: usize) -> Self {
        Self(Mutex::new(vec![0; engines.max(1)]))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a proof where there are fewest, of the engines that `usable` says yes to; of all, if it says yes to none.
    pub(crate) fn take(&self, usable: impl Fn(usize) -> bool) -> Seat<'_> {
        let mut proofs = self.lock();
        let index = (0..proofs.len()).min_by_key(|index| (!usable(*index), proofs[*index])).unwrap_or(0);
        proofs[index] += 1;
        Seat { all: self, index }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.all.lock()[self.index] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Seats;

    #[test]
    fn proofs_go_where_there_are_fewest() {
        let seats = Seats::new(2);
        let (first, second, third) = (seats.take(|_| true), seats.take(|_| true), seats.take(|_| true));
        assert_eq!([first.index, second.index, third.index], [0, 1, 0]);
        drop(second);
        assert_eq!(seats.take(|_| true).index, 1);
        drop((first, third));
        assert_eq!(seats.take(|_| true).index, 0);
    }

    #[test]
    fn an_engine_that_was_put_aside_gets_none_while_there_is_another() {
        let seats = Seats::new(2);
        let all: Vec<_> = (0..3).map(|_| seats.take(|index| index == 1)).collect();
        assert!(all.iter().all(|seat| seat.index == 1));
        assert_eq!(seats.take(|_| false).index, 0);
    }
}
