//! Memory that jobs leave to each other, wiped: an engine that has done a job asks for next to none when it does it again.
//!
//! Pages that are given back and asked for again are faults, and those of two threads wait for each other. What is here was in use at one time, so it
//! is never more than the jobs took that ran together. Jobs above a size leave nothing behind ([`Limits::kept_values`](crate::Limits)).

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
};

use millrace_bn254::{
    Fr, FrCanonical, Packed,
    mont::FrLazy,
    ntt::Scratch,
    points::{Curve, G1, G2},
    wipe,
};
use millrace_job::{ScalarSlice, wipe_values};
use rayon::prelude::*;
use zeroize::Zeroize;

use crate::msm::{Block, Workplace};

/// Vectors that a thread wipes at a time.
const WIPED_TOGETHER: usize = 1 << 10;

/// Vectors that came with jobs and are kept at most for each lane: those of two quotients.
const VECTORS_MOST: usize = 4;

/// A list of places in somebody's memory; empty while it is kept.
pub(crate) type Places<T> = Vec<&'static mut [T]>;

/// The memory of a list, without what was in it, for places that live longer or shorter. The standard library collects such lists where they are.
fn emptied<'b, T>(mut list: Vec<&mut [T]>) -> Vec<&'b mut [T]> {
    list.clear();
    list.into_iter().map(|_| -> &'b mut [T] { unreachable!("the list is empty") }).collect()
}

/// Memory that held what derives from a witness.
pub(crate) trait Wipe {
    /// Overwrites all of it, what is not in use just now too.
    fn wipe(&mut self);
}

impl Wipe for Scratch {
    fn wipe(&mut self) {
        Scratch::wipe(self);
    }
}

/// As long as it is in use; never longer between.
impl Wipe for Vec<FrLazy> {
    fn wipe(&mut self) {
        self.zeroize();
    }
}

/// Keeps its length: between uses it is all zeros.
impl Wipe for Vec<Packed> {
    fn wipe(&mut self) {
        self.par_iter_mut().with_min_len(WIPED_TOGETHER).for_each(Zeroize::zeroize);
    }
}

/// Keeps its length: between uses it is all zeros.
impl Wipe for Vec<FrCanonical> {
    fn wipe(&mut self) {
        self.par_chunks_mut(8 * WIPED_TOGETHER).for_each(wipe);
    }
}

/// Keeps its length: between uses it is all zeros.
impl Wipe for Vec<Fr> {
    fn wipe(&mut self) {
        self.par_chunks_mut(8 * WIPED_TOGETHER).for_each(wipe_values);
    }
}

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

    /// Something of which `fits` says yes, or what was put here last.
    pub(crate) fn take_fitting(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut all = self.all();
        match all.iter().rposition(fits) {
            Some(at) => Some(all.swap_remove(at)),
            None => all.pop(),
        }
    }

    /// What has the least key, of several that which was put here last.
    pub(crate) fn take_least<K: Ord>(&self, key: impl Fn(&T) -> K) -> Option<T> {
        take_least(&mut self.all(), key)
    }

    /// Frees all of it.
    pub(crate) fn clear(&self) {
        self.all().clear();
    }
}

/// Takes what has the least key out of a list, of several the last.
pub(crate) fn take_least<T, K: Ord>(all: &mut Vec<T>, key: impl Fn(&T) -> K) -> Option<T> {
    let (at, _) = all.iter().enumerate().rev().min_by_key(|(_, item)| key(item))?;
    Some(all.remove(at))
}

impl<T> Shelf<Places<T>> {
    /// Does `work` on a list of so many places, each at its own; the list's memory is kept, if told to.
    ///
    /// # Panics
    /// If one belongs behind the last.
    pub(crate) fn with<'a, R>(
        &self,
        places: impl IntoIterator<Item = (usize, &'a mut [T])>,
        count: usize,
        keep: bool,
        work: impl FnOnce(&mut [&'a mut [T]]) -> R,
    ) -> R
    where
        T: 'a,
    {
        let kept = self.all().pop();
        let mut list = emptied(kept.unwrap_or_default());
        list.resize_with(count, Default::default);
        places.into_iter().for_each(|(at, place)| list[at] = place);
        let result = work(&mut list);
        if keep {
            self.all().push(emptied(list));
        }
        result
    }
}

impl<T: Wipe> Shelf<T> {
    /// Wipes memory and keeps it for the next.
    pub(crate) fn put(&self, mut memory: T) {
        memory.wipe();
        self.all().push(memory);
    }

    /// Keeps memory that came with a job, for that of the oldest of more than `most`: it need not have come from here.
    fn put_for_the_oldest(&self, memory: T, most: usize) {
        self.put(memory);
        let mut all = self.all();
        let too_many = all.len().saturating_sub(most);
        all.drain(..too_many);
    }

    /// Lends memory, which comes back when it is no longer needed if it shall be kept.
    pub(crate) fn lend(&self, memory: T, keep: bool) -> Borrowed<'_, T> {
        Borrowed { memory: Some(memory), home: keep.then_some(self) }
    }
}

impl<T: Wipe + Default> Shelf<T> {
    /// What was put here last, or something new and empty.
    pub(crate) fn borrow(&self, keep: bool) -> Borrowed<'_, T> {
        let memory = self.all().pop();
        self.lend(memory.unwrap_or_default(), keep)
    }
}

impl<T: Clone> Shelf<Vec<T>> {
    /// So many zeros; what is on the shelf is nothing else.
    fn vector(&self, len: usize, zero: T) -> Vec<T> {
        let mut vector = self.take_fitting(|vector| vector.capacity() >= len).unwrap_or_default();
        if vector.capacity() < len {
            vector = Vec::new();
            vector.reserve_exact(len);
        }
        vector.resize(len, zero);
        vector
    }
}

/// Memory that is wiped when it is no longer needed, and put back.
pub(crate) struct Borrowed<'a, T: Wipe> {
    memory: Option<T>,
    home: Option<&'a Shelf<T>>,
}

const HELD: &str = "memory is there until it is dropped";

impl<T: Wipe> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.memory.as_ref().expect(HELD)
    }
}

impl<T: Wipe> DerefMut for Borrowed<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.memory.as_mut().expect(HELD)
    }
}

impl<T: Wipe> Borrowed<'_, T> {
    /// For somebody else, who wipes it.
    pub(crate) fn give_away(mut self) -> T {
        self.memory.take().expect(HELD)
    }
}

impl<T: Wipe> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        let Some(mut memory) = self.memory.take() else { return };
        match self.home {
            Some(home) => home.put(memory),
            None => memory.wipe(),
        }
    }
}

/// What jobs leave.
#[derive(Default)]
pub(crate) struct Store {
    /// Vectors that came with jobs and are kept at most, of each kind.
    vectors_most: usize,
    g1: Shelf<Workplace<G1>>,
    g2: Shelf<Workplace<G2>>,
    /// Scalars of sums, block by block.
    pub(crate) blocks: Shelf<Vec<Block>>,
    rows: Shelf<Vec<FrLazy>>,
    values: Shelf<Vec<Fr>>,
    packed: Shelf<Vec<Packed>>,
    scalars: Shelf<Vec<FrCanonical>>,
    /// Lists of places that tasks write to, empty.
    pub(crate) packed_places: Shelf<Places<Packed>>,
    pub(crate) scalar_places: Shelf<Places<FrCanonical>>,
}

impl Store {
    /// Empty, for proofs on so many lanes, at least one.
    pub(crate) fn new(lanes: usize) -> Self {
        Self { vectors_most: VECTORS_MOST * lanes, ..Self::default() }
    }

    /// Frees all of it.
    pub(crate) fn clear(&self) {
        self.g1.clear();
        self.g2.clear();
        self.blocks.clear();
        self.rows.clear();
        self.values.clear();
        self.packed.clear();
        self.scalars.clear();
        self.packed_places.clear();
        self.scalar_places.clear();
    }

    /// So many sums of products in the making, zero; what was held is kept, if told to.
    pub(crate) fn sums(&self, len: usize, keep: bool) -> Borrowed<'_, Vec<FrLazy>> {
        self.rows.lend(self.rows.vector(len, millrace_bn254::field::Field::ZERO), keep)
    }

    /// So many values, zero.
    pub(crate) fn values(&self, len: usize, keep: bool) -> Borrowed<'_, Vec<Fr>> {
        self.values.lend(self.values.vector(len, Fr::default()), keep)
    }

    /// So many scalars, zero.
    pub(crate) fn scalars(&self, len: usize, keep: bool) -> Borrowed<'_, Vec<FrCanonical>> {
        self.scalars.lend(self.scalars.vector(len, FrCanonical::ZERO), keep)
    }

    /// Keeps the memory of scalars that came with a job and that nobody else has any more, if there are at most `most` of them.
    pub(crate) fn take_in_scalars(&self, scalars: ScalarSlice, most: usize) {
        if let Some(scalars) = scalars.into_wiped().filter(|scalars| scalars.capacity() <= most) {
            self.scalars.put_for_the_oldest(scalars, self.vectors_most);
        }
    }

    /// Keeps the memory of values that came with a job.
    pub(crate) fn take_in_values(&self, values: Vec<Fr>) {
        self.values.put_for_the_oldest(values, self.vectors_most);
    }

    /// So many vectors, zero.
    pub(crate) fn packed(&self, len: usize, keep: bool) -> Borrowed<'_, Vec<Packed>> {
        self.packed.lend(self.packed.vector(len, Packed::ZERO), keep)
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
        [vec![FrLazy::ONE; 4], vec![FrLazy::ONE; 2], vec![FrLazy::ONE; 3]]
            .into_iter()
            .for_each(|memory| shelf.put(memory));
        let room = |least| shelf.take_fitting(|memory: &Vec<FrLazy>| memory.capacity() >= least);
        assert_eq!(room(4).map(|m| m.capacity()), Some(4));
        assert_eq!(room(4).map(|m| m.capacity()), Some(2));
        shelf.clear();
        assert!(room(0).is_none());
    }

    #[test]
    fn sums_come_back_wiped_and_long_enough() {
        let store = Store::default();
        let mut sums = store.sums(5, true);
        sums.fill(FrLazy::ONE);
        let place = sums.as_ptr();
        drop(sums);
        let sums = store.sums(4, true);
        assert!(sums.as_ptr() == place && sums.len() == 4);
        assert!(sums.iter().all(|sum| Fr::from(*sum) == Fr::default()));
        drop(sums);
        assert_eq!(store.sums(6, false).len(), 6);
        assert!(store.rows.take_fitting(|_| true).is_none());
    }

    #[test]
    fn vectors_that_came_with_jobs_are_kept_for_each_lane() {
        for (lanes, kept) in [(1, 4), (3, 12)] {
            let store = Store::new(lanes);
            (0..20).for_each(|_| store.take_in_values(vec![Fr::default(); 2]));
            assert_eq!(std::iter::from_fn(|| store.values.take_fitting(|_| true)).count(), kept);
        }
    }

    #[test]
    fn vectors_come_back_zero_whatever_length_they_had() {
        let store = Store::default();
        for (len, before) in [(5, 0), (3, 5), (5, 3), (9, 5), (2, 9), (9, 2)] {
            let mut values = store.values(len, true);
            assert!(values.len() == len && values.iter().all(|value| *value == Fr::default()), "{before}");
            values.fill(Fr::from(7u8));
        }
        assert!(
            store
                .values
                .take_fitting(|_| true)
                .is_some_and(|values| values.iter().all(|v| *v == Fr::default()))
        );
        assert!(store.values.take_fitting(|_| true).is_none(), "one vector served all");
    }
}
