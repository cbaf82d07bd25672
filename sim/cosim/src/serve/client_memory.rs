//! What a client lets the device reach.

use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use millrace_pcie::{BusMaster, DmaFault, Iova, Mapping};
use parking_lot::{Mutex, RwLock};
use rustix::io::Errno;

/// Maps at most, as the kernel's own default (`dma_entry_limit`).
const MAPS_MOST: usize = 65_535;

/// A range that the client mapped.
struct Region {
    len: u64,
    /// None for memory without a descriptor, which this server does not reach: an access faults.
    memory: Option<(Arc<Mapping>, u64)>,
    readable: bool,
    writable: bool,
}

/// A file is mapped once, however many pages of it the client shows: device and inode name it.
type Files = Vec<((u64, u64), Weak<Mapping>)>;

/// All maps of a client.
#[derive(Default)]
pub(super) struct ClientMemory {
    regions: RwLock<BTreeMap<u64, Region>>,
    files: Mutex<Files>,
    bus_master: AtomicBool,
}

/// Where a client says that a range lies, and what may be done with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapRequest {
    pub(super) iova: u64,
    pub(super) len: u64,
    /// In the file.
    pub(super) offset: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl ClientMemory {
    /// Follows the bit of the command register.
    pub(super) fn set_bus_master(&self, on: bool) {
        self.bus_master.store(on, Ordering::Release);
    }

    fn mapping_of(&self, file: &OwnedFd) -> Result<Arc<Mapping>, Errno> {
        let stat = rustix::fs::fstat(file)?;
        let key = (stat.st_dev as u64, stat.st_ino as u64);
        let mut files = self.files.lock();
        files.retain(|(_, mapping)| mapping.strong_count() > 0);
        if let Some(mapping) = files.iter().find(|(k, _)| *k == key).and_then(|(_, m)| m.upgrade()) {
            return Ok(mapping);
        }
        let errno = |error: io::Error| error.raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error);
        let mapping = Arc::new(Mapping::of_file(file).map_err(errno)?);
        files.push((key, Arc::downgrade(&mapping)));
        Ok(mapping)
    }

    /// Takes a map in.
    ///
    /// # Errors
    /// EINVAL for a range that wraps or lies outside its file, EPERM for a file that can shrink, EEXIST for one that overlaps another, ENOSPC for one too many.
    pub(super) fn map(&self, request: MapRequest, file: Option<&OwnedFd>) -> Result<(), Errno> {
        let MapRequest { iova, len, offset, readable, writable } = request;
        let last = iova.checked_add(len.checked_sub(1).ok_or(Errno::INVAL)?).ok_or(Errno::INVAL)?;
        let memory = match file {
            None => None,
            Some(file) => {
                let mapping = self.mapping_of(file)?;
                let end = offset.checked_add(len).ok_or(Errno::INVAL)?;
                if end > mapping.len_bytes() as u64 {
                    return Err(Errno::INVAL);
                }
                Some((mapping, offset))
            }
        };
        let mut regions = self.regions.write();
        if regions.len() >= MAPS_MOST {
            return Err(Errno::NOSPC);
        }
        if let Some((start, region)) = regions.range(..=last).next_back()
            && start + (region.len - 1) >= iova
        {
            return Err(Errno::EXIST);
        }
        regions.insert(iova, Region { len, memory, readable, writable });
        Ok(())
    }

    /// Ends all maps that lie in a range; when it returns, no access is under way there any more.
    ///
    /// # Errors
    /// EINVAL for a range that wraps or cuts a map in two; nothing is unmapped then.
    pub(super) fn unmap(&self, iova: u64, len: u64) -> Result<(), Errno> {
        let last = iova.checked_add(len.checked_sub(1).ok_or(Errno::INVAL)?).ok_or(Errno::INVAL)?;
        let mut regions = self.regions.write();
        let before = regions.range(..iova).next_back().is_some_and(|(start, r)| start + (r.len - 1) >= iova);
        let after =
            regions.range(iova..=last).next_back().is_some_and(|(start, r)| start + (r.len - 1) > last);
        if before || after {
            return Err(Errno::INVAL);
        }
        let inside: Vec<u64> = regions.range(iova..=last).map(|(&start, _)| start).collect();
        for start in inside {
            regions.remove(&start);
        }
        Ok(())
    }

    /// Ends all maps.
    pub(super) fn clear(&self) {
        self.regions.write().clear();
    }

    /// Calls `copy(mapping, offset in it, part of the access)` for each piece of a range, after all pieces were found and allowed.
    fn access(
        &self,
        iova: Iova,
        len_bytes: usize,
        allowed: impl Fn(&Region) -> bool,
        mut copy: impl FnMut(&Mapping, usize, std::ops::Range<usize>),
    ) -> Result<(), DmaFault> {
        let fault = DmaFault { iova, len_bytes };
        if !self.bus_master.load(Ordering::Acquire) {
            return Err(fault);
        }
        let regions = self.regions.read();
        let mut pieces: Vec<(&Mapping, usize, std::ops::Range<usize>)> = Vec::with_capacity(1);
        let mut done = 0;
        while done < len_bytes {
            let at = iova.0.checked_add(done as u64).ok_or(fault)?;
            let (start, region) = regions.range(..=at).next_back().ok_or(fault)?;
            let within = at - start;
            if within >= region.len || !allowed(region) {
                return Err(fault);
            }
            let (mapping, offset) = region.memory.as_ref().ok_or(fault)?;
            let n = usize::try_from(region.len - within).unwrap_or(usize::MAX).min(len_bytes - done);
            pieces.push((mapping, (offset + within) as usize, done..done + n));
            done += n;
        }
        for (mapping, offset, range) in pieces {
            copy(mapping, offset, range);
        }
        Ok(())
    }
}

impl BusMaster for ClientMemory {
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        self.access(
            iova,
            to.len(),
            |region| region.readable,
            |mapping, offset, range| mapping.read(offset, &mut to[range]),
        )
    }

    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        self.access(
            iova,
            from.len(),
            |region| region.writable,
            |mapping, offset, range| mapping.write(offset, &from[range]),
        )
    }
}

/// One life of the device, from power-on or reset to the next: afterwards what is left of it reaches nothing.
pub(super) struct Life {
    memory: Arc<ClientMemory>,
    alive: RwLock<bool>,
}

impl Life {
    pub(super) fn new(memory: Arc<ClientMemory>) -> Self {
        Self { memory, alive: RwLock::new(true) }
    }

    /// Ends it; when this returns, no access is under way any more.
    pub(super) fn end(&self) {
        *self.alive.write() = false;
    }
}

impl BusMaster for Life {
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        let alive = self.alive.read();
        if *alive { self.memory.read(iova, to) } else { Err(DmaFault { iova, len_bytes: to.len() }) }
    }

    /// Posted, as on PCIe: nobody answers a write, so one that goes nowhere is lost in silence.
    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        let alive = self.alive.read();
        if *alive && let Err(fault) = self.memory.write(iova, from) {
            tracing::debug!("a write was lost: {fault}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::MemfdFlags;

    use super::*;

    fn file(len: u64) -> OwnedFd {
        let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&fd, len).unwrap();
        fd
    }

    fn request(iova: u64, len: u64, offset: u64) -> MapRequest {
        MapRequest { iova, len, offset, readable: true, writable: true }
    }

    fn memory() -> ClientMemory {
        let memory = ClientMemory::default();
        memory.set_bus_master(true);
        memory
    }

    #[test]
    fn accesses_run_over_maps_that_touch() {
        let (memory, file) = (memory(), file(16384));
        memory.map(request(0x1000, 0x1000, 0x2000), Some(&file)).unwrap();
        memory.map(request(0x2000, 0x1000, 0), Some(&file)).unwrap();
        let bytes: Vec<u8> = (0..100).collect();
        memory.write(Iova(0x2000 - 50), &bytes).unwrap();
        let mut back = [0; 100];
        memory.read(Iova(0x2000 - 50), &mut back).unwrap();
        assert_eq!(back[..], bytes);
        let mapping = Mapping::of_file(&file).unwrap();
        let mut there = [0; 50];
        mapping.read(0, &mut there);
        assert_eq!(there[..], bytes[50..]);
        assert!(memory.write(Iova(0x3000 - 50), &bytes).is_err());
        mapping.read(0x1000 - 50, &mut there);
        assert_eq!(there, [0; 50], "an access that faults moves nothing");
        memory.unmap(0x1000, 0x2000).unwrap();
        assert!(memory.read(Iova(0x1800), &mut back).is_err());
    }

    #[test]
    fn maps_are_refused_that_make_no_sense() {
        let (memory, file) = (memory(), file(8192));
        memory.map(request(0x4000, 0x2000, 0), Some(&file)).unwrap();
        for (request, errno) in [
            (request(0x5000, 0x1000, 0), Errno::EXIST),
            (request(0x3000, 0x2000, 0), Errno::EXIST),
            (request(0x3000, 0x9000, 0), Errno::INVAL),
            (request(0x8000, 0, 0), Errno::INVAL),
            (request(u64::MAX - 10, 0x1000, 0), Errno::INVAL),
            (request(0x8000, 0x1000, u64::MAX), Errno::INVAL),
            (request(0x8000, 0x1000, 0x1800), Errno::INVAL),
        ] {
            assert_eq!(memory.map(request, Some(&file)), Err(errno), "{request:?}");
        }
        assert_eq!(memory.unmap(0x5000, 0x1000), Err(Errno::INVAL), "cuts a map");
        assert_eq!(memory.unmap(0x4000, 0x1000), Err(Errno::INVAL), "cuts a map");
        assert_eq!(memory.unmap(0, 0), Err(Errno::INVAL));
        memory.unmap(0, u64::MAX).unwrap();
    }

    #[test]
    fn rights_and_the_bus_master_bit_are_kept() {
        let (memory, file) = (memory(), file(4096));
        memory.map(MapRequest { writable: false, ..request(0x1000, 0x1000, 0) }, Some(&file)).unwrap();
        memory.map(request(0x9000, 0x1000, 0), None).unwrap();
        let mut bytes = [0; 8];
        assert!(memory.read(Iova(0x1000), &mut bytes).is_ok());
        assert!(memory.write(Iova(0x1000), &bytes).is_err());
        assert!(memory.read(Iova(0x9000), &mut bytes).is_err(), "memory without a descriptor");
        memory.set_bus_master(false);
        assert!(memory.read(Iova(0x1000), &mut bytes).is_err());
    }

    #[test]
    fn a_life_that_ended_reaches_nothing() {
        let (memory, file) = (Arc::new(memory()), file(4096));
        memory.map(request(0x1000, 0x1000, 0), Some(&file)).unwrap();
        let life = Life::new(memory.clone());
        let mut byte = [0];
        life.write(Iova(0x1000), &[1]).unwrap();
        life.write(Iova(0x2000), &[1]).expect("a posted write has no answer");
        life.end();
        life.write(Iova(0x1000), &[2]).expect("a posted write has no answer");
        memory.read(Iova(0x1000), &mut byte).unwrap();
        assert_eq!(byte, [1]);
        assert!(life.read(Iova(0x1000), &mut byte).is_err());
    }
}
