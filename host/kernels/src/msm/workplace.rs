//! Workplaces: what a thread needs for windows, and which of those that sums left serves which layout.
//!
//! Witnesses differ, and so do the windows of their sums. Were any workplace taken for any window, in the end all would be as large as the widest window that ever was, where
//! one sum announces one or two such. So each layout gets the smallest that has room for it, and the largest grows if none has; and what is larger than every thread of a sum may have
//! ([`regular`]) goes when the sum is done that made it so large.

use std::{
    cmp::Reverse,
    mem,
    sync::{Mutex, PoisonError},
};

use millrace_bn254::{
    backend::Instructions,
    buckets::{Buckets, Layout},
    points::Curve,
};
use rayon::prelude::*;
use zeroize::Zeroize;

use super::{memory::regular, tasks::TOGETHER};
use crate::store::{Shelf, Wipe, take_least};

/// Buckets that a workplace has memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    /// Those that are weighed.
    weighed: usize,
    /// All.
    count: usize,
}

impl Size {
    /// What any windows that are filled together take.
    const LEAST: Self = Self { weighed: TOGETHER, count: TOGETHER };

    fn of(layout: Layout) -> Self {
        Self { weighed: layout.windows * layout.buckets, count: layout.count() }
    }

    fn max(self, other: Self) -> Self {
        Self { weighed: self.weighed.max(other.weighed), count: self.count.max(other.count) }
    }

    fn has_room_for(self, other: Self) -> bool {
        self.max(other) == self
    }

    /// The less the better it suits: the smallest with room, or else the largest.
    fn unsuited_to(self, wanted: Self) -> (bool, Reverse<usize>, usize) {
        match self.has_room_for(wanted) {
            true => (false, Reverse(0), self.places()),
            false => (true, Reverse(self.places()), 0),
        }
    }

    /// As many points: weighing takes two more for a bucket.
    fn places(self) -> usize {
        2 * self.weighed + self.count
    }
}

/// Buckets, and lists for sorting.
pub(crate) struct Workplace<C: Curve> {
    pub(super) buckets: Buckets<C>,
    pub(super) sorting: Sorting,
    size: Size,
    /// Whether the sum that has it made it or made it larger.
    has_grown: bool,
}

/// Lists of a piece of points that is sorted by bucket.
#[derive(Default)]
pub(super) struct Sorting {
    /// The number of the bucket, from 1 on and negative for a negative digit, or 0.
    pub(super) places: Vec<i32>,
    pub(super) ids: Vec<u32>,
    pub(super) counts: Vec<u32>,
    pub(super) ends: Vec<u32>,
}

impl Sorting {
    fn wipe(&mut self) {
        // All of the memory: lists are shorter now than they were.
        self.places.zeroize();
        [&mut self.ids, &mut self.counts, &mut self.ends].into_iter().for_each(Zeroize::zeroize);
    }

    /// Room for so many points and buckets. What was in the lists is wiped before they move.
    pub(super) fn make_room(&mut self, points: usize, buckets: usize) {
        if self.places.capacity() < points || self.ids.capacity() < points || self.counts.len() < buckets + 1
        {
            self.wipe();
            self.places.reserve_exact(points);
            self.ids.reserve_exact(points);
            self.counts.resize(buckets + 1, 0);
            self.ends.resize(buckets + 1, 0);
        }
    }
}

impl<C: Curve> Wipe for Workplace<C> {
    fn wipe(&mut self) {
        self.buckets.wipe();
        self.sorting.wipe();
    }
}

impl Drop for Sorting {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Workplaces of one sum that no window uses just now, so that a thread's next window finds its memory warm. When the sum is done they are wiped, and
/// kept for the next sum if told to.
pub(super) struct Stash<'a, C: Curve> {
    own: Mutex<Vec<Workplace<C>>>,
    home: Option<&'a Shelf<Workplace<C>>>,
    /// The largest that are kept, if any are.
    kept: Option<Size>,
}

impl<'a, C: Curve> Stash<'a, C> {
    /// For a sum of so many points, those with scalars that need no windows among them.
    pub(super) fn new(home: &'a Shelf<Workplace<C>>, keep: bool, points: usize) -> Self {
        let kept = keep.then(|| Size::of(regular(points)).max(Size::LEAST));
        Self { own: Mutex::default(), home: Some(home), kept }
    }

    /// For a sum on so many threads that takes no memory of others and leaves none: for what it takes, as much of theirs goes.
    pub(super) fn alone(home: &Shelf<Workplace<C>>, threads: usize) -> Self {
        let largest = |workplace: &Workplace<C>| Reverse(workplace.size.places());
        (0..threads).for_each(|_| drop(home.take_least(largest)));
        Self { own: Mutex::default(), home: None, kept: None }
    }

    pub(super) fn take(&self, instructions: Instructions, layout: Layout) -> Workplace<C> {
        let wanted = Size::of(layout);
        let unsuited = |workplace: &Workplace<C>| workplace.size.unsuited_to(wanted);
        // A sum has no more than threads.
        let own = take_least(&mut self.own.lock().unwrap_or_else(PoisonError::into_inner), unsuited);
        match own.or_else(|| self.home?.take_least(unsuited)) {
            Some(mut workplace) => {
                workplace.buckets.reshape(layout);
                workplace.has_grown |= !workplace.size.has_room_for(wanted);
                workplace.size = workplace.size.max(wanted);
                workplace
            }
            None => Workplace {
                buckets: Buckets::new(instructions, layout),
                sorting: Sorting::default(),
                size: wanted,
                has_grown: true,
            },
        }
    }

    pub(super) fn put(&self, workplace: Workplace<C>) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).push(workplace);
    }
}

impl<C: Curve> Drop for Stash<'_, C> {
    fn drop(&mut self) {
        let own = mem::take(self.own.get_mut().unwrap_or_else(PoisonError::into_inner));
        let (kept, home) = (self.kept, self.home);
        // All of their memory is wiped, whether it is kept or not.
        own.into_par_iter().with_max_len(1).for_each(|mut workplace| {
            // What a larger sum left is not this one's to free.
            let stays = |kept: Size| !workplace.has_grown || kept.has_room_for(workplace.size);
            if let Some(home) = home.filter(|_| kept.is_some_and(stays)) {
                workplace.has_grown = false;
                home.put(workplace);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use millrace_bn254::points::G1;

    use super::*;

    fn one(buckets: usize) -> Layout {
        Layout::one(buckets)
    }

    fn with_images(buckets: usize) -> Layout {
        Layout { images: true, ..one(buckets) }
    }

    /// A sum of so many points whose windows are these, all in use at a time.
    fn sum(home: &Shelf<Workplace<G1>>, points: usize, layouts: &[Layout]) {
        let stash = Stash::new(home, true, points);
        let all: Vec<_> = layouts.iter().map(|layout| stash.take(Instructions::best(), *layout)).collect();
        all.into_iter().for_each(|workplace| stash.put(workplace));
    }

    /// What is kept, from the smallest on.
    fn kept(home: &Shelf<Workplace<G1>>) -> Vec<Size> {
        let all: Vec<_> = std::iter::from_fn(|| home.take_least(|workplace| workplace.size.count)).collect();
        let sizes = all.iter().map(|workplace| workplace.size).collect();
        all.into_iter().for_each(|workplace| home.put(workplace));
        sizes
    }

    #[test]
    fn narrow_windows_leave_the_wide_workplace_to_wide_ones() {
        let home = Shelf::default();
        let wide = with_images(1 << 14);
        sum(&home, 1 << 17, &[one(4), wide]);
        for _ in 0..3 {
            // Were the last one taken, whichever it is, both would be wide soon.
            [&[one(4)][..], &[one(8)], &[wide], &[one(4), one(2)], &[wide, one(1)]]
                .into_iter()
                .for_each(|layouts| sum(&home, 1 << 17, layouts));
        }
        assert_eq!(kept(&home), [Size::of(one(4)), Size::of(wide)]);
    }

    #[test]
    fn what_is_wider_than_any_thread_may_have_goes_with_its_sum() {
        let home = Shelf::default();
        let sums = |points| sum(&home, points, &[one(1 << 15), one(1 << 13)]);
        sums(1 << 16);
        assert_eq!(kept(&home), [Size::of(one(1 << 13))]);
        // All of so many points may have as wide ones.
        sums(1 << 20);
        let large = [Size::of(one(1 << 13)), Size::of(one(1 << 15))];
        assert_eq!(kept(&home), large);
        // It is not for a smaller sum, which uses it meanwhile, to free.
        sum(&home, 1 << 16, &[one(1 << 14), one(1 << 13)]);
        assert_eq!(kept(&home), large);
        sum(&home, 1 << 16, &[one(1 << 15), one(1 << 14)]);
        assert_eq!(kept(&home), [Size::of(one(1 << 15))]);
    }

    #[test]
    fn who_is_alone_leaves_nothing_and_takes_the_room_of_the_largest() {
        let home = Shelf::default();
        sum(&home, 1 << 17, &[one(4), with_images(1 << 14), one(1 << 13)]);
        let stash = Stash::<G1>::alone(&home, 2);
        assert_eq!(kept(&home), [Size::of(one(4))]);
        stash.put(stash.take(Instructions::best(), one(2)));
        drop(stash);
        assert_eq!(kept(&home), [Size::of(one(4))]);
    }

    #[test]
    fn the_largest_grows_where_none_has_room() {
        let sizes = [one(2), one(64), with_images(16)].map(Size::of);
        let best = |wanted| sizes.into_iter().min_by_key(|size| size.unsuited_to(Size::of(wanted)));
        assert_eq!(best(one(1)), Some(sizes[0]));
        assert_eq!(best(one(3)), Some(sizes[2]));
        assert_eq!(best(one(40)), Some(sizes[1]));
        assert_eq!(best(one(65)), Some(sizes[1]));
        assert_eq!(best(with_images(32)), Some(sizes[1]));
        assert_eq!(best(with_images(33)), Some(sizes[1]));
    }
}
