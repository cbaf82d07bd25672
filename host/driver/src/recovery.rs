//! Bringing a device back: engine, queue, function by its registers, function from outside, in that order.
//!
//! | level | does | who fails | who is sent again |
//! |---|---|---|---|
//! | engine | `CTRL` bit of each engine with jobs | the oldest job of each engine | the engines' other jobs, of every queue |
//! | queue | `ENABLE` 0, zeroed rings, next epoch, `ENABLE` 1, a NOP to see it work | the same | all other jobs of the queue |
//! | function | `CTRL` bit 0, identity compared, then as for all queues | the same, and MSMs, whose bases are no longer believed | transforms and copies |
//! | outside | the function's reset from outside, where there is one (function-level reset), then as for the function | the same | the same |
//!
//! Which job an engine is stuck with is known while one queue has jobs for it: its oldest. Where several have, the oldest of each is a suspect: all are
//! sent again, another queue first each time, and one that was a suspect too often fails.
//!
//! After that the device is lost. A queue's own reset runs under its lock, everything else under the locks of all; each wait in it is bounded.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::ResetError;
use millrace_regs::{Descriptor, layout, registers as reg};

use crate::{
    Anomalies, DriverConfig, Identity,
    device::World,
    fault::DeviceFault,
    flight::PartState,
    flights::Doom,
    queue::Queue,
    registers::{LinkDown, Registers},
    watchdog::{Verdict, Watchdog},
};

/// A wait of recovery ends after so many stall times even if `PROGRESS` moves.
const SETTLE_STALLS: u32 = 30;
/// Sleep between two looks in a wait of recovery.
const SETTLE_POLL: Duration = Duration::from_micros(200);

/// How deep a reset goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    Engine,
    Queue,
    Function,
    Outside,
}

impl World<'_> {
    /// Brings the device back for a queue that found it necessary, unless that has been settled since the queue looked.
    pub(crate) fn recover_for(&mut self, queue: usize, level: Level, why: &str) {
        if self.device.common.lost.get().is_some() {
            return;
        }
        if level == Level::Engine {
            self.harvest();
            let asking = &self.queues[queue];
            if asking.flights.is_empty() || asking.watchdog.is_touched() {
                return;
            }
            self.doom_oldest(why);
        }
        self.recover(level, why);
    }

    /// Resets, from `level` upwards, until the device works again or is lost.
    pub(crate) fn recover(&mut self, level: Level, why: &str) {
        for step in [Level::Engine, Level::Queue, Level::Function, Level::Outside] {
            if step < level {
                continue;
            }
            let works = match step {
                Level::Engine => self.reset_stuck_engines(),
                Level::Queue => self.reset_doomed_queues(),
                Level::Function => self.reset_function(),
                Level::Outside => self.reset_from_outside(),
            };
            match works {
                Ok(true) => return self.go_on(),
                Ok(false) => {}
                Err(LinkDown(reason)) => return self.lose(reason),
            }
        }
        self.lose(format!("no reset helped after: {why}"));
    }

    /// After a recovery: all queues send what waits, another one first each time.
    fn go_on(&mut self) {
        let first = self.device.common.recoveries.fetch_add(1, Ordering::Relaxed);
        let count = self.queues.len();
        for turn in 0..count {
            let queue = &mut self.queues[(first + turn) % count];
            queue.restart_watchdog();
            queue.pump();
        }
    }

    fn harvest(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.harvest());
    }

    /// The job that an engine is stuck with is the oldest it has of some queue.
    fn doom_oldest(&mut self, waited: &str) {
        for opcode in [layout::OPCODE_NOP, layout::OPCODE_COPY, layout::OPCODE_MSM_G1, layout::OPCODE_NTT] {
            let has_some = |queue: &Queue| queue.flights.values().any(|f| f.opcode == opcode);
            let suspects = self.queues.iter().filter(|queue| has_some(queue)).count();
            for queue in &mut self.queues {
                let of_engine = queue.flights.values_mut().filter(|f| f.opcode == opcode);
                if let Some(oldest) = of_engine.min_by_key(|f| f.sequence) {
                    let waited = waited.to_owned();
                    let doom = if suspects == 1 { Doom::Stuck(waited) } else { Doom::Suspect(waited) };
                    oldest.doom.get_or_insert(doom);
                }
            }
        }
    }

    fn reset_stuck_engines(&mut self) -> Result<bool, LinkDown> {
        let flights = self.queues.iter().flat_map(|queue| queue.flights.values());
        let bits = flights.filter(|f| f.doom.is_some()).fold(0, |bits, f| bits | engine_bit(f.opcode));
        if bits == 0 {
            return Ok(false);
        }
        self.device.anomalies.lock().engine_resets += 1;
        if !self.reset_engines(bits)? {
            return Ok(false);
        }
        self.settle(|world| Ok(!world.queues.iter().any(|queue| has_doomed(queue))))
    }

    /// Resets engines; their jobs complete with RESET and, unless doomed, are sent again.
    pub(crate) fn reset_engines(&mut self, bits: u32) -> Result<bool, LinkDown> {
        for flight in self.queues.iter_mut().flat_map(|queue| queue.flights.values_mut()) {
            let is_suspect = matches!(flight.doom, Some(Doom::Suspect(_)));
            flight.collateral |= engine_bit(flight.opcode) & bits != 0 && !is_suspect;
        }
        self.device.registers.write(reg::CTRL, bits);
        self.settle_resets()
    }

    fn settle_resets(&mut self) -> Result<bool, LinkDown> {
        self.settle(|world| {
            let registers = &world.device.registers;
            let resetting = registers.read(reg::STATUS)? & reg::STATUS_RESETTING_MASK != 0;
            Ok(!resetting && registers.read(reg::CTRL)? == 0)
        })
    }

    /// Waits with all queues taken in.
    pub(crate) fn settle(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Result<bool, LinkDown>,
    ) -> Result<bool, LinkDown> {
        let device = self.device;
        settle(&device.common.config, &device.registers, |again| {
            if again {
                self.queues.iter().for_each(|queue| queue.ring_doorbell());
            }
            self.harvest();
            done(self)
        })
    }

    fn reset_doomed_queues(&mut self) -> Result<bool, LinkDown> {
        for queue in &mut self.queues {
            if has_doomed(queue) && !queue.reset()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Starts a device that some other driver may have left running. Its epochs are taken over, so that what it still has
    /// from then is recognised.
    pub(crate) fn bring_up(&mut self) -> Result<bool, LinkDown> {
        for queue in &mut self.queues {
            queue.epoch = queue.registers.read_queue(reg::QUEUE_EPOCH)?;
        }
        let works = self.reset_function();
        *self.device.anomalies.lock() = Anomalies::default();
        for queue in &mut self.queues {
            queue.anomalies = Anomalies::default();
        }
        works
    }

    fn reset_function(&mut self) -> Result<bool, LinkDown> {
        let device = self.device;
        device.anomalies.lock().function_resets += 1;
        device.registers.write(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
        if !self.settle_resets()? {
            return Ok(false);
        }
        let function = &device.function;
        let identity =
            Identity::read(&function.name, &*function.bar0, device.common.config.allow_behavioural)
                .map_err(|error| LinkDown(error.to_string()))?;
        if identity != device.identity {
            return Err(LinkDown("another device answers after a reset".into()));
        }
        device.distrust_memory();
        for queue in &mut self.queues {
            // A write of CTRL that was lost leaves the queue running: stop it by hand as well.
            if !queue.stop()? {
                return Ok(false);
            }
            queue.land_all(true);
            if !queue.start()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The last resort: a device whose own reset hangs. `false` where there is no such reset.
    fn reset_from_outside(&mut self) -> Result<bool, LinkDown> {
        let Some(reset) = self.device.function.reset.clone() else { return Ok(false) };
        self.device.anomalies.lock().outside_resets += 1;
        match reset.reset() {
            Ok(()) => self.reset_function(),
            Err(ResetError::Unsupported) => Ok(false),
            Err(error) => Err(LinkDown(error.to_string())),
        }
    }
}

fn has_doomed(queue: &Queue) -> bool {
    queue.flights.values().any(|f| f.doom.is_some())
}

impl Queue {
    /// Stops the queue and starts it anew, with its own jobs and nobody else's.
    pub(crate) fn reset(&mut self) -> Result<bool, LinkDown> {
        self.anomalies.queue_resets += 1;
        if !self.stop()? {
            return Ok(false);
        }
        self.land_all(false);
        self.start()
    }

    pub(crate) fn stop(&mut self) -> Result<bool, LinkDown> {
        self.registers.write_queue(reg::QUEUE_ENABLE, 0);
        self.settle(|queue| Ok(queue.registers.read_queue(reg::QUEUE_ENABLE)? == 0))
    }

    /// The device has none of its jobs any more: doomed ones fail, the others wait to be sent again.
    pub(crate) fn land_all(&mut self, memory_is_distrusted: bool) {
        // Each is put before the others, so the oldest comes last.
        for (job_id, flight) in self.flights.drain().into_iter().rev() {
            self.ended(&flight);
            let fault = DeviceFault::FunctionReset { job_id };
            let needs_memory = memory_is_distrusted && flight.opcode == layout::OPCODE_MSM_G1;
            if needs_memory && !matches!(flight.doom, Some(Doom::Stuck(_) | Doom::Cancelled)) {
                self.end(&flight, PartState::Failed(fault));
            } else {
                self.land(job_id, &flight, fault);
            }
        }
        if memory_is_distrusted {
            for tracked in self.tickets.values_mut() {
                for part in 0..tracked.parts.len() {
                    let pending = matches!(tracked.parts[part].state, PartState::Pending);
                    if pending && tracked.parts[part].work.descriptor.opcode == layout::OPCODE_MSM_G1 {
                        tracked.end_part(part, PartState::Failed(DeviceFault::FunctionReset { job_id: 0 }));
                    }
                }
            }
        }
    }

    /// Sets the stopped queue up with the next epoch and sees a NOP through it.
    pub(crate) fn start(&mut self) -> Result<bool, LinkDown> {
        self.wedged = false;
        self.sq.clear();
        self.cq.clear();
        self.epoch = self.epoch.wrapping_add(1);
        let registers = &self.registers;
        registers.set_queue_base(reg::QUEUE_SQ_BASE_LO, self.sq.iova())?;
        registers.set_queue_base(reg::QUEUE_CQ_BASE_LO, self.cq.iova())?;
        registers.set_queue(reg::QUEUE_LOG_ENTRIES, self.common.config.log_entries)?;
        registers.set_queue(reg::QUEUE_EPOCH, self.epoch)?;
        registers.set_queue(reg::QUEUE_IRQ_ENABLE, u32::from(self.has_irq))?;
        registers.write_queue(reg::QUEUE_ENABLE, reg::QUEUE_ENABLE_VALUE_MASK);
        if registers.read_queue(reg::QUEUE_ENABLE)? & reg::QUEUE_ENABLE_VALUE_MASK == 0 {
            registers.write_queue(reg::QUEUE_ENABLE, reg::QUEUE_ENABLE_VALUE_MASK);
        }
        let job_id = self.flights.fresh_job_id();
        self.probe = Some(job_id);
        let nop = Descriptor { opcode: layout::OPCODE_NOP, flags: layout::FLAG_IRQ, ..Descriptor::default() };
        self.send(Descriptor { job_id, ..nop });
        self.ring_doorbell();
        let works = self.settle(|queue| Ok(queue.probe.is_none()))?;
        self.probe = None;
        Ok(works)
    }

    /// Waits with this queue taken in.
    fn settle(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Result<bool, LinkDown>,
    ) -> Result<bool, LinkDown> {
        let (common, registers) = (self.common.clone(), self.registers.clone());
        settle(&common.config, &registers, |again| {
            if again {
                self.ring_doorbell();
            }
            self.harvest();
            done(self)
        })
    }
}

/// Polls until `done`, or until the device has stood still for as long as is allowed. `done` is told when it is time to ring doorbells again: that of what
/// is waited for may have been lost.
fn settle(
    config: &DriverConfig,
    registers: &Registers,
    mut done: impl FnMut(bool) -> Result<bool, LinkDown>,
) -> Result<bool, LinkDown> {
    let mut watchdog = Watchdog::new(config);
    let until = Instant::now() + config.stall_time * SETTLE_STALLS;
    let mut again = false;
    loop {
        if done(again)? {
            return Ok(true);
        }
        again = false;
        if watchdog.is_due() {
            registers.check_link()?;
            match watchdog.observe(registers.progress()?, u64::MAX) {
                Verdict::Stuck => return Ok(false),
                Verdict::HalfStuck => again = true,
                Verdict::Moving | Verdict::Still => {}
            }
        }
        if Instant::now() > until {
            return Ok(false);
        }
        thread::sleep(SETTLE_POLL);
    }
}

/// The bit of `CTRL` that resets the engine of an opcode; 0 for those that have none.
pub(crate) fn engine_bit(opcode: u8) -> u32 {
    match opcode {
        layout::OPCODE_COPY => reg::CTRL_RESET_COPY_MASK,
        layout::OPCODE_MSM_G1 => reg::CTRL_RESET_MSM_MASK,
        layout::OPCODE_NTT => reg::CTRL_RESET_NTT_MASK,
        _ => 0,
    }
}
