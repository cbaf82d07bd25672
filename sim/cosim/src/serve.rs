//! A device served on a Unix socket by the vfio-user protocol, so that QEMU presents it as a PCIe function, or a driver reaches it without.
//!
//! In: how to power a device on, a socket. Out: configuration space, BAR0, interrupts; DMA goes only where the client mapped memory,
//! while the bus master bit is set, and a reset cuts off what the device had under way. One client at a time; when it goes, the device is
//! reset. What a client sends is judged as hostile.

mod client_memory;
mod config_space;
mod session;

use std::{
    any::Any,
    io,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use millrace_pcie::{
    BusMaster, Irq, Mmio, Raiser,
    vfio_user::{Connection, ReceiveError},
};
use parking_lot::{Condvar, Mutex};

use self::{
    client_memory::{ClientMemory, Life},
    config_space::ConfigSpace,
    session::{MESSAGE_LIMIT, Session, Vectors},
};

/// How long a stop may go unnoticed while nobody is connected.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(20);
/// How long one may be missing that should be ready.
const READY_INTERVAL: Duration = Duration::from_millis(5);
/// The same for the threads that pass interrupts on.
const IRQ_INTERVAL: Duration = Duration::from_millis(20);

/// A device that is on.
pub struct Powered {
    /// BAR0.
    pub bar0: Arc<dyn Mmio>,
    /// Its interrupts, always as many.
    pub irqs: Vec<Arc<dyn Irq>>,
    /// Whatever must live as long as the device; dropped to switch it off.
    pub keep: Box<dyn Any + Send>,
}

/// Switches a device on that reaches the client's memory through what it is given. Called again for every reset.
pub type PowerOn = Box<dyn Fn(Arc<dyn BusMaster>) -> Powered + Send + Sync>;

struct On {
    device: Powered,
    life: Arc<Life>,
}

/// The device behind the socket.
struct Machine {
    power_on: PowerOn,
    bar0_bytes: u64,
    vectors: usize,
    on: Mutex<Option<On>>,
    /// Whether one is kept ready, so that a reset waits for none.
    keeps_ready: bool,
    ready: Mutex<Option<On>>,
    /// There is one.
    made_ready: Condvar,
    /// Those that were switched off, and are still to be taken apart.
    old: Mutex<Vec<On>>,
    is_dead: AtomicBool,
}

impl Machine {
    fn config(&self) -> ConfigSpace {
        ConfigSpace::new(self.bar0_bytes, self.vectors as u16)
    }

    fn bar0(&self) -> Arc<dyn Mmio> {
        self.on.lock().as_ref().expect("the device is on while a client is connected").device.bar0.clone()
    }

    /// Whether nothing of the device is to be answered or done any more.
    fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    fn irq(&self, vector: usize) -> Option<Arc<dyn Irq>> {
        self.on.lock().as_ref().and_then(|on| on.device.irqs.get(vector).cloned())
    }

    fn another(&self, memory: &Arc<ClientMemory>) -> On {
        let life = Arc::new(Life::new(memory.clone()));
        On { device: (self.power_on)(life.clone()), life }
    }

    /// Off, with all that it had under way cut off, and on again: another one takes its place, which does not wait until the old one has been taken apart.
    fn power_cycle(&self, memory: &Arc<ClientMemory>) {
        let mut on = self.on.lock();
        if let Some(old) = on.take() {
            old.life.end();
            if self.keeps_ready {
                self.old.lock().push(old);
            }
        }
        let next = if self.keeps_ready { self.take_ready() } else { self.another(memory) };
        if self.is_dead() {
            next.life.end();
        }
        *on = Some(next);
    }

    /// The one that is ready; where the last was taken a moment ago, the next is being made.
    fn take_ready(&self) -> On {
        let mut ready = self.ready.lock();
        loop {
            match ready.take() {
                Some(on) => return on,
                None => self.made_ready.wait(&mut ready),
            }
        }
    }

    /// Takes apart what was switched off, and has another one ready; until `over`.
    fn keep_ready(&self, memory: &Arc<ClientMemory>, over: &AtomicBool) {
        while !over.load(Ordering::Acquire) {
            let old = std::mem::take(&mut *self.old.lock());
            let is_wanted = self.ready.lock().is_none();
            if is_wanted {
                let another = self.another(memory);
                *self.ready.lock() = Some(another);
                self.made_ready.notify_one();
            } else if old.is_empty() {
                thread::sleep(READY_INTERVAL);
            }
            drop(old);
        }
    }
}

/// Does something at its end, however that comes.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A listening socket with a device behind it.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    machine: Machine,
    memory: Arc<ClientMemory>,
    vectors: Vectors,
    raiser: Raiser,
}

/// The shape of a served device.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Length of BAR0, a power of two from 4096.
    pub bar0_bytes: u64,
    /// MSI-X vectors, 1..=16.
    pub vectors: usize,
}

impl Server {
    /// Listens on a socket that only this user may connect to. A socket that a dead server left behind is taken over.
    ///
    /// # Errors
    /// What the system says: another server is there, the folder cannot be written, the kernel has no way to send interrupts ([`Raiser::new`]).
    ///
    /// # Panics
    /// If the shape is none.
    pub fn bind(path: &Path, config: ServerConfig, power_on: PowerOn) -> io::Result<Self> {
        assert!(config.bar0_bytes.is_power_of_two() && config.bar0_bytes >= 4096, "{config:?}");
        assert!((1..=16).contains(&config.vectors), "{config:?}");
        let raiser = Raiser::new()?;
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let machine = Machine {
            power_on,
            bar0_bytes: config.bar0_bytes,
            vectors: config.vectors,
            on: Mutex::new(None),
            keeps_ready: false,
            ready: Mutex::new(None),
            made_ready: Condvar::new(),
            old: Mutex::default(),
            is_dead: AtomicBool::new(false),
        };
        let vectors = Mutex::new((0..config.vectors).map(|_| None).collect());
        Ok(Self { listener, path: path.to_owned(), machine, memory: Arc::default(), vectors, raiser })
    }

    /// Keeps another device ready, for one that takes long to switch on: a reset is a swap then. It takes the memory of two.
    #[must_use]
    pub fn with_one_ready(mut self) -> Self {
        self.machine.keeps_ready = true;
        self
    }

    /// From now on nothing of the device is answered, neither registers nor configuration space nor a reset, and it reaches no memory: as of a card that
    /// fell off the bus, for good.
    pub fn die(&self) {
        self.machine.is_dead.store(true, Ordering::Release);
        if let Some(on) = self.machine.on.lock().as_ref() {
            on.life.end();
        }
    }

    /// Serves one client after the other until `stop` is set.
    ///
    /// # Errors
    /// What the system says when it accepts no more clients. What goes wrong with one client ends that client only.
    pub fn run(&self, stop: &AtomicBool) -> io::Result<()> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for vector in 0..self.machine.vectors {
                let over = &over;
                scope.spawn(move || self.pass_interrupts(vector, over));
            }
            if self.machine.keeps_ready {
                let over = &over;
                scope.spawn(|| self.machine.keep_ready(&self.memory, over));
            }
            // Also where a session panics: the others must end for that to be seen.
            let _over = OnDrop(|| over.store(true, Ordering::Release));
            self.accept(stop)
        })
    }

    fn accept(&self, stop: &AtomicBool) -> io::Result<()> {
        while !stop.load(Ordering::Acquire) {
            match self.listener.accept() {
                Ok((stream, _)) => self.serve(stream, stop),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(ACCEPT_INTERVAL),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn serve(&self, stream: UnixStream, stop: &AtomicBool) {
        tracing::info!("a client has come");
        self.machine.power_cycle(&self.memory);
        let ended = stream.set_nonblocking(false).map_err(ReceiveError::Io).and_then(|()| {
            let (machine, memory, vectors) = (&self.machine, &self.memory, &self.vectors);
            let mut session = Session { machine, memory, vectors, config: machine.config(), agreed: false };
            let mut connection = Connection::new(stream);
            connection.set_timeout(Some(MESSAGE_LIMIT));
            session.run(&connection, stop)
        });
        if let Some(on) = self.machine.on.lock().take() {
            on.life.end();
        }
        self.memory.set_bus_master(false);
        self.memory.clear();
        self.vectors.lock().fill_with(|| None);
        match ended {
            Ok(()) | Err(ReceiveError::Closed) => tracing::info!("the client has gone"),
            Err(error) => tracing::warn!("the client was dropped: {error}"),
        }
    }

    /// From the device to the client's eventfd.
    fn pass_interrupts(&self, vector: usize, over: &AtomicBool) {
        while !over.load(Ordering::Acquire) {
            let Some(irq) = self.machine.irq(vector) else {
                thread::sleep(IRQ_INTERVAL);
                continue;
            };
            if !irq.wait(IRQ_INTERVAL) || self.machine.is_dead() {
                continue;
            }
            // Not under the lock: what happens at the client's descriptor holds up no message.
            let fd = self.vectors.lock()[vector].clone();
            if let Some(fd) = fd
                && let Err(error) = self.raiser.raise(&*fd)
            {
                tracing::warn!("an interrupt was lost: {error}");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a path is a socket that nobody listens on.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path)
        .is_ok_and(|m| std::os::unix::fs::FileTypeExt::is_socket(&m.file_type()));
    is_socket && UnixStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}
