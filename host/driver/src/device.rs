//! The device with all its queues.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use millrace_pcie::{DmaError, Function};
use millrace_regs::registers as reg;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    Anomalies, DriverConfig, Identity, Lost,
    fault::DeviceFault,
    flight::{PartState, Tracked},
    flights::{Doom, Flight},
    pool::Pool,
    queue::{Common, Need, Queue, Trouble},
    recovery::Level,
    registers::{LinkDown, Registers},
    tickets::queue_of,
};

/// How often an engine is reset for jobs that it does not let go of before whole queues are. What a reset takes is sent again only afterwards, so that
/// each job of others is restarted once at most.
const CANCEL_RESETS: u32 = 32;
/// How long is waited after the first of these resets for the next jobs of the rings to reach the engine; twice as long after each next one, up to
/// `progress_interval`.
const FIRST_PATIENCE: Duration = Duration::from_millis(2);

/// What stands above the queues.
pub(crate) struct Device {
    pub(crate) function: Function,
    pub(crate) identity: Identity,
    pub(crate) common: Arc<Common>,
    pub(crate) registers: Registers,
    pub(crate) queues: Vec<Mutex<Queue>>,
    pub(crate) pool: Pool,
    /// Those that are no queue's.
    pub(crate) anomalies: Mutex<Anomalies>,
    /// The function was let go, or is about to be.
    is_let_go: AtomicBool,
}

/// All queues at once, in their order, so that two threads that want them all do not wait for each other. Whoever wants this holds none.
pub(crate) struct World<'a> {
    pub(crate) device: &'a Device,
    pub(crate) queues: Vec<MutexGuard<'a, Queue>>,
}

impl Device {
    pub(crate) fn new(
        function: Function,
        config: DriverConfig,
        identity: Identity,
    ) -> Result<Self, DmaError> {
        // A vector each, so that a queue's owner is woken for its own jobs only.
        let vectors = if function.irqs.is_empty() { usize::MAX } else { function.irqs.len() };
        let count = (identity.queues as usize).min(config.queues).min(vectors).max(1);
        let pool = Pool::new(function.dma.clone(), config.pool_bytes, count);
        let common = Arc::new(Common::new(config, count));
        let registers = Registers::new(function.bar0.clone(), 0);
        let queue = |number| {
            let registers = registers.of_queue(number as u32);
            let has_irq = !function.irqs.is_empty();
            Queue::new(number, common.clone(), registers, has_irq, &*function.dma).map(Mutex::new)
        };
        let queues = (0..count).map(queue).collect::<Result<_, _>>()?;
        let anomalies = Mutex::default();
        let is_let_go = AtomicBool::new(false);
        Ok(Self { function, identity, common, registers, queues, pool, anomalies, is_let_go })
    }

    /// Ends loans of jobs that are over, before whoever waits for them does.
    pub(crate) fn end_idle_loans(&self) {
        for queue in &self.queues {
            let mut queue = queue.lock();
            queue.harvest();
            let idle: Vec<_> = queue.tickets.values_mut().flat_map(Tracked::take_idle_loans).collect();
            drop(queue);
            // To unmap takes time, which no queue waits for.
            drop(idle);
        }
    }

    pub(crate) fn world(&self) -> World<'_> {
        World { device: self, queues: self.queues.iter().map(Mutex::lock).collect() }
    }

    /// Lets go of the function once it is lost: the kernel may be waiting for it, and somebody else may want it. The caller holds no queue, so that nobody
    /// waits for whatever this takes.
    pub(crate) fn let_go_if_lost(&self) {
        if self.common.lost.get().is_some()
            && let Some(function) = &self.function.reset
            && !self.is_let_go.swap(true, Ordering::AcqRel)
        {
            function.let_go();
        }
    }

    /// A device of which this was seen, with why it is gone.
    pub(crate) fn lost(&self, seen: String) -> Lost {
        Lost { gone: self.function.reset.as_ref().and_then(|function| function.gone()), seen }
    }

    /// Does what a queue could not do by itself. The caller holds no queue.
    pub(crate) fn meet(&self, queue: usize, need: Need) {
        self.bring_back(queue, need);
        self.let_go_if_lost();
    }

    fn bring_back(&self, queue: usize, need: Need) {
        match need {
            Need::Nothing => {}
            Need::Recover { from, why, recoveries } => {
                // First what concerns this queue alone.
                match self.mend(queue, from, &why, recoveries) {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(LinkDown(reason)) => return self.world().lose(reason),
                }
                let mut world = self.world();
                if self.is_settled(recoveries) {
                    return;
                }
                match from {
                    Trouble::Engine(opcode) => world.unstick(queue, opcode, &why),
                    Trouble::Queue | Trouble::Overtaken(_) | Trouble::Forgotten => {
                        world.recover(Level::Function, &why)
                    }
                }
            }
            Need::Lost(reason) => self.world().lose(reason),
        }
    }

    /// Whether the device is lost, or was brought back since: several may have found the same, and one of them has settled it.
    fn is_settled(&self, recoveries: usize) -> bool {
        self.common.lost.get().is_some() || self.common.recoveries.load(Ordering::Acquire) != recoveries
    }

    /// Resets a queue that has lost completions, under its own lock: the others go on, however long its jobs take that the device is still at. `false` where
    /// it is not that, or did not help.
    fn mend(&self, number: usize, from: Trouble, why: &str, recoveries: usize) -> Result<bool, LinkDown> {
        let mut queue = self.queues[number].lock();
        let is_doomed = match from {
            Trouble::Queue | Trouble::Engine(_) => return Ok(false),
            _ if self.is_settled(recoveries) => false,
            Trouble::Overtaken(opcode) => queue.doom_overtaken(opcode, why),
            Trouble::Forgotten => queue.doom_forgotten(why),
        };
        if is_doomed {
            if !queue.mend()? {
                return Ok(false);
            }
            self.common.recoveries.fetch_add(1, Ordering::AcqRel);
        }
        Ok(true)
    }

    /// Resets the function because somebody asks for it.
    pub(crate) fn reset(&self) {
        let mut world = self.world();
        if self.common.lost.get().is_none() {
            world.recover(Level::Function, "a reset was asked for");
        }
        drop(world);
        self.let_go_if_lost();
    }

    pub(crate) fn anomalies(&self) -> Anomalies {
        let mut sum = *self.anomalies.lock();
        for queue in &self.queues {
            sum.add(&queue.lock().anomalies);
        }
        sum
    }

    /// Nothing in device memory is believed any more.
    pub(crate) fn distrust_memory(&self) {
        self.common.memory_generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Makes the device let go of a ticket's jobs and forgets it.
    pub(crate) fn cancel(&self, ticket: u64) -> Result<(), Lost> {
        let number = queue_of(ticket);
        let Some(queue) = self.queues.get(number) else { return Ok(()) };
        let need = queue.lock().service();
        self.meet(number, need);
        if let Some(lost) = self.common.lost.get() {
            return Err(lost.clone());
        }
        let mut world = self.world();
        match world.cancel(number, ticket) {
            Ok(()) => world.pump(),
            Err(LinkDown(reason)) => world.lose(reason),
        }
        drop(world);
        self.let_go_if_lost();
        let need = queue.lock().service();
        self.meet(number, need);
        match self.common.lost.get() {
            Some(lost) => Err(lost.clone()),
            None => Ok(()),
        }
    }
}

impl World<'_> {
    /// Puts the device aside for ever. It may still write somewhere, so all its memory is unmapped.
    pub(crate) fn lose(&mut self, reason: String) {
        let _ = self.device.common.lost.set(self.device.lost(reason));
        self.queues.iter_mut().for_each(|queue| queue.lose());
        self.device.pool.drain();
    }

    fn cancel(&mut self, number: usize, ticket: u64) -> Result<(), LinkDown> {
        let queue = &mut *self.queues[number];
        let Some(tracked) = queue.tickets.get_mut(ticket) else { return Ok(()) };
        tracked.abandoned = true;
        for part in 0..tracked.parts.len() {
            if matches!(tracked.parts[part].state, PartState::Pending) {
                tracked.end_part(part, PartState::Failed(DeviceFault::Dropped));
            }
        }
        if tracked.open == 0 {
            queue.tickets.remove(ticket);
            return Ok(());
        }
        let of_ticket = |f: &Flight| f.ticket == ticket;
        for flight in queue.flights.values_mut().filter(|f| of_ticket(f)) {
            flight.doom.get_or_insert(Doom::Cancelled);
        }
        self.let_go(number, of_ticket)
    }

    /// An engine reset takes the jobs that the engine has; a descriptor that was not fetched yet comes later, so the
    /// reset is repeated while some are left.
    fn let_go(&mut self, number: usize, of_ticket: impl Fn(&Flight) -> bool + Copy) -> Result<(), LinkDown> {
        let is_there = |world: &Self| world.queues[number].flights.values().any(of_ticket);
        let mut patience = FIRST_PATIENCE;
        for _ in 0..CANCEL_RESETS {
            let flights = self.queues[number].flights.values();
            let Some(bits) =
                flights.filter(|f| of_ticket(f)).map(|f| crate::recovery::engine_bit(f.opcode)).max()
            else {
                return Ok(());
            };
            if !self.reset_engines(bits)? {
                break;
            }
            patience = patience.min(self.device.common.config.progress_interval);
            let until = Instant::now() + patience;
            self.settle(|world| Ok(!is_there(world) || Instant::now() >= until))?;
            patience *= 2;
        }
        if is_there(self) {
            self.recover(Level::Queue, "a cancelled job was not let go");
        }
        Ok(())
    }
}

impl Drop for Device {
    /// Stops the device, so that it writes nowhere afterwards; memory that it was not seen to let go is unmapped.
    fn drop(&mut self) {
        if self.common.lost.get().is_some() {
            return;
        }
        let mut world = self.world();
        if world.queues.iter().any(|queue| !queue.flights.is_empty()) {
            // While the core is held in reset its queues look stopped, though bursts are still on their way.
            self.registers.write(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
            if !matches!(world.settle_resets(), Ok(true)) {
                return world.lose("closed while the device did not come out of reset".into());
            }
        }
        if !world.queues.iter_mut().all(|queue| matches!(queue.stop(), Ok(true))) {
            world.lose("closed while the device did not stop".into());
        }
    }
}
