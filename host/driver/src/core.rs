//! Jobs in flight: who waits, what the device has, what it answered. One lock is held around all of this.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use millrace_pcie::{DmaError, Function};
use millrace_regs::{Cause, Completion, Descriptor, layout, registers as reg};

use crate::{
    Anomalies, DriverConfig, Identity,
    fault::DeviceFault,
    flight::{PartState, Tracked},
    pool::Pool,
    registers::{LinkDown, Registers},
    ring::{CompletionRing, Head, SubmissionRing},
    watchdog::{Verdict, Watchdog},
};

/// Why a flight will have no good end.
#[derive(Clone)]
pub(crate) enum Doom {
    Cancelled,
    Stuck(String),
}

/// A descriptor that the device has.
pub(crate) struct Flight {
    pub(crate) ticket: u64,
    pub(crate) part: usize,
    pub(crate) opcode: u8,
    /// Rises with every descriptor.
    pub(crate) sequence: u64,
    pub(crate) doom: Option<Doom>,
    /// The driver resets the engine for another job's sake: RESET is no fault of this one and counts as no attempt.
    pub(crate) collateral: bool,
}

/// Whether a job asks for an interrupt: each of few in flight; of many one in as many as are a quarter of them. The completions between are found
/// with the next one that asks, or by the next look.
fn asks(in_flight: usize, sequence: u64) -> bool {
    sequence.is_multiple_of((in_flight as u64 / 4).max(1))
}

/// Everything behind the engine's lock.
pub(crate) struct Core {
    pub(crate) function: Function,
    pub(crate) config: DriverConfig,
    pub(crate) identity: Identity,
    pub(crate) registers: Arc<Registers>,
    pub(crate) sq: SubmissionRing,
    pub(crate) cq: CompletionRing,
    pub(crate) epoch: u32,
    pub(crate) flights: HashMap<u32, Flight>,
    pub(crate) pending: VecDeque<(u64, usize)>,
    pub(crate) tickets: HashMap<u64, Tracked>,
    pub(crate) probe: Option<u32>,
    /// The queue stopped itself.
    pub(crate) wedged: bool,
    pub(crate) lost: Option<String>,
    /// Whether some waiter watches the device for all.
    pub(crate) has_leader: bool,
    pub(crate) anomalies: Anomalies,
    pub(crate) watchdog: Watchdog,
    pub(crate) pool: Pool,
    /// Rises when device memory may have changed behind the driver's back.
    pub(crate) memory_generation: Arc<AtomicU64>,
    next_job_id: u32,
    next_ticket: u64,
    next_sequence: u64,
}

impl Core {
    pub(crate) fn new(
        function: Function,
        config: DriverConfig,
        identity: Identity,
        registers: Arc<Registers>,
        pool: Pool,
    ) -> Result<Self, DmaError> {
        let sq = SubmissionRing::new(&*function.dma, config.log_entries)?;
        let cq = CompletionRing::new(&*function.dma, config.log_entries)?;
        let watchdog = Watchdog::new(&config);
        Ok(Self {
            function,
            config,
            identity,
            registers,
            sq,
            cq,
            epoch: 0,
            flights: HashMap::new(),
            pending: VecDeque::new(),
            tickets: HashMap::new(),
            probe: None,
            wedged: false,
            lost: None,
            has_leader: false,
            anomalies: Anomalies::default(),
            watchdog,
            pool,
            memory_generation: Arc::new(AtomicU64::new(0)),
            next_job_id: 0,
            next_ticket: 0,
            next_sequence: 0,
        })
    }

    /// Takes a job in and sends as much of it as fits. A lost device gives the reason.
    pub(crate) fn submit(&mut self, tracked: Tracked) -> Result<u64, String> {
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.pending.extend((0..tracked.parts.len()).map(|part| (ticket, part)));
        self.tickets.insert(ticket, tracked);
        self.service();
        match &self.lost {
            Some(reason) => Err(reason.clone()),
            None => Ok(ticket),
        }
    }

    /// Takes in what has come and sends what waits.
    pub(crate) fn service(&mut self) {
        if self.lost.is_some() {
            return;
        }
        self.harvest();
        if self.wedged {
            self.recover(crate::recovery::Level::Queue, "the device stopped the queue");
        }
        if self.lost.is_none() {
            self.pump();
        }
    }

    /// Sends pending parts while the rings have room.
    fn pump(&mut self) {
        let idle = self.flights.is_empty();
        let mut sent = false;
        while self.flights.len() < self.sq.credit() {
            let Some((ticket, part)) = self.pending.pop_front() else { break };
            let Some(tracked) = self.tickets.get_mut(&ticket) else { continue };
            let state = &mut tracked.parts[part].state;
            if !matches!(state, PartState::Pending) {
                continue;
            }
            *state = PartState::InFlight;
            let descriptor = tracked.parts[part].work.descriptor;
            let opcode = descriptor.opcode;
            let job_id = self.fresh_job_id();
            self.next_sequence += 1;
            let sequence = self.next_sequence;
            let irq = if asks(self.flights.len(), sequence) { layout::FLAG_IRQ } else { 0 };
            self.send(Descriptor { job_id, flags: descriptor.flags | irq, ..descriptor });
            self.flights
                .insert(job_id, Flight { ticket, part, opcode, sequence, doom: None, collateral: false });
            sent = true;
        }
        if sent {
            if idle {
                self.watchdog.restart();
            }
            self.ring_doorbell();
        }
    }

    pub(crate) fn send(&mut self, descriptor: Descriptor) {
        self.sq.push(Descriptor { epoch: self.epoch, ..descriptor });
    }

    /// One write says what was written and what was read. Completions that are taken in later are told with the next descriptors: the device
    /// has room for as many as are in flight, without being told.
    pub(crate) fn ring_doorbell(&self) {
        self.registers.ring(self.sq.tail(), self.cq.head());
    }

    pub(crate) fn fresh_job_id(&mut self) -> u32 {
        loop {
            self.next_job_id = self.next_job_id.wrapping_add(1);
            if !self.flights.contains_key(&self.next_job_id) {
                return self.next_job_id;
            }
        }
    }

    /// Takes in completions, at most one lap of the ring at a time.
    pub(crate) fn harvest(&mut self) {
        for _ in 0..self.cq.entries() {
            match self.cq.take(self.epoch) {
                Head::Empty => break,
                Head::Stale(is_new) => {
                    self.anomalies.stale_epochs += u64::from(is_new);
                    break;
                }
                Head::Entry(completion) => {
                    self.complete(completion);
                }
            }
        }
    }

    fn complete(&mut self, completion: Completion) {
        let job_id = completion.job_id;
        if self.probe == Some(job_id) {
            self.probe = None;
            return;
        }
        let Some(flight) = self.flights.remove(&job_id) else {
            self.anomalies.unknown_jobs += 1;
            return;
        };
        self.watchdog.restart();
        let status = DeviceFault::Status { job_id, code: completion.status, position: completion.position };
        if completion.opcode != flight.opcode {
            self.anomalies.garbage += 1;
            return self.end(
                &flight,
                PartState::Failed(DeviceFault::Untrue { job_id, what: "BAD_COMPLETION", position: 0 }),
            );
        }
        match status.cause() {
            Some(Cause::Ok) => {
                self.fail_overtaken(&flight);
                self.end(&flight, PartState::Done(completion));
            }
            Some(Cause::Reset) => match flight.doom.clone() {
                Some(Doom::Stuck(waited)) => {
                    self.end(&flight, PartState::Failed(DeviceFault::Stuck { job_id, waited }));
                }
                Some(Doom::Cancelled) => self.end(&flight, PartState::Failed(DeviceFault::Dropped)),
                None => self.again(&flight, status),
            },
            Some(Cause::BadPhase | Cause::BadEpoch) => {
                self.wedged = true;
                self.again(&flight, status);
            }
            Some(_) => self.end(&flight, PartState::Failed(status)),
            None => {
                self.anomalies.garbage += 1;
                self.end(&flight, PartState::Failed(status));
            }
        }
    }

    /// Jobs of one engine complete in order, so a completion that was overtaken will never come.
    fn fail_overtaken(&mut self, by: &Flight) {
        if by.opcode == layout::OPCODE_NOP {
            return;
        }
        let earlier = |f: &Flight| f.opcode == by.opcode && f.sequence < by.sequence;
        let overtaken: Vec<u32> =
            self.flights.iter().filter(|(_, f)| earlier(f)).map(|(&id, _)| id).collect();
        for job_id in overtaken {
            if let Some(flight) = self.flights.remove(&job_id) {
                self.anomalies.lost_completions += 1;
                let fault = DeviceFault::Untrue { job_id, what: "LOST_COMPLETION", position: 0 };
                self.end(&flight, PartState::Failed(fault));
            }
        }
    }

    pub(crate) fn end(&mut self, flight: &Flight, state: PartState) {
        let Some(tracked) = self.tickets.get_mut(&flight.ticket) else { return };
        tracked.end_part(flight.part, state);
        if tracked.open == 0 && tracked.abandoned {
            self.tickets.remove(&flight.ticket);
        }
    }

    /// Gives an innocent part to the device again, before what waits already; or fails it when that was tried enough.
    pub(crate) fn again(&mut self, flight: &Flight, otherwise: DeviceFault) {
        let Some(tracked) = self.tickets.get_mut(&flight.ticket) else { return };
        let part = &mut tracked.parts[flight.part];
        part.resubmitted += u32::from(!flight.collateral);
        if part.resubmitted > self.config.resubmissions || tracked.abandoned {
            return self.end(flight, PartState::Failed(otherwise));
        }
        part.state = PartState::Pending;
        self.pending.push_front((flight.ticket, flight.part));
    }

    /// Looks at the device's progress when it is time to; the waiter that leads calls this.
    pub(crate) fn watch(&mut self) {
        if self.lost.is_some() || !self.watchdog.is_due() {
            return;
        }
        if let Err(LinkDown(reason)) = self.watch_or_fail() {
            self.lose(reason);
        }
    }

    fn watch_or_fail(&mut self) -> Result<(), LinkDown> {
        self.registers.check_link()?;
        if self.flights.is_empty() {
            self.watchdog.restart();
            return Ok(());
        }
        let progress = self.registers.progress()?;
        match self.watchdog.observe(progress, self.expected_work()) {
            Verdict::Moving => {}
            Verdict::Still => {
                if self.registers.read_queue(reg::QUEUE_QUEUE_ERROR)? & reg::QUEUE_QUEUE_ERROR_CAUSE_MASK != 0
                {
                    self.recover(crate::recovery::Level::Queue, "the device stopped the queue");
                }
            }
            Verdict::HalfStuck => {
                // A doorbell may have been lost; ringing it twice says nothing new.
                self.anomalies.doorbells_again += 1;
                self.ring_doorbell();
            }
            Verdict::Stuck => {
                let waited = self.watchdog.waited();
                self.doom_oldest(&waited);
                self.recover(crate::recovery::Level::Engine, &waited);
            }
        }
        Ok(())
    }

    fn expected_work(&self) -> u64 {
        let work = |f: &Flight| self.tickets.get(&f.ticket).map_or(0, |t| t.parts[f.part].work.expected_work);
        self.flights.values().map(work).fold(0, u64::saturating_add)
    }

    /// The job that an engine is stuck with is the oldest it has.
    fn doom_oldest(&mut self, waited: &str) {
        for opcode in [layout::OPCODE_NOP, layout::OPCODE_COPY, layout::OPCODE_MSM_G1, layout::OPCODE_NTT] {
            let of_engine = self.flights.values_mut().filter(|f| f.opcode == opcode);
            if let Some(oldest) = of_engine.min_by_key(|f| f.sequence) {
                oldest.doom.get_or_insert_with(|| Doom::Stuck(waited.to_owned()));
            }
        }
    }

    /// Puts the device aside for ever. It may still write somewhere, so all its memory is unmapped.
    pub(crate) fn lose(&mut self, reason: String) {
        self.lost.get_or_insert(reason);
        self.flights.clear();
        self.pending.clear();
        for (_, tracked) in self.tickets.drain() {
            tracked.unmap();
        }
        self.pool.drain();
    }

    /// Nothing in device memory is believed any more.
    pub(crate) fn distrust_memory(&self) {
        self.memory_generation.fetch_add(1, Ordering::AcqRel);
    }
}
