//! An acceptance test of the way to a device: registers, DMA, interrupts, addresses that lead nowhere, resets in the middle of a job.
//!
//! It drives queue 0 by hand, so that what is seen is the way and not the engine's own recovery; the last two steps use [`DeviceEngine`]. Nobody
//! else may use the device meanwhile.

mod lending;
mod misplaced;
mod probe;
mod queue;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use millrace_bn254::Fr;
use millrace_job::{Engine, EngineError, Job, JobValue, NttDirection, Ticket};
use millrace_pcie::{DmaBuffer, Function, Iova, ResetError};
use millrace_regs::{Cause, Descriptor, layout, registers as reg};
use thiserror::Error;

use self::queue::{HandQueue, LOG_ENTRIES};
pub use self::{
    misplaced::LostWrites,
    probe::{ProbePlan, ProbeReport, probe},
};
use crate::{
    DeviceEngine, DriverConfig, Identity, OpenError,
    registers::{LinkDown, is_at_work},
};

/// A multiple of 64 that no mapping of this step holds: page 0 is never mapped.
const NOWHERE: Iova = Iova(0);
const BEAT_BYTES: usize = 64;
/// How often a job is started to be reset in its middle.
const ATTEMPTS: u32 = 10;
/// Transforms started for that at once.
const AT_ONCE: usize = 4;
/// Jobs given to a queue at once when all are driven.
const QUEUE_BURST: u32 = 20;

/// How much to do.
#[derive(Clone, Debug)]
pub struct ExercisePlan {
    /// Empty jobs, each with a completion and an interrupt.
    pub completions: u32,
    /// How long one completion may take. A wait that ends by this is a failure.
    pub deadline: Duration,
    /// Configuration of the engine in the last steps.
    pub driver: DriverConfig,
}

impl Default for ExercisePlan {
    fn default() -> Self {
        Self { completions: 10_000, deadline: Duration::from_secs(30), driver: DriverConfig::default() }
    }
}

/// What was seen of a device that passed.
#[derive(Clone, Debug)]
pub struct ExerciseReport {
    /// What it is.
    pub identity: Identity,
    /// Bytes moved each way by COPY jobs, and compared.
    pub dma_bytes: u64,
    /// Completions that came.
    pub completions: u32,
    /// Interrupts that were taken for them; merged ones count once.
    pub interrupts: u32,
    /// Interrupts after which nothing new was there.
    pub spurious: u32,
    /// From doorbell to completion taken, one empty job at a time, woken by its interrupt: median.
    pub round_trip: Duration,
    /// The same with a host that looks at the ring without pause.
    pub round_trip_polled: Duration,
    /// Whether a write that leads nowhere was lost in silence, as on PCIe, or answered.
    pub lost_write_is_silent: bool,
    /// How a result and a completion that the device wrote nowhere were found.
    pub lost_writes: LostWrites,
    /// Whether memory was lent to the device, which read it, could not write it, and did not reach it afterwards; some ways lend nothing.
    pub lends: bool,
    /// Queues that were driven, first one alone and then all at once.
    pub queues: usize,
    /// Whether the function can be reset from outside, and was.
    pub reset_from_outside: bool,
    /// Whether the device was seen at work on a job when it was reset; a device that is too quick for that is not.
    pub reset_at_work: bool,
}

/// Which step did not pass.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ExerciseError {
    /// Not a device of ours.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something else came than should.
    #[error("{device}: {step}: expected {expected}, got {got}")]
    Unexpected {
        /// The device.
        device: String,
        /// The step.
        step: &'static str,
        /// What should come.
        expected: String,
        /// What came.
        got: String,
    },
    /// A completion did not come in time.
    #[error("{device}: {step}: no completion of job {job_id} within {} s", deadline.as_secs())]
    Deadline {
        /// The device.
        device: String,
        /// The step.
        step: &'static str,
        /// The job.
        job_id: u32,
        /// The limit.
        deadline: Duration,
    },
    /// No memory for it.
    #[error("{device}: {source}")]
    Dma {
        /// The device.
        device: String,
        /// Why.
        source: millrace_pcie::DmaError,
    },
    /// The reset from outside failed.
    #[error("{device}: {source}")]
    Reset {
        /// The device.
        device: String,
        /// Why.
        source: ResetError,
    },
    /// The engine failed where it must not.
    #[error("{step}: {source}")]
    Engine {
        /// The step.
        step: &'static str,
        /// Why.
        source: EngineError,
    },
}

/// Exercises a device.
///
/// # Errors
/// [`ExerciseError`] names the first step that did not pass.
pub fn exercise(function: &Function, plan: &ExercisePlan) -> Result<ExerciseReport, ExerciseError> {
    let identity = Identity::read(&function.name, &*function.bar0, plan.driver.allow_behavioural)?;
    let mut run = Run { function, plan, queue: HandQueue::after_reset(function, plan.deadline)? };
    run.registers()?;
    run.queue.start()?;
    let dma_bytes = run.dma()?;
    let lost_write_is_silent = run.nowhere()?;
    let lends = run.lending()?;
    let trips = plan.completions.clamp(1, 101);
    let median = |times: Vec<Duration>| times[times.len() / 2];
    let round_trip = median(run.queue.round_trips(trips, Duration::MAX, HandQueue::run)?);
    let round_trip_polled = median(run.queue.round_trips(trips, Duration::MAX, HandQueue::run_polled)?);
    let interrupts = run.completions()?;
    run.queue.close()?;
    drop(run);
    let queues = (identity.queues as usize).min(function.irqs.len());
    all_queues(function, plan, queues)?;
    let (reset_from_outside, reset_at_work) = resets(function, plan)?;
    let lost_writes = misplaced::lost_writes(function, plan)?;
    Ok(ExerciseReport {
        identity,
        dma_bytes,
        completions: interrupts.completions,
        interrupts: interrupts.taken,
        spurious: interrupts.spurious,
        round_trip,
        round_trip_polled,
        lost_write_is_silent,
        lost_writes,
        lends,
        queues: queues.max(1),
        reset_from_outside,
        reset_at_work,
    })
}

struct Interrupts {
    taken: u32,
    spurious: u32,
    completions: u32,
}

struct Run<'a> {
    function: &'a Function,
    plan: &'a ExercisePlan,
    queue: HandQueue<'a>,
}

impl<'a> Run<'a> {
    fn unexpected(&self, step: &'static str, expected: impl ToString, got: impl ToString) -> ExerciseError {
        unexpected(&self.function.name, step, expected, got)
    }

    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, ExerciseError> {
        let device = || self.function.name.clone();
        self.function.dma.alloc(len_bytes).map_err(|source| ExerciseError::Dma { device: device(), source })
    }

    /// Registers hold what is written, and only the bits that they have; writes arrive before later reads.
    fn registers(&self) -> Result<(), ExerciseError> {
        let step = "registers";
        let bar0 = &*self.function.bar0;
        for (offset, value) in [(reg::MAGIC, reg::MAGIC_EXPECTED), (reg::VERSION, reg::VERSION_EXPECTED)] {
            bar0.write32(offset, !value);
            let got = bar0.read32(offset);
            if got != value {
                let expected = format!("{value:#x} at {offset:#x} after a write");
                return Err(self.unexpected(step, expected, format!("{got:#x}")));
            }
        }
        // QUEUE_EPOCH is a whole word, and is looked at only when the queue starts, which it does after this.
        let at = millrace_regs::queue_register(0, reg::QUEUE_EPOCH);
        let old = bar0.read32(at);
        for bit in 0..32 {
            for value in [1u32 << bit, !(1u32 << bit)] {
                bar0.write32(at, value);
                let got = bar0.read32(at);
                // All ones but one bit is a fair value; all ones never comes.
                if got != value {
                    return Err(self.unexpected(step, format!("{value:#x}"), format!("{got:#x}")));
                }
            }
        }
        bar0.write32(at, old);
        Ok(())
    }

    /// COPY from host memory into device memory and back, over page borders, at offsets and lengths that are odd multiples of a beat (the
    /// device's DMA moves whole beats).
    fn dma(&mut self) -> Result<u64, ExerciseError> {
        let step = "DMA";
        let (source, target) = (self.alloc(1 << 16)?, self.alloc(1 << 16)?);
        let mut moved = 0;
        for (i, (from, to, beats)) in
            [(0usize, 0usize, 1usize), (1, 3, 1), (63, 61, 3), (5, 127, 65), (1, 1, 255), (0, 0, 1024)]
                .into_iter()
                .enumerate()
        {
            let len = beats * BEAT_BYTES;
            let bytes: Vec<u8> = (0..len).map(|at| (at * 31 + i * 7 + at / 251) as u8).collect();
            target.wipe();
            source.write(from * BEAT_BYTES, &bytes);
            let within = |buffer: &dyn DmaBuffer, beat: usize| buffer.iova().0 + (beat * BEAT_BYTES) as u64;
            let copy = Descriptor {
                opcode: layout::OPCODE_COPY,
                count: len as u64,
                dst_len_bytes: len as u64,
                ..Descriptor::default()
            };
            let up = Descriptor { src0: within(&*source, from), dst: 0, flags: layout::FLAG_DST_DEV, ..copy };
            let down =
                Descriptor { src0: 0, dst: within(&*target, to), flags: layout::FLAG_SRC0_DEV, ..copy };
            for descriptor in [up, down] {
                let completion = self.queue.run(step, descriptor)?;
                self.queue.expect_ok(step, &completion)?;
            }
            let mut back = vec![0; 1 << 16];
            target.read(0, &mut back);
            let mut expected = vec![0; 1 << 16];
            expected[to * BEAT_BYTES..to * BEAT_BYTES + len].copy_from_slice(&bytes);
            if let Some(at) = (0..back.len()).find(|&at| back[at] != expected[at]) {
                return Err(self.unexpected(
                    step,
                    format!("byte {:#x} at {at}", expected[at]),
                    format!("{:#x}", back[at]),
                ));
            }
            moved += len as u64;
        }
        self.odd_bytes(step, &*source, &*target)?;
        Ok(moved)
    }

    /// Addresses and lengths that are no multiples of a beat are refused, with the place in the descriptor or the length, and nothing is moved.
    fn odd_bytes(
        &mut self,
        step: &'static str,
        source: &dyn DmaBuffer,
        target: &dyn DmaBuffer,
    ) -> Result<(), ExerciseError> {
        let beat = BEAT_BYTES as u64;
        source.write(0, &[0xa5; 2 * BEAT_BYTES]);
        target.wipe();
        let copy = Descriptor {
            opcode: layout::OPCODE_COPY,
            src0: source.iova().0,
            dst: target.iova().0,
            count: beat,
            dst_len_bytes: beat,
            ..Descriptor::default()
        };
        for (what, odd) in [
            ("source", Descriptor { src0: copy.src0 + 1, ..copy }),
            ("destination", Descriptor { dst: copy.dst + 33, ..copy }),
            ("length", Descriptor { count: 63, ..copy }),
            ("room", Descriptor { count: 2 * beat, dst_len_bytes: beat + 1, ..copy }),
        ] {
            let completion = self.queue.run(step, odd)?;
            let refused = [Cause::BadDescriptor, Cause::BadLength].map(|cause| cause as u8);
            if !refused.contains(&completion.status) {
                let expected = format!("BAD_DESCRIPTOR or BAD_LENGTH for an odd {what}");
                return Err(self.unexpected(step, expected, format!("{completion:?}")));
            }
        }
        let mut moved = vec![0; 4 * BEAT_BYTES];
        target.read(0, &mut moved);
        match moved.iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(self.unexpected(step, "nothing moved by refused jobs", "bytes")),
        }
    }

    /// A read where nothing is mapped comes back as an error with its address; a write there harms nobody.
    fn nowhere(&mut self) -> Result<bool, ExerciseError> {
        let step = "addresses that lead nowhere";
        let buffer = self.alloc(4096)?;
        let len = BEAT_BYTES as u64;
        let copy = Descriptor {
            opcode: layout::OPCODE_COPY,
            count: len,
            dst_len_bytes: len,
            ..Descriptor::default()
        };
        let read = self.queue.run(step, Descriptor { src0: NOWHERE.0, dst: buffer.iova().0, ..copy })?;
        if (read.status, read.position) != (Cause::HostRead as u8, NOWHERE.0) {
            return Err(self.unexpected(step, format!("HOST_READ at {:#x}", NOWHERE.0), format!("{read:?}")));
        }
        let write = self.queue.run(step, Descriptor { src0: buffer.iova().0, dst: NOWHERE.0, ..copy })?;
        match write.status {
            status if status == Cause::Ok as u8 => Ok(true),
            status if status == Cause::HostWrite as u8 => Ok(false),
            _ => Err(self.unexpected(step, "OK or HOST_WRITE", format!("{write:?}"))),
        }
    }

    /// Many empty jobs in flight, whose interrupts merge and come for nothing. Each completion must come, in order; a wait for an interrupt ends by one.
    fn completions(&mut self) -> Result<Interrupts, ExerciseError> {
        let step = "completions";
        let mut seen = Interrupts { taken: 0, spurious: 0, completions: 0 };
        let (mut sent, mut done, mut rounds) = (0, 0, 0u32);
        let in_flight_most = (1 << LOG_ENTRIES) - 1;
        let mut until = self.queue.until();
        while done < self.plan.completions {
            let room = in_flight_most - (sent - done);
            let more = room.min(self.plan.completions - sent);
            for _ in 0..more {
                self.queue.push(Descriptor { opcode: layout::OPCODE_NOP, ..Descriptor::default() });
            }
            if more > 0 {
                self.queue.ring();
                sent += more;
            }
            // In every second round completions are looked for without their interrupts, which come late then, for nothing.
            let looks = rounds % 2 == 1;
            rounds += 1;
            if looks {
                self.queue.look_for_news(step, until)?;
            } else {
                self.queue.wait_for_interrupt(step, until)?;
                seen.taken += 1;
            }
            let mut new = 0;
            while let Some(completion) = self.queue.take(step)? {
                self.queue.expect_ok(step, &completion)?;
                new += 1;
            }
            match new {
                0 => seen.spurious += u32::from(!looks),
                _ => until = self.queue.until(),
            }
            done += new;
        }
        seen.completions = done;
        Ok(seen)
    }
}

/// Jobs of all queues at once: each gets its own completions, in order, and its own interrupts.
fn all_queues(function: &Function, plan: &ExercisePlan, count: usize) -> Result<(), ExerciseError> {
    let step = "all queues at once";
    let open = |number| {
        let queue = HandQueue::stopped(function, number, plan.deadline)?;
        queue.start()?;
        Ok(queue)
    };
    let mut queues: Vec<HandQueue<'_>> = (0..count).map(open).collect::<Result<_, ExerciseError>>()?;
    let rounds = (plan.completions / 100).clamp(1, 100);
    for _ in 0..rounds {
        for queue in &mut queues {
            for _ in 0..QUEUE_BURST {
                queue.push(Descriptor { opcode: layout::OPCODE_NOP, ..Descriptor::default() });
            }
            queue.ring();
        }
        // The last queue is waited for first: the others' completions must not be needed for it.
        for queue in queues.iter_mut().rev() {
            let (mut left, until) = (QUEUE_BURST, queue.until());
            while left > 0 {
                queue.wait_for_interrupt(step, until)?;
                while left > 0
                    && let Some(completion) = queue.take(step)?
                {
                    queue.expect_ok(step, &completion)?;
                    left -= 1;
                }
            }
        }
    }
    queues.iter().try_for_each(HandQueue::close)
}

fn unexpected(
    device: &str,
    step: &'static str,
    expected: impl ToString,
    got: impl ToString,
) -> ExerciseError {
    ExerciseError::Unexpected {
        device: device.into(),
        step,
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

/// Resets while a transform is under way: by the registers, and from outside. The transform ends well or with a typed error, and the one after
/// it is right.
fn resets(function: &Function, plan: &ExercisePlan) -> Result<(bool, bool), ExerciseError> {
    let engine = Arc::new(DeviceEngine::open(function.clone(), plan.driver.clone())?);
    let log_n = engine.identity().ntt_log_max.min(11);
    let values: Vec<Fr> = (0..1u64 << log_n).map(|i| Fr::from(i * i + 1)).collect();
    let transform = |direction, values: Vec<Fr>| {
        let ticket = engine.submit(Job::Ntt { direction, coset: false, values })?;
        Ok::<_, EngineError>(ticket)
    };
    let round_trip = |step| {
        let failed = |source| ExerciseError::Engine { step, source };
        let wait = |ticket| engine.wait(ticket).map_err(failed);
        let JobValue::Values(there) =
            wait(transform(NttDirection::Forward, values.clone()).map_err(failed)?)?.value
        else {
            return Err(unexpected(&function.name, step, "values", "a point"));
        };
        let JobValue::Values(back) =
            wait(transform(NttDirection::Inverse, there.clone()).map_err(failed)?)?.value
        else {
            return Err(unexpected(&function.name, step, "values", "a point"));
        };
        match back == values {
            true => Ok(there),
            false => {
                Err(unexpected(&function.name, step, "the values from before the two transforms", "others"))
            }
        }
    };
    let right = round_trip("a transform and its inverse")?;
    // Sent again by the engine, or failed with a typed error: both are fair. A wrong answer is not.
    let fair = |step, ticket| match engine.wait(ticket) {
        Ok(output) if output.value != JobValue::Values(right.clone()) => Err(unexpected(
            &function.name,
            step,
            "the transform from before the reset, or an error",
            "others",
        )),
        _ => Ok(()),
    };
    // Transforms that the device was seen to be at. One that has ended by then is no test, so that it is tried again.
    let under_way = |step| {
        let failed = |source| ExerciseError::Engine { step, source };
        let start = || transform(NttDirection::Forward, values.clone()).map_err(failed);
        let mut tickets: Vec<Ticket> = Vec::new();
        for _ in 0..ATTEMPTS {
            for ticket in tickets.drain(..) {
                engine.wait(ticket).map_err(failed)?;
            }
            tickets = (0..AT_ONCE).map(|_| start()).collect::<Result<_, _>>()?;
            let until = Instant::now() + plan.driver.progress_interval;
            while Instant::now() < until {
                if is_at_work(&*function.bar0) {
                    return Ok((tickets, true));
                }
                std::thread::yield_now();
            }
        }
        Ok::<_, ExerciseError>((tickets, false))
    };
    let step = "a reset by registers in the middle of a job";
    let (tickets, seen_by_registers) = under_way(step)?;
    engine.reset().map_err(|source| ExerciseError::Engine { step, source })?;
    tickets.into_iter().try_for_each(|ticket| fair(step, ticket))?;
    round_trip(step)?;
    let Some(reset) = &function.reset else { return Ok((false, seen_by_registers)) };
    let step = "a reset from outside in the middle of a job";
    let (tickets, seen_from_outside) = under_way(step)?;
    match reset.reset() {
        Ok(()) => {}
        Err(ResetError::Unsupported) => return Ok((false, seen_by_registers)),
        Err(source) => return Err(ExerciseError::Reset { device: function.name.clone(), source }),
    }
    // Nobody told the engine; whoever resets a function tells its driver.
    engine.reset().map_err(|source| ExerciseError::Engine { step, source })?;
    tickets.into_iter().try_for_each(|ticket| fair(step, ticket))?;
    round_trip(step)?;
    Ok((true, seen_by_registers && seen_from_outside))
}

impl From<(&str, LinkDown)> for ExerciseError {
    fn from((device, LinkDown(what)): (&str, LinkDown)) -> Self {
        Self::Open(OpenError::Unresponsive { device: device.to_owned(), what })
    }
}
