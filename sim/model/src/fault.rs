//! Ways to fail.

use std::time::Duration;

use millrace_regs::{Cause, layout};

/// Jobs are counted by what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobClass {
    /// NOP; the driver sends one when it starts a queue.
    Nop,
    /// COPY.
    Copy,
    /// MSM_G1.
    Msm,
    /// NTT.
    Ntt,
}

impl JobClass {
    pub(crate) fn of(opcode: u8) -> Option<Self> {
        match opcode {
            layout::OPCODE_NOP => Some(Self::Nop),
            layout::OPCODE_COPY => Some(Self::Copy),
            layout::OPCODE_MSM_G1 => Some(Self::Msm),
            layout::OPCODE_NTT => Some(Self::Ntt),
            _ => None,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// What brings a stuck engine back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Until {
    /// A reset of the engine.
    EngineReset,
    /// Disabling the queue.
    QueueReset,
    /// A reset of the function.
    FunctionReset,
    /// Nothing.
    Never,
}

/// What goes wrong with one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A bit of the result flips inside the device: the digest agrees with it.
    FlipResult {
        /// Bit, counted from the first byte's lowest.
        bit: usize,
    },
    /// The result is wrong and looks right: another point of the curve, or another value below r.
    WrongResult,
    /// A bit flips after the digest was made.
    FlipOnTheWay {
        /// Bit, counted from the first byte's lowest.
        bit: usize,
    },
    /// A bit of device memory flips before the job runs.
    FlipMemory {
        /// Byte address.
        address: u64,
        /// Bit of that byte, 0..8.
        bit: u32,
    },
    /// The job fails.
    Fail {
        /// With this cause,
        cause: Cause,
        /// at this position.
        position: u64,
    },
    /// The job fails with a status that no cause has.
    UnknownStatus(u8),
    /// The completion is never written, and its place on the ring is given to the next.
    LoseCompletion,
    /// The completion is written twice, at two places.
    DoubleCompletion,
    /// The completion is written so many times: more than the ring has room for, if that is many.
    Overflow(u16),
    /// The completion is written with the phase of the last lap: the host cannot see it.
    WrongPhase,
    /// The completion carries another epoch.
    WrongEpoch,
    /// The completion carries another job's id.
    WrongJobId,
    /// The completion carries another opcode.
    WrongOpcode,
    /// The completion comes only after the next one of any job.
    Late,
    /// The job takes so much longer, and its engine is seen to move.
    Slow(Duration),
    /// The job never ends by itself.
    Stuck(Until),
    /// The job never ends, and `PROGRESS` moves on all the same.
    BusyForNothing,
}

/// Faults that wait for their job, and the jobs counted so far.
#[derive(Default, Debug)]
pub(crate) struct FaultPlan {
    seen: [u64; 4],
    waiting: Vec<(JobClass, u64, Fault)>,
    /// Jobs of a class and count that hang whenever they come.
    poison: Option<(JobClass, u64, Until)>,
}

impl FaultPlan {
    /// Strikes the `nth` job of the class from now, counted from 0.
    pub(crate) fn add(&mut self, class: JobClass, nth: u64, fault: Fault) {
        let at = self.seen[class.index()] + nth;
        self.waiting.push((class, at, fault));
    }

    /// Lets all jobs of a class with so many points, values or bytes hang until such a reset.
    pub(crate) fn poison(&mut self, class: JobClass, count: u64, until: Until) {
        self.poison = Some((class, count, until));
    }

    /// The fault of the job that begins now.
    pub(crate) fn next(&mut self, class: JobClass, count: u64) -> Option<Fault> {
        if let Some((_, _, until)) = self.poison.filter(|&(c, n, _)| (c, n) == (class, count)) {
            return Some(Fault::Stuck(until));
        }
        let n = self.seen[class.index()];
        self.seen[class.index()] += 1;
        let i = self.waiting.iter().position(|&(c, at, _)| c == class && at == n)?;
        Some(self.waiting.swap_remove(i).2)
    }

    /// Faults whose job has not come yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Jobs of the class so far.
    pub(crate) fn seen(&self, class: JobClass) -> u64 {
        self.seen[class.index()]
    }
}
