//! Descriptors in, completions out (`docs/spec/rings.md`), and resets.

use millrace_pcie::Iova;
use millrace_regs::{Cause, Completion, Descriptor, layout};
use parking_lot::MutexGuard;

use crate::{
    Fault, JobClass, Until,
    device::{Command, Device, State},
};

const ENTRY_BYTES: u64 = 64;

/// Queue 0: what the host set, and where the device stands.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) sq_base: u64,
    pub(crate) cq_base: u64,
    pub(crate) log_entries: u32,
    pub(crate) enable: bool,
    pub(crate) epoch: u32,
    pub(crate) irq_enable: bool,
    pub(crate) sq_tail: u32,
    pub(crate) cq_head: u32,
    pub(crate) sq_head: u32,
    pub(crate) cq_tail: u32,
    pub(crate) error: u8,
    /// Set up when `ENABLE` rose and nothing was under way any more.
    running: Option<Setup>,
    sq_phase: bool,
    cq_phase: bool,
    /// Fetched and not completed.
    pub(crate) in_flight: u32,
    /// A late completion.
    held: Option<(Completion, bool)>,
}

#[derive(Clone, Copy)]
struct Setup {
    sq_base: u64,
    cq_base: u64,
    entries: u32,
    epoch: u32,
}

impl Queue {
    fn start(&mut self) {
        (self.sq_head, self.cq_tail) = (0, 0);
        (self.sq_phase, self.cq_phase, self.error, self.held) = (true, true, 0, None);
        if !(layout::LOG_ENTRIES_MIN..=layout::LOG_ENTRIES_MAX).contains(&self.log_entries) {
            self.error = Cause::BadLength as u8;
            return;
        }
        let entries = 1 << self.log_entries;
        self.running =
            Some(Setup { sq_base: self.sq_base, cq_base: self.cq_base, entries, epoch: self.epoch });
    }

    /// The set-up if there is a descriptor to fetch and room for its completion.
    fn fetchable(&self) -> Option<Setup> {
        let setup = self.running.filter(|_| self.enable && self.error == 0)?;
        let mask = setup.entries - 1;
        let unread = self.cq_tail.wrapping_sub(self.cq_head) & mask;
        let room = unread + self.in_flight < mask;
        (room && self.sq_head != self.sq_tail & mask).then_some(setup)
    }
}

impl Device {
    pub(crate) fn set_enable(&self, state: &mut State, enable: bool) {
        let rises = enable && !state.queue.enable;
        state.queue.enable = enable;
        if rises {
            state.queue.running = None;
            (state.queue.sq_tail, state.queue.cq_head) = (0, 0);
        }
        if !enable && state.stuck_until(0..3).is_some_and(|until| until == Until::QueueReset) {
            for engine in 0..3 {
                self.drop_jobs(state, engine);
            }
            state.queue.in_flight = 0;
        }
        self.changed.notify_all();
    }

    /// One thread fetches for all engines.
    pub(crate) fn dispatch(&self) {
        let mut state = self.state.lock();
        while !state.off {
            if state.queue.enable && state.queue.running.is_none() && state.queue.in_flight == 0 {
                state.queue.start();
                // A queue with impossible sizes stays stopped.
                if state.queue.error != 0 {
                    state.queue.enable = false;
                }
            }
            match state.queue.fetchable() {
                Some(setup) => self.fetch(&mut state, setup),
                None => self.changed.wait(&mut state),
            }
        }
    }

    fn fetch(&self, state: &mut MutexGuard<'_, State>, setup: Setup) {
        let queue = &mut state.queue;
        let at = setup.sq_base + u64::from(queue.sq_head) * ENTRY_BYTES;
        let mut bytes = [0; ENTRY_BYTES as usize];
        if self.dma.read(Iova(at), &mut bytes).is_err() {
            queue.error = Cause::HostRead as u8;
            return;
        }
        let descriptor = Descriptor::from_bytes(&bytes);
        let (index, phase) = (queue.sq_head, queue.sq_phase);
        queue.sq_head = (index + 1) % setup.entries;
        queue.sq_phase ^= queue.sq_head == 0;
        queue.in_flight += 1;
        let sq_head = queue.sq_head as u16;
        state.counts.host_read_beats += 1;
        state.counts.progress += 1;
        let fault = JobClass::of(descriptor.opcode).and_then(|class| state.faults.next(class));
        let command = Command { descriptor, sq_head, fault };
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
                    state.queue.error = cause as u8;
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
                state.engines[usize::from(descriptor.opcode) - 1].waiting.push_back(command);
                self.changed.notify_all();
            }
        }
    }

    /// Writes a completion, as right or as wrong as the job's fault has it.
    pub(crate) fn complete(&self, state: &mut State, command: &Command, mut completion: Completion) {
        state.queue.in_flight = state.queue.in_flight.saturating_sub(1);
        let Some(setup) = state.queue.running else { return };
        completion.epoch = setup.epoch;
        let wants_irq = command.descriptor.flags & layout::FLAG_IRQ != 0;
        let held = state.queue.held.take();
        match command.fault {
            Some(Fault::LoseCompletion) => {}
            Some(Fault::Late) => state.queue.held = Some((completion, wants_irq)),
            Some(Fault::DoubleCompletion) => {
                self.write_completion(state, completion, wants_irq, true);
                self.write_completion(state, completion, wants_irq, true);
            }
            Some(Fault::WrongPhase) => self.write_completion(state, completion, wants_irq, false),
            Some(Fault::WrongEpoch) => {
                completion.epoch = completion.epoch.wrapping_sub(1);
                self.write_completion(state, completion, wants_irq, true);
            }
            Some(Fault::WrongJobId) => {
                completion.job_id ^= 0x8000_0000;
                self.write_completion(state, completion, wants_irq, true);
            }
            Some(Fault::WrongOpcode) => {
                completion.opcode ^= 0x40;
                self.write_completion(state, completion, wants_irq, true);
            }
            Some(Fault::UnknownStatus(status)) => {
                completion.status = status;
                self.write_completion(state, completion, wants_irq, true);
            }
            _ => self.write_completion(state, completion, wants_irq, true),
        }
        if let Some((late, wants_irq)) = held {
            self.write_completion(state, late, wants_irq, true);
        }
        self.changed.notify_all();
    }

    fn write_completion(
        &self,
        state: &mut State,
        completion: Completion,
        wants_irq: bool,
        right_phase: bool,
    ) {
        let Some(setup) = state.queue.running else { return };
        let queue = &mut state.queue;
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
            self.irq.raise();
        }
    }

    fn drop_jobs(&self, state: &mut State, engine: usize) -> Vec<Command> {
        let engine = &mut state.engines[engine];
        engine.generation += 1;
        let mut dropped: Vec<Command> = engine.running.take().into_iter().collect();
        dropped.extend(engine.waiting.drain(..));
        self.changed.notify_all();
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
        for command in self.drop_jobs(state, engine) {
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
            self.drop_jobs(state, engine);
        }
        state.queue = Queue::default();
        let old = std::mem::take(&mut state.counts);
        state.counts.cycles = old.cycles;
        state.counts.progress = old.progress;
    }
}
