//! Bringing a device back: engine, queue, function by its registers, function from outside, in that order.
//!
//! | level | does | who fails | who is sent again |
//! |---|---|---|---|
//! | engine | `CTRL` bit of each engine with jobs | the oldest job of each engine | the engines' other jobs |
//! | queue | `ENABLE` 0, zeroed rings, next epoch, `ENABLE` 1, a NOP to see it work | the same | all other jobs |
//! | function | `CTRL` bit 0, identity compared, then as for the queue | the same, and MSMs, whose bases are no longer believed | transforms and copies |
//! | outside | the function's reset from outside, where there is one (function-level reset), then as for the function | the same | the same |
//!
//! After that the device is lost. All of it runs under the engine's lock; each wait in it is bounded.

use std::{
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::ResetError;
use millrace_regs::{Descriptor, layout, registers as reg};

use crate::{
    Anomalies, Identity,
    core::{Core, Doom, Flight},
    fault::DeviceFault,
    flight::PartState,
    registers::LinkDown,
    watchdog::{Verdict, Watchdog},
};

/// A wait of recovery ends after so many stall times even if `PROGRESS` moves.
const SETTLE_STALLS: u32 = 30;
/// How often an engine is reset for a cancelled job before the whole queue is.
const CANCEL_ROUNDS: u32 = 32;
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

impl Core {
    /// Resets, from `level` upwards, until the device works again or is lost.
    pub(crate) fn recover(&mut self, level: Level, why: &str) {
        for step in [Level::Engine, Level::Queue, Level::Function, Level::Outside] {
            if step < level {
                continue;
            }
            let works = match step {
                Level::Engine => self.reset_stuck_engines(),
                Level::Queue => self.reset_queue(),
                Level::Function => self.reset_function(),
                Level::Outside => self.reset_from_outside(),
            };
            match works {
                Ok(true) => return self.watchdog.restart(),
                Ok(false) => {}
                Err(LinkDown(reason)) => return self.lose(reason),
            }
        }
        self.lose(format!("no reset helped after: {why}"));
    }

    fn reset_stuck_engines(&mut self) -> Result<bool, LinkDown> {
        let stuck = |f: &Flight| f.doom.is_some() && engine_bit(f.opcode) != 0;
        let bits = self.flights.values().filter(|f| stuck(f)).fold(0, |bits, f| bits | engine_bit(f.opcode));
        if bits == 0 {
            return Ok(false);
        }
        self.anomalies.engine_resets += 1;
        if !self.reset_engines(bits)? {
            return Ok(false);
        }
        self.settle(|core| {
            core.harvest();
            Ok(!core.flights.values().any(|f| f.doom.is_some()))
        })
    }

    /// Resets engines; their jobs complete with RESET and, unless doomed, are sent again.
    fn reset_engines(&mut self, bits: u32) -> Result<bool, LinkDown> {
        for flight in self.flights.values_mut() {
            flight.collateral |= engine_bit(flight.opcode) & bits != 0;
        }
        self.registers.write(reg::CTRL, bits);
        self.settle_resets()
    }

    fn settle_resets(&mut self) -> Result<bool, LinkDown> {
        self.settle(|core| {
            let resetting = core.registers.read(reg::STATUS)? & reg::STATUS_RESETTING_MASK != 0;
            Ok(!resetting && core.registers.read(reg::CTRL)? == 0)
        })
    }

    fn reset_queue(&mut self) -> Result<bool, LinkDown> {
        self.anomalies.queue_resets += 1;
        if !self.stop_queue()? {
            return Ok(false);
        }
        self.land_all(false);
        self.start_queue()
    }

    /// Starts a device that some other driver may have left running. Its epoch is taken over, so that what it still has
    /// from then is recognised.
    pub(crate) fn bring_up(&mut self) -> Result<bool, LinkDown> {
        self.epoch = self.registers.read_queue(reg::QUEUE_EPOCH)?;
        let works = self.reset_function();
        self.anomalies = Anomalies::default();
        works
    }

    fn reset_function(&mut self) -> Result<bool, LinkDown> {
        self.anomalies.function_resets += 1;
        self.registers.write(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
        if !self.settle_resets()? {
            return Ok(false);
        }
        let identity =
            Identity::read(&self.function.name, &*self.function.bar0, self.config.allow_behavioural)
                .map_err(|error| LinkDown(error.to_string()))?;
        if identity != self.identity {
            return Err(LinkDown("another device answers after a reset".into()));
        }
        self.distrust_memory();
        // A write of CTRL that was lost leaves the queue running: stop it by hand as well.
        if !self.stop_queue()? {
            return Ok(false);
        }
        self.land_all(true);
        self.start_queue()
    }

    /// The last resort: a device whose own reset hangs. `false` where there is no such reset.
    fn reset_from_outside(&mut self) -> Result<bool, LinkDown> {
        let Some(reset) = self.function.reset.clone() else { return Ok(false) };
        self.anomalies.outside_resets += 1;
        match reset.reset() {
            Ok(()) => self.reset_function(),
            Err(ResetError::Unsupported) => Ok(false),
            Err(error) => Err(LinkDown(error.to_string())),
        }
    }

    fn stop_queue(&mut self) -> Result<bool, LinkDown> {
        self.registers.write_queue(reg::QUEUE_ENABLE, 0);
        self.settle(|core| {
            core.harvest();
            Ok(core.registers.read_queue(reg::QUEUE_ENABLE)? == 0)
        })
    }

    /// The device has none of its jobs any more: doomed ones fail, the others wait to be sent again.
    fn land_all(&mut self, memory_is_distrusted: bool) {
        let mut landed: Vec<(u32, Flight)> = self.flights.drain().collect();
        // Each is put before the others, so the oldest comes last.
        landed.sort_by_key(|(_, flight)| std::cmp::Reverse(flight.sequence));
        for (job_id, flight) in landed {
            let needs_memory = memory_is_distrusted && flight.opcode == layout::OPCODE_MSM_G1;
            match flight.doom.clone() {
                Some(Doom::Stuck(waited)) => {
                    self.end(&flight, PartState::Failed(DeviceFault::Stuck { job_id, waited }));
                }
                Some(Doom::Cancelled) => self.end(&flight, PartState::Failed(DeviceFault::Dropped)),
                None if needs_memory => {
                    self.end(&flight, PartState::Failed(DeviceFault::FunctionReset { job_id }));
                }
                None => self.again(&flight, DeviceFault::FunctionReset { job_id }),
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
    fn start_queue(&mut self) -> Result<bool, LinkDown> {
        self.wedged = false;
        self.sq.clear();
        self.cq.clear();
        self.epoch = self.epoch.wrapping_add(1);
        let registers = self.registers.clone();
        registers.set_queue_base(reg::QUEUE_SQ_BASE_LO, self.sq.iova())?;
        registers.set_queue_base(reg::QUEUE_CQ_BASE_LO, self.cq.iova())?;
        registers.set_queue(reg::QUEUE_LOG_ENTRIES, self.config.log_entries)?;
        registers.set_queue(reg::QUEUE_EPOCH, self.epoch)?;
        registers.set_queue(reg::QUEUE_IRQ_ENABLE, u32::from(!self.function.irqs.is_empty()))?;
        registers.write_queue(reg::QUEUE_ENABLE, reg::QUEUE_ENABLE_VALUE_MASK);
        if registers.read_queue(reg::QUEUE_ENABLE)? & reg::QUEUE_ENABLE_VALUE_MASK == 0 {
            registers.write_queue(reg::QUEUE_ENABLE, reg::QUEUE_ENABLE_VALUE_MASK);
        }
        let job_id = self.fresh_job_id();
        self.probe = Some(job_id);
        let nop = Descriptor { opcode: layout::OPCODE_NOP, flags: layout::FLAG_IRQ, ..Descriptor::default() };
        self.send(Descriptor { job_id, ..nop });
        self.ring_doorbell();
        let works = self.settle(|core| {
            core.harvest();
            Ok(core.probe.is_none())
        })?;
        self.probe = None;
        Ok(works)
    }

    /// Polls until `done`, or until the device has stood still for as long as is allowed.
    pub(crate) fn settle(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Result<bool, LinkDown>,
    ) -> Result<bool, LinkDown> {
        let mut watchdog = Watchdog::new(&self.config);
        let until = Instant::now() + self.config.stall_time * SETTLE_STALLS;
        loop {
            if done(self)? {
                return Ok(true);
            }
            if watchdog.is_due() {
                self.registers.check_link()?;
                match watchdog.observe(self.registers.progress()?, u64::MAX) {
                    Verdict::Stuck => return Ok(false),
                    // The doorbell of what is waited for may have been lost.
                    Verdict::HalfStuck => self.ring_doorbell(),
                    Verdict::Moving | Verdict::Still => {}
                }
            }
            if Instant::now() > until {
                return Ok(false);
            }
            thread::sleep(SETTLE_POLL);
        }
    }

    /// Makes the device let go of a ticket's jobs and forgets it.
    pub(crate) fn cancel(&mut self, ticket: u64) -> Result<(), String> {
        self.service();
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        let Some(tracked) = self.tickets.get_mut(&ticket) else { return Ok(()) };
        tracked.abandoned = true;
        for part in 0..tracked.parts.len() {
            if matches!(tracked.parts[part].state, PartState::Pending) {
                tracked.end_part(part, PartState::Failed(DeviceFault::Dropped));
            }
        }
        if tracked.open == 0 {
            self.tickets.remove(&ticket);
            return Ok(());
        }
        for flight in self.flights.values_mut().filter(|f| f.ticket == ticket) {
            flight.doom.get_or_insert(Doom::Cancelled);
        }
        if let Err(LinkDown(reason)) = self.let_go(ticket) {
            self.lose(reason);
        }
        self.service();
        match &self.lost {
            Some(reason) => Err(reason.clone()),
            None => Ok(()),
        }
    }

    /// An engine reset takes the jobs that the engine has; a descriptor that was not fetched yet comes later, so the
    /// reset is repeated while some are left.
    fn let_go(&mut self, ticket: u64) -> Result<(), LinkDown> {
        let of_ticket = |f: &Flight| f.ticket == ticket;
        for _ in 0..CANCEL_ROUNDS {
            let engines = self.flights.values().filter(|f| of_ticket(f)).map(|f| engine_bit(f.opcode));
            let Some(bits) = engines.max() else { return Ok(()) };
            if !self.reset_engines(bits)? {
                break;
            }
            let patience = Instant::now() + self.config.progress_interval;
            self.settle(|core| {
                core.harvest();
                Ok(!core.flights.values().any(of_ticket) || Instant::now() >= patience)
            })?;
        }
        if self.flights.values().any(of_ticket) {
            self.recover(Level::Queue, "a cancelled job was not let go");
        }
        Ok(())
    }
}

/// The bit of `CTRL` that resets the engine of an opcode; 0 for those that have none.
fn engine_bit(opcode: u8) -> u32 {
    match opcode {
        layout::OPCODE_COPY => reg::CTRL_RESET_COPY_MASK,
        layout::OPCODE_MSM_G1 => reg::CTRL_RESET_MSM_MASK,
        layout::OPCODE_NTT => reg::CTRL_RESET_NTT_MASK,
        _ => 0,
    }
}

impl Drop for Core {
    /// Stops the device, so that it writes nowhere afterwards; memory that it was not seen to let go is unmapped.
    fn drop(&mut self) {
        if self.lost.is_some() {
            return;
        }
        if !self.flights.is_empty() {
            self.registers.write(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
        }
        if !matches!(self.stop_queue(), Ok(true)) {
            self.lose("closed while the device did not stop".into());
        }
    }
}
