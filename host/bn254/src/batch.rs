//! Points by reference, and sums of many pairs of them ([`kernel`]).

mod images;
mod kernel;

use zeroize::Zeroize;

use crate::{
    backend::Instructions,
    curve::Affine,
    lanes::{LANES, Line},
    points::{Curve, Rows},
};

pub use images::MapPoints;
pub use kernel::AddPairs;
use kernel::{CHAINS, Later, Target};

/// Vectors of a batch: enough to share an inversion, few enough for the second-level cache (G1 1,920 bytes each, G2 twice that).
const BATCH_VECTORS: usize = 176;
/// The most pairs of a batch.
pub(crate) const BATCH: usize = BATCH_VECTORS * LANES;

/// Names a point: a base, perhaps negated, or a point of a [`Pool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PointRef(u32);

impl zeroize::DefaultIsZeroes for PointRef {}

impl PointRef {
    /// The most bases, and the most points of a pool.
    pub const LIMIT: usize = 1 << 30;
    const OWN: u32 = 1 << 31;

    /// A base by twice its index, plus 1 for its negative; the index is below [`PointRef::LIMIT`].
    #[inline(always)]
    pub const fn base(id: u32) -> Self {
        Self(id & !Self::OWN)
    }

    #[inline(always)]
    pub(crate) const fn own(index: usize) -> Self {
        Self((index as u32) << 1 | Self::OWN)
    }

    #[inline(always)]
    fn index(self) -> usize {
        ((self.0 & !Self::OWN) >> 1) as usize
    }

    #[inline(always)]
    fn is_own(self) -> bool {
        self.0 & Self::OWN != 0
    }

    /// The index, of a point of a pool.
    pub(crate) fn own_index(self) -> Option<usize> {
        self.is_own().then(|| self.index())
    }

    #[inline(always)]
    fn is_negative(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Two points to be added.
pub(crate) type Pair = (PointRef, PointRef);

/// The rows of a point, in those of all bases or of the pool.
#[inline(always)]
fn rows_of<C: Curve>(all: &[[u8; 64]], point: PointRef) -> &[[u8; 64]] {
    let at = point.index() * C::ROWS;
    &all[at..at + C::ROWS]
}

/// Where referenced points are.
struct Source<'a, C> {
    bases: &'a [[u8; 64]],
    own: &'a [[u8; 64]],
    of: core::marker::PhantomData<C>,
}

impl<C> Clone for Source<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C> Copy for Source<'_, C> {}

impl<'a, C: Curve> Source<'a, C> {
    #[inline(always)]
    fn rows(self, point: PointRef) -> &'a [[u8; 64]] {
        rows_of::<C>(if point.is_own() { self.own } else { self.bases }, point)
    }

    fn point(self, point: PointRef) -> Affine<C::Field> {
        C::read(self.rows(point)).neg_if(point.is_negative())
    }
}

/// Places of a pool behind its points and their sums: the last vectors of a batch are written whole.
pub(crate) const PLACES_BEHIND: usize = LANES * CHAINS;

/// What additions take at most, in the widest form, for points of so many rows.
pub(crate) const fn additions_bytes(rows: usize) -> usize {
    let later = BATCH * (rows * 64 + size_of::<u32>());
    BATCH_VECTORS * kernel::LINES_MOST * rows * size_of::<Line>() + later
}

/// Points of our own, and what additions need.
pub(crate) struct Pool<C: Curve> {
    instructions: Instructions,
    rows: Rows,
    len: usize,
    scratch: Vec<Line>,
    later: Later,
    of: core::marker::PhantomData<C>,
}

/// A bucket that one point is in tells that point's digit; what additions need tells the points.
impl<C: Curve> Drop for Pool<C> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<C: Curve> Pool<C> {
    /// A pool of `len` points at infinity; sums as [`Pool::reshape`].
    pub(crate) fn new(instructions: Instructions, len: usize, sums: (usize, usize)) -> Self {
        let (rows, scratch, later) = (Rows::default(), Vec::new(), Later::default());
        let mut pool = Self { instructions, rows, len: 0, scratch, later, of: core::marker::PhantomData };
        pool.reshape(len, sums);
        pool
    }

    /// Overwrites all points and what additions left; the memory stays.
    pub(crate) fn wipe(&mut self) {
        self.rows.wipe();
        self.scratch.iter_mut().for_each(|line| line.0.zeroize());
        self.later.wipe();
    }

    /// Makes it `len` points at infinity, with memory for so many sums, and room for the most that there will be, which takes memory when they come.
    pub(crate) fn reshape(&mut self, len: usize, (sums, most): (usize, usize)) {
        self.len = 0;
        self.rows.make_room((len + most.max(sums) + PLACES_BEHIND) * C::ROWS);
        self.reserve(len + sums);
        self.reset(len);
    }

    /// Writes a point over point `index` of the pool, as [`Pool::set`] of [`Pool::get`] would.
    #[inline(always)]
    pub(crate) fn place(&mut self, index: usize, bases: &[C::Base], point: PointRef) {
        if point.is_negative() || point.is_own() {
            let point = self.get(bases, point);
            self.set(index, &point);
        } else {
            let at = index * C::ROWS;
            self.rows.all_mut()[at..at + C::ROWS]
                .copy_from_slice(&crate::points::rows::<C>(bases)[point.index() * C::ROWS..][..C::ROWS]);
        }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends so many points at infinity.
    pub(crate) fn extend(&mut self, count: usize) {
        let (start, end) = (self.len * C::ROWS, (self.len + count) * C::ROWS);
        self.rows.grow(end);
        self.rows.all_mut()[start..end].fill([0; 64]);
        self.len += count;
    }

    /// Makes room for so many sums.
    pub(crate) fn reserve(&mut self, sums: usize) {
        self.rows.grow((self.len + sums + PLACES_BEHIND) * C::ROWS);
    }

    /// Makes the first points infinite and forgets all others.
    pub(crate) fn reset(&mut self, len: usize) {
        self.rows.all_mut()[..len * C::ROWS].fill([0; 64]);
        self.len = len;
    }

    /// Forgets all points from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = len;
    }

    /// A point.
    pub(crate) fn get(&self, bases: &[C::Base], point: PointRef) -> Affine<C::Field> {
        self.source(bases).point(point)
    }

    /// Writes over point `index`.
    pub(crate) fn set(&mut self, index: usize, point: &Affine<C::Field>) {
        C::write(point, &mut self.rows.all_mut()[index * C::ROWS..(index + 1) * C::ROWS]);
    }

    /// Copies point `from` over point `to`.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        self.rows.all_mut().copy_within(from * C::ROWS..(from + 1) * C::ROWS, to * C::ROWS);
    }

    fn source<'a>(&'a self, bases: &'a [C::Base]) -> Source<'a, C> {
        Source { bases: crate::points::rows::<C>(bases), own: self.rows.all(), of: core::marker::PhantomData }
    }

    /// Appends the sum of each pair, in order; asks `go_on` before each batch and returns whether it always did.
    ///
    /// # Panics
    /// If a reference is to no point.
    pub(crate) fn add_pairs(
        &mut self,
        bases: &[C::Base],
        pairs: &[Pair],
        mut go_on: impl FnMut() -> bool,
    ) -> bool {
        self.reserve(pairs.len());
        let mut batches = pairs.chunks(BATCH).peekable();
        let mut fetched = false;
        while let Some(batch) = batches.next() {
            if !go_on() {
                return false;
            }
            let next = batches.peek().copied().unwrap_or_default();
            self.add_batch(bases, batch, Target::From(self.len), fetched, next);
            self.len += batch.len();
            fetched = true;
        }
        true
    }

    /// Adds to the first of each pair, a point of the pool, the second; no point comes first twice. `next` are the pairs that will be added after
    /// these, and `fetched` says whether these were such pairs.
    ///
    /// # Panics
    /// If a reference is to no point, or the first of a pair to a base.
    pub(crate) fn add_to_firsts(&mut self, bases: &[C::Base], pairs: &[Pair], fetched: bool, next: &[Pair]) {
        self.add_batch(bases, pairs, Target::Firsts, fetched, next);
    }

    /// Replaces points of the pool, each named once, by their images under the endomorphism.
    ///
    /// # Panics
    /// If a reference is to no point of the pool.
    pub(crate) fn map(&mut self, points: &[PointRef]) {
        let images = MapPoints { own: self.rows.all_mut(), points, of: core::marker::PhantomData };
        C::map_points(self.instructions, images);
    }

    fn add_batch(&mut self, bases: &[C::Base], pairs: &[Pair], target: Target, fetched: bool, next: &[Pair]) {
        let batch = AddPairs {
            bases: crate::points::rows::<C>(bases),
            own: self.rows.all_mut(),
            pairs,
            target,
            fetched,
            next,
            scratch: &mut self.scratch,
            later: &mut self.later,
            of: core::marker::PhantomData,
        };
        C::add_pairs(self.instructions, batch);
    }
}
