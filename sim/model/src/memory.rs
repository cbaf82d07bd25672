//! Device memory, of which only what was written takes room.

use std::collections::HashMap;

const PAGE_BYTES: u64 = 1 << 20;

/// Bytes from 0 up to a power of two; what was never written reads as zero.
pub(crate) struct DeviceMemory {
    pages: HashMap<u64, Box<[u8]>>,
    len_bytes: u64,
}

/// The first address of an access that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadAddress(pub(crate) u64);

impl DeviceMemory {
    pub(crate) fn new(log_bytes: u32) -> Self {
        Self { pages: HashMap::new(), len_bytes: 1 << log_bytes }
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
                Some(page) => now.copy_from_slice(&page[within..within + n]),
                None => now.fill(0),
            }
            rest = later;
            at += n as u64;
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, address: u64, from: &[u8]) -> Result<(), BadAddress> {
        self.check(address, from.len() as u64)?;
        let mut at = address;
        let mut rest = from;
        while !rest.is_empty() {
            let within = (at % PAGE_BYTES) as usize;
            let n = rest.len().min(PAGE_BYTES as usize - within);
            let (now, later) = rest.split_at(n);
            let page =
                self.pages.entry(at / PAGE_BYTES).or_insert_with(|| vec![0; PAGE_BYTES as usize].into());
            page[within..within + n].copy_from_slice(now);
            rest = later;
            at += n as u64;
        }
        Ok(())
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
    }
}
