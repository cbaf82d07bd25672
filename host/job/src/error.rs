//! What can go wrong with a job.

use thiserror::Error;

/// Why an engine did not deliver.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum EngineError {
    /// The engine has no way to do this kind of job; another one must.
    #[error("{engine} cannot do {what}")]
    Unsupported {
        /// The engine.
        engine: String,
        /// What was asked.
        what: String,
    },
    /// The caller's job contradicts itself or the engine's buffers.
    #[error("malformed job for {engine}: expected {expected}, got {got}")]
    BadJob {
        /// The engine.
        engine: String,
        /// What a right job would have.
        expected: String,
        /// What came.
        got: String,
    },
    /// A value that must be below a modulus, or on the curve, is not.
    #[error("{what} at position {position} is out of range")]
    BadValue {
        /// Scalar, coordinate or value.
        what: &'static str,
        /// Index within the job.
        position: u64,
    },
    /// The device failed the job and can be used again.
    #[error("{engine}: job {job_id} failed with {cause} at position {position}")]
    JobFailed {
        /// The engine.
        engine: String,
        /// The device's job id.
        job_id: u32,
        /// The cause, by the name in the device specification.
        cause: String,
        /// Index or address that the cause refers to.
        position: u64,
    },
    /// The device did not move for as long as was allowed.
    #[error("{engine}: no progress on job {job_id} for {waited}")]
    Timeout {
        /// The engine.
        engine: String,
        /// The device's job id.
        job_id: u32,
        /// How long, in the unit the wait was bounded by.
        waited: String,
    },
    /// The device is gone (all-ones reads, link down) or has been put aside.
    #[error("{engine}: device lost: {reason}")]
    DeviceLost {
        /// The engine.
        engine: String,
        /// What was seen.
        reason: String,
    },
    /// None of several engines takes the job now; nothing says that none will a moment later.
    #[error("{engine}: nobody takes the job now: {reason}")]
    Unavailable {
        /// The engine that stands for the others.
        engine: String,
        /// What the last of them said.
        reason: String,
    },
    /// Memory on host or device is used up.
    #[error("{engine}: out of {what}: needed {needed_bytes} bytes, {free_bytes} free")]
    OutOfMemory {
        /// The engine.
        engine: String,
        /// Device memory, DMA memory.
        what: &'static str,
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes free.
        free_bytes: u64,
    },
    /// The system does not let the device reach memory of the host, though there is some; the device is there.
    #[error("{engine}: {needed_bytes} bytes of memory could not be given to the device: {reason}")]
    MappingRefused {
        /// The engine.
        engine: String,
        /// Bytes that were to be mapped.
        needed_bytes: u64,
        /// What the system said.
        reason: String,
    },
    /// The work was cancelled by its owner.
    #[error("cancelled")]
    Cancelled,
}

impl EngineError {
    /// Whether the same job may succeed on the same engine when it is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::JobFailed { .. } | Self::Timeout { .. } | Self::Unavailable { .. })
    }
}
