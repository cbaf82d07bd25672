//! How quick the way to a device is: empty jobs and copies on a queue driven by hand, so that no engine's own work is counted.

use std::time::{Duration, Instant};

use millrace_pcie::{DmaBuffer, Function};
use millrace_regs::{Descriptor, layout};

use super::{ExerciseError, queue::HandQueue};
use crate::Identity;

/// Copies in flight at once: the next is under way while one is completed.
const COPIES_IN_FLIGHT: u64 = 4;
/// Bytes of the first copy, and of the following where that was quick.
const COPY_BYTES: [u64; 2] = [1 << 16, 1 << 20];
/// The first copy was quick if so many of them fit the time.
const QUICK: u32 = 64;

/// How long to look.
#[derive(Clone, Debug)]
pub struct ProbePlan {
    /// Empty jobs of each kind, at most.
    pub jobs: u32,
    /// Time for each of the four measurements; it ends after that, but not before its first job.
    pub at_most: Duration,
    /// How long one completion may take.
    pub deadline: Duration,
}

impl Default for ProbePlan {
    fn default() -> Self {
        Self { jobs: 10_000, at_most: Duration::from_secs(1), deadline: Duration::from_secs(30) }
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// From doorbell to completion taken, empty jobs one at a time, by a host that looks at the ring without pause: in rising order, never empty.
    pub polled: Vec<Duration>,
    /// The same by a host that sleeps until the interrupt.
    pub woken: Vec<Duration>,
    /// COPY from host memory into the device's, bytes a second.
    pub to_device: f64,
    /// COPY from device memory into the host's, bytes a second.
    pub to_host: f64,
    /// Bytes of one of these copies.
    pub copy_bytes: u64,
}

/// Measures the way to a device, which is reset for it. Nobody else may use it meanwhile.
///
/// # Errors
/// [`ExerciseError`]: not a device of ours, or a job that did not end well.
pub fn probe(function: &Function, plan: &ProbePlan) -> Result<ProbeReport, ExerciseError> {
    let identity = Identity::read(&function.name, &*function.bar0, false)?;
    let dma = |source| ExerciseError::Dma { device: function.name.clone(), source };
    let most = COPY_BYTES.map(|bytes| bytes.min(identity.memory_bytes));
    // Dropped after the queue, which then has stopped: copies may be under way where something fails.
    let buffer = function.dma.alloc(most[1] as usize).map_err(dma)?;
    let mut queue = HandQueue::after_reset(function, plan.deadline)?;
    queue.start()?;
    let mut run = Probe { plan, queue: &mut queue };
    let polled = run.queue.round_trips(plan.jobs, plan.at_most, HandQueue::run_polled)?;
    let woken = run.queue.round_trips(plan.jobs, plan.at_most, HandQueue::run)?;
    let (to_device, to_host, copy_bytes) = run.copies(&*buffer, most)?;
    queue.close()?;
    Ok(ProbeReport { polled, woken, to_device, to_host, copy_bytes })
}

struct Probe<'a, 'f> {
    plan: &'a ProbePlan,
    queue: &'a mut HandQueue<'f>,
}

impl Probe<'_, '_> {
    /// To the device and back, bytes a second, and the bytes of one copy.
    fn copies(&mut self, buffer: &dyn DmaBuffer, most: [u64; 2]) -> Result<(f64, f64, u64), ExerciseError> {
        let up = |len_bytes| Descriptor {
            opcode: layout::OPCODE_COPY,
            flags: layout::FLAG_DST_DEV,
            src0: buffer.iova().0,
            dst: 0,
            count: len_bytes,
            dst_len_bytes: len_bytes,
            ..Descriptor::default()
        };
        let started = Instant::now();
        let completion = self.queue.run("COPY to the device", up(most[0]))?;
        self.queue.expect_ok("COPY to the device", &completion)?;
        let is_quick = started.elapsed() * QUICK < self.plan.at_most;
        let len_bytes = most[usize::from(is_quick)];
        let up = up(len_bytes);
        let down = Descriptor { flags: layout::FLAG_SRC0_DEV, src0: 0, dst: buffer.iova().0, ..up };
        let to_device = self.rate("COPY to the device", up)?;
        let to_host = self.rate("COPY to the host", down)?;
        Ok((to_device, to_host, len_bytes))
    }

    fn rate(&mut self, step: &'static str, copy: Descriptor) -> Result<f64, ExerciseError> {
        let started = Instant::now();
        let (mut sent, mut done) = (0, 0);
        let mut until = self.queue.until();
        loop {
            if done == 0 || started.elapsed() < self.plan.at_most {
                let more = COPIES_IN_FLIGHT - (sent - done);
                (0..more).for_each(|_| self.queue.push(copy));
                sent += more;
                self.queue.ring();
            } else if sent == done {
                return Ok((done * copy.count) as f64 / started.elapsed().as_secs_f64());
            }
            self.queue.wait_for_interrupt(step, until)?;
            let before = done;
            while let Some(completion) = self.queue.take(step)? {
                self.queue.expect_ok(step, &completion)?;
                done += 1;
            }
            if done > before {
                until = self.queue.until();
            }
        }
    }
}
