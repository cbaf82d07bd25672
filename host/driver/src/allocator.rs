//! Who has which part of device memory.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

/// Regions start at multiples of this: a page of the device's DRAM, and no AXI burst crosses into a neighbour.
const ALIGN_BYTES: u64 = 4096;

/// First fit over an address space that starts at 0.
#[derive(Clone)]
pub(crate) struct DeviceMemory {
    len_bytes: u64,
    /// Free ranges, start → length; neighbours are merged.
    free: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl DeviceMemory {
    pub(crate) fn new(len_bytes: u64) -> Self {
        let len_bytes = len_bytes - len_bytes % ALIGN_BYTES;
        Self { len_bytes, free: Arc::new(Mutex::new(BTreeMap::from([(0, len_bytes)]))) }
    }

    /// Bytes that a region has at most, when all is free.
    pub(crate) fn largest_piece(&self) -> u64 {
        self.len_bytes
    }

    /// A region of so many bytes, or how many are free at most in one piece.
    pub(crate) fn alloc(&self, len_bytes: u64) -> Result<Region, u64> {
        let mut free = self.free.lock();
        let largest = free.values().copied().max().unwrap_or(0);
        let len_bytes = len_bytes.max(1).checked_next_multiple_of(ALIGN_BYTES).ok_or(largest)?;
        let (&start, &room) = free.iter().find(|&(_, &room)| room >= len_bytes).ok_or(largest)?;
        free.remove(&start);
        if room > len_bytes {
            free.insert(start + len_bytes, room - len_bytes);
        }
        Ok(Region { memory: self.clone(), start, len_bytes })
    }
}

/// A part of device memory, free again when dropped.
pub(crate) struct Region {
    memory: DeviceMemory,
    start: u64,
    len_bytes: u64,
}

impl Region {
    /// Device address of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let mut free = self.memory.free.lock();
        let (mut start, mut len) = (self.start, self.len_bytes);
        if let Some(after) = free.remove(&(start + len)) {
            len += after;
        }
        if let Some((&before, &room)) = free.range(..start).next_back()
            && before + room == start
        {
            free.remove(&before);
            (start, len) = (before, len + room);
        }
        free.insert(start, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_apart_and_merge_again() {
        let memory = DeviceMemory::new(5 * 4096);
        let a = memory.alloc(1).unwrap();
        let b = memory.alloc(4097).unwrap();
        let c = memory.alloc(4096).unwrap();
        assert_eq!([a.start(), b.start(), c.start()], [0, 4096, 3 * 4096]);
        assert_eq!(memory.alloc(4097).err(), Some(4096));
        assert_eq!(memory.alloc(u64::MAX).err(), Some(4096));
        drop(b);
        assert_eq!(memory.alloc(8192).unwrap().start(), 4096);
        drop(a);
        drop(c);
        assert_eq!(memory.alloc(5 * 4096).unwrap().start(), 0);
    }
}
