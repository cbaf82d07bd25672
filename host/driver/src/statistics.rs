//! What the device and the driver counted.

use millrace_regs::registers as reg;

use crate::registers::{LinkDown, Registers};

/// The device's cumulative counters (`docs/spec/device.md`, Registers).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DeviceStatistics {
    /// Clock cycles since power-on.
    pub cycles: u64,
    /// Beats moved plus operations issued since power-on.
    pub progress: u64,
    /// Non-zero digits accepted by the slots.
    pub msm_digits: u64,
    /// Cycles from the first digit offered to the last accepted, stalls included.
    pub msm_bucket_cycles: u64,
    /// Point additions issued, all phases.
    pub msm_adds: u64,
    /// Butterflies issued.
    pub ntt_butterflies: u64,
    /// Beats read from host memory.
    pub host_read_beats: u64,
    /// Beats written to host memory.
    pub host_write_beats: u64,
    /// Beats read from device memory.
    pub memory_read_beats: u64,
    /// Beats written to device memory.
    pub memory_write_beats: u64,
}

impl DeviceStatistics {
    pub(crate) fn read(registers: &Registers) -> Result<Self, LinkDown> {
        let counter = |lower| registers.read64(lower);
        Ok(Self {
            cycles: counter(reg::CYCLES_LO)?,
            progress: counter(reg::PROGRESS_LO)?,
            msm_digits: counter(reg::STAT_MSM_DIGITS_LO)?,
            msm_bucket_cycles: counter(reg::STAT_MSM_BUCKET_CYCLES_LO)?,
            msm_adds: counter(reg::STAT_MSM_ADDS_LO)?,
            ntt_butterflies: counter(reg::STAT_NTT_BUTTERFLIES_LO)?,
            host_read_beats: counter(reg::STAT_HOST_RD_BEATS_LO)?,
            host_write_beats: counter(reg::STAT_HOST_WR_BEATS_LO)?,
            memory_read_beats: counter(reg::STAT_MEM_RD_BEATS_LO)?,
            memory_write_beats: counter(reg::STAT_MEM_WR_BEATS_LO)?,
        })
    }
}

/// What a well-behaved device never makes the driver count. Nothing here is an error by itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Anomalies {
    /// Completions of jobs that were not in flight: doubled, late, or invented.
    pub unknown_jobs: u64,
    /// Completions of another epoch than the queue's.
    pub stale_epochs: u64,
    /// Completions whose opcode is not their descriptor's, or whose status no cause has.
    pub garbage: u64,
    /// Jobs whose completion was overtaken by a later one of the same engine.
    pub lost_completions: u64,
    /// Results that did not have their completion's digest.
    pub wrong_digests: u64,
    /// Results out of range or off the curve.
    pub wrong_results: u64,
    /// Doorbells rung again because nothing moved.
    pub doorbells_again: u64,
    /// Engine resets for recovery.
    pub engine_resets: u64,
    /// Queue resets for recovery.
    pub queue_resets: u64,
    /// Function resets for recovery.
    pub function_resets: u64,
    /// Resets from outside, because no other helped.
    pub outside_resets: u64,
    /// Jobs given to the device again because their engine was reset for another job's sake.
    pub restarted: u64,
    /// Bases sent to device memory again because it could not be trusted.
    pub uploads_again: u64,
}

impl Anomalies {
    /// What was counted in two places.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            unknown_jobs,
            stale_epochs,
            garbage,
            lost_completions,
            wrong_digests,
            wrong_results,
            doorbells_again,
            engine_resets,
            queue_resets,
            function_resets,
            outside_resets,
            restarted,
            uploads_again,
        } = other;
        self.unknown_jobs += unknown_jobs;
        self.stale_epochs += stale_epochs;
        self.garbage += garbage;
        self.lost_completions += lost_completions;
        self.wrong_digests += wrong_digests;
        self.wrong_results += wrong_results;
        self.doorbells_again += doorbells_again;
        self.engine_resets += engine_resets;
        self.queue_resets += queue_resets;
        self.function_resets += function_resets;
        self.outside_resets += outside_resets;
        self.restarted += restarted;
        self.uploads_again += uploads_again;
    }
}
