//! Memory that jobs leave to each other, wiped: an engine that has done a job asks for next to none when it does it again.
//!
//! Pages that are given back and asked for again are faults, and those of two threads wait for each other. What is here was in use at one time, so it
//! is never more than the jobs took that ran together. Jobs above a size leave nothing behind ([`Limits::kept_values`](crate::Limits)).

use std::sync::{Mutex, MutexGuard, PoisonError};

use millrace_bn254::{
    field::Field,
    mont::FrLazy,
    points::{Curve, G1, G2},
};
use zeroize::Zeroize;

use crate::msm::{Block, Workplace};

/// Pieces of memory of one kind.
pub(crate) struct Shelf<T>(Mutex<Vec<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    fn all(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was put here last.
    pub(crate) fn take(&self) -> Option<T> {
        self.all().pop()
    }

    /// Something of which `fits` says yes, or what was put here last.
    pub(crate) fn take_fitting(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut all = self.all();
        match all.iter().rposition(fits) {
            Some(at) => Some(all.swap_remove(at)),
            None => all.pop(),
        }
    }

    /// For the next; it is wiped.
    pub(crate) fn put(&self, memory: T) {
        self.all().push(memory);
    }

    /// Frees all of it.
    pub(crate) fn clear(&self) {
        self.all().clear();
    }
}

/// What sums and sparse products leave.
#[derive(Default)]
pub(crate) struct Store {
    g1: Shelf<Workplace<G1>>,
    g2: Shelf<Workplace<G2>>,
    pub(crate) blocks: Shelf<Block>,
    pub(crate) rows: Shelf<Vec<FrLazy>>,
}

impl Store {
    /// Frees all of it.
    pub(crate) fn clear(&self) {
        self.g1.clear();
        self.g2.clear();
        self.blocks.clear();
        self.rows.clear();
    }

    /// So many sums of products in the making, zero; what was held is kept, if told to.
    pub(crate) fn sums(&self, len: usize, keep: bool) -> Sums<'_> {
        let mut sums = self.rows.take_fitting(|sums| sums.capacity() >= len).unwrap_or_default();
        if sums.capacity() < len {
            sums = Vec::with_capacity(len);
        }
        sums.resize(len, FrLazy::ZERO);
        Sums { sums, home: keep.then_some(&self.rows) }
    }
}

/// Sums that are wiped when they are no longer needed.
pub(crate) struct Sums<'a> {
    pub(crate) sums: Vec<FrLazy>,
    home: Option<&'a Shelf<Vec<FrLazy>>>,
}

impl Drop for Sums<'_> {
    fn drop(&mut self) {
        // All that was in use: it is never longer between.
        self.sums.zeroize();
        if let Some(home) = self.home {
            home.put(std::mem::take(&mut self.sums));
        }
    }
}

/// A curve whose sums' memory is kept.
pub(crate) trait Kept: Curve {
    /// Where it is kept.
    fn workplaces(store: &Store) -> &Shelf<Workplace<Self>>;
}

impl Kept for G1 {
    fn workplaces(store: &Store) -> &Shelf<Workplace<Self>> {
        &store.g1
    }
}

impl Kept for G2 {
    fn workplaces(store: &Store) -> &Shelf<Workplace<Self>> {
        &store.g2
    }
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{Fr, field::Field, mont::FrLazy};

    use super::{Shelf, Store};

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_better_than_nothing() {
        let shelf = Shelf::default();
        [vec![0; 4], vec![0; 2], vec![0; 3]].into_iter().for_each(|memory| shelf.put(memory));
        assert_eq!(shelf.take_fitting(|memory: &Vec<u8>| memory.len() >= 4).map(|m| m.len()), Some(4));
        assert_eq!(shelf.take_fitting(|memory| memory.len() >= 4).map(|m| m.len()), Some(2));
        shelf.clear();
        assert!(shelf.take().is_none());
    }

    #[test]
    fn sums_come_back_wiped_and_long_enough() {
        let store = Store::default();
        let mut sums = store.sums(5, true);
        sums.sums.fill(FrLazy::ONE);
        let place = sums.sums.as_ptr();
        drop(sums);
        let sums = store.sums(4, true);
        assert!(sums.sums.as_ptr() == place && sums.sums.len() == 4);
        assert!(sums.sums.iter().all(|sum| Fr::from(*sum) == Fr::default()));
        drop(sums);
        assert_eq!(store.sums(6, false).sums.len(), 6);
        assert!(store.rows.take().is_none());
    }
}
