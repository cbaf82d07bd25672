//! Register map, descriptor and completion layouts of the device, generated from `hw/data`.
//!
//! In: nothing. Out: offsets, masks, opcodes, flags, causes, and ring entries to and from bytes. It never touches a device.
//! Both modules are written by `hw/data/generate.py`; `hw/data/generate.py --check` compares.
#![no_std]
#![forbid(unsafe_code)]

pub mod layout;
pub mod registers;

pub use layout::{Cause, Completion, Descriptor, LAYOUT_HASH, UnknownCause};

/// Offset in BAR0 of a register of queue `queue`, from its offset in the queue page.
///
/// # Panics
/// If the address map has no such queue.
pub const fn queue_register(queue: u32, offset: u32) -> u32 {
    assert!(queue < registers::QUEUE_MAX, "no such queue page");
    registers::QUEUE_BASE + queue * registers::QUEUE_STRIDE + offset
}
