//! The functional device: same rings, registers and errors, no RTL.
//!
//! In: register accesses and DMA memory, as a driver makes them. Out: results in that memory, completions, interrupts.
//! Its sums and transforms are the oracle's; its cycle counts follow a simple formula (`cycles`) and are no measurement.
//! Besides working, it can fail in every way that a driver must survive ([`Fault`]).
//!
//! | module | idea |
//! |---|---|
//! | `registers` | BAR0: what reads answer and what writes set off |
//! | `queue` | descriptors in, completions out |
//! | `device` | the threads: one that dispatches, one for each engine |
//! | `jobs` | what each opcode does |
//! | `drill` | any device with one thing wrong between it and the host |

#![forbid(unsafe_code)]

mod config;
mod cycles;
mod device;
mod digest;
mod drill;
mod fault;
mod jobs;
mod memory;
mod queue;
mod registers;

pub use config::ModelConfig;
pub use device::{BareModel, ModelDevice};
pub use drill::{Drill, Trigger, drilled};
pub use fault::{Fault, JobClass, Until};
