//! Wrappers that make the n-th access fail, so that a test can sweep n over a whole run.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{DmaBuffer, DmaError, DmaSpace, Mmio};

/// Counts accesses; shared between a wrapper and the test that sweeps over it.
#[derive(Clone, Default, Debug)]
pub struct CallCount(Arc<AtomicU64>);

impl CallCount {
    /// Accesses so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// What goes wrong with register accesses; they are counted from 0, reads and writes together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MmioFault {
    /// From this access on the link is dead: reads answer all-ones, writes vanish.
    DeadFrom(u64),
    /// This one access fails: a read answers all-ones, a write vanishes.
    Once(u64),
}

/// Registers of which the n-th access fails.
pub struct FaultyMmio {
    inner: Arc<dyn Mmio>,
    fault: MmioFault,
    count: CallCount,
}

impl FaultyMmio {
    /// Wraps `inner`; accesses are counted in `count`.
    pub fn new(inner: Arc<dyn Mmio>, fault: MmioFault, count: CallCount) -> Self {
        Self { inner, fault, count }
    }

    fn fails(&self) -> bool {
        let n = self.count.next();
        match self.fault {
            MmioFault::DeadFrom(first) => n >= first,
            MmioFault::Once(this) => n == this,
        }
    }
}

impl Mmio for FaultyMmio {
    fn read32(&self, offset: u32) -> u32 {
        if self.fails() { u32::MAX } else { self.inner.read32(offset) }
    }

    fn write32(&self, offset: u32, value: u32) {
        if !self.fails() {
            self.inner.write32(offset, value);
        }
    }
}

/// DMA memory of which the n-th allocation (from 0) fails. It lends nothing, so that all bytes need one.
pub struct FaultyDma {
    inner: Arc<dyn DmaSpace>,
    fails_at: u64,
    count: CallCount,
}

impl FaultyDma {
    /// Wraps `inner`; allocations are counted in `count`.
    pub fn new(inner: Arc<dyn DmaSpace>, fails_at: u64, count: CallCount) -> Self {
        Self { inner, fails_at, count }
    }
}

impl DmaSpace for FaultyDma {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        if self.count.next() == self.fails_at {
            return Err(DmaError::OutOfMemory { needed_bytes: len_bytes });
        }
        self.inner.alloc(len_bytes)
    }
}
