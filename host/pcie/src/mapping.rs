//! Memory that somebody else may write at any time: DMA buffers, a client's memory, a BAR. Never lent as a slice.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd},
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use memmap2::{Advice, MmapMut, MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags};

/// 2 MiB: one entry of an IOMMU's second level, and one request to map instead of 512.
pub(crate) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// `linux/mempolicy.h`: tell a node and no policy.
const MPOL_F_NODE: libc::c_ulong = 1 << 0;
/// `linux/mempolicy.h`: that of an address.
const MPOL_F_ADDR: libc::c_ulong = 1 << 1;

/// Memory that a witness goes through: in no core dump, and in no child process, whose copies would keep it.
fn kept(map: MmapRaw) -> io::Result<MmapRaw> {
    map.advise(Advice::DontDump)?;
    map.advise(Advice::DontFork)?;
    Ok(map)
}

/// A mapped range. Words are atomics, as in `memory.rs`: both sides may touch the same bytes at once.
pub struct Mapping {
    map: MmapRaw,
    is_huge: bool,
}

impl Mapping {
    /// Zeroed memory of this process.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn anonymous(len_bytes: usize) -> io::Result<Self> {
        let map = MmapMut::map_anon(len_bytes)?;
        // Advice: without huge pages everything works, only slower.
        let _ = map.advise(Advice::HugePage);
        Ok(Self { map: kept(map.into())?, is_huge: false })
    }

    /// Zeroed memory of this process in reserved huge pages; the length is a multiple of theirs.
    ///
    /// # Errors
    /// ENOMEM where none is left.
    pub(crate) fn huge(len_bytes: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len_bytes).huge(Some(21)).map_anon()?;
        Ok(Self { map: kept(map.into())?, is_huge: true })
    }

    /// Whether it lies in reserved huge pages.
    pub(crate) fn is_huge(&self) -> bool {
        self.is_huge
    }

    /// Pages that nobody touched yet come from this NUMA node while it has any.
    ///
    /// # Errors
    /// What the system says: no such node, a kernel without NUMA.
    pub(crate) fn prefer_node(&self, node: u32) -> io::Result<()> {
        let mut nodes = [0u64; 16];
        let word = nodes.get_mut(node as usize / 64).ok_or(io::ErrorKind::InvalidInput)?;
        *word = 1 << (node % 64);
        // SAFETY: 1. the range is ours, page-aligned and mapped, as a whole; 2. the kernel reads as many bits of `nodes` as the fifth argument says,
        // less one, all inside it; 3. a policy changes where pages come from and nothing that Rust relies on.
        let result = unsafe {
            libc::syscall(
                libc::SYS_mbind,
                self.map.as_ptr(),
                self.map.len(),
                libc::MPOL_PREFERRED,
                nodes.as_ptr(),
                nodes.len() * 64 + 1,
                0,
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// The NUMA node on which the page of a byte lies.
    ///
    /// # Errors
    /// What the system says: a kernel without NUMA.
    ///
    /// # Panics
    /// If the byte lies outside.
    pub(crate) fn node_of(&self, offset: usize) -> io::Result<u32> {
        self.check(offset, 1);
        let mut node: libc::c_int = 0;
        let flags = MPOL_F_NODE | MPOL_F_ADDR;
        // SAFETY: 1. the kernel writes one `int`, to `node`, alive over the call; 2. it is given no mask, and a length of none; 3. the address lies in the
        // mapping, just checked, and is only looked up.
        let result = unsafe {
            let no_mask = std::ptr::null_mut::<libc::c_ulong>();
            libc::syscall(
                libc::SYS_get_mempolicy,
                &mut node,
                no_mask,
                0,
                self.map.as_ptr().add(offset),
                flags,
            )
        };
        if result == 0 { Ok(node as u32) } else { Err(io::Error::last_os_error()) }
    }

    /// Zeroed memory that can be handed to another process by the descriptor.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn shared(name: &str, len_bytes: usize) -> io::Result<(Self, File)> {
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&fd, len_bytes as u64)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
        let file = File::from(fd);
        let map = MmapOptions::new().len(len_bytes).map_raw(&file)?;
        Ok((Self { map: kept(map)?, is_huge: false }, file))
    }

    /// All of a file that another process shares. A touch of memory that its owner took away by truncating the file would end this process, so
    /// that the file must be sealed against shrinking, or let itself be sealed here: a memfd, as QEMU's `memory-backend-memfd` makes it.
    ///
    /// # Errors
    /// EPERM for a file that can shrink, EINVAL for an empty one, what else the system says.
    pub fn of_file(file: impl AsFd) -> io::Result<Self> {
        seal_against_shrinking(&file)?;
        let len = usize::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
        if len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let map = MmapOptions::new().len(len).map_raw(file.as_fd().as_raw_fd())?;
        Ok(Self { map: kept(map)?, is_huge: false })
    }

    /// A part of a device file: a BAR.
    pub(crate) fn of_region(file: &File, offset: u64, len_bytes: usize) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len_bytes).no_probe_handle().map_raw(file)?;
        Ok(Self { map, is_huge: false })
    }

    /// Length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.map.len()
    }

    /// Where it lies in this process, for the kernel.
    pub(crate) fn address(&self) -> u64 {
        self.map.as_ptr() as u64
    }

    fn check(&self, offset: usize, len_bytes: usize) {
        assert!(
            offset.checked_add(len_bytes).is_some_and(|end| end <= self.len_bytes()),
            "{len_bytes} bytes at {offset} lie outside a mapping of {} bytes",
            self.len_bytes()
        );
    }

    fn byte(&self, at: usize) -> &AtomicU8 {
        self.check(at, 1);
        // SAFETY: 1. in bounds, just checked; 2. aligned, as every byte is; 3. alive as long as `self`, whose drop alone unmaps; 4. others may
        // write it at any time, which an atomic allows.
        unsafe { AtomicU8::from_ptr(self.map.as_mut_ptr().add(at)) }
    }

    /// So many words in a row.
    fn words(&self, at: usize, count: usize) -> &[AtomicU64] {
        self.check(at, count.saturating_mul(8));
        assert!(at.is_multiple_of(8), "a word at {at} is not aligned");
        // SAFETY: 1. in bounds and 2. aligned, just checked (a mapping begins at a page and is no longer than `isize::MAX`); 3. alive as long as
        // `self`; 4. others may write them at any time, which an atomic allows; 5. atomics of different widths never race on a place: the other
        // side (a device, another process, or this one's own served device) has a mapping of its own, at other addresses, and this side's accesses to
        // one place are ordered by the lock of whoever owns the buffer.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().add(at).cast::<AtomicU64>(), count) }
    }

    /// Copies out, in rising order of address, each aligned 8-byte unit at once.
    ///
    /// # Panics
    /// If the range lies outside.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        self.check(offset, to.len());
        let mut at = offset;
        let head = at.wrapping_neg() % 8;
        let (head, rest) = to.split_at_mut(head.min(to.len()));
        for byte in head {
            *byte = self.byte(at).load(Ordering::Acquire);
            at += 1;
        }
        let (words, tail) = rest.as_chunks_mut::<8>();
        if !words.is_empty() {
            let from = self.words(at, words.len());
            at += words.len() * 8;
            for (word, from) in words.iter_mut().zip(from) {
                *word = from.load(Ordering::Acquire).to_le_bytes();
            }
        }
        for byte in tail {
            *byte = self.byte(at).load(Ordering::Acquire);
            at += 1;
        }
    }

    /// Copies in, in rising order of address, each aligned 8-byte unit at once.
    ///
    /// # Panics
    /// If the range lies outside.
    pub fn write(&self, offset: usize, from: &[u8]) {
        self.check(offset, from.len());
        let mut at = offset;
        let (head, rest) = from.split_at((at.wrapping_neg() % 8).min(from.len()));
        for byte in head {
            self.byte(at).store(*byte, Ordering::Release);
            at += 1;
        }
        let (words, tail) = rest.as_chunks::<8>();
        if !words.is_empty() {
            for (to, word) in self.words(at, words.len()).iter().zip(words) {
                to.store(u64::from_le_bytes(*word), Ordering::Release);
            }
            at += words.len() * 8;
        }
        for byte in tail {
            self.byte(at).store(*byte, Ordering::Release);
            at += 1;
        }
    }

    /// Overwrites with zeros. Atomic stores that another process may see are not optimised away.
    pub(crate) fn wipe(&self) {
        for word in self.words(0, self.len_bytes() / 8) {
            word.store(0, Ordering::Release);
        }
    }

    fn half(&self, at: usize) -> &AtomicU32 {
        self.check(at, 4);
        assert!(at.is_multiple_of(4), "a word at {at} is not aligned");
        // SAFETY: as for `words`, with an alignment of 4.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }

    /// An aligned little-endian word; what its writer wrote before it is seen afterwards.
    pub(crate) fn read_u32_acquire(&self, at: usize) -> u32 {
        u32::from_le(self.half(at).load(Ordering::Acquire))
    }

    /// An aligned little-endian word; what was written before it is seen first.
    pub(crate) fn write_u32_release(&self, at: usize, value: u32) {
        self.half(at).store(value.to_le(), Ordering::Release);
    }

    /// Reads a register.
    ///
    /// # Panics
    /// If it lies outside or is not aligned.
    pub(crate) fn read_register(&self, at: usize) -> u32 {
        self.check(at, 4);
        assert!(at.is_multiple_of(4), "a register at {at} is not aligned");
        // SAFETY: 1. in bounds and 2. aligned, just checked; 3. mapped as long as `self` lives; 4. volatile, so it is one load of 4 bytes and is
        // not left out; a device that is gone answers all-ones.
        let value = unsafe { self.map.as_ptr().add(at).cast::<u32>().read_volatile() };
        after_register_read();
        u32::from_le(value)
    }

    /// Writes a register, after everything that was written to memory before.
    ///
    /// # Panics
    /// If it lies outside or is not aligned.
    pub(crate) fn write_register(&self, at: usize, value: u32) {
        self.check(at, 4);
        assert!(at.is_multiple_of(4), "a register at {at} is not aligned");
        before_register_write();
        // SAFETY: 1. in bounds and 2. aligned, just checked; 3. mapped as long as `self` lives; 4. volatile, so it is one store of 4 bytes and is
        // not left out.
        unsafe { self.map.as_mut_ptr().add(at).cast::<u32>().write_volatile(value.to_le()) }
    }
}

fn seal_against_shrinking(file: impl AsFd) -> io::Result<()> {
    let is_sealed =
        || rustix::fs::fcntl_get_seals(&file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
    if !is_sealed() {
        // Whether it worked is looked at, not what it said.
        let _ = rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK);
    }
    if is_sealed() { Ok(()) } else { Err(rustix::io::Errno::PERM.into()) }
}

/// What the CPU wrote to memory is visible to the device before the register write that follows: a doorbell.
#[inline]
fn before_register_write() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier touches neither memory nor registers. `dsb st` because the device's memory type is not ordered by `stlr`.
    unsafe {
        core::arch::asm!("dsb st", options(nostack, preserves_flags))
    };
    // On x86 an uncached store comes after all earlier stores; only the compiler must not move them.
    #[cfg(not(target_arch = "aarch64"))]
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// What the CPU reads from memory afterwards is not older than the register read.
#[inline]
fn after_register_read() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier touches neither memory nor registers.
    unsafe {
        core::arch::asm!("dsb ld", options(nostack, preserves_flags))
    };
    #[cfg(not(target_arch = "aarch64"))]
    std::sync::atomic::fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `VmFlags` of the mapping that holds an address.
    fn flags_of(address: u64) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let ends = range.and_then(|(from, to)| {
                Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
            });
            if let Some((from, to)) = ends {
                inside = (from..to).contains(&address);
            }
            if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| inside) {
                return flags.to_owned();
            }
        }
        panic!("no mapping at {address:#x}");
    }

    #[test]
    fn memory_is_in_no_core_dump_and_in_no_child() {
        let (shared, file) = Mapping::shared("test", 8192).unwrap();
        let others = Mapping::of_file(&file).unwrap();
        let anonymous = Mapping::anonymous(8192).unwrap();
        // Where some are reserved.
        let huge = Mapping::huge(HUGE_PAGE_BYTES).ok();
        for mapping in [&shared, &others, &anonymous].into_iter().chain(&huge) {
            let flags = flags_of(mapping.address());
            // Don't dump, don't copy.
            for flag in ["dd", "dc"] {
                assert!(flags.split_whitespace().any(|f| f == flag), "{flag}: {flags}");
            }
        }
    }

    #[test]
    fn odd_offsets_and_lengths() {
        let (mapping, file) = Mapping::shared("test", 4096).unwrap();
        let other = Mapping::of_file(&file).unwrap();
        let bytes: Vec<u8> = (1..=200).collect();
        for offset in 0..17 {
            for len in 0..40 {
                mapping.wipe();
                mapping.write(offset, &bytes[..len]);
                let mut back = vec![0; 64];
                other.read(0, &mut back);
                let mut expected = vec![0; 64];
                expected[offset..offset + len].copy_from_slice(&bytes[..len]);
                assert_eq!(back, expected, "{len} bytes at {offset}");
                let mut part = vec![0; len];
                other.read(offset, &mut part);
                assert_eq!(part, &bytes[..len]);
            }
        }
        mapping.write_register(8, 0x0403_0201);
        assert_eq!(other.read_register(8), 0x0403_0201);
    }

    /// Looks until the other side answered. One that failed answers never more.
    fn answered(is_so: impl Fn() -> bool) {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
        while !is_so() {
            assert!(std::time::Instant::now() < until, "the other side does not answer");
            std::thread::yield_now();
        }
    }

    /// Two sides that hand a page of words to and fro, each by a mapping of its own and a register: whoever reads the register's new value reads all that was
    /// written before it, and nothing newer. On arm64 these are the barriers `dsb st` and `dsb ld`.
    #[test]
    fn a_register_tells_of_what_was_written_before_it() {
        const ROUNDS: u32 = 20_000;
        const WORDS: usize = 64;
        let (ours, file) = Mapping::shared("test", 8192).unwrap();
        let theirs = Mapping::of_file(&file).unwrap();
        let (doorbell, answer) = (4096, 4160);
        let until = |mapping: &Mapping, register: usize, value: u32| {
            answered(|| mapping.read_register(register) == value);
        };
        let page = |of: u32| of.to_le_bytes().repeat(WORDS);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    until(&theirs, doorbell, round);
                    let mut seen = vec![0; 4 * WORDS];
                    theirs.read(0, &mut seen);
                    assert_eq!(seen, page(round), "of before the doorbell");
                    theirs.write(1024, &page(!round));
                    theirs.write_register(answer, round);
                }
            });
            for round in 1..=ROUNDS {
                ours.write(0, &page(round));
                ours.write_register(doorbell, round);
                until(&ours, answer, round);
                let mut seen = vec![0; 4 * WORDS];
                ours.read(1024, &mut seen);
                assert_eq!(seen, page(!round), "of before the answer");
            }
        });
    }

    /// The same by the last word of an entry, as rings are written: release and acquire.
    #[test]
    fn the_last_word_of_an_entry_tells_of_the_others() {
        const ROUNDS: u32 = 20_000;
        let (ours, file) = Mapping::shared("test", 4096).unwrap();
        let theirs = Mapping::of_file(&file).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    theirs.write(0, &round.to_le_bytes().repeat(15));
                    theirs.write_u32_release(60, round);
                    answered(|| theirs.read_u32_acquire(64) == round);
                }
            });
            for round in 1..=ROUNDS {
                answered(|| ours.read_u32_acquire(60) == round);
                let mut entry = [0; 60];
                ours.read(0, &mut entry);
                assert_eq!(entry.as_slice(), round.to_le_bytes().repeat(15), "a torn entry");
                ours.write_u32_release(64, round);
            }
        });
    }

    #[test]
    #[should_panic(expected = "outside")]
    fn bounds_are_kept() {
        Mapping::anonymous(4096).unwrap().write(4090, &[0; 7]);
    }

    #[test]
    fn shared_memory_cannot_be_taken_away() {
        let (_mapping, file) = Mapping::shared("test", 8192).unwrap();
        assert!(file.set_len(4096).is_err());
    }
    #[test]
    fn files_that_can_shrink_are_refused() {
        let memfd = |flags| {
            let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | flags).unwrap();
            rustix::fs::ftruncate(&fd, 8192).unwrap();
            File::from(fd)
        };
        let on_disk = tempfile::tempfile().unwrap();
        on_disk.set_len(8192).unwrap();
        for file in [on_disk, memfd(MemfdFlags::empty())] {
            let error = Mapping::of_file(&file).err().expect("its owner could take it away");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        }
        let file = memfd(MemfdFlags::ALLOW_SEALING);
        let mapping = Mapping::of_file(&file).unwrap();
        assert!(file.set_len(0).is_err(), "sealed by who maps it");
        mapping.read(8000, &mut [0; 8]);
    }
}
