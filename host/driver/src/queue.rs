//! One queue: jobs that wait, what the device has of them, what it answered.
//!
//! Its lock is taken by the threads that use it, each of which has a queue of its own while there are enough; others take it only to bring the device
//! back (`recovery`). What is shared by all queues and touched for every job is a few counters.

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use millrace_pcie::{DmaError, DmaSpace};
use millrace_regs::{Cause, Completion, Descriptor, layout, registers as reg};

use crate::{
    Anomalies, DriverConfig, Lost,
    asking::Asking,
    contention::Contention,
    fault::DeviceFault,
    flight::{PartState, Tracked},
    flights::{Doom, Flight, Flights},
    registers::{LinkDown, Registers},
    ring::{CompletionRing, Head, SubmissionRing},
    tickets::Tickets,
    watchdog::{Verdict, Watchdog},
};

/// Opcodes, and those that an engine does.
const OPCODES: usize = 4;
const ENGINES: [u8; 3] = [layout::OPCODE_COPY, layout::OPCODE_MSM_G1, layout::OPCODE_NTT];

/// What all queues of a device share.
pub(crate) struct Common {
    pub(crate) config: DriverConfig,
    /// Why the device is given up, once it is.
    pub(crate) lost: OnceLock<Lost>,
    /// Rises with every descriptor of any queue.
    sequence: AtomicU64,
    /// For each opcode: expected work of all descriptors that were sent, and of those that have ended.
    work_sent: [AtomicU64; OPCODES],
    work_ended: [AtomicU64; OPCODES],
    /// For each opcode: jobs that ended well, of any queue.
    jobs_ended: [AtomicU64; OPCODES],
    /// More jobs of its engine than this do not end well before the oldest job of a queue does: twice what all rings hold.
    overtakers_most: u64,
    /// Bytes that the device was lent, as it reads them where they lie.
    pub(crate) lent_bytes: AtomicU64,
    /// Of the queues' locks, by jobs.
    pub(crate) contention: Contention,
    /// How often the device was brought back.
    pub(crate) recoveries: AtomicUsize,
    /// Rises when device memory may have changed behind the driver's back.
    pub(crate) memory_generation: AtomicU64,
}

impl Common {
    pub(crate) fn new(config: DriverConfig, queues: usize) -> Self {
        Self {
            overtakers_most: (2 * queues as u64) << config.log_entries,
            config,
            lost: OnceLock::new(),
            sequence: AtomicU64::new(0),
            work_sent: Default::default(),
            work_ended: Default::default(),
            jobs_ended: Default::default(),
            lent_bytes: AtomicU64::new(0),
            contention: Contention::default(),
            recoveries: AtomicUsize::new(0),
            memory_generation: AtomicU64::new(0),
        }
    }
}

/// What a queue found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// Its own reset did not help.
    Queue,
    /// The engine of these jobs stands still with some.
    Engine(u8),
    /// Many later jobs of this engine have ended, and the oldest of the queue has not.
    Overtaken(u8),
    /// The device says that it has nothing of this queue any more, and jobs are in flight here.
    Forgotten,
}

/// What a queue cannot do by itself.
pub(crate) enum Need {
    Nothing,
    /// That the device is brought back, unless it was since the queue looked.
    Recover {
        from: Trouble,
        /// What was seen, or how long was waited.
        why: String,
        /// How often the device had been brought back then.
        recoveries: usize,
    },
    /// The device is gone.
    Lost(String),
}

/// Why a job is not taken.
pub(crate) enum Refused {
    Lost(Lost),
    NoTickets,
}

/// Everything behind a queue's lock.
pub(crate) struct Queue {
    pub(crate) common: Arc<Common>,
    pub(crate) registers: Registers,
    pub(crate) has_irq: bool,
    pub(crate) sq: SubmissionRing,
    pub(crate) cq: CompletionRing,
    pub(crate) epoch: u32,
    pub(crate) number: usize,
    pub(crate) flights: Flights,
    pending: VecDeque<(u64, usize)>,
    pub(crate) tickets: Tickets,
    pub(crate) probe: Option<u32>,
    /// The queue stopped itself.
    pub(crate) wedged: bool,
    /// How often the device had been brought back when the queue's own reset did not help.
    given_up: Option<usize>,
    asking: Asking,
    /// Whether some waiter watches the queue for all.
    pub(crate) has_leader: bool,
    pub(crate) anomalies: Anomalies,
    /// For each opcode, and at that of NOP for a queue that has nothing to do on the device though jobs are in flight here.
    watchdogs: [Watchdog; OPCODES],
    /// Jobs of each opcode that had ended when its bounds began.
    jobs_before: [u64; OPCODES],
    /// The oldest job at the last look.
    last_head: Option<u64>,
    next_look: Instant,
    overtaken: Vec<(u32, Flight)>,
}

impl Queue {
    pub(crate) fn new(
        number: usize,
        common: Arc<Common>,
        registers: Registers,
        has_irq: bool,
        dma: &dyn DmaSpace,
    ) -> Result<Self, DmaError> {
        let sq = SubmissionRing::new(dma, common.config.log_entries)?;
        let cq = CompletionRing::new(dma, common.config.log_entries)?;
        Ok(Self {
            watchdogs: std::array::from_fn(|_| Watchdog::new(&common.config)),
            jobs_before: [0; OPCODES],
            last_head: None,
            next_look: Instant::now(),
            flights: Flights::new(cq.entries()),
            common,
            registers,
            has_irq,
            sq,
            cq,
            epoch: 0,
            number,
            pending: VecDeque::new(),
            tickets: Tickets::new(number),
            probe: None,
            wedged: false,
            given_up: None,
            asking: Asking::default(),
            has_leader: false,
            anomalies: Anomalies::default(),
            overtaken: Vec::new(),
        })
    }

    /// Takes a job in; [`Self::service`] sends it.
    pub(crate) fn submit(&mut self, tracked: Tracked) -> Result<u64, Refused> {
        if let Some(reason) = self.common.lost.get() {
            return Err(Refused::Lost(reason.clone()));
        }
        let parts = tracked.parts.len();
        let ticket = self.tickets.insert(tracked).ok_or(Refused::NoTickets)?;
        self.pending.extend((0..parts).map(|part| (ticket, part)));
        Ok(ticket)
    }

    /// Takes in what has come and sends what waits.
    pub(crate) fn service(&mut self) -> Need {
        if self.common.lost.get().is_some() {
            return Need::Nothing;
        }
        self.harvest();
        if self.wedged {
            let wedged = self.need(Trouble::Queue, "the device stopped the queue".into());
            // One thread has tried already and is about to bring the device back.
            if self.given_up == Some(self.recoveries()) {
                return wedged;
            }
            match self.reset() {
                Ok(true) => self.touch_watchdogs(),
                Ok(false) => {
                    self.given_up = Some(self.recoveries());
                    return wedged;
                }
                Err(LinkDown(reason)) => return Need::Lost(reason),
            }
        }
        self.pump();
        Need::Nothing
    }

    fn recoveries(&self) -> usize {
        self.common.recoveries.load(Ordering::Acquire)
    }

    fn need(&self, from: Trouble, why: String) -> Need {
        Need::Recover { from, why, recoveries: self.recoveries() }
    }

    /// Sends pending parts while the rings have room.
    pub(crate) fn pump(&mut self) {
        let mut sent = false;
        while self.flights.len() < self.sq.credit() {
            let Some((ticket, part)) = self.pending.pop_front() else { break };
            let Some(tracked) = self.tickets.get_mut(ticket) else { continue };
            if !matches!(tracked.parts[part].state, PartState::Pending) {
                continue;
            }
            self.put(ticket, part);
            sent = true;
        }
        if sent {
            self.ring_doorbell();
        }
    }

    /// Puts one pending part on the ring; its job id.
    pub(crate) fn put(&mut self, ticket: u64, part: usize) -> Option<u32> {
        let one = &mut self.tickets.get_mut(ticket)?.parts[part];
        one.state = PartState::InFlight;
        let (descriptor, expected_work) = (one.work.descriptor, one.work.expected_work);
        let opcode = descriptor.opcode;
        if self.flights.of(opcode).next().is_none() {
            self.touch_watchdog(opcode);
        }
        let job_id = self.flights.fresh_job_id();
        let sequence = self.common.sequence.fetch_add(1, Ordering::Relaxed);
        self.common.work_sent[usize::from(opcode)].fetch_add(expected_work, Ordering::Relaxed);
        let irq = if self.asking.next(self.flights.len()) { layout::FLAG_IRQ } else { 0 };
        self.send(Descriptor { job_id, flags: descriptor.flags | irq, ..descriptor });
        let flight = Flight { ticket, part, opcode, sequence, expected_work, doom: None, collateral: false };
        self.flights.insert(job_id, flight);
        Some(job_id)
    }

    /// All bounds begin anew.
    pub(crate) fn touch_watchdogs(&mut self) {
        (0..OPCODES as u8).for_each(|opcode| self.touch_watchdog(opcode));
    }

    fn touch_watchdog(&mut self, opcode: u8) {
        let ended = self.common.work_ended[usize::from(opcode)].load(Ordering::Relaxed);
        self.watchdogs[usize::from(opcode)].touch(ended);
        self.jobs_before[usize::from(opcode)] = self.jobs_ended(opcode);
    }

    fn jobs_ended(&self, opcode: u8) -> u64 {
        self.common.jobs_ended[usize::from(opcode)].load(Ordering::Relaxed)
    }

    /// Whether something right came of the engine of these jobs since the last look.
    pub(crate) fn has_moved(&self, opcode: u8) -> bool {
        self.watchdogs[usize::from(opcode)].is_touched()
    }

    pub(crate) fn send(&mut self, descriptor: Descriptor) {
        self.sq.push(Descriptor { epoch: self.epoch, ..descriptor });
    }

    /// One write says what was written and what was read. Completions that are taken in later are told with the next descriptors: the device
    /// has room for as many as are in flight, without being told.
    pub(crate) fn ring_doorbell(&self) {
        self.registers.ring(self.sq.tail(), self.cq.head());
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
                Head::Entry(completion) => self.complete(completion),
            }
        }
    }

    fn complete(&mut self, completion: Completion) {
        let job_id = completion.job_id;
        if self.probe == Some(job_id) {
            self.probe = None;
            return;
        }
        let Some(flight) = self.flights.remove(job_id) else {
            self.anomalies.unknown_jobs += 1;
            return;
        };
        self.ended(&flight);
        if completion.status == Cause::Ok as u8 {
            self.common.jobs_ended[usize::from(flight.opcode)].fetch_add(1, Ordering::Relaxed);
        }
        self.touch_watchdog(flight.opcode);
        self.touch_watchdog(layout::OPCODE_NOP);
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
                self.fail_overtaken(flight.opcode, job_id);
                self.end(&flight, PartState::Done(completion));
            }
            Some(Cause::Reset) => self.land(job_id, &flight, status),
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

    /// What becomes of a job that a reset took from the device.
    pub(crate) fn land(&mut self, job_id: u32, flight: &Flight, otherwise: DeviceFault) {
        match flight.doom.clone() {
            Some(Doom::Stuck(waited)) => {
                self.end(flight, PartState::Failed(DeviceFault::Stuck { job_id, waited }));
            }
            Some(Doom::Cancelled) => self.end(flight, PartState::Failed(DeviceFault::Dropped)),
            None => self.again(flight, otherwise),
        }
    }

    fn fail_overtaken(&mut self, opcode: u8, job_id: u32) {
        let mut overtaken = std::mem::take(&mut self.overtaken);
        self.flights.take_overtaken(opcode, job_id, &mut overtaken);
        for (job_id, flight) in overtaken.drain(..) {
            self.ended(&flight);
            self.anomalies.lost_completions += 1;
            let fault = DeviceFault::Untrue { job_id, what: "LOST_COMPLETION", position: 0 };
            self.end(&flight, PartState::Failed(fault));
        }
        self.overtaken = overtaken;
    }

    /// The device has it no more.
    pub(crate) fn ended(&self, flight: &Flight) {
        let ended = &self.common.work_ended[usize::from(flight.opcode)];
        ended.fetch_add(flight.expected_work, Ordering::Relaxed);
    }

    pub(crate) fn end(&mut self, flight: &Flight, state: PartState) {
        let Some(tracked) = self.tickets.get_mut(flight.ticket) else { return };
        tracked.end_part(flight.part, state);
        if tracked.open == 0 && tracked.abandoned {
            self.tickets.remove(flight.ticket);
        }
    }

    /// Gives an innocent part to the device again, before what waits already; or fails it when that was tried enough.
    fn again(&mut self, flight: &Flight, otherwise: DeviceFault) {
        let Some(tracked) = self.tickets.get_mut(flight.ticket) else { return };
        let part = &mut tracked.parts[flight.part];
        part.resubmitted += u32::from(!flight.collateral);
        self.anomalies.restarted += u64::from(flight.collateral);
        if part.resubmitted > self.common.config.resubmissions || tracked.abandoned {
            return self.end(flight, PartState::Failed(otherwise));
        }
        part.state = PartState::Pending;
        self.pending.push_front((flight.ticket, flight.part));
    }

    /// Looks at the device when it is time to; the waiter that leads calls this.
    pub(crate) fn watch(&mut self) -> Need {
        let now = Instant::now();
        if self.common.lost.get().is_some() || now < self.next_look {
            return Need::Nothing;
        }
        self.next_look = now + self.common.config.progress_interval;
        self.watch_now().unwrap_or_else(|LinkDown(reason)| Need::Lost(reason))
    }

    fn watch_now(&mut self) -> Result<Need, LinkDown> {
        // Nothing is read of the device while each engine with jobs completes some.
        let mut is_quiet = false;
        for opcode in ENGINES {
            let completes = self.watchdogs[usize::from(opcode)].begin_if_touched();
            is_quiet |= !completes && self.flights.of(opcode).next().is_some();
        }
        if !is_quiet {
            return Ok(Need::Nothing);
        }
        self.registers.check_link()?;
        let error = self.registers.read_queue(reg::QUEUE_QUEUE_ERROR)?;
        if error & reg::QUEUE_QUEUE_ERROR_CAUSE_MASK != 0 {
            self.wedged = true;
            return Ok(Need::Nothing);
        }
        let enable = self.registers.read_queue(reg::QUEUE_ENABLE)?;
        if enable & reg::QUEUE_ENABLE_VALUE_MASK == 0 {
            // Not even device memory is believed then: a sum over what lies there now could be wrong and look right.
            return Ok(self.need(Trouble::Queue, "somebody else has reset the device".into()));
        }
        let active = enable & reg::QUEUE_ENABLE_ACTIVE_MASK != 0;
        // What the device had written before it answered is here now.
        self.harvest();
        if !active && !self.flights.is_empty() {
            // The others may do what they like meanwhile: a doorbell did not arrive, or completions are lost.
            return Ok(match self.watchdogs[0].observe(0, u64::MAX) {
                Verdict::HalfStuck => self.say_again(),
                Verdict::Stuck => self.need(Trouble::Forgotten, self.watchdogs[0].waited()),
                Verdict::Moving | Verdict::Still => Need::Nothing,
            });
        }
        self.touch_watchdog(layout::OPCODE_NOP);
        let head = self.flights.values().min_by_key(|flight| flight.sequence);
        let (head, sequence) = (head.map(|flight| flight.opcode), head.map(|flight| flight.sequence));
        if self.last_head != sequence {
            // Its turn begins now, however long nobody looked.
            self.last_head = sequence;
            head.into_iter().for_each(|opcode| self.touch_watchdog(opcode));
        }
        for opcode in ENGINES {
            // A ring hands its jobs out in order: behind a job of another engine one may not have reached its own, and has to wait for no fault of that.
            // Whether the head moves is seen by its own engine; when it has ended it is the next one's turn.
            if head != Some(opcode) {
                self.touch_watchdog(opcode);
                continue;
            }
            // Engines do their jobs in order: what others' jobs move does not hide that this one was passed over, however busy all are.
            let overtakers = self.jobs_ended(opcode) - self.jobs_before[usize::from(opcode)];
            if overtakers > self.common.overtakers_most {
                let why = format!("{overtakers} later jobs of its engine have ended");
                return Ok(self.need(Trouble::Overtaken(opcode), why));
            }
            let moved = self.registers.engine_counter(opcode)?;
            let sent = self.common.work_sent[usize::from(opcode)].load(Ordering::Relaxed);
            let watchdog = &mut self.watchdogs[usize::from(opcode)];
            match watchdog.observe(moved, sent) {
                Verdict::Moving | Verdict::Still => {}
                Verdict::HalfStuck => drop(self.say_again()),
                Verdict::Stuck => {
                    let waited = watchdog.waited();
                    return Ok(self.need(Trouble::Engine(opcode), waited));
                }
            }
        }
        Ok(Need::Nothing)
    }

    /// A doorbell may have been lost; ringing it twice says nothing new.
    fn say_again(&mut self) -> Need {
        self.anomalies.doorbells_again += 1;
        self.ring_doorbell();
        Need::Nothing
    }

    /// Forgets everything. The device may still write somewhere, so all memory is unmapped.
    pub(crate) fn lose(&mut self) {
        for (_, flight) in self.flights.drain() {
            self.ended(&flight);
        }
        self.pending.clear();
        self.tickets.drain().for_each(Tracked::unmap);
        // They hold digests of results.
        self.sq.clear();
        self.cq.clear();
    }
}
