//! Memory that is lent: the device reads it where it lies, cannot write it, and does not reach it afterwards.

use std::{ops::Range, sync::Arc};

use millrace_pcie::{Iova, PAGE_BYTES, SharedBytes};
use millrace_regs::{Cause, Descriptor, layout};

use super::{BEAT_BYTES, ExerciseError, Run};

/// Lent at once.
const LENT_BYTES: usize = 2 * PAGE_BYTES;

/// Whole pages of the heap.
struct Pages(Vec<u8>, Range<usize>);

impl Pages {
    fn new() -> Self {
        let bytes: Vec<u8> = (0..LENT_BYTES + PAGE_BYTES).map(|i| (i * 13 + i / 255) as u8).collect();
        let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
        Self(bytes, start..start + LENT_BYTES)
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

impl Run<'_> {
    /// `false` where this way to a device lends nothing.
    pub(super) fn lending(&mut self) -> Result<bool, ExerciseError> {
        let step = "memory that is lent";
        let memory: SharedBytes = Arc::new(Pages::new());
        let before = (*memory).as_ref().to_vec();
        let target = self.alloc(LENT_BYTES)?;
        let Some(loan) = self.function.dma.lend(&memory) else { return Ok(false) };
        let copy = |from: Iova, to: Iova, len: usize| Descriptor {
            opcode: layout::OPCODE_COPY,
            src0: from.0,
            dst: to.0,
            count: len as u64,
            dst_len_bytes: len as u64,
            ..Descriptor::default()
        };
        let read = self.queue.run(step, copy(loan.iova(), target.iova(), LENT_BYTES))?;
        self.queue.expect_ok(step, &read)?;
        let mut there = vec![0; LENT_BYTES];
        target.read(0, &mut there);
        if there != before {
            return Err(self.unexpected(step, "the bytes that were lent", "others"));
        }
        // Like a write that leads nowhere: lost in silence, or answered.
        target.wipe();
        let write = self.queue.run(step, copy(target.iova(), loan.iova(), BEAT_BYTES))?;
        if ![Cause::Ok as u8, Cause::HostWrite as u8].contains(&write.status) {
            return Err(self.unexpected(step, "OK or HOST_WRITE", format!("{write:?}")));
        }
        if (*memory).as_ref() != before {
            return Err(self.unexpected(step, "memory that the device cannot write", "other bytes"));
        }
        let at = loan.iova();
        drop(loan);
        let after = self.queue.run(step, copy(at, target.iova(), BEAT_BYTES))?;
        if (after.status, after.position) != (Cause::HostRead as u8, at.0) {
            let expected = format!("HOST_READ at {:#x} when the loan has ended", at.0);
            return Err(self.unexpected(step, expected, format!("{after:?}")));
        }
        Ok(true)
    }
}
