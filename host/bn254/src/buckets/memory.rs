//! What buckets take of memory at most: the lists and rows that the other files of this folder ask for, added up.

use super::{
    Layout, Run,
    spread::{self, MANY_BUCKETS},
};
use crate::batch::{PLACES_BEHIND, Pair, PointRef, additions_bytes};

/// What the memory of buckets depends on, all of it at most over their whole life.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Buckets, those of images among them.
    pub buckets: usize,
    /// Of these, those that are weighed.
    pub weighed: usize,
    /// References handed to [`Buckets::add`](super::Buckets::add) at once, where buckets are too few to spread.
    pub added: usize,
    /// References that are spread between two weighings.
    pub spread: usize,
}

impl From<Layout> for Use {
    fn from(layout: Layout) -> Self {
        Self { buckets: layout.count(), weighed: layout.weighed(), added: 0, spread: usize::MAX }
    }
}

impl Use {
    /// Most bytes that buckets used so take, for points of `rows` times 64 bytes; whole pages that their last bytes are on come beside it.
    pub fn most_bytes(&self, rows: usize) -> usize {
        let Self { buckets, weighed, added, spread } = *self;
        let spreads = buckets >= MANY_BUCKETS;
        let deferred = if spreads { spread::most_deferred(buckets, rows).min(spread) } else { 0 };
        // Lines of a window and their bits are as many as its buckets only where it has few of them.
        let places = 3 * weighed + MANY_BUCKETS.min(2 * weighed);
        let points = places.max(buckets + deferred).max(buckets.min(MANY_BUCKETS) + added);
        let pool = 64 * rows * (points + PLACES_BEHIND);
        // A bucket's own point joins those of a run; a line or bit takes the places of all that it is of, with few buckets two and a half times as many.
        let runs = deferred.max(weighed).max(added.min(MANY_BUCKETS));
        let referenced = (2 * deferred).max(5 * weighed / 2).max(added + added.min(MANY_BUCKETS));
        let lists = referenced * size_of::<PointRef>()
            + referenced / 2 * size_of::<Pair>()
            + runs * (size_of::<Run>() + size_of::<(u32, PointRef)>());
        pool + lists + places + spread::waiting_bytes(buckets) + additions_bytes(rows)
    }
}
