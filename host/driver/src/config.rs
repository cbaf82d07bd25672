//! What the driver may be told.

use std::time::Duration;

/// To sleep and to be woken takes about as long.
const SPIN: Duration = Duration::from_micros(50);

/// Sizes and bounds of a [`crate::DeviceEngine`].
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Take a device whose multiplier is a behavioural double. Never in demo or figures.
    pub allow_behavioural: bool,
    /// Queues used at most; the device may have fewer. A thread keeps to one of them.
    pub queues: usize,
    /// log₂ of the entries of both rings, 1..=10.
    pub log_entries: u32,
    /// Largest number of points that one descriptor is given; a larger MSM becomes several, whose results are added.
    pub max_points_per_job: usize,
    /// Points moved by one descriptor when bases are made resident. Several chunks are in flight; together they should not leave the caches.
    pub upload_chunk_points: usize,
    /// Let the device read bases where they lie, where begin of the memory and the machine allow it; else, and without this, they are copied first.
    pub lend_bases: bool,
    /// How long a thread that begins to wait looks at the ring, letting others run between two looks, before it sleeps: short jobs end meanwhile, and
    /// nobody has to be woken. Zero where the process has one core, which the device's interrupt handler or its model needs.
    pub spin: Duration,
    /// How long the driver sleeps at most between two looks at the completion ring when no interrupt comes.
    pub poll_interval: Duration,
    /// Time between two readings of `PROGRESS` while somebody waits.
    pub progress_interval: Duration,
    /// The device is stuck when `PROGRESS` stood still for so long ...
    pub stall_time: Duration,
    /// ... and for so many readings (a process that was not scheduled must not blame the device).
    pub stall_readings: u32,
    /// How often a job is given to the device again that failed through no fault of its own.
    pub resubmissions: u32,
    /// How many jobs are worth having in flight ([`millrace_job::Engine::depth`]).
    pub depth: usize,
    /// Free DMA memory kept mapped for the next job; beyond that it is unmapped.
    pub pool_bytes: usize,
}

impl Default for DriverConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            allow_behavioural: false,
            queues: 15,
            log_entries: 6,
            max_points_per_job: 1 << 22,
            upload_chunk_points: 1 << 13,
            lend_bases: true,
            spin: if cores > 1 { SPIN } else { Duration::ZERO },
            poll_interval: Duration::from_millis(1),
            progress_interval: Duration::from_millis(100),
            stall_time: Duration::from_secs(10),
            stall_readings: 20,
            resubmissions: 2,
            depth: 4,
            pool_bytes: 256 << 20,
        }
    }
}
