//! The threads of a model, and the handle on it.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::{BusMaster, Function, HostMemory, Irq, IrqLine, Mmio};
use millrace_regs::{Cause, Completion, Descriptor, layout};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::{
    Fault, JobClass, ModelConfig, Until,
    digest::digest,
    fault::FaultPlan,
    jobs::{self, Done},
    memory::{BadAddress, DeviceMemory},
    queue::{Doorbell, Queue},
    registers::ModelMmio,
};

/// Between two looks whether a slow job's engine was reset.
const LINGER_POLL: Duration = Duration::from_millis(1);

/// A job that an engine has, and what will go wrong with it.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// Which queue it came from and completes to.
    pub(crate) queue: usize,
    pub(crate) descriptor: Descriptor,
    pub(crate) sq_head: u16,
    pub(crate) fault: Option<Fault>,
}

impl Command {
    pub(crate) fn never_ends(&self) -> bool {
        matches!(self.fault, Some(Fault::Stuck(_) | Fault::BusyForNothing))
    }

    /// Whether it takes an engine of its own: what is short otherwise is done where it is fetched.
    pub(crate) fn is_slow(&self) -> bool {
        self.never_ends() || matches!(self.fault, Some(Fault::Slow(_)))
    }
}

/// One of copy, MSM, NTT.
#[derive(Default)]
pub(crate) struct EngineState {
    pub(crate) waiting: VecDeque<Command>,
    pub(crate) running: Option<Command>,
    /// Rises with every reset: what a thread computes for an older one is thrown away.
    pub(crate) generation: u64,
}

/// Cumulative counters.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) cycles: u64,
    pub(crate) progress: u64,
    pub(crate) msm_digits: u64,
    pub(crate) msm_bucket_cycles: u64,
    pub(crate) msm_adds: u64,
    pub(crate) ntt_butterflies: u64,
    pub(crate) host_read_beats: u64,
    pub(crate) host_write_beats: u64,
    pub(crate) memory_read_beats: u64,
    pub(crate) memory_write_beats: u64,
    /// Raised, of all queues; no register tells them.
    pub(crate) interrupts: u64,
}

/// All that registers and threads share.
pub(crate) struct State {
    pub(crate) off: bool,
    pub(crate) queues: Vec<Queue>,
    /// Indexed by opcode − 1.
    pub(crate) engines: [EngineState; 3],
    /// For each engine: the queue whose turn it is, where an engine takes a few jobs at a time only.
    pub(crate) turns: [usize; 3],
    pub(crate) counts: Counts,
    pub(crate) faults: FaultPlan,
    /// A reset that does not end.
    pub(crate) resetting: u32,
}

impl State {
    /// Whether an engine works, as opposed to being stuck.
    pub(crate) fn is_moving(&self) -> bool {
        let stuck = |c: &Command| matches!(c.fault, Some(Fault::Stuck(_)));
        self.engines.iter().any(|e| e.running.as_ref().is_some_and(|c| !stuck(c)))
    }

    pub(crate) fn is_busy_for_nothing(&self) -> bool {
        let running = self.engines.iter().filter_map(|e| e.running.as_ref());
        running.into_iter().any(|c| c.fault == Some(Fault::BusyForNothing))
    }

    /// How hard the hardest stuck engine among these is stuck.
    pub(crate) fn stuck_until(&self, engines: impl Iterator<Item = usize>) -> Option<Until> {
        let until = |i: usize| match self.engines[i].running.as_ref()?.fault? {
            Fault::Stuck(until) => Some(until),
            Fault::BusyForNothing => Some(Until::EngineReset),
            _ => None,
        };
        engines.filter_map(until).max()
    }
}

pub(crate) struct Device {
    pub(crate) config: ModelConfig,
    pub(crate) dma: Arc<dyn BusMaster>,
    /// One a queue.
    pub(crate) irqs: Vec<Arc<IrqLine>>,
    pub(crate) memory: Mutex<DeviceMemory>,
    /// One a queue. A doorbell is a posted write: whoever rings it waits for nobody.
    pub(crate) doorbells: Vec<Doorbell>,
    /// Room of copies that have ended, for the next: fresh memory costs more than the copy.
    pub(crate) scratch: Mutex<Vec<u8>>,
    pub(crate) state: Mutex<State>,
    /// Rises with every doorbell, and with every other change that the dispatcher may wait for.
    pub(crate) changes: AtomicU64,
    /// The dispatcher has stopped looking at the doorbells by itself.
    pub(crate) asleep: AtomicBool,
    /// Held by the dispatcher between its last look and its sleep.
    pub(crate) nap: Mutex<()>,
    /// Something changed that the dispatcher may wait for.
    pub(crate) changed: Condvar,
    /// The same for the thread of each engine.
    pub(crate) work: [Condvar; 3],
}

/// Ends the threads when the last of function and handle is dropped.
pub(crate) struct Power(pub(crate) Arc<Device>);

impl Drop for Power {
    fn drop(&mut self) {
        self.0.state.lock().off = true;
        self.0.tell_all();
    }
}

/// A running model. The device lives as long as this handle or any clone of its function.
pub struct ModelDevice {
    power: Arc<Power>,
    function: Function,
    memory: HostMemory,
}

/// A model without a host: its registers and its interrupt. It lives as long as its registers do.
pub struct BareModel {
    /// BAR0.
    pub bar0: Arc<dyn Mmio>,
    /// One a queue.
    pub irqs: Vec<Arc<IrqLine>>,
    power: Arc<Power>,
}

impl BareModel {
    /// Powers a model on that reaches a host's memory through `memory`.
    ///
    /// # Panics
    /// If the parameters cannot be built: c outside 2..=16, W · c below 255 or above 2^12, transforms above 2^27, memory above 2^40, queues outside
    /// 1..=15.
    pub fn start(config: ModelConfig, memory: Arc<dyn BusMaster>) -> Self {
        let (c, w) = (config.window_bits, config.windows);
        assert!((2..=16).contains(&c) && (255..=4096).contains(&(w * c)), "{w} windows of {c} bits");
        assert!(config.ntt_log_max <= 27 && config.log_memory_bytes <= 40, "{config:?}");
        assert!((1..=15).contains(&config.queues), "{} queues", config.queues);
        let queues = 0..config.queues;
        let irqs: Vec<_> = queues.clone().map(|_| Arc::new(IrqLine::default())).collect();
        let device = Arc::new(Device {
            dma: memory,
            irqs: irqs.clone(),
            doorbells: queues.clone().map(|_| Doorbell::default()).collect(),
            changes: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            nap: Mutex::new(()),
            scratch: Mutex::default(),
            memory: Mutex::new(DeviceMemory::new(config.log_memory_bytes)),
            state: Mutex::new(State {
                off: false,
                queues: queues.map(|_| Queue::default()).collect(),
                engines: Default::default(),
                turns: [0; 3],
                counts: Counts::default(),
                faults: FaultPlan::default(),
                resetting: 0,
            }),
            changed: Condvar::new(),
            work: Default::default(),
            config,
        });
        let dispatcher = device.clone();
        thread::spawn(move || dispatcher.dispatch());
        for engine in 0..3 {
            let device = device.clone();
            thread::spawn(move || device.work(engine));
        }
        let power = Arc::new(Power(device));
        let bar0 =
            Arc::new(ModelMmio { power: power.clone(), reads: AtomicU64::new(0), latched: Mutex::new(0) });
        Self { bar0, irqs, power }
    }

    /// Lets the `nth` job of a class from now (counted from 0) go wrong.
    pub fn inject(&self, class: JobClass, nth: u64, fault: Fault) {
        self.power.0.state.lock().faults.add(class, nth, fault);
    }

    /// Descriptors of a class that were taken so far.
    pub fn jobs_seen(&self, class: JobClass) -> u64 {
        self.power.0.state.lock().faults.seen(class)
    }

    /// Faults whose job has not come yet.
    pub fn faults_waiting(&self) -> usize {
        self.power.0.state.lock().faults.waiting()
    }
}

impl ModelDevice {
    /// Powers a model on, with memory of this process as its host's.
    ///
    /// # Panics
    /// As [`BareModel::start`].
    pub fn start(config: ModelConfig) -> Self {
        let memory = HostMemory::with_limit(config.host_memory_bytes);
        let name = config.name.clone();
        let BareModel { bar0, irqs, power } = BareModel::start(config, Arc::new(memory.device()));
        let irqs = irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect();
        let function = Function { name, bar0, dma: Arc::new(memory.clone()), irqs, reset: None };
        Self { power, function, memory }
    }

    /// The PCIe function for a driver.
    pub fn function(&self) -> Function {
        self.function.clone()
    }

    /// The memory that the function's DMA reaches.
    pub fn host_memory(&self) -> &HostMemory {
        &self.memory
    }

    /// Lets the `nth` job of a class from now (counted from 0) go wrong.
    pub fn inject(&self, class: JobClass, nth: u64, fault: Fault) {
        self.power.0.state.lock().faults.add(class, nth, fault);
    }

    /// Lets every job of a class with so many points, values or bytes hang until its engine is reset, however often it is sent.
    pub fn poison(&self, class: JobClass, count: u64) {
        self.poison_until(class, count, Until::EngineReset);
    }

    /// The same, until such a reset.
    pub fn poison_until(&self, class: JobClass, count: u64, until: Until) {
        self.power.0.state.lock().faults.poison(class, count, until);
    }

    /// Interrupts that were raised so far, whether or not somebody waited for them.
    pub fn interrupts_raised(&self) -> u64 {
        self.power.0.state.lock().counts.interrupts
    }

    /// Descriptors of a class that were taken so far.
    pub fn jobs_seen(&self, class: JobClass) -> u64 {
        self.power.0.state.lock().faults.seen(class)
    }
}

impl Device {
    /// One engine: takes its jobs in order.
    fn work(&self, engine: usize) {
        let mut state = self.state.lock();
        loop {
            if state.off {
                return;
            }
            let Some(command) = state.engines[engine].waiting.pop_front() else {
                self.work[engine].wait(&mut state);
                continue;
            };
            if self.config.waiting_jobs.is_some() {
                // There is room for a job that holds up its queue.
                self.tell_dispatcher();
            }
            if command.never_ends() {
                state.engines[engine].running = Some(command);
                let generation = state.engines[engine].generation;
                while state.engines[engine].generation == generation && !state.off {
                    self.work[engine].wait(&mut state);
                }
                continue;
            }
            self.perform(&mut state, engine, command);
        }
    }

    /// Does one job on an engine that has none, on this thread.
    pub(crate) fn perform(&self, state: &mut MutexGuard<'_, State>, engine: usize, command: Command) {
        state.engines[engine].running = Some(command);
        let generation = state.engines[engine].generation;
        let memory_generation = self.memory.lock().generation;
        let outcome =
            MutexGuard::unlocked(state, || self.attempt(&command, engine, generation, memory_generation));
        if state.engines[engine].generation == generation {
            state.engines[engine].running = None;
            self.finish(state, &command, outcome);
        }
    }

    /// Wakes whoever waits for a change, after one that is rare.
    pub(crate) fn tell_all(&self) {
        self.tell_dispatcher();
        self.work.iter().for_each(|work| {
            work.notify_all();
        });
    }

    /// After a change that the dispatcher may wait for. The state may be locked or not: whoever tells waits for no job.
    pub(crate) fn tell_dispatcher(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            let _nap = self.nap.lock();
            self.changed.notify_all();
        }
    }

    /// A doorbell.
    pub(crate) fn ring(&self, queue: usize, value: u32) {
        self.doorbells[queue].set(value);
        self.tell_dispatcher();
    }

    /// Takes its time, unless the engine is reset or the device switched off meanwhile.
    fn linger(&self, time: Duration, engine: usize, generation: u64) {
        let until = Instant::now() + time;
        let goes_on = || {
            let state = self.state.lock();
            !state.off && state.engines[engine].generation == generation
        };
        while Instant::now() < until && goes_on() {
            thread::sleep(LINGER_POLL.min(time));
        }
    }

    fn attempt(
        &self,
        command: &Command,
        engine: usize,
        generation: u64,
        memory_generation: u64,
    ) -> Result<Done, (Cause, u64)> {
        match command.fault {
            Some(Fault::Fail { cause, position }) => return Err((cause, position)),
            Some(Fault::Slow(more)) => self.linger(more, engine, generation),
            Some(Fault::FlipMemory { address, bit }) => {
                self.memory.lock().flip(address, bit as usize);
            }
            _ => {}
        }
        jobs::check_sizes(&command.descriptor, self)?;
        jobs::run(self, &command.descriptor, memory_generation)
    }

    /// Writes the result and then the completion, as one step: a reset comes before or after it.
    fn finish(&self, state: &mut State, command: &Command, outcome: Result<Done, (Cause, u64)>) {
        let d = &command.descriptor;
        let outcome = outcome.and_then(|done| self.write_result(state, command, done));
        let mut completion = Completion {
            job_id: d.job_id,
            opcode: d.opcode,
            sq_head: command.sq_head,
            ..Completion::default()
        };
        match outcome {
            Ok((done, digest)) => {
                let counters = done.counters;
                if d.opcode == layout::OPCODE_COPY && done.streamed.is_none() {
                    *self.scratch.lock() = done.bytes;
                }
                completion.cycles = counters.cycles;
                completion.stalled = counters.stalled;
                completion.bubbles = counters.bubbles;
                completion.issued = counters.issued;
                completion.digest = digest;
            }
            Err((cause, position)) => {
                completion.status = cause as u8;
                completion.position = position;
            }
        }
        self.complete(state, command, completion);
    }

    fn write_result(
        &self,
        state: &mut State,
        command: &Command,
        mut done: Done,
    ) -> Result<(Done, u64), (Cause, u64)> {
        let d = &command.descriptor;
        let flip = |bytes: &mut [u8], bit: usize| {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        };
        match command.fault {
            Some(Fault::FlipResult { bit }) => flip(&mut done.bytes, bit),
            Some(Fault::WrongResult) => jobs::make_wrong(d.opcode, &mut done.bytes),
            _ => {}
        }
        let digest = match done.streamed {
            Some(streamed) => self.strike_streamed(command, streamed.digest)?,
            None => digest(&done.bytes),
        };
        if let Some(Fault::FlipOnTheWay { bit }) = command.fault {
            flip(&mut done.bytes, bit);
        }
        let beats = done.streamed.map_or(done.bytes.len() as u64 / 64, |streamed| streamed.beats);
        if d.flags & layout::FLAG_DST_DEV != 0 {
            let written = self.memory.lock().write(d.dst, &done.bytes);
            written.map_err(|BadAddress(at)| (Cause::MemWrite, at))?;
            state.counts.memory_write_beats += beats;
        } else if !done.bytes.is_empty() {
            let written = self.dma.write(millrace_pcie::Iova(d.dst), &done.bytes);
            written.map_err(|_| (Cause::HostWrite, d.dst))?;
            state.counts.host_write_beats += beats;
        }
        let (counts, counters) = (&mut state.counts, &done.counters);
        counts.host_read_beats += done.host_beats;
        counts.memory_read_beats += done.memory_beats;
        counts.cycles += counters.cycles;
        counts.progress += counters.issued + beats + done.host_beats + done.memory_beats;
        match d.opcode {
            layout::OPCODE_MSM_G1 => {
                counts.msm_digits += done.digits;
                counts.msm_bucket_cycles += done.digits;
                counts.msm_adds += counters.issued;
            }
            layout::OPCODE_NTT => counts.ntt_butterflies += counters.issued,
            _ => {}
        }
        Ok((done, digest))
    }

    /// What a fault does to bytes that are in device memory already; the digest that is told of them. A bit that flips before they are digested is in it.
    fn strike_streamed(&self, command: &Command, told: u64) -> Result<u64, (Cause, u64)> {
        let d = &command.descriptor;
        let (bit, is_told) = match command.fault {
            Some(Fault::FlipResult { bit }) => (bit, true),
            Some(Fault::WrongResult) => (0, true),
            Some(Fault::FlipOnTheWay { bit }) => (bit, false),
            _ => return Ok(told),
        };
        let mut memory = self.memory.lock();
        let byte = bit as u64 / 8;
        if byte < d.count {
            memory.flip(d.dst + byte, bit);
        }
        if !is_told {
            return Ok(told);
        }
        let bytes = memory.read(d.dst, d.count).map_err(|BadAddress(at)| (Cause::MemWrite, at))?;
        Ok(digest(&bytes))
    }
}
