//! The driver's side of the socket.

use std::{
    fs::File,
    io,
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use millrace_pcie_sys as sys;
use parking_lot::Mutex;
use thiserror::Error;

use super::{
    connection::{Connection, ReceiveError},
    wire::{Command, FDS_MOST, Fields, Header, Payload},
};
use crate::{
    EventIrq, Function, FunctionReset, Gone, Iova, Irq, Mmio, ResetError,
    iova::IovaAllocator,
    mapped::{MappedSpace, Mapper},
    mapping::Mapping,
};

/// A server that does not answer for so long is dead: what QEMU allows, too.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const BAR0: u32 = sys::VFIO_PCI_BAR0_REGION_INDEX;
const CONFIG: u32 = sys::VFIO_PCI_CONFIG_REGION_INDEX;
const MSIX: u32 = sys::VFIO_PCI_MSIX_IRQ_INDEX;

/// Why a served device was not opened.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("cannot connect to {path}: {source} (`millrace device serve` listens there)")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It takes one client at a time.
    #[error("{path}: no answer within {} s: it serves another client, or it hangs", ANSWER_LIMIT.as_secs())]
    Busy {
        /// The socket.
        path: PathBuf,
    },
    /// The connection, or an answer on it, failed.
    #[error("{path}: {what}: {source}")]
    Talk {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        what: &'static str,
        /// What came.
        source: io::Error,
    },
    /// The device is not what it should be.
    #[error("{path}: {what}: expected {expected}, got {got}")]
    Unfit {
        /// The socket.
        path: PathBuf,
        /// What.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
}

/// Opens the device that is served on a socket: resets it, lets its interrupts arrive, makes it bus master.
///
/// # Errors
/// [`ClientError`].
pub fn open_vfio_user(path: &Path, bar0_bytes: u64) -> Result<Function, ClientError> {
    let connect = |source| ClientError::Connect { path: path.to_owned(), source };
    let talk = |what| move |source| ClientError::Talk { path: path.to_owned(), what, source };
    let unfit = |what, expected: String, got: String| ClientError::Unfit {
        path: path.to_owned(),
        what,
        expected,
        got,
    };
    let stream = UnixStream::connect(path).map_err(connect)?;
    let socket = stream.try_clone().map_err(connect)?;
    let mut connection = Connection::new(stream);
    connection.set_timeout(Some(ANSWER_LIMIT));
    let state = Mutex::new(State { connection, next_id: 0 });
    let link = Arc::new(Link { state, down: AtomicBool::new(false), socket, gone: OnceLock::new() });
    let version = link.negotiate().map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::Busy { path: path.to_owned() },
        _ => talk("agreeing on a version")(source),
    })?;
    if version != (0, 0) {
        return Err(unfit("protocol version", "0.0".into(), format!("{}.{}", version.0, version.1)));
    }
    let bar = link.region_bytes(BAR0).map_err(talk("asking for BAR0"))?;
    if bar < bar0_bytes {
        return Err(unfit("length of BAR0", format!("at least {bar0_bytes} bytes"), bar.to_string()));
    }
    let vectors = link.vectors().map_err(talk("asking for MSI-X"))?;
    if vectors == 0 {
        return Err(unfit("MSI-X", "at least one vector".into(), "none".into()));
    }
    let irqs: Vec<Arc<EventIrq>> = (0..vectors.min(FDS_MOST as u32))
        .map(|_| EventIrq::new().map(Arc::new))
        .collect::<io::Result<_>>()
        .map_err(talk("making an eventfd"))?;
    link.ask(Command::Reset, &[], &[]).map_err(talk("resetting it"))?;
    link.set_irqs(&irqs).map_err(talk("switching MSI-X on"))?;
    link.set_bus_master(true).map_err(talk("enabling the bus master"))?;
    Ok(Function {
        name: format!("vfio-user:{}", path.display()),
        bar0: Arc::new(Bar { link: link.clone(), len_bytes: bar }),
        dma: Arc::new(MappedSpace::new(link.clone(), IovaAllocator::new(&[]))),
        irqs: irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect(),
        reset: Some(link),
    })
}

struct State {
    connection: Connection,
    next_id: u16,
}

/// The connection, shared by everything that the function is made of.
struct Link {
    state: Mutex<State>,
    /// After an answer that failed nobody knows what comes next on the socket.
    down: AtomicBool,
    /// The socket, to hang up while somebody waits for an answer.
    socket: UnixStream,
    gone: OnceLock<Gone>,
}

impl Link {
    /// Whoever waits for an answer is told at once.
    fn hang_up(&self) {
        self.down.store(true, Ordering::Release);
        // One that has ended already cannot be ended.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Link {
    /// Sends a message and takes its answer.
    fn ask(
        &self,
        command: Command,
        payload: &[u8],
        fds: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        if self.down.load(Ordering::Acquire) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        state.next_id = state.next_id.wrapping_add(1);
        let id = state.next_id;
        let header = Header {
            id,
            command: command as u16,
            len_bytes: 0,
            is_reply: false,
            no_reply: false,
            error: None,
        };
        let answer = state.connection.send(header, payload, fds).map_err(ReceiveError::Io).and_then(|()| {
            let answer = state.connection.receive()?;
            let (is_reply, got) = (answer.header.is_reply, answer.header.id);
            match is_reply && got == id {
                true => Ok(answer),
                false => Err(ReceiveError::Io(io::Error::other(format!(
                    "message {got} is not the answer to {id}"
                )))),
            }
        });
        match answer {
            Ok(answer) => match answer.header.error {
                Some(errno) => Err(io::Error::from_raw_os_error(errno as i32)),
                None => Ok(answer.payload),
            },
            Err(error) => {
                // One that was hung up on by this side meanwhile is gone for the reason of then.
                if !self.down.load(Ordering::Acquire) {
                    let _ = self.gone.set(why_gone(&error));
                }
                self.hang_up();
                tracing::warn!("the served device is gone: {error}");
                Err(match error {
                    ReceiveError::Io(error) => error,
                    other => io::Error::other(other),
                })
            }
        }
    }

    fn negotiate(&self) -> io::Result<(u16, u16)> {
        let limits =
            format!("{{\"capabilities\":{{\"max_msg_fds\":{FDS_MOST},\"max_data_xfer_size\":1048576}}}}\0");
        let answer =
            self.ask(Command::Version, &Payload::new().u16(0).u16(0).bytes(limits.as_bytes()).0, &[])?;
        let mut fields = Fields(&answer);
        Ok((short(fields.u16())?, short(fields.u16())?))
    }

    fn region_bytes(&self, index: u32) -> io::Result<u64> {
        let argsz = size_of::<sys::vfio_region_info>() as u32;
        let question = Payload::new().u32(argsz).u32(0).u32(index).u32(0).u64(0).u64(0);
        let answer = self.ask(Command::RegionInfo, &question.0, &[])?;
        let mut fields = Fields(&answer);
        short(fields.bytes(16))?;
        short(fields.u64())
    }

    fn vectors(&self) -> io::Result<u32> {
        let question = Payload::new().u32(size_of::<sys::vfio_irq_info>() as u32).u32(0).u32(MSIX).u32(0);
        let answer = self.ask(Command::IrqInfo, &question.0, &[])?;
        let mut fields = Fields(&answer);
        short(fields.bytes(12))?;
        short(fields.u32())
    }

    fn set_irqs(&self, irqs: &[Arc<EventIrq>]) -> io::Result<()> {
        let flags = sys::VFIO_IRQ_SET_DATA_EVENTFD | sys::VFIO_IRQ_SET_ACTION_TRIGGER;
        let argsz = size_of::<sys::vfio_irq_set>() as u32;
        let order = Payload::new().u32(argsz).u32(flags).u32(MSIX).u32(0).u32(irqs.len() as u32);
        let fds: Vec<_> = irqs.iter().map(|irq| irq.fd()).collect();
        self.ask(Command::SetIrqs, &order.0, &fds).map(drop)
    }

    fn read_region(&self, region: u32, offset: u64, to: &mut [u8]) -> io::Result<()> {
        let question = Payload::new().u64(offset).u32(region).u32(to.len() as u32);
        let answer = self.ask(Command::RegionRead, &question.0, &[])?;
        let data = answer.get(16..).filter(|data| data.len() == to.len());
        to.copy_from_slice(short(data)?);
        Ok(())
    }

    fn write_region(&self, region: u32, offset: u64, from: &[u8]) -> io::Result<()> {
        let order = Payload::new().u64(offset).u32(region).u32(from.len() as u32).bytes(from);
        self.ask(Command::RegionWrite, &order.0, &[]).map(drop)
    }

    fn set_bus_master(&self, on: bool) -> io::Result<()> {
        let at = u64::from(sys::PCI_COMMAND);
        let mask = (sys::PCI_COMMAND_MASTER | sys::PCI_COMMAND_MEMORY) as u16;
        let mut bytes = [0; 2];
        self.read_region(CONFIG, at, &mut bytes)?;
        let old = u16::from_le_bytes(bytes);
        self.write_region(CONFIG, at, &(if on { old | mask } else { old & !mask }).to_le_bytes())
    }
}

fn why_gone(error: &ReceiveError) -> Gone {
    match error {
        ReceiveError::Closed => Gone::HungUp,
        ReceiveError::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Gone::NoAnswer,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                Gone::HungUp
            }
            _ => Gone::BadAnswer,
        },
        ReceiveError::BadLength { .. } => Gone::BadAnswer,
    }
}

/// An answer that is shorter than it should be is none.
fn short<T>(field: Option<T>) -> io::Result<T> {
    field.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an answer that is too short"))
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.down.load(Ordering::Acquire) {
            let _ = self.set_bus_master(false);
        }
    }
}

impl FunctionReset for Link {
    /// The command register is as after power-on then; it is set again here, as the kernel does for a card.
    fn reset(&self) -> Result<(), ResetError> {
        self.ask(Command::Reset, &[], &[])?;
        Ok(self.set_bus_master(true)?)
    }

    /// Hangs up, so that the server takes another client.
    fn let_go(&self) {
        self.hang_up();
    }

    fn gone(&self) -> Option<Gone> {
        self.gone.get().copied()
    }
}

impl Mapper for Link {
    type Token = File;

    fn memory(&self, len_bytes: usize) -> io::Result<(Mapping, File)> {
        Mapping::shared("millrace-dma", len_bytes)
    }

    fn map(&self, iova: Iova, memory: &Mapping, file: &File) -> io::Result<()> {
        let flags = sys::VFIO_DMA_MAP_FLAG_READ | sys::VFIO_DMA_MAP_FLAG_WRITE;
        let order = Payload::new().u32(32).u32(flags).u64(0).u64(iova.0).u64(memory.len_bytes() as u64);
        self.ask(Command::DmaMap, &order.0, &[file.as_fd()]).map(drop)
    }

    /// A server that keeps what it is told to let go of is hung up on, and nothing that it maps is believed any more. The pages are used for nothing else then:
    /// whoever served them is gone, or has a mapping of his own, of what was wiped before.
    fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()> {
        let order = Payload::new().u32(24).u32(0).u64(iova.0).u64(len_bytes as u64);
        if let Err(error) = self.ask(Command::DmaUnmap, &order.0, &[]) {
            if self.down.load(Ordering::Acquire) {
                tracing::debug!("unmapped after the server was gone: {error}");
            } else {
                tracing::warn!("the served device is given up: it does not let go of memory: {error}");
                let _ = self.gone.set(Gone::KeepsMemory);
                self.let_go();
            }
        }
        Ok(())
    }
}

struct Bar {
    link: Arc<Link>,
    len_bytes: u64,
}

impl Bar {
    fn is_inside(&self, offset: u32) -> bool {
        u64::from(offset) + 4 <= self.len_bytes
    }
}

impl Mmio for Bar {
    fn read32(&self, offset: u32) -> u32 {
        let mut bytes = [0xff; 4];
        if self.is_inside(offset) && self.link.read_region(BAR0, offset.into(), &mut bytes).is_err() {
            return u32::MAX;
        }
        u32::from_le_bytes(bytes)
    }

    fn write32(&self, offset: u32, value: u32) {
        if self.is_inside(offset) {
            // A write to what is gone vanishes; the next read tells.
            let _ = self.link.write_region(BAR0, offset.into(), &value.to_le_bytes());
        }
    }
}
