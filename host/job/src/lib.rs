//! Jobs, buffers, the `Engine` trait, the job graph and how it is run.
//!
//! In: bases and matrices lent by a key, scalars and values of one proof. Out: [`JobOutput`]s. This crate computes
//! nothing on curve points but the sum of partial results, and names no engine.
//!
//! A [`JobGraph`] holds jobs and host steps that feed each other through [`Port`]s; [`run`] gives each job to the engine it was
//! planned for, several at once, and does the host steps meanwhile. [`split`] shares an MSM between engines by point ranges,
//! [`Fleet`] makes one engine of several, which come and go, [`four_step`] makes a transform that is too long for an engine out of shorter ones.

#![forbid(unsafe_code)]

mod digest;
mod engine;
mod engine_set;
mod error;
mod fleet;
pub mod four_step;
mod graph;
mod lent;
mod observe;
mod placed;
mod run;
mod sparse;
pub mod split;
mod types;
mod value;

pub use digest::Digest;
pub use engine::{Engine, Ticket};
pub use engine_set::{EngineSet, EngineSlot};
pub use error::EngineError;
pub use fleet::{Fleet, FleetMember};
pub use graph::{JobGraph, JobSpec, Port, Scalars};
pub use lent::Lent;
pub use millrace_bn254::ScalarSlice;
pub use observe::{Event, Observer};
pub use placed::Placed;
pub use run::{JobInput, JobRecord, RunError, RunOutput, RunPolicy, run};
pub use sparse::{SparseRows, Term, Word};
pub use types::{
    BucketDump, BufferId, CancelToken, Coefficient, DeviceCycles, Group, Job, JobKind, JobOutput, JobReport,
    JobValue, NttDirection, Resident,
};
pub use value::{StepError, Value, wipe_values};
