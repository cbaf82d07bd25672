//! What happens while a graph runs, for progress bars and logs.

use std::time::Duration;

use crate::{EngineError, JobKind, JobReport};

/// Something that happened.
#[non_exhaustive]
#[derive(Debug)]
pub enum Event<'a> {
    /// A graph with so many jobs begins.
    Started {
        /// Number of jobs.
        jobs: usize,
    },
    /// A job was given to an engine.
    JobStarted {
        /// The job's label.
        label: &'a str,
        /// Kind and size.
        kind: JobKind,
        /// The engine.
        engine: &'a str,
    },
    /// A job ended well.
    JobDone {
        /// The job's label.
        label: &'a str,
        /// How it was done.
        report: &'a JobReport,
    },
    /// A job ended badly; it is tried again, goes elsewhere, or fails the graph.
    JobFailed {
        /// The job's label.
        label: &'a str,
        /// The engine.
        engine: &'a str,
        /// Why.
        error: &'a EngineError,
    },
    /// An engine gets no more work.
    EngineAside {
        /// The engine.
        engine: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A host step ended.
    StepDone {
        /// The step's label.
        label: &'a str,
        /// How long it took.
        wall: Duration,
    },
}

/// Sees events, from several threads, in the order in which they happen to each job.
pub trait Observer: Sync {
    /// Called for each event; should return at once.
    fn event(&self, event: &Event<'_>);
}

/// Sees nothing.
impl Observer for () {
    fn event(&self, _: &Event<'_>) {}
}
