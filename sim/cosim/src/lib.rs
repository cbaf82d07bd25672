//! The Verilated device behind the `pcie` traits.
//!
//! In: a [`CosimConfig`]. Out: a [`millrace_pcie::Function`] that a driver opens like any other, and a [`CosimHandle`] for what only a
//! simulation has: cycles, waveforms, a recording that replays bit for bit without the host. [`Server`] serves this device, or any
//! other, on a socket by the vfio-user protocol. This crate names no register.

#![forbid(unsafe_code)]

mod access;
mod device;
mod host_port;
mod recording;
mod replay;
mod serve;

pub use access::Waits;
pub use device::{BareDevice, CosimConfig, CosimHandle, QUEUES, start, start_behind};
pub use millrace_verilated::{SimConfig, TraceError, Waveform};
pub use recording::{Access, Event, ParseError, Recording};
pub use replay::{ReplayOutcome, replay};
pub use serve::{PowerOn, Powered, Server, ServerConfig};
