//! Device memory, of which only what was written takes room.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    ops::Range,
};

use memmap2::{Advice, MmapMut};

/// Long, so that a copy goes through memory that lies in a row.
const PAGE_BYTES: u64 = 1 << 22;
/// A large page of the machine.
const HUGE_BYTES: usize = 2 << 20;

/// A part of device memory. On a card no page table of the host lies before it; here it lies in large pages, where the system gives them, so that
/// little time goes into looking addresses up.
struct Page {
    map: MmapMut,
    used: Range<usize>,
}

impl Page {
    /// Zeros.
    fn new() -> io::Result<Self> {
        let len_bytes = PAGE_BYTES as usize;
        // More by one large page, of which nothing is touched: room to begin at a multiple of it.
        let map = MmapMut::map_anon(len_bytes + HUGE_BYTES)?;
        // Advice: without large pages everything works, only slower.
        let _ = map.advise(Advice::HugePage);
        let start = map.as_ptr().addr().wrapping_neg() % HUGE_BYTES;
        Ok(Self { map, used: start..start + len_bytes })
    }

    fn bytes(&self) -> &[u8] {
        &self.map[self.used.clone()]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map[self.used.clone()]
    }
}

/// Bytes from 0 up to a power of two; what was never written reads as zero.
pub(crate) struct DeviceMemory {
    pages: HashMap<u64, Page>,
    len_bytes: u64,
    /// Rises when a copy is taken away, which then writes no more.
    pub(crate) generation: u64,
}

/// The first address of an access that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadAddress(pub(crate) u64);

impl DeviceMemory {
    pub(crate) fn new(log_bytes: u32) -> Self {
        Self { pages: HashMap::new(), len_bytes: 1 << log_bytes, generation: 0 }
    }

    pub(crate) fn check(&self, address: u64, len: u64) -> Result<(), BadAddress> {
        match address.checked_add(len) {
            Some(end) if end <= self.len_bytes => Ok(()),
            _ => Err(BadAddress(address.max(self.len_bytes))),
        }
    }

    pub(crate) fn read(&self, address: u64, len_bytes: u64) -> Result<Vec<u8>, BadAddress> {
        self.check(address, len_bytes)?;
        let mut bytes = vec![0; len_bytes as usize];
        self.read_to(address, &mut bytes)?;
        Ok(bytes)
    }

    /// Into room that is there.
    pub(crate) fn read_to(&self, address: u64, to: &mut [u8]) -> Result<(), BadAddress> {
        self.check(address, to.len() as u64)?;
        let mut at = address;
        let mut rest = to;
        while !rest.is_empty() {
            let within = (at % PAGE_BYTES) as usize;
            let n = rest.len().min(PAGE_BYTES as usize - within);
            let (now, later) = rest.split_at_mut(n);
            match self.pages.get(&(at / PAGE_BYTES)) {
                Some(page) => now.copy_from_slice(&page.bytes()[within..within + n]),
                None => now.fill(0),
            }
            rest = later;
            at += n as u64;
        }
        Ok(())
    }

    /// Another bit, as a particle or a weak cell makes it; nothing where there is no such address.
    pub(crate) fn flip(&mut self, address: u64, bit: usize) {
        if let Ok([byte]) = self.room(address, 1) {
            *byte ^= 1 << (bit % 8);
        }
    }

    pub(crate) fn write(&mut self, address: u64, from: &[u8]) -> Result<(), BadAddress> {
        self.check(address, from.len() as u64)?;
        let mut at = address;
        let mut rest = from;
        while !rest.is_empty() {
            let room = self.room(at, rest.len())?;
            let (now, later) = rest.split_at(room.len());
            room.copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// What lies at an address, to be written: as many bytes of `most` as lie in a row. Memory that the host has no room for is not there.
    pub(crate) fn room(&mut self, address: u64, most: usize) -> Result<&mut [u8], BadAddress> {
        self.check(address, most as u64)?;
        let within = (address % PAGE_BYTES) as usize;
        let n = most.min(PAGE_BYTES as usize - within);
        let page = match self.pages.entry(address / PAGE_BYTES) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(place) => place.insert(Page::new().map_err(|_| BadAddress(address))?),
        };
        Ok(&mut page.bytes_mut()[within..within + n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_joined_and_ends_are_kept() {
        let mut memory = DeviceMemory::new(16);
        let bytes: Vec<u8> = (0..10_000).map(|i| (i % 251) as u8).collect();
        memory.write(4000, &bytes).unwrap();
        assert_eq!(memory.read(4000, 10_000).unwrap(), bytes);
        assert_eq!(memory.read(3998, 3).unwrap(), [0, 0, 0]);
        assert_eq!(memory.read(65_536, 0).unwrap(), []);
        assert_eq!(memory.read(65_500, 64), Err(BadAddress(65_536)));
        assert_eq!(memory.write(u64::MAX, &[0; 64]), Err(BadAddress(u64::MAX)));
        memory.flip(4001, 11);
        assert_eq!(memory.read(4000, 3).unwrap(), [0, 1 ^ 8, 2]);
        memory.flip(u64::MAX, 0);
    }

    #[test]
    fn parts_begin_at_large_pages() {
        let mut memory = DeviceMemory::new(24);
        for address in [0, PAGE_BYTES, 3 * PAGE_BYTES] {
            let room = memory.room(address, 64).unwrap();
            assert!(room.as_ptr().addr().is_multiple_of(HUGE_BYTES) && room.iter().all(|&byte| byte == 0));
        }
        assert_eq!(memory.room(PAGE_BYTES - 64, 128).unwrap().len(), 64);
    }
}
