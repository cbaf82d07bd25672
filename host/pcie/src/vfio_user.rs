//! A device that another process serves on a socket: the vfio-user protocol, version 0.0, as QEMU's `vfio-user-pci` speaks it.
//!
//! | module | idea |
//! |---|---|
//! | `wire` | bytes of a message |
//! | `connection` | messages with descriptors over a socket |
//! | `client` | the driver's side: a [`crate::Function`] like any other |
//!
//! The served side is `millrace-cosim`.

mod client;
mod connection;
pub mod wire;

pub use client::{ClientError, open_vfio_user};
pub use connection::{Connection, Incoming, ReceiveError};
