//! Whose device this is, and how it was built.

use millrace_pcie::{DmaError, Mmio};
use millrace_regs::{LAYOUT_HASH, registers as reg};
use thiserror::Error;

/// Why a device was not taken.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum OpenError {
    /// Nothing answers: every register reads all-ones.
    #[error("{device}: dead link: registers read as all-ones")]
    DeadLink {
        /// The device.
        device: String,
    },
    /// Something else lives there.
    #[error("{device}: not a Millrace device: expected magic {expected:#010x}, got {got:#010x}")]
    WrongMagic {
        /// The device.
        device: String,
        /// What it would read.
        expected: u32,
        /// What it reads.
        got: u32,
    },
    /// A layout version that this driver does not speak.
    #[error("{device}: expected layout version {expected}, got {got}")]
    WrongVersion {
        /// The device.
        device: String,
        /// The driver's.
        expected: u32,
        /// The device's.
        got: u32,
    },
    /// Built from another `hw/data`.
    #[error(
        "{device}: expected layout hash {expected:#018x}, got {got:#018x}: driver and device were built apart"
    )]
    WrongLayout {
        /// The device.
        device: String,
        /// The driver's.
        expected: u64,
        /// The device's.
        got: u64,
    },
    /// The multiplier is a behavioural double and [`crate::DriverConfig::allow_behavioural`] is off.
    #[error("{device}: built with a behavioural multiplier, which is refused here")]
    Behavioural {
        /// The device.
        device: String,
    },
    /// A build parameter that no device can have, or a configuration that no driver can.
    #[error("{device}: {what}: expected {expected}, got {got}")]
    BadParameter {
        /// The device.
        device: String,
        /// Register or setting.
        what: &'static str,
        /// Range.
        expected: &'static str,
        /// Value.
        got: u64,
    },
    /// No memory for the rings.
    #[error("{device}: {source}")]
    Dma {
        /// The device.
        device: String,
        /// Why.
        source: DmaError,
    },
    /// The right registers, but the device does not start.
    #[error("{device}: does not respond: {what}")]
    Unresponsive {
        /// The device.
        device: String,
        /// What was waited for.
        what: String,
    },
}

/// What the identity registers say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Layout version.
    pub version: u32,
    /// Hash of `hw/data`.
    pub layout_hash: u64,
    /// Whether the multiplier is a behavioural double.
    pub behavioural: bool,
    /// Window bits c of the MSM engine.
    pub window_bits: u32,
    /// Its windows W.
    pub windows: u32,
    /// Its point adders.
    pub adders: u32,
    /// log₂ of the longest transform on the device.
    pub ntt_log_max: u32,
    /// Bytes of device memory.
    pub memory_bytes: u64,
    /// Queues built in.
    pub queues: u32,
}

impl Identity {
    /// Reads and judges the identity page.
    ///
    /// # Errors
    /// Everything of [`OpenError`] that can be seen from registers.
    pub(crate) fn read(device: &str, bar0: &dyn Mmio, allow_behavioural: bool) -> Result<Self, OpenError> {
        let device = || device.to_owned();
        let magic = bar0.read32(reg::MAGIC);
        if magic == u32::MAX {
            return Err(OpenError::DeadLink { device: device() });
        }
        if magic != reg::MAGIC_EXPECTED {
            return Err(OpenError::WrongMagic {
                device: device(),
                expected: reg::MAGIC_EXPECTED,
                got: magic,
            });
        }
        let version = bar0.read32(reg::VERSION);
        if version != reg::VERSION_EXPECTED {
            return Err(OpenError::WrongVersion {
                device: device(),
                expected: reg::VERSION_EXPECTED,
                got: version,
            });
        }
        let half = |offset| u64::from(bar0.read32(offset));
        let layout_hash = half(reg::LAYOUT_HASH_LO) | half(reg::LAYOUT_HASH_HI) << 32;
        if layout_hash != LAYOUT_HASH {
            return Err(OpenError::WrongLayout { device: device(), expected: LAYOUT_HASH, got: layout_hash });
        }
        let behavioural = bar0.read32(reg::BUILD) & reg::BUILD_BEHAVIOURAL_MASK != 0;
        if behavioural && !allow_behavioural {
            return Err(OpenError::Behavioural { device: device() });
        }
        let in_range = |what, expected, ok: bool, got: u32| {
            let bad = OpenError::BadParameter { device: device(), what, expected, got: got.into() };
            if ok { Ok(got) } else { Err(bad) }
        };
        let msm = bar0.read32(reg::MSM_PARAMS);
        let field = |word: u32, mask: u32, shift: u32| (word & mask) >> shift;
        let c = field(msm, reg::MSM_PARAMS_WINDOW_BITS_MASK, reg::MSM_PARAMS_WINDOW_BITS_SHIFT);
        let w = field(msm, reg::MSM_PARAMS_WINDOWS_MASK, reg::MSM_PARAMS_WINDOWS_SHIFT);
        let adders = field(msm, reg::MSM_PARAMS_ADDERS_MASK, reg::MSM_PARAMS_ADDERS_SHIFT);
        let log_max = bar0.read32(reg::NTT_PARAMS) & reg::NTT_PARAMS_LOG_MAX_MASK;
        let log_bytes = bar0.read32(reg::MEM_PARAMS) & reg::MEM_PARAMS_LOG_BYTES_MASK;
        let queues = bar0.read32(reg::QUEUES) & reg::QUEUES_COUNT_MASK;
        Ok(Self {
            version,
            layout_hash,
            behavioural,
            window_bits: in_range("window bits of MSM_PARAMS", "2..=24", (2..=24).contains(&c), c)?,
            windows: in_range("windows of MSM_PARAMS", "windows × bits ≥ 255", w * c >= 255, w)?,
            adders: in_range("adders of MSM_PARAMS", "at least 1", adders >= 1, adders)?,
            ntt_log_max: in_range("NTT_PARAMS", "1..=27", (1..=27).contains(&log_max), log_max)?,
            memory_bytes: 1 << in_range("MEM_PARAMS", "12..=48", (12..=48).contains(&log_bytes), log_bytes)?,
            queues: in_range("QUEUES", "1..=15", (1..=reg::QUEUE_MAX).contains(&queues), queues)?,
        })
    }
}
