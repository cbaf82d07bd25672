//! Safe Rust over the Verilated device.
//!
//! In: register accesses, a [`HostPort`] that answers the device's DMA beats. Out: cycles, interrupts, waveforms. This crate
//! knows the pins of the device and nothing of registers or jobs.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod ffi;
mod simulation;

pub use simulation::{HostPort, SimConfig, Simulation, Step, TraceError};
