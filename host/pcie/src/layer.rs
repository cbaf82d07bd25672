//! Buffers in front of others, for tests and drills.

use crate::{DmaBuffer, Iova};

/// A buffer that is another one but for what it says here.
pub trait DmaLayer: Send + Sync {
    /// The buffer behind it.
    fn inner(&self) -> &dyn DmaBuffer;
    /// As [`DmaBuffer::iova`].
    fn iova(&self) -> Iova {
        self.inner().iova()
    }
    /// As [`DmaBuffer::write`].
    ///
    /// # Panics
    /// If the range lies outside the buffer.
    fn write(&self, offset: usize, from: &[u8]) {
        self.inner().write(offset, from);
    }
    /// As [`DmaBuffer::wipe`].
    fn wipe(&self) {
        self.inner().wipe();
    }
}

impl<L: DmaLayer> DmaBuffer for L {
    fn iova(&self) -> Iova {
        DmaLayer::iova(self)
    }

    fn len_bytes(&self) -> usize {
        self.inner().len_bytes()
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        self.inner().read(offset, to);
    }

    fn write(&self, offset: usize, from: &[u8]) {
        DmaLayer::write(self, offset, from);
    }

    fn read_u32_acquire(&self, offset: usize) -> u32 {
        self.inner().read_u32_acquire(offset)
    }

    fn write_u32_release(&self, offset: usize, value: u32) {
        self.inner().write_u32_release(offset, value);
    }

    fn wipe(&self) {
        DmaLayer::wipe(self);
    }
}
