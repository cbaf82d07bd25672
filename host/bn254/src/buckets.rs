//! Sums of many points into buckets, and what windows of buckets are worth: the inner loops of a multi-scalar multiplication.
//!
//! Points of a bucket are added pairwise in rounds. A round of all buckets together is one list of independent additions
//! ([`batch`](crate::batch)), so every distribution of points over buckets costs the same: k points take k − 1 additions, and none waits
//! for another of its round.
//!
//! That asks for points sorted by bucket. Where buckets are many, [`Buckets::spread`] takes them as they come instead ([`spread`]).
//!
//! Several windows are filled and weighed together ([`Layout`]), so that they share batches where one alone is too small for its inversions.

mod memory;
mod spread;
mod weigh;

pub use memory::Use;
pub use spread::MANY_BUCKETS;

use zeroize::Zeroize;

use crate::{
    backend::Instructions,
    batch::{Pair, PointRef, Pool},
    points::Curve,
};

/// Which buckets there are.
///
/// All windows have as many. Window w's are those from w·`buckets` on. With `images`, as many again lie behind those of all windows: what is in
/// them counts for the bucket before by its image under the endomorphism of the group ([`endomorphism`](crate::endomorphism)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Windows, at least one.
    pub windows: usize,
    /// Buckets of a window, at least one: of digits 1, 2, ….
    pub buckets: usize,
    /// Whether each window has as many buckets again, of images.
    pub images: bool,
}

impl Layout {
    /// One window of so many buckets.
    pub const fn one(buckets: usize) -> Self {
        Self { windows: 1, buckets, images: false }
    }

    /// Buckets of all windows, without those of images.
    const fn weighed(&self) -> usize {
        self.windows * self.buckets
    }

    /// All buckets.
    pub const fn count(&self) -> usize {
        self.weighed() << self.images as u32
    }
}

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
    layout: Layout,
    /// Places of the pool that are kept: the buckets, and sums of them while they are weighed.
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

/// Sums in the making beside the buckets: as many as weighing takes, and the most.
fn sums_of<C: Curve>(layout: &Layout) -> (usize, usize) {
    let weighing = weigh::room(layout) - layout.count();
    (weighing, weighing.max(spread::most_deferred(layout.count(), C::ROWS)))
}

/// Makes room for so many items in all; what would be left behind is wiped, what the list held before it was cleared with it.
fn make_room<T: Clone>(list: &mut Vec<T>, room: usize, nothing: T, wipe: impl FnOnce(&mut [T])) {
    if list.capacity() < room {
        let mut roomy = Vec::with_capacity(room);
        roomy.extend_from_slice(list);
        fill_up(list, nothing);
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
    /// Empty buckets.
    ///
    /// # Panics
    /// If there are none, or [`PointRef::LIMIT`] or more.
    pub fn new(instructions: Instructions, layout: Layout) -> Self {
        let count = layout.count();
        assert!((1..PointRef::LIMIT).contains(&count), "{layout:?}");
        Self {
            pool: Pool::new(instructions, count, sums_of::<C>(&layout)),
            layout,
            count,
            marks: spread::Marks::new(count, weigh::room(&layout)),
            waiting: spread::Waiting::new(count),
            points: Vec::new(),
            runs: Vec::new(),
            pairs: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Makes other buckets of these, which are empty. Memory is kept, and grows where need be.
    ///
    /// # Panics
    /// If points wait for [`Buckets::flush`], and as [`Buckets::new`].
    pub fn reshape(&mut self, layout: Layout) {
        let count = layout.count();
        assert!((1..PointRef::LIMIT).contains(&count) && self.waiting.is_empty(), "{layout:?}");
        if layout != self.layout {
            self.layout = layout;
            self.count = count;
            self.pool.reshape(count, sums_of::<C>(&layout));
            self.marks.reshape(count, weigh::room(&layout));
            self.waiting.reshape(count);
        }
    }

    /// Makes room for sums of so many ids that will be [added](Buckets::add) at once. The buckets are empty.
    pub fn make_room_for(&mut self, ids: usize) {
        let (least, most) = sums_of::<C>(&self.layout);
        self.pool.reshape(self.count, (least, most.max(ids)));
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
        self.count = self.layout.count();
        self.pool.reset(self.count);
        self.marks.wipe(self.count);
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
        // k points of a run take k − 1 sums in all rounds together.
        self.pool.reserve(self.points.len() - self.runs.len());
        self.sum_runs(bases, go_on) && self.settle(bases)
    }

    /// Room for runs of so many points, and for what becomes of them.
    fn make_room(&mut self, points: usize, runs: usize) {
        let own = PointRef::own(0);
        make_room(&mut self.points, points, own, |points| points.iter_mut().zeroize());
        make_room(&mut self.runs, runs, Run { key: 0, len: 0 }, |runs| runs.iter_mut().for_each(Run::wipe));
        make_room(&mut self.pairs, points / 2, (own, own), wipe_pairs);
        make_room(&mut self.done, runs, (0, own), wipe_pairs);
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

    /// Which buckets there are.
    pub fn layout(&self) -> Layout {
        self.layout
    }
}

#[cfg(test)]
mod tests {
    use super::make_room;

    #[test]
    fn a_list_that_moves_leaves_nothing_behind_it() {
        let mut list = vec![7u32; 4];
        list.truncate(1);
        let mut wiped = Vec::new();
        make_room(&mut list, 5, 0, |all| wiped = all.to_vec());
        assert!(list == [7] && list.capacity() >= 5);
        assert_eq!(wiped, [7, 0, 0, 0], "all that it ever held is overwritten, and handed over for wiping");
        make_room(&mut list, 2, 0, |_| panic!("it has room"));
    }
}
