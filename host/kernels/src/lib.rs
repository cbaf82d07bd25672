//! The CPU engine: multi-scalar multiplications, transforms, quotients and sparse products on all cores.
//!
//! In: jobs of `millrace-job`, bases and matrices lent by a key. Out: their answers, equal to the oracle's to the bit.
//! This crate holds no arithmetic of its own: that is `millrace-bn254`; here is how the work is cut, ordered and shared
//! between threads.
//!
//! Bases and matrices are not checked here and not copied: whoever lends them has checked them at the gate. Wrong bytes
//! give wrong answers, and nothing worse. Scalars and witness values are checked to be below r.

#![forbid(unsafe_code)]

mod engine;
mod lanes;
mod limits;
mod msm;
mod ntt;
mod quotient;
mod rows;
mod store;
mod tickets;

pub use engine::CpuEngine;
pub use lanes::NoThreads;
pub use limits::Limits;
pub use msm::additions;
