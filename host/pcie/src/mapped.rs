//! DMA memory behind a mapper: what the kernel's IOMMU and a served device have in common.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    DmaBuffer, DmaError, DmaLoan, DmaSpace, Iova, PAGE_BYTES, SharedBytes, iova::IovaAllocator,
    mapping::Mapping, memory::is_whole_pages,
};

/// Bytes that are copied to know what a copy takes.
const COPIED_BYTES: usize = 1 << 20;
/// Loans are judged together over so many bytes, as one alone may wait for the scheduler.
const JUDGED_BYTES: usize = 16 << 20;
/// Where lending does not pay, or is refused, so many bytes go by buffers before it is tried again.
const PAUSE_BYTES: usize = 1 << 30;

/// What lending costs against a copy, both measured here. Where it costs more, as page by page through the IOMMU of a virtual machine, it does not pay.
#[derive(Default)]
struct Account {
    /// Mapping and unmapping since it was judged last, and what was lent.
    spent: Duration,
    bytes: usize,
    /// What a copy of a MiB takes, once it was needed.
    copy_of_mib: Option<Duration>,
    /// Bytes that are not lent from here on.
    pause_bytes: usize,
}

impl Account {
    /// Whether so many bytes may be lent now.
    fn allows(&mut self, len_bytes: usize) -> bool {
        let is_over = self.pause_bytes == 0;
        self.pause_bytes = self.pause_bytes.saturating_sub(len_bytes);
        is_over
    }

    /// After a loan, how long mapping took, and a way to learn what a copy of a MiB takes; both in microseconds a MiB where lending does not pay.
    fn lent(
        &mut self,
        len_bytes: usize,
        took: Duration,
        copy_of_mib: impl FnOnce() -> Duration,
    ) -> Option<(u128, u128)> {
        self.spent += took;
        self.bytes += len_bytes;
        if self.bytes < JUDGED_BYTES {
            return None;
        }
        let a_mib = (self.spent.as_micros() << 20) / self.bytes as u128;
        let copy = *self.copy_of_mib.get_or_insert_with(copy_of_mib);
        let is_slow = a_mib > copy.as_micros();
        let pause_bytes = if is_slow { PAUSE_BYTES } else { 0 };
        *self = Self { pause_bytes, copy_of_mib: Some(copy), ..Self::default() };
        is_slow.then_some((a_mib, copy.as_micros()))
    }
}

/// What a copy of a MiB of such memory takes: the quickest of some, as one may wait for the scheduler, or be the first to touch its target.
fn copy_of_mib(bytes: &[u8]) -> Duration {
    const COPIES: usize = 5;
    let bytes = &bytes[..bytes.len().min(COPIED_BYTES)];
    let mut target = vec![0; bytes.len()];
    let copy = |_| {
        let began = Instant::now();
        target.copy_from_slice(std::hint::black_box(bytes));
        std::hint::black_box(&mut target);
        began.elapsed()
    };
    let quickest = (0..COPIES).map(copy).min().unwrap_or_default();
    quickest.mul_f64(COPIED_BYTES as f64 / bytes.len().max(1) as f64)
}

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
    /// Lets the device read memory of somebody else, whole pages; `None` where that is never possible.
    fn lend(&self, _iova: Iova, _memory: &[u8]) -> Option<io::Result<()>> {
        None
    }
    /// Ends that: when this returns well, the device reaches it no more.
    fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()>;
}

/// A [`DmaSpace`] over a mapper.
pub(crate) struct MappedSpace<M> {
    mapper: Arc<M>,
    iovas: Arc<Mutex<IovaAllocator>>,
    account: Arc<Mutex<Account>>,
}

impl<M: Mapper> MappedSpace<M> {
    pub(crate) fn new(mapper: Arc<M>, iovas: IovaAllocator) -> Self {
        Self { mapper, iovas: Arc::new(Mutex::new(iovas)), account: Arc::default() }
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

    /// Whatever is in the way (limits of locked memory, memory that cannot be pinned), a buffer will do.
    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        let bytes = (**memory).as_ref();
        if !is_whole_pages(bytes) || !self.account.lock().allows(bytes.len()) {
            return None;
        }
        let iova = self.iovas.lock().alloc(bytes.len() as u64)?;
        let began = Instant::now();
        match self.mapper.lend(iova, bytes) {
            Some(Ok(())) => {}
            refused => {
                self.iovas.lock().free(iova);
                self.account.lock().pause_bytes = PAUSE_BYTES;
                if let Some(Err(error)) = refused {
                    tracing::info!("memory cannot be lent to the device, and is copied: {error}");
                }
                return None;
            }
        }
        let took = began.elapsed();
        if let Some((a_mib, copy)) = self.account.lock().lent(bytes.len(), took, || copy_of_mib(bytes)) {
            tracing::info!(
                "memory is copied for the device from now on: to map and unmap it took {a_mib} µs a MiB, a copy takes {copy}"
            );
        }
        let (mapper, iovas, account) = (self.mapper.clone(), self.iovas.clone(), self.account.clone());
        let len_bytes = bytes.len();
        Some(Box::new(MappedLoan { memory: memory.clone(), len_bytes, iova, mapper, iovas, account }))
    }
}

struct MappedLoan<M: Mapper> {
    memory: SharedBytes,
    len_bytes: usize,
    iova: Iova,
    mapper: Arc<M>,
    iovas: Arc<Mutex<IovaAllocator>>,
    account: Arc<Mutex<Account>>,
}

impl<M: Mapper> DmaLoan for MappedLoan<M> {
    fn iova(&self) -> Iova {
        self.iova
    }
}

impl<M: Mapper> Drop for MappedLoan<M> {
    /// Memory that the device was not seen to let go is kept, so that nothing else comes to lie where the device reads.
    fn drop(&mut self) {
        let began = Instant::now();
        let unmapped = self.mapper.unmap(self.iova, self.len_bytes);
        self.account.lock().spent += began.elapsed();
        match unmapped {
            Ok(()) => self.iovas.lock().free(self.iova),
            Err(error) => {
                tracing::warn!("{} lent bytes could not be unmapped and are kept: {error}", self.len_bytes);
                std::mem::forget(self.memory.clone());
            }
        }
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

    /// Bytes that may begin within a page.
    struct Part(Vec<u8>, std::ops::Range<usize>);

    impl AsRef<[u8]> for Part {
        fn as_ref(&self) -> &[u8] {
            &self.0[self.1.clone()]
        }
    }

    fn part(offset: usize, len_bytes: usize) -> SharedBytes {
        let bytes = vec![7; 4 * PAGE_BYTES];
        let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES + offset;
        Arc::new(Part(bytes, start..start + len_bytes))
    }

    /// Lends and takes back as it is told.
    #[derive(Default)]
    struct Lender {
        refuses: bool,
        keeps: bool,
        unmaps_in: Duration,
        lent: Mutex<Vec<(u64, usize)>>,
    }

    impl Mapper for Lender {
        type Token = ();

        fn memory(&self, _: usize) -> io::Result<(Mapping, ())> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn map(&self, _: Iova, _: &Mapping, (): &()) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn lend(&self, iova: Iova, memory: &[u8]) -> Option<io::Result<()>> {
            if self.refuses {
                return Some(Err(io::Error::from_raw_os_error(libc::ENOMEM)));
            }
            self.lent.lock().push((iova.0, memory.len()));
            Some(Ok(()))
        }

        fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()> {
            std::thread::sleep(self.unmaps_in);
            if self.keeps {
                return Err(io::ErrorKind::Other.into());
            }
            self.lent.lock().retain(|&one| one != (iova.0, len_bytes));
            Ok(())
        }
    }

    fn lender(lender: Lender) -> MappedSpace<Lender> {
        MappedSpace::new(Arc::new(lender), IovaAllocator::new(&[]))
    }

    #[test]
    fn whole_pages_are_lent_until_the_loan_ends() {
        let space = lender(Lender::default());
        for (offset, len_bytes) in [(64, PAGE_BYTES), (0, 64), (0, PAGE_BYTES + 64), (0, 0)] {
            assert!(space.lend(&part(offset, len_bytes)).is_none(), "{len_bytes} bytes at {offset}");
        }
        let memory = part(0, 2 * PAGE_BYTES);
        let loan = space.lend(&memory).expect("whole pages");
        assert_eq!(*space.mapper.lent.lock(), [(loan.iova().0, 2 * PAGE_BYTES)]);
        assert_eq!(Arc::strong_count(&memory), 2, "the loan holds the memory");
        drop(loan);
        assert!(space.mapper.lent.lock().is_empty());
        assert_eq!(Arc::strong_count(&memory), 1);
    }

    #[test]
    fn a_loan_that_is_refused_leaves_no_trace() {
        let space = lender(Lender { refuses: true, ..Lender::default() });
        let free = space.iovas.lock().free_bytes();
        assert!(space.lend(&part(0, PAGE_BYTES)).is_none());
        assert_eq!(space.iovas.lock().free_bytes(), free);
    }

    #[test]
    fn what_the_device_does_not_let_go_is_kept() {
        let space = lender(Lender { keeps: true, ..Lender::default() });
        let (memory, free) = (part(0, PAGE_BYTES), space.iovas.lock().free_bytes());
        drop(space.lend(&memory).expect("a page"));
        assert_eq!(Arc::strong_count(&memory), 2, "nothing else may come to lie there");
        assert!(space.iovas.lock().free_bytes() < free, "nor its address be another's");
    }

    #[test]
    fn where_mapping_is_slower_than_a_copy_there_is_a_pause() {
        let (mib, copy) = (1 << 20, Duration::from_micros(70));
        let mut account = Account::default();
        let mut measured = 0;
        let mut lent = |account: &mut Account, took| {
            account.lent(mib, took, || {
                measured += 1;
                copy
            })
        };
        // One that waited for the scheduler is no reason.
        assert_eq!(lent(&mut account, copy * 10), None);
        for _ in 1..15 {
            assert_eq!(lent(&mut account, copy / 10), None);
        }
        assert_eq!(lent(&mut account, copy / 10), None, "judged, and fast enough");
        for _ in 0..15 {
            assert_eq!(lent(&mut account, copy), None);
        }
        // What unmapping took counts too.
        account.spent += copy * 16;
        assert_eq!(lent(&mut account, copy), Some((140, 70)));
        assert_eq!(measured, 1, "a copy is measured once");
        let allowed = (0..1 << 11).take_while(|_| !account.allows(mib)).count();
        assert_eq!(allowed, PAUSE_BYTES / mib, "and then it is tried again");
    }

    #[test]
    fn a_loan_is_charged_for_its_end_too() {
        let unmaps_in = Duration::from_millis(1);
        let space = lender(Lender { unmaps_in, ..Lender::default() });
        drop(space.lend(&part(0, PAGE_BYTES)).expect("a page"));
        assert!(space.account.lock().spent >= unmaps_in);
    }

    #[test]
    fn what_is_refused_is_not_asked_for_each_time() {
        let space = lender(Lender { refuses: true, ..Lender::default() });
        let memory = part(0, PAGE_BYTES);
        (0..10).for_each(|_| assert!(space.lend(&memory).is_none()));
        assert_eq!(space.account.lock().pause_bytes, PAUSE_BYTES - 9 * PAGE_BYTES);
    }

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
