//! How a model is built.

use millrace_regs::{LAYOUT_HASH, registers as reg};

/// Build parameters, as the identity registers tell them, and what they may lie about.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// Name of the function.
    pub name: String,
    /// What `MAGIC` reads.
    pub magic: u32,
    /// What `VERSION` reads.
    pub version: u32,
    /// What `LAYOUT_HASH` reads.
    pub layout_hash: u64,
    /// Whether `BUILD` says that the multiplier is a behavioural double.
    pub behavioural: bool,
    /// Window bits c, 2..=16.
    pub window_bits: u32,
    /// Windows W; W · c is at least 255.
    pub windows: u32,
    /// log₂ of the longest transform.
    pub ntt_log_max: u32,
    /// log₂ of the bytes of device memory.
    pub log_memory_bytes: u32,
    /// Queues, 1..=15.
    pub queues: u32,
    /// Jobs that wait at each engine beside the running one; the next one for a full engine holds up its queue. As many as come where `None`.
    pub waiting_jobs: Option<usize>,
    /// The link dies after so many register reads: all-ones from then on.
    pub dead_after_reads: Option<u64>,
    /// Bytes of DMA memory that the host may map.
    pub host_memory_bytes: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            name: "model".into(),
            magic: reg::MAGIC_EXPECTED,
            version: reg::VERSION_EXPECTED,
            layout_hash: LAYOUT_HASH,
            behavioural: false,
            window_bits: 10,
            windows: 26,
            ntt_log_max: 13,
            log_memory_bytes: 30,
            queues: 2,
            waiting_jobs: None,
            dead_after_reads: None,
            host_memory_bytes: usize::MAX / 2,
        }
    }
}
