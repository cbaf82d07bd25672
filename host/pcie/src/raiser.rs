//! Interrupts to an eventfd that somebody else holds too, sent without ever waiting for him.
//!
//! Who writes to an eventfd of which the count is full waits, unless its file says that nobody does; but the other side shares the file, and can clear
//! that flag and fill the count between any two steps. Linux has no write to an eventfd that says itself that it does not wait. The kernel's own signal
//! never waits: a count that is full stays full. It is what an asynchronous read sends that names an eventfd to be told by (`linux/aio_abi.h`,
//! `IOCB_FLAG_RESFD`), so that an interrupt is a read of a file that has nothing to read.

use std::{
    fs::File,
    io,
    mem::zeroed,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr::null_mut,
    sync::atomic::AtomicU8,
};

use rustix::fs::MemfdFlags;

/// `linux/aio_abi.h`: a read at an offset.
const IOCB_CMD_PREAD: u16 = 0;
/// `linux/aio_abi.h`: `aio_resfd` is told.
const IOCB_FLAG_RESFD: u32 = 1 << 0;
/// Bytes of an `io_event` of `linux/aio_abi.h`: four words of 64 bits.
const EVENT_WORDS: usize = 4;
/// Reads that may be under way, and ends of reads that are taken back at once.
const READS_MOST: usize = 64;

/// A sender of interrupts, for any number of threads.
pub struct Raiser {
    /// `aio_context_t`.
    context: libc::c_ulong,
    empty: File,
    /// Where a read would put its byte.
    byte: Box<AtomicU8>,
}

impl Raiser {
    /// # Errors
    /// What the system says: ENOSYS of a kernel without asynchronous I/O (CONFIG_AIO), EAGAIN where others use all that is allowed (`fs.aio-max-nr`).
    pub fn new() -> io::Result<Self> {
        let empty = rustix::fs::memfd_create("millrace-nothing", MemfdFlags::CLOEXEC)?.into();
        let mut context: libc::c_ulong = 0;
        // SAFETY: the kernel writes the one word that is lent to it, which must be 0 before and is.
        let made = unsafe { libc::syscall(libc::SYS_io_setup, READS_MOST as libc::c_long, &raw mut context) };
        if made < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { context, empty, byte: Box::default() })
    }

    /// Raises a vector through an eventfd. One whose count is full (2^64 − 1 interrupts that nobody took) stays as it is.
    ///
    /// # Errors
    /// What the system says: EINVAL for a file that is no eventfd.
    pub fn raise(&self, fd: impl AsFd) -> io::Result<()> {
        let submitted = match self.submit(fd.as_fd()) {
            // Others have so many under way; each of them takes back as many as it can.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.take_back();
                self.submit(fd.as_fd())
            }
            other => other,
        };
        self.take_back();
        submitted
    }

    fn submit(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: a structure of numbers, for which zero is a value.
        let mut read: libc::iocb = unsafe { zeroed() };
        read.aio_lio_opcode = IOCB_CMD_PREAD;
        read.aio_fildes = self.empty.as_raw_fd() as u32;
        read.aio_buf = self.byte.as_ptr().expose_provenance() as u64;
        read.aio_nbytes = 1;
        read.aio_flags = IOCB_FLAG_RESFD;
        read.aio_resfd = fd.as_raw_fd() as u32;
        let mut reads = [&raw mut read];
        // SAFETY: 1. the context is ours until the drop; 2. one pointer is lent, to a whole `iocb`, which the kernel copies in the call, writing its key at most;
        // 3. both files are open over the call, and the kernel holds them after it; 4. the byte lives until the context has been destroyed, which waits for
        // reads under way, is exposed by its address, and is an atomic, so that the kernel might even write it.
        let sent = unsafe {
            libc::syscall(libc::SYS_io_submit, self.context, 1 as libc::c_long, reads.as_mut_ptr())
        };
        if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Takes ends of reads back, so that there is room for the next; nobody waits.
    fn take_back(&self) {
        let mut events = [0u64; EVENT_WORDS * READS_MOST];
        // SAFETY: the kernel writes as many events as it is told that there is room for, none of which is needed; without a minimum it waits for none.
        unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.context,
                0 as libc::c_long,
                READS_MOST as libc::c_long,
                events.as_mut_ptr(),
                null_mut::<libc::timespec>(),
            )
        };
    }
}

impl Drop for Raiser {
    fn drop(&mut self) {
        // SAFETY: nobody else has the context, and nobody uses it afterwards. The kernel waits for reads under way.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context) };
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use std::os::fd::OwnedFd;

    use rustix::{
        event::{EventfdFlags, eventfd},
        fs::{OFlags, fcntl_getfl},
    };

    use super::*;

    fn count(fd: &OwnedFd) -> u64 {
        let mut bytes = [0; 8];
        rustix::io::read(fd, &mut bytes).expect("somebody raised it");
        u64::from_ne_bytes(bytes)
    }

    #[test]
    fn a_count_that_is_full_makes_nobody_wait() {
        let (told, done) = mpsc::channel();
        thread::spawn(move || {
            // Without O_NONBLOCK: its file says that who writes to a full count waits.
            let fd = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
            rustix::io::write(&fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
            let raiser = Raiser::new().unwrap();
            (0..3).for_each(|_| raiser.raise(&fd).unwrap());
            assert!(
                !fcntl_getfl(&fd).unwrap().contains(OFlags::NONBLOCK),
                "nor is the other side's file changed"
            );
            told.send(count(&fd)).unwrap();
        });
        assert_eq!(done.recv_timeout(Duration::from_secs(60)), Ok(u64::MAX), "somebody waits");
    }

    #[test]
    fn each_of_many_threads_is_heard_each_time() {
        const EACH: u64 = 1000;
        let (raiser, fd) = (Raiser::new().unwrap(), eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..EACH).for_each(|_| raiser.raise(&fd).unwrap()));
            }
        });
        assert_eq!(count(&fd), 4 * EACH);
    }

    #[test]
    fn what_is_no_eventfd_is_refused() {
        let raiser = Raiser::new().unwrap();
        let file = tempfile::tempfile().unwrap();
        assert_eq!(raiser.raise(&file).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}
