//! The device as an engine: rings, tickets, recovery.
//!
//! In: jobs, and a PCIe function to do them on. Out: outputs that were checked (digest, range, curve) or typed errors.
//! This crate computes no sum and no transform; it never trusts what the device writes.
//!
//! | module | idea |
//! |---|---|
//! | `identity` | whose device this is, and how it was built |
//! | `registers`, `ring`, `pool`, `allocator` | the things a queue is made of |
//! | `queue`, `flight`, `flights`, `tickets` | jobs in flight, from descriptor to completion; one queue a thread while there are enough |
//! | `device` | all queues together |
//! | `watchdog`, `recovery` | waits bounded by the device's progress, and what follows when they end |
//! | `prepare`, `upload`, `msm`, `ntt` | what each kind of job sends |
//! | `residents` | bases in device memory, evicted by use |
//! | `judge` | what comes back, believed only after a look |
//! | `shared`, `engine` | waiting, and [`DeviceEngine`]: all of it as a `millrace_job::Engine` |
//! | `exercise` | an acceptance test of the way to a device, and how quick the way is |
//!
//! The protocol is drawn in `docs/spec/rings.md`.

#![forbid(unsafe_code)]

mod allocator;
mod asking;
mod config;
mod contention;
mod device;
mod digest;
mod engine;
mod exercise;
mod fault;
mod flight;
mod flights;
mod identity;
mod judge;
mod lost;
mod msm;
mod ntt;
mod pool;
mod prepare;
mod queue;
mod recovery;
mod registers;
mod residents;
mod ring;
mod shared;
mod statistics;
mod tickets;
mod upload;
mod watchdog;

pub use config::DriverConfig;
pub use digest::Digest;
pub use engine::DeviceEngine;
pub use exercise::{
    ExerciseError, ExercisePlan, ExerciseReport, LostWrites, ProbePlan, ProbeReport, exercise, probe,
};
pub use identity::{Identity, OpenError};
pub use lost::Lost;
pub use registers::{BAR0_BYTES, is_at_work};
pub use statistics::{Anomalies, DeviceStatistics};
