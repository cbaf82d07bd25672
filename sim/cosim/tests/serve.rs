//! A served device, reached by the driver through the socket: jobs, reset in the middle of one, what is not mapped, what a client must not do.

use std::{
    fs::File,
    io::{Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, ThreadId},
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_cosim::{CosimConfig, Powered, Server, ServerConfig, Waits, start_behind};
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, NttDirection, Resident};
use millrace_model::{BareModel, ModelConfig};
use millrace_pcie::{
    BusMaster, DmaBuffer, Function, Gone, Iova, Irq,
    vfio_user::{
        Connection, open_vfio_user,
        wire::{Command, Fields, Header, Payload},
    },
};
use millrace_pcie_sys as sys;
use millrace_regs::{Cause, Completion, Descriptor, layout, queue_register, registers as reg};
use parking_lot::Mutex;

const BAR0_BYTES: u64 = 64 << 10;

/// A server that ends with the test.
struct Served {
    dir: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The device's own way into the client's memory, for tests that play a hostile device.
    port: Arc<Mutex<Option<Arc<dyn BusMaster>>>>,
    /// The thread that switched each device on.
    built_by: Arc<Mutex<Vec<ThreadId>>>,
}

impl Served {
    fn new(power_on: impl Fn(Arc<dyn BusMaster>) -> Powered + Send + Sync + 'static) -> Self {
        Self::start(power_on, |server| server)
    }

    fn start(
        power_on: impl Fn(Arc<dyn BusMaster>) -> Powered + Send + Sync + 'static,
        shape: fn(Server) -> Server,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let port = Arc::new(Mutex::new(None));
        let built_by = Arc::<Mutex<Vec<ThreadId>>>::default();
        let (seen, by) = (port.clone(), built_by.clone());
        let power_on = Box::new(move |memory: Arc<dyn BusMaster>| {
            *seen.lock() = Some(memory.clone());
            by.lock().push(std::thread::current().id());
            power_on(memory)
        });
        let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: 2 };
        let server = shape(Server::bind(&dir.path().join("device"), config, power_on).unwrap());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || server.run(&stopped).unwrap());
        Self { dir, stop, thread: Some(thread), port, built_by }
    }

    fn model() -> Self {
        Self::new(|memory| {
            let model = BareModel::start(ModelConfig::default(), memory);
            let irqs = model.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
            Powered { bar0: model.bar0.clone(), irqs, keep: Box::new(model) }
        })
    }

    fn sim() -> Self {
        Self::new(|memory| {
            let device = start_behind(&CosimConfig::default(), memory);
            let irqs = device.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
            Powered { bar0: device.bar0, irqs, keep: Box::new(device.handle) }
        })
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("device")
    }

    fn function(&self) -> Function {
        open_vfio_user(&self.socket(), BAR0_BYTES).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        assert!(!self.socket().exists(), "the socket goes with the server");
    }
}

fn engine(function: Function) -> DeviceEngine {
    let config = DriverConfig { stall_time: Duration::from_secs(120), ..DriverConfig::default() };
    DeviceEngine::open(function, config).unwrap()
}

fn scalar(i: u64) -> Fr {
    Fr::from(i + 3).pow([0x1234_5678_9abc + i])
}

/// An MSM of `n` points and a transform, compared with the oracle's.
fn works(engine: &DeviceEngine, n: u64) {
    let points: Vec<_> = (1..=n).map(|i| (G1Affine::generator() * Fr::from(i)).into_affine()).collect();
    let factors: Vec<Fr> = (0..n).map(scalar).collect();
    let mont: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
    let bases = engine.load(Resident::G1(mont.into())).unwrap();
    let scalars = factors.iter().copied().map(FrCanonical::from).collect();
    let job = Job::Msm { group: Group::G1, bases, range: 0..n as usize, scalars };
    let out = engine.wait(engine.submit(job).unwrap()).unwrap();
    assert_eq!(out.value, JobValue::G1(millrace_oracle::msm_g1(&points, &factors).into_affine()));
    engine.unload(bases);
}

#[test]
fn the_model_works_through_the_socket() {
    let served = Served::model();
    let engine = engine(served.function());
    assert_eq!(engine.name(), format!("vfio-user:{}", served.socket().display()));
    for n in [1, 2, 63, 200] {
        works(&engine, n);
    }
    assert_eq!(engine.anomalies(), Default::default());
}

#[test]
fn the_rtl_works_through_the_socket() {
    let served = Served::sim();
    let engine = engine(served.function());
    works(&engine, 40);
    engine.reset().unwrap();
    works(&engine, 7);
}

#[test]
fn clients_come_one_after_the_other() {
    let served = Served::model();
    for _ in 0..3 {
        works(&engine(served.function()), 5);
    }
}

#[test]
fn a_client_that_dies_leaves_nothing_behind() {
    const IOVA: u64 = 0x10_0000;
    let served = Served::model();
    let map = || Payload::new().u32(32).u32(3).u64(0).u64(IOVA).u64(4096);
    let to_eventfd = || Payload::new().u32(20).u32(36).u32(sys::VFIO_PCI_MSIX_IRQ_INDEX).u32(0).u32(1);
    let life = |byte: u8| {
        let (file, irq) = (memory_file(4096), eventfd());
        let mut raw = Raw::agreed(&served.socket());
        raw.ask(Command::DmaMap as u16, map(), &[file.as_fd()]).unwrap();
        raw.ask(Command::SetIrqs as u16, to_eventfd(), &[irq.as_fd()]).unwrap();
        raw.set_config(4, &[6, 0]);
        let port = served.port.lock().clone().unwrap();
        port.write(Iova(IOVA), &[byte]).unwrap();
        (raw, file, irq, port)
    };
    let first = |file: &File| {
        let mut byte = [0];
        std::os::unix::fs::FileExt::read_exact_at(file, &mut byte, 0).unwrap();
        byte[0]
    };
    let (raw, old_file, old_irq, old_port) = life(1);
    // Without a word: nothing unmapped, the bus master on.
    drop(raw);
    let (raw, new_file, _new_irq, _) = life(2);
    old_port.write(Iova(IOVA), &[3]).expect("a posted write has no answer");
    assert!(old_port.read(Iova(IOVA), &mut [0]).is_err(), "the device of the client that died");
    assert_eq!((first(&old_file), first(&new_file)), (1, 2));
    drop(raw);
    works(&engine(served.function()), 5);
    let count = rustix::io::read(&old_irq, &mut [0; 8]);
    assert_eq!(count, Err(rustix::io::Errno::AGAIN), "interrupts of others' jobs");
}

fn eventfd() -> std::os::fd::OwnedFd {
    use rustix::event::EventfdFlags;
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap()
}

#[test]
fn memory_that_a_client_could_take_away_is_refused() {
    let served = Served::model();
    let mut raw = Raw::agreed(&served.socket());
    let file = tempfile::tempfile().unwrap();
    file.set_len(4096).unwrap();
    let map = || Payload::new().u32(32).u32(3).u64(0).u64(0x10_0000).u64(4096);
    assert_eq!(raw.ask(Command::DmaMap as u16, map(), &[file.as_fd()]), Err(1));
    let sealed = memory_file(4096);
    raw.ask(Command::DmaMap as u16, map(), &[sealed.as_fd()]).unwrap();
    assert!(sealed.set_len(0).is_err());
}

#[test]
fn interrupts_go_to_eventfds_only() {
    let served = Served::model();
    let mut raw = Raw::agreed(&served.socket());
    let (_reads, writes) = std::io::pipe().unwrap();
    let order = || Payload::new().u32(20).u32(36).u32(sys::VFIO_PCI_MSIX_IRQ_INDEX).u32(0).u32(1);
    assert_eq!(raw.ask(Command::SetIrqs as u16, order(), &[writes.as_fd()]), Err(22));
    raw.ask(Command::SetIrqs as u16, order(), &[eventfd().as_fd()]).unwrap();
}

#[test]
fn a_reset_from_outside_cuts_the_device_off() {
    let served = Served::model();
    let function = served.function();
    let buffer = function.dma.alloc(8192).unwrap();
    let before = served.port.lock().clone().unwrap();
    before.write(buffer.iova(), &[1, 2, 3]).unwrap();
    function.reset.as_ref().unwrap().reset().unwrap();
    let after = served.port.lock().clone().unwrap();
    before.write(buffer.iova(), &[9; 3]).expect("a posted write has no answer");
    assert!(before.read(buffer.iova(), &mut [0]).is_err(), "from before the reset");
    let mut bytes = [0; 3];
    after.read(buffer.iova(), &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3], "memory stays mapped");
    works(&engine(function), 9);
}

#[test]
fn a_device_reaches_only_what_is_mapped() {
    let served = Served::model();
    let function = served.function();
    let buffer = function.dma.alloc(1 << 16).unwrap();
    let port = served.port.lock().clone().unwrap();
    let at = |offset: u64| Iova(buffer.iova().0 + offset);
    // Odd lengths and offsets, both ways.
    for (offset, len) in [(0u64, 1usize), (1, 3), (4093, 7), (8191, 2), (65529, 7), (100, 20_001)] {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + 1) as u8).collect();
        port.write(at(offset), &bytes).unwrap();
        let mut back = vec![0; len];
        buffer.read(offset as usize, &mut back);
        assert_eq!(back, bytes, "device to host, {len} at {offset}");
        buffer.wipe();
        buffer.write(offset as usize, &bytes);
        port.read(at(offset), &mut back).unwrap();
        assert_eq!(back, bytes, "host to device, {len} at {offset}");
    }
    assert!(port.read(at(1 << 16), &mut [0]).is_err(), "the page after a buffer");
    assert!(port.read(at((1 << 16) - 1), &mut [0; 2]).is_err(), "over its end");
    buffer.wipe();
    port.write(at((1 << 16) - 1), &[7; 2]).expect("a posted write has no answer");
    let mut last = [0];
    buffer.read((1 << 16) - 1, &mut last);
    assert_eq!(last, [0], "a write over the end is lost whole");
    assert!(port.read(Iova(0), &mut [0]).is_err());
    let iova = buffer.iova();
    drop(buffer);
    assert!(port.read(iova, &mut [0]).is_err(), "after it was unmapped");
}

/// Queue 0, driven by hand: one descriptor at a time.
struct Queue {
    function: Function,
    submissions: Box<dyn DmaBuffer>,
    completions: Box<dyn DmaBuffer>,
    jobs: u32,
}

impl Queue {
    const LOG_ENTRIES: u32 = 4;
    const EPOCH: u32 = 5;

    fn new(function: Function) -> Self {
        let ring = || function.dma.alloc(64 << Self::LOG_ENTRIES).unwrap();
        let (submissions, completions) = (ring(), ring());
        let queue = Self { submissions, completions, jobs: 0, function };
        for (lo, iova) in [
            (reg::QUEUE_SQ_BASE_LO, queue.submissions.iova()),
            (reg::QUEUE_CQ_BASE_LO, queue.completions.iova()),
        ] {
            queue.write(lo, iova.0 as u32);
            queue.write(lo + 4, (iova.0 >> 32) as u32);
        }
        for (register, value) in [
            (reg::QUEUE_LOG_ENTRIES, Self::LOG_ENTRIES),
            (reg::QUEUE_EPOCH, Self::EPOCH),
            (reg::QUEUE_IRQ_ENABLE, 1),
            (reg::QUEUE_ENABLE, 1),
        ] {
            queue.write(register, value);
        }
        queue
    }

    fn write(&self, register: u32, value: u32) {
        self.function.bar0.write32(queue_register(0, register), value);
    }

    /// The completion, or none when no interrupt comes.
    fn run(&mut self, descriptor: Descriptor) -> Option<Completion> {
        let flags = descriptor.flags | layout::FLAG_IRQ;
        let whole = Descriptor { job_id: self.jobs, epoch: Self::EPOCH, phase: true, flags, ..descriptor };
        let at = 64 * self.jobs as usize;
        self.submissions.write(at, &whole.to_bytes());
        self.jobs += 1;
        self.write(reg::QUEUE_DOORBELL, self.jobs);
        self.function.irqs[0].wait(Duration::from_secs(30)).then(|| {
            let mut bytes = [0; 64];
            self.completions.read(at, &mut bytes);
            Completion::from_bytes(&bytes)
        })
    }
}

/// On both devices: what is read where nothing is mapped comes back as a typed error, what is written there is lost in silence.
fn addresses_that_lead_nowhere(served: &Served) {
    const NOWHERE: u64 = 0x7000_0000_0000;
    let function = served.function();
    let buffer = function.dma.alloc(4096).unwrap();
    let mut queue = Queue::new(function);
    let copy =
        Descriptor { opcode: layout::OPCODE_COPY, count: 64, dst_len_bytes: 64, ..Descriptor::default() };
    let read = Descriptor { src0: NOWHERE, dst: buffer.iova().0, ..copy };
    let completion = queue.run(read).expect("a read that fails is answered");
    assert_eq!((completion.status, completion.position), (Cause::HostRead as u8, NOWHERE));
    let write = Descriptor { src0: buffer.iova().0, dst: NOWHERE, ..copy };
    let completion = queue.run(write).expect("the device does not know");
    assert_eq!(completion.status, Cause::Ok as u8);
    // The same for a completion: only the driver's deadline finds it.
    queue.write(reg::QUEUE_ENABLE, 0);
    queue.write(reg::QUEUE_CQ_BASE_LO, 0);
    queue.write(reg::QUEUE_CQ_BASE_LO + 4, (NOWHERE >> 32) as u32);
    queue.write(reg::QUEUE_ENABLE, 1);
    queue.jobs = 0;
    queue.completions.wipe();
    queue.run(Descriptor { opcode: layout::OPCODE_NOP, ..Descriptor::default() });
    let mut bytes = [0; 64];
    queue.completions.read(0, &mut bytes);
    assert_eq!(bytes, [0; 64]);
}

#[test]
fn addresses_that_lead_nowhere_in_the_model() {
    addresses_that_lead_nowhere(&Served::model());
}

#[test]
fn addresses_that_lead_nowhere_in_the_rtl() {
    addresses_that_lead_nowhere(&Served::sim());
}

#[test]
fn a_server_that_dies_is_a_lost_device() {
    let served = Served::model();
    let config = DriverConfig {
        progress_interval: Duration::from_millis(4),
        stall_time: Duration::from_millis(250),
        stall_readings: 4,
        ..DriverConfig::default()
    };
    let engine = DeviceEngine::open(served.function(), config).unwrap();
    works(&engine, 3);
    drop(served);
    let values = vec![Fr::from(1u64); 8];
    let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values };
    let error = engine.submit(job).and_then(|ticket| engine.wait(ticket)).unwrap_err();
    assert!(matches!(error, EngineError::DeviceLost { .. }), "{error}");
    assert_eq!(engine.lost().and_then(|lost| lost.gone), Some(Gone::HungUp));
    assert!(
        error.to_string().contains("device lost: its server hung up (registers read as all-ones)"),
        "{error}"
    );
}

/// Memory that a client can share: it can be sealed against shrinking.
fn memory_file(len_bytes: u64) -> File {
    use rustix::fs::MemfdFlags;
    let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let file = File::from(fd);
    file.set_len(len_bytes).unwrap();
    file
}

/// A client that speaks the protocol by hand.
struct Raw {
    connection: Connection,
    id: u16,
}

impl Raw {
    fn new(socket: &Path) -> Self {
        let mut connection = Connection::new(UnixStream::connect(socket).unwrap());
        connection.set_timeout(Some(Duration::from_secs(10)));
        Self { connection, id: 0 }
    }

    fn agreed(socket: &Path) -> Self {
        let mut raw = Self::new(socket);
        raw.ask(Command::Version as u16, Payload::new().u16(0).u16(0).bytes(b"{}\0"), &[]).unwrap();
        raw
    }

    /// The answer's payload, or its errno.
    fn ask(
        &mut self,
        command: u16,
        payload: Payload,
        fds: &[std::os::fd::BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        self.id += 1;
        let (id, no) = (self.id, false);
        let header = Header { id, command, len_bytes: 0, is_reply: no, no_reply: no, error: None };
        self.connection.send(header, &payload.0, fds).unwrap();
        let answer = self.connection.receive().unwrap();
        assert_eq!((answer.header.id, answer.header.command), (id, command));
        answer.header.error.map_or(Ok(answer.payload), Err)
    }

    fn config(&mut self, at: u64, len: u32) -> Vec<u8> {
        let question = Payload::new().u64(at).u32(sys::VFIO_PCI_CONFIG_REGION_INDEX).u32(len);
        self.ask(Command::RegionRead as u16, question, &[]).unwrap().split_off(16)
    }

    fn set_config(&mut self, at: u64, bytes: &[u8]) {
        let order = Payload::new()
            .u64(at)
            .u32(sys::VFIO_PCI_CONFIG_REGION_INDEX)
            .u32(bytes.len() as u32)
            .bytes(bytes);
        self.ask(Command::RegionWrite as u16, order, &[]).unwrap();
    }
}

#[test]
fn the_function_is_what_qemu_asks_for() {
    let served = Served::model();
    let mut raw = Raw::new(&served.socket());
    assert_eq!(
        raw.ask(Command::DeviceInfo as u16, Payload::new(), &[]),
        Err(22),
        "before a version was agreed on"
    );
    let mut raw = {
        drop(raw);
        Raw::agreed(&served.socket())
    };
    let info = raw.ask(Command::DeviceInfo as u16, Payload::new().u32(16).u32(0).u32(0).u32(0), &[]).unwrap();
    let mut fields = Fields(&info);
    let numbers: Vec<u32> = std::iter::from_fn(|| fields.u32()).collect();
    assert_eq!(numbers, [16, 3, 9, 5]);
    for (index, len) in [(0, BAR0_BYTES), (1, 0), (2, 8192), (6, 0), (7, 4096), (8, 0)] {
        let question = Payload::new().u32(32).u32(0).u32(index).u32(0).u64(0).u64(0);
        let answer = raw.ask(Command::RegionInfo as u16, question, &[]).unwrap();
        let mut fields = Fields(&answer[16..]);
        assert_eq!(fields.u64(), Some(len), "region {index}");
    }
    let question = Payload::new().u32(16).u32(0).u32(sys::VFIO_PCI_MSIX_IRQ_INDEX).u32(0);
    let answer = raw.ask(Command::IrqInfo as u16, question, &[]).unwrap();
    assert_eq!(answer[12..], 2u32.to_ne_bytes(), "a vector for each queue");
    assert_eq!(raw.config(0x0b, 1), [0x12], "a processing accelerator");
}

#[test]
fn dma_waits_for_the_bus_master_bit() {
    let served = Served::model();
    let mut raw = Raw::agreed(&served.socket());
    let file = memory_file(4096);
    let map = Payload::new().u32(32).u32(3).u64(0).u64(0x10_0000).u64(4096);
    raw.ask(Command::DmaMap as u16, map, &[file.as_fd()]).unwrap();
    let port = served.port.lock().clone().unwrap();
    assert!(port.read(Iova(0x10_0000), &mut [0]).is_err(), "after power-on");
    raw.set_config(4, &[6, 0]);
    port.write(Iova(0x10_0000), &[1]).unwrap();
    raw.set_config(4, &[2, 0]);
    assert!(port.read(Iova(0x10_0000), &mut [0]).is_err(), "switched off again");
    port.write(Iova(0x10_0000), &[2]).expect("a posted write has no answer");
    raw.set_config(4, &[6, 0]);
    // The function-level reset, as a kernel asks for it: the bit is off again.
    let devctl = raw.config(0x58, 2);
    raw.set_config(0x58, &[devctl[0], devctl[1] | 0x80]);
    assert_eq!(raw.config(4, 2), [0, 0]);
    assert!(served.port.lock().clone().unwrap().read(Iova(0x10_0000), &mut [0]).is_err());
    let mut byte = [0];
    (&file).read_exact(&mut byte).unwrap();
    assert_eq!(byte, [1]);
}

#[test]
fn nonsense_is_answered_or_ends_the_client_and_nothing_else() {
    let served = Served::model();
    let mut raw = Raw::agreed(&served.socket());
    let file = memory_file(4096);
    let (map, read, write) =
        (Command::DmaMap as u16, Command::RegionRead as u16, Command::RegionWrite as u16);
    let access = |offset: u64, region: u32, count: u32| Payload::new().u64(offset).u32(region).u32(count);
    for (command, payload, errno) in [
        (0, Payload::new(), 95),
        (99, Payload::new(), 95),
        (Command::DmaRead as u16, Payload::new(), 95),
        (Command::Version as u16, Payload::new().u16(7).u16(0), 22),
        (Command::Version as u16, Payload::new(), 22),
        (map, Payload::new().u32(32), 22),
        (map, Payload::new().u32(32).u32(3).u64(0).u64(u64::MAX).u64(2), 22),
        (map, Payload::new().u32(32).u32(3).u64(4096).u64(0).u64(4096), 22),
        (Command::DmaUnmap as u16, Payload::new().u32(24).u32(1).u64(0).u64(1), 95),
        (read, access(0, 0, u32::MAX), 22),
        (read, access(u64::MAX, 0, 4), 22),
        (read, access(BAR0_BYTES - 2, 0, 4), 22),
        (read, access(2, 0, 4), 22),
        (read, access(0, 1, 4), 22),
        (read, access(0, 77, 0), 22),
        (read, access(4095, 7, 2), 22),
        (write, access(0, 0, 4).bytes(&[1]), 22),
        (Command::RegionInfo as u16, Payload::new().u32(32).u32(0).u32(9), 22),
        (Command::IrqInfo as u16, Payload::new().u32(16).u32(0).u32(5), 22),
        (Command::SetIrqs as u16, Payload::new().u32(20).u32(36).u32(2).u32(u32::MAX).u32(2), 22),
        (Command::SetIrqs as u16, Payload::new().u32(20).u32(36).u32(9).u32(0).u32(0), 22),
        (Command::SetIrqs as u16, Payload::new().u32(20).u32(36).u32(2).u32(0).u32(1).u32(0), 22),
    ] {
        let fds = [file.as_fd(), file.as_fd()];
        let fds = if command == map {
            &fds[..1]
        } else if command == Command::SetIrqs as u16 {
            &fds[..]
        } else {
            &[]
        };
        assert_eq!(raw.ask(command, payload.clone(), fds), Err(errno), "command {command}, {:?}", payload.0);
    }
    drop(raw);
    for bytes in [&[0xff; 64][..], &[0; 16], &[1, 0, 1]] {
        let mut stream = UnixStream::connect(served.socket()).unwrap();
        stream.write_all(bytes).unwrap();
    }
    works(&engine(served.function()), 4);
}

#[test]
fn random_bytes_do_no_harm() {
    let served = Served::model();
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..50 {
        let mut raw = Raw::agreed(&served.socket());
        for _ in 0..100 {
            let mut payload = Payload::new();
            for _ in 0..next() % 5 {
                // Small numbers are likelier to make sense.
                payload = payload.u64(if next() & 1 == 0 { next() } else { next() % 8 });
            }
            let command = (next() % 15) as u16;
            let _ = raw.ask(command, payload, &[]);
        }
    }
    works(&engine(served.function()), 4);
}

#[test]
fn a_socket_left_behind_is_taken_over_and_one_in_use_is_not() {
    let served = Served::model();
    let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: 2 };
    let never = || Box::new(|_: Arc<dyn BusMaster>| -> Powered { unreachable!("nobody connects") });
    let error = Server::bind(&served.socket(), config, never()).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    Server::bind(&path, config, never()).unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(Server::bind(&file, config, never()).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

/// Its queues are found disabled: it is set up anew, and the job sent again, long before anybody would call it stuck.
#[test]
fn a_reset_that_nobody_told_the_driver_of_costs_no_job() {
    let served = Served::model();
    let function = served.function();
    let config = DriverConfig { progress_interval: Duration::from_millis(4), ..DriverConfig::default() };
    let stall_time = config.stall_time;
    let engine = DeviceEngine::open(function.clone(), config).unwrap();
    works(&engine, 3);
    function.reset.as_ref().unwrap().reset().unwrap();
    let mut values = vec![Fr::from(1u64); 8];
    let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values: values.clone() };
    let began = Instant::now();
    let output = engine.submit(job).and_then(|ticket| engine.wait(ticket)).unwrap();
    assert!(began.elapsed() < stall_time, "{:?}", began.elapsed());
    millrace_oracle::ntt(&mut values, NttDirection::Forward, false);
    assert_eq!(output.value, JobValue::Values(values));
    let anomalies = engine.anomalies();
    assert_eq!((anomalies.function_resets, anomalies.queue_resets), (1, 0));
    works(&engine, 3);
}

/// An RTL that is served, with another one ready.
fn served_with_one_ready() -> (Served, Arc<Mutex<Vec<Arc<Waits>>>>) {
    let waits = Arc::<Mutex<Vec<_>>>::default();
    let all = waits.clone();
    let power_on = move |memory| {
        let device = start_behind(&CosimConfig::default(), memory);
        all.lock().push(device.waits);
        let irqs = device.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
        Powered { bar0: device.bar0, irqs, keep: Box::new(device.handle) }
    };
    (Served::start(power_on, Server::with_one_ready), waits)
}

/// A sum that keeps the RTL at work for a second and more.
fn keep_busy(engine: &DeviceEngine, function: &Function) -> millrace_job::Ticket {
    let points: Vec<_> = (1..=256u64).map(|i| (G1Affine::generator() * Fr::from(i)).into_affine()).collect();
    let points: Vec<_> = points.iter().map(G1Mont::from).collect();
    let bases = engine.load(Resident::G1(points.into())).unwrap();
    let scalars = (0..256u64).map(|i| FrCanonical::from(-Fr::from(i + 1))).collect();
    let ticket = engine.submit(Job::Msm { group: Group::G1, bases, range: 0..256, scalars }).unwrap();
    soon(|| is_at_work(function));
    ticket
}

/// Looks without a pause, for a minute.
fn soon(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "it does not come");
    }
}

fn is_at_work(function: &Function) -> bool {
    function.bar0.read32(reg::STATUS) & reg::STATUS_BUSY_MASK != 0
}

/// What a client asked for, and how long each answer took; the times are printed and judge nothing, as a machine has other things to do.
fn told(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{} {what} while the RTL works: median {median:?}, longest {longest:?}", took.len());
}

fn timed(act: impl FnOnce()) -> Duration {
    let began = Instant::now();
    act();
    began.elapsed()
}

/// The socket is served at least every 50 ms while the RTL is stepped. By the clock of the RTL, on which no busy machine has an influence: each access to a register
/// comes before so few cycles have been stepped that they take some milliseconds.
#[test]
fn every_register_is_answered_within_a_few_cycles_while_the_rtl_works() {
    const ACCESSES: usize = 1000;
    // A hundred kilohertz and more on the machines that it runs on; ten would do.
    const SLOWEST_HZ: u64 = 10_000;
    const { assert!(Waits::CYCLES_MOST * 1000 <= 50 * SLOWEST_HZ) };
    let (served, waits) = served_with_one_ready();
    let function = served.function();
    let engine = engine(function.clone());
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    while reads.len() < ACCESSES {
        let ticket = keep_busy(&engine, &function);
        for _ in 0..100 {
            let mut works = false;
            let read = timed(|| works = is_at_work(&function));
            let write = timed(|| function.bar0.write32(reg::MAGIC, 0));
            if works {
                reads.push(read);
                writes.push(write);
            }
        }
        engine.wait(ticket).unwrap();
    }
    told("register reads", reads);
    told("register writes", writes);
    let accesses: u64 = waits.lock().iter().map(|waits| waits.accesses()).sum();
    let longest = waits.lock().iter().map(|waits| waits.longest_cycles()).max().unwrap();
    println!("{accesses} accesses: none waited for more than {longest} cycles");
    assert!(accesses >= 2 * ACCESSES as u64 && longest <= Waits::CYCLES_MOST, "{longest} cycles");
}

/// Neither memory that is mapped or unmapped, nor a reset from outside, waits for the RTL: the maps are the server's own, and for a reset another RTL is ready, which
/// whoever serves the socket neither builds nor waits for. A reset by register is some accesses to registers.
#[test]
fn maps_and_resets_do_not_wait_for_the_rtl() {
    const TIMES: usize = 10;
    let (served, waits) = served_with_one_ready();
    let is_built = |count: usize| {
        let began = Instant::now();
        while waits.lock().len() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "no RTL is ready");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    // One that is ready before the first client comes, another as soon as that is in use, and one more after the reset with which a driver begins.
    is_built(1);
    let function = served.function();
    is_built(3);
    let resetting = || {
        let status = function.bar0.read32(reg::STATUS);
        status & reg::STATUS_RESETTING_MASK != 0 || function.bar0.read32(reg::CTRL) != 0
    };
    let (mut maps, mut by_register, mut from_outside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let engine = engine(function.clone());
        let _ticket = keep_busy(&engine, &function);
        let accesses = || waits.lock().iter().map(|waits| waits.accesses()).sum::<u64>();
        let before = accesses();
        maps.push(timed(|| drop(function.dma.alloc(1 << 20).unwrap())));
        assert_eq!(accesses(), before, "a map waited for the RTL");
        by_register.push(timed(|| {
            function.bar0.write32(reg::CTRL, reg::CTRL_RESET_FUNCTION_MASK);
            soon(|| !resetting());
        }));
        drop(engine);
        let engine = crate::engine(function.clone());
        let _ticket = keep_busy(&engine, &function);
        let built = waits.lock().len();
        from_outside.push(timed(|| function.reset.as_ref().unwrap().reset().unwrap()));
        is_built(built + 1);
    }
    told("maps and unmaps of a MiB", maps);
    told("function resets by register", by_register);
    told("resets from outside", from_outside);
    let serves = served.thread.as_ref().unwrap().thread().id();
    let by = served.built_by.lock();
    assert!(by.len() > TIMES && !by.contains(&serves), "who serves the socket built an RTL");
}
