//! A model behind a socket.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use millrace_cosim::{Powered, QUEUES, Server, ServerConfig};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_model::{BareModel, Fault, JobClass, ModelConfig};
use millrace_pcie::{BusMaster, DmaFault, Function, Iova, Irq, vfio_user::open_vfio_user};
use parking_lot::Mutex;

use super::{IN_THE_MIDDLE, LIMIT, quick, work::Work};

/// Which of the device's reads of host memory is answered with poisoned data, by its length.
pub(crate) type Poison = fn(usize) -> bool;

/// The device's way to host memory, on which one read may be poisoned: its completion says so, and the device uses nothing of it.
struct Poisoned {
    inner: Arc<dyn BusMaster>,
    next: Arc<Mutex<Option<Poison>>>,
}

impl BusMaster for Poisoned {
    fn read(&self, iova: Iova, to: &mut [u8]) -> Result<(), DmaFault> {
        if self.next.lock().take_if(|strikes| strikes(to.len())).is_some() {
            return Err(DmaFault { iova, len_bytes: to.len() });
        }
        self.inner.read(iova, to)
    }

    fn write(&self, iova: Iova, from: &[u8]) -> Result<(), DmaFault> {
        self.inner.write(iova, from)
    }
}

/// A served model, and what a test does to it.
pub(crate) struct Served {
    dir: tempfile::TempDir,
    model: Arc<Mutex<Option<Arc<BareModel>>>>,
    /// Strikes the first such job of every model that is powered on.
    pub(crate) at_power_on: Arc<Mutex<Option<(JobClass, Fault)>>>,
    poison: Arc<Mutex<Option<Poison>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, stop) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let (at_power_on, poison) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let (slot, fault, next) = (model.clone(), at_power_on.clone(), poison.clone());
        let power_on = Box::new(move |memory: Arc<dyn BusMaster>| {
            let config =
                ModelConfig { window_bits: 8, windows: 32, log_memory_bytes: 22, ..ModelConfig::default() };
            let memory = Arc::new(Poisoned { inner: memory, next: next.clone() });
            let model = Arc::new(BareModel::start(config, memory));
            if let Some((class, fault)) = *fault.lock() {
                model.inject(class, 0, fault);
            }
            *slot.lock() = Some(model.clone());
            let irqs = model.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
            Powered { bar0: model.bar0.clone(), irqs, keep: Box::new(model) }
        });
        let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: QUEUES };
        let server = Server::bind(&dir.path().join("device"), config, power_on).unwrap();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || server.run(&stopped).unwrap());
        Self { dir, model, at_power_on, poison, stop, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("device")
    }

    pub(crate) fn function(&self) -> Function {
        open_vfio_user(&self.socket(), BAR0_BYTES).unwrap()
    }

    fn model(&self) -> Arc<BareModel> {
        self.model.lock().clone().expect("a client is connected")
    }

    pub(crate) fn inject(&self, class: JobClass, nth: u64, fault: Fault) {
        self.model().inject(class, nth, fault);
    }

    /// Poisons the next read of such a length.
    pub(crate) fn poison(&self, strikes: Poison) {
        *self.poison.lock() = Some(strikes);
    }

    /// Whether something was to strike and did not.
    pub(crate) fn is_armed(&self) -> bool {
        self.poison.lock().is_some()
            || self.model.lock().as_ref().is_some_and(|model| model.faults_waiting() > 0)
    }

    /// Whether a model was powered on that has taken a job of the class.
    pub(crate) fn has_taken(&self, class: JobClass) -> bool {
        self.model.lock().as_ref().is_some_and(|model| model.jobs_seen(class) > 0)
    }

    /// Jobs of a class that the model has taken.
    pub(crate) fn taken(&self, class: JobClass) -> u64 {
        self.model().jobs_seen(class)
    }

    /// Waits until the model has taken one more of a class than so many.
    pub(crate) fn until_taken(&self, held: Option<(JobClass, Fault)>, before: u64) {
        let until = Instant::now() + LIMIT;
        while held.is_some_and(|(class, _)| self.taken(class) == before) {
            assert!(Instant::now() < until, "the model is given no such job");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(IN_THE_MIDDLE / 4);
    }

    /// The next driver.
    pub(crate) fn successor(&self) -> DeviceEngine {
        // Patient: nothing hangs any more, and a busy machine is not mistaken for a stuck device.
        let config = DriverConfig { stall_time: LIMIT, ..quick() };
        DeviceEngine::open(self.function(), config).expect("a device whose driver has gone")
    }

    /// The next driver does jobs.
    pub(crate) fn successor_works(&self, work: &Work) {
        let told = work.run(&self.successor());
        assert!(told.is_empty(), "{told:?}");
    }

    /// Whether it serves.
    pub(crate) fn is_there(&self) -> bool {
        self.thread.is_some()
    }

    pub(crate) fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}
