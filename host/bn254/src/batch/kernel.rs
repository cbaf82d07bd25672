//! Many independent affine additions with one inversion: 5 products and 1 square an addition, eight additions a vector.
//!
//! Forward, over all vectors: the denominator x₂ − x₁ is multiplied into a running product, one for each lane of each of
//! [`CHAINS`] interleaved chains, and what the product was before is kept. The products are inverted together. Backward, each
//! inverse is taken apart (Montgomery's trick) and its addition finished. Doublings have 2y₁ and 3x₁² for denominator and numerator and
//! share the rest; sums that need no division (a point at infinity, opposite points) get a denominator of 1 and are set afterwards.
//!
//! Bounds, in units of q, by the rules of [`lanes`](crate::lanes); where G2 is wider, it stands in brackets:
//! loaded x < 8, y ≤ 4 (negated, and beside negated ones: 8); denominators ≤ 16; numerators < 4 + 12, or 3x₁² < 8.3 \[16.5\]; running products
//! < 2.5 \[3.7\], as 16·2.5/84.6 + 2 < 2.5 \[16·3.7/84.6 + 3 < 3.7\]; inverses of
//! denominators < 2.1 \[3.2\], and of running products as those; slopes < 2.4 \[3.7\]; their squares < 2.1
//! \[3.1\]; x₃ < 2.1 + 20 \[23.1\], settled to 5; y₃ < 2.4·16/84.6 + 2 + 10 < 12.5 \[13.7\], settled to 3. Rows end below 5/4 and 3/2.

use zeroize::Zeroize;

use super::{BATCH, BATCH_VECTORS, Pair, PointRef, Source, rows_of};
use crate::{
    backend::Kernel,
    curve::Affine,
    field::{Field, invert_each},
    lanes::{Backend, LANES, Lanes, Line},
    points::{Curve, Rows},
};

/// Chains of products that do not wait for each other.
pub(super) const CHAINS: usize = 2;
/// What is kept of a vector between forward and backward: denominator, product before, numerator, x₁, x₂, y₁.
const KEPT: usize = 6;
/// Lines of that for a coordinate in Fq, in the widest form: five limbs.
pub(super) const LINES_MOST: usize = 5 * KEPT;

/// Where the sums of a batch go.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// To the pool's points from this one on.
    From(usize),
    /// Over the first of each pair.
    Firsts,
}

/// A batch of additions.
pub struct AddPairs<'a, C> {
    pub(super) bases: &'a [[u8; 64]],
    pub(super) own: &'a mut [[u8; 64]],
    pub(super) pairs: &'a [Pair],
    pub(super) target: Target,
    /// Whether the points of `pairs` were asked for by the batch before.
    pub(super) fetched: bool,
    /// The pairs of the batch after: their points are fetched while this one computes, as they lie anywhere in a key.
    pub(super) next: &'a [Pair],
    pub(super) scratch: &'a mut Vec<Line>,
    pub(super) later: &'a mut Later,
    pub(super) of: core::marker::PhantomData<C>,
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

/// Sums of a batch that are set after all others. Memory comes with the first of them, for as many as a batch has, and stays.
#[derive(Default)]
pub(super) struct Later {
    sums: Rows,
    /// Which of the batch.
    indices: Vec<u32>,
}

impl Later {
    fn push<C: Curve>(&mut self, index: usize, sum: &Affine<C::Field>) {
        let at = self.indices.len() * C::ROWS;
        self.sums.grow(BATCH * C::ROWS);
        self.indices.reserve_exact(BATCH - self.indices.len());
        self.indices.push(index as u32);
        C::write(sum, &mut self.sums.all_mut()[at..at + C::ROWS]);
    }

    /// Overwrites all that was in it.
    pub(super) fn wipe(&mut self) {
        self.sums.wipe();
        self.indices.zeroize();
    }
}

/// Sorts out the lanes in `suspects`: (those that double, those whose sum is in `later`).
#[cold]
#[inline(never)]
fn exceptions<C: Curve>(
    source: Source<'_, C>,
    pairs: &[Pair; LANES],
    suspects: u8,
    first: usize,
    later: &mut Later,
) -> (u8, u8) {
    let (mut doublings, mut settled) = (0, 0);
    for lane in (0..LANES).filter(|lane| suspects >> lane & 1 == 1) {
        let (p, q) = pairs[lane];
        match exception(source.point(p), source.point(q)) {
            Exception::None => {}
            Exception::Doubling => doublings |= 1 << lane,
            Exception::Sum(sum) => {
                settled |= 1 << lane;
                later.push::<C>(first + lane, &sum);
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

    /// Copies the points of a vector together.
    #[inline(always)]
    fn bring(&self, pairs: &[Pair; LANES], near: &mut [[u8; 64]; 4 * LANES]) {
        let source = self.source();
        for (lane, (p, q)) in pairs.iter().enumerate() {
            for (point, at) in [(*p, lane), (*q, LANES + lane)] {
                near[at * C::ROWS..(at + 1) * C::ROWS].copy_from_slice(source.rows(point));
            }
        }
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

    /// With `FIRSTS`, points of the pool cross no line, and bases follow each other nearly: the line that the end of one is on is the
    /// next one's as well.
    #[inline(always)]
    fn prefetch<V: Lanes, const FIRSTS: bool>(&self, pairs: &[Pair]) {
        let source = self.source();
        for (p, q) in pairs {
            if FIRSTS {
                let (p, q) = (rows_of::<C>(self.own, *p), rows_of::<C>(self.bases, *q));
                for part in 0..C::ROWS {
                    V::prefetch(&p[part][0]);
                    V::prefetch(&q[part][0]);
                }
            } else {
                let (p, q) = (source.rows(*p), source.rows(*q));
                for part in 0..C::ROWS {
                    V::prefetch(&p[part]);
                    V::prefetch(&q[part]);
                }
            }
        }
    }
}

/// Where the points of a vector are.
enum Kinds {
    OwnAndBases,
    Own,
    Bases,
    Mixed,
}

/// Firsts and seconds of one kind are told from all others.
#[inline(always)]
fn kinds(first: [PointRef; LANES], second: [PointRef; LANES]) -> Kinds {
    let (mut any, mut all) = (0, PointRef::OWN);
    for lane in 0..LANES {
        any |= first[lane].0 | second[lane].0;
        all &= first[lane].0 & second[lane].0;
    }
    match (any & PointRef::OWN != 0, all != 0) {
        (false, _) => Kinds::Bases,
        (_, true) => Kinds::Own,
        _ => Kinds::Mixed,
    }
}

#[inline(always)]
fn indices(points: [PointRef; LANES]) -> [usize; LANES] {
    let [a, b, c, d, e, f, g, h] = points;
    [a.index(), b.index(), c.index(), d.index(), e.index(), f.index(), g.index(), h.index()]
}

/// x and y of the points at these places.
#[inline(always)]
fn gather<C: Curve, V: Lanes>(all: &[[u8; 64]], at: [usize; LANES]) -> (V, V) {
    let [a, b, c, d, e, f, g, h] = at;
    let rows = |at: usize| &all[at * C::ROWS..(at + 1) * C::ROWS];
    V::gather_points([rows(a), rows(b), rows(c), rows(d), rows(e), rows(f), rows(g), rows(h)])
}

/// The lanes whose points are negated.
#[inline(always)]
fn negatives(points: [PointRef; LANES]) -> u8 {
    let mut negative = 0;
    for (lane, point) in points.iter().enumerate() {
        negative |= (point.0 & 1) << lane;
    }
    negative as u8
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
    invert_each(&mut scalars, &mut [V::Scalar::ONE; LANES]);
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
        match self.target {
            Target::From(_) => self.add::<C::Lanes<B>, false>(),
            Target::Firsts => self.add::<C::Lanes<B>, true>(),
        }
    }
}

impl<C: Curve> AddPairs<'_, C> {
    #[inline(always)]
    fn add<V: Lanes<Scalar = C::Field>, const FIRSTS: bool>(self) {
        let groups = self.pairs.len().div_ceil(LANES * CHAINS);
        let lines = KEPT * V::LINES;
        let mut scratch = core::mem::take(self.scratch);
        if scratch.capacity() == 0 {
            // What batches leave there moves nowhere, and is no more than a batch's.
            scratch.reserve_exact(BATCH_VECTORS * lines);
        }
        if scratch.len() < groups * CHAINS * lines {
            scratch.resize(groups * CHAINS * lines, Line([0; LANES]));
        }
        if !self.fetched {
            self.prefetch::<V, FIRSTS>(self.pairs);
        }
        let mut later = core::mem::take(self.later);
        let mut near = [[0; 64]; 4 * LANES];
        let mut chains = [V::one(); CHAINS];
        for group in 0..groups {
            for (c, chain) in chains.iter_mut().enumerate() {
                let index = group * CHAINS + c;
                let pairs = self.vector(index);
                let [a, b, d, e, f, g, h, i] = pairs;
                let (first, second) =
                    ([a.0, b.0, d.0, e.0, f.0, g.0, h.0, i.0], [a.1, b.1, d.1, e.1, f.1, g.1, h.1, i.1]);
                let (mut at1, mut at2) = (indices(first), indices(second));
                let (all1, all2) = match if FIRSTS { Kinds::OwnAndBases } else { kinds(first, second) } {
                    Kinds::OwnAndBases => (&*self.own, self.bases),
                    Kinds::Own => (&*self.own, &*self.own),
                    Kinds::Bases => (self.bases, self.bases),
                    Kinds::Mixed => {
                        self.bring(&pairs, &mut near);
                        (at1, at2) = ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]);
                        (&near[..], &near[..])
                    }
                };
                let (x1, mut y1) = gather::<C, V>(all1, at1);
                let (x2, y2) = gather::<C, V>(all2, at2);
                let negative = if FIRSTS { 0 } else { negatives(first) };
                if negative != 0 {
                    y1 = y1.sub_signed::<4>(negative, V::zero());
                }
                let negative = negatives(second);
                let mut denominator = x2.sub::<8>(x1);
                let mut numerator = y2.sub_signed::<12>(negative, y1);
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
            // Asked for a few at a time: the processor waits where too many lines are on their way.
            let mut ahead = self.next.get(group * CHAINS * LANES..).unwrap_or_default().chunks(LANES / 4);
            let at = group * CHAINS * lines;
            let kept = Kept(&scratch[at..at + CHAINS * lines]);
            let mut slopes = [V::zero(); CHAINS];
            for c in 0..CHAINS {
                self.prefetch::<V, FIRSTS>(ahead.next().unwrap_or_default());
                slopes[c] = chains[c].mul(kept.get(c, 1));
                chains[c] = chains[c].mul(kept.get(c, 0));
            }
            for (c, slope) in slopes.iter_mut().enumerate() {
                self.prefetch::<V, FIRSTS>(ahead.next().unwrap_or_default());
                *slope = slope.mul(kept.get(c, 2));
            }
            let mut xs = [V::zero(); CHAINS];
            for c in 0..CHAINS {
                self.prefetch::<V, FIRSTS>(ahead.next().unwrap_or_default());
                let less = [kept.get(c, 3), kept.get(c, 4)];
                xs[c] = slopes[c].square_sub_settle::<20, { crate::lanes::X_SHIFT }, 2>(less);
            }
            for c in 0..CHAINS {
                self.prefetch::<V, FIRSTS>(ahead.next().unwrap_or_default());
                let left = kept.get::<V>(c, 3).sub::<8>(xs[c]);
                let y = slopes[c].mul_sub_settle::<10, { crate::lanes::Y_SHIFT }, 1>(left, [kept.get(c, 5)]);
                let places = self.places(group * CHAINS + c);
                V::scatter_points(xs[c], y, self.own, places);
            }
        }
        for (index, sum) in later.indices.iter().zip(later.sums.all().chunks_exact(C::ROWS)) {
            let index = *index as usize;
            let at = self.places(index / LANES)[index % LANES] * C::ROWS;
            self.own[at..at + C::ROWS].copy_from_slice(sum);
        }
        later.indices.clear();
        (*self.scratch, *self.later) = (scratch, later);
    }
}
