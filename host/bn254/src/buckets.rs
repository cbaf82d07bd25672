//! Sums of many points into buckets, and what a window of buckets is worth: the inner loops of a multi-scalar multiplication.
//!
//! Points of a bucket are added pairwise in rounds. A round of all buckets together is one list of independent additions
//! ([`batch`](crate::batch)), so every distribution of points over buckets costs the same: k points take k − 1 additions, and none waits
//! for another of its round.
//!
//! That asks for points sorted by bucket. Where buckets are many, [`Buckets::spread`] takes them as they come instead ([`spread`]).

mod spread;

use zeroize::Zeroize;

use crate::{
    backend::Instructions,
    batch::{Pair, PointRef, Pool},
    curve::Xyzz,
    points::Curve,
};

/// Up to so many buckets are weighed by running sums.
const FEW_BUCKETS: usize = 16;

/// So many consecutive references belong to one sum.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The sum's place in the pool.
    key: u32,
    /// Number of references.
    len: u32,
}

/// Bucket sums in the making; keeps its memory between uses.
pub struct Buckets<C: Curve> {
    /// The buckets, then sums in the making.
    pool: Pool<C>,
    count: usize,
    /// Which buckets hold a point, and which wait for a sum.
    marks: spread::Marks,
    waiting: spread::Waiting,
    points: Vec<PointRef>,
    runs: Vec<Run>,
    pairs: Vec<Pair>,
    /// A sum's place, and the point that it is.
    done: Vec<(u32, PointRef)>,
}

impl Run {
    fn wipe(&mut self) {
        self.key.zeroize();
        self.len.zeroize();
    }
}

/// Makes room for so many items in all; what would be left behind is wiped.
fn make_room<T: Clone>(list: &mut Vec<T>, room: usize, wipe: impl FnOnce(&mut [T])) {
    if list.capacity() < room {
        let mut roomy = Vec::with_capacity(room);
        roomy.extend_from_slice(list);
        wipe(list);
        *list = roomy;
    }
}

fn wipe_pairs<A: Zeroize, B: Zeroize>(pairs: &mut [(A, B)]) {
    for (a, b) in pairs {
        a.zeroize();
        b.zeroize();
    }
}

/// Makes a list as long as its memory.
fn fill_up<T: Clone>(list: &mut Vec<T>, with: T) {
    list.resize(list.capacity(), with);
}

/// Which bucket a point went to is its scalar's digit.
impl<C: Curve> Drop for Buckets<C> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<C: Curve> Buckets<C> {
    /// So many empty buckets.
    ///
    /// # Panics
    /// If there are [`PointRef::LIMIT`] or more.
    pub fn new(instructions: Instructions, count: usize) -> Self {
        assert!(count < PointRef::LIMIT, "{count} buckets");
        Self {
            // All sums of weighing, which need the most.
            pool: Pool::new(instructions, count, 2 * count),
            count,
            marks: spread::Marks::new(count),
            waiting: spread::Waiting::new(count),
            points: Vec::new(),
            runs: Vec::new(),
            pairs: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Makes the buckets, which are empty, so many. Memory is kept, and grows where need be.
    ///
    /// # Panics
    /// If points wait for [`Buckets::flush`], or there are [`PointRef::LIMIT`] buckets or more.
    pub fn reshape(&mut self, count: usize) {
        assert!(count < PointRef::LIMIT && self.waiting.is_empty(), "{count} buckets");
        if count != self.count {
            self.count = count;
            self.pool.reshape(count, 2 * count);
            self.marks.reshape(count);
            self.waiting.reshape(count);
        }
    }

    /// Empties all buckets and overwrites everything that was in them; the memory stays.
    pub fn wipe(&mut self) {
        // Lists are shorter now than they were: what is behind them is overwritten as well.
        fill_up(&mut self.points, PointRef::own(0));
        self.points.iter_mut().zeroize();
        self.points.clear();
        fill_up(&mut self.runs, Run { key: 0, len: 0 });
        self.runs.iter_mut().for_each(Run::wipe);
        self.runs.clear();
        fill_up(&mut self.pairs, (PointRef::own(0), PointRef::own(0)));
        wipe_pairs(&mut self.pairs);
        self.pairs.clear();
        fill_up(&mut self.done, (0, PointRef::own(0)));
        wipe_pairs(&mut self.done);
        self.done.clear();
        self.pool.wipe();
        self.pool.reset(self.count);
        self.marks.wipe();
        self.waiting.wipe();
    }

    /// Adds points: the first `counts[0]` of `ids` to bucket 0, and so on; an id is twice the index of a base, plus 1 for its
    /// negative. Asks `go_on` now and then and gives up when it says no: then the buckets are worth nothing, and false is returned.
    ///
    /// # Panics
    /// If there are more counts than buckets or ids than counted, or an id is of no base.
    pub fn add(
        &mut self,
        bases: &[C::Base],
        counts: &[u32],
        ids: &[u32],
        go_on: impl FnMut() -> bool,
    ) -> bool {
        // A bucket's own point joins those of a run.
        let runs = counts.len().min(ids.len());
        self.make_room(ids.len() + runs, runs);
        let mut rest = ids;
        for (key, count) in counts.iter().enumerate() {
            if *count == 0 {
                continue;
            }
            let (own, others) = rest.split_at(*count as usize);
            rest = others;
            let filled = self.marks.fill(key);
            if filled {
                self.points.push(PointRef::own(key));
            }
            self.points.extend(own.iter().map(|id| PointRef::base(*id)));
            self.runs.push(Run { key: key as u32, len: count + u32::from(filled) });
        }
        // k points take k − 1 sums: all rounds together are no more than the points.
        self.pool.reserve(self.points.len());
        self.sum_runs(bases, go_on) && self.settle(bases)
    }

    /// Room for runs of so many points, and for what becomes of them.
    fn make_room(&mut self, points: usize, runs: usize) {
        make_room(&mut self.points, points, |points| points.iter_mut().zeroize());
        make_room(&mut self.runs, runs, |runs| runs.iter_mut().for_each(Run::wipe));
        make_room(&mut self.pairs, points / 2, wipe_pairs);
        make_room(&mut self.done, runs, wipe_pairs);
    }

    /// Sums up all runs into `done`.
    fn sum_runs(&mut self, bases: &[C::Base], mut go_on: impl FnMut() -> bool) -> bool {
        while !self.runs.is_empty() {
            let mut next = self.pool.len();
            // The list shrinks in place: what is written was read before.
            let (mut read, mut write, mut paired) = (0, 0, 0);
            let (points, pairs, done) = (&mut self.points[..], &mut self.pairs, &mut self.done);
            if pairs.len() < points.len() / 2 {
                pairs.resize(points.len() / 2, (PointRef::own(0), PointRef::own(0)));
            }
            let mut kept = 0;
            for at in 0..self.runs.len() {
                let Run { key, len } = self.runs[at];
                if len == 1 {
                    done.push((key, points[read]));
                    read += 1;
                    continue;
                }
                for _ in 0..len / 2 {
                    pairs[paired] = (points[read], points[read + 1]);
                    points[write] = PointRef::own(next);
                    (read, write, paired, next) = (read + 2, write + 1, paired + 1, next + 1);
                }
                if len % 2 == 1 {
                    points[write] = points[read];
                    (read, write) = (read + 1, write + 1);
                }
                self.runs[kept] = Run { key, len: len.div_ceil(2) };
                kept += 1;
            }
            self.runs.truncate(kept);
            self.points.truncate(write);
            if !self.pool.add_pairs(bases, &self.pairs[..paired], &mut go_on) {
                return false;
            }
        }
        self.points.clear();
        true
    }

    /// Puts finished sums in their places, and forgets all others.
    fn settle(&mut self, bases: &[C::Base]) -> bool {
        for (key, point) in self.done.drain(..) {
            match point.own_index() {
                Some(index) => self.pool.copy(index, key as usize),
                None => {
                    let point = self.pool.get(bases, point);
                    self.pool.set(key as usize, &point);
                }
            }
        }
        self.pool.truncate(self.count);
        true
    }

    /// Number of buckets.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Σ (i + 1)·bucketᵢ; the buckets are empty afterwards.
    ///
    /// # Panics
    /// If points wait for [`Buckets::flush`].
    ///
    /// With i = h·L + l it is L·Σ h·Σ_l B + Σ (l + 1)·Σ_h B: the sums over rows and over columns are runs like any other, and few
    /// enough remain to be weighed by running sums.
    pub fn weigh(&mut self) -> Xyzz<C::Field> {
        assert!(self.waiting.is_empty(), "points wait for their sums");
        let count = self.count;
        let sum = if count <= FEW_BUCKETS { self.running_sum(0..count, 1) } else { self.weigh_square() };
        self.count = count;
        self.marks.clear();
        self.pool.reset(count);
        sum
    }

    /// By rows and columns.
    fn weigh_square(&mut self) -> Xyzz<C::Field> {
        let log_low = self.count.ilog2().div_ceil(2);
        let low_count = 1usize << log_low;
        let high_count = self.count.div_ceil(low_count);
        let sums = self.pool.len();
        self.pool.extend(low_count + high_count);
        self.make_room(2 * self.count, high_count + low_count);
        let filled = |i: usize| i < self.count && self.marks.is_filled(i);
        let lines = (0..high_count).map(|h| (h, low_count, h * low_count, 1));
        let columns = (0..low_count).map(|l| (high_count + l, high_count, l, low_count));
        for (sum, len, first, step) in lines.chain(columns) {
            let before = self.points.len();
            self.points.extend((0..len).map(|i| first + i * step).filter(|i| filled(*i)).map(PointRef::own));
            match self.points.len() - before {
                0 => {}
                len => self.runs.push(Run { key: (sums + sum) as u32, len: len as u32 }),
            }
        }
        self.count = sums + low_count + high_count;
        self.sum_runs(&[], || true);
        self.settle(&[]);
        let high = self.running_sum(sums..sums + high_count, 0);
        let low = self.running_sum(sums + high_count..self.count, 1);
        high.double_times(log_low).add(&low)
    }

    /// Σ (first + i)·Pᵢ over a range of the pool; `first` is 0 or 1.
    fn running_sum(&self, range: std::ops::Range<usize>, first: usize) -> Xyzz<C::Field> {
        let (mut total, mut sum) = (Xyzz::INFINITY, Xyzz::INFINITY);
        let start = range.start + 1 - first;
        for index in (start..range.end).rev() {
            total = total.add_affine(&self.pool.get(&[], PointRef::own(index)));
            sum = sum.add(&total);
        }
        sum
    }
}
