//! One simulated device.

use std::{ffi::CString, fs::File, ops::RangeInclusive, os::fd::AsRawFd};

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
pub enum TraceError {
    /// The system has no memory to write it to.
    #[error("no memory for a waveform: {0}")]
    Memory(#[from] memfd::Error),
    /// The simulator cannot write one.
    #[error("this build of the simulation writes no waveforms")]
    Unavailable,
}

/// A finished FST waveform, in memory: the simulator's own writer ends the process where a disk is full, so it never gets one.
#[derive(Debug)]
pub struct Waveform {
    /// The bytes, from the start.
    pub file: File,
    /// Whether it ends before the last cycle that was asked for, as it had reached [`WAVEFORM_BYTES_MAX`].
    pub cut: bool,
}

/// A waveform ends when it is longer than this: it is kept in memory.
pub const WAVEFORM_BYTES_MAX: u64 = 1 << 30;

/// A running device.
pub struct Simulation {
    handle: Handle,
    waveform: Option<Waveform>,
}

impl Simulation {
    /// A device after reset, at cycle 0.
    pub fn new(config: &SimConfig, port: Box<dyn HostPort>) -> Self {
        Self { handle: Handle::new(config, port), waveform: None }
    }

    /// Runs until `max_cycles` have passed, an interrupt rises, or the device has nothing to do.
    pub fn step(&mut self, max_cycles: u64) -> Step {
        let step = self.handle.step(max_cycles);
        self.cut_waveform();
        step
    }

    /// Reads a register; all ones if the device does not answer. Takes a few cycles.
    pub fn read32(&mut self, offset: u32) -> u32 {
        self.handle.read32(offset)
    }

    /// Writes a register. Takes a few cycles.
    pub fn write32(&mut self, offset: u32, value: u32) {
        self.handle.write32(offset, value);
    }

    /// Cycles since reset.
    pub fn cycles(&self) -> u64 {
        self.handle.cycles()
    }

    /// Writes an FST waveform of the next `max_cycles` cycles, or until [`Self::trace_stop`]. An earlier one is thrown away.
    ///
    /// # Errors
    /// [`TraceError`] if there is no memory for it or the build has no tracing.
    pub fn trace_start(&mut self, max_cycles: u64) -> Result<(), TraceError> {
        self.handle.trace_stop();
        let file = memfd::MemfdOptions::default().create("millrace-waveform")?.into_file();
        let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no zero byte in it");
        if !self.handle.trace_start(&path, max_cycles) {
            return Err(TraceError::Unavailable);
        }
        self.waveform = Some(Waveform { file, cut: false });
        Ok(())
    }

    /// Ends the waveform and gives it; `None` if none was started.
    pub fn trace_stop(&mut self) -> Option<Waveform> {
        self.handle.trace_stop();
        self.waveform.take()
    }

    fn cut_waveform(&mut self) {
        let Some(waveform) = &mut self.waveform else { return };
        if !waveform.cut && waveform.file.metadata().is_ok_and(|m| m.len() > WAVEFORM_BYTES_MAX) {
            self.handle.trace_stop();
            waveform.cut = true;
        }
    }

    /// Flips a bit of device memory, as a particle would: for tests of what finds it.
    pub fn flip_memory_bit(&mut self, address: u64, bit: u32) {
        self.handle.flip_memory_bit(address, bit);
    }
}
