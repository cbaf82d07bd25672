//! A queue, driven by hand.

use std::{
    cell::Cell,
    hint, thread,
    time::{Duration, Instant},
};

use millrace_pcie::Function;
use millrace_regs::{Cause, Completion, Descriptor, layout, registers as reg};

use super::ExerciseError;
use crate::{
    registers::{LinkDown, Registers},
    ring::{CompletionRing, Head, SubmissionRing},
};

/// log₂ of the entries of both rings.
pub(super) const LOG_ENTRIES: u32 = 6;
/// Epochs of the exercise begin here, far from those of a driver that counts from 1.
const EPOCH: u32 = 0x4558_0000;
/// Looks at the ring between two looks at the clock.
const SPINS: u32 = 64;
/// Sleep between two looks while a reset or a stop is under way.
const SETTLE_POLL: Duration = Duration::from_micros(200);

pub(super) struct HandQueue<'a> {
    function: &'a Function,
    number: usize,
    registers: Registers,
    deadline: Duration,
    sq: SubmissionRing,
    cq: CompletionRing,
    next_job_id: u32,
    /// Of the completion that comes next: one engine's jobs complete in order.
    next_done: u32,
    /// The last completion came while this thread let others run: the device of a simulation has no core but this one, and to look before it had its turn
    /// is in vain.
    shares_core: Cell<bool>,
}

impl Drop for HandQueue<'_> {
    /// Whatever step failed: the device must not write to rings that are unmapped next.
    fn drop(&mut self) {
        if self.stop().is_err() {
            let _ = self.reset();
        }
    }
}

impl<'a> HandQueue<'a> {
    /// Resets the function by its registers; all queues are stopped then. This is queue 0.
    pub(super) fn after_reset(function: &'a Function, deadline: Duration) -> Result<Self, ExerciseError> {
        let queue = Self::stopped(function, 0, deadline)?;
        queue.told(queue.reset())?;
        Ok(queue)
    }

    /// A queue that is stopped.
    pub(super) fn stopped(
        function: &'a Function,
        number: usize,
        deadline: Duration,
    ) -> Result<Self, ExerciseError> {
        let dma = |source| ExerciseError::Dma { device: function.name.clone(), source };
        let registers = Registers::new(function.bar0.clone(), number as u32);
        let sq = SubmissionRing::new(&*function.dma, LOG_ENTRIES).map_err(dma)?;
        let cq = CompletionRing::new(&*function.dma, LOG_ENTRIES).map_err(dma)?;
        let shares_core = Cell::new(false);
        Ok(Self { function, number, registers, deadline, sq, cq, next_job_id: 0, next_done: 0, shares_core })
    }

    fn told<T>(&self, result: Result<T, LinkDown>) -> Result<T, ExerciseError> {
        result.map_err(|down| ExerciseError::from((self.function.name.as_str(), down)))
    }

    /// Starts the queue.
    pub(super) fn start(&self) -> Result<(), ExerciseError> {
        self.told(self.set_up())
    }

    fn reset(&self) -> Result<(), LinkDown> {
        self.registers.write(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
        self.settle(|| Ok(self.registers.read(reg::CTRL)? == 0))?;
        self.stop()
    }

    fn set_up(&self) -> Result<(), LinkDown> {
        self.registers.set_queue_base(reg::QUEUE_SQ_BASE_LO, self.sq.iova())?;
        self.registers.set_queue_base(reg::QUEUE_CQ_BASE_LO, self.cq.iova())?;
        self.registers.set_queue(reg::QUEUE_LOG_ENTRIES, LOG_ENTRIES)?;
        self.registers.set_queue(reg::QUEUE_EPOCH, EPOCH)?;
        self.registers.set_queue(reg::QUEUE_IRQ_ENABLE, 1)?;
        self.registers.write_queue(reg::QUEUE_ENABLE, reg::QUEUE_ENABLE_VALUE_MASK);
        Ok(())
    }

    fn stop(&self) -> Result<(), LinkDown> {
        self.registers.write_queue(reg::QUEUE_ENABLE, 0);
        self.settle(|| Ok(self.registers.read_queue(reg::QUEUE_ENABLE)? == 0))
    }

    fn settle(&self, done: impl Fn() -> Result<bool, LinkDown>) -> Result<(), LinkDown> {
        let until = Instant::now() + self.deadline;
        while !done()? {
            if Instant::now() > until {
                return Err(LinkDown(format!(
                    "the queue does not settle within {} s",
                    self.deadline.as_secs()
                )));
            }
            thread::sleep(SETTLE_POLL);
        }
        Ok(())
    }

    /// Stops the queue, so that the device writes to the rings no more.
    pub(super) fn close(&self) -> Result<(), ExerciseError> {
        self.told(self.stop())
    }

    /// Puts a descriptor on the ring.
    pub(super) fn push(&mut self, descriptor: Descriptor) {
        let flags = descriptor.flags | layout::FLAG_IRQ;
        self.sq.push(Descriptor { job_id: self.next_job_id, epoch: EPOCH, flags, ..descriptor });
        self.next_job_id = self.next_job_id.wrapping_add(1);
    }

    /// Tells the device.
    pub(super) fn ring(&self) {
        self.registers.ring(self.sq.tail(), self.cq.head());
    }

    /// The next completion, if it is there.
    ///
    /// # Errors
    /// If it is not that of the oldest job in flight.
    pub(super) fn take(&mut self, step: &'static str) -> Result<Option<Completion>, ExerciseError> {
        let Head::Entry(completion) = self.cq.take(EPOCH) else { return Ok(None) };
        if completion.job_id != self.next_done {
            let expected = format!("the completion of job {}", self.next_done);
            return Err(super::unexpected(&self.function.name, step, expected, format!("{completion:?}")));
        }
        self.next_done = self.next_done.wrapping_add(1);
        Ok(Some(completion))
    }

    /// Until when a completion must have come that is waited for from now on.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }

    fn late(&self, step: &'static str) -> ExerciseError {
        let (device, job_id, deadline) = (self.function.name.clone(), self.next_done, self.deadline);
        ExerciseError::Deadline { device, step, job_id, deadline }
    }

    /// Waits for an interrupt and for nothing else. Interrupts that bring no completion do not move the deadline.
    pub(super) fn wait_for_interrupt(&self, step: &'static str, until: Instant) -> Result<(), ExerciseError> {
        let left = until.saturating_duration_since(Instant::now());
        let came = !left.is_zero() && self.function.irqs.get(self.number).is_some_and(|irq| irq.wait(left));
        if came { Ok(()) } else { Err(self.late(step)) }
    }

    /// One job, from doorbell to completion.
    pub(super) fn run(
        &mut self,
        step: &'static str,
        descriptor: Descriptor,
    ) -> Result<Completion, ExerciseError> {
        self.run_waiting(step, descriptor, |queue, until| queue.wait_for_interrupt(step, until))
    }

    /// The same without waiting for the interrupt, which comes all the same and is taken with a later wait.
    pub(super) fn run_polled(
        &mut self,
        step: &'static str,
        descriptor: Descriptor,
    ) -> Result<Completion, ExerciseError> {
        self.run_waiting(step, descriptor, |queue, until| queue.look(step, until))
    }

    /// Looks at the ring for a moment.
    fn look(&self, step: &'static str, until: Instant) -> Result<(), ExerciseError> {
        let spins = if self.shares_core.get() { 1 } else { SPINS };
        for _ in 0..spins {
            if self.cq.has_news(EPOCH) {
                return Ok(());
            }
            hint::spin_loop();
        }
        thread::yield_now();
        let has_news = self.cq.has_news(EPOCH);
        self.shares_core.set(has_news);
        if !has_news && Instant::now() > until { Err(self.late(step)) } else { Ok(()) }
    }

    /// Looks at the ring until a completion is there; interrupts are left alone.
    pub(super) fn look_for_news(&self, step: &'static str, until: Instant) -> Result<(), ExerciseError> {
        while !self.cq.has_news(EPOCH) {
            self.look(step, until)?;
        }
        Ok(())
    }

    /// Empty jobs one at a time, from doorbell to completion taken: `most` of them, fewer where the time is over, at least one; in rising order.
    pub(super) fn round_trips(
        &mut self,
        most: u32,
        at_most: Duration,
        run: impl Fn(&mut Self, &'static str, Descriptor) -> Result<Completion, ExerciseError>,
    ) -> Result<Vec<Duration>, ExerciseError> {
        let (step, began) = ("round trip", Instant::now());
        let mut times = Vec::new();
        while times.is_empty() || times.len() < most as usize && began.elapsed() < at_most {
            let started = Instant::now();
            let empty = Descriptor { opcode: layout::OPCODE_NOP, ..Descriptor::default() };
            let completion = run(self, step, empty)?;
            times.push(started.elapsed());
            self.expect_ok(step, &completion)?;
        }
        times.sort();
        Ok(times)
    }

    /// # Errors
    /// If a job did not end well.
    pub(super) fn expect_ok(&self, step: &'static str, completion: &Completion) -> Result<(), ExerciseError> {
        if completion.status == Cause::Ok as u8 {
            return Ok(());
        }
        Err(super::unexpected(&self.function.name, step, "status OK", format!("{completion:?}")))
    }

    /// One job; `wait` is called after every look that found no completion.
    fn run_waiting(
        &mut self,
        step: &'static str,
        descriptor: Descriptor,
        wait: impl Fn(&Self, Instant) -> Result<(), ExerciseError>,
    ) -> Result<Completion, ExerciseError> {
        self.push(descriptor);
        self.ring();
        let until = self.until();
        loop {
            if let Some(completion) = self.take(step)? {
                return Ok(completion);
            }
            wait(self, until)?;
        }
    }
}
