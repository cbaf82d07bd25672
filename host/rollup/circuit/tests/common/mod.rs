//! Users and random batches, shared with the tests of `millrace-state`.
#![allow(dead_code, reason = "each test binary uses some of these")]

#[path = "../../../state/tests/common/world.rs"]
pub(crate) mod world;
