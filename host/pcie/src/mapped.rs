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
    /// Other memory of the same length, after the device could not be given this: `None` where there is no other kind.
    fn instead(&self, _refused: &Mapping) -> Option<io::Result<(Mapping, Self::Token)>> {
        None
    }
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
        let refused = |error: io::Error| match error.raw_os_error() {
            // ENOMEM is also what the kernel says when the limit of locked memory is reached (RLIMIT_MEMLOCK), ENOSPC when it has no mappings left.
            Some(libc::ENOMEM | libc::ENOSPC) => none(),
            _ => error.into(),
        };
        let (mut memory, mut token) = self.mapper.memory(rounded).map_err(refused)?;
        let iova = {
            let mut iovas = self.iovas.lock();
            iovas.alloc(rounded as u64).ok_or_else(|| DmaError::OutOfIova {
                needed_bytes: len_bytes,
                free_bytes: iovas.free_bytes(),
            })?
        };
        let mut mapped = self.mapper.map(iova, &memory, &token);
        if mapped.is_err()
            && let Some(Ok(other)) = self.mapper.instead(&memory)
        {
            (memory, token) = other;
            mapped = self.mapper.map(iova, &memory, &token);
        }
        if let Err(error) = mapped {
            self.iovas.lock().free(iova);
            return Err(refused(error));
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Memory that the device cannot be given, and other memory that it can, or not.
    struct Picky {
        has_other: bool,
        error: i32,
        maps: AtomicUsize,
    }

    impl Mapper for Picky {
        type Token = bool;

        fn memory(&self, len_bytes: usize) -> io::Result<(Mapping, bool)> {
            Mapping::anonymous(len_bytes).map(|memory| (memory, false))
        }

        fn instead(&self, refused: &Mapping) -> Option<io::Result<(Mapping, bool)>> {
            let other = || Mapping::anonymous(refused.len_bytes()).map(|memory| (memory, true));
            self.has_other.then(other)
        }

        fn map(&self, _: Iova, _: &Mapping, is_other: &bool) -> io::Result<()> {
            self.maps.fetch_add(1, Ordering::Relaxed);
            if *is_other { Ok(()) } else { Err(io::Error::from_raw_os_error(self.error)) }
        }

        fn unmap(&self, _: Iova, _: usize) -> io::Result<()> {
            Ok(())
        }
    }

    fn space(has_other: bool, error: i32) -> MappedSpace<Picky> {
        let picky = Picky { has_other, error, maps: AtomicUsize::new(0) };
        MappedSpace::new(Arc::new(picky), IovaAllocator::new(&[]))
    }

    #[test]
    fn memory_that_cannot_be_mapped_is_replaced_once() {
        let space = space(true, libc::EFAULT);
        assert_eq!(space.alloc(100).unwrap().len_bytes(), PAGE_BYTES);
        assert_eq!(space.mapper.maps.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_the_kernel_refuses_is_told_apart() {
        let failed = |error| space(false, error).alloc(100).err().unwrap();
        for error in [libc::ENOMEM, libc::ENOSPC] {
            assert!(matches!(failed(error), DmaError::OutOfMemory { needed_bytes: 100 }));
        }
        assert!(matches!(failed(libc::EFAULT), DmaError::Map(_)));
    }
}
