//! Points into buckets in the order in which they come: nothing is sorted, and bases are read one after the other.
//!
//! 1. A point whose bucket is empty is put there. Any other joins a batch of additions bucket + point, in which each bucket stands
//!    once ([`Marks`]); its sum goes back over the bucket.
//! 2. A point whose bucket stands in the batch already is deferred to the next one.
//! 3. Where that happens too often — few values of digits are common — the deferred points are sorted and added up pairwise
//!    ([`Buckets::add`]), which no distribution makes slow.
//!
//! A full batch waits until the next one is full as well, so that the points of that one are fetched while it computes. The order is
//! kept: a bucket of both batches has the first sum before the second is begun.

use zeroize::Zeroizing;

use super::{Buckets, wipe_pairs};
use crate::{
    batch::{BATCH, Pair, PointRef},
    points::Curve,
};

/// From so many buckets on, batches in which each stands once are long enough.
const MANY_BUCKETS: usize = 1 << 11;
/// A batch is at most this part of the buckets, so that few points meet their bucket in it.
const PART_OF_BUCKETS: usize = 4;
/// Up to so many deferred points try again with each batch.
const RETRIED: usize = 512;
/// So many deferred points, in rows of memory, are sorted.
const DEFERRED_ROWS: usize = 1 << 14;

/// What is known of each bucket, in a byte.
pub(super) struct Marks {
    /// [`EMPTY`], [`FILLED`], or the batch in which the bucket stood last.
    of: Vec<u8>,
    batch: u8,
}

const EMPTY: u8 = 0;
const FILLED: u8 = 1;
const FIRST_BATCH: u8 = 2;

impl Marks {
    pub(super) fn new(count: usize) -> Self {
        Self { of: vec![EMPTY; count], batch: FIRST_BATCH }
    }

    /// Notes that a bucket holds a point; whether it did already.
    pub(super) fn fill(&mut self, bucket: usize) -> bool {
        let filled = self.is_filled(bucket);
        if !filled {
            self.of[bucket] = FILLED;
        }
        filled
    }

    pub(super) fn is_filled(&self, bucket: usize) -> bool {
        self.of[bucket] != EMPTY
    }

    /// All buckets are empty, and stand in no batch.
    pub(super) fn clear(&mut self) {
        self.of.fill(EMPTY);
        self.batch = FIRST_BATCH;
    }

    /// No bucket stands in the new batch.
    fn next_batch(&mut self) {
        self.batch = self.batch.checked_add(1).unwrap_or_else(|| {
            self.of.iter_mut().for_each(|mark| *mark = (*mark).min(FILLED));
            FIRST_BATCH
        });
    }
}

/// A point, and the bucket that it is for.
type Addend = (u32, PointRef);

/// Points that are not in their buckets yet.
pub(super) struct Waiting {
    /// Pairs of a batch; 0: there are too few buckets for batches.
    size: usize,
    /// A full batch.
    ready: Vec<Pair>,
    /// Whether its points were asked for.
    fetched: bool,
    /// The batch that is being filled.
    forming: Vec<Pair>,
    deferred: Vec<Addend>,
    again: Vec<Addend>,
}

impl Waiting {
    pub(super) fn new(buckets: usize) -> Self {
        let size = if buckets < MANY_BUCKETS { 0 } else { BATCH.min(buckets / PART_OF_BUCKETS) };
        // Room for all, so that nothing grows and leaves copies behind.
        let (pairs, deferred) = (size + RETRIED, if size == 0 { 0 } else { DEFERRED_ROWS + RETRIED });
        Self {
            size,
            ready: Vec::with_capacity(pairs),
            fetched: false,
            forming: Vec::with_capacity(pairs),
            deferred: Vec::with_capacity(deferred),
            again: Vec::with_capacity(deferred),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.forming.is_empty() && self.deferred.is_empty()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        wipe_pairs(&mut self.ready);
        wipe_pairs(&mut self.forming);
        wipe_pairs(&mut self.deferred);
        wipe_pairs(&mut self.again);
    }
}

impl<C: Curve> Buckets<C> {
    /// Whether there are so many buckets that [`Buckets::spread`] pays.
    pub fn can_spread(&self) -> bool {
        self.waiting.size > 0
    }

    /// Adds points in any order: to bucket |`digits[i]`| − 1 the base of `ids[i]`, which is twice its index plus 1 for its negative, negated if
    /// the digit is below zero; none for a digit of 0. Some sums may wait for [`Buckets::flush`]. Asks `go_on` now and then and gives up when it
    /// says no: then the buckets are worth nothing, and false is returned.
    ///
    /// # Panics
    /// If there are too few buckets ([`Buckets::can_spread`]), a digit is of none or an id of no base.
    pub fn spread(
        &mut self,
        bases: &[C::Base],
        digits: &[i32],
        ids: &[u32],
        mut go_on: impl FnMut() -> bool,
    ) -> bool {
        assert!(self.can_spread(), "{} buckets", self.count);
        for (digit, id) in digits.iter().zip(ids) {
            if *digit == 0 {
                continue;
            }
            let bucket = digit.unsigned_abs() - 1;
            self.put(bases, (bucket, PointRef::base(id ^ u32::from(*digit < 0))));
            if self.waiting.forming.len() >= self.waiting.size && !self.turn(bases, &mut go_on) {
                return false;
            }
            if self.waiting.deferred.len() * C::ROWS >= DEFERRED_ROWS
                && !self.sort_deferred(bases, &mut go_on)
            {
                return false;
            }
        }
        true
    }

    /// Finishes all sums that wait; as [`Buckets::spread`].
    pub fn flush(&mut self, bases: &[C::Base], mut go_on: impl FnMut() -> bool) -> bool {
        // Without deferred points that would try again, two turns leave nothing.
        self.sort_deferred(bases, &mut go_on) && self.turn(bases, &mut go_on) && self.turn(bases, &mut go_on)
    }

    #[inline(always)]
    fn put(&mut self, bases: &[C::Base], (bucket, point): Addend) {
        let mark = &mut self.marks.of[bucket as usize];
        if *mark == self.marks.batch {
            self.waiting.deferred.push((bucket, point));
        } else if *mark == EMPTY {
            *mark = FILLED;
            self.pool.place(bucket as usize, bases, point);
        } else {
            *mark = self.marks.batch;
            self.waiting.forming.push((PointRef::own(bucket as usize), point));
        }
    }

    /// Does the sums of the batch that is ready, and lets the one that is being filled be ready.
    fn turn(&mut self, bases: &[C::Base], go_on: &mut impl FnMut() -> bool) -> bool {
        if !go_on() {
            return false;
        }
        let waiting = &mut self.waiting;
        if !waiting.ready.is_empty() {
            self.pool.add_to_firsts(bases, &waiting.ready, waiting.fetched, &waiting.forming);
        }
        waiting.fetched = !waiting.ready.is_empty();
        waiting.ready.clear();
        std::mem::swap(&mut waiting.ready, &mut waiting.forming);
        self.marks.next_batch();
        if waiting.deferred.len() <= RETRIED {
            let mut again = std::mem::take(&mut waiting.again);
            std::mem::swap(&mut again, &mut waiting.deferred);
            for addend in again.drain(..) {
                self.put(bases, addend);
            }
            self.waiting.again = again;
        }
        true
    }

    /// Sorts the deferred points by bucket and adds them up there.
    fn sort_deferred(&mut self, bases: &[C::Base], go_on: &mut impl FnMut() -> bool) -> bool {
        if self.waiting.deferred.is_empty() {
            return true;
        }
        let mut counts = vec![0u32; self.count];
        for (bucket, _) in &self.waiting.deferred {
            counts[*bucket as usize] += 1;
        }
        let mut ends: Vec<u32> = counts
            .iter()
            .scan(0, |end, count| {
                let start = *end;
                *end += count;
                Some(start)
            })
            .collect();
        let mut sorted = Zeroizing::new(vec![0u32; self.waiting.deferred.len()]);
        for (bucket, point) in self.waiting.deferred.drain(..) {
            let end = &mut ends[bucket as usize];
            sorted[*end as usize] = point.base_id();
            *end += 1;
        }
        self.add(bases, &counts, &sorted, go_on)
    }
}
