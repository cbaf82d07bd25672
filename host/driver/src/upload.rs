//! Bases in device memory: sent once, in chunks, each checked by its digest; sent again when memory is distrusted.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

use ark_ff::PrimeField;
use millrace_bn254::{Fq, G1Mont};
use millrace_job::{EngineError, Lent};
use millrace_pcie::{DmaLoan, Iova, PAGE_BYTES, SharedBytes};
use millrace_regs::{Descriptor, layout};

use crate::{
    digest::Digest,
    fault::DeviceFault,
    flight::{PartState, Purpose, Tracked, Work},
    pool::{Pool, Staging},
    residents::{BASE_BYTES, Bases, Pin},
    shared::Shared,
};

/// Chunks on their way at once: some move while the next is looked at, and what was looked at is still in a cache when the device reads it.
const CHUNKS_IN_FLIGHT: usize = 3;
/// Points looked at and copied at a time: what one pass read is still in the cache for the next.
const BLOCK_POINTS: usize = 64;
/// Highest word of the modulus, below 2^63.
const TOP: u64 = Fq::MODULUS.0[3];

/// A chunk on its way.
struct Chunk {
    points: Range<usize>,
    ticket: u64,
    attempt: u32,
}

/// Points on a page.
const PAGE_POINTS: usize = PAGE_BYTES / BASE_BYTES;
/// The last points of a key are lent only if they are as many: to map a few pages takes longer than to copy them.
const LENT_LEAST_POINTS: usize = 64 * PAGE_POINTS;

/// Some points of a key, as bytes that the device may be lent.
struct Stretch(Lent<G1Mont>, Range<usize>);

impl AsRef<[u8]> for Stretch {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0.as_slice()[self.1.clone()])
    }
}

/// Where the device finds some bases.
enum Source {
    /// Where they lie.
    Lent(Box<dyn DmaLoan>),
    Staged(Staging),
}

impl Source {
    fn iova(&self) -> Iova {
        match self {
            Self::Lent(loan) => loan.iova(),
            Self::Staged(staging) => staging.iova(),
        }
    }
}

/// Where the chunk ends that begins at `start`: so that as many as possible are whole pages, where points begin at multiples of their length. What one
/// chunk holds is not cut for that: another job costs more than a copy.
fn end_of_chunk(points: &[G1Mont], start: usize, chunk_points: usize) -> usize {
    if points.len() <= chunk_points {
        return points.len();
    }
    let address = points[start..].as_ptr().addr();
    let left = points.len() - start;
    let to_page = (address.wrapping_neg() % PAGE_BYTES).div_ceil(BASE_BYTES);
    let len = match to_page {
        0 if left < chunk_points && left >= LENT_LEAST_POINTS => left - left % PAGE_POINTS,
        0 => chunk_points,
        _ if address.is_multiple_of(BASE_BYTES) => to_page,
        _ => chunk_points,
    };
    start + len.min(chunk_points).min(left)
}

/// Digests points; the first that is out of range.
///
/// Nearly all are seen to be in range by the highest word of each coordinate alone: below that of the modulus. Two sign bits, without a branch, tell
/// that of a whole block; the others are looked at one by one.
fn look(block: &[G1Mont], digest: &mut Digest) -> Option<usize> {
    let mut suspect = 0;
    for point in block {
        let words = digest.take(&point.0);
        for top in [words[3], words[7]] {
            suspect |= top | (TOP - 1).wrapping_sub(top);
        }
    }
    if suspect >> 63 == 0 { None } else { block.iter().position(|point| !point.is_in_range()) }
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
        let mut start = 0;
        while start < bases.len() {
            if under_way.len() == CHUNKS_IN_FLIGHT {
                self.finish_oldest(bases, pin, under_way)?;
            }
            let end = match self.device.common.config.lend_bases {
                true => end_of_chunk(bases.data.as_slice(), start, chunk_points),
                false => bases.len().min(start.saturating_add(chunk_points)),
            };
            let chunk = match self.start_chunk(bases, pin, start..end, 0) {
                // What is lent counts against the limit of locked memory too, until its chunk has ended.
                Err(EngineError::OutOfMemory { .. }) if !under_way.is_empty() => {
                    while !under_way.is_empty() {
                        self.finish_oldest(bases, pin, under_way)?;
                    }
                    self.start_chunk(bases, pin, start..end, 0)?
                }
                started => started?,
            };
            under_way.push_back(chunk);
            start = end;
        }
        while !under_way.is_empty() {
            self.finish_oldest(bases, pin, under_way)?;
        }
        Ok(())
    }

    /// What the device reads some bases from.
    fn source(&self, bases: &Bases, points: &Range<usize>) -> Result<Source, EngineError> {
        if self.device.common.config.lend_bases {
            let stretch: SharedBytes = Arc::new(Stretch(bases.data.clone(), points.clone()));
            if let Some(loan) = self.device.function.dma.lend(&stretch) {
                let lent_bytes = &self.device.common.lent_bytes;
                lent_bytes.fetch_add((points.len() * BASE_BYTES) as u64, Ordering::Relaxed);
                return Ok(Source::Lent(loan));
            }
        }
        let len = points.len() * BASE_BYTES;
        Ok(Source::Staged(self.staging(len, Pool::lease_public)?))
    }

    fn start_chunk(
        &self,
        bases: &Bases,
        pin: &Pin,
        points: Range<usize>,
        attempt: u32,
    ) -> Result<Chunk, EngineError> {
        // The device takes the key's own form: what lies in its file goes over as it is, from where it lies if the device can be lent that. Were
        // it changed by accident after the look, the device's digest would not be this one.
        let part = &bases.data.as_slice()[points.clone()];
        let mut digest = Digest::default();
        for (i, block) in part.chunks(BLOCK_POINTS).enumerate() {
            if let Some(bad) = look(block, &mut digest) {
                let position = (points.start + i * BLOCK_POINTS + bad) as u64;
                return Err(EngineError::BadValue { what: "base coordinate", position });
            }
        }
        // After the look: pages of a file are there by then, and pinning them waits for no disk. What has to be copied is still in a cache.
        let source = self.source(bases, &points)?;
        if let Source::Staged(staging) = &source {
            staging.write(0, bytemuck::cast_slice(part));
        }
        let len_bytes = (points.len() * BASE_BYTES) as u64;
        let descriptor = Descriptor {
            opcode: layout::OPCODE_COPY,
            flags: layout::FLAG_DST_DEV,
            src0: source.iova().0,
            dst: pin.start() + (points.start * BASE_BYTES) as u64,
            count: len_bytes,
            dst_len_bytes: len_bytes,
            ..Descriptor::default()
        };
        let (inputs, loan) = match source {
            Source::Lent(loan) => (Vec::new(), Some(loan)),
            Source::Staged(staging) => (vec![staging], None),
        };
        let work = Work { descriptor, inputs, loan, output: None, expected_work: len_bytes };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever points lie: chunks of bounded length that join, at most two more than without pages, and whole pages where they can be had.
    #[test]
    fn chunks_are_cut_at_pages_wherever_points_lie() {
        let bytes = vec![0u8; 3 * LENT_LEAST_POINTS * BASE_BYTES + 2 * PAGE_BYTES];
        let page = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
        for offset in (0..PAGE_BYTES).step_by(16).chain([1, 63, PAGE_BYTES - 1]) {
            for (n, chunk_points) in
                [(151, 16), (3 * LENT_LEAST_POINTS, 128), (LENT_LEAST_POINTS + 70, 1 << 13)]
            {
                let points: &[G1Mont] = bytemuck::cast_slice(&bytes[page + offset..][..n * BASE_BYTES]);
                let (mut start, mut chunks, mut whole_pages) = (0, 0, 0);
                while start < n {
                    let end = end_of_chunk(points, start, chunk_points);
                    assert!(end > start && end - start <= chunk_points && end <= n, "{start}..{end} of {n}");
                    let range = points[start..end].as_ptr_range();
                    let is_paged =
                        [range.start, range.end].iter().all(|p| p.addr().is_multiple_of(PAGE_BYTES));
                    whole_pages += if is_paged { (end - start) / PAGE_POINTS } else { 0 };
                    (start, chunks) = (end, chunks + 1);
                }
                assert!(chunks <= n.div_ceil(chunk_points) + 2, "{chunks} chunks of {n} points at {offset}");
                let is_cut = offset.is_multiple_of(BASE_BYTES) && chunk_points == 128;
                assert!(!is_cut || whole_pages >= n / PAGE_POINTS - 2, "{whole_pages} pages of {n} points");
            }
        }
    }

    #[test]
    fn a_look_finds_what_the_slow_check_finds() {
        let point = |x: [u64; 4], y: [u64; 4]| {
            let mut bytes = [0; 64];
            for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(x.into_iter().chain(y)) {
                *to = word.to_le_bytes();
            }
            G1Mont(bytes)
        };
        let q = Fq::MODULUS.0;
        let last = [q[0] - 1, q[1], q[2], q[3]];
        let tops = [0, 1, TOP - 1, TOP, TOP + 1, 1 << 63, u64::MAX - TOP, u64::MAX];
        let mut cases = vec![[0; 4], last, q, [q[0] + 1, q[1], q[2], q[3]], [u64::MAX; 4]];
        cases.extend(tops.map(|top| [7, 8, 9, top]));
        for bad in &cases {
            for at in [0, 1, 62, 63] {
                for other in [[1, 2, 3, 4], last] {
                    for odd in [point(*bad, other), point(other, *bad)] {
                        let mut block = vec![point(other, other); 64];
                        block[at] = odd;
                        let mut digest = Digest::default();
                        let found = look(&block, &mut digest);
                        assert_eq!(found, block.iter().position(|p| !p.is_in_range()), "{bad:?} at {at}");
                        assert_eq!(digest, Digest::of(bytemuck::cast_slice(&block)));
                    }
                }
            }
        }
    }
}
