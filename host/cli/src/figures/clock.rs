//! Processor time, which others on the machine lengthen little.

use rustix::time::{ClockId, clock_gettime};

/// What this process has run, on all its threads.
pub(super) fn processor_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// What it ran for this.
pub(super) fn processor_seconds_of(work: impl FnOnce()) -> f64 {
    let before = processor_seconds();
    work();
    processor_seconds() - before
}
