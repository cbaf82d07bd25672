//! Messages with descriptors over a Unix socket.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
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
}

impl Connection {
    /// Over a connected socket.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// How long a receive may take, `None` for ever.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_timeout(&self, at_most: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(at_most)?;
        self.stream.set_write_timeout(at_most)
    }

    /// Whether something can be received, or the other side has closed; waits at most so long.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_readable(&self, at_most: Duration) -> io::Result<bool> {
        let timeout = Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: at_most.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
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
        let sent = loop {
            match sendmsg(&self.stream, &parts, &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        // A stream may take a part only; descriptors went with the first byte.
        let mut rest = &self.stream;
        rest.write_all(head.get(sent..).unwrap_or(&[]))?;
        rest.write_all(payload.get(sent.saturating_sub(HEADER_BYTES)..).unwrap_or(&[]))
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// [`ReceiveError`]; the connection is of no use afterwards.
    pub fn receive(&self) -> Result<Incoming, ReceiveError> {
        let mut head = [0; HEADER_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            let mut part = [IoSliceMut::new(&mut head)];
            match recvmsg(&self.stream, &mut part, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other.map_err(io::Error::from)?.bytes,
            }
        };
        if got == 0 {
            return Err(ReceiveError::Closed);
        }
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                fds.extend(some);
            }
        }
        let mut stream = &self.stream;
        stream.read_exact(&mut head[got..])?;
        let header = Header::from_bytes(&head);
        let len = header.len_bytes as usize;
        if !(HEADER_BYTES..=MESSAGE_BYTES_MOST).contains(&len) {
            return Err(ReceiveError::BadLength { got: header.len_bytes });
        }
        let mut payload = vec![0; len - HEADER_BYTES];
        stream.read_exact(&mut payload)?;
        Ok(Incoming { header, payload, fds })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

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
        let waiting = Connection::new(b);
        waiting.set_timeout(Some(Duration::from_millis(10))).unwrap();
        assert!(matches!(waiting.receive(), Err(ReceiveError::Io(_))));
    }
}
