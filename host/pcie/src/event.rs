//! Interrupt vectors that arrive through an eventfd, from the kernel or from a served device.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};

use crate::Irq;

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// One vector.
///
/// Its count is never read: who raises it may share the file, take the count, and clear the flag that keeps a read from waiting, between any two steps of
/// this side. An epoll that is told of edges says all that there is to know, whether it was raised since the last look, and never waits for a count.
#[derive(Debug)]
pub struct EventIrq {
    fd: OwnedFd,
    edges: OwnedFd,
}

impl EventIrq {
    /// A vector that nobody raises yet.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let edges = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&edges, &fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self { fd, edges })
    }

    /// For whom raises it.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Whether it was raised since the last look. Never waits.
    fn take(&self) -> bool {
        let mut event =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }];
        epoll::wait(&self.edges, &mut event, Some(&NOW)).is_ok_and(|events| events > 0)
    }
}

impl Irq for EventIrq {
    fn wait(&self, at_most: Duration) -> bool {
        if !at_most.is_zero() {
            let timeout = Timespec {
                tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: at_most.subsec_nanos().into(),
            };
            // A signal ends the wait early; the caller looks at the ring in any case.
            let _ = poll(&mut [PollFd::new(&self.edges, PollFlags::IN)], Some(&timeout));
        }
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;
    use crate::Raiser;

    const LONG: Duration = Duration::from_secs(60);

    fn raise(irq: &EventIrq) {
        rustix::io::write(irq.fd(), &1u64.to_ne_bytes()).unwrap();
    }

    #[test]
    fn raised_vectors_are_seen_once() {
        let irq = EventIrq::new().unwrap();
        assert!(!irq.wait(Duration::from_millis(1)));
        for _ in 0..3 {
            raise(&irq);
            raise(&irq);
            assert!(irq.wait(LONG));
            assert!(!irq.wait(Duration::ZERO));
        }
    }

    #[test]
    fn who_sleeps_is_woken() {
        let irq = EventIrq::new().unwrap();
        thread::scope(|scope| {
            let woken = scope.spawn(|| irq.wait(LONG));
            raise(&irq);
            assert!(woken.join().unwrap());
        });
    }

    /// The peer does, before each step of this side, whatever it can with the file that both have.
    #[test]
    fn a_peer_that_does_as_it_likes_with_the_file_makes_nobody_wait() {
        let (told, done) = mpsc::channel();
        thread::spawn(move || {
            let (irq, raiser) = (EventIrq::new().unwrap(), Raiser::new().unwrap());
            fcntl_setfl(irq.fd(), fcntl_getfl(irq.fd()).unwrap() - OFlags::NONBLOCK).unwrap();
            let nothing = irq.wait(Duration::from_millis(1));
            raiser.raise(irq.fd()).unwrap();
            rustix::io::read(irq.fd(), &mut [0; 8]).unwrap();
            let taken_by_the_peer = irq.wait(Duration::ZERO);
            rustix::io::write(irq.fd(), &(u64::MAX - 1).to_ne_bytes()).unwrap();
            let full = (irq.wait(Duration::ZERO), irq.wait(Duration::ZERO));
            raiser.raise(irq.fd()).unwrap();
            let beyond = (irq.wait(Duration::ZERO), irq.wait(Duration::ZERO));
            told.send((nothing, taken_by_the_peer, full, beyond)).unwrap();
        });
        let expected = (false, false, (true, false), (true, false));
        assert_eq!(done.recv_timeout(LONG), Ok(expected), "somebody waits");
    }
}
