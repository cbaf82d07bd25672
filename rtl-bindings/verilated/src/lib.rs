//! Safe Rust over the Verilated device.
//!
//! In: register accesses, a [`HostPort`] that answers the device's DMA beats. Out: cycles, interrupts, waveforms. This crate
//! knows the pins of the device and nothing of registers or jobs.

#![deny(unsafe_code)]

// Linked for their C libraries only, which Verilator's FST writer calls.
use libz_sys as _;
use lz4_sys as _;

#[allow(unsafe_code)]
mod ffi;
mod simulation;

pub use simulation::{HostPort, SimConfig, Simulation, Step, TraceError, WAVEFORM_BYTES_MAX, Waveform};
