//! MMIO, DMA and interrupts as the driver sees them.
//!
//! In: register offsets and IOVAs. Out: bytes and typed errors. This crate knows no register by name and no job.
//!
//! Beside the traits stand what devices inside the process need ([`HostMemory`], [`IrqLine`]), a fake register file
//! ([`FakeMmio`]), and wrappers that make the n-th access fail ([`FaultyMmio`], [`FaultyDma`]) or tell an [`Observer`] of it.

#![deny(unsafe_code)]

mod fake;
mod fault;
mod irq;
mod memory;
mod observe;
mod traits;

pub use fake::FakeMmio;
pub use fault::{CallCount, FaultyDma, FaultyMmio, MmioFault};
pub use irq::IrqLine;
pub use memory::{DeviceDma, DmaFault, HostMemory, PAGE_BYTES};
pub use observe::{Event, Observer, observed};
pub use traits::{DmaBuffer, DmaError, DmaSpace, Function, Iova, Irq, Mmio};
