//! The fault campaign (`make faults`): one thing goes wrong between a driver and a device that is served on a socket; a table says what was told and
//! what came after.
//!
//! For each class: no wrong value is delivered, what is told is typed, and afterwards the device works without a new driver, or is lost and says so.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup};
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_cosim::{Powered, QUEUES, Server, ServerConfig};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, NttDirection, Resident};
use millrace_model::{BareModel, Fault, JobClass, ModelConfig, Until};
use millrace_pcie::{
    BusMaster, CallCount, DmaBuffer, DmaError, DmaLayer, DmaSpace, FaultyDma, FaultyMmio, Function,
    FunctionReset, Irq, Mmio, MmioFault, ResetError, vfio_user::open_vfio_user,
};
use millrace_regs::Cause;
use parking_lot::Mutex;

/// Longest that a fault may hold a caller up: several stall times of [`quick`], on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn quick() -> DriverConfig {
    DriverConfig {
        progress_interval: Duration::from_millis(4),
        stall_time: Duration::from_millis(250),
        stall_readings: 4,
        ..DriverConfig::default()
    }
}

/// A model behind a socket.
struct Served {
    dir: tempfile::TempDir,
    model: Arc<Mutex<Option<Arc<BareModel>>>>,
    /// Strikes the first such job of every model that is powered on.
    at_power_on: Arc<Mutex<Option<(JobClass, Fault)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, stop) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let at_power_on = Arc::new(Mutex::new(None));
        let (slot, fault) = (model.clone(), at_power_on.clone());
        let power_on = Box::new(move |memory: Arc<dyn BusMaster>| {
            let config =
                ModelConfig { window_bits: 8, windows: 32, log_memory_bytes: 22, ..ModelConfig::default() };
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
        Self { dir, model, at_power_on, stop, thread: Some(thread) }
    }

    fn function(&self) -> Function {
        open_vfio_user(&self.dir.path().join("device"), BAR0_BYTES).unwrap()
    }

    fn inject(&self, class: JobClass, nth: u64, fault: Fault) {
        self.model.lock().as_ref().expect("a client is connected").inject(class, nth, fault);
    }

    fn end(&mut self) {
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

/// Registers that a test damages when it wants to: the next access fails, or all.
#[derive(Default)]
struct Damage {
    dead: AtomicBool,
    next_write_lost: AtomicBool,
    next_read_lost: AtomicBool,
    /// Bytes that can be mapped at once, and that are.
    room_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
}

struct DamagedMmio(Arc<dyn Mmio>, Arc<Damage>);

impl Mmio for DamagedMmio {
    fn read32(&self, offset: u32) -> u32 {
        let lost = self.1.next_read_lost.swap(false, Ordering::AcqRel) || self.1.dead.load(Ordering::Acquire);
        if lost { u32::MAX } else { self.0.read32(offset) }
    }

    fn write32(&self, offset: u32, value: u32) {
        let lost =
            self.1.next_write_lost.swap(false, Ordering::AcqRel) || self.1.dead.load(Ordering::Acquire);
        if !lost {
            self.0.write32(offset, value);
        }
    }
}

/// A vector that never comes, or comes all the time.
struct BadIrq {
    storm: bool,
}

impl Irq for BadIrq {
    fn wait(&self, at_most: Duration) -> bool {
        if !self.storm {
            std::thread::sleep(at_most);
        }
        self.storm
    }
}

/// What a kernel's reset looks like that does not come back.
struct HungReset;

impl FunctionReset for HungReset {
    fn reset(&self) -> Result<(), ResetError> {
        Err(ResetError::Hung { after: Duration::from_secs(10) })
    }
}

/// What goes wrong.
enum Strike {
    /// In the device, at the next jobs of a class.
    Job(JobClass, &'static [Fault]),
    /// Between host and registers.
    Registers(fn(&Damage)),
    /// At the socket.
    Socket(fn(&mut Served, &Function, &DeviceEngine)),
    /// The device's own resets do not end, and this is what resets it from outside.
    Stuck(fn() -> Option<Arc<dyn FunctionReset>>),
    /// A wrapper around the function, before the engine opens it.
    Wrap(Box<dyn Fn(Function) -> Function>),
    /// So many bytes can be mapped for the device at once, as where addresses or locked memory run out; more only after the struck jobs.
    Room(usize),
    /// The function is reset while this fault holds a job.
    Reset(Option<(JobClass, Fault)>, Reset),
    /// The driver's process is killed, at each of its steps in turn.
    Kill(Victim),
}

/// Who resets the function, and its driver is told.
#[derive(Clone, Copy)]
enum Reset {
    /// The driver, by the registers.
    ByRegisters,
    /// Somebody from outside.
    FromOutside,
    /// Two threads of the driver at once.
    Twice,
}

/// Where a driver's process is killed.
#[derive(Clone, Copy)]
enum Victim {
    /// At each register access.
    AtAccess,
    /// At each mapping of memory for the device.
    AtMapping,
    /// While a fault holds a job of this class.
    In(JobClass),
}

/// What is told of the struck jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing: the answers are right.
    Right,
    /// At least one of them failed with this code, and none with another.
    Code(&'static str),
    /// Either of the two, by which of the jobs ends first.
    RightOr(&'static str),
    /// The driver is no more; its successor works.
    Killed,
    /// The device is lost for good.
    Lost,
    /// It was not opened.
    NotOpened,
}

struct Class {
    name: String,
    strike: Strike,
    told: Told,
}

fn job(name: &str, class: JobClass, faults: &'static [Fault], told: Told) -> Class {
    Class { name: name.into(), strike: Strike::Job(class, faults), told }
}

fn classes() -> Vec<Class> {
    use Fault::*;
    use JobClass::{Copy, Msm, Ntt};
    use Told::{Code, Killed, Lost, NotOpened, Right, RightOr};
    macro_rules! fails {
        ($cause:ident) => {
            &[Fail { cause: Cause::$cause, position: 3 }]
        };
    }
    let one = |name: &str, strike, told| Class { name: name.into(), strike, told };
    let wrap = |name, wrap: fn(Function) -> Function, told| one(name, Strike::Wrap(Box::new(wrap)), told);
    let registers = |name, damage, told| one(name, Strike::Registers(damage), told);
    let stuck = |name, reset| one(name, Strike::Stuck(reset), Lost);
    let socket = |name, strike, told| one(name, Strike::Socket(strike), told);
    let mut all = vec![
        job("MSM: bad descriptor", Msm, fails!(BadDescriptor), Code("BAD_DESCRIPTOR")),
        job("MSM: bad opcode", Msm, fails!(BadOpcode), Code("BAD_OPCODE")),
        job("MSM: phase of another lap: queue stops", Msm, fails!(BadPhase), Right),
        job("MSM: epoch of another start: queue stops", Msm, fails!(BadEpoch), Right),
        job("MSM: bad length", Msm, fails!(BadLength), Code("BAD_LENGTH")),
        job("MSM: scalar out of range", Msm, fails!(ScalarRange), Code("SCALAR_RANGE")),
        job("MSM: base out of range", Msm, fails!(PointRange), Code("POINT_RANGE")),
        job("MSM: DMA read error", Msm, fails!(HostRead), Code("HOST_READ")),
        job("MSM: DMA write error", Msm, fails!(HostWrite), Code("HOST_WRITE")),
        job("MSM: device memory read error", Msm, fails!(MemRead), Code("MEM_READ")),
        job("MSM: device memory write error", Msm, fails!(MemWrite), Code("MEM_WRITE")),
        job("MSM: engine reset by somebody else", Msm, fails!(Reset), Right),
        job("MSM: status that no cause has", Msm, &[UnknownStatus(200)], Code("UNKNOWN_200")),
        job("MSM: lost completion", Msm, &[LoseCompletion], Code("TIMEOUT")),
        job("MSM: doubled completion", Msm, &[DoubleCompletion], Right),
        job("MSM: completions overflow the ring", Msm, &[Overflow(200)], RightOr("TIMEOUT")),
        job("NTT: completions overflow the ring", Ntt, &[Overflow(1000)], RightOr("TIMEOUT")),
        job("MSM: completion with a wrong phase", Msm, &[WrongPhase], Code("TIMEOUT")),
        job("MSM: completion with a wrong epoch", Msm, &[WrongEpoch], Code("TIMEOUT")),
        job("MSM: completion of another job", Msm, &[WrongJobId], Code("TIMEOUT")),
        job("MSM: completion of another opcode", Msm, &[WrongOpcode], Code("BAD_COMPLETION")),
        job("MSM: engine stuck until its reset", Msm, &[Stuck(Until::EngineReset)], Code("TIMEOUT")),
        job("MSM: engine stuck until the queue's reset", Msm, &[Stuck(Until::QueueReset)], Code("TIMEOUT")),
        job(
            "MSM: engine stuck until the function's reset",
            Msm,
            &[Stuck(Until::FunctionReset)],
            Code("TIMEOUT"),
        ),
        job("MSM: engine stuck until a reset from outside", Msm, &[Stuck(Until::Never)], Code("TIMEOUT")),
        job("MSM: progress without an end", Msm, &[BusyForNothing], Code("TIMEOUT")),
        job("MSM: bit flip in the result", Msm, &[FlipResult { bit: 300 }], Code("RESULT_RANGE")),
        job("MSM: bit flip on the way to the host", Msm, &[FlipOnTheWay { bit: 300 }], Code("RESULT_DIGEST")),
        job(
            "MSM: bit flip in device memory, out of range",
            Msm,
            &[FlipMemory { address: 31, bit: 7 }],
            Code("POINT_RANGE"),
        ),
        job(
            "MSM: bit flip in device memory, off the curve",
            Msm,
            &[FlipMemory { address: 3, bit: 2 }],
            Code("RESULT_RANGE"),
        ),
        job("upload: bit flip", Copy, &[FlipResult { bit: 77 }], Right),
        job("upload: bit flip on three tries", Copy, &[FlipResult { bit: 77 }; 3], Code("UPLOAD_DIGEST")),
        job("upload: device memory write error", Copy, fails!(MemWrite), Right),
        job("upload: lost completion", Copy, &[LoseCompletion], Right),
        job("upload: stuck until the queue's reset", Copy, &[Stuck(Until::QueueReset)], Right),
        job("NTT: completion after that of the next job", Ntt, &[Late], RightOr("TIMEOUT")),
        job("NTT: lost completion", Ntt, &[LoseCompletion], Code("TIMEOUT")),
        job("NTT: value out of range", Ntt, fails!(ValueRange), Code("VALUE_RANGE")),
        job("NTT: bit flip in the result", Ntt, &[FlipResult { bit: 255 }], Code("RESULT_RANGE")),
        job("NTT: bit flip on the way to the host", Ntt, &[FlipOnTheWay { bit: 9 }], Code("RESULT_DIGEST")),
        job("NTT: stuck until the function's reset", Ntt, &[Stuck(Until::FunctionReset)], Code("TIMEOUT")),
        job("NTT: completion of another opcode", Ntt, &[WrongOpcode], Code("BAD_COMPLETION")),
        registers(
            "link down in the middle, and up for the next driver",
            |damage| damage.dead.store(true, Ordering::Release),
            Lost,
        ),
        registers(
            "one register write lost",
            |damage| damage.next_write_lost.store(true, Ordering::Release),
            Right,
        ),
        registers(
            "one register read unanswered",
            |damage| damage.next_read_lost.store(true, Ordering::Release),
            Right,
        ),
        wrap(
            "link down before the start",
            |f| Function {
                bar0: Arc::new(FaultyMmio::new(f.bar0, MmioFault::DeadFrom(0), CallCount::default())),
                ..f
            },
            NotOpened,
        ),
        wrap(
            "link down while the queue starts",
            |f| Function {
                bar0: Arc::new(FaultyMmio::new(f.bar0, MmioFault::DeadFrom(20), CallCount::default())),
                ..f
            },
            NotOpened,
        ),
        stuck("MSM: stuck for ever, no reset from outside", || None),
        stuck("MSM: stuck for ever, the reset from outside hangs", || Some(Arc::new(HungReset))),
        wrap("interrupts that never come", |f| Function { irqs: bad_irqs(&f, false), ..f }, Right),
        wrap("interrupts without end", |f| Function { irqs: bad_irqs(&f, true), ..f }, Right),
        socket(
            "function reset that the driver is told of",
            |_, function, engine| {
                function.reset.as_ref().unwrap().reset().unwrap();
                engine.reset().unwrap();
            },
            Right,
        ),
        socket(
            "function reset that nobody tells of",
            |_, function, _| function.reset.as_ref().unwrap().reset().unwrap(),
            Right,
        ),
        socket("the other end of the link dies", |served, _, _| served.end(), Lost),
        one("no room for the rings", Strike::Room(RING_BYTES - 1), NotOpened),
        one("room for the rings, none for jobs", Strike::Room(RING_BYTES), Code("OUT_OF_MEMORY")),
        one("room for one buffer of a job", Strike::Room(RING_BYTES + 4096), Code("OUT_OF_MEMORY")),
        one("driver killed -9 at each register access", Strike::Kill(Victim::AtAccess), Killed),
        one("driver killed -9 at each mapping of memory", Strike::Kill(Victim::AtMapping), Killed),
        one("driver killed -9 while bases are sent", Strike::Kill(Victim::In(Copy)), Killed),
        one("driver killed -9 in the middle of an MSM", Strike::Kill(Victim::In(Msm)), Killed),
        one("driver killed -9 in the middle of a transform", Strike::Kill(Victim::In(Ntt)), Killed),
    ];
    for nth in 0..ALLOCATIONS {
        let (what, told) = match nth.checked_sub(2 * QUEUES as u64) {
            None => (format!("ring {nth}"), NotOpened),
            Some(0) => ("bases on their way".into(), Code("OUT_OF_MEMORY")),
            Some(nth) => (format!("buffer {nth} of jobs"), Code("OUT_OF_MEMORY")),
        };
        let wrap = move |f: Function| Function { dma: no_memory(f.dma, nth), ..f };
        all.push(one(&format!("no memory for {what}"), Strike::Wrap(Box::new(wrap)), told));
    }
    // Only the reset ends the job: without it the class takes longer than it may.
    const HELD: Fault = Slow(Duration::from_secs(300));
    for (state, held, told) in [
        ("nothing runs", None, Right),
        ("bases are sent", Some((Copy, HELD)), Right),
        ("an MSM runs", Some((Msm, HELD)), Code("RESET")),
        ("a transform runs", Some((Ntt, HELD)), Right),
        ("an engine is stuck", Some((Msm, Stuck(Until::FunctionReset))), Code("RESET")),
        ("an engine works for nothing", Some((Ntt, BusyForNothing)), Right),
    ] {
        for (by, reset) in [
            ("by registers", Reset::ByRegisters),
            ("from outside", Reset::FromOutside),
            ("twice at once", Reset::Twice),
        ] {
            let name = format!("reset {by} while {state}");
            // The second of two may come when the first has let the next job, an MSM, begin.
            let told = match (told, &reset) {
                (Right, Reset::Twice) => RightOr("RESET"),
                _ => told,
            };
            all.push(one(&name, Strike::Reset(held, reset), told));
        }
    }
    all
}

/// Of all queues.
const RING_BYTES: usize = 2 * QUEUES * 4096;
/// Of a driver that opens a device, loads bases and does an MSM and a transform; what comes back is used again.
const ALLOCATIONS: u64 = 2 * QUEUES as u64 + 4;
/// When the function is reset, or a driver killed, in a job that is held for longer.
const IN_THE_MIDDLE: Duration = Duration::from_millis(100);

/// Memory of which so many bytes can be mapped at once.
struct Narrow {
    inner: Arc<dyn DmaSpace>,
    damage: Arc<Damage>,
}

/// Gives its room back.
struct NarrowBuffer {
    inner: Box<dyn DmaBuffer>,
    damage: Arc<Damage>,
}

impl DmaSpace for Narrow {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let used = self.damage.used_bytes.load(Ordering::Acquire);
        if used + len_bytes > self.damage.room_bytes.load(Ordering::Acquire) {
            return Err(DmaError::OutOfMemory { needed_bytes: len_bytes });
        }
        let inner = self.inner.alloc(len_bytes)?;
        self.damage.used_bytes.fetch_add(inner.len_bytes(), Ordering::AcqRel);
        Ok(Box::new(NarrowBuffer { inner, damage: self.damage.clone() }))
    }
}

impl Drop for NarrowBuffer {
    fn drop(&mut self) {
        self.damage.used_bytes.fetch_sub(self.inner.len_bytes(), Ordering::AcqRel);
    }
}

impl DmaLayer for NarrowBuffer {
    fn inner(&self) -> &dyn DmaBuffer {
        &*self.inner
    }
}

/// Counts down to the end of its process.
struct Fuse(AtomicU64);

impl Fuse {
    fn step(&self) {
        if self.0.fetch_sub(1, Ordering::AcqRel) == 0 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

struct FusedMmio(Arc<dyn Mmio>, Arc<Fuse>);

impl Mmio for FusedMmio {
    fn read32(&self, offset: u32) -> u32 {
        self.1.step();
        self.0.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.1.step();
        self.0.write32(offset, value);
    }
}

struct FusedDma(Arc<dyn DmaSpace>, Arc<Fuse>);

impl DmaSpace for FusedDma {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        self.1.step();
        self.0.alloc(len_bytes)
    }
}

const SOCKET: &str = "MILLRACE_VICTIM_SOCKET";
const ACCESS: &str = "MILLRACE_VICTIM_ACCESS";
const MAPPING: &str = "MILLRACE_VICTIM_MAPPING";

/// A driver in a process of its own, which may be killed at any time and says when it is through.
#[test]
#[ignore = "the campaign starts this as a process of its own"]
fn victim() {
    let socket = std::env::var_os(SOCKET).expect("started by the campaign");
    let fuse = |variable| {
        let steps = std::env::var(variable).map_or(u64::MAX, |steps| steps.parse().expect("a number"));
        Arc::new(Fuse(AtomicU64::new(steps)))
    };
    let function = open_vfio_user(socket.as_ref(), BAR0_BYTES).unwrap();
    let function = Function {
        bar0: Arc::new(FusedMmio(function.bar0.clone(), fuse(ACCESS))),
        dma: Arc::new(FusedDma(function.dma.clone(), fuse(MAPPING))),
        ..function
    };
    let engine = DeviceEngine::open(function, quick()).unwrap();
    assert!(Work::new().run(&engine).is_empty());
}

impl Served {
    fn victim(&self, variables: &[(&str, String)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "victim"]).env(SOCKET, self.dir.path().join("device"));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Jobs of a class that the model has taken.
    fn taken(&self, class: JobClass) -> u64 {
        self.model.lock().as_ref().expect("a client is connected").jobs_seen(class)
    }

    /// Waits until the model has taken one more of a class than so many.
    fn until_taken(&self, held: Option<(JobClass, Fault)>, before: u64) {
        let until = Instant::now() + LIMIT;
        while held.is_some_and(|(class, _)| self.taken(class) == before) {
            assert!(Instant::now() < until, "the model is given no such job");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(IN_THE_MIDDLE / 4);
    }

    /// The next driver.
    fn successor_works(&self, work: &Work) {
        // Patient: nothing hangs any more, and a busy machine is not mistaken for a stuck device.
        let config = DriverConfig { stall_time: LIMIT, ..quick() };
        let engine = DeviceEngine::open(self.function(), config).expect("a device whose driver died");
        let errors = work.run(&engine);
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// Kills drivers; how many.
fn kill(served: &Served, victim: Victim, work: &Work) -> u64 {
    let variable = match victim {
        Victim::AtAccess => ACCESS,
        Victim::AtMapping => MAPPING,
        Victim::In(class) => {
            *served.at_power_on.lock() = Some((class, Fault::Slow(LIMIT)));
            let mut child = served.victim(&[]);
            let until = Instant::now() + LIMIT / 2;
            while served.model.lock().as_ref().is_none_or(|model| model.jobs_seen(class) == 0) {
                assert!(Instant::now() < until, "the victim gives the device no such job");
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(IN_THE_MIDDLE);
            child.kill().unwrap();
            *served.at_power_on.lock() = None;
            assert_eq!(child.wait().unwrap().signal(), Some(9), "it was not in the middle of anything");
            served.successor_works(work);
            return 1;
        }
    };
    for steps in 0.. {
        let status = served.victim(&[(variable, steps.to_string())]).wait().unwrap();
        served.successor_works(work);
        if status.success() {
            return steps;
        }
        assert_eq!(status.signal(), Some(9), "at step {steps}: {status}");
    }
    unreachable!("it has fewer steps than there are numbers")
}

/// Every vector is bad.
fn bad_irqs(function: &Function, storm: bool) -> Vec<Arc<dyn Irq>> {
    function.irqs.iter().map(|_| Arc::new(BadIrq { storm }) as Arc<dyn Irq>).collect()
}

fn no_memory(dma: Arc<dyn DmaSpace>, nth: u64) -> Arc<dyn DmaSpace> {
    Arc::new(FaultyDma::new(dma, nth, CallCount::default()))
}

/// The name of an error, as the table has it.
fn code(error: &EngineError) -> String {
    match error {
        EngineError::JobFailed { cause, .. } => cause.clone(),
        EngineError::Timeout { .. } => "TIMEOUT".into(),
        EngineError::DeviceLost { .. } => "LOST".into(),
        EngineError::OutOfMemory { .. } => "OUT_OF_MEMORY".into(),
        other => other.to_string(),
    }
}

struct Work {
    points: Vec<G1Affine>,
    factors: Vec<Fr>,
    sum: JobValue,
    values: Vec<Fr>,
    transformed: Vec<Fr>,
}

impl Work {
    fn new() -> Self {
        let points: Vec<_> =
            (1..=8u64).map(|i| (G1Affine::generator() * Fr::from(i)).into_affine()).collect();
        // Not small: a bit flip in any base changes the sum.
        let factors: Vec<Fr> = (1..=8u64).map(|i| Fr::from(u64::MAX / i)).collect();
        let sum = JobValue::G1(millrace_oracle::msm_g1(&points, &factors).into_affine());
        let values: Vec<Fr> = (0..16u64).map(|i| Fr::from(i * i + 7)).collect();
        let mut transformed = values.clone();
        millrace_oracle::ntt(&mut transformed, NttDirection::Forward, false);
        Self { points, factors, sum, values, transformed }
    }

    /// Loads bases, does an MSM and a transform, both in flight. Errors, in order; a wrong answer panics.
    fn run(&self, engine: &DeviceEngine) -> Vec<EngineError> {
        let mont: Vec<G1Mont> = self.points.iter().map(G1Mont::from).collect();
        let bases = engine.load(Resident::G1(mont.into()));
        let msm = bases.as_ref().ok().map(|&bases| {
            let scalars = self.factors.iter().copied().map(FrCanonical::from).collect();
            engine.submit(Job::Msm { group: Group::G1, bases, range: 0..self.points.len(), scalars })
        });
        let ntt = engine.submit(Job::Ntt {
            direction: NttDirection::Forward,
            coset: false,
            values: self.values.clone(),
        });
        let end = |ticket: Result<_, EngineError>, right: JobValue| {
            let output = engine.wait(ticket?)?;
            assert!(output.value == right, "a wrong value was delivered");
            Ok::<(), EngineError>(())
        };
        let ends = [
            msm.map(|ticket| end(ticket, self.sum.clone())),
            Some(end(ntt, JobValue::Values(self.transformed.clone()))),
        ];
        match bases {
            Ok(bases) => {
                engine.unload(bases);
                ends.into_iter().flatten().filter_map(Result::err).collect()
            }
            Err(error) => {
                [error].into_iter().chain(ends.into_iter().flatten().filter_map(Result::err)).collect()
            }
        }
    }
}

/// Runs a class; what was told, and what came after.
fn run(class: &Class, work: &Work) -> (String, &'static str) {
    let mut served = Served::new();
    if let Strike::Kill(victim) = class.strike {
        let kills = kill(&served, victim, work);
        return (format!("killed {kills} times"), "the next driver works");
    }
    let function = served.function();
    let damage = Arc::new(Damage::default());
    let room = if let Strike::Room(bytes) = class.strike { bytes } else { usize::MAX };
    damage.room_bytes.store(room, Ordering::Release);
    let mut given = Function {
        bar0: Arc::new(DamagedMmio(function.bar0.clone(), damage.clone())),
        dma: Arc::new(Narrow { inner: function.dma.clone(), damage: damage.clone() }),
        ..function.clone()
    };
    if let Strike::Wrap(wrap) = &class.strike {
        given = wrap(given);
    }
    if let Strike::Stuck(reset) = class.strike {
        given.reset = reset();
    }
    let config = match class.strike {
        // What ends the job is the reset, not the watchdog.
        Strike::Reset(..) => DriverConfig { stall_time: LIMIT, progress_interval: LIMIT, ..quick() },
        _ => quick(),
    };
    let engine = match DeviceEngine::open(given, config) {
        Ok(engine) => engine,
        Err(error) => {
            drop((error, function));
            let again = DeviceEngine::open(served.function(), quick()).expect("the device itself is good");
            assert!(work.run(&again).is_empty());
            return ("not opened".into(), "the next driver works");
        }
    };
    if !matches!(class.strike, Strike::Wrap(_) | Strike::Room(_)) {
        assert!(work.run(&engine).is_empty(), "{} before the fault", class.name);
    }
    let mut taken = 0;
    match &class.strike {
        Strike::Job(of, faults) => {
            for (nth, fault) in faults.iter().enumerate() {
                served.inject(*of, nth as u64, *fault);
            }
        }
        Strike::Stuck(_) => served.inject(JobClass::Msm, 0, Fault::Stuck(Until::Never)),
        Strike::Registers(strike) => strike(&damage),
        Strike::Socket(strike) => strike(&mut served, &function, &engine),
        Strike::Reset(held, _) => {
            if let Some((of, fault)) = held {
                taken = served.taken(*of);
                served.inject(*of, 0, *fault);
            }
        }
        Strike::Wrap(_) | Strike::Room(_) | Strike::Kill(_) => {}
    }
    let told: Vec<String> = std::thread::scope(|scope| {
        if let Strike::Reset(held, reset) = class.strike {
            let (engine, function, served) = (&engine, &function, &served);
            let begin = move || {
                served.until_taken(held, taken);
                if let Reset::FromOutside = reset {
                    function.reset.as_ref().unwrap().reset().unwrap();
                }
                engine.reset().unwrap();
            };
            match held {
                None => begin(),
                Some(_) => drop(scope.spawn(begin)),
            }
            if let Reset::Twice = reset {
                scope.spawn(begin);
            }
        }
        work.run(&engine).iter().map(code).collect()
    });
    if let Strike::Reset(_, reset) = class.strike {
        let resets = if let Reset::Twice = reset { 2 } else { 1 };
        assert_eq!(engine.anomalies().function_resets, resets, "{}", class.name);
    }
    damage.room_bytes.store(usize::MAX, Ordering::Release);
    let told = if told.is_empty() { "nothing, right answers".into() } else { told.join(", ") };
    // Bases of before are damaged where the fault was in device memory; new ones are sent.
    let after: Vec<String> = work.run(&engine).iter().map(code).collect();
    let then = match after.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "works",
        ["LOST", ..] => {
            // One client at a time: the old driver lets go first.
            drop((engine, function));
            if served.thread.is_some() {
                served.successor_works(work);
                "lost, and says so; the next driver works"
            } else {
                "lost, and says so"
            }
        }
        _ => panic!("{}: the next jobs failed with {after:?}", class.name),
    };
    (told, then)
}

#[test]
fn every_class_is_told_and_survived() {
    let work = Work::new();
    println!("| fault | told | then | s |\n|---|---|---|---|");
    let mut wrong = Vec::new();
    let all = classes();
    for class in &all {
        let started = Instant::now();
        let (told, then) = run(class, &work);
        let took = started.elapsed();
        println!("| {} | {told} | {then} | {:.1} |", class.name, took.as_secs_f64());
        let right = told == "nothing, right answers";
        let only = |code: &str| told.split(", ").all(|t| t == code);
        let as_expected = match class.told {
            Told::Right => right && then == "works",
            Told::Code(code) => only(code) && then == "works",
            Told::RightOr(code) => (right || only(code)) && then == "works",
            Told::Killed => told.starts_with("killed ") && !told.contains(" 0 times"),
            Told::Lost => {
                told.split(", ").all(|code| ["LOST", "TIMEOUT"].contains(&code))
                    && then.starts_with("lost, and says so")
            }
            Told::NotOpened => told == "not opened",
        };
        if !as_expected || took > LIMIT {
            wrong.push(class.name.clone());
        }
    }
    println!("{} classes, {} not as expected", all.len(), wrong.len());
    assert!(wrong.is_empty(), "not as expected: {wrong:?}");
}
