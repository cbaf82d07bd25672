//! A job from descriptor to completion.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use millrace_job::{JobKind, JobValue, ScalarSlice};
use millrace_pcie::DmaLoan;
use millrace_regs::{Completion, Descriptor};

use crate::{
    fault::DeviceFault,
    pool::Staging,
    residents::{Bases, Pin, Trace},
};

/// Where results go.
pub(crate) struct Output {
    pub(crate) staging: Staging,
    pub(crate) len_bytes: usize,
}

/// One descriptor to be, and the memory it speaks of.
pub(crate) struct Work {
    /// All but job id, epoch and phase.
    pub(crate) descriptor: Descriptor,
    /// Wiped as soon as the device has let go of the job.
    pub(crate) inputs: Vec<Staging>,
    /// What the device reads where it lies. Ends with the ticket, by whom has waited for it: to unmap takes time, and a job ends under its queue's lock.
    pub(crate) loan: Option<Box<dyn DmaLoan>>,
    /// Kept until somebody waits.
    pub(crate) output: Option<Output>,
    /// Operations and beats that it should take, roughly.
    pub(crate) expected_work: u64,
}

/// Where a part of a job stands.
pub(crate) enum PartState {
    Pending,
    InFlight,
    Done(Completion),
    Failed(DeviceFault),
}

pub(crate) struct Part {
    pub(crate) work: Work,
    pub(crate) state: PartState,
    /// How often it was given to the device again.
    pub(crate) resubmitted: u32,
}

impl Part {
    /// The device's name for it, 0 while or when it has none.
    pub(crate) fn job_id(&self) -> u32 {
        match self.state {
            PartState::Done(completion) => completion.job_id,
            _ => 0,
        }
    }
}

/// What the parts are parts of: all that is needed to judge and report the result.
pub(crate) enum Purpose {
    Msm {
        kind: JobKind,
        /// To send them again. This and the pin go when the device has let go of the job.
        bases: Option<Arc<Bases>>,
        /// Keeps the bases where the descriptors say they are.
        pin: Option<Pin>,
        /// Where they were, for whom judges the result.
        place: Trace,
        first_points: Vec<usize>,
        scalars: ScalarSlice,
    },
    Ntt {
        kind: JobKind,
    },
    /// Nothing to do for the device.
    Ready {
        kind: JobKind,
        value: JobValue,
    },
    /// A COPY of the driver's own; the digest that its completion must carry.
    Copy {
        digest: u64,
    },
}

/// A ticket's job.
pub(crate) struct Tracked {
    pub(crate) purpose: Purpose,
    pub(crate) parts: Vec<Part>,
    /// Parts that are pending or in flight.
    pub(crate) open: usize,
    pub(crate) started: Instant,
    pub(crate) wall: Duration,
    /// Cancelled: nobody will wait.
    pub(crate) abandoned: bool,
}

impl Tracked {
    pub(crate) fn new(purpose: Purpose, work: Vec<Work>) -> Self {
        let open = work.len();
        let part = |work| Part { work, state: PartState::Pending, resubmitted: 0 };
        let parts = work.into_iter().map(part).collect();
        Self { purpose, parts, open, started: Instant::now(), wall: Duration::ZERO, abandoned: false }
    }

    /// Ends a part; its inputs are wiped here, and so is the output of a failed one. After a failure, parts that the
    /// device has not seen are not sent any more.
    pub(crate) fn end_part(&mut self, part: usize, state: PartState) {
        let failed = matches!(state, PartState::Failed(_));
        self.end_one(part, state);
        if failed {
            for other in 0..self.parts.len() {
                if matches!(self.parts[other].state, PartState::Pending) {
                    self.end_one(other, PartState::Failed(DeviceFault::Dropped));
                }
            }
        }
        if self.open == 0 {
            self.wall = self.started.elapsed();
            if let Purpose::Msm { bases, pin, .. } = &mut self.purpose {
                (*pin, *bases) = (None, None);
            }
        }
    }

    fn end_one(&mut self, part: usize, state: PartState) {
        let part = &mut self.parts[part];
        part.work.inputs.clear();
        if matches!(state, PartState::Failed(_))
            && let Some(output) = part.work.output.take()
        {
            // Not given back: who knows whether the completion was the device's, and whether it has stopped writing.
            output.staging.unmap();
        }
        part.state = state;
        self.open -= 1;
    }

    /// Loans that the device needs no more, though nobody has waited yet.
    pub(crate) fn take_idle_loans(&mut self) -> impl Iterator<Item = Box<dyn DmaLoan>> {
        let ended = |part: &&mut Part| matches!(part.state, PartState::Done(_) | PartState::Failed(_));
        self.parts.iter_mut().filter(ended).filter_map(|part| part.work.loan.take())
    }

    /// Takes all memory away from a device that was not seen to let go.
    pub(crate) fn unmap(self) {
        for part in self.parts {
            part.work.inputs.into_iter().for_each(Staging::unmap);
            drop(part.work.loan);
            if let Some(output) = part.work.output {
                output.staging.unmap();
            }
        }
    }
}
