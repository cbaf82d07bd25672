//! Bases in device memory: sent once, in chunks, each checked by its digest; sent again when memory is distrusted.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

use millrace_bn254::G1Mont;
use millrace_job::{EngineError, Lent};
use millrace_regs::{Descriptor, layout};

use crate::{
    digest::Digest,
    fault::{DeviceFault, no_memory},
    flight::{PartState, Purpose, Tracked, Work},
    residents::{BASE_BYTES, Bases, Pin},
    shared::Shared,
};

/// Chunks on their way at once: some move while the next is written.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Points looked at and copied at a time: what one pass read is still in the cache for the next.
const BLOCK_POINTS: usize = 128;
/// A chunk on its way.
struct Chunk {
    points: Range<usize>,
    ticket: u64,
    attempt: u32,
}

impl Shared {
    /// Sends the bases, unless they lie there and are believed.
    pub(crate) fn ensure_resident(&self, bases: &Bases, pin: &Pin) -> Result<(), EngineError> {
        let generation = &self.device.common.memory_generation;
        if pin.is_believed(generation.load(Ordering::Acquire)) {
            return Ok(());
        }
        let _one_at_a_time = bases.sending.lock();
        let generation = generation.load(Ordering::Acquire);
        if pin.is_believed(generation) {
            return Ok(());
        }
        if pin.was_sent() {
            self.device.anomalies.lock().uploads_again += 1;
        }
        let mut under_way = VecDeque::new();
        let sent = self.send_all(bases, pin, &mut under_way);
        for chunk in under_way {
            // Only after an error is anything left; a device that is lost has dropped them already.
            let _ = self.device.cancel(chunk.ticket);
        }
        sent?;
        pin.believe(generation);
        Ok(())
    }

    fn send_all(&self, bases: &Bases, pin: &Pin, under_way: &mut VecDeque<Chunk>) -> Result<(), EngineError> {
        let chunk_points = self.device.common.config.upload_chunk_points.max(1);
        for start in (0..bases.len()).step_by(chunk_points) {
            if under_way.len() == CHUNKS_IN_FLIGHT {
                self.finish_oldest(bases, pin, under_way)?;
            }
            let points = start..bases.len().min(start.saturating_add(chunk_points));
            under_way.push_back(self.start_chunk(bases, pin, points, 0)?);
        }
        while !under_way.is_empty() {
            self.finish_oldest(bases, pin, under_way)?;
        }
        Ok(())
    }

    fn start_chunk(
        &self,
        bases: &Bases,
        pin: &Pin,
        points: Range<usize>,
        attempt: u32,
    ) -> Result<Chunk, EngineError> {
        // The device takes the key's own form: what lies in its file goes over as it is, one pass for check, digest and copy.
        let part = &bases.data.as_slice()[points.clone()];
        let len = points.len() * BASE_BYTES;
        let staging = self.device.pool.lease_public(len).map_err(|e| no_memory(&self.name, len, &e))?;
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
            dst: pin.start() + (points.start * BASE_BYTES) as u64,
            count: len_bytes,
            dst_len_bytes: len_bytes,
            ..Descriptor::default()
        };
        let work = Work { descriptor, inputs: vec![staging], output: None, expected_work: len_bytes };
        let purpose = Purpose::Copy { digest: digest.value() };
        let ticket = self.submit(Tracked::new(purpose, vec![work]))?;
        Ok(Chunk { points, ticket, attempt })
    }

    fn finish_oldest(
        &self,
        bases: &Bases,
        pin: &Pin,
        under_way: &mut VecDeque<Chunk>,
    ) -> Result<(), EngineError> {
        let Some(chunk) = under_way.pop_front() else { return Ok(()) };
        let tracked = self.wait_for(chunk.ticket)?;
        let Purpose::Copy { digest } = tracked.purpose else { return Err(self.unknown_ticket(chunk.ticket)) };
        for part in tracked.parts {
            let fault = match part.state {
                PartState::Done(completion) if completion.digest == digest => continue,
                PartState::Done(completion) => {
                    self.device.anomalies.lock().wrong_digests += 1;
                    DeviceFault::Untrue { job_id: completion.job_id, what: "UPLOAD_DIGEST", position: 0 }
                }
                PartState::Failed(fault) => fault,
                PartState::Pending | PartState::InFlight => DeviceFault::Dropped,
            };
            if chunk.attempt >= self.device.common.config.resubmissions {
                return Err(fault.into_error(&self.name));
            }
            under_way.push_front(self.start_chunk(bases, pin, chunk.points.clone(), chunk.attempt + 1)?);
        }
        Ok(())
    }

    /// Bases as a key lends them, made resident at once.
    pub(crate) fn make_bases(&self, data: Lent<G1Mont>) -> Result<Arc<Bases>, EngineError> {
        let bases = Arc::new(Bases::new(data));
        self.pin(&bases)?;
        Ok(bases)
    }
}
