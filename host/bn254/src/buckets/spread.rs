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

use zeroize::Zeroize;

use super::{Buckets, Run, wipe_pairs};
use crate::{
    batch::{BATCH, Pair, PointRef},
    points::Curve,
};

/// From so many buckets on, batches in which each stands once are long enough.
pub const MANY_BUCKETS: usize = 1 << 11;
/// A batch is at most this part of the buckets, so that few points meet their bucket in it.
const PART_OF_BUCKETS: usize = 4;
/// Up to so many deferred points try again with each batch.
const RETRIED: usize = 512;
/// So many deferred points, in rows of memory, are sorted.
const DEFERRED_ROWS: usize = 1 << 14;

/// Pairs of a batch; 0 where there are too few buckets for batches.
fn batch_of(buckets: usize) -> usize {
    if buckets < MANY_BUCKETS { 0 } else { BATCH.min(buckets / PART_OF_BUCKETS) }
}

/// Points that are deferred at most: a step defers as many as a batch takes before they are counted.
pub(super) fn most_deferred(buckets: usize, rows: usize) -> usize {
    match batch_of(buckets) {
        0 => 0,
        size => DEFERRED_ROWS / rows + size,
    }
}

/// What lists of points that wait take.
pub(super) fn waiting_bytes(buckets: usize) -> usize {
    match batch_of(buckets) {
        0 => 0,
        size => {
            let (pairs, addends) = (2 * (size + 1), DEFERRED_ROWS + size + 1 + RETRIED + 1);
            pairs * size_of::<Pair>() + addends * size_of::<Addend>() + buckets * size_of::<u32>()
        }
    }
}

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
    /// So many buckets, all empty, in memory for so many places.
    pub(super) fn new(count: usize, room: usize) -> Self {
        let mut of = Vec::with_capacity(room);
        of.resize(count, EMPTY);
        Self { of, batch: FIRST_BATCH }
    }

    /// Makes it so many buckets, all empty, and room for so many places. What was in memory that moves is wiped.
    pub(super) fn reshape(&mut self, count: usize, room: usize) {
        if self.of.capacity() < room {
            self.of.zeroize();
            self.of = Vec::with_capacity(room);
        }
        self.clear(count);
    }

    /// All of so many buckets are empty.
    pub(super) fn clear(&mut self, count: usize) {
        self.of.clear();
        self.of.resize(count, EMPTY);
        self.batch = FIRST_BATCH;
    }

    /// Forgets all of so many buckets, behind the list as well.
    pub(super) fn wipe(&mut self, count: usize) {
        self.of.zeroize();
        self.clear(count);
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

    /// So many in all, the new ones empty; there is room for them.
    pub(super) fn extend_to(&mut self, count: usize) {
        assert!(count <= self.of.capacity(), "{count} places");
        self.of.resize(count, EMPTY);
    }

    /// Forgets those from `count` on.
    pub(super) fn truncate(&mut self, count: usize) {
        self.of.truncate(count);
    }

    /// No bucket stands in the new batch.
    fn next_batch(&mut self) {
        self.batch = self.batch.checked_add(1).unwrap_or_else(|| {
            self.of.iter_mut().for_each(|mark| *mark = (*mark).min(FILLED));
            FIRST_BATCH
        });
    }
}

/// The bucket that a point is for, and the point.
type Addend = (u32, PointRef);

/// A list of fixed room, so that nothing grows and leaves copies behind.
struct List<T> {
    all: Vec<T>,
    len: usize,
}

impl<T: Copy> List<T> {
    fn new(room: usize, nothing: T) -> Self {
        Self { all: vec![nothing; room], len: 0 }
    }

    /// Makes room, in a list that is empty.
    fn make_room(&mut self, room: usize, nothing: T) {
        if self.all.len() < room {
            // What there is goes first.
            self.all = Vec::new();
            self.all = vec![nothing; room];
        }
    }

    fn as_slice(&self) -> &[T] {
        &self.all[..self.len]
    }

    /// Writes behind the list, and takes it in if it is told to.
    #[inline(always)]
    fn push_if(&mut self, take: bool, item: T) {
        self.all[self.len] = item;
        self.len += usize::from(take);
    }
}

/// Points that are not in their buckets yet.
pub(super) struct Waiting {
    /// Pairs of a batch; 0: there are too few buckets for batches.
    size: usize,
    /// A full batch.
    ready: List<Pair>,
    /// Whether its points were asked for.
    fetched: bool,
    /// The batch that is being filled.
    forming: List<Pair>,
    deferred: List<Addend>,
    /// Deferred points that try again.
    again: List<Addend>,
    /// For sorting them: zero for each bucket.
    ends: Vec<u32>,
}

impl Waiting {
    pub(super) fn new(buckets: usize) -> Self {
        let nothing = PointRef::own(0);
        let mut waiting = Self {
            size: 0,
            ready: List::new(0, (nothing, nothing)),
            fetched: false,
            forming: List::new(0, (nothing, nothing)),
            deferred: List::new(0, (0, nothing)),
            again: List::new(0, (0, nothing)),
            ends: Vec::new(),
        };
        waiting.reshape(buckets);
        waiting
    }

    /// For so many buckets, while nothing waits. What is still written in a list that moves is wiped.
    pub(super) fn reshape(&mut self, buckets: usize) {
        self.size = batch_of(buckets);
        self.fetched = false;
        if self.size == 0 {
            return;
        }
        let nothing = PointRef::own(0);
        // A step defers as many as a batch takes at most, and one is written behind each list.
        let (pairs, deferred) = (self.size + 1, DEFERRED_ROWS + self.size + 1);
        if self.ready.all.len() < pairs || self.ends.len() < buckets {
            self.wipe();
            self.ready.make_room(pairs, (nothing, nothing));
            self.forming.make_room(pairs, (nothing, nothing));
            self.deferred.make_room(deferred, (0, nothing));
            self.again.make_room(RETRIED + 1, (0, nothing));
            self.ends = vec![0; buckets.max(self.ends.len())];
        }
    }

    /// Overwrites what is written in the lists.
    pub(super) fn wipe(&mut self) {
        wipe_pairs(&mut self.ready.all);
        wipe_pairs(&mut self.forming.all);
        wipe_pairs(&mut self.deferred.all);
        wipe_pairs(&mut self.again.all);
        self.ends.iter_mut().zeroize();
        for len in [&mut self.ready.len, &mut self.forming.len, &mut self.deferred.len, &mut self.again.len] {
            *len = 0;
        }
        self.fetched = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.len + self.forming.len + self.deferred.len == 0
    }
}

/// Which buckets hold a point says which digits there are.
impl Drop for Marks {
    fn drop(&mut self) {
        self.of.zeroize();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<C: Curve> Buckets<C> {
    /// Whether there are so many buckets that [`Buckets::spread`] pays.
    pub fn can_spread(&self) -> bool {
        self.waiting.size > 0
    }

    /// Adds points in any order. With d = `digits[i]` − `zero`, the base of `ids[i]` (twice its index, plus 1 for its negative) goes to bucket
    /// `first` + |d| − 1, negated if d < 0, and nowhere if d = 0. Some sums may wait for [`Buckets::flush`]. Asks `go_on` now and then and gives up
    /// when it says no: then the buckets are worth nothing, and false is returned. What waits is known by its index: until the flush, all calls
    /// get the same bases.
    ///
    /// # Panics
    /// If there are too few buckets ([`Buckets::can_spread`]), a digit is of none or an id of no base.
    pub fn spread(
        &mut self,
        bases: &[C::Base],
        first: usize,
        digits: &[u16],
        zero: u16,
        ids: &[u32],
        mut go_on: impl FnMut() -> bool,
    ) -> bool {
        assert!(self.can_spread() && digits.len() == ids.len(), "{:?}", self.layout);
        let mut at = 0;
        while at < digits.len() {
            // So many that the batch cannot be more than full afterwards.
            let end = digits.len().min(at + self.waiting.size - self.waiting.forming.len);
            for (digit, id) in digits[at..end].iter().zip(&ids[at..end]) {
                let digit = i32::from(*digit) - i32::from(zero);
                if digit != 0 {
                    let point = PointRef::base(id ^ u32::from(digit < 0));
                    self.put(bases, (first as u32 + digit.unsigned_abs() - 1, point));
                }
            }
            at = end;
            if self.waiting.forming.len == self.waiting.size && !self.turn(bases, &mut go_on) {
                return false;
            }
            if self.waiting.deferred.len * C::ROWS >= DEFERRED_ROWS && !self.sort_deferred(bases, &mut go_on)
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
        if *mark == EMPTY {
            *mark = FILLED;
            self.pool.place(bucket as usize, bases, point);
            return;
        }
        let stands = *mark == self.marks.batch;
        *mark = self.marks.batch;
        self.waiting.deferred.push_if(stands, (bucket, point));
        self.waiting.forming.push_if(!stands, (PointRef::own(bucket as usize), point));
    }

    /// Does the sums of the batch that is ready, and lets the one that is being filled be ready.
    fn turn(&mut self, bases: &[C::Base], go_on: &mut impl FnMut() -> bool) -> bool {
        if !go_on() {
            return false;
        }
        let waiting = &mut self.waiting;
        let (ready, next) = (waiting.ready.as_slice(), waiting.forming.as_slice());
        if !ready.is_empty() {
            self.pool.add_to_firsts(bases, ready, waiting.fetched, next);
        }
        waiting.fetched = !ready.is_empty();
        waiting.ready.len = 0;
        std::mem::swap(&mut waiting.ready, &mut waiting.forming);
        self.marks.next_batch();
        // As many as a batch takes, or they are left.
        let tries = waiting.deferred.len;
        if tries <= RETRIED.min(waiting.size) {
            waiting.again.all[..tries].copy_from_slice(waiting.deferred.as_slice());
            waiting.deferred.len = 0;
            for i in 0..tries {
                self.put(bases, self.waiting.again.all[i]);
            }
        }
        true
    }

    /// Sorts the deferred points by bucket and adds them up there.
    fn sort_deferred(&mut self, bases: &[C::Base], go_on: &mut impl FnMut() -> bool) -> bool {
        if self.waiting.deferred.len == 0 {
            return true;
        }
        self.make_room(2 * self.waiting.deferred.len, self.waiting.deferred.len);
        // Runs in the order in which their buckets come first: no step takes longer for more buckets.
        let deferred = self.waiting.deferred.as_slice();
        let ends = &mut self.waiting.ends;
        debug_assert!(self.points.is_empty() && self.runs.is_empty());
        for (key, _) in deferred {
            let len = &mut ends[*key as usize];
            if *len == 0 {
                self.runs.push(Run { key: *key, len: 0 });
            }
            *len += 1;
        }
        self.points.resize(deferred.len() + self.runs.len(), PointRef::own(0));
        let mut start = 0;
        for Run { key, len } in &mut self.runs {
            let end = &mut ends[*key as usize];
            let filled = self.marks.fill(*key as usize);
            if filled {
                self.points[start] = PointRef::own(*key as usize);
            }
            *len = *end + u32::from(filled);
            *end = start as u32 + u32::from(filled);
            start += *len as usize;
        }
        self.points.truncate(start);
        for (key, point) in deferred {
            let end = &mut ends[*key as usize];
            self.points[*end as usize] = *point;
            *end += 1;
        }
        for Run { key, .. } in &self.runs {
            ends[*key as usize] = 0;
        }
        self.waiting.deferred.len = 0;
        self.pool.reserve(self.points.len() - self.runs.len());
        self.sum_runs(bases, &mut *go_on) && self.settle(bases)
    }
}
