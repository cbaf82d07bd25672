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

/// Most points that are sorted together for a window, over rows of a point, but for a block more: their sums in the making are a megabyte then.
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
        let layout = self.segment().layout();
        let mut workplace = stash.take(self.instructions, layout);
        let set = |image| {
            move |(j, window): (usize, u32)| {
                let before = if image { layout.windows } else { 0 };
                Set { window, image, first: (before + j) * layout.buckets }
            }
        };
        let numbered = || windows().take(layout.windows).enumerate();
        let sets = numbered().map(set(false)).chain(numbered().filter(|_| layout.images).map(set(true)));
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

    /// Blocks in rows that have about as many points, not much more than `most`.
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

    /// Points into buckets, sorted by bucket piece by piece.
    fn sort(
        &self,
        workplace: &mut Workplace<C>,
        points: usize,
        sets: impl Iterator<Item = Set> + Clone,
    ) -> bool {
        let piece_len = (points / 4).clamp(BLOCK, PIECE / C::ROWS);
        let Workplace { buckets, sorting, .. } = workplace;
        let (count, sets_count) = (buckets.layout().count(), sets.clone().count());
        // Long enough from the start, so that nothing grows and leaves copies of digits behind.
        let len = |piece: &[Block]| piece.iter().map(|block| self.len_of(block)).sum();
        let most: usize = self.pieces(piece_len).map(len).max().unwrap_or(0);
        sorting.make_room(most * sets_count, count);
        buckets.make_room_for(most * sets_count);
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
        let mut sizes = Zeroizing::new([0; FEW]);
        let zero = i32::from(self.segment().zero(w));
        for block in self.blocks {
            let (digits, ids) = self.digits(block, Set { window: w, image: false, first: 0 });
            for (digit, id) in digits.iter().zip(ids) {
                let digit = i32::from(*digit) - zero;
                let negative = (id & 1 == 1) != (digit < 0);
                points[count] = C::base(&self.bases[(id >> 1) as usize]).neg_if(negative);
                sizes[count] = digit.unsigned_abs();
                count += 1;
            }
        }
        let mut sum = Xyzz::INFINITY;
        // A digit's size is 2^(c−1) at most.
        for bit in (0..self.segment().bits).rev() {
            sum = sum.double();
            for (point, _) in points.iter().zip(&sizes[..count]).filter(|(_, size)| *size >> bit & 1 == 1) {
                sum = sum.add_affine(point);
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
