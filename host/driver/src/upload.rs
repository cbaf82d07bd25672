//! Bases in device memory: sent once, in chunks, each checked by its digest; sent again when memory is distrusted.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use millrace_bn254::G1Mont;
use millrace_job::{EngineError, Lent};
use millrace_regs::{Descriptor, layout};
use parking_lot::Mutex;

use crate::{
    allocator::Region,
    digest::Digest,
    fault::{DeviceFault, no_memory},
    flight::{PartState, Purpose, Tracked, Work},
    shared::Shared,
};

/// Bytes of a base on the device.
pub(crate) const BASE_BYTES: usize = 64;
/// Chunks on their way at once: some move while the next is written.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Points looked at and copied at a time: what one pass read is still in the cache for the next.
const BLOCK_POINTS: usize = 128;
/// Not on the device, or not to be believed.
const NEVER: u64 = u64::MAX;

/// Bases that are resident, with the memory they came from, so that they can be sent again.
pub(crate) struct Bases {
    pub(crate) region: Region,
    data: Lent<G1Mont>,
    /// Memory generation when they were sent, or [`NEVER`].
    sent_at: AtomicU64,
    sending: Mutex<()>,
}

impl Bases {
    pub(crate) fn new(region: Region, data: Lent<G1Mont>) -> Self {
        Self { region, data, sent_at: AtomicU64::new(NEVER), sending: Mutex::new(()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether what was sent is believed to lie there still.
    pub(crate) fn is_believed(&self, generation: u64) -> bool {
        self.sent_at.load(Ordering::Acquire) == generation
    }

    /// A wrong result may have come from what lies there: it is sent again before it is used again.
    pub(crate) fn distrust(&self) {
        self.sent_at.store(NEVER, Ordering::Release);
    }
}

/// A chunk on its way.
struct Chunk {
    points: Range<usize>,
    ticket: u64,
    attempt: u32,
}

impl Shared {
    /// Sends the bases, unless they lie there and are believed.
    pub(crate) fn ensure_resident(&self, bases: &Bases) -> Result<(), EngineError> {
        let generation = self.memory_generation.load(Ordering::Acquire);
        if bases.is_believed(generation) {
            return Ok(());
        }
        let _one_at_a_time = bases.sending.lock();
        let generation = self.memory_generation.load(Ordering::Acquire);
        if bases.is_believed(generation) {
            return Ok(());
        }
        let mut under_way = VecDeque::new();
        let sent = self.send_all(bases, &mut under_way);
        for chunk in under_way {
            // Only after an error is anything left; a device that is lost has dropped them already.
            let _ = self.core.lock().cancel(chunk.ticket);
        }
        sent?;
        bases.sent_at.store(generation, Ordering::Release);
        Ok(())
    }

    fn send_all(&self, bases: &Bases, under_way: &mut VecDeque<Chunk>) -> Result<(), EngineError> {
        let chunk_points = self.config.upload_chunk_points.max(1);
        for start in (0..bases.len()).step_by(chunk_points) {
            if under_way.len() == CHUNKS_IN_FLIGHT {
                self.finish_oldest(bases, under_way)?;
            }
            let points = start..bases.len().min(start.saturating_add(chunk_points));
            under_way.push_back(self.start_chunk(bases, points, 0)?);
        }
        while !under_way.is_empty() {
            self.finish_oldest(bases, under_way)?;
        }
        Ok(())
    }

    fn start_chunk(&self, bases: &Bases, points: Range<usize>, attempt: u32) -> Result<Chunk, EngineError> {
        // The device takes the key's own form: what lies in its file goes over as it is, one pass for check, digest and copy.
        let part = &bases.data.as_slice()[points.clone()];
        let len = points.len() * BASE_BYTES;
        let staging = self.pool.lease_public(len).map_err(|e| no_memory(&self.name, len, &e))?;
        let mut digest = Digest::default();
        for (i, block) in part.chunks(BLOCK_POINTS).enumerate() {
            for point in block {
                digest.take(&point.0);
            }
            if let Some(bad) = block.iter().position(|point| !point.is_in_range()) {
                let position = (points.start + i * BLOCK_POINTS + bad) as u64;
                return Err(EngineError::BadValue { what: "base coordinate", position });
            }
            staging.write(i * BLOCK_POINTS * BASE_BYTES, bytemuck::cast_slice(block));
        }
        let len_bytes = len as u64;
        let descriptor = Descriptor {
            opcode: layout::OPCODE_COPY,
            flags: layout::FLAG_DST_DEV,
            src0: staging.iova().0,
            dst: bases.region.start() + (points.start * BASE_BYTES) as u64,
            count: len_bytes,
            dst_len_bytes: len_bytes,
            ..Descriptor::default()
        };
        let work = Work { descriptor, inputs: vec![staging], output: None, expected_work: len_bytes };
        let purpose = Purpose::Copy { digest: digest.value() };
        let ticket = self.submit(Tracked::new(purpose, vec![work]))?;
        Ok(Chunk { points, ticket, attempt })
    }

    fn finish_oldest(&self, bases: &Bases, under_way: &mut VecDeque<Chunk>) -> Result<(), EngineError> {
        let Some(chunk) = under_way.pop_front() else { return Ok(()) };
        let tracked = self.wait_for(chunk.ticket)?;
        let Purpose::Copy { digest } = tracked.purpose else { return Err(self.unknown_ticket(chunk.ticket)) };
        for part in tracked.parts {
            let fault = match part.state {
                PartState::Done(completion) if completion.digest == digest => continue,
                PartState::Done(completion) => {
                    self.core.lock().anomalies.wrong_digests += 1;
                    DeviceFault::Untrue { job_id: completion.job_id, what: "UPLOAD_DIGEST", position: 0 }
                }
                PartState::Failed(fault) => fault,
                PartState::Pending | PartState::InFlight => DeviceFault::Dropped,
            };
            if chunk.attempt >= self.config.resubmissions {
                return Err(fault.into_error(&self.name));
            }
            under_way.push_front(self.start_chunk(bases, chunk.points.clone(), chunk.attempt + 1)?);
        }
        Ok(())
    }

    /// Room for bases, or how much is missing.
    pub(crate) fn make_bases(&self, data: Lent<G1Mont>) -> Result<Arc<Bases>, EngineError> {
        let needed_bytes = data.len() as u64 * BASE_BYTES as u64;
        let region = self.memory.alloc(needed_bytes).map_err(|free_bytes| EngineError::OutOfMemory {
            engine: self.name.clone(),
            what: "device memory",
            needed_bytes,
            free_bytes,
        })?;
        let bases = Arc::new(Bases::new(region, data));
        self.ensure_resident(&bases)?;
        Ok(bases)
    }
}
