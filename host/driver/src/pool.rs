//! DMA memory for jobs: leased, wiped when given back, used again.

use std::{collections::BTreeMap, sync::Arc};

use millrace_pcie::{DmaBuffer, DmaError, DmaSpace, Iova, PAGE_BYTES};
use parking_lot::Mutex;

/// A page to wipe with, and one of what no result is.
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
static POISON: [u8; PAGE_BYTES] = [0xff; PAGE_BYTES];

/// What a free buffer holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Content {
    Zeros,
    /// What everybody may know, such as a key's bases.
    Public,
}

#[derive(Default)]
struct Free {
    by_size: BTreeMap<(usize, Content), Vec<Box<dyn DmaBuffer>>>,
    bytes: usize,
}

impl Free {
    fn take(&mut self, size: usize, content: Content) -> Option<Box<dyn DmaBuffer>> {
        let kept = self.by_size.get_mut(&(size, content)).and_then(Vec::pop)?;
        self.bytes -= kept.len_bytes();
        Some(kept)
    }
}

/// Where staging memory comes from.
#[derive(Clone)]
pub(crate) struct Pool {
    dma: Arc<dyn DmaSpace>,
    free: Arc<Mutex<Free>>,
    keep_bytes: usize,
}

impl Pool {
    /// A pool that keeps at most `keep_bytes` mapped for later.
    pub(crate) fn new(dma: Arc<dyn DmaSpace>, keep_bytes: usize) -> Self {
        Self { dma, free: Arc::default(), keep_bytes }
    }

    /// Zeroed memory of at least so many bytes.
    pub(crate) fn lease(&self, len_bytes: usize) -> Result<Staging, DmaError> {
        self.lease_of(len_bytes, Content::Zeros)
    }

    /// Memory of at least so many bytes, not zeroed, for what is no secret: it is not wiped either.
    pub(crate) fn lease_public(&self, len_bytes: usize) -> Result<Staging, DmaError> {
        self.lease_of(len_bytes, Content::Public)
    }

    fn lease_of(&self, len_bytes: usize, content: Content) -> Result<Staging, DmaError> {
        let too_much = DmaError::OutOfMemory { needed_bytes: len_bytes };
        let size = len_bytes.max(PAGE_BYTES).checked_next_power_of_two().ok_or(too_much)?;
        let kept = {
            let mut free = self.free.lock();
            match free.take(size, content) {
                Some(kept) => Some((kept, content)),
                None => {
                    [Content::Zeros, Content::Public].into_iter().find_map(|c| Some((free.take(size, c)?, c)))
                }
            }
        };
        let buffer = match kept {
            Some((buffer, Content::Public)) if content == Content::Zeros => {
                buffer.wipe();
                buffer
            }
            Some((buffer, _)) => buffer,
            None => self.dma.alloc(size)?,
        };
        Ok(Staging { buffer: Some(buffer), used_bytes: len_bytes, content, pool: self.clone() })
    }

    /// Memory for results: what the device does not write is out of range for every kind of result, and not what a
    /// digest of nothing says.
    pub(crate) fn lease_poisoned(&self, len_bytes: usize) -> Result<Staging, DmaError> {
        let staging = self.lease(len_bytes)?;
        for offset in (0..len_bytes).step_by(PAGE_BYTES) {
            staging.write(offset, &POISON[..PAGE_BYTES.min(len_bytes - offset)]);
        }
        Ok(staging)
    }

    fn give_back(&self, buffer: Box<dyn DmaBuffer>, used_bytes: usize, content: Content) {
        let size = buffer.len_bytes();
        match content {
            Content::Public => {}
            Content::Zeros if used_bytes < size => {
                for offset in (0..used_bytes).step_by(PAGE_BYTES) {
                    buffer.write(offset, &ZEROS[..PAGE_BYTES.min(used_bytes - offset)]);
                }
            }
            Content::Zeros => buffer.wipe(),
        }
        let mut free = self.free.lock();
        if free.bytes.saturating_add(size) <= self.keep_bytes {
            free.bytes += size;
            free.by_size.entry((size, content)).or_default().push(buffer);
        }
    }

    /// Unmaps what is free, so that a device that may still write somewhere cannot hit memory that is used again.
    pub(crate) fn drain(&self) {
        let mut free = self.free.lock();
        free.by_size.clear();
        free.bytes = 0;
    }
}

/// A leased buffer; wiped, unless it is public, and given back when dropped.
pub(crate) struct Staging {
    buffer: Option<Box<dyn DmaBuffer>>,
    /// From the start, what this lease may have put there; what lies behind it is still zero, or what a device wrote where it was not told to.
    used_bytes: usize,
    content: Content,
    pool: Pool,
}

impl Staging {
    fn buffer(&self) -> &dyn DmaBuffer {
        self.buffer.as_deref().expect("the buffer leaves only on drop")
    }

    pub(crate) fn iova(&self) -> Iova {
        self.buffer().iova()
    }

    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        self.buffer().write(offset, from);
    }

    pub(crate) fn read(&self, offset: usize, to: &mut [u8]) {
        self.buffer().read(offset, to);
    }

    /// Wipes and unmaps at once, for memory that a device was not seen to let go.
    pub(crate) fn unmap(mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.wipe();
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.pool.give_back(buffer, self.used_bytes, self.content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_pcie::HostMemory;

    #[test]
    fn buffers_come_back_wiped_and_are_used_again() {
        let memory = HostMemory::default();
        let pool = Pool::new(Arc::new(memory.clone()), 8192);
        let first = pool.lease(5000).unwrap();
        let at = first.iova();
        first.write(4999, &[7]);
        drop(first);
        assert!(memory.device().snapshot().iter().all(|(_, bytes)| bytes.iter().all(|&b| b == 0)));
        let again = pool.lease(8000).unwrap();
        assert_eq!(again.iova(), at);
        let other = pool.lease(8000).unwrap();
        drop((again, other));
        assert_eq!(memory.device().snapshot().len(), 1, "the pool keeps no more than it may");
        pool.drain();
        assert!(memory.device().snapshot().is_empty());
        let public = pool.lease_public(1).unwrap();
        public.write(0, &[9]);
        let at = public.iova();
        drop(public);
        assert!(memory.device().snapshot().iter().any(|(_, bytes)| bytes[0] == 9), "not wiped");
        let secret = pool.lease(1).unwrap();
        assert_eq!(secret.iova(), at);
        assert!(
            memory.device().snapshot().iter().all(|(_, bytes)| bytes[0] == 0),
            "wiped before it is another's"
        );
        drop(secret);
        pool.drain();
        let unmapped = pool.lease(1).unwrap();
        unmapped.unmap();
        assert!(memory.device().snapshot().is_empty());
    }
}
