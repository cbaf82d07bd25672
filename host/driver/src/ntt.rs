//! Transforms: what is sent, and how the values are judged.

use millrace_bn254::{Fr, FrCanonical};
use millrace_job::{EngineError, NttDirection};
use millrace_regs::{Descriptor, layout};
use zeroize::Zeroizing;

use crate::{
    fault::no_memory,
    flight::{Output, Work},
    shared::Shared,
};

const VALUE_BYTES: usize = 32;
/// Values converted at a time.
const BLOCK: usize = 1 << 10;

impl Shared {
    /// One descriptor for 2^log_n values, log_n ≥ 1 and within the device's limit.
    pub(crate) fn ntt_work(
        &self,
        direction: NttDirection,
        coset: bool,
        values: &[Fr],
    ) -> Result<Work, EngineError> {
        let log_n = values.len().ilog2();
        let len_bytes = values.len() * VALUE_BYTES;
        let no_memory = |error| no_memory(&self.name, len_bytes, &error);
        // Source and destination are kept apart, so that the job can be sent again.
        let input = self.pool.lease(len_bytes).map_err(no_memory)?;
        let output = Output { staging: self.pool.lease_poisoned(len_bytes).map_err(no_memory)?, len_bytes };
        let mut block = Zeroizing::new(Vec::with_capacity(BLOCK * VALUE_BYTES));
        for (i, part) in values.chunks(BLOCK).enumerate() {
            block.clear();
            for value in part {
                block.extend_from_slice(&FrCanonical::from(*value).0);
            }
            input.write(i * BLOCK * VALUE_BYTES, &block);
        }
        let inverse = if direction == NttDirection::Inverse { layout::FLAG_INVERSE } else { 0 };
        let descriptor = Descriptor {
            opcode: layout::OPCODE_NTT,
            flags: inverse | if coset { layout::FLAG_COSET } else { 0 },
            log_n: log_n as u8,
            src0: input.iova().0,
            dst: output.staging.iova().0,
            count: values.len() as u64,
            dst_len_bytes: len_bytes as u64,
            ..Descriptor::default()
        };
        let expected_work = values.len() as u64 * u64::from(log_n + 2);
        Ok(Work { descriptor, inputs: vec![input], output: Some(output), expected_work })
    }
}

/// The values, or the index of the first that is not below r.
pub(crate) fn decode_values(bytes: &[u8]) -> Result<Vec<Fr>, u64> {
    let values = bytes.as_chunks::<VALUE_BYTES>().0.iter().enumerate();
    values.map(|(i, value)| FrCanonical(*value).to_fr().ok_or(i as u64)).collect()
}
