//! Classes of scalars by their length, on the nearer side of zero: those of a class are cut into windows only as far as the longest of them goes.
//!
//! Wires of real circuits are bits, bytes, indices and amounts beside values of the whole field. Bounds are the lengths that circuits check ranges for; what a class's scalars need is told by
//! the longest that is there.

use std::{iter::Sum, ops::Range};

/// Number of classes. The first holds what is 1 or −1, which needs no windows.
pub(super) const CLASSES: usize = 7;
/// The most bits of a class's scalars, from class to class.
const MOST_BITS: [u32; CLASSES] = [1, 8, 16, 32, 64, 128, 253];

/// The class of each number of bits but 0.
const CLASS_OF: [u8; 254] = {
    let mut table = [0; 254];
    let (mut bits, mut class) = (1, 0);
    while bits < table.len() {
        if bits as u32 > MOST_BITS[class as usize] {
            class += 1;
        }
        table[bits] = class;
        bits += 1;
    }
    table
};

/// The class of scalars of so many bits, 1 to 253.
pub(super) fn class_of(bits: u32) -> usize {
    CLASS_OF[bits as usize].into()
}

/// How many scalars there are of each class, and how long the longest of each is, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) counts: [usize; CLASSES],
    pub(super) bits: [u32; CLASSES],
}

impl Classes {
    /// So many scalars of up to so many bits.
    pub(super) fn one(count: usize, bits: u32) -> Self {
        let mut classes = Self::default();
        if bits > 0 {
            classes.counts[class_of(bits)] = count;
            classes.bits[class_of(bits)] = bits;
        }
        classes
    }

    /// One more scalar, of so many bits, 1 to 253; its class.
    pub(super) fn note(&mut self, bits: u32) -> usize {
        let class = class_of(bits);
        self.counts[class] += 1;
        self.bits[class] = self.bits[class].max(bits);
        class
    }

    /// Scalars of some classes.
    pub(super) fn count(&self, classes: Range<usize>) -> usize {
        self.counts[classes].iter().sum()
    }

    /// Scalars that need windows.
    pub(super) fn windowed(&self) -> usize {
        self.count(1..CLASSES)
    }

    /// Those that are there and need windows, in their order.
    pub(super) fn present(&self) -> impl Iterator<Item = usize> {
        let counts = self.counts;
        (1..CLASSES).filter(move |class| counts[*class] > 0)
    }
}

impl Sum for Classes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, some| {
            for class in 0..CLASSES {
                sum.counts[class] += some.counts[class];
                sum.bits[class] = sum.bits[class].max(some.bits[class]);
            }
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_class_below() {
        for (class, bits) in MOST_BITS.iter().enumerate() {
            assert_eq!(class_of(*bits), class);
            if class + 1 < CLASSES {
                assert_eq!(class_of(bits + 1), class + 1);
            }
        }
    }

    #[test]
    fn sums_keep_the_longest() {
        let mut first = Classes::one(3, 40);
        assert_eq!(first.note(33), first.note(64));
        let sum: Classes = [first, Classes::one(2, 253), Classes::one(4, 1)].into_iter().sum();
        assert_eq!((sum.windowed(), sum.present().collect::<Vec<_>>()), (7, vec![4, 6]));
        assert_eq!((sum.bits[4], sum.bits[6], sum.counts[0]), (64, 253, 4));
    }
}
