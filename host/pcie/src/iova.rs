//! Which addresses of the device are free.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use crate::{Iova, PAGE_BYTES, mapping::HUGE_PAGE_BYTES};

/// Page 0 and low addresses stay unmapped, so that a zeroed pointer faults.
const FIRST: u64 = 1 << 32;
/// Addresses beyond 47 bits are not used even where an IOMMU would take them.
const LAST: u64 = (1 << 47) - 1;

/// Gives out ranges, each followed by an unmapped page; freed ones come back only after all others.
pub(crate) struct IovaAllocator {
    /// What the IOMMU can map, rising.
    windows: Vec<RangeInclusive<u64>>,
    /// Start and length of what is given out.
    taken: BTreeMap<u64, u64>,
    next: u64,
}

impl IovaAllocator {
    /// All addresses that are usual, cut to what an IOMMU says it can map (empty: everything).
    pub(crate) fn new(windows: &[RangeInclusive<u64>]) -> Self {
        let all = [FIRST..=LAST];
        let windows = if windows.is_empty() { &all } else { windows };
        let mut kept: Vec<_> = windows
            .iter()
            .map(|w| (*w.start()).max(FIRST)..=(*w.end()).min(LAST))
            .filter(|w| !w.is_empty())
            .collect();
        if kept.is_empty() {
            // An IOMMU of few bits: what lies above the first MiB.
            kept = windows
                .iter()
                .map(|w| (*w.start()).max(1 << 20)..=*w.end())
                .filter(|w| !w.is_empty())
                .collect();
        }
        kept.sort_by_key(|w| *w.start());
        let next = kept.first().map_or(0, |w| *w.start());
        Self { windows: kept, taken: BTreeMap::new(), next }
    }

    /// A range of so many bytes (a multiple of the page size), aligned to 2 MiB where it is that long; `None` when nothing is left.
    pub(crate) fn alloc(&mut self, len_bytes: u64) -> Option<Iova> {
        let align = if len_bytes >= HUGE_PAGE_BYTES as u64 { HUGE_PAGE_BYTES } else { PAGE_BYTES } as u64;
        let needed = len_bytes.checked_add(PAGE_BYTES as u64)?;
        let found = self.search(self.next, needed, align).or_else(|| self.search(0, needed, align))?;
        self.taken.insert(found, needed);
        self.next = found + needed;
        Some(Iova(found))
    }

    fn search(&self, from: u64, needed: u64, align: u64) -> Option<u64> {
        for window in &self.windows {
            let mut at = from.max(*window.start()).checked_next_multiple_of(align)?;
            while at.checked_add(needed - 1).is_some_and(|last| last <= *window.end()) {
                match self.taken.range(..at + needed).next_back() {
                    Some((&start, &len)) if start + len > at => {
                        at = (start + len).checked_next_multiple_of(align)?
                    }
                    _ => return Some(at),
                }
            }
        }
        None
    }

    /// Bytes that are not given out, together; the longest range may be much shorter.
    pub(crate) fn free_bytes(&self) -> u64 {
        let all: u64 = self.windows.iter().map(|w| w.end() - w.start() + 1).sum();
        all - self.taken.values().sum::<u64>()
    }

    /// Takes a range back.
    pub(crate) fn free(&mut self, iova: Iova) {
        self.taken.remove(&iova.0);
    }
}

/// The windows, as `0x100000000..=0x7fffffffff`.
impl fmt::Display for IovaAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, window) in self.windows.iter().enumerate() {
            write!(f, "{}{:#x}..={:#x}", if i > 0 { ", " } else { "" }, window.start(), window.end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    const PAGE: u64 = PAGE_BYTES as u64;

    #[test]
    fn ranges_are_apart_and_come_back_last() {
        let mut iovas = IovaAllocator::new(&[0..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1]);
        let first = iovas.alloc(PAGE).unwrap();
        let second = iovas.alloc(PAGE).unwrap();
        assert_eq!((first.0, second.0), (FIRST, FIRST + 2 * PAGE));
        iovas.free(first);
        assert!(iovas.alloc(PAGE).unwrap() > second);
        let huge = iovas.alloc(HUGE_PAGE_BYTES as u64).unwrap();
        assert_eq!(huge.0 % HUGE_PAGE_BYTES as u64, 0);
    }

    #[test]
    fn a_full_window_starts_over_and_then_ends() {
        let mut iovas = IovaAllocator::new(&[FIRST..=FIRST + 8 * PAGE - 1]);
        let all: Vec<_> = (0..4).map(|_| iovas.alloc(PAGE).unwrap()).collect();
        assert_eq!((iovas.alloc(PAGE), iovas.free_bytes()), (None, 0));
        iovas.free(all[1]);
        assert_eq!(iovas.free_bytes(), 2 * PAGE);
        assert_eq!(iovas.alloc(2 * PAGE), None);
        assert_eq!(iovas.alloc(PAGE), Some(all[1]));
        assert_eq!(iovas.alloc(u64::MAX), None);
    }

    #[test]
    fn small_iommus_are_served() {
        let mut iovas = IovaAllocator::new(&[0..=(1 << 30) - 1]);
        assert_eq!(iovas.alloc(PAGE), Some(Iova(1 << 20)));
    }

    #[test]
    fn what_is_reserved_is_given_to_nobody() {
        // 32 bits, and VT-d's window of interrupts in the middle.
        let mut iovas = IovaAllocator::new(&[0..=0xfedf_ffff, 0xfef0_0000..=0xffff_ffff]);
        const LEN: u64 = 16 << 20;
        let mut count = 0;
        while let Some(Iova(at)) = iovas.alloc(LEN) {
            assert!(at >= 1 << 20 && (at + LEN <= 0xfee0_0000 || at >= 0xfef0_0000), "{at:#x}");
            assert!(at + LEN <= 1 << 32);
            count += 1;
        }
        assert!(count > 200, "{count} of 255");
    }

    #[test]
    fn ranges_are_disjoint_whatever_is_freed() {
        let mut iovas = IovaAllocator::new(&[FIRST..=FIRST + 64 * PAGE - 1]);
        let mut held: Vec<(Iova, u64)> = Vec::new();
        let mut state = 1u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            if state >> 63 == 0 && !held.is_empty() {
                let (iova, _) = held.swap_remove((state >> 33) as usize % held.len());
                iovas.free(iova);
            } else if let Some(iova) = iovas.alloc(((state >> 40) % 5 + 1) * PAGE) {
                let len = ((state >> 40) % 5 + 1) * PAGE;
                assert!(held.iter().all(|(at, n)| at.0 + n < iova.0 + 1 || iova.0 + len < at.0 + 1));
                held.push((iova, len));
            }
        }
    }
}
