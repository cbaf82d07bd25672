//! One simulated device.

use std::{ffi::CString, ops::RangeInclusive, os::unix::ffi::OsStrExt, path::Path};

use thiserror::Error;

use crate::ffi::Handle;

/// Host memory as the device reaches it: one beat of 64 bytes at an IOVA that is a multiple of 64, in a cycle counted from reset.
/// `false` is a DMA fault.
pub trait HostPort: Send {
    /// The device reads a beat.
    fn read(&mut self, cycle: u64, iova: u64, to: &mut [u8; 64]) -> bool;
    /// The device writes the bytes whose strobe bit is set.
    fn write(&mut self, cycle: u64, iova: u64, from: &[u8; 64], strobes: u64) -> bool;
}

/// What surrounds the device.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Of reset values, latencies and stalls: the same seed and the same accesses at the same cycles give the same run, bit for bit.
    pub seed: u64,
    /// Device memory in bytes, a multiple of 64.
    pub memory_bytes: u64,
    /// Cycles from a read's address, or a write's last beat, to the first answer, host memory.
    pub host_latency: RangeInclusive<u32>,
    /// The same, device memory.
    pub memory_latency: RangeInclusive<u32>,
    /// Chance in 1024 that an AXI port is not ready in a cycle.
    pub stall_per_1024: u32,
}

impl Default for SimConfig {
    /// 64 MiB; 400–480 cycles to the host, 120–160 to device memory, 1 % stalls.
    fn default() -> Self {
        Self {
            seed: 1,
            memory_bytes: 64 << 20,
            host_latency: 400..=480,
            memory_latency: 120..=160,
            stall_per_1024: 10,
        }
    }
}

/// What a call of [`Simulation::step`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Cycles simulated.
    pub cycles: u64,
    /// Bit q: queue q raised an interrupt since the last step.
    pub irqs: u32,
    /// Whether the device still has something to do.
    pub busy: bool,
}

/// Why there is no waveform.
#[derive(Debug, Error)]
#[error("cannot write a waveform to {path}: the file cannot be opened, or this build has no tracing")]
pub struct TraceError {
    /// Where it should have gone.
    pub path: String,
}

/// A running device.
pub struct Simulation(Handle);

impl Simulation {
    /// A device after reset, at cycle 0.
    pub fn new(config: &SimConfig, port: Box<dyn HostPort>) -> Self {
        Self(Handle::new(config, port))
    }

    /// Runs until `max_cycles` have passed, an interrupt rises, or the device has nothing to do.
    pub fn step(&mut self, max_cycles: u64) -> Step {
        self.0.step(max_cycles)
    }

    /// Reads a register; all ones if the device does not answer. Takes a few cycles.
    pub fn read32(&mut self, offset: u32) -> u32 {
        self.0.read32(offset)
    }

    /// Writes a register. Takes a few cycles.
    pub fn write32(&mut self, offset: u32, value: u32) {
        self.0.write32(offset, value);
    }

    /// Cycles since reset.
    pub fn cycles(&self) -> u64 {
        self.0.cycles()
    }

    /// Writes an FST waveform of the next `max_cycles` cycles, or until [`Self::trace_stop`].
    ///
    /// # Errors
    /// [`TraceError`] if the file cannot be opened or the build has no tracing.
    pub fn trace_start(&mut self, path: &Path, max_cycles: u64) -> Result<(), TraceError> {
        let error = || TraceError { path: path.display().to_string() };
        let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|_| error())?;
        if self.0.trace_start(&c_path, max_cycles) { Ok(()) } else { Err(error()) }
    }

    /// Ends the waveform.
    pub fn trace_stop(&mut self) {
        self.0.trace_stop();
    }

    /// Flips a bit of device memory, as a particle would: for tests of what finds it.
    pub fn flip_memory_bit(&mut self, address: u64, bit: u32) {
        self.0.flip_memory_bit(address, bit);
    }
}
