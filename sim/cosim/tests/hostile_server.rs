//! The device's end of the socket, played by a fuzzer: it stands between a driver and a good served model, hands messages on, and with some
//! chance changes answers, invents them, says nothing, says too much, or hangs up; meanwhile it writes completions, addresses and lengths of its own
//! into every queue's rings and into whatever else the driver mapped, answers registers as it likes, raises interrupts, and does as it likes with their eventfds.
//!
//! The driver may fail every job, but it panics never, ends within its bounds, and hands out no value that is none. The fuzzer keeps what the driver
//! unmapped, fills it with a canary and looks at it at the end: the driver has used none of it again; and what it maps anew is zero, whatever was written before.
//! After each case no DMA memory is left in the process. Each case is a seed; `MILLRACE_HOSTILE_SEED` runs one again, `MILLRACE_HOSTILE_SECONDS` goes on for so long (`make fuzz`).

use std::{
    collections::BTreeMap,
    io::Write,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup};
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_cosim::{Powered, QUEUES, Server, ServerConfig};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_job::{
    BufferId, Engine, EngineError, Group, Job, JobValue, NttDirection, Resident, ScalarSlice,
};
use millrace_model::{BareModel, ModelConfig};
use millrace_pcie::{
    BusMaster, Gone, Irq, Mapping, Raiser,
    vfio_user::{
        Connection, Incoming, open_vfio_user,
        wire::{Command, Fields, Header},
    },
};
use millrace_regs::{Completion, queue_register, registers as reg};
use parking_lot::Mutex;
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

/// Seeds of a run in CI.
const CASES: u64 = 24;
/// Longest that one case may take: an answer that never comes costs 5 s, once, as the link is down then; recovery a few stall times for each job.
const LIMIT: Duration = Duration::from_secs(60);
/// Jobs of each of the threads.
const JOBS: usize = 8;
const THREADS: usize = QUEUES + 1;
const POINTS: usize = 8;
/// What lies where the driver should not come any more.
const CANARY: u8 = 0x5a;

/// Buffers kept at once.
const KEPT: usize = 32;

/// One test at a time looks at what is mapped in the process.
static ALONE: Mutex<()> = Mutex::new(());

/// Places in this process where DMA memory of either side is mapped.
fn dma_maps() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("millrace-dma")).count()
}

/// SplitMix64.
struct Rng(u64);

static RAISER: LazyLock<Raiser> = LazyLock::new(|| Raiser::new().expect("a kernel with asynchronous I/O"));

/// What a peer can do with an eventfd that both have: take its count, fill it, and let whoever reads or writes it wait.
fn meddle(irq: BorrowedFd<'_>, how: u64) {
    let Ok(flags) = fcntl_getfl(irq) else { return };
    let _ = fcntl_setfl(irq, flags | OFlags::NONBLOCK);
    let _ = match how {
        0 => rustix::io::read(irq, &mut [0; 8]),
        1 => rustix::io::write(irq, &(u64::MAX - 1).to_ne_bytes()),
        _ => Ok(0),
    };
    let _ = fcntl_setfl(irq, flags - OFlags::NONBLOCK);
}

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// How a case is hostile; the rarer a thing is, the deeper the driver comes. `u64::MAX` is never.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// Messages after which an answer breaks the protocol.
    breaks: u64,
    /// Register reads after which one is answered with noise.
    lies: u64,
    /// Messages after which memory is written.
    writes: u64,
    /// Messages after which the other side hangs up.
    hangs_up: u64,
    /// Whether it refuses to unmap what the driver wants back.
    keeps: bool,
    /// Messages at first that are left alone, so that most drivers come beyond opening the device.
    spared: u64,
}

/// What becomes of an answer.
enum Then {
    Send,
    SayNothing,
    HangUp,
}

impl Habits {
    fn of(rng: &mut Rng) -> Self {
        let one = |rng: &mut Rng, some: [u64; 4]| some[rng.below(4) as usize];
        Self {
            breaks: one(rng, [u64::MAX, u64::MAX, 400, 60]),
            lies: one(rng, [u64::MAX, 200, 20, 3]),
            writes: one(rng, [1, 2, 5, u64::MAX]),
            hangs_up: one(rng, [u64::MAX, u64::MAX, u64::MAX, 500]),
            keeps: rng.one_in(8),
            spared: rng.below(200) * u64::from(!rng.one_in(5)),
        }
    }
}

/// What the fuzzer did, of all cases.
#[derive(Default)]
struct Done {
    messages: AtomicU64,
    broken: AtomicU64,
    lies: AtomicU64,
    completions: AtomicU64,
    writes: AtomicU64,
    interrupts: AtomicU64,
    /// Buffers that were kept after they were unmapped.
    canaries: AtomicU64,
    refusals: AtomicU64,
    /// Maps of a driver that had gone.
    left: AtomicU64,
}

/// What it has learned of the driver on one connection.
struct Relay<'a> {
    rng: Rng,
    habits: Habits,
    done: &'a Done,
    raw: UnixStream,
    /// By IOVA.
    memory: BTreeMap<u64, Mapping>,
    /// What was unmapped, full of canaries.
    kept: Vec<Mapping>,
    irqs: Vec<OwnedFd>,
    registers: BTreeMap<u32, u32>,
}

impl Relay<'_> {
    /// Takes in what a message of the driver tells.
    fn learn(&mut self, message: &Incoming) {
        let mut fields = Fields(&message.payload);
        match Command::of(message.header.command) {
            Some(Command::DmaMap) => {
                fields.bytes(16);
                if let (Some(iova), Some(file)) = (fields.u64(), message.fds.first())
                    && let Ok(mapping) = Mapping::of_file(file)
                {
                    assert!(is_full_of(&mapping, 0), "memory is mapped that was used before");
                    self.memory.insert(iova, mapping);
                }
            }
            Some(Command::DmaUnmap) => {
                fields.bytes(8);
                if let Some(mapping) = fields.u64().and_then(|iova| self.memory.remove(&iova)) {
                    mapping.write(0, &vec![CANARY; mapping.len_bytes()]);
                    self.kept.push(mapping);
                    if self.kept.len() > KEPT {
                        assert!(
                            is_full_of(&self.kept.remove(0), CANARY),
                            "memory that was unmapped was written"
                        );
                    }
                    self.done.canaries.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some(Command::SetIrqs) => {
                self.irqs = message.fds.iter().filter_map(|fd| fd.try_clone().ok()).collect();
            }
            Some(Command::RegionWrite) => {
                if let (Some(offset), Some(0), Some(4), Some(value)) =
                    (fields.u64(), fields.u32(), fields.u32(), fields.u32())
                {
                    self.registers.insert(offset as u32, value);
                }
            }
            _ => {}
        }
    }

    /// A completion at some place of some queue's ring: random, but likely to be looked at.
    fn invent_completion(&mut self) {
        let queue = self.rng.below(QUEUES as u64) as u32;
        let register = |of| self.registers.get(&queue_register(queue, of)).copied().unwrap_or(0);
        let base =
            u64::from(register(reg::QUEUE_CQ_BASE_LO)) | u64::from(register(reg::QUEUE_CQ_BASE_HI)) << 32;
        let (epoch, entries) = (register(reg::QUEUE_EPOCH), 1u64 << (register(reg::QUEUE_LOG_ENTRIES) & 15));
        let Some(ring) = self.memory.get(&base) else { return };
        let rng = &mut self.rng;
        let mut bytes = [0; 64];
        bytes.copy_from_slice(&rng.bytes(64));
        if !rng.one_in(8) {
            let noise = Completion::from_bytes(&bytes);
            let completion = Completion {
                job_id: if rng.one_in(4) { noise.job_id } else { rng.below(64) as u32 },
                status: if rng.one_in(4) { noise.status } else { rng.below(15) as u8 },
                opcode: if rng.one_in(4) { noise.opcode } else { rng.below(4) as u8 },
                epoch: if rng.one_in(4) { epoch.wrapping_sub(rng.below(3) as u32) } else { epoch },
                phase: rng.one_in(2),
                ..noise
            };
            bytes = completion.to_bytes();
        }
        let at = 64 * rng.below(entries) as usize + if rng.one_in(8) { rng.below(64) as usize } else { 0 };
        if at + 64 <= ring.len_bytes() {
            ring.write(at, &bytes);
            self.done.completions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Some bytes anywhere in what the driver mapped: descriptors, results, inputs.
    fn write_somewhere(&mut self) {
        let rng = &mut self.rng;
        let nth = rng.below(self.memory.len() as u64) as usize;
        let Some(memory) = self.memory.values().nth(nth) else { return };
        let at = rng.below(memory.len_bytes() as u64) as usize;
        let len = (1 + rng.below(300) as usize).min(memory.len_bytes() - at);
        let bytes = rng.bytes(len);
        memory.write(at, &bytes);
        self.done.writes.fetch_add(1, Ordering::Relaxed);
    }

    fn strike(&mut self) {
        match self.rng.below(4) {
            0 | 1 => (0..1 + self.rng.below(6)).for_each(|_| self.invent_completion()),
            2 => self.write_somewhere(),
            _ => {
                let nth = self.rng.below(self.irqs.len() as u64) as usize;
                if let Some(irq) = self.irqs.get(nth) {
                    meddle(irq.as_fd(), self.done.interrupts.load(Ordering::Relaxed) % 4);
                    let _ = RAISER.raise(irq);
                    self.done.interrupts.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Changes what a register read is answered with.
    fn lie(&mut self, answer: &mut Incoming) {
        let rng = &mut self.rng;
        let value = match rng.below(4) {
            0 => u32::MAX,
            1 => 0,
            2 => 1 << rng.below(32),
            _ => rng.next() as u32,
        };
        if let Some(data) = answer.payload.get_mut(16..20) {
            data.copy_from_slice(&value.to_ne_bytes());
            self.done.lies.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answers outside the protocol.
    fn break_protocol(&mut self, client: &Connection, answer: &mut Incoming) -> Then {
        self.done.broken.fetch_add(1, Ordering::Relaxed);
        let rng = &mut self.rng;
        match rng.below(11) {
            0 => answer.header.id ^= 1 << rng.below(16),
            1 => answer.header.is_reply = false,
            2 => answer.header.command = rng.next() as u16,
            3 => answer.header.error = Some(rng.next() as u32),
            4 => answer.payload.truncate(rng.below(answer.payload.len() as u64 + 1) as usize),
            5 => {
                let more = 1 << rng.below(16);
                answer.payload.extend(rng.bytes(more));
            }
            6 => answer.payload = rng.bytes(answer.payload.len()),
            // Twice: the second is taken for the answer to the next question.
            7 => drop(client.send(answer.header, &answer.payload, &[])),
            8 => {
                // Not even a head, or one whose length is another.
                let head = Header { len_bytes: rng.next() as u32, ..answer.header }.to_bytes();
                let len = rng.below(17) as usize;
                let _ = self.raw.write_all(&head[..len]);
                let noise = rng.bytes(rng.0 as usize % 200);
                let _ = self.raw.write_all(&noise);
                return Then::HangUp;
            }
            // The client gives the link up after 5 s.
            9 => return Then::SayNothing,
            _ => {
                // A question of its own, which a client of ours expects no more than any other.
                let question = Header { command: Command::DmaRead as u16, is_reply: false, ..answer.header };
                let _ = client.send(question, &rng.bytes(16), &[]);
            }
        }
        Then::Send
    }

    /// Until one of the sides hangs up.
    fn run(&mut self, client: &Connection, server: &Connection, stop: &AtomicBool) {
        let mut spared = self.habits.spared;
        while !stop.load(Ordering::Acquire) {
            match client.is_readable(Duration::from_millis(2)) {
                Ok(true) => {}
                // Nobody asks: the device strikes by itself.
                Ok(false) => {
                    if self.habits.writes != u64::MAX && spared == 0 {
                        self.strike();
                    }
                    continue;
                }
                Err(_) => return,
            }
            let Ok(message) = client.receive() else { return };
            self.done.messages.fetch_add(1, Ordering::Relaxed);
            if self.habits.keeps && spared == 0 && message.header.command == Command::DmaUnmap as u16 {
                let refusal = Header {
                    is_reply: true,
                    error: Some(Errno::BUSY.raw_os_error() as u32),
                    ..message.header
                };
                self.done.refusals.fetch_add(1, Ordering::Relaxed);
                if client.send(refusal, &[], &[]).is_err() {
                    return;
                }
                continue;
            }
            self.learn(&message);
            let fds: Vec<BorrowedFd<'_>> = message.fds.iter().map(AsFd::as_fd).collect();
            if server.send(message.header, &message.payload, &fds).is_err() {
                return;
            }
            let Ok(mut answer) = server.receive() else { return };
            if spared > 0 {
                spared -= 1;
            } else {
                if message.header.command == Command::RegionRead as u16 && self.rng.one_in(self.habits.lies) {
                    self.lie(&mut answer);
                }
                if self.rng.one_in(self.habits.writes) {
                    self.strike();
                }
                if self.rng.one_in(self.habits.hangs_up) {
                    return;
                }
                if self.rng.one_in(self.habits.breaks) {
                    match self.break_protocol(client, &mut answer) {
                        Then::Send => {}
                        Then::SayNothing => continue,
                        Then::HangUp => return,
                    }
                }
            }
            if client.send(answer.header, &answer.payload, &[]).is_err() {
                return;
            }
        }
    }
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        self.done.left.fetch_add(self.memory.len() as u64, Ordering::Relaxed);
        let is_alive = self.kept.iter().all(|memory| is_full_of(memory, CANARY));
        assert!(is_alive || thread::panicking(), "memory that was unmapped was written");
    }
}

fn is_full_of(memory: &Mapping, byte: u8) -> bool {
    let mut bytes = vec![!byte; memory.len_bytes()];
    memory.read(0, &mut bytes);
    bytes.iter().all(|&b| b == byte)
}

/// A good model on a socket, and the fuzzer's socket before it.
struct Stage {
    dir: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    server: Option<thread::JoinHandle<()>>,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let power_on = Box::new(|memory: Arc<dyn BusMaster>| {
            let config =
                ModelConfig { window_bits: 8, windows: 32, log_memory_bytes: 22, ..ModelConfig::default() };
            let model = BareModel::start(config, memory);
            let irqs = model.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
            Powered { bar0: model.bar0.clone(), irqs, keep: Box::new(model) }
        });
        let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: QUEUES };
        let server = Server::bind(&dir.path().join("good"), config, power_on).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let server = Some(thread::spawn(move || server.run(&stopped).unwrap()));
        Self { dir, stop, server }
    }

    fn good(&self) -> PathBuf {
        self.dir.path().join("good")
    }

    /// Serves one client after the other on `path` until `over`, with habits of its own each.
    fn relay(&self, path: &Path, seed: u64, done: &Done, over: &AtomicBool) {
        self.relay_by(path, seed, done, over, Habits::of);
    }

    fn relay_by(
        &self,
        path: &Path,
        seed: u64,
        done: &Done,
        over: &AtomicBool,
        habits: impl Fn(&mut Rng) -> Habits,
    ) {
        let listener = UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut rng = Rng(seed);
        while !over.load(Ordering::Acquire) {
            let Ok((stream, _)) = listener.accept() else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            stream.set_nonblocking(false).unwrap();
            let raw = stream.try_clone().unwrap();
            let (mut client, mut server) =
                (Connection::new(stream), Connection::new(UnixStream::connect(self.good()).unwrap()));
            client.set_timeout(Some(Duration::from_secs(2)));
            server.set_timeout(Some(Duration::from_secs(20)));
            let habits = habits(&mut rng);
            let mut relay = Relay {
                rng: Rng(rng.next()),
                habits,
                done,
                raw,
                memory: BTreeMap::new(),
                kept: Vec::new(),
                irqs: Vec::new(),
                registers: BTreeMap::new(),
            };
            relay.run(&client, &server, over);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }
}

struct Work {
    points: Vec<G1Affine>,
    scalars: ScalarSlice,
    values: Vec<Fr>,
}

impl Work {
    fn new() -> Self {
        let multiple = |i: u64| (G1Affine::generator() * Fr::from(i)).into_affine();
        let scalars = (1..=POINTS as u64).map(|i| FrCanonical::from(Fr::from(u64::MAX / i))).collect();
        Self {
            points: (1..=POINTS as u64).map(multiple).collect(),
            scalars,
            values: (0..16u64).map(|i| Fr::from(i * i + 7)).collect(),
        }
    }

    fn bases(&self) -> Resident {
        Resident::G1(self.points.iter().map(G1Mont::from).collect::<Vec<_>>().into())
    }

    fn job(&self, bases: BufferId, which: u64) -> Job {
        match which % 2 {
            0 => Job::Msm { group: Group::G1, bases, range: 0..POINTS, scalars: self.scalars.clone() },
            _ => Job::Ntt { direction: NttDirection::Forward, coset: false, values: self.values.clone() },
        }
    }

    /// A device that changes inputs gets what it asked for, but what comes out is a point or a value all the same.
    fn is_a_value(&self, value: &JobValue) -> bool {
        match value {
            JobValue::G1(point) => point.is_on_curve(),
            JobValue::Values(values) => values.len() == self.values.len(),
            _ => false,
        }
    }

    /// Jobs, waits, cancels, resets and loads in some order; how many ended well.
    fn drive(&self, engine: &DeviceEngine, seed: u64) -> u64 {
        let mut rng = Rng(seed);
        let mut right = 0;
        let Ok(mut bases) = engine.load(self.bases()) else { return 0 };
        for which in 0..JOBS as u64 {
            let tickets: Vec<_> =
                (0..1 + rng.below(3)).map(|i| engine.submit(self.job(bases, which + i))).collect();
            for ticket in tickets.into_iter().flatten() {
                if rng.one_in(6) {
                    let _ = engine.cancel(ticket);
                    continue;
                }
                match engine.wait(ticket) {
                    Ok(output) => {
                        assert!(self.is_a_value(&output.value), "no value: {:?}", output.value);
                        right += 1;
                    }
                    Err(EngineError::DeviceLost { .. }) => return right,
                    Err(_) => {}
                }
            }
            if rng.one_in(10) {
                let _ = engine.reset();
            }
            if rng.one_in(5) {
                engine.unload(bases);
                match engine.load(self.bases()) {
                    Ok(again) => bases = again,
                    Err(_) => return right,
                }
            }
        }
        right
    }
}

/// One seed: a driver meets the hostile device, and then a good one.
fn case(seed: u64, work: &Work, done: &Done) -> (bool, u64) {
    let stage = Stage::new();
    let path = stage.dir.path().join("hostile");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| stage.relay(&path, seed, done, &over));
        while !path.exists() {
            thread::sleep(Duration::from_millis(1));
        }
        let config = DriverConfig {
            log_entries: 3,
            progress_interval: Duration::from_millis(4),
            stall_time: Duration::from_millis(100),
            stall_readings: 4,
            ..DriverConfig::default()
        };
        let opened = open_vfio_user(&path, BAR0_BYTES).ok().and_then(|f| DeviceEngine::open(f, config).ok());
        let met = opened.is_some();
        let mut right = 0;
        if let Some(engine) = opened {
            let rights = thread::scope(|scope| {
                let drive = |i| work.drive(&engine, seed ^ (i as u64) << 32);
                let threads: Vec<_> = (0..THREADS).map(|i| scope.spawn(move || drive(i))).collect();
                threads.into_iter().map(|thread| thread.join().expect("the driver panicked")).sum::<u64>()
            });
            right = rights;
            let _ = (engine.statistics(), engine.anomalies());
        }
        over.store(true, Ordering::Release);
        (met, right)
    })
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("expected a number in {variable}, got {text:?}")))
}

#[test]
fn a_hostile_server_does_no_harm() {
    let _alone = ALONE.lock();
    let (seed, seconds) = (number("MILLRACE_HOSTILE_SEED"), number("MILLRACE_HOSTILE_SECONDS"));
    let (work, done) = (Arc::new(Work::new()), Arc::new(Done::default()));
    let first = seed.unwrap_or(0);
    let started = Instant::now();
    let (mut cases, mut met, mut right, mut longest) = (0u64, 0, 0, Duration::ZERO);
    loop {
        let this = first + cases;
        let (told, answer) = mpsc::channel();
        let (its_work, its_done) = (work.clone(), done.clone());
        let began = Instant::now();
        let running = thread::spawn(move || {
            let _ = told.send(case(this, &its_work, &its_done));
        });
        match answer.recv_timeout(LIMIT) {
            Ok((opened, answers)) => {
                running.join().unwrap();
                assert_eq!(dma_maps(), 0, "MILLRACE_HOSTILE_SEED={this} leaves DMA memory behind");
                met += u64::from(opened);
                right += answers;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("MILLRACE_HOSTILE_SEED={this} does not end within {} s", LIMIT.as_secs())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("MILLRACE_HOSTILE_SEED={this} panicked"),
        }
        longest = longest.max(began.elapsed());
        cases += 1;
        let over = match seconds {
            Some(seconds) => started.elapsed() >= Duration::from_secs(seconds),
            None => cases == if seed.is_some() { 1 } else { CASES },
        };
        if over {
            break;
        }
    }
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "hostile server: seeds {first}..{}, {met} devices opened, {right} jobs ended well; {} messages, {} answers outside the protocol, {} register \
         reads answered with noise, {} completions invented, {} other writes, {} interrupts, {} refusals to unmap; {} canaries alive; longest case {:.1} s; no panic, no hang",
        first + cases,
        of(&done.messages),
        of(&done.broken),
        of(&done.lies),
        of(&done.completions),
        of(&done.writes),
        of(&done.interrupts),
        of(&done.refusals),
        of(&done.canaries),
        longest.as_secs_f64(),
    );
    if cases >= CASES {
        assert!(of(&done.canaries) > 0, "nothing was unmapped");
        assert!(met * 4 > cases && right > 0, "the fuzzer is so hostile that nothing of the driver runs");
    }
    // The process that met them all works with a good device.
    let stage = Stage::new();
    let function = open_vfio_user(&stage.good(), BAR0_BYTES).unwrap();
    let engine = DeviceEngine::open(function, DriverConfig::default()).unwrap();
    let bases = engine.load(work.bases()).unwrap();
    let scalars: Vec<Fr> = work.scalars.iter().map(|k| k.to_fr().unwrap()).collect();
    let output = engine.wait(engine.submit(work.job(bases, 0)).unwrap()).unwrap();
    assert_eq!(output.value, JobValue::G1(millrace_oracle::msm_g1(&work.points, &scalars).into_affine()));
}

/// Habits of a server that does no harm.
const HARMLESS: Habits = Habits {
    breaks: u64::MAX,
    lies: u64::MAX,
    writes: u64::MAX,
    hangs_up: u64::MAX,
    keeps: false,
    spared: 0,
};

/// A driver that ends leaves nothing mapped, at neither side; and a server that refuses to let go of memory is hung up on: else each job that fails would
/// make the host larger.
#[test]
fn what_a_server_keeps_does_not_make_the_host_grow() {
    let _alone = ALONE.lock();
    let work = Work::new();
    for keeps in [false, true] {
        let (stage, done, over) = (Stage::new(), Done::default(), AtomicBool::new(false));
        let path = stage.dir.path().join("relayed");
        thread::scope(|scope| {
            scope.spawn(|| stage.relay_by(&path, 1, &done, &over, |_| Habits { keeps, ..HARMLESS }));
            while !path.exists() {
                thread::sleep(Duration::from_millis(1));
            }
            let function = open_vfio_user(&path, BAR0_BYTES).unwrap();
            let dma = function.dma.clone();
            let config = DriverConfig { stall_time: LIMIT, ..DriverConfig::default() };
            let engine = DeviceEngine::open(function.clone(), config).unwrap();
            let right = work.drive(&engine, 3);
            assert!(keeps || right > 0);
            // One buffer after the other, each of which is unmapped at once.
            let held = dma_maps();
            let taken = (0..1000).take_while(|_| dma.alloc(1 << 16).is_ok()).count();
            if keeps {
                assert!(taken <= 1, "{taken} buffers were mapped by a server that lets go of none");
                assert_eq!(function.bar0.read32(reg::MAGIC), u32::MAX, "it is still believed");
                assert!(matches!(engine.look(), Err(EngineError::DeviceLost { .. })));
                assert_eq!(engine.lost().and_then(|lost| lost.gone), Some(Gone::KeepsMemory));
            } else {
                assert_eq!(taken, 1000);
                assert!(dma_maps() <= held + KEPT, "{} of {held} before", dma_maps());
            }
            drop((engine, dma, function));
            over.store(true, Ordering::Release);
        });
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!(of(&done.refusals) > 0, keeps);
        assert!(keeps || of(&done.left) == 0, "{} maps of a driver that had gone", of(&done.left));
        drop(stage);
        assert_eq!(dma_maps(), 0, "DMA memory is left behind");
    }
}
