//! BAR0: what reads answer and what writes set off.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use millrace_pcie::Mmio;
use millrace_regs::{queue_register, registers as reg};
use parking_lot::Mutex;

use crate::{
    Fault,
    device::{Device, Power, State},
    queue::Queue,
};

/// Cycles that pass between two register accesses.
const CYCLES_PER_ACCESS: u64 = 16;
/// Operations that a device reports between two looks while it works for nothing.
const BUSY_PROGRESS: u64 = 1 << 28;

/// The registers of a model.
pub(crate) struct ModelMmio {
    pub(crate) power: Arc<Power>,
    pub(crate) reads: AtomicU64,
    /// Upper half of the 64-bit register whose lower half was read last.
    pub(crate) latched: Mutex<u32>,
}

fn set_lo(word: &mut u64, value: u32) {
    *word = *word & !0xffff_ffff | u64::from(value);
}

fn set_hi(word: &mut u64, value: u32) {
    *word = *word & 0xffff_ffff | u64::from(value) << 32;
}

impl ModelMmio {
    fn is_dead(&self) -> bool {
        let limit = self.power.0.config.dead_after_reads;
        limit.is_some_and(|limit| self.reads.load(Ordering::Relaxed) > limit)
    }

    /// A pair of counter registers, if the offset is one of their lower halves.
    fn counter(state: &State, lower: u32) -> Option<u64> {
        let counts = &state.counts;
        Some(match lower {
            reg::CYCLES_LO => counts.cycles,
            reg::PROGRESS_LO => counts.progress,
            reg::STAT_MSM_DIGITS_LO => counts.msm_digits,
            reg::STAT_MSM_BUCKET_CYCLES_LO => counts.msm_bucket_cycles,
            reg::STAT_MSM_ADDS_LO => counts.msm_adds,
            reg::STAT_NTT_BUTTERFLIES_LO => counts.ntt_butterflies,
            reg::STAT_HOST_RD_BEATS_LO => counts.host_read_beats,
            reg::STAT_HOST_WR_BEATS_LO => counts.host_write_beats,
            reg::STAT_MEM_RD_BEATS_LO => counts.memory_read_beats,
            reg::STAT_MEM_WR_BEATS_LO => counts.memory_write_beats,
            _ => return None,
        })
    }

    fn read_state(&self, state: &mut State, offset: u32) -> u32 {
        let config = &self.power.0.config;
        if let Some(value) = Self::counter(state, offset) {
            *self.latched.lock() = (value >> 32) as u32;
            return value as u32;
        }
        if (reg::CYCLES_LO..=reg::STAT_MEM_WR_BEATS_HI).contains(&offset) {
            return *self.latched.lock();
        }
        match offset {
            reg::MAGIC => config.magic,
            reg::VERSION => config.version,
            reg::LAYOUT_HASH_LO => config.layout_hash as u32,
            reg::LAYOUT_HASH_HI => (config.layout_hash >> 32) as u32,
            reg::BUILD => u32::from(config.behavioural),
            reg::MSM_PARAMS => {
                config.window_bits
                    | config.windows << reg::MSM_PARAMS_WINDOWS_SHIFT
                    | 1 << reg::MSM_PARAMS_ADDERS_SHIFT
            }
            reg::NTT_PARAMS => config.ntt_log_max,
            reg::MEM_PARAMS => config.log_memory_bytes,
            reg::QUEUES => config.queues,
            reg::CTRL => state.resetting,
            reg::STATUS => {
                let busy = u32::from(state.queues.iter().any(|queue| queue.in_flight > 0));
                busy | u32::from(state.resetting != 0) << reg::STATUS_RESETTING_SHIFT
            }
            _ => match queue_at(state, offset) {
                Some((number, register)) => self.read_queue(&state.queues[number], number, register),
                None => 0,
            },
        }
    }

    fn read_queue(&self, queue: &Queue, number: usize, register: u32) -> u32 {
        match register {
            reg::QUEUE_SQ_BASE_LO => queue.sq_base as u32,
            reg::QUEUE_SQ_BASE_HI => (queue.sq_base >> 32) as u32,
            reg::QUEUE_CQ_BASE_LO => queue.cq_base as u32,
            reg::QUEUE_CQ_BASE_HI => (queue.cq_base >> 32) as u32,
            reg::QUEUE_LOG_ENTRIES => queue.log_entries,
            reg::QUEUE_ENABLE => {
                // A descriptor that holds up its queue is under way too.
                let active =
                    queue.in_flight > 0 || queue.fetchable(&self.power.0.doorbells[number]).is_some();
                u32::from(queue.enable) | u32::from(active) << reg::QUEUE_ENABLE_ACTIVE_SHIFT
            }
            reg::QUEUE_EPOCH => queue.epoch,
            reg::QUEUE_IRQ_ENABLE => u32::from(queue.irq_enable),
            reg::QUEUE_SQ_HEAD => queue.sq_head,
            reg::QUEUE_CQ_TAIL => queue.cq_tail,
            reg::QUEUE_QUEUE_ERROR => u32::from(queue.error),
            reg::QUEUE_DOORBELL => self.power.0.doorbells[number].value(),
            _ => 0,
        }
    }
}

/// Whose doorbell lies at an offset.
fn doorbell_at(device: &Device, offset: u32) -> Option<usize> {
    let queue = offset.checked_sub(queue_register(0, reg::QUEUE_DOORBELL))?;
    let number = (queue / reg::QUEUE_STRIDE) as usize;
    (queue.is_multiple_of(reg::QUEUE_STRIDE) && number < device.doorbells.len()).then_some(number)
}

/// Which register of which queue lies at an offset.
fn queue_at(state: &State, offset: u32) -> Option<(usize, u32)> {
    let within = offset.checked_sub(reg::QUEUE_BASE)?;
    let number = (within / reg::QUEUE_STRIDE) as usize;
    (number < state.queues.len()).then_some((number, within % reg::QUEUE_STRIDE))
}

impl Mmio for ModelMmio {
    fn read32(&self, offset: u32) -> u32 {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_dead() {
            return u32::MAX;
        }
        let mut state = self.power.0.state.lock();
        state.counts.cycles += CYCLES_PER_ACCESS;
        // The oracle computes in one piece: while it does, the device and the engine are seen to move.
        if offset == reg::PROGRESS_LO && state.is_moving() {
            state.counts.progress += if state.is_busy_for_nothing() { BUSY_PROGRESS } else { 1 };
        }
        let moves = |engine: usize| match state.engines[engine].running.as_ref().map(|c| c.fault) {
            None | Some(Some(Fault::Stuck(_))) => 0,
            Some(Some(Fault::BusyForNothing)) => BUSY_PROGRESS,
            Some(_) => 1,
        };
        match offset {
            reg::STAT_MEM_WR_BEATS_LO => state.counts.memory_write_beats += moves(0),
            reg::STAT_MSM_ADDS_LO => state.counts.msm_adds += moves(1),
            reg::STAT_NTT_BUTTERFLIES_LO => state.counts.ntt_butterflies += moves(2),
            _ => {}
        }
        self.read_state(&mut state, offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        if self.is_dead() {
            return;
        }
        let device = &*self.power.0;
        if let Some(queue) = doorbell_at(device, offset) {
            return device.ring(queue, value);
        }
        let mut state = device.state.lock();
        state.counts.cycles += CYCLES_PER_ACCESS;
        if offset == reg::CTRL {
            for engine in 0..3 {
                let bit =
                    [reg::CTRL_RESET_COPY_MASK, reg::CTRL_RESET_MSM_MASK, reg::CTRL_RESET_NTT_MASK][engine];
                if value & bit != 0 {
                    device.reset_engine(&mut state, engine);
                }
            }
            if value & reg::CTRL_RESET_FUNCTION_MASK != 0 {
                device.reset_function(&mut state);
            }
            return;
        }
        if let Some((number, register)) = queue_at(&state, offset) {
            write_queue(device, &mut state, number, register, value);
        }
        device.tell_dispatcher();
    }
}

fn write_queue(device: &Device, state: &mut State, number: usize, register: u32, value: u32) {
    let queue = &mut state.queues[number];
    match register {
        reg::QUEUE_SQ_BASE_LO => set_lo(&mut queue.sq_base, value & reg::QUEUE_SQ_BASE_LO_ADDR_MASK),
        reg::QUEUE_SQ_BASE_HI => set_hi(&mut queue.sq_base, value),
        reg::QUEUE_CQ_BASE_LO => set_lo(&mut queue.cq_base, value & reg::QUEUE_CQ_BASE_LO_ADDR_MASK),
        reg::QUEUE_CQ_BASE_HI => set_hi(&mut queue.cq_base, value),
        reg::QUEUE_LOG_ENTRIES => queue.log_entries = value & reg::QUEUE_LOG_ENTRIES_VALUE_MASK,
        reg::QUEUE_EPOCH => queue.epoch = value,
        reg::QUEUE_IRQ_ENABLE => queue.irq_enable = value & 1 != 0,
        reg::QUEUE_ENABLE => device.set_enable(state, number, value & reg::QUEUE_ENABLE_VALUE_MASK != 0),
        _ => {}
    }
}
