//! Messages with descriptors over a Unix socket.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recv, recvmsg, send, sendmsg,
    },
};
use thiserror::Error;

use super::wire::{FDS_MOST, HEADER_BYTES, Header, MESSAGE_BYTES_MOST};

/// Why no message came.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other side closed between two messages.
    #[error("the other side closed the connection")]
    Closed,
    /// The length in a head makes no sense.
    #[error("expected a message of {HEADER_BYTES} to {MESSAGE_BYTES_MOST} bytes, got one of {got}")]
    BadLength {
        /// The length.
        got: u32,
    },
    /// The socket failed, or nothing came in time.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// A message as it came.
#[derive(Debug)]
pub struct Incoming {
    /// Its head.
    pub header: Header,
    /// What follows.
    pub payload: Vec<u8>,
    /// Descriptors that came with it.
    pub fds: Vec<OwnedFd>,
}

/// One end of a socket.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    at_most: Option<Duration>,
}

/// When a message must have passed. Absolute: a peer that sends byte by byte gains nothing.
#[derive(Clone, Copy)]
struct Deadline {
    at_most: Option<Duration>,
    started: Instant,
}

impl Deadline {
    /// What is left, `None` for ever.
    fn left(self) -> io::Result<Option<Timespec>> {
        let Some(at_most) = self.at_most else { return Ok(None) };
        match at_most.checked_sub(self.started.elapsed()).filter(|left| !left.is_zero()) {
            Some(left) => Ok(Some(timespec(left))),
            None => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("expected a whole message within {} s", at_most.as_secs_f64()),
            )),
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

impl Connection {
    /// Over a connected socket.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, at_most: None }
    }

    /// How long one message may take from the first look to its last byte, received or sent; `None` for ever.
    pub fn set_timeout(&mut self, at_most: Option<Duration>) {
        self.at_most = at_most;
    }

    fn deadline(&self) -> Deadline {
        Deadline { at_most: self.at_most, started: Instant::now() }
    }

    /// Repeats a call that does not wait until it does something, or the deadline passes.
    fn patiently<T>(
        &self,
        deadline: Deadline,
        flags: PollFlags,
        mut call: impl FnMut() -> rustix::io::Result<T>,
    ) -> io::Result<T> {
        loop {
            // Before the call, too: a peer that is always ready gains nothing either.
            let left = deadline.left()?;
            match call() {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
            match poll(&mut [PollFd::new(&self.stream, flags)], left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receive_exact(&self, deadline: Deadline, mut to: &mut [u8]) -> io::Result<()> {
        while !to.is_empty() {
            let (n, _) = self
                .patiently(deadline, PollFlags::IN, || recv(&self.stream, &mut *to, RecvFlags::DONTWAIT))?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            to = &mut to[n..];
        }
        Ok(())
    }

    fn send_all(&self, deadline: Deadline, mut from: &[u8]) -> io::Result<()> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        while !from.is_empty() {
            let n = self.patiently(deadline, PollFlags::OUT, || send(&self.stream, from, flags))?;
            from = &from[n..];
        }
        Ok(())
    }

    /// Whether something can be received, or the other side has closed; waits at most so long.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_readable(&self, at_most: Duration) -> io::Result<bool> {
        match poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&timespec(at_most))) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// If there are more than [`FDS_MOST`] descriptors, or the payload is longer than [`MESSAGE_BYTES_MOST`].
    pub fn send(&self, header: Header, payload: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        assert!(
            fds.len() <= FDS_MOST && HEADER_BYTES + payload.len() <= MESSAGE_BYTES_MOST,
            "a message too long"
        );
        let len_bytes = (HEADER_BYTES + payload.len()) as u32;
        let head = Header { len_bytes, ..header }.to_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let parts = [IoSlice::new(&head), IoSlice::new(payload)];
        let deadline = self.deadline();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent =
            self.patiently(deadline, PollFlags::OUT, || sendmsg(&self.stream, &parts, &mut control, flags))?;
        // A stream may take a part only; descriptors went with the first byte.
        self.send_all(deadline, head.get(sent..).unwrap_or(&[]))?;
        self.send_all(deadline, payload.get(sent.saturating_sub(HEADER_BYTES)..).unwrap_or(&[]))
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// [`ReceiveError`]; the connection is of no use afterwards.
    pub fn receive(&self) -> Result<Incoming, ReceiveError> {
        let mut head = [0; HEADER_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let deadline = self.deadline();
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let got = self
            .patiently(deadline, PollFlags::IN, || {
                recvmsg(&self.stream, &mut [IoSliceMut::new(&mut head)], &mut control, flags)
            })?
            .bytes;
        if got == 0 {
            return Err(ReceiveError::Closed);
        }
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                fds.extend(some);
            }
        }
        self.receive_exact(deadline, &mut head[got..])?;
        let header = Header::from_bytes(&head);
        let len = header.len_bytes as usize;
        if !(HEADER_BYTES..=MESSAGE_BYTES_MOST).contains(&len) {
            return Err(ReceiveError::BadLength { got: header.len_bytes });
        }
        let mut payload = vec![0; len - HEADER_BYTES];
        self.receive_exact(deadline, &mut payload)?;
        Ok(Incoming { header, payload, fds })
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::fd::AsFd};

    use super::*;
    use crate::vfio_user::wire::Command;

    fn head(command: Command) -> Header {
        Header { id: 7, command: command as u16, len_bytes: 0, is_reply: false, no_reply: false, error: None }
    }

    #[test]
    fn payload_and_descriptors_arrive() {
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = (Connection::new(a), Connection::new(b));
        let file = tempfile::tempfile().unwrap();
        a.send(head(Command::DmaMap), &[1, 2, 3], &[file.as_fd(), file.as_fd()]).unwrap();
        a.send(head(Command::Reset), &[], &[]).unwrap();
        let first = b.receive().unwrap();
        assert_eq!((first.header.id, first.header.len_bytes, first.fds.len()), (7, 19, 2));
        assert_eq!(first.payload, [1, 2, 3]);
        assert_eq!(b.receive().unwrap().header.command, 13);
        drop(a);
        assert!(matches!(b.receive(), Err(ReceiveError::Closed)));
    }

    #[test]
    fn a_long_message_arrives_whole() {
        let (a, b) = UnixStream::pair().unwrap();
        let bytes: Vec<u8> = (0..1 << 20).map(|i| (i % 251) as u8).collect();
        let sent = bytes.clone();
        let sender =
            std::thread::spawn(move || Connection::new(a).send(head(Command::RegionWrite), &sent, &[]));
        assert!(Connection::new(b).receive().unwrap().payload == bytes);
        sender.join().unwrap().unwrap();
    }

    #[test]
    fn nonsense_is_refused() {
        for len_bytes in [0u32, 15, u32::MAX] {
            let (mut a, b) = UnixStream::pair().unwrap();
            a.write_all(&Header { len_bytes, ..head(Command::Version) }.to_bytes()).unwrap();
            let error = Connection::new(b).receive().unwrap_err();
            assert!(matches!(error, ReceiveError::BadLength { got } if got == len_bytes), "{error}");
        }
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(&[1, 2, 3]).unwrap();
        drop(a);
        assert!(matches!(Connection::new(b).receive(), Err(ReceiveError::Io(_))));
        let (_a, b) = UnixStream::pair().unwrap();
        let mut waiting = Connection::new(b);
        waiting.set_timeout(Some(Duration::from_millis(10)));
        assert!(matches!(waiting.receive(), Err(ReceiveError::Io(_))));
    }
    fn timed_out(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::TimedOut
    }

    #[test]
    fn a_peer_that_drips_is_given_up() {
        let (mut a, b) = UnixStream::pair().unwrap();
        // Each byte long before the limit, the message long after it.
        let bytes = Header { len_bytes: 1016, ..head(Command::RegionWrite) }.to_bytes();
        let dripping = std::thread::spawn(move || {
            let mut sent = 0;
            for byte in bytes.iter().chain([0; 1000].iter()) {
                if a.write_all(&[*byte]).is_err() {
                    break;
                }
                sent += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            sent
        });
        let mut waiting = Connection::new(b);
        waiting.set_timeout(Some(Duration::from_millis(200)));
        assert!(matches!(waiting.receive(), Err(ReceiveError::Io(error)) if timed_out(&error)));
        drop(waiting);
        assert!(dripping.join().unwrap() < 1016, "the whole message was waited for");
    }

    #[test]
    fn a_peer_that_takes_byte_by_byte_is_given_up() {
        use std::io::Read;
        let (a, mut b) = UnixStream::pair().unwrap();
        let taking = std::thread::spawn(move || {
            let mut some = [0; 4096];
            while b.read(&mut some).is_ok_and(|n| n > 0) {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut sending = Connection::new(a);
        sending.set_timeout(Some(Duration::from_millis(200)));
        let error = sending.send(head(Command::RegionWrite), &[0; 1 << 20], &[]).unwrap_err();
        assert!(timed_out(&error), "{error}");
        drop(sending);
        taking.join().unwrap();
    }
}
