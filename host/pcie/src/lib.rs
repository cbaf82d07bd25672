//! MMIO, DMA and interrupts as the driver sees them.
//!
//! In: register offsets and IOVAs. Out: bytes and typed errors. This crate knows no register by name and no job.

#![deny(unsafe_code)]

mod traits;

pub use traits::{DmaBuffer, DmaError, DmaSpace, Function, Iova, Irq, Mmio};
