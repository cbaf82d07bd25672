//! The C face of `sim/verilator/shim.h`, and the only unsafe code of this crate.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    ptr::NonNull,
};

use crate::simulation::{HostPort, SimConfig, Step};

#[repr(C)]
struct RawSim {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawConfig {
    seed: u64,
    memory_bytes: u64,
    host_latency_min: u32,
    host_latency_max: u32,
    memory_latency_min: u32,
    memory_latency_max: u32,
    stall_per_1024: u32,
    context: *mut c_void,
    host_read: extern "C" fn(*mut c_void, u64, u64, *mut u8) -> c_int,
    host_write: extern "C" fn(*mut c_void, u64, u64, *const u8, u64) -> c_int,
}

#[repr(C)]
struct RawStep {
    cycles: u64,
    irqs: u32,
    busy: u8,
}

unsafe extern "C" {
    fn mr_sim_new(config: *const RawConfig) -> *mut RawSim;
    fn mr_sim_free(sim: *mut RawSim);
    fn mr_sim_step(sim: *mut RawSim, max_cycles: u64) -> RawStep;
    fn mr_sim_read32(sim: *mut RawSim, offset: u32) -> u32;
    fn mr_sim_write32(sim: *mut RawSim, offset: u32, value: u32);
    fn mr_sim_cycles(sim: *const RawSim) -> u64;
    fn mr_sim_trace_start(sim: *mut RawSim, path: *const c_char, max_cycles: u64) -> c_int;
    fn mr_sim_trace_stop(sim: *mut RawSim);
    fn mr_sim_flip_memory_bit(sim: *mut RawSim, address: u64, bit: u32);
}

extern "C" fn host_read(context: *mut c_void, cycle: u64, iova: u64, to: *mut u8) -> c_int {
    // SAFETY: `context` is the `Box<dyn HostPort>` that `Handle` keeps at a stable address as long as the simulation
    // lives, and the simulation calls back only inside calls made with `&mut Handle`, so nobody else holds a
    // reference; `to` points to 64 writable bytes by the contract of shim.h.
    let (port, to) = unsafe { (&mut *context.cast::<Box<dyn HostPort>>(), &mut *to.cast::<[u8; 64]>()) };
    c_int::from(!port.read(cycle, iova, to))
}

extern "C" fn host_write(
    context: *mut c_void,
    cycle: u64,
    iova: u64,
    from: *const u8,
    strobes: u64,
) -> c_int {
    // SAFETY: as in `host_read`; `from` points to 64 readable bytes.
    let (port, from) = unsafe { (&mut *context.cast::<Box<dyn HostPort>>(), &*from.cast::<[u8; 64]>()) };
    c_int::from(!port.write(cycle, iova, from, strobes))
}

/// Owns one C++ simulation and the port it calls back.
pub(crate) struct Handle {
    sim: NonNull<RawSim>,
    port: *mut Box<dyn HostPort>,
}

// SAFETY: the simulation has no thread-local or global state (one VerilatedContext each), `HostPort` is `Send`, and
// every call takes `&mut self` or reads a plain counter.
unsafe impl Send for Handle {}

impl Handle {
    pub(crate) fn new(config: &SimConfig, port: Box<dyn HostPort>) -> Self {
        let port = Box::into_raw(Box::new(port));
        let raw = RawConfig {
            seed: config.seed,
            memory_bytes: config.memory_bytes,
            host_latency_min: *config.host_latency.start(),
            host_latency_max: *config.host_latency.end(),
            memory_latency_min: *config.memory_latency.start(),
            memory_latency_max: *config.memory_latency.end(),
            stall_per_1024: config.stall_per_1024,
            context: port.cast(),
            host_read,
            host_write,
        };
        // SAFETY: `raw` is valid for the call, which copies it; `port` outlives the simulation (freed in `drop` after it).
        let sim = unsafe { mr_sim_new(&raw const raw) };
        Self { sim: NonNull::new(sim).expect("the shim never returns null: C++ new throws instead"), port }
    }

    pub(crate) fn step(&mut self, max_cycles: u64) -> Step {
        // SAFETY: `sim` is live.
        let s = unsafe { mr_sim_step(self.sim.as_ptr(), max_cycles) };
        Step { cycles: s.cycles, irqs: s.irqs, busy: s.busy != 0 }
    }

    pub(crate) fn read32(&mut self, offset: u32) -> u32 {
        // SAFETY: `sim` is live.
        unsafe { mr_sim_read32(self.sim.as_ptr(), offset) }
    }

    pub(crate) fn write32(&mut self, offset: u32, value: u32) {
        // SAFETY: `sim` is live.
        unsafe { mr_sim_write32(self.sim.as_ptr(), offset, value) }
    }

    pub(crate) fn cycles(&self) -> u64 {
        // SAFETY: `sim` is live; the call only reads.
        unsafe { mr_sim_cycles(self.sim.as_ptr()) }
    }

    /// Whether the trace could be opened.
    pub(crate) fn trace_start(&mut self, path: &CString, max_cycles: u64) -> bool {
        // SAFETY: `sim` is live, `path` is a terminated string that the call does not keep.
        unsafe { mr_sim_trace_start(self.sim.as_ptr(), path.as_ptr(), max_cycles) == 0 }
    }

    pub(crate) fn trace_stop(&mut self) {
        // SAFETY: `sim` is live.
        unsafe { mr_sim_trace_stop(self.sim.as_ptr()) }
    }

    pub(crate) fn flip_memory_bit(&mut self, address: u64, bit: u32) {
        // SAFETY: `sim` is live; the shim checks the address.
        unsafe { mr_sim_flip_memory_bit(self.sim.as_ptr(), address, bit) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: freed once; after that nothing calls back, so the port may go.
        unsafe {
            mr_sim_free(self.sim.as_ptr());
            drop(Box::from_raw(self.port));
        }
    }
}
