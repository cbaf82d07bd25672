//! What can be wrong with one device job, and what the caller is told.

use millrace_job::EngineError;
use millrace_pcie::DmaError;
use millrace_regs::Cause;

/// Why a device job has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DeviceFault {
    /// The completion says so; a code that no cause has is kept as it came.
    Status { job_id: u32, code: u8, position: u64 },
    /// The device did the job, but what it said or wrote cannot be right.
    Untrue { job_id: u32, what: &'static str, position: u64 },
    /// It did not move.
    Stuck { job_id: u32, waited: String },
    /// The function was reset while the job ran or waited, and device memory has to be loaded again first.
    FunctionReset { job_id: u32 },
    /// Another part of the same job failed first.
    Dropped,
}

impl DeviceFault {
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Status { code, .. } => Cause::try_from(*code).ok(),
            _ => None,
        }
    }

    /// Whether what lies in device memory may be the reason.
    pub(crate) fn blames_memory(&self) -> bool {
        match self {
            Self::Untrue { .. } | Self::FunctionReset { .. } => true,
            Self::Status { .. } => {
                matches!(self.cause(), Some(Cause::PointRange | Cause::MemRead | Cause::MemWrite))
            }
            Self::Stuck { .. } | Self::Dropped => false,
        }
    }

    pub(crate) fn into_error(self, engine: &str) -> EngineError {
        let engine = engine.to_owned();
        let failed = |job_id, cause: String, position| EngineError::JobFailed {
            engine: engine.clone(),
            job_id,
            cause,
            position,
        };
        match self {
            Self::Status { job_id, code, position } => {
                let cause = Cause::try_from(code).map_or(format!("UNKNOWN_{code}"), |c| c.name().to_owned());
                failed(job_id, cause, position)
            }
            Self::Untrue { job_id, what, position } => failed(job_id, what.to_owned(), position),
            Self::FunctionReset { job_id } => failed(job_id, Cause::Reset.name().to_owned(), 0),
            Self::Stuck { job_id, waited } => EngineError::Timeout { engine, job_id, waited },
            Self::Dropped => EngineError::Cancelled,
        }
    }
}

/// No DMA memory for a device that is there.
pub(crate) fn no_memory(engine: &str, needed_bytes: usize, error: &DmaError) -> EngineError {
    let engine = engine.to_owned();
    match error {
        DmaError::OutOfMemory { .. } => EngineError::OutOfMemory {
            engine,
            what: "DMA memory",
            needed_bytes: needed_bytes as u64,
            free_bytes: 0,
        },
        DmaError::OutOfIova { free_bytes, .. } => EngineError::OutOfMemory {
            engine,
            what: "addresses for the device (IOVA)",
            needed_bytes: needed_bytes as u64,
            free_bytes: *free_bytes,
        },
        other => EngineError::MappingRefused {
            engine,
            needed_bytes: needed_bytes as u64,
            reason: other.to_string(),
        },
    }
}
