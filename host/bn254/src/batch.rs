//! Many independent affine additions with one inversion: 5 products and 1 square an addition, eight additions a vector.
//!
//! Forward, over all vectors: the denominator x₂ − x₁ is multiplied into a running product, one for each lane of each of
//! [`CHAINS`] interleaved chains, and what the product was before is kept. The products are inverted together. Backward, each
//! inverse is taken apart (Montgomery's trick) and its addition finished. Doublings have 2y₁ and 3x₁² for denominator and numerator and
//! share the rest; sums that need no division (a point at infinity, opposite points) get a denominator of 1 and are set afterwards.
//!
//! Bounds, in units of q, by the rules of [`lanes`](crate::lanes); where G2 is wider, it stands in brackets:
//! loaded x < 8, y ≤ 4 (negated: 4 − y); denominators < 16; numerators < 8, or 3x₁² < 8.3 \[16.5\]; running products < 2.5 \[3.7\],
//! as 16·2.5/84.6 + 2 < 2.5 \[16·3.7/84.6 + 3 < 3.7\]; inverses < 2.1 \[3.2\]; slopes < 2.3 \[3.7\]; their squares < 2.1 \[4.4\];
//! x₃ < 2.1 + 20 \[24.4\], settled to 5; y₃ < 2.3·16/84.6 + 2 + 6 < 8.5 \[9.7\], settled to 3. Rows end below 5/4 and 3/2.

use crate::{
    backend::{Instructions, Kernel},
    curve::Affine,
    field::{Field, invert_all},
    lanes::{Backend, LANES, Lanes, Line},
    points::{Curve, Rows},
};

/// Chains of products that do not wait for each other.
const CHAINS: usize = 2;
/// Vectors of a batch: enough to share an inversion, few enough for the second-level cache (G1 1,920 bytes each, G2 twice that).
const BATCH_VECTORS: usize = 176;
/// The most pairs of a batch.
pub(crate) const BATCH: usize = BATCH_VECTORS * LANES;
/// What is kept of a vector between forward and backward: denominator, product before, numerator, x₁, x₂, y₁.
const KEPT: usize = 6;

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

    /// What [`PointRef::base`] was given.
    #[inline(always)]
    pub(crate) const fn base_id(self) -> u32 {
        self.0
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
        let (all, at) = (if point.is_own() { self.own } else { self.bases }, point.index() * C::ROWS);
        &all[at..at + C::ROWS]
    }

    fn point(self, point: PointRef) -> Affine<C::Field> {
        C::read(self.rows(point)).neg_if(point.is_negative())
    }
}

/// Points of our own, and what additions need.
pub(crate) struct Pool<C: Curve> {
    instructions: Instructions,
    rows: Rows,
    len: usize,
    scratch: Vec<Line>,
    of: core::marker::PhantomData<C>,
}

impl<C: Curve> Pool<C> {
    /// A pool of `len` points at infinity.
    pub(crate) fn new(instructions: Instructions, len: usize) -> Self {
        let mut rows = Rows::default();
        rows.grow(len * C::ROWS);
        Self { instructions, rows, len, scratch: Vec::new(), of: core::marker::PhantomData }
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
        // The last vectors of a batch are written whole.
        self.rows.grow((self.len + sums + LANES * CHAINS) * C::ROWS);
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

    fn add_batch(&mut self, bases: &[C::Base], pairs: &[Pair], target: Target, fetched: bool, next: &[Pair]) {
        let batch = AddPairs {
            bases: crate::points::rows::<C>(bases),
            own: self.rows.all_mut(),
            pairs,
            target,
            fetched,
            next,
            scratch: &mut self.scratch,
            of: core::marker::PhantomData,
        };
        C::add_pairs(self.instructions, batch);
    }
}

/// Where the sums of a batch go.
#[derive(Clone, Copy)]
enum Target {
    /// To the pool's points from this one on.
    From(usize),
    /// Over the first of each pair.
    Firsts,
}

/// A batch of additions.
pub struct AddPairs<'a, C> {
    bases: &'a [[u8; 64]],
    own: &'a mut [[u8; 64]],
    pairs: &'a [Pair],
    target: Target,
    /// Whether the points of `pairs` were asked for by the batch before.
    fetched: bool,
    /// The pairs of the batch after: their points are fetched while this one computes, as they lie anywhere in a key.
    next: &'a [Pair],
    scratch: &'a mut Vec<Line>,
    of: core::marker::PhantomData<C>,
}

/// What an addition comes down to when its denominator is 0 or a point is infinite.
enum Exception<F> {
    None,
    Doubling,
    Sum(Affine<F>),
}

fn exception<F: Field>(p: Affine<F>, q: Affine<F>) -> Exception<F> {
    if p.is_infinity() {
        Exception::Sum(q)
    } else if q.is_infinity() {
        Exception::Sum(p)
    } else if !p.x.sub(q.x).is_zero() {
        Exception::None
    } else if p.y.sub(q.y).is_zero() && !p.y.is_zero() {
        Exception::Doubling
    } else {
        Exception::Sum(Affine::INFINITY)
    }
}

/// Sums that are set after all others.
type Later<F> = Vec<(usize, Affine<F>)>;

/// Sorts out the lanes in `suspects`: (those that double, those whose sum is in `later`).
#[cold]
#[inline(never)]
fn exceptions<C: Curve>(
    source: Source<'_, C>,
    pairs: &[Pair; LANES],
    suspects: u8,
    first: usize,
    later: &mut Later<C::Field>,
) -> (u8, u8) {
    let (mut doublings, mut settled) = (0, 0);
    for lane in (0..LANES).filter(|lane| suspects >> lane & 1 == 1) {
        let (p, q) = pairs[lane];
        match exception(source.point(p), source.point(q)) {
            Exception::None => {}
            Exception::Doubling => doublings |= 1 << lane,
            Exception::Sum(sum) => {
                settled |= 1 << lane;
                later.push((first + lane, sum));
            }
        }
    }
    (doublings, settled)
}

impl<C: Curve> AddPairs<'_, C> {
    /// The pairs of a vector; the last vectors repeat the last pair.
    #[inline(always)]
    fn vector(&self, index: usize) -> [Pair; LANES] {
        match self.pairs.get(index * LANES..).and_then(|rest| rest.first_chunk()) {
            Some(all) => *all,
            None => core::array::from_fn(|i| self.pairs[(index * LANES + i).min(self.pairs.len() - 1)]),
        }
    }

    #[inline(always)]
    fn source(&self) -> Source<'_, C> {
        Source { bases: self.bases, own: self.own, of: core::marker::PhantomData }
    }

    /// Where the sums of a vector go; a pair that is repeated gives the same sum again.
    #[inline(always)]
    fn places(&self, index: usize) -> [usize; LANES] {
        match self.target {
            Target::From(start) => {
                let at = start + index * LANES;
                [at, at + 1, at + 2, at + 3, at + 4, at + 5, at + 6, at + 7]
            }
            Target::Firsts => {
                let [a, b, c, d, e, f, g, h] = self.vector(index);
                let at = |(first, _): Pair| first.index();
                [at(a), at(b), at(c), at(d), at(e), at(f), at(g), at(h)]
            }
        }
    }

    #[inline(always)]
    fn prefetch<V: Lanes>(&self, pairs: &[Pair]) {
        let source = self.source();
        for (p, q) in pairs {
            for point in [source.rows(*p), source.rows(*q)] {
                for row in point {
                    V::prefetch(row);
                }
            }
        }
    }

    /// x, and y with its sign.
    #[inline(always)]
    fn gather<V: Lanes>(&self, points: [PointRef; LANES]) -> (V, V) {
        let [a, b, c, d, e, f, g, h] = points;
        let source = self.source();
        let rows = |p| source.rows(p);
        let (x, y) =
            V::gather_points([rows(a), rows(b), rows(c), rows(d), rows(e), rows(f), rows(g), rows(h)]);
        let mut negative = 0;
        for (lane, point) in points.iter().enumerate() {
            negative |= u8::from(point.is_negative()) << lane;
        }
        if negative == 0 { (x, y) } else { (x, V::select(negative, V::zero().sub::<4>(y), y)) }
    }
}

/// What was kept of the vectors of a group.
struct Kept<'a>(&'a [Line]);

impl Kept<'_> {
    #[inline(always)]
    fn get<V: Lanes>(&self, chain: usize, what: usize) -> V {
        let at = (chain * KEPT + what) * V::LINES;
        V::restore(&self.0[at..at + V::LINES])
    }
}

/// 1/x for the lanes of all chains: multiplied up over the chains, then over the lanes.
#[inline(always)]
fn invert<V: Lanes>(chains: &mut [V; CHAINS]) {
    let mut before = [V::one(); CHAINS];
    let mut product = V::one();
    for c in 0..CHAINS {
        before[c] = product;
        product = product.mul(chains[c]);
    }
    let mut scalars = product.scalars();
    invert_all(&mut scalars, &mut Vec::with_capacity(LANES));
    let mut inverse = V::from_scalars(scalars);
    for c in (0..CHAINS).rev() {
        let chain = chains[c];
        chains[c] = inverse.mul(before[c]);
        inverse = inverse.mul(chain);
    }
}

impl<C: Curve> Kernel for AddPairs<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.add::<C::Lanes<B>>();
    }
}

impl<C: Curve> AddPairs<'_, C> {
    #[inline(always)]
    fn add<V: Lanes<Scalar = C::Field>>(self) {
        let groups = self.pairs.len().div_ceil(LANES * CHAINS);
        let lines = KEPT * V::LINES;
        let mut scratch = core::mem::take(self.scratch);
        if scratch.len() < groups * CHAINS * lines {
            scratch.resize(groups * CHAINS * lines, Line([0; LANES]));
        }
        if !self.fetched {
            self.prefetch::<V>(self.pairs);
        }
        let mut later: Later<C::Field> = Vec::new();
        let mut chains = [V::one(); CHAINS];
        for group in 0..groups {
            for (c, chain) in chains.iter_mut().enumerate() {
                let index = group * CHAINS + c;
                let pairs = self.vector(index);
                let [a, b, d, e, f, g, h, i] = pairs;
                let (x1, y1) = self.gather::<V>([a.0, b.0, d.0, e.0, f.0, g.0, h.0, i.0]);
                let (x2, y2) = self.gather::<V>([a.1, b.1, d.1, e.1, f.1, g.1, h.1, i.1]);
                let (mut denominator, mut numerator) = (x2.sub::<8>(x1), y2.sub::<4>(y1));
                let mut product = chain.mul(denominator);
                let suspects = product.zeros_of_product() | x1.may_be_zero() | x2.may_be_zero();
                if suspects != 0 {
                    let (doublings, settled) =
                        exceptions(self.source(), &pairs, suspects, index * LANES, &mut later);
                    let xx = x1.square();
                    numerator = V::select(doublings, xx.add(xx).add(xx), numerator);
                    denominator = V::select(doublings, y1.add(y1), denominator);
                    denominator = V::select(settled, V::one(), denominator);
                    product = chain.mul(denominator);
                }
                let keep = &mut scratch[index * lines..(index + 1) * lines];
                for (value, lines) in [denominator, *chain, numerator, x1, x2, y1]
                    .into_iter()
                    .zip(keep.chunks_exact_mut(V::LINES))
                {
                    value.save(lines);
                }
                *chain = product;
            }
        }
        invert(&mut chains);
        for group in (0..groups).rev() {
            let ahead = self.next.get(group * CHAINS * LANES..).unwrap_or_default();
            self.prefetch::<V>(&ahead[..ahead.len().min(CHAINS * LANES)]);
            let at = group * CHAINS * lines;
            let kept = Kept(&scratch[at..at + CHAINS * lines]);
            let mut slopes = [V::zero(); CHAINS];
            for c in 0..CHAINS {
                slopes[c] = chains[c].mul(kept.get(c, 1));
                chains[c] = chains[c].mul(kept.get(c, 0));
            }
            for (c, slope) in slopes.iter_mut().enumerate() {
                *slope = slope.mul(kept.get(c, 2));
            }
            let mut xs = [V::zero(); CHAINS];
            for c in 0..CHAINS {
                let x = slopes[c].square().sub::<12>(kept.get(c, 3)).sub::<8>(kept.get(c, 4));
                xs[c] = x.settle::<{ crate::lanes::X_SHIFT }>();
            }
            for c in 0..CHAINS {
                let y = slopes[c].mul(kept.get::<V>(c, 3).sub::<8>(xs[c])).sub::<6>(kept.get(c, 5));
                let y = y.settle::<{ crate::lanes::Y_SHIFT }>();
                let places = self.places(group * CHAINS + c);
                V::scatter_points(xs[c], y, self.own, places);
            }
        }
        for (index, sum) in later {
            let at = self.places(index / LANES)[index % LANES] * C::ROWS;
            C::write(&sum, &mut self.own[at..at + C::ROWS]);
        }
        *self.scratch = scratch;
    }
}
