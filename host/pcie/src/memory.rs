//! DMA memory on the process's heap, for devices inside the process, with the device's face of it.
//!
//! Each buffer is an array of 64-bit atomics, so that a device thread and the host may touch the same bytes at once
//! without a data race. Stores release and loads acquire, in rising order of address: who sees the last word of a beat
//! sees the beat.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use thiserror::Error;

use crate::{BusMaster, DmaBuffer, DmaError, DmaLoan, DmaSpace, Iova, SharedBytes};

/// The unit of mapping.
pub const PAGE_BYTES: usize = 4096;

/// IOVAs are given out from here; page 0 and low addresses stay unmapped, so that a zeroed pointer faults.
const FIRST_IOVA: u64 = 1 << 32;
/// IOVAs end here; then the allocator starts over with what is free.
const END_IOVA: u64 = 1 << 47;

/// The device touched what is not mapped, or something along the way failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("DMA fault at {:#x}, {len_bytes} bytes", iova.0)]
pub struct DmaFault {
    /// First byte of the access.
    pub iova: Iova,
    /// Its length.
    pub len_bytes: usize,
}

enum Bytes {
    /// Both sides may touch them at once.
    Words(Box<[AtomicU64]>),
    /// The device may read them.
    Lent(SharedBytes),
}

impl Bytes {
    fn len_bytes(&self) -> usize {
        match self {
            Self::Words(words) => words.len() * 8,
            Self::Lent(bytes) => (**bytes).as_ref().len(),
        }
    }
}

struct Pages {
    iova: u64,
    bytes: Bytes,
}

impl Pages {
    fn len_bytes(&self) -> usize {
        self.bytes.len_bytes()
    }

    /// Of memory that is ours; what is lent has none.
    fn words(&self) -> &[AtomicU64] {
        match &self.bytes {
            Bytes::Words(words) => words,
            Bytes::Lent(_) => &[],
        }
    }

    fn check(&self, offset: usize, len_bytes: usize) {
        assert!(
            offset.checked_add(len_bytes).is_some_and(|end| end <= self.len_bytes()),
            "{len_bytes} bytes at {offset} lie outside a DMA buffer of {} bytes",
            self.len_bytes()
        );
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        self.check(offset, to.len());
        if let Bytes::Lent(bytes) = &self.bytes {
            return to.copy_from_slice(&(**bytes).as_ref()[offset..offset + to.len()]);
        }
        let (head, rest) = to.split_at_mut((offset.wrapping_neg() % 8).min(to.len()));
        self.read_within(offset, head);
        let first = (offset + head.len()) / 8;
        let (whole, tail) = rest.as_chunks_mut::<8>();
        let words = &self.words()[first..first + whole.len()];
        for (word, to) in words.iter().zip(whole.iter_mut()) {
            *to = word.load(Ordering::Acquire).to_le_bytes();
        }
        self.read_within((first + whole.len()) * 8, tail);
    }

    /// Some bytes of one word.
    fn read_within(&self, offset: usize, to: &mut [u8]) {
        if !to.is_empty() {
            let lane = offset % 8;
            let word = self.words()[offset / 8].load(Ordering::Acquire).to_le_bytes();
            to.copy_from_slice(&word[lane..lane + to.len()]);
        }
    }

    fn write(&self, offset: usize, from: &[u8]) {
        self.check(offset, from.len());
        let (head, rest) = from.split_at((offset.wrapping_neg() % 8).min(from.len()));
        self.write_within(offset, head);
        let first = (offset + head.len()) / 8;
        let (whole, tail) = rest.as_chunks::<8>();
        let words = &self.words()[first..first + whole.len()];
        for (word, from) in words.iter().zip(whole) {
            word.store(u64::from_le_bytes(*from), Ordering::Release);
        }
        self.write_within((first + whole.len()) * 8, tail);
    }

    /// Some bytes of one word; the others are left as another thread may be writing them.
    fn write_within(&self, offset: usize, from: &[u8]) {
        if !from.is_empty() {
            merge(&self.words()[offset / 8], offset % 8, from);
        }
    }
}

/// Replaces some bytes of a word and leaves the others as another thread may be writing them.
fn merge(word: &AtomicU64, lane: usize, bytes: &[u8]) {
    let mut old = word.load(Ordering::Acquire);
    loop {
        let mut new = old.to_le_bytes();
        new[lane..lane + bytes.len()].copy_from_slice(bytes);
        match word.compare_exchange_weak(old, u64::from_le_bytes(new), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(seen) => old = seen,
        }
    }
}

struct Space {
    mapped: RwLock<BTreeMap<u64, Arc<Pages>>>,
    next: Mutex<u64>,
    limit_bytes: usize,
}

impl Space {
    /// A free range of IOVAs with an unmapped page after it; freed addresses come back only after all others.
    fn map(&self, bytes: Bytes) -> Option<Arc<Pages>> {
        let len_bytes = bytes.len_bytes() as u64;
        let taken_bytes = len_bytes + PAGE_BYTES as u64;
        let mut next = self.next.lock();
        let mut mapped = self.mapped.write();
        let in_use: usize = mapped.values().map(|pages| pages.len_bytes()).sum();
        if in_use + len_bytes as usize > self.limit_bytes {
            return None;
        }
        let (mut at, mut wrapped) = (*next, false);
        loop {
            if at + taken_bytes > END_IOVA {
                if wrapped {
                    return None;
                }
                (at, wrapped) = (FIRST_IOVA, true);
            }
            match mapped.range(..at + taken_bytes).next_back() {
                Some((&start, pages)) if start + pages.len_bytes() as u64 + PAGE_BYTES as u64 > at => {
                    at = start + pages.len_bytes() as u64 + PAGE_BYTES as u64;
                }
                _ => break,
            }
        }
        *next = at + taken_bytes;
        let pages = Arc::new(Pages { iova: at, bytes });
        mapped.insert(at, pages.clone());
        Some(pages)
    }

    fn find(&self, iova: Iova, len_bytes: usize) -> Result<(Arc<Pages>, usize), DmaFault> {
        let fault = DmaFault { iova, len_bytes };
        let mapped = self.mapped.read();
        let (start, pages) = mapped.range(..=iova.0).next_back().ok_or(fault)?;
        let offset = usize::try_from(iova.0 - start).map_err(|_| fault)?;
        match offset.checked_add(len_bytes) {
            Some(end) if end <= pages.len_bytes() => Ok((pages.clone(), offset)),
            _ => Err(fault),
        }
    }
}

/// A [`DmaSpace`] whose memory is the process's own.
#[derive(Clone)]
pub struct HostMemory {
    space: Arc<Space>,
}

impl Default for HostMemory {
    fn default() -> Self {
        Self::with_limit(usize::MAX / 2)
    }
}

impl HostMemory {
    /// Memory of which at most `limit_bytes` are mapped at once; more is [`DmaError::OutOfMemory`].
    pub fn with_limit(limit_bytes: usize) -> Self {
        let space = Space { mapped: RwLock::default(), next: Mutex::new(FIRST_IOVA), limit_bytes };
        Self { space: Arc::new(space) }
    }

    /// The device's face of this memory.
    pub fn device(&self) -> DeviceDma {
        DeviceDma { space: self.space.clone() }
    }
}

impl DmaSpace for HostMemory {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let none = DmaError::OutOfMemory { needed_bytes: len_bytes };
        let Some(rounded) = len_bytes.max(1).checked_next_multiple_of(PAGE_BYTES) else { return Err(none) };
        if rounded > self.space.limit_bytes {
            return Err(none);
        }
        let words = (0..rounded / 8).map(|_| AtomicU64::new(0)).collect();
        let pages = self.space.map(Bytes::Words(words)).ok_or(none)?;
        Ok(Box::new(HostBuffer { pages, space: self.space.clone() }))
    }

    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        if !is_whole_pages((**memory).as_ref()) {
            return None;
        }
        let pages = self.space.map(Bytes::Lent(memory.clone()))?;
        Some(Box::new(HostBuffer { pages, space: self.space.clone() }))
    }
}

/// Whether these are whole pages, at least one.
pub(crate) fn is_whole_pages(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.as_ptr().addr().is_multiple_of(PAGE_BYTES)
        && bytes.len().is_multiple_of(PAGE_BYTES)
}

struct HostBuffer {
    pages: Arc<Pages>,
    space: Arc<Space>,
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        self.space.mapped.write().remove(&self.pages.iova);
    }
}

impl DmaLoan for HostBuffer {
    fn iova(&self) -> Iova {
        Iova(self.pages.iova)
    }
}

impl DmaBuffer for HostBuffer {
    fn iova(&self) -> Iova {
        Iova(self.pages.iova)
    }

    fn len_bytes(&self) -> usize {
        self.pages.len_bytes()
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        self.pages.read(offset, to);
    }

    fn write(&self, offset: usize, from: &[u8]) {
        self.pages.write(offset, from);
    }

    fn read_u32_acquire(&self, offset: usize) -> u32 {
        assert!(offset.is_multiple_of(4), "a word at {offset} is not aligned");
        self.pages.check(offset, 4);
        let word = self.pages.words()[offset / 8].load(Ordering::Acquire);
        if offset.is_multiple_of(8) { word as u32 } else { (word >> 32) as u32 }
    }

    fn write_u32_release(&self, offset: usize, value: u32) {
        assert!(offset.is_multiple_of(4), "a word at {offset} is not aligned");
        self.pages.write(offset, &value.to_le_bytes());
    }

    /// Atomic stores that another thread may see are not optimised away.
    fn wipe(&self) {
        for word in self.pages.words() {
            word.store(0, Ordering::Release);
        }
    }
}

/// What the device can do to [`HostMemory`]: read and write by IOVA, with a fault outside what is mapped.
///
/// An access that runs over the end of a buffer faults as a whole and moves nothing.
#[derive(Clone)]
pub struct DeviceDma {
    space: Arc<Space>,
}

impl BusMaster for DeviceDma {
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        self.read(iova, to)
    }

    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        self.write(iova, from)
    }

    fn lent(&self, iova: Iova, len_bytes: usize) -> Option<(SharedBytes, usize)> {
        let (pages, offset) = self.space.find(iova, len_bytes).ok()?;
        match &pages.bytes {
            Bytes::Lent(bytes) => Some((bytes.clone(), offset)),
            Bytes::Words(_) => None,
        }
    }
}

impl DeviceDma {
    /// Reads bytes.
    ///
    /// # Errors
    /// [`DmaFault`] if any byte is not mapped.
    pub fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        let (pages, offset) = self.space.find(iova, to.len())?;
        pages.read(offset, to);
        Ok(())
    }

    /// Writes bytes, in rising order of address, the last word last.
    ///
    /// # Errors
    /// [`DmaFault`] if any byte is not mapped, or lent, as that is mapped for reading only.
    pub fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        let (pages, offset) = self.space.find(iova, from.len())?;
        if matches!(pages.bytes, Bytes::Lent(_)) {
            return Err(DmaFault { iova, len_bytes: from.len() });
        }
        pages.write(offset, from);
        Ok(())
    }

    /// Every mapped buffer's IOVA and contents: for tests that look for secrets left behind.
    pub fn snapshot(&self) -> Vec<(Iova, Vec<u8>)> {
        let mapped = self.space.mapped.read();
        let copy = |pages: &Arc<Pages>| {
            let mut bytes = vec![0; pages.len_bytes()];
            pages.read(0, &mut bytes);
            (Iova(pages.iova), bytes)
        };
        mapped.values().map(copy).collect()
    }
}
