//! Windows: their points into buckets, their buckets into a sum each.

use millrace_bn254::{
    backend::Instructions,
    buckets::{Buckets, Layout},
    curve::{Affine, Xyzz},
    points::Curve,
};
use millrace_job::{CancelToken, EngineError};
use zeroize::Zeroizing;

use super::{
    choice::FEW,
    plan::{Plan, Segment},
    scalars::{BLOCK, Block},
    workplace::{Sorting, Stash, Workplace},
};

/// Most points that are sorted together for a window, over rows of a point: their sums in the making are a megabyte then.
const PIECE: usize = 4 * BLOCK;
/// Where several windows are filled together, so many points go to one before the next gets them: few enough to find buckets of their own.
const TILE: usize = 64;

/// A set of buckets: those of a window's digits, or of the digits of second halves.
#[derive(Clone, Copy)]
struct Set {
    /// Of the windows of the segment.
    window: u32,
    image: bool,
    /// Where its buckets begin.
    first: usize,
}

/// Points of a task and how they are summed.
pub(super) struct Task<'a, C: Curve> {
    pub(super) instructions: Instructions,
    pub(super) bases: &'a [C::Base],
    pub(super) blocks: &'a [Block],
    pub(super) plan: &'a Plan,
    /// The number of the segment whose windows are summed.
    pub(super) segment: usize,
    pub(super) cancel: &'a CancelToken,
}

impl<C: Curve> Task<'_, C> {
    fn segment(&self) -> &Segment {
        &self.plan.segments[self.segment]
    }

    /// Points of a block that have digits here.
    fn len_of(&self, block: &Block) -> usize {
        block.len_in(self.segment)
    }

    /// For the windows from `top` down, one for each place of `sums`: Σ of the points' digits times the points. Windows below 0 are worth nothing.
    pub(super) fn sum_windows(
        &self,
        stash: &Stash<'_, C>,
        top: u32,
        sums: &mut [Xyzz<C::Field>],
    ) -> Result<(), EngineError> {
        let windows = || (0..=top).rev();
        // The sum may have more, of which this is a part.
        let points = self.blocks.iter().map(|block| self.len_of(block)).sum::<usize>();
        if !self.plan.halved && points < FEW {
            sums.iter_mut().zip(windows()).for_each(|(sum, w)| *sum = self.sum_few(w));
            return Ok(());
        }
        let mut workplace = stash.take(self.instructions, self.segment().layout());
        let sets = self.sets(top);
        let filled = if workplace.buckets.can_spread() {
            self.spread(&mut workplace.buckets, sets)
        } else {
            self.sort(&mut workplace, points, sets)
        };
        if !filled {
            return Err(EngineError::Cancelled);
        }
        workplace.buckets.weigh_each(sums);
        stash.put(workplace);
        Ok(())
    }

    /// Those of the windows from `top` down, as many as are summed together.
    fn sets(&self, top: u32) -> impl Iterator<Item = Set> + Clone {
        let layout = self.segment().layout();
        let numbered = move || (0..=top).rev().take(layout.windows).enumerate();
        let set = move |image| {
            move |(j, window): (usize, u32)| {
                let before = if image { layout.windows } else { 0 };
                Set { window, image, first: (before + j) * layout.buckets }
            }
        };
        numbered().map(set(false)).chain(numbered().filter(move |_| layout.images).map(set(true)))
    }

    /// The digits of a block that go to a set of buckets, and their points.
    fn digits<'b>(&self, block: &'b Block, Set { window, image, .. }: Set) -> (&'b [u16], &'b [u32]) {
        block.digits(self.plan, self.segment, window, image)
    }

    /// Points into buckets in the order in which they come.
    fn spread(&self, buckets: &mut Buckets<C>, sets: impl Iterator<Item = Set> + Clone) -> bool {
        let go_on = || !self.cancel.is_cancelled();
        let alone = buckets.layout().windows == 1;
        for block in self.blocks {
            // Second halves are of some of these points, or all.
            let len = self.len_of(block);
            let tile = if alone { len } else { TILE };
            for start in (0..len).step_by(tile.max(1)) {
                for set in sets.clone() {
                    let (digits, ids) = self.digits(block, set);
                    let tile = start..digits.len().min(start + tile);
                    if tile.is_empty() {
                        continue;
                    }
                    let (digits, ids, zero) =
                        (&digits[tile.clone()], &ids[tile], self.segment().zero(set.window));
                    if !buckets.spread(self.bases, set.first, digits, zero, ids, go_on) {
                        return false;
                    }
                }
            }
        }
        buckets.flush(self.bases, go_on)
    }

    /// Blocks in rows that have as many points together as `most` lets them, which is a block's or more.
    fn pieces(&self, most: usize) -> impl Iterator<Item = &[Block]> {
        let mut len = 0;
        self.blocks.chunk_by(move |block, next| {
            len += self.len_of(block);
            let joins = len + self.len_of(next) <= most;
            if !joins {
                len = 0;
            }
            joins
        })
    }

    /// Points of a piece, a block or more, if there are so many.
    fn piece_len(points: usize) -> usize {
        (points / 4).clamp(BLOCK, PIECE / C::ROWS)
    }

    /// Digits that are sorted together at most, in pieces of so many points: not as many for each set of buckets, as of the points of a segment below the top one few have second halves, or none.
    fn most_sorted(&self, piece_len: usize, sets: impl Iterator<Item = Set> + Clone) -> usize {
        let of_block = |block| sets.clone().map(move |set| self.digits(block, set).1.len()).sum::<usize>();
        self.pieces(piece_len).map(|piece| piece.iter().map(of_block).sum()).max().unwrap_or(0)
    }

    /// Points into buckets, sorted by bucket piece by piece.
    fn sort(
        &self,
        workplace: &mut Workplace<C>,
        points: usize,
        sets: impl Iterator<Item = Set> + Clone,
    ) -> bool {
        let piece_len = Self::piece_len(points);
        let Workplace { buckets, sorting, .. } = workplace;
        let count = buckets.layout().count();
        // Long enough from the start, so that nothing grows and leaves copies of digits behind.
        let most = self.most_sorted(piece_len, sets.clone());
        sorting.make_room(most, count);
        buckets.make_room_for(most);
        let Sorting { places, ids, counts, ends } = sorting;
        let (counts, ends) = (&mut counts[..=count], &mut ends[..=count]);
        for piece in self.pieces(piece_len) {
            places.clear();
            counts.fill(0);
            for set in sets.clone() {
                let zero = i32::from(self.segment().zero(set.window));
                for block in piece {
                    places.extend(self.digits(block, set).0.iter().map(|digit| {
                        let digit = i32::from(*digit) - zero;
                        digit + digit.signum() * set.first as i32
                    }));
                }
            }
            for place in places.iter() {
                counts[place.unsigned_abs() as usize] += 1;
            }
            // Counting sort. Zero digits are sorted behind all others and left there.
            let mut end = 0;
            for bucket in (1..counts.len()).chain([0]) {
                ends[bucket] = end;
                end += counts[bucket];
            }
            ids.resize(places.len(), 0);
            let mut rest = places.as_slice();
            for set in sets.clone() {
                for block in piece {
                    let (_, block_ids) = self.digits(block, set);
                    let (places, others) = rest.split_at(block_ids.len());
                    rest = others;
                    for (place, id) in places.iter().zip(block_ids) {
                        let end = &mut ends[place.unsigned_abs() as usize];
                        ids[*end as usize] = id ^ u32::from(*place < 0);
                        *end += 1;
                    }
                }
            }
            if !buckets.add(self.bases, &counts[1..], ids, || !self.cancel.is_cancelled()) {
                return false;
            }
        }
        true
    }

    /// One window of whole scalars, fewer than [`FEW`], bit by bit: however wide it is, there are no buckets to weigh and no memory is asked for.
    fn sum_few(&self, w: u32) -> Xyzz<C::Field> {
        let (mut points, mut count) = ([Affine::INFINITY; FEW], 0);
        let mut signed = Zeroizing::new([0i32; FEW]);
        let zero = i32::from(self.segment().zero(w));
        for block in self.blocks {
            let (digits, ids) = self.digits(block, Set { window: w, image: false, first: 0 });
            for (digit, id) in digits.iter().zip(ids) {
                let digit = i32::from(*digit) - zero;
                points[count] = C::base(&self.bases[(id >> 1) as usize]);
                signed[count] = if id & 1 == 1 { -digit } else { digit };
                count += 1;
            }
        }
        let mut sum = Xyzz::INFINITY;
        // A digit's size is 2^(c−1) at most.
        for bit in (0..self.segment().bits).rev() {
            sum = sum.double();
            let digits = points.iter().zip(&signed[..count]);
            for (point, digit) in digits.filter(|(_, digit)| digit.unsigned_abs() >> bit & 1 == 1) {
                sum = sum.add_affine(&point.neg_if(*digit < 0));
            }
        }
        sum
    }
}

/// Σ of the points whose scalar is 1, less those whose scalar is −1.
pub(super) fn sum_ones<C: Curve>(
    instructions: Instructions,
    stash: &Stash<'_, C>,
    bases: &[C::Base],
    blocks: &[Block],
    cancel: &CancelToken,
) -> Result<Xyzz<C::Field>, EngineError> {
    let mut ones = blocks.iter().map(Block::ones).filter(|ones| !ones.is_empty()).peekable();
    if ones.peek().is_none() {
        return Ok(Xyzz::INFINITY);
    }
    let mut workplace = stash.take(instructions, Layout::one(1));
    for ones in ones {
        if !workplace.buckets.add(bases, &[ones.len() as u32], ones, || !cancel.is_cancelled()) {
            return Err(EngineError::Cancelled);
        }
    }
    let sum = workplace.buckets.weigh();
    stash.put(workplace);
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use millrace_bn254::{
        FrCanonical,
        buckets::MANY_BUCKETS,
        points::{G1, G2},
    };

    use super::*;
    use crate::{
        msm::{classes::Classes, costs::Costs, plan::Wanted, scalars::split, tasks::SORTED},
        store::Shelf,
    };

    /// Most that is sorted together in a sum of these scalars over a curve, and what it would be with as many digits in each set of buckets.
    fn most_sorted<C: Curve>(scalars: &[FrCanonical], threads: usize, wanted: Wanted) -> (usize, usize) {
        let (instructions, shelf) = (Instructions::best(), Shelf::default());
        let mut blocks = split(&shelf, false, scalars, |_| false).expect("below r");
        let classes: Classes = blocks.iter().map(|block| block.classes).sum();
        let plan = Plan::new(Costs::of::<C>(instructions), &classes, threads, wanted);
        blocks.cut(scalars, &plan, threads);
        let sorted = (0..plan.segments.len()).filter(|i| plan.segments[*i].layout().count() < MANY_BUCKETS);
        let of_segment = |segment: usize| {
            let cancel = CancelToken::default();
            let (bases, blocks) = (&[][..], &blocks[..]);
            let task = Task::<C> { instructions, bases, blocks, plan: &plan, segment, cancel: &cancel };
            let points = blocks.iter().map(|block| task.len_of(block)).sum();
            let (piece_len, sets) =
                (Task::<C>::piece_len(points), task.sets(plan.segments[segment].windows - 1));
            let longest =
                task.pieces(piece_len).map(|piece| piece.iter().map(|b| task.len_of(b)).sum::<usize>());
            (task.most_sorted(piece_len, sets.clone()), longest.max().unwrap_or(0) * sets.count())
        };
        sorted.map(of_segment).fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
    }

    #[test]
    fn no_more_is_sorted_together_than_is_announced() {
        let wanted = Wanted { halves: Some(true), classes: Some(true), ..Wanted::default() };
        let mut most_by_sets = 0;
        for points in [100, 1000, 4000, 4097, 8000, 8193, 20_000, 40_000] {
            for (short, one_of) in [8, 24, 31, 48, 64, 128]
                .into_iter()
                .flat_map(|short| [1, 2, 20, 100].map(|one_of| (short, one_of)))
            {
                let of_bits = |bits: u32, i: usize| {
                    let top = 1u64 << ((bits - 1) % 64);
                    let mut limbs = [0; 4];
                    limbs[(bits as usize - 1) / 64] = top | (i as u64 & (top - 1));
                    FrCanonical::from_limbs(limbs)
                };
                let scalars: Vec<_> =
                    (0..points).map(|i| of_bits(if i % one_of == 0 { 252 } else { short }, i)).collect();
                let all = [1, 2, 8, 64].map(|threads| (threads, Wanted::default()));
                for (threads, wanted) in all.into_iter().chain([(1, wanted)]) {
                    let (g1, by_sets) = most_sorted::<G1>(&scalars, threads, wanted);
                    let (g2, by_sets_g2) = most_sorted::<G2>(&scalars, threads, wanted);
                    assert!(
                        g1 <= SORTED && g2 <= SORTED / 2,
                        "{points} points, {short} bits, one of {one_of} long, {threads} threads: {g1} and {g2}"
                    );
                    most_by_sets = most_by_sets.max(by_sets).max(2 * by_sets_g2);
                }
            }
        }
        assert!(most_by_sets > SORTED, "{most_by_sets}: what is looked at would be more");
    }
}
