//! Scalars of a sum: shared, in whole or in part, and wiped by whoever has them last.

use std::{
    ops::{Deref, Range},
    sync::Arc,
};

use crate::{FrCanonical, wipe};

/// Overwritten when dropped, which what is shared is once, by whoever had it last.
#[derive(Debug, Default)]
struct Secret(Vec<FrCanonical>);

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Scalars below r, or a part of such, without a copy. When the last that holds some of them drops them, all are overwritten.
#[derive(Clone, Debug, Default)]
pub struct ScalarSlice {
    all: Arc<Secret>,
    part: Range<usize>,
}

impl ScalarSlice {
    /// So many scalars made where they stay: `fill` gets as many zeros to write over, which are wiped should it panic.
    pub fn filled(len: usize, fill: impl FnOnce(&mut [FrCanonical])) -> Self {
        let mut secret = Secret(vec![FrCanonical::ZERO; len]);
        fill(&mut secret.0);
        secret.into()
    }

    /// A part of these scalars, or `None` where it does not lie within them.
    pub fn part(&self, part: Range<usize>) -> Option<Self> {
        self.get(part.clone())?;
        let start = self.part.start;
        Some(Self { all: self.all.clone(), part: start + part.start..start + part.end })
    }

    /// The memory of all of the scalars, wiped, if nobody else holds any of them. Of several that ask at once one gets it.
    pub fn into_wiped(self) -> Option<Vec<FrCanonical>> {
        let mut secret = Arc::into_inner(self.all)?;
        wipe(&mut secret.0);
        Some(std::mem::take(&mut secret.0))
    }
}

impl Deref for ScalarSlice {
    type Target = [FrCanonical];

    fn deref(&self) -> &[FrCanonical] {
        &self.all.0[self.part.clone()]
    }
}

impl PartialEq for ScalarSlice {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ScalarSlice {}

impl From<Secret> for ScalarSlice {
    fn from(secret: Secret) -> Self {
        Self { part: 0..secret.0.len(), all: Arc::new(secret) }
    }
}

/// Without a copy.
impl From<Vec<FrCanonical>> for ScalarSlice {
    fn from(all: Vec<FrCanonical>) -> Self {
        Secret(all).into()
    }
}

impl From<&[FrCanonical]> for ScalarSlice {
    fn from(all: &[FrCanonical]) -> Self {
        Secret(all.to_vec()).into()
    }
}

impl FromIterator<FrCanonical> for ScalarSlice {
    fn from_iter<I: IntoIterator<Item = FrCanonical>>(scalars: I) -> Self {
        let scalars = scalars.into_iter();
        let mut all = Secret(Vec::with_capacity(scalars.size_hint().0));
        for scalar in scalars {
            if all.0.len() == all.0.capacity() {
                // What it would leave behind as it grows is wiped.
                let mut longer = Vec::with_capacity(2 * all.0.len() + 1);
                longer.extend_from_slice(&all.0);
                all = Secret(longer);
            }
            all.0.push(scalar);
        }
        all.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(numbers: &[u8]) -> ScalarSlice {
        numbers.iter().map(|x| FrCanonical([*x; 32])).collect()
    }

    #[test]
    fn parts_of_parts_lie_where_they_should_and_share_memory() {
        let all = scalars(&[1, 2, 3, 4, 5]);
        let part = all.part(1..5).expect("within");
        assert_eq!(part.part(1..3), Some(scalars(&[3, 4])));
        assert_eq!(part.part(4..4), Some(scalars(&[])));
        assert!(std::ptr::eq(&part[0], &all[1]));
        assert_eq!((part.part(0..5), all.part(5..6)), (None, None));
        #[allow(clippy::reversed_empty_ranges, reason = "that is what must be refused")]
        let reversed = all.part(3..2);
        assert_eq!(reversed, None);
    }

    #[test]
    fn the_last_one_gives_all_of_the_memory_wiped() {
        let (all, other) = (scalars(&[1, 2, 3]), scalars(&[1]));
        let part = all.part(1..2).expect("within");
        assert!(all.into_wiped().is_none(), "a part is still in use");
        assert_eq!(part.into_wiped().as_deref(), Some(&[FrCanonical::ZERO; 3][..]));
        let twin = other.clone();
        drop(other);
        assert_eq!(twin, scalars(&[1]), "not wiped while somebody has it");
    }

    #[test]
    fn of_many_that_let_go_at_once_one_gets_the_memory() {
        for _ in 0..200 {
            let all = scalars(&[7; 16]);
            let parts: Vec<_> = (0..4).map(|i| all.part(4 * i..4 * i + 4).expect("within")).collect();
            drop(all);
            let got: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    parts.into_iter().map(|part| scope.spawn(move || part.into_wiped())).collect();
                threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
            });
            assert_eq!(got, [vec![FrCanonical::ZERO; 16]]);
        }
    }

    #[test]
    fn iterators_that_do_not_know_their_length_are_collected_too() {
        let some = (0..100u8).filter(|x| x % 3 == 0).map(|x| FrCanonical([x; 32]));
        assert_eq!(some.clone().collect::<ScalarSlice>(), some.collect::<Vec<_>>().into());
    }
}
