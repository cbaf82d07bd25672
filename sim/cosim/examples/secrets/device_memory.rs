//! Device memory, read back by COPY jobs over a queue that is driven by hand.

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::Function;
use millrace_regs::{Completion, Descriptor, layout, queue_register, registers as reg};

/// Of the bottom of device memory: where a driver's bases lie, and as much again beyond them. Nothing else is ever a job's destination.
const SPAN_BYTES: usize = 256 << 10;
const CHUNK_BYTES: usize = 64 << 10;
const EPOCH: u32 = 0x5345_0001;
const BEAT_BYTES: usize = 64;
const ENTRY_BYTES: usize = 64;
/// Of an entry: where the word with the phase lies.
const PHASE_AT: usize = 60;
const LIMIT: Duration = Duration::from_secs(60);

/// The bottom of device memory, with `planted` put into its last bytes before, so that a search has something to find. Resets the function, which
/// leaves device memory as it is; nobody else may drive it.
pub(crate) fn read_back(function: &Function, planted: &[u8; 32]) -> Result<Vec<u8>, Box<dyn Error>> {
    let bar0 = &*function.bar0;
    let until = Instant::now() + LIMIT;
    let settle = |offset: u32| {
        while bar0.read32(offset) != 0 {
            if Instant::now() > until {
                return Err("the device does not settle");
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    };
    bar0.write32(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
    settle(reg::CTRL)?;
    let at = |offset| queue_register(0, offset);
    bar0.write32(at(reg::QUEUE_ENABLE), 0);
    settle(at(reg::QUEUE_ENABLE))?;

    let chunks = SPAN_BYTES / CHUNK_BYTES;
    let log_entries = (chunks + 2).next_power_of_two().trailing_zeros().max(1);
    let ring_bytes = ENTRY_BYTES << log_entries;
    let (sq, cq) = (function.dma.alloc(ring_bytes)?, function.dma.alloc(ring_bytes)?);
    let target = function.dma.alloc(SPAN_BYTES)?;
    let source = function.dma.alloc(BEAT_BYTES)?;
    source.write(0, planted);
    // Not zeros: a copy that does not come is no clean memory.
    target.write(0, &vec![0xa5; SPAN_BYTES]);
    for (base, iova) in [(reg::QUEUE_SQ_BASE_LO, sq.iova()), (reg::QUEUE_CQ_BASE_LO, cq.iova())] {
        bar0.write32(at(base), iova.0 as u32);
        bar0.write32(at(base + 4), (iova.0 >> 32) as u32);
    }
    bar0.write32(at(reg::QUEUE_LOG_ENTRIES), log_entries);
    bar0.write32(at(reg::QUEUE_EPOCH), EPOCH);
    bar0.write32(at(reg::QUEUE_ENABLE), reg::QUEUE_ENABLE_VALUE_MASK);

    let copy = |flags, src0, dst, bytes: usize| Descriptor {
        opcode: layout::OPCODE_COPY,
        flags,
        src0,
        dst,
        count: bytes as u64,
        dst_len_bytes: bytes as u64,
        epoch: EPOCH,
        phase: true,
        ..Descriptor::default()
    };
    let last = (SPAN_BYTES - BEAT_BYTES) as u64;
    let mut jobs = vec![copy(layout::FLAG_DST_DEV, source.iova().0, last, BEAT_BYTES)];
    jobs.extend((0..chunks).map(|i| {
        let from = (i * CHUNK_BYTES) as u64;
        copy(layout::FLAG_SRC0_DEV, from, target.iova().0 + from, CHUNK_BYTES)
    }));
    for (i, job) in jobs.iter().enumerate() {
        let bytes = Descriptor { job_id: i as u32, ..*job }.to_bytes();
        sq.write(i * ENTRY_BYTES, &bytes[..PHASE_AT]);
        sq.write_u32_release(i * ENTRY_BYTES + PHASE_AT, 1);
    }
    bar0.write32(at(reg::QUEUE_DOORBELL), jobs.len() as u32);
    for i in 0..jobs.len() {
        while cq.read_u32_acquire(i * ENTRY_BYTES + PHASE_AT) & 1 == 0 {
            if Instant::now() > until {
                return Err("no completion of a copy".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let mut entry = [0; ENTRY_BYTES];
        cq.read(i * ENTRY_BYTES, &mut entry);
        let completion = Completion::from_bytes(&entry);
        if (completion.job_id, completion.status) != (i as u32, 0) {
            return Err(format!("expected a good completion of job {i}, got {completion:?}").into());
        }
    }
    bar0.write32(at(reg::QUEUE_ENABLE), 0);
    settle(at(reg::QUEUE_ENABLE))?;
    let mut memory = vec![0; SPAN_BYTES];
    target.read(0, &mut memory);
    if memory[..BEAT_BYTES].iter().all(|&byte| byte == memory[0]) {
        return Err("device memory does not begin with bases, which were never taken from it".into());
    }
    Ok(memory)
}
