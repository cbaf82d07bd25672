//! The verbs a driver needs of a PCIe function. Implementations: the fakes beside this file, the Verilated device
//! (`millrace-cosim`), the functional device (`millrace-model`), VFIO.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::DmaFault;

/// An address as the device sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Iova(pub u64);

/// 32-bit registers of BAR0. All-ones is what a dead link answers; recognising it is the caller's business.
pub trait Mmio: Send + Sync {
    /// Reads the register at a byte offset, a multiple of 4.
    fn read32(&self, offset: u32) -> u32;
    /// Writes the register at a byte offset, a multiple of 4. Posted: it may arrive later, but before any later read.
    fn write32(&self, offset: u32, value: u32);
}

/// Memory that both sides can reach. The device may write it at any time, so it is never lent as a slice:
/// bytes go in and out by copies.
pub trait DmaBuffer: Send + Sync {
    /// Where the device finds the first byte; a multiple of 4096.
    fn iova(&self) -> Iova;
    /// Length in bytes.
    fn len_bytes(&self) -> usize;
    /// Copies out. The words of an aligned 8-byte unit are read together, in rising order of address.
    ///
    /// # Panics
    /// If the range lies outside the buffer.
    fn read(&self, offset: usize, to: &mut [u8]);
    /// Copies in.
    ///
    /// # Panics
    /// If the range lies outside the buffer.
    fn write(&self, offset: usize, from: &[u8]);
    /// One aligned little-endian word, and everything that the device wrote before it is visible afterwards (acquire).
    ///
    /// # Panics
    /// If the offset is no multiple of 4 or lies outside the buffer.
    fn read_u32_acquire(&self, offset: usize) -> u32;
    /// One aligned little-endian word, and everything written before is visible to the device first (release).
    ///
    /// # Panics
    /// If the offset is no multiple of 4 or lies outside the buffer.
    fn write_u32_release(&self, offset: usize, value: u32);
    /// Overwrites with zeros in a way that is not optimised away.
    fn wipe(&self);
}

/// Why there is no DMA memory.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DmaError {
    /// No memory left, or no more of it may be locked.
    #[error("out of DMA memory: needed {needed_bytes} bytes")]
    OutOfMemory {
        /// Bytes needed.
        needed_bytes: usize,
    },
    /// There is memory, but no address for it that the IOMMU and the device can use.
    #[error(
        "out of addresses for the device (IOVA): needed {needed_bytes} bytes in one piece, {free_bytes} are free in all"
    )]
    OutOfIova {
        /// Bytes needed.
        needed_bytes: usize,
        /// Bytes of addresses that are free, together.
        free_bytes: u64,
    },
    /// The system refused.
    #[error("DMA mapping failed: {0}")]
    Map(#[from] std::io::Error),
}

/// Bytes that nobody changes while somebody holds them.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Memory of the process that the device may read where it lies, and cannot write, until this is dropped.
pub trait DmaLoan: Send + Sync {
    /// Where the device finds the first byte; a multiple of 4096.
    fn iova(&self) -> Iova;
}

/// Where DMA memory comes from. Dropping a buffer unmaps it.
pub trait DmaSpace: Send + Sync {
    /// Zeroed memory of at least so many bytes (rounded up to a page), mapped for the device.
    ///
    /// # Errors
    /// [`DmaError`] if there is none.
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError>;

    /// Lets the device read memory where it lies, so that nobody copies it: whole pages only, as a device reaches all of a page. `None` where begin or
    /// length is no multiple of 4096, where this space lends nothing, or where it cannot now: then the bytes go by a buffer.
    fn lend(&self, _memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        None
    }
}

/// One interrupt vector. Interrupts may merge, come early or for nothing: they are a hint to look, never a count.
pub trait Irq: Send + Sync {
    /// Waits for an interrupt since the last call; `false` when there was none for so long.
    fn wait(&self, at_most: Duration) -> bool;
}

/// Why a function was not reset.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ResetError {
    /// There is no way to reset it from outside.
    #[error("this function cannot be reset from outside")]
    Unsupported,
    /// The reset did not end; the function is lost until the machine, or the slot, is switched off and on.
    #[error("the reset of the function hangs, given up after {} s", after.as_secs())]
    Hung {
        /// How long was waited.
        after: Duration,
    },
    /// The system refused.
    #[error("the reset of the function failed: {0}")]
    Failed(#[from] std::io::Error),
}

/// Why a function is gone for good, where whoever handed it out knows more than that its registers read as all-ones.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Gone {
    /// It is unbound from vfio-pci, or its slot is emptied.
    #[error("the kernel asks for it back")]
    AskedFor,
    /// Of the link or the device; with AER the kernel's log names it.
    #[error("the kernel reports an uncorrectable PCIe error (AER)")]
    Uncorrectable,
    /// A reset from outside took longer than it may.
    #[error("its reset does not end")]
    ResetHangs,
    /// What was unmapped may still be reached by it.
    #[error("memory cannot be taken away from it")]
    KeepsMemory,
    /// The process that served it is gone.
    #[error("its server hung up")]
    HungUp,
    /// The process that served it is silent.
    #[error("its server does not answer")]
    NoAnswer,
    /// The process that served it does not keep to the protocol.
    #[error("its server answers with what is no answer")]
    BadAnswer,
}

/// Reset of a whole function from outside, without its own registers: on PCIe the function-level reset.
pub trait FunctionReset: Send + Sync {
    /// Resets. DMA and interrupts of before have ended when this returns well; memory stays mapped and interrupts arrive again.
    ///
    /// # Errors
    /// [`ResetError`]; bounded in time.
    fn reset(&self) -> Result<(), ResetError>;

    /// Lets go of the function for good, once its driver has given it up: others can have it then, however long the driver lives. From here on
    /// registers answer all-ones, and it reaches no memory that is used for anything else. Does not wait for the kernel. Nothing to do for a function that nobody else can have.
    fn let_go(&self) {}

    /// Why the function is gone, where that is known; what was seen first.
    fn gone(&self) -> Option<Gone> {
        None
    }
}

/// Host memory as a device reaches it. [`crate::DeviceDma`] is the one inside the process.
pub trait BusMaster: Send + Sync {
    /// Reads bytes.
    ///
    /// # Errors
    /// [`DmaFault`] if any byte is not mapped.
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault>;
    /// Writes bytes, in rising order of address, the last word last.
    ///
    /// # Errors
    /// [`DmaFault`] if any byte is not mapped; nothing is written then.
    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault>;
    /// What lies there where the host lent it ([`DmaSpace::lend`]), with the place of the first byte in it: it can be read without a copy.
    fn lent(&self, _iova: Iova, _len_bytes: usize) -> Option<(SharedBytes, usize)> {
        None
    }
}

/// A PCIe function, as the driver is handed it.
#[derive(Clone)]
pub struct Function {
    /// What it is called in reports and errors: `model`, `sim`, `vfio:0000:65:00.0`.
    pub name: String,
    /// BAR0.
    pub bar0: Arc<dyn Mmio>,
    /// DMA memory.
    pub dma: Arc<dyn DmaSpace>,
    /// MSI-X vectors, one per queue.
    pub irqs: Vec<Arc<dyn Irq>>,
    /// Reset from outside, where there is one.
    pub reset: Option<Arc<dyn FunctionReset>>,
}
