//! Scalars of a sum: shared, in whole or in part, and wiped by whoever has them last.

use std::{ops::Deref, ops::Range, sync::Arc};

use millrace_bn254::{FrCanonical, wipe};

/// Scalars below r, or a part of such, without a copy. When the last that holds them drops them, all are overwritten.
#[derive(Clone, Debug, Default)]
pub struct ScalarSlice {
    all: Arc<[FrCanonical]>,
    part: Range<usize>,
}

impl ScalarSlice {
    /// A part of these scalars, or `None` where it does not lie within them.
    pub fn part(&self, part: Range<usize>) -> Option<Self> {
        self.get(part.clone())?;
        let start = self.part.start;
        Some(Self { all: self.all.clone(), part: start + part.start..start + part.end })
    }

    /// The memory of all of the scalars, wiped, if nobody else holds any of them.
    pub fn into_wiped(mut self) -> Option<Arc<[FrCanonical]>> {
        wipe(Arc::get_mut(&mut self.all)?);
        Some(std::mem::take(&mut self.all))
    }
}

impl Drop for ScalarSlice {
    fn drop(&mut self) {
        if let Some(all) = Arc::get_mut(&mut self.all) {
            wipe(all);
        }
    }
}

impl Deref for ScalarSlice {
    type Target = [FrCanonical];

    fn deref(&self) -> &[FrCanonical] {
        &self.all[self.part.clone()]
    }
}

impl PartialEq for ScalarSlice {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ScalarSlice {}

impl From<Arc<[FrCanonical]>> for ScalarSlice {
    fn from(all: Arc<[FrCanonical]>) -> Self {
        Self { part: 0..all.len(), all }
    }
}

impl From<Vec<FrCanonical>> for ScalarSlice {
    fn from(all: Vec<FrCanonical>) -> Self {
        Arc::<[FrCanonical]>::from(all).into()
    }
}

impl From<&[FrCanonical]> for ScalarSlice {
    fn from(all: &[FrCanonical]) -> Self {
        Arc::<[FrCanonical]>::from(all).into()
    }
}

impl FromIterator<FrCanonical> for ScalarSlice {
    fn from_iter<I: IntoIterator<Item = FrCanonical>>(scalars: I) -> Self {
        Arc::<[FrCanonical]>::from_iter(scalars).into()
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
}
