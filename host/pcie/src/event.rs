//! Interrupt vectors that arrive through an eventfd, from the kernel or from a served device.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
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

    /// Takes what was raised; the count is of no interest.
    fn take(&self) -> bool {
        rustix::io::read(&self.fd, &mut [0; 8]).is_ok()
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
pub fn raise(fd: impl AsFd) -> io::Result<()> {
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
}
