//! Processor time, which others on the machine lengthen little.

use rustix::time::{ClockId, clock_gettime};

fn seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// What this process has run, on all its threads.
pub(super) fn processor_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// What it ran for this.
pub(super) fn processor_seconds_of(work: impl FnOnce()) -> f64 {
    let before = processor_seconds();
    work();
    processor_seconds() - before
}

/// What this thread has run.
pub(super) fn thread_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}
