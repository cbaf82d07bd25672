//! The one face of everything that computes: CPU, oracle, device.

use std::time::Duration;

use crate::{BucketDump, BufferId, EngineError, Job, JobKind, JobOutput, Resident};

/// A submitted job. Spent by [`Engine::wait`] or [`Engine::cancel`], exactly once; the value inside is the engine's own.
#[must_use = "a submitted job is waited for or cancelled"]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// Something that does jobs. Several threads may submit and wait at once; jobs of one engine may overtake each other.
pub trait Engine: Send + Sync {
    /// A short name for reports: `cpu`, `cpu-oracle`, `model`, `sim`.
    fn name(&self) -> &str;

    /// Whether this engine does such jobs at all.
    fn supports(&self, kind: &JobKind) -> bool;

    /// How many jobs are worth having in flight at once.
    fn depth(&self) -> usize {
        1
    }

    /// Where this engine stands for several: how a job of this kind that can be cut, as a sum by its points, is best shared among them, a weight for each.
    /// Else one.
    fn shares(&self, _kind: &JobKind) -> Vec<f64> {
        vec![1.0]
    }

    /// Makes bases or a matrix resident.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`], [`EngineError::OutOfMemory`], or a device's error.
    fn load(&self, data: Resident) -> Result<BufferId, EngineError>;

    /// Frees what [`Engine::load`] made; jobs in flight on it finish first. Unknown ids are ignored.
    fn unload(&self, id: BufferId);

    /// Starts a job.
    ///
    /// # Errors
    /// [`EngineError::BadJob`] if it contradicts itself; a device's errors.
    fn submit(&self, job: Job) -> Result<Ticket, EngineError>;

    /// Waits for a job's end; bounded by the device's progress, not by wall time.
    ///
    /// # Errors
    /// Any [`EngineError`]; the ticket is spent either way.
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError>;

    /// Like [`Engine::wait`], but gives the ticket back if the job has not ended after `at_most`.
    ///
    /// # Errors
    /// Any [`EngineError`]; the ticket is spent then.
    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError>;

    /// Gives a job up; its scalars are wiped wherever they are.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if the device could not be brought to let go.
    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError>;

    /// Where this engine stands for several: gives the one of this name no more work, for good, and says whether there is one.
    fn put_aside(&self, _name: &str, _reason: &str) -> bool {
        false
    }

    /// As [`Engine::submit`]; where this engine stands for several, to the one of this name and to no other, to see what that one does.
    ///
    /// # Errors
    /// As [`Engine::submit`]; [`EngineError::Unavailable`] if there is none of that name, or it gets no work.
    fn submit_to(&self, _name: &str, job: Job) -> Result<Ticket, EngineError> {
        self.submit(job)
    }

    /// Runs an MSM over G1 only as far as its buckets and reads them back, or `None` where the engine has no such thing.
    ///
    /// # Errors
    /// As [`Engine::wait`].
    fn dump_buckets(&self, _job: Job) -> Result<Option<BucketDump>, EngineError> {
        Ok(None)
    }

    /// As [`Engine::dump_buckets`]; where this engine stands for several, by the one of this name.
    ///
    /// # Errors
    /// As [`Engine::submit_to`].
    fn dump_buckets_of(&self, _name: &str, job: Job) -> Result<Option<BucketDump>, EngineError> {
        self.dump_buckets(job)
    }
}
