//! DMA memory behind a mapper: what the kernel's IOMMU and a served device have in common.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::{DmaBuffer, DmaError, DmaSpace, Iova, PAGE_BYTES, iova::IovaAllocator, mapping::Mapping};

/// Makes memory and shows it to a device.
pub(crate) trait Mapper: Send + Sync {
    /// Whatever is needed to keep a mapping apart from its memory.
    type Token: Send + Sync;
    /// Zeroed memory, with what [`Self::map`] needs of it.
    fn memory(&self, len_bytes: usize) -> io::Result<(Mapping, Self::Token)>;
    /// Lets the device reach it.
    fn map(&self, iova: Iova, memory: &Mapping, token: &Self::Token) -> io::Result<()>;
    /// Ends that: when this returns well, the device reaches it no more.
    fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()>;
}

/// A [`DmaSpace`] over a mapper.
pub(crate) struct MappedSpace<M> {
    mapper: Arc<M>,
    iovas: Arc<Mutex<IovaAllocator>>,
}

impl<M: Mapper> MappedSpace<M> {
    pub(crate) fn new(mapper: Arc<M>, iovas: IovaAllocator) -> Self {
        Self { mapper, iovas: Arc::new(Mutex::new(iovas)) }
    }
}

impl<M: Mapper + 'static> DmaSpace for MappedSpace<M> {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let none = || DmaError::OutOfMemory { needed_bytes: len_bytes };
        let rounded = len_bytes.max(1).checked_next_multiple_of(PAGE_BYTES).ok_or_else(none)?;
        let (memory, token) = match self.mapper.memory(rounded) {
            Ok(made) => made,
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => return Err(none()),
            Err(error) => return Err(error.into()),
        };
        let iova = {
            let mut iovas = self.iovas.lock();
            iovas.alloc(rounded as u64).ok_or_else(|| DmaError::OutOfIova {
                needed_bytes: len_bytes,
                free_bytes: iovas.free_bytes(),
            })?
        };
        if let Err(error) = self.mapper.map(iova, &memory, &token) {
            self.iovas.lock().free(iova);
            // ENOMEM is what the kernel says when the limit of locked memory is reached (RLIMIT_MEMLOCK), ENOSPC when it has no mappings left.
            return Err(match error.raw_os_error() {
                Some(libc::ENOMEM | libc::ENOSPC) => none(),
                _ => error.into(),
            });
        }
        let (mapper, iovas) = (self.mapper.clone(), self.iovas.clone());
        Ok(Box::new(MappedBuffer { memory: Some((memory, token)), iova, mapper, iovas }))
    }
}

struct MappedBuffer<M: Mapper> {
    /// Leaves on drop only.
    memory: Option<(Mapping, M::Token)>,
    iova: Iova,
    mapper: Arc<M>,
    iovas: Arc<Mutex<IovaAllocator>>,
}

impl<M: Mapper> MappedBuffer<M> {
    fn memory(&self) -> &Mapping {
        &self.memory.as_ref().expect("the memory leaves only on drop").0
    }
}

impl<M: Mapper> DmaBuffer for MappedBuffer<M> {
    fn iova(&self) -> Iova {
        self.iova
    }

    fn len_bytes(&self) -> usize {
        self.memory().len_bytes()
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        self.memory().read(offset, to);
    }

    fn write(&self, offset: usize, from: &[u8]) {
        self.memory().write(offset, from);
    }

    fn read_u32_acquire(&self, offset: usize) -> u32 {
        assert!(offset.is_multiple_of(4), "a word at {offset} is not aligned");
        self.memory().read_u32_acquire(offset)
    }

    fn write_u32_release(&self, offset: usize, value: u32) {
        assert!(offset.is_multiple_of(4), "a word at {offset} is not aligned");
        self.memory().write_u32_release(offset, value);
    }

    fn wipe(&self) {
        self.memory().wipe();
    }
}

impl<M: Mapper> Drop for MappedBuffer<M> {
    /// Memory that the device was not seen to let go is never used again: it stays mapped until the process ends.
    fn drop(&mut self) {
        match self.mapper.unmap(self.iova, self.memory().len_bytes()) {
            Ok(()) => self.iovas.lock().free(self.iova),
            Err(error) => {
                tracing::warn!(
                    "{} bytes of DMA memory could not be unmapped and are kept: {error}",
                    self.memory().len_bytes()
                );
                std::mem::forget(self.memory.take());
            }
        }
    }
}
