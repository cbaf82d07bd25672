//! Submission and completion rings in host memory (`docs/spec/rings.md`).

use millrace_pcie::{DmaBuffer, DmaError, DmaSpace, Iova};
use millrace_regs::{Completion, Descriptor};

const ENTRY_BYTES: usize = 64;
/// Byte of an entry where the word with the phase bit lies; it is written last and read first.
const PHASE_AT: usize = 60;
/// Byte of an entry where the epoch lies.
const EPOCH_AT: usize = 56;

/// A place on a ring and the phase of the lap.
#[derive(Clone, Copy)]
struct Cursor {
    index: usize,
    phase: bool,
}

impl Cursor {
    const START: Self = Self { index: 0, phase: true };

    fn advance(&mut self, entries: usize) {
        self.index += 1;
        if self.index == entries {
            *self = Self { index: 0, phase: !self.phase };
        }
    }
}

/// The host's end of the submission ring.
pub(crate) struct SubmissionRing {
    buffer: Box<dyn DmaBuffer>,
    entries: usize,
    tail: Cursor,
}

impl SubmissionRing {
    pub(crate) fn new(dma: &dyn DmaSpace, log_entries: u32) -> Result<Self, DmaError> {
        let entries = 1 << log_entries;
        Ok(Self { buffer: dma.alloc(entries * ENTRY_BYTES)?, entries, tail: Cursor::START })
    }

    pub(crate) fn iova(&self) -> Iova {
        self.buffer.iova()
    }

    /// How many jobs may be in flight at once. Descriptors are fetched in order and each one not yet fetched belongs to
    /// a job in flight, so this many never overrun the device's head; and as many completions fit the other ring.
    pub(crate) fn credit(&self) -> usize {
        self.entries - 1
    }

    /// To index 0, phase 1, all zero: before the queue is enabled.
    pub(crate) fn clear(&mut self) {
        self.buffer.wipe();
        self.tail = Cursor::START;
    }

    /// Writes a descriptor, the word with the phase bit last; `descriptor.phase` is set here.
    pub(crate) fn push(&mut self, descriptor: Descriptor) {
        let at = self.tail.index * ENTRY_BYTES;
        let bytes = Descriptor { phase: self.tail.phase, ..descriptor }.to_bytes();
        self.buffer.write(at, &bytes[..PHASE_AT]);
        self.buffer.write_u32_release(at + PHASE_AT, u32::from(self.tail.phase));
        self.tail.advance(self.entries);
    }

    /// What the doorbell is told: the index after the last descriptor.
    pub(crate) fn tail(&self) -> u32 {
        self.tail.index as u32
    }
}

/// What lies at the head of the completion ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Head {
    /// Nothing yet.
    Empty,
    /// An entry of this lap's phase with another epoch: a late write from before a reset, to be overwritten by what is
    /// really meant for the place. `true` when it was not seen before.
    Stale(bool),
    /// A completion; the head has moved on.
    Entry(Completion),
}

/// The host's end of the completion ring.
pub(crate) struct CompletionRing {
    buffer: Box<dyn DmaBuffer>,
    entries: usize,
    head: Cursor,
    stale: Option<[u8; ENTRY_BYTES]>,
}

impl CompletionRing {
    pub(crate) fn new(dma: &dyn DmaSpace, log_entries: u32) -> Result<Self, DmaError> {
        let entries = 1 << log_entries;
        Ok(Self { buffer: dma.alloc(entries * ENTRY_BYTES)?, entries, head: Cursor::START, stale: None })
    }

    pub(crate) fn iova(&self) -> Iova {
        self.buffer.iova()
    }

    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.wipe();
        self.head = Cursor::START;
        self.stale = None;
    }

    /// Whether a completion of this epoch lies at the head; nothing is taken.
    pub(crate) fn has_news(&self, epoch: u32) -> bool {
        self.has_entry() && self.buffer.read_u32_acquire(self.head.index * ENTRY_BYTES + EPOCH_AT) == epoch
    }

    fn has_entry(&self) -> bool {
        let word = self.buffer.read_u32_acquire(self.head.index * ENTRY_BYTES + PHASE_AT);
        (word & 1 == 1) == self.head.phase
    }

    /// Takes the completion at the head, if there is one of this epoch.
    pub(crate) fn take(&mut self, epoch: u32) -> Head {
        if !self.has_entry() {
            return Head::Empty;
        }
        let at = self.head.index * ENTRY_BYTES;
        // Judged and used is this one copy: the device may write the entry again at any time.
        let mut bytes = [0; ENTRY_BYTES];
        self.buffer.read(at, &mut bytes);
        let entry = Completion::from_bytes(&bytes);
        if entry.phase != self.head.phase {
            return Head::Empty;
        }
        if entry.epoch != epoch {
            return Head::Stale(self.stale.replace(bytes) != Some(bytes));
        }
        self.stale = None;
        self.head.advance(self.entries);
        Head::Entry(entry)
    }

    /// What the doorbell is told: the index after the last completion read.
    pub(crate) fn head(&self) -> u32 {
        self.head.index as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_pcie::HostMemory;

    #[test]
    fn phases_turn_on_every_lap() {
        let memory = HostMemory::default();
        let device = memory.device();
        let mut sq = SubmissionRing::new(&memory, 2).unwrap();
        for i in 0..17u32 {
            sq.push(Descriptor { job_id: i, ..Descriptor::default() });
            let mut bytes = [0; 64];
            device.read(Iova(sq.iova().0 + u64::from(i % 4) * 64), &mut bytes).unwrap();
            let read = Descriptor::from_bytes(&bytes);
            assert_eq!((read.job_id, read.phase), (i, (i / 4) % 2 == 0));
            assert_eq!(sq.tail(), (i + 1) % 4);
        }
        assert_eq!(sq.credit(), 3);
    }

    #[test]
    fn stale_entries_wait_to_be_overwritten() {
        let memory = HostMemory::default();
        let device = memory.device();
        let mut cq = CompletionRing::new(&memory, 1).unwrap();
        assert_eq!(cq.take(5), Head::Empty);
        let old = Completion { epoch: 4, job_id: 9, phase: true, ..Completion::default() };
        device.write(cq.iova(), &old.to_bytes()).unwrap();
        assert!(!cq.has_news(5) && cq.has_news(4));
        assert_eq!([cq.take(5), cq.take(5)], [Head::Stale(true), Head::Stale(false)]);
        let new = Completion { epoch: 5, ..old };
        device.write(cq.iova(), &new.to_bytes()).unwrap();
        assert_eq!([cq.take(5), cq.take(5)], [Head::Entry(new), Head::Empty]);
        assert_eq!(cq.head(), 1);
        device.write(Iova(cq.iova().0 + 64), &new.to_bytes()).unwrap();
        assert_eq!(cq.take(5), Head::Entry(new));
        assert_eq!(cq.take(5), Head::Empty, "the first entry has the phase of the last lap");
        cq.clear();
        assert_eq!(cq.take(5), Head::Empty);
    }
}
