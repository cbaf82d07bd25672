//! DMA memory for jobs: leased, wiped when given back, used again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use millrace_pcie::{DmaBuffer, DmaError, DmaSpace, Iova, PAGE_BYTES};
use parking_lot::Mutex;

use crate::contention::Contention;

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

/// Free buffers of one queue's threads, by size.
type Free = BTreeMap<(usize, Content), Vec<Box<dyn DmaBuffer>>>;

/// Where staging memory comes from: each queue's threads have free buffers of their own, so that those of different queues do not wait for each other.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Kept>,
    /// Whose free buffers these are.
    queue: usize,
}

struct Kept {
    dma: Arc<dyn DmaSpace>,
    /// One a queue.
    free: Vec<Mutex<Free>>,
    contention: Contention,
    /// In all of them.
    bytes: AtomicUsize,
    keep_bytes: usize,
}

impl Kept {
    fn take(&self, queue: usize, size: usize, content: Content) -> Option<Box<dyn DmaBuffer>> {
        let kept = self.contention.lock(&self.free[queue]).get_mut(&(size, content)).and_then(Vec::pop)?;
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        Some(kept)
    }
}

impl Pool {
    /// A pool for so many queues that keeps at most `keep_bytes` mapped for later.
    pub(crate) fn new(dma: Arc<dyn DmaSpace>, keep_bytes: usize, queues: usize) -> Self {
        let free = (0..queues.max(1)).map(|_| Mutex::default()).collect();
        let (contention, bytes) = (Contention::default(), AtomicUsize::new(0));
        Self { shared: Arc::new(Kept { dma, free, contention, bytes, keep_bytes }), queue: 0 }
    }

    /// The same pool, as the threads of a queue use it.
    pub(crate) fn of_queue(&self, queue: usize) -> Self {
        Self { shared: self.shared.clone(), queue: queue % self.shared.free.len() }
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
        // First what needs no wiping.
        let contents = [content, Content::Zeros, Content::Public];
        let kept = contents.into_iter().find_map(|c| Some((self.shared.take(self.queue, size, c)?, c)));
        let buffer = match kept {
            Some((buffer, Content::Public)) if content == Content::Zeros => {
                buffer.wipe();
                buffer
            }
            Some((buffer, _)) => buffer,
            None => self.shared.dma.alloc(size)?,
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
        // Several that give back at once may keep a little less than they could, never more.
        if self.shared.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > self.shared.keep_bytes
        {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            return;
        }
        let mut free = self.shared.contention.lock(&self.shared.free[self.queue]);
        free.entry((size, content)).or_default().push(buffer);
    }

    /// How often a thread waited for another to take or give back a buffer.
    pub(crate) fn contended(&self) -> u64 {
        self.shared.contention.count()
    }

    /// Unmaps what is free, so that a device that may still write somewhere cannot hit memory that is used again.
    pub(crate) fn drain(&self) {
        for free in &self.shared.free {
            let free = std::mem::take(&mut *free.lock());
            for buffer in free.into_values().flatten() {
                self.shared.bytes.fetch_sub(buffer.len_bytes(), Ordering::Relaxed);
            }
        }
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
        let pool = Pool::new(Arc::new(memory.clone()), 8192, 1);
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

    #[test]
    fn queues_keep_buffers_apart_and_share_the_bound() {
        let memory = HostMemory::default();
        let pool = Pool::new(Arc::new(memory.clone()), 3 * 4096, 2);
        let mapped = || memory.device().snapshot().len();
        let (first, second) = (pool.of_queue(0), pool.of_queue(1));
        let mine = first.lease(1).unwrap();
        let at = mine.iova();
        drop(mine);
        // Whoever holds the other queue's buffers is not waited for.
        let held = pool.shared.free[1].lock();
        assert_eq!(first.lease(1).unwrap().iova(), at);
        drop(held);
        let other = second.lease(1).unwrap();
        assert_ne!(other.iova(), at, "that one is the first queue's");
        drop(other);
        assert_eq!(mapped(), 2);
        drop((second.lease(1).unwrap(), second.lease(1).unwrap(), second.lease(1).unwrap()));
        assert_eq!(mapped(), 3, "all queues together keep no more than they may");
        assert_eq!(pool.shared.bytes.load(Ordering::Relaxed), 3 * 4096);
        pool.drain();
        assert_eq!((mapped(), pool.shared.bytes.load(Ordering::Relaxed)), (0, 0));
    }
}
