//! Interrupt vectors that arrive through an eventfd, from the kernel or from a served device.

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, ReadWriteFlags, preadv2},
};

use crate::Irq;

/// One vector.
#[derive(Debug)]
pub struct EventIrq {
    fd: OwnedFd,
}

impl EventIrq {
    /// A vector that nobody raises yet.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// For whom raises it.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes what was raised; the count is of no interest. Never waits: O_NONBLOCK is a property of the open file, which the other side
    /// shares and can clear, so that each read says itself that it does not wait. A kernel before 5.8 has no such read for an eventfd.
    fn take(&self) -> bool {
        let mut count = [0; 8];
        // No position: an eventfd has none.
        let read = preadv2(&self.fd, &mut [IoSliceMut::new(&mut count)], u64::MAX, ReadWriteFlags::NOWAIT);
        match read {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.take_by_flag(),
            read => read.is_ok(),
        }
    }

    /// The same by the file's flag. Waits only if the other side clears it and takes the count between the last two steps; the kernel, which raises
    /// the vectors of a card, does neither.
    fn take_by_flag(&self) -> bool {
        let flags = fcntl_getfl(&self.fd).map(|flags| flags | OFlags::NONBLOCK);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        flags.and_then(|flags| fcntl_setfl(&self.fd, flags)).is_ok()
            && poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
            && rustix::io::read(&self.fd, &mut [0; 8]).is_ok()
    }
}

impl Irq for EventIrq {
    fn wait(&self, at_most: Duration) -> bool {
        if self.take() {
            return true;
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        // A signal ends the wait early; the caller looks at the ring in any case.
        let _ = poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&timeout));
        self.take()
    }
}

/// Raises a vector through a descriptor that a client gave.
///
/// # Errors
/// What the system says; a counter that is full (2^64 − 2 interrupts that nobody took) is none.
///
/// Waits only if the client clears O_NONBLOCK and fills the counter between the last two steps: Linux has no write to an eventfd that says
/// itself that it does not wait.
pub fn raise(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd();
    fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
    if poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
        return Ok(());
    }
    match rustix::io::write(fd, &1u64.to_ne_bytes()) {
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_vectors_are_seen_once() {
        let irq = EventIrq::new().unwrap();
        assert!(!irq.wait(Duration::from_millis(1)));
        raise(irq.fd()).unwrap();
        raise(irq.fd()).unwrap();
        assert!(irq.wait(Duration::from_secs(10)));
        assert!(!irq.wait(Duration::ZERO));
    }

    #[test]
    fn a_kernel_without_reads_that_say_so_is_served_too() {
        let irq = EventIrq::new().unwrap();
        fcntl_setfl(irq.fd(), fcntl_getfl(irq.fd()).unwrap() - OFlags::NONBLOCK).unwrap();
        assert!(!irq.take_by_flag(), "and nobody waits");
        raise(irq.fd()).unwrap();
        raise(irq.fd()).unwrap();
        assert_eq!((irq.take_by_flag(), irq.take_by_flag()), (true, false));
        // A file of which each kernel refuses such a read, as one before 5.8 does of an eventfd.
        let refusing = EventIrq { fd: std::fs::File::open("/proc/self/stat").unwrap().into() };
        let refused = preadv2(&refusing.fd, &mut [IoSliceMut::new(&mut [0; 8])], 0, ReadWriteFlags::NOWAIT);
        assert_eq!(refused, Err(Errno::OPNOTSUPP));
        assert!(refusing.take(), "else the vector would never be seen");
    }

    #[test]
    fn a_peer_that_clears_the_flag_makes_nobody_wait() {
        let (told, done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let irq = EventIrq::new().unwrap();
            let clear = || fcntl_setfl(irq.fd(), fcntl_getfl(irq.fd()).unwrap() - OFlags::NONBLOCK).unwrap();
            clear();
            let nothing = irq.wait(Duration::from_millis(1));
            rustix::io::write(irq.fd(), &(u64::MAX - 1).to_ne_bytes()).unwrap();
            clear();
            raise(irq.fd()).unwrap();
            told.send((nothing, irq.wait(Duration::ZERO), irq.wait(Duration::ZERO))).unwrap();
        });
        assert_eq!(done.recv_timeout(Duration::from_secs(20)), Ok((false, true, false)), "somebody waits");
    }
}
