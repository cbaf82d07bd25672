//! MMIO, DMA and interrupts as the driver sees them.
//!
//! In: register offsets and IOVAs. Out: bytes and typed errors. This crate knows no register by name and no job.
//!
//! | module | idea |
//! |---|---|
//! | `traits` | the verbs |
//! | `vfio`, `sysfs` | a card, through the kernel |
//! | [`vfio_user`] | a device in another process, through a socket |
//! | `mapping`, `near`, `iova`, `mapped`, `event` | what these two are made of |
//! | `raiser` | the served side of `event` |
//! | `gate` | registers that nobody touches while their function is reset from outside |
//! | `memory`, `irq`, `fake`, `fault`, `layer`, `observe` | devices inside the process, and their faults |
//!
//! Beside the traits stand what devices inside the process need ([`HostMemory`], [`IrqLine`]), a fake register file
//! ([`FakeMmio`]), and wrappers that make the n-th access fail ([`FaultyMmio`], [`FaultyDma`]) or tell an [`Observer`] of it.

#![deny(unsafe_code)]

mod address;
mod event;
mod fake;
mod fault;
mod gate;
mod iova;
mod irq;
mod layer;
mod mapped;
#[allow(unsafe_code)]
mod mapping;
mod memory;
mod near;
mod observe;
#[allow(unsafe_code)]
mod raiser;
mod sysfs;
mod traits;
mod vfio;
pub mod vfio_user;

pub use address::{AddressError, PciAddress};
pub use event::EventIrq;
pub use fake::FakeMmio;
pub use fault::{CallCount, FaultyDma, FaultyMmio, MmioFault};
pub use gate::Gate;
pub use irq::IrqLine;
pub use layer::DmaLayer;
pub use mapping::Mapping;
pub use memory::{DeviceDma, DmaFault, HostMemory, PAGE_BYTES};
pub use observe::{Event, Observer, observed};
pub use raiser::Raiser;
pub use sysfs::{Link, PciFunction, PciTree};
pub use traits::{
    BusMaster, DmaBuffer, DmaError, DmaLoan, DmaSpace, Function, FunctionReset, Gone, Iova, Irq, Mmio,
    ResetError, SharedBytes,
};
pub use vfio::{AccessError, VfioAccess, VfioError, VfioOptions, open_vfio, reset_vfio};
