//! Jobs, buffers, the `Engine` trait, the job graph and how it is run.
//!
//! In: bases and matrices lent by a key, scalars and values of one proof. Out: [`JobOutput`]s. This crate computes
//! nothing on curve points but the sum of partial results, and names no engine.

#![forbid(unsafe_code)]

mod engine;
mod error;
mod lent;
mod types;

pub use engine::{Engine, Ticket};
pub use error::EngineError;
pub use lent::Lent;
pub use types::{
    BucketDump, BufferId, CancelToken, Coefficient, DeviceCycles, Group, Job, JobKind, JobOutput, JobReport, JobValue,
    NttDirection, Resident,
};
