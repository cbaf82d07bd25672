//! Transforms: what is sent, and how the values are judged.

use millrace_bn254::{Fr, FrCanonical};
use millrace_job::{EngineError, NttDirection, wipe_values};
use millrace_regs::{Descriptor, layout};
use zeroize::Zeroizing;

use crate::{
    digest::Digest,
    flight::{Output, Work},
    pool::Pool,
    shared::Shared,
};

const VALUE_BYTES: usize = 32;
/// Values converted at a time: few, as the block is wiped after each job.
const BLOCK: usize = 32;
/// Values on their way between memory that the device reaches and the host's own; wiped in whole words.
type Block = Zeroizing<[[u64; 4]; BLOCK]>;

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
        // Source and destination are kept apart, so that the job can be sent again.
        let input = self.staging(len_bytes, Pool::lease)?;
        let output = Output { staging: self.staging(len_bytes, Pool::lease_poisoned)?, len_bytes };
        let mut block = Block::default();
        for (i, part) in values.chunks(BLOCK).enumerate() {
            for (to, value) in block.iter_mut().zip(part) {
                *to = bytemuck::cast(FrCanonical::from(*value).0);
            }
            input.write(i * BLOCK * VALUE_BYTES, bytemuck::cast_slice(&block[..part.len()]));
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
        Ok(Work { descriptor, inputs: vec![input], loan: None, output: Some(output), expected_work })
    }
}

/// Why values are not taken.
pub(crate) enum BadValues {
    /// They are not those that the device digested.
    Digest,
    /// The one at this index is not below r.
    Range(u64),
}

/// The values that a device left in `output`, if they have the digest that it told.
pub(crate) fn read_values(output: &Output, digest: u64) -> Result<Vec<Fr>, BadValues> {
    let mut values = Vec::with_capacity(output.len_bytes / VALUE_BYTES);
    let mut first_bad = None;
    let mut seen = Digest::default();
    let mut block = Block::default();
    for at in (0..output.len_bytes).step_by(BLOCK * VALUE_BYTES) {
        let count = BLOCK.min((output.len_bytes - at) / VALUE_BYTES);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut block[..count]);
        output.staging.read(at, bytes);
        seen.update(bytes);
        for value in bytes.as_chunks::<VALUE_BYTES>().0 {
            match FrCanonical(*value).to_fr() {
                Some(value) => values.push(value),
                None => {
                    first_bad.get_or_insert(values.len() as u64);
                }
            }
        }
    }
    let bad = if seen.value() == digest { first_bad.map(BadValues::Range) } else { Some(BadValues::Digest) };
    match bad {
        None => Ok(values),
        Some(bad) => {
            wipe_values(&mut values);
            Err(bad)
        }
    }
}
