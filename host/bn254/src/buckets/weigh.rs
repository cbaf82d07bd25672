//! What windows of buckets are worth.
//!
//! 1. Buckets of images are mapped and added to those that they count for.
//! 2. With digits d = h·L + l, L the power of two nearest the root of a window's buckets: a sum for each row h > 0 and for each column l > 0.
//! 3. A sum for each bit of d: of the columns whose l has it for a low bit, of the rows whose h has it for a high one.
//! 4. Bits are added up from the top, with a doubling between.
//!
//! All but the last are runs like any other, of all windows together: two additions a bucket, and few for bits.

use super::{Buckets, Layout, Run};
use crate::{batch::PointRef, curve::Xyzz, points::Curve};

impl Layout {
    /// Binary digits of l.
    const fn log_low(&self) -> u32 {
        self.buckets.ilog2().div_ceil(2)
    }

    /// Columns, then rows, of a window.
    const fn lines(&self) -> usize {
        (1 << self.log_low()) - 1 + (self.buckets >> self.log_low())
    }

    /// Binary digits of the largest d.
    const fn bits(&self) -> u32 {
        self.buckets.ilog2() + 1
    }
}

/// Places of the pool that filling and weighing take: buckets, then either the sums with images, or those of rows, columns and bits in the making.
pub(super) const fn room(layout: &Layout) -> usize {
    3 * layout.weighed() + layout.windows * (layout.lines() + layout.bits() as usize)
}

impl<C: Curve> Buckets<C> {
    /// Σ d·bucket_d of the only window; the buckets are empty afterwards.
    ///
    /// # Panics
    /// If there are more windows, or points wait for [`Buckets::flush`].
    pub fn weigh(&mut self) -> Xyzz<C::Field> {
        let mut sum = [Xyzz::INFINITY];
        self.weigh_each(&mut sum);
        sum[0]
    }

    /// Σ d·bucket_d of each window; the buckets are empty afterwards.
    ///
    /// # Panics
    /// If there are not as many places as windows, or points wait for [`Buckets::flush`].
    pub fn weigh_each(&mut self, sums: &mut [Xyzz<C::Field>]) {
        assert!(self.waiting.is_empty(), "points wait for their sums");
        assert_eq!(sums.len(), self.layout.windows, "places of {:?}", self.layout);
        if self.layout.images {
            self.add_images();
        }
        let Layout { windows, buckets, .. } = self.layout;
        let (lines, bits) = (self.layout.lines(), self.layout.bits() as usize);
        let first_line = self.append(windows * lines);
        self.add_lines(first_line);
        let first_bit = self.append(windows * bits);
        self.add_bits(first_line, first_bit);
        for (w, sum) in sums.iter_mut().enumerate() {
            *sum = Xyzz::INFINITY;
            for place in (first_bit + w * bits..first_bit + (w + 1) * bits).rev() {
                *sum = sum.double();
                if self.marks.is_filled(place) {
                    *sum = sum.add_affine(&self.pool.get(&[], PointRef::own(place)));
                }
            }
        }
        debug_assert_eq!(first_line, windows * buckets);
        self.count = self.layout.count();
        self.marks.clear(self.count);
        self.pool.reset(self.count);
    }

    /// Places for so many more sums, empty; the first of them.
    fn append(&mut self, sums: usize) -> usize {
        let first = self.pool.len();
        self.pool.extend(sums);
        self.count = first + sums;
        self.marks.extend_to(self.count);
        first
    }

    /// Adds buckets of images, mapped, to those that they count for, and forgets them.
    fn add_images(&mut self) {
        let weighed = self.layout.weighed();
        self.make_room(2 * weighed, weighed);
        self.points.extend((weighed..2 * weighed).filter(|i| self.marks.is_filled(*i)).map(PointRef::own));
        self.pool.map(&self.points);
        self.points.clear();
        for key in 0..weighed {
            if self.marks.is_filled(weighed + key) {
                let filled = self.marks.fill(key);
                if filled {
                    self.points.push(PointRef::own(key));
                }
                self.points.push(PointRef::own(weighed + key));
                self.runs.push(Run { key: key as u32, len: 1 + u32::from(filled) });
            }
        }
        self.finish_runs();
        self.count = weighed;
        self.pool.truncate(weighed);
        self.marks.truncate(weighed);
    }

    /// Sums of columns and rows, to places from `first_line` on.
    fn add_lines(&mut self, first_line: usize) {
        let Layout { windows, buckets, .. } = self.layout;
        let (lines, log_low) = (self.layout.lines(), self.layout.log_low());
        let low = 1usize << log_low;
        self.make_room(2 * windows * buckets, windows * lines);
        for w in 0..windows {
            // Where the bucket of d = 0 would be, which no line has.
            let (zero, first) = ((w * buckets).wrapping_sub(1), first_line + w * lines);
            for l in 1..low {
                self.run_over(first + l - 1, (l..=buckets).step_by(low).map(|d| zero.wrapping_add(d)));
            }
            for h in 1..=buckets >> log_low {
                let row = h * low..buckets.min(h * low + low - 1) + 1;
                self.run_over(first + low - 2 + h, row.map(|d| zero.wrapping_add(d)));
            }
        }
        self.finish_runs();
    }

    /// Sums of lines whose number has a bit, to places from `first_bit` on.
    fn add_bits(&mut self, first_line: usize, first_bit: usize) {
        let (lines, log_low, bits) = (self.layout.lines(), self.layout.log_low(), self.layout.bits());
        let columns = (1usize << log_low) - 1;
        self.make_room(self.layout.windows * bits as usize * lines, self.layout.windows * bits as usize);
        for w in 0..self.layout.windows {
            for bit in 0..bits {
                // Columns are numbered from 1 on, and rows.
                let (numbers, shift) =
                    if bit < log_low { (0..columns, bit) } else { (columns..lines, bit - log_low) };
                let first = numbers.start;
                let has = |place: &usize| (place - first + 1) >> shift & 1 == 1;
                let place = first_bit + w * bits as usize + bit as usize;
                self.run_over(place, numbers.filter(has).map(|line| first_line + w * lines + line));
            }
        }
        self.finish_runs();
    }

    /// A run of those places that are filled, if there are any.
    fn run_over(&mut self, key: usize, places: impl Iterator<Item = usize>) {
        let before = self.points.len();
        self.points.extend(places.filter(|i| self.marks.is_filled(*i)).map(PointRef::own));
        let len = self.points.len() - before;
        if len > 0 {
            self.marks.fill(key);
            self.runs.push(Run { key: key as u32, len: len as u32 });
        }
    }

    fn finish_runs(&mut self) {
        self.sum_runs(&[], || true);
        self.settle(&[]);
    }
}
