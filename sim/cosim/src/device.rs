//! The thread that steps the simulation, and what driver and tools hold of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use millrace_pcie::{BusMaster, Function, HostMemory, Irq, IrqLine, Mmio};
use millrace_verilated::{SimConfig, Simulation, TraceError, Waveform};
use parking_lot::{Condvar, Mutex};

use crate::{
    access::Waits,
    host_port::DmaPort,
    recording::{Access, Recorder, Recording},
};

/// How a simulated device is started.
#[derive(Clone, Debug, Default)]
pub struct CosimConfig {
    /// The device's surroundings.
    pub sim: SimConfig,
    /// Whether every register access and DMA beat is recorded (memory: about 100 bytes a beat).
    pub record: bool,
}

/// Queues of the simulated device: the parameter `NumQueues` of `mr_device`.
pub const QUEUES: usize = 2;

/// Cycles between two looks at who waits for the registers: some hundred microseconds, so that one who reads several in a row does not wait long.
pub(crate) const CYCLES_PER_TURN: u64 = 16;

struct Shared {
    sim: Mutex<Simulation>,
    waits: Arc<Waits>,
    wake: Condvar,
    stop: AtomicBool,
    irqs: Vec<Arc<IrqLine>>,
    recorder: Option<Arc<Recorder>>,
    /// Nanoseconds spent stepping, for cycles a second.
    stepping_nanos: AtomicU64,
    cycles: AtomicU64,
}

struct SimMmio(Arc<Shared>);

impl Mmio for SimMmio {
    fn read32(&self, offset: u32) -> u32 {
        let mut sim = self.0.waits.enter(&self.0.sim);
        let at = sim.cycles();
        let value = sim.read32(offset);
        if let Some(recorder) = &self.0.recorder {
            recorder.push(at, Access::MmioRead { offset, value });
        }
        value
    }

    fn write32(&self, offset: u32, value: u32) {
        let mut sim = self.0.waits.enter(&self.0.sim);
        if let Some(recorder) = &self.0.recorder {
            recorder.push(sim.cycles(), Access::MmioWrite { offset, value });
        }
        sim.write32(offset, value);
        self.0.wake.notify_one();
    }
}

fn run(shared: &Shared) {
    let mut sim = shared.sim.lock();
    while !shared.stop.load(Ordering::Acquire) {
        let started = Instant::now();
        let step = sim.step(CYCLES_PER_TURN);
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.stepping_nanos.fetch_add(nanos, Ordering::Relaxed);
        shared.cycles.fetch_add(step.cycles, Ordering::Relaxed);
        for (q, line) in shared.irqs.iter().enumerate() {
            if step.irqs >> q & 1 == 1 {
                line.raise();
            }
        }
        if step.busy {
            shared.waits.let_in(&mut sim);
        } else {
            // Woken by register writes; the bound only limits how long a stop goes unnoticed.
            shared.wake.wait_for(&mut sim, Duration::from_millis(50));
        }
    }
}

/// Holds a simulated device; dropping it stops the simulation.
pub struct CosimHandle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a simulated device and gives what a driver opens.
pub fn start(config: &CosimConfig) -> (Function, CosimHandle) {
    let memory = HostMemory::default();
    let device = start_behind(config, Arc::new(memory.device()));
    let function = Function {
        name: "sim".to_owned(),
        bar0: device.bar0,
        dma: Arc::new(memory),
        irqs: device.irqs.into_iter().map(|line| line as Arc<dyn Irq>).collect(),
        reset: None,
    };
    (function, device.handle)
}

/// A simulated device without a host: its registers, its interrupts, and what keeps it running.
pub struct BareDevice {
    /// BAR0.
    pub bar0: Arc<dyn Mmio>,
    /// One a queue.
    pub irqs: Vec<Arc<IrqLine>>,
    /// How long accesses to its registers have waited.
    pub waits: Arc<Waits>,
    /// Dropping it stops the simulation.
    pub handle: CosimHandle,
}

/// Starts a simulated device that reaches a host's memory through `memory`.
pub fn start_behind(config: &CosimConfig, memory: Arc<dyn BusMaster>) -> BareDevice {
    let recorder = config.record.then(|| Arc::new(Recorder::new(config.sim.clone())));
    let port = DmaPort::new(memory, recorder.clone());
    let irqs: Vec<_> = (0..QUEUES).map(|_| Arc::new(IrqLine::default())).collect();
    let waits = Arc::<Waits>::default();
    let shared = Arc::new(Shared {
        sim: Mutex::new(Simulation::new(&config.sim, Box::new(port))),
        waits: waits.clone(),
        wake: Condvar::new(),
        stop: AtomicBool::new(false),
        irqs: irqs.clone(),
        recorder,
        stepping_nanos: AtomicU64::new(0),
        cycles: AtomicU64::new(0),
    });
    let thread = {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name("millrace-sim".to_owned())
            .spawn(move || run(&shared))
            .expect("the system has a thread for the simulation")
    };
    let bar0 = Arc::new(SimMmio(shared.clone()));
    BareDevice { bar0, irqs, waits, handle: CosimHandle { shared, thread: Some(thread) } }
}

impl CosimHandle {
    /// Cycles simulated for jobs so far.
    pub fn cycles(&self) -> u64 {
        self.shared.cycles.load(Ordering::Relaxed)
    }

    /// Simulated cycles a second of wall time spent stepping, or `None` before the first step.
    pub fn cycles_per_second(&self) -> Option<f64> {
        let nanos = self.shared.stepping_nanos.load(Ordering::Relaxed);
        (nanos > 0).then(|| self.cycles() as f64 * 1e9 / nanos as f64)
    }

    /// Writes an FST waveform of the next `max_cycles` cycles, for [`CosimHandle::trace_stop`] to give.
    ///
    /// # Errors
    /// [`TraceError`] if there is no memory for it.
    pub fn trace(&self, max_cycles: u64) -> Result<(), TraceError> {
        self.shared.sim.lock().trace_start(max_cycles)
    }

    /// Ends the waveform, if it has not ended yet, and gives it; `None` if none was started.
    pub fn trace_stop(&self) -> Option<Waveform> {
        self.shared.sim.lock().trace_stop()
    }

    /// What was recorded so far; `None` when recording is off.
    pub fn recording(&self) -> Option<Recording> {
        self.shared.recorder.as_ref().map(|r| r.take_copy())
    }

    /// Flips a bit of device memory, as a particle would.
    pub fn flip_memory_bit(&self, address: u64, bit: u32) {
        let mut sim = self.shared.sim.lock();
        if let Some(recorder) = &self.shared.recorder {
            recorder.push(sim.cycles(), Access::MemoryFlip { address, bit });
        }
        sim.flip_memory_bit(address, bit);
    }
}

impl Drop for CosimHandle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the simulation thread panicked");
        }
    }
}
