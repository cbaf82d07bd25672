//! Descriptors in, completions out (`docs/spec/rings.md`), and resets.

use std::{
    hint,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::Iova;
use millrace_regs::{Cause, Completion, Descriptor, layout, registers as reg};
use parking_lot::MutexGuard;

use crate::{
    Fault, JobClass, Until,
    device::{Command, Device, State},
};

const ENTRY_BYTES: u64 = 64;
/// How long the dispatcher looks at the doorbells without pause after it had something to do: hardware would not sleep at all.
const AWAKE: Duration = Duration::from_micros(20);
/// Looks at them between two times that others have the core.
const SPINS: u32 = 32;
/// A transform of at most so many bytes is done by the dispatcher itself: handing it to another thread takes longer.
const SHORT_BYTES: u64 = 4096;
/// So is a copy of at most so many, a chunk of an upload: of memory that the driver has just looked at it takes about 30 µs, as waking a thread does on
/// a virtual machine. Descriptors of other queues wait for so long.
const SHORT_COPY_BYTES: u64 = 1 << 19;

/// What the host rang last, as one word: both indices arrive together.
#[derive(Default)]
pub(crate) struct Doorbell(AtomicU32);

impl Doorbell {
    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::SeqCst);
    }

    pub(crate) fn value(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    fn sq_tail(&self) -> u32 {
        self.value() & reg::QUEUE_DOORBELL_SQ_TAIL_MASK
    }

    fn cq_head(&self) -> u32 {
        self.value() >> reg::QUEUE_DOORBELL_CQ_HEAD_SHIFT
    }
}

/// A queue: what the host set, and where the device stands.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) sq_base: u64,
    pub(crate) cq_base: u64,
    pub(crate) log_entries: u32,
    pub(crate) enable: bool,
    pub(crate) epoch: u32,
    pub(crate) irq_enable: bool,
    pub(crate) sq_head: u32,
    pub(crate) cq_tail: u32,
    pub(crate) error: u8,
    /// `ENABLE` rose: the rings start anew when nothing of before is under way any more.
    starting: bool,
    /// As of the last start.
    setup: Option<Setup>,
    sq_phase: bool,
    cq_phase: bool,
    /// Fetched and not completed.
    pub(crate) in_flight: u32,
    /// A late completion.
    held: Option<(Completion, bool)>,
}

#[derive(Clone, Copy)]
pub(crate) struct Setup {
    sq_base: u64,
    cq_base: u64,
    entries: u32,
    epoch: u32,
}

impl Queue {
    fn start(&mut self) {
        (self.sq_head, self.cq_tail, self.starting) = (0, 0, false);
        (self.sq_phase, self.cq_phase, self.error, self.held) = (true, true, 0, None);
        if !(layout::LOG_ENTRIES_MIN..=layout::LOG_ENTRIES_MAX).contains(&self.log_entries) {
            // A queue with impossible sizes stays stopped.
            (self.error, self.enable) = (Cause::BadLength as u8, false);
            return;
        }
        let entries = 1 << self.log_entries;
        self.setup = Some(Setup { sq_base: self.sq_base, cq_base: self.cq_base, entries, epoch: self.epoch });
    }

    /// Completions that it has room for, of those that it could hold.
    fn room(&self, setup: &Setup, doorbell: &Doorbell) -> u32 {
        let mask = setup.entries - 1;
        let unread = self.cq_tail.wrapping_sub(doorbell.cq_head()) & mask;
        mask.saturating_sub(unread + self.in_flight)
    }

    /// Whether the end of a job lets it go on.
    fn is_held_up(&self, doorbell: &Doorbell) -> bool {
        self.starting || self.setup.as_ref().is_none_or(|setup| self.room(setup, doorbell) == 0)
    }

    /// The set-up if there is a descriptor to fetch and room for its completion.
    pub(crate) fn fetchable(&self, doorbell: &Doorbell) -> Option<Setup> {
        let setup = self.setup.filter(|_| self.enable && !self.starting && self.error == 0)?;
        let is_work = self.sq_head != doorbell.sq_tail() & (setup.entries - 1);
        (is_work && self.room(&setup, doorbell) > 0).then_some(setup)
    }
}

impl Device {
    pub(crate) fn set_enable(&self, state: &mut State, queue: usize, enable: bool) {
        let rises = enable && !state.queues[queue].enable;
        state.queues[queue].enable = enable;
        if rises {
            state.queues[queue].starting = true;
            self.doorbells[queue].set(0);
        }
        if !enable && state.stuck_until(0..3).is_some_and(|until| until == Until::QueueReset) {
            for engine in 0..3 {
                self.drop_jobs(state, engine, Some(queue));
            }
            state.queues[queue].in_flight = 0;
        }
    }

    /// One thread fetches for all engines, one descriptor of each queue in turn.
    pub(crate) fn dispatch(&self) {
        let mut state = self.state.lock();
        let mut shares_core = false;
        while !state.off {
            let seen = self.changes.load(Ordering::SeqCst);
            let mut idle = true;
            for queue in 0..state.queues.len() {
                let one = &mut state.queues[queue];
                if one.enable && one.starting && one.in_flight == 0 {
                    one.start();
                }
                if let Some(setup) = one.fetchable(&self.doorbells[queue]) {
                    idle &= !self.fetch(&mut state, queue, setup);
                }
            }
            // Whoever has jobs waiting misses nothing while the dispatcher sleeps, and the machine has few cores.
            let busy = state.engines.iter().any(|engine| !engine.waiting.is_empty());
            if idle && (busy || !self.changes_soon(&mut state, seen, &mut shares_core)) {
                MutexGuard::unlocked(&mut state, || {
                    let mut nap = self.nap.lock();
                    self.asleep.store(true, Ordering::SeqCst);
                    // Whoever told before that did not see that somebody sleeps; whoever tells after it waits for this lock and then wakes.
                    if self.changes.load(Ordering::SeqCst) == seen {
                        self.changed.wait(&mut nap);
                    }
                    self.asleep.store(false, Ordering::SeqCst);
                });
            }
        }
    }

    /// Looks for a change for a little while, with nothing locked. `shares_core`: the last one came while others had this core; whether it did so now.
    fn changes_soon(&self, state: &mut MutexGuard<'_, State>, seen: u64, shares_core: &mut bool) -> bool {
        MutexGuard::unlocked(state, || {
            let changed = || self.changes.load(Ordering::SeqCst) != seen;
            let until = Instant::now() + AWAKE;
            loop {
                for _ in 0..if *shares_core { 1 } else { SPINS } {
                    if changed() {
                        return true;
                    }
                    hint::spin_loop();
                }
                // On a machine with no core to spare it is the host's turn, and to look before it had that is in vain.
                thread::yield_now();
                *shares_core = changed();
                if *shares_core || Instant::now() >= until {
                    return *shares_core;
                }
            }
        })
    }

    /// Whether a queue that was served longer ago has a job for the engine at its head, as the RTL's dispatch takes them in turn.
    fn is_anothers_turn(&self, state: &State, engine: usize, number: usize) -> bool {
        let wants = |queue: usize| {
            let one = &state.queues[queue];
            let setup = one.fetchable(&self.doorbells[queue])?;
            let at = setup.sq_base + u64::from(one.sq_head) * ENTRY_BYTES;
            let mut bytes = [0; ENTRY_BYTES as usize];
            self.dma.read(Iova(at), &mut bytes).ok()?;
            Some(usize::from(Descriptor::from_bytes(&bytes).opcode).wrapping_sub(1))
        };
        let queues = state.queues.len();
        let in_turn = (0..queues).map(|i| (state.turns[engine] + i) % queues);
        in_turn.take_while(|&queue| queue != number).any(|queue| wants(queue) == Some(engine))
    }

    /// Takes the next descriptor of a queue; `false` if it has to wait for its engine.
    fn fetch(&self, state: &mut MutexGuard<'_, State>, number: usize, setup: Setup) -> bool {
        let at = setup.sq_base + u64::from(state.queues[number].sq_head) * ENTRY_BYTES;
        let mut bytes = [0; ENTRY_BYTES as usize];
        if self.dma.read(Iova(at), &mut bytes).is_err() {
            state.queues[number].error = Cause::HostRead as u8;
            return true;
        }
        let descriptor = Descriptor::from_bytes(&bytes);
        let engine = usize::from(descriptor.opcode).wrapping_sub(1);
        if let (Some(most), Some(there)) = (self.config.waiting_jobs, state.engines.get(engine)) {
            if there.waiting.len() >= most || self.is_anothers_turn(state, engine, number) {
                return false;
            }
            state.turns[engine] = (number + 1) % state.queues.len();
        }
        let queue = &mut state.queues[number];
        let (index, phase) = (queue.sq_head, queue.sq_phase);
        queue.sq_head = (index + 1) % setup.entries;
        queue.sq_phase ^= queue.sq_head == 0;
        queue.in_flight += 1;
        let sq_head = queue.sq_head as u16;
        state.counts.host_read_beats += 1;
        state.counts.progress += 1;
        let fault =
            JobClass::of(descriptor.opcode).and_then(|class| state.faults.next(class, descriptor.count));
        let command = Command { queue: number, descriptor, sq_head, fault };
        let refused = if descriptor.phase != phase {
            Err((Cause::BadPhase, u64::from(index)))
        } else if descriptor.epoch != setup.epoch {
            Err((Cause::BadEpoch, u64::from(descriptor.epoch)))
        } else {
            Descriptor::check_form(&bytes)
        };
        match refused {
            Err((cause, position)) => {
                if matches!(cause, Cause::BadPhase | Cause::BadEpoch) {
                    state.queues[number].error = cause as u8;
                }
                let status = cause as u8;
                let (job_id, opcode) = (descriptor.job_id, descriptor.opcode);
                let completion =
                    Completion { job_id, opcode, status, position, sq_head, ..Completion::default() };
                self.complete(state, &command, completion);
            }
            Ok(()) if descriptor.opcode == layout::OPCODE_NOP => {
                let (job_id, opcode) = (descriptor.job_id, descriptor.opcode);
                self.complete(
                    state,
                    &command,
                    Completion { job_id, opcode, sq_head, ..Completion::default() },
                );
            }
            Ok(()) => {
                let engine = usize::from(descriptor.opcode) - 1;
                let is_free =
                    state.engines[engine].running.is_none() && state.engines[engine].waiting.is_empty();
                if is_free && is_short(&descriptor) && !command.is_slow() {
                    self.perform(state, engine, command);
                } else {
                    state.engines[engine].waiting.push_back(command);
                    self.work[engine].notify_one();
                }
            }
        }
        true
    }

    /// Writes a completion, as right or as wrong as the job's fault has it.
    pub(crate) fn complete(&self, state: &mut State, command: &Command, mut completion: Completion) {
        let queue = command.queue;
        let one = &mut state.queues[queue];
        let was_held_up = one.is_held_up(&self.doorbells[queue]);
        one.in_flight = one.in_flight.saturating_sub(1);
        let Some(setup) = one.setup else { return };
        completion.epoch = setup.epoch;
        let wants_irq = command.descriptor.flags & layout::FLAG_IRQ != 0;
        let held = one.held.take();
        match command.fault {
            Some(Fault::LoseCompletion) => {}
            Some(Fault::Late) => one.held = Some((completion, wants_irq)),
            Some(Fault::DoubleCompletion) => {
                self.write_completion(state, queue, completion, wants_irq, true);
                self.write_completion(state, queue, completion, wants_irq, true);
            }
            Some(Fault::Overflow(times)) => {
                (0..times).for_each(|_| self.write_completion(state, queue, completion, wants_irq, true));
            }
            Some(Fault::WrongPhase) => self.write_completion(state, queue, completion, wants_irq, false),
            Some(Fault::WrongEpoch) => {
                completion.epoch = completion.epoch.wrapping_sub(1);
                self.write_completion(state, queue, completion, wants_irq, true);
            }
            Some(Fault::WrongJobId) => {
                completion.job_id ^= 0x8000_0000;
                self.write_completion(state, queue, completion, wants_irq, true);
            }
            Some(Fault::WrongOpcode) => {
                completion.opcode ^= 0x40;
                self.write_completion(state, queue, completion, wants_irq, true);
            }
            Some(Fault::UnknownStatus(status)) => {
                completion.status = status;
                self.write_completion(state, queue, completion, wants_irq, true);
            }
            _ => self.write_completion(state, queue, completion, wants_irq, true),
        }
        if let Some((late, wants_irq)) = held {
            self.write_completion(state, queue, late, wants_irq, true);
        }
        if was_held_up {
            self.tell_dispatcher();
        }
    }

    fn write_completion(
        &self,
        state: &mut State,
        number: usize,
        completion: Completion,
        wants_irq: bool,
        right_phase: bool,
    ) {
        let queue = &mut state.queues[number];
        let Some(setup) = queue.setup else { return };
        let at = setup.cq_base + u64::from(queue.cq_tail) * ENTRY_BYTES;
        let phase = queue.cq_phase == right_phase;
        if self.dma.write(Iova(at), &Completion { phase, ..completion }.to_bytes()).is_err() {
            queue.error = Cause::HostWrite as u8;
            return;
        }
        queue.cq_tail = (queue.cq_tail + 1) % setup.entries;
        queue.cq_phase ^= queue.cq_tail == 0;
        let irq = wants_irq && queue.irq_enable;
        state.counts.host_write_beats += 1;
        state.counts.progress += 1;
        if irq {
            state.counts.interrupts += 1;
            self.irqs[number].raise();
        }
    }

    /// Takes an engine's jobs away, all or those of one queue.
    fn drop_jobs(&self, state: &mut State, engine: usize, of_queue: Option<usize>) -> Vec<Command> {
        let is_copies = engine == usize::from(layout::OPCODE_COPY) - 1;
        let engine = &mut state.engines[engine];
        let goes = |command: &Command| of_queue.is_none_or(|queue| command.queue == queue);
        let mut dropped = Vec::new();
        if let Some(running) = engine.running.take_if(|running| goes(running)) {
            engine.generation += 1;
            if is_copies {
                // Waits for the piece that is being written.
                self.memory.lock().generation += 1;
            }
            dropped.push(running);
        }
        let waiting = std::mem::take(&mut engine.waiting);
        for command in waiting {
            if goes(&command) {
                dropped.push(command);
            } else {
                engine.waiting.push_back(command);
            }
        }
        self.tell_all();
        dropped
    }

    /// The jobs of an engine complete with RESET, unless one is stuck too deep for that.
    pub(crate) fn reset_engine(&self, state: &mut State, engine: usize) {
        match state.stuck_until([engine].into_iter()) {
            None | Some(Until::EngineReset) => {}
            Some(Until::Never) => {
                state.resetting |= 2 << engine;
                return;
            }
            Some(Until::QueueReset | Until::FunctionReset) => return,
        }
        for command in self.drop_jobs(state, engine, None) {
            let d = &command.descriptor;
            let (job_id, opcode, sq_head) = (d.job_id, d.opcode, command.sq_head);
            let status = Cause::Reset as u8;
            let completion = Completion { job_id, opcode, status, sq_head, ..Completion::default() };
            self.complete(state, &Command { fault: None, ..command }, completion);
        }
    }

    /// Engines, queue and counters of jobs as after power-on; device memory stays. Jobs get no completion.
    pub(crate) fn reset_function(&self, state: &mut State) {
        if state.stuck_until(0..3) == Some(Until::Never) {
            state.resetting |= 1;
            return;
        }
        for engine in 0..3 {
            self.drop_jobs(state, engine, None);
        }
        for (queue, doorbell) in state.queues.iter_mut().zip(&self.doorbells) {
            *queue = Queue::default();
            doorbell.set(0);
        }
        let old = std::mem::take(&mut state.counts);
        state.counts.cycles = old.cycles;
        state.counts.progress = old.progress;
    }
}

/// Whether a job is so short that handing it to another thread would take longer.
fn is_short(d: &Descriptor) -> bool {
    match d.opcode {
        layout::OPCODE_COPY => d.count <= SHORT_COPY_BYTES,
        layout::OPCODE_NTT => d.count <= SHORT_BYTES / 32,
        _ => false,
    }
}
