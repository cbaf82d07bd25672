//! Register access with the dead link recognised.

use std::sync::Arc;

use millrace_pcie::{Iova, Mmio};
use millrace_regs::{layout, queue_register, registers as reg};
use parking_lot::Mutex;

/// Length of BAR0: the identity page and a page for each queue that the address map has.
pub const BAR0_BYTES: u64 = (reg::QUEUE_BASE + reg::QUEUE_MAX * reg::QUEUE_STRIDE) as u64;

/// One read of `STATUS`: whether a device says that it is at work. So does one that is dead, whose registers read as all-ones.
pub fn is_at_work(bar0: &dyn Mmio) -> bool {
    bar0.read32(reg::STATUS) & reg::STATUS_BUSY_MASK != 0
}

/// The device no longer answers as itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkDown(pub(crate) String);

/// The registers of a device and of one of its queues.
#[derive(Clone)]
pub(crate) struct Registers {
    bar0: Arc<dyn Mmio>,
    queue: u32,
    /// Held over the two halves of a 64-bit read: reading the lower half latches the upper one for everybody.
    latch: Arc<Mutex<()>>,
}

impl Registers {
    pub(crate) fn new(bar0: Arc<dyn Mmio>, queue: u32) -> Self {
        Self { bar0, queue, latch: Arc::default() }
    }

    /// The same device, another queue.
    pub(crate) fn of_queue(&self, queue: u32) -> Self {
        Self { queue, ..self.clone() }
    }

    /// Reads; all-ones is believed only from a device that still says who it is.
    pub(crate) fn read(&self, offset: u32) -> Result<u32, LinkDown> {
        let value = self.bar0.read32(offset);
        if value != u32::MAX {
            return Ok(value);
        }
        self.check_link()?;
        Ok(self.bar0.read32(offset))
    }

    /// Reads a pair of registers, lower half first.
    pub(crate) fn read64(&self, lower: u32) -> Result<u64, LinkDown> {
        let _latch = self.latch.lock();
        let pair = || (self.bar0.read32(lower), self.bar0.read32(lower + 4));
        let (mut lo, mut hi) = pair();
        if lo == u32::MAX || hi == u32::MAX {
            self.check_link()?;
            (lo, hi) = pair();
        }
        Ok(u64::from(hi) << 32 | u64::from(lo))
    }

    /// One read that was not answered (all-ones once) is no dead link.
    pub(crate) fn check_link(&self) -> Result<(), LinkDown> {
        const ATTEMPTS: u32 = 3;
        let mut magic = u32::MAX;
        for _ in 0..ATTEMPTS {
            magic = self.bar0.read32(reg::MAGIC);
            if magic == reg::MAGIC_EXPECTED {
                return Ok(());
            }
        }
        Err(LinkDown(match magic {
            u32::MAX => "registers read as all-ones".into(),
            other => format!("MAGIC reads {other:#010x}"),
        }))
    }

    pub(crate) fn write(&self, offset: u32, value: u32) {
        self.bar0.write32(offset, value);
    }

    pub(crate) fn read_queue(&self, offset: u32) -> Result<u32, LinkDown> {
        self.read(queue_register(self.queue, offset))
    }

    pub(crate) fn write_queue(&self, offset: u32, value: u32) {
        self.write(queue_register(self.queue, offset), value);
    }

    /// Tells the device where both rings stand for the host.
    pub(crate) fn ring(&self, sq_tail: u32, cq_head: u32) {
        let value =
            sq_tail << reg::QUEUE_DOORBELL_SQ_TAIL_SHIFT | cq_head << reg::QUEUE_DOORBELL_CQ_HEAD_SHIFT;
        self.write_queue(reg::QUEUE_DOORBELL, value);
    }

    /// Writes a set-up register and reads it back, so that a lost write is seen here and not as a stuck queue.
    pub(crate) fn set_queue(&self, offset: u32, value: u32) -> Result<(), LinkDown> {
        const ATTEMPTS: u32 = 3;
        let mut got = 0;
        for _ in 0..ATTEMPTS {
            self.write_queue(offset, value);
            got = self.read_queue(offset)?;
            if got == value {
                return Ok(());
            }
        }
        Err(LinkDown(format!("queue register {offset:#x} was written {value:#x} and reads {got:#x}")))
    }

    pub(crate) fn set_queue_base(&self, lower: u32, iova: Iova) -> Result<(), LinkDown> {
        self.set_queue(lower, iova.0 as u32)?;
        self.set_queue(lower + 4, (iova.0 >> 32) as u32)
    }

    /// A counter that moves as long as the engine of this opcode does anything, and not for another's work.
    pub(crate) fn engine_counter(&self, opcode: u8) -> Result<u64, LinkDown> {
        let counters: &[u32] = match opcode {
            // Bases are read from device memory also where no digit comes of them.
            layout::OPCODE_MSM_G1 => {
                &[reg::STAT_MSM_ADDS_LO, reg::STAT_MSM_DIGITS_LO, reg::STAT_MEM_RD_BEATS_LO]
            }
            layout::OPCODE_NTT => &[reg::STAT_NTT_BUTTERFLIES_LO],
            // The driver copies into device memory only, where nothing else writes.
            _ => &[reg::STAT_MEM_WR_BEATS_LO],
        };
        counters.iter().try_fold(0u64, |sum, &lower| Ok(sum.wrapping_add(self.read64(lower)?)))
    }

    pub(crate) fn progress(&self) -> Result<u64, LinkDown> {
        self.read64(reg::PROGRESS_LO)
    }
}
