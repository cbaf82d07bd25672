//! Telling somebody of every register access and allocation: the host's half of a log that replays a run.

use std::sync::Arc;

use crate::{DmaBuffer, DmaError, DmaLoan, DmaSpace, Function, Iova, Mmio, SharedBytes};

/// What the host did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A register was read.
    Read {
        /// Byte offset in BAR0.
        offset: u32,
        /// What it answered.
        value: u32,
    },
    /// A register was written.
    Write {
        /// Byte offset in BAR0.
        offset: u32,
        /// What was written.
        value: u32,
    },
    /// DMA memory was mapped.
    Map {
        /// Its address.
        iova: Iova,
        /// Its length.
        len_bytes: usize,
    },
}

/// Wants to know.
pub trait Observer: Send + Sync {
    /// Called after the access, on the thread that made it.
    fn event(&self, event: Event);
}

/// The same function, with every access told to `observer`.
pub fn observed(function: Function, observer: Arc<dyn Observer>) -> Function {
    Function {
        bar0: Arc::new(Observed { inner: function.bar0, observer: observer.clone() }),
        dma: Arc::new(Observed { inner: function.dma, observer }),
        ..function
    }
}

struct Observed<T: ?Sized> {
    observer: Arc<dyn Observer>,
    inner: Arc<T>,
}

impl Mmio for Observed<dyn Mmio> {
    fn read32(&self, offset: u32) -> u32 {
        let value = self.inner.read32(offset);
        self.observer.event(Event::Read { offset, value });
        value
    }

    fn write32(&self, offset: u32, value: u32) {
        self.inner.write32(offset, value);
        self.observer.event(Event::Write { offset, value });
    }
}

impl DmaSpace for Observed<dyn DmaSpace> {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let buffer = self.inner.alloc(len_bytes)?;
        self.observer.event(Event::Map { iova: buffer.iova(), len_bytes: buffer.len_bytes() });
        Ok(buffer)
    }

    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        let loan = self.inner.lend(memory)?;
        self.observer.event(Event::Map { iova: loan.iova(), len_bytes: (**memory).as_ref().len() });
        Some(loan)
    }
}
