//! Bringing a device back: engine, queue, function by its registers, function from outside, in that order.
//!
//! | level | does | who fails | who is sent again |
//! |---|---|---|---|
//! | engine | `CTRL` bit of each engine with jobs | the oldest job of each engine | the engines' other jobs, of every queue |
//! | queue | `ENABLE` 0, zeroed rings, next epoch, `ENABLE` 1, a NOP to see it work | the same | all other jobs of the queue |
//! | function | `CTRL` bit 0, identity compared, then as for all queues | the same, and MSMs, whose bases are no longer believed | transforms and copies |
//! | outside | the function's reset from outside, where there is one (function-level reset), then as for the function | the same | the same |
//!
//! Which job an engine is stuck with is known while one queue has jobs for it: its oldest. Where several have, the oldest of each is a suspect, and the
//! engine is given one suspect at a time: that with which it stands still again fails, the others are done.
//!
//! A queue of which the device has nothing left, while jobs are in flight here, has lost completions: it is reset by itself. So is one whose oldest job
//! many later jobs of the same engine have overtaken.
//!
//! After that the device is lost. What is known to concern one queue alone runs under its lock, everything else under the locks of all; each wait in it is
//! bounded.

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

/// An epoch is a count of starts above the number of the queue.
const EPOCH_SHIFT: u32 = 4;
/// A wait of recovery ends after so many stall times even if `PROGRESS` moves.
const SETTLE_STALLS: u32 = 30;
/// Resets of an engine in vain, one after the other, before it is thought not to let go of its jobs.
const EMPTY_ROUNDS: u32 = 32;
/// Sleep between two looks in a wait of recovery.
const SETTLE_POLL: Duration = Duration::from_micros(200);

/// Opcodes that have an engine.
const ENGINES: [u8; 3] = [layout::OPCODE_COPY, layout::OPCODE_MSM_G1, layout::OPCODE_NTT];

/// How deep a reset goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    Engine,
    Queue,
    Function,
    Outside,
}

impl World<'_> {
    /// An engine stands still. The job that it is stuck with is the oldest of some queue.
    pub(crate) fn unstick(&mut self, asking: usize, opcode: u8, waited: &str) {
        self.harvest();
        let asking = &self.queues[asking];
        if asking.has_moved(opcode) || asking.flights.of(opcode).next().is_none() {
            return;
        }
        let oldest = |queue: &Queue| {
            let oldest = queue.flights.of(opcode).min_by_key(|f| f.sequence)?;
            Some((oldest.ticket, oldest.part))
        };
        let suspects: Vec<_> =
            self.queues.iter().enumerate().filter_map(|(i, queue)| Some((i, oldest(queue)?))).collect();
        if let [(queue, (ticket, part))] = suspects[..] {
            self.queues[queue].doom(ticket, part, waited);
            return self.recover(Level::Engine, waited);
        }
        match self.try_alone(opcode, &suspects) {
            Ok(true) => self.go_on(),
            Ok(false) => {
                // Not even without a job does the engine come back: nobody's fault but the device's. No job is given to it for ever all the same:
                // from here on it counts.
                self.count(opcode, &suspects);
                self.recover(Level::Queue, waited);
            }
            Err(LinkDown(reason)) => self.lose(reason),
        }
    }

    /// Takes all jobs from an engine and gives it the suspects one at a time: the one that it stands still with again is to blame, and nobody else.
    /// `false` if the engine does not let go of its jobs. All queues are held meanwhile, so that the suspects share what one job of the work of all is granted
    /// ([`Watchdog`]): two hours at most, however many they are.
    fn try_alone(&mut self, opcode: u8, suspects: &[(usize, (u64, usize))]) -> Result<bool, LinkDown> {
        self.device.anomalies.lock().engine_resets += 1;
        if !self.empty(opcode)? {
            return Ok(false);
        }
        let work = |&(number, (ticket, part)): &(usize, (u64, usize))| {
            self.queues[number]
                .tickets
                .get(ticket)
                .map_or(0, |tracked| tracked.parts[part].work.expected_work)
        };
        let expected = suspects.iter().map(work).fold(0, u64::saturating_add);
        let mut watchdog = Watchdog::new(&self.device.common.config);
        for &(number, (ticket, part)) in suspects {
            let queue = &mut *self.queues[number];
            if !queue.is_pending(ticket, part) {
                continue;
            }
            let Some(job_id) = queue.put(ticket, part) else { continue };
            queue.ring_doorbell();
            watchdog.next_suspect();
            loop {
                self.harvest();
                if !self.queues[number].flights.has(job_id) {
                    break;
                }
                if watchdog.is_due() {
                    let registers = &self.device.registers;
                    registers.check_link()?;
                    match watchdog.observe(registers.engine_counter(opcode)?, expected) {
                        Verdict::Moving | Verdict::Still => {}
                        Verdict::HalfStuck => self.queues[number].ring_doorbell(),
                        Verdict::Stuck => {
                            self.queues[number].doom(ticket, part, &watchdog.waited());
                            self.recover(Level::Engine, &watchdog.waited());
                            return Ok(true);
                        }
                    }
                }
                thread::sleep(SETTLE_POLL);
            }
        }
        Ok(true)
    }

    /// Resets an engine until it has no jobs any more. One reset takes what the engine has; those that stood at the head of a ring come after it, and those
    /// behind another engine's job later still, while that one moves. `false` if resets and waiting change nothing any more, or for too long.
    fn empty(&mut self, opcode: u8) -> Result<bool, LinkDown> {
        let device = self.device;
        let config = &device.common.config;
        let until = Instant::now() + config.stall_time * SETTLE_STALLS;
        let mut in_vain = 0;
        let mut seen = (self.left(opcode), device.registers.progress()?);
        while in_vain < EMPTY_ROUNDS && Instant::now() < until {
            if !self.reset_engines(engine_bit(opcode))? {
                return Ok(false);
            }
            let patience = Instant::now() + config.progress_interval;
            self.settle(|world| Ok(world.left(opcode) == 0 || Instant::now() >= patience))?;
            let now = (self.left(opcode), device.registers.progress()?);
            if now.0 == 0 {
                return Ok(true);
            }
            in_vain = if now == seen { in_vain + 1 } else { 0 };
            seen = now;
        }
        Ok(false)
    }

    /// Jobs of an engine that are in flight.
    fn left(&self, opcode: u8) -> usize {
        self.queues.iter().map(|queue| queue.flights.of(opcode).count()).sum()
    }

    /// The next reset counts as an attempt for all jobs of an engine that are in flight; for suspects that it has let go of already, the last one did.
    fn count(&mut self, opcode: u8, suspects: &[(usize, (u64, usize))]) {
        for flight in self.queues.iter_mut().flat_map(|queue| queue.flights.values_mut()) {
            flight.collateral &= flight.opcode != opcode;
        }
        for &(number, (ticket, part)) in suspects {
            let queue = &mut *self.queues[number];
            if queue.is_pending(ticket, part)
                && let Some(tracked) = queue.tickets.get_mut(ticket)
            {
                tracked.parts[part].resubmitted += 1;
            }
        }
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

    /// After a recovery.
    fn go_on(&mut self) {
        self.device.common.recoveries.fetch_add(1, Ordering::AcqRel);
        self.queues.iter_mut().for_each(|queue| queue.touch_watchdogs());
        self.pump();
    }

    /// All queues send what waits: whose jobs were taken from an engine may be asleep.
    pub(crate) fn pump(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.pump());
    }

    fn harvest(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.harvest());
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
            flight.collateral |= engine_bit(flight.opcode) & bits != 0;
        }
        self.device.registers.write(reg::CTRL, bits);
        self.settle_resets()
    }

    pub(crate) fn settle_resets(&mut self) -> Result<bool, LinkDown> {
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

    /// Resets the queues that have a doomed job; all of them where none has, as then the engine itself is what does not let go.
    fn reset_doomed_queues(&mut self) -> Result<bool, LinkDown> {
        let some_are = self.queues.iter().any(|queue| has_doomed(queue));
        for queue in &mut self.queues {
            if has_doomed(queue) {
                // It is known who is to blame: for the others of the queue this is no attempt.
                queue.flights.values_mut().for_each(|flight| flight.collateral = true);
            }
            if (has_doomed(queue) || !some_are) && !queue.reset()? {
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
    /// The queue has jobs in flight and the device has nothing of it, so the oldest of each engine will never complete. `false` if something came of it
    /// meanwhile.
    pub(crate) fn doom_forgotten(&mut self, waited: &str) -> bool {
        self.harvest();
        !self.has_moved(layout::OPCODE_NOP) && self.doom_oldest(&ENGINES, waited)
    }

    /// Later jobs of an engine have ended, and the oldest of the queue has not: its completion is lost. Nobody else's job has to do with it. `false` if it
    /// came meanwhile.
    pub(crate) fn doom_overtaken(&mut self, opcode: u8, waited: &str) -> bool {
        self.harvest();
        !self.has_moved(opcode) && self.doom_oldest(&[opcode], waited)
    }

    /// Whether there was one.
    fn doom_oldest(&mut self, opcodes: &[u8], waited: &str) -> bool {
        let oldest = |opcode| self.flights.of(opcode).map(|f| f.sequence).min();
        let blamed: Vec<u64> = opcodes.iter().filter_map(|&opcode| oldest(opcode)).collect();
        for flight in self.flights.values_mut().filter(|f| blamed.contains(&f.sequence)) {
            flight.doom.get_or_insert_with(|| Doom::Stuck(waited.to_owned()));
        }
        !blamed.is_empty()
    }

    /// Resets the queue for a job that is doomed. Whatever the device still does of the queue ends first, however long that takes; the other queues are not
    /// needed for it. `false` if that did not help.
    pub(crate) fn mend(&mut self) -> Result<bool, LinkDown> {
        // It is known who is to blame: for the others of the queue this is no attempt.
        self.flights.values_mut().for_each(|flight| flight.collateral = true);
        if !self.reset()? {
            return Ok(false);
        }
        self.touch_watchdogs();
        self.pump();
        Ok(true)
    }

    fn doom(&mut self, ticket: u64, part: usize, waited: &str) {
        for flight in self.flights.values_mut().filter(|f| f.ticket == ticket && f.part == part) {
            flight.doom.get_or_insert_with(|| Doom::Stuck(waited.to_owned()));
        }
    }

    fn is_pending(&self, ticket: u64, part: usize) -> bool {
        let tracked = self.tickets.get(ticket);
        tracked.is_some_and(|tracked| matches!(tracked.parts[part].state, PartState::Pending))
    }

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
        // No two queues ever have the same: a completion on the wrong ring is not taken for one of that ring.
        self.epoch = ((self.epoch >> EPOCH_SHIFT).wrapping_add(1) << EPOCH_SHIFT) | self.number as u32;
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
