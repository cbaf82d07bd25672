//! What goes wrong, and what has to be told of it.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use millrace_cosim::QUEUES;
use millrace_driver::DeviceEngine;
use millrace_model::{
    Fault::{self, *},
    JobClass::{self, *},
    Until,
};
use millrace_pcie::{CallCount, DmaSpace, FaultyDma, FaultyMmio, Function, MmioFault};
use millrace_regs::Cause;

use super::{
    damage::{Damage, Vectors, with_hanging_reset, without_reset},
    killed::Victim,
    served::{Poison, Served},
    stage::{GIVEN_AGAIN, OUT_OF_ORDER},
    work::{BLAMED, BY_DEVICE, POINTS, PUT_ASIDE, WRONG},
};

/// Makes a function one that goes wrong.
type Wrapper = Box<dyn Fn(Function, &Arc<Damage>) -> Function>;

/// What goes wrong.
pub(crate) enum Strike {
    /// In the device, at the next jobs of a class.
    Job(JobClass, &'static [Fault]),
    /// On the link, when the device reads host memory: the next read of such a length among the jobs, and in a proof.
    Poison(Poison, Poison),
    /// Between host and registers.
    Registers(fn(&Damage, &DeviceEngine)),
    /// At the socket.
    Socket(fn(&mut Served, &Function, &DeviceEngine)),
    /// The device's own resets do not end, and this is what resets it from outside.
    Stuck(fn(Function) -> Function),
    /// A wrapper around the function, before the engine opens it.
    Wrap(Wrapper),
    /// Interrupts that a sum of some time is waited for by.
    Irqs(Vectors),
    /// So many bytes can be mapped for the device at once, as where locked memory runs out; more only after the struck jobs.
    Room(usize),
    /// The same where addresses run out.
    Addresses(usize),
    /// The function is reset while this fault holds a job.
    Reset(Option<(JobClass, Fault)>, Reset),
    /// The function is reset from outside in the middle of something.
    ResetIn(Moment),
    /// The driver's process is killed, at each of its steps in turn.
    Kill(Victim),
}

/// Who resets the function, and its driver is told.
#[derive(Clone, Copy)]
pub(crate) enum Reset {
    /// The driver, by the registers.
    ByRegisters,
    /// Somebody from outside.
    FromOutside,
    /// Two threads of the driver at once.
    Twice,
}

/// When nobody expects a reset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While the driver starts, at many of its accesses in turn.
    BringUp,
    /// While the driver resets the function because an engine is stuck.
    Recovery,
    /// While the driver cancels a job.
    Cancel,
    /// While bases make room for others.
    Eviction,
    /// While the driver closes with a job in flight.
    Close,
}

/// What is told of the struck jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: the answers are right, and this was counted.
    Right(&'static str),
    /// At least one of them failed with this code, and none with another.
    Code(&'static str),
    /// Either of the two, by which of the jobs ends first.
    Either(&'static str, &'static str),
    /// The same where one of several things is counted.
    EitherOf(&'static str, &'static [&'static str]),
    /// The driver is no more; its successor works.
    Killed,
    /// The device is lost for good.
    Lost,
    /// It was not opened, for this reason.
    NotOpened(&'static str),
    /// What a class says that strikes more than one driver.
    Says(&'static str),
}

/// Completions that others overwrite are lost, with their jobs or after the first of them was taken in time: then the surplus is seen, or the next job's
/// completion is missed, and that job given again.
const OVERFLOWN: Told = Told::EitherOf("TIMEOUT", &["unknown_jobs", "queue_resets"]);

pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) strike: Strike,
    pub(crate) told: Told,
    /// By whom a proof is made that is struck.
    pub(crate) proof: &'static [&'static str],
}

/// Whatever struck, the proof was right.
const ANY: &[&str] = &[BY_DEVICE, PUT_ASIDE, "jobs by the CPU"];
const DEVICE: &[&str] = &[BY_DEVICE];
const LOST: &[&str] = &[PUT_ASIDE];

/// Of all queues.
const RING_BYTES: usize = 2 * QUEUES * 4096;
/// Of a driver that opens a device, loads bases and does an MSM and a transform; what comes back is used again.
const ALLOCATIONS: u64 = 2 * QUEUES as u64 + 4;
/// A step of the engine's counter at each reading, for a day.
const CREEPS: Fault = Slow(Duration::from_secs(86_400));
/// Only the reset ends the job: without it the class takes longer than it may.
pub(crate) const HELD: Fault = Slow(Duration::from_secs(300));

fn class(name: &str, strike: Strike, told: Told) -> Class {
    let proof = match told {
        Told::Right(_) | Told::Killed | Told::NotOpened(_) | Told::Says(_) => DEVICE,
        Told::Lost => LOST,
        Told::Code(_) | Told::Either(..) | Told::EitherOf(..) => ANY,
    };
    Class { name: name.into(), strike, told, proof }
}

fn job(name: &str, of: JobClass, faults: &'static [Fault], told: Told) -> Class {
    class(name, Strike::Job(of, faults), told)
}

fn no_memory(dma: Arc<dyn DmaSpace>, nth: u64) -> Arc<dyn DmaSpace> {
    // Twice: what is refused once is had when idle buffers have gone. The inner one sees the next as its n-th.
    let inner = Arc::new(FaultyDma::new(dma, nth, CallCount::default()));
    Arc::new(FaultyDma::new(inner, nth, CallCount::default()))
}

fn dead_from(function: Function, access: u64) -> Function {
    let bar0 = FaultyMmio::new(function.bar0, MmioFault::DeadFrom(access), CallCount::default());
    Function { bar0: Arc::new(bar0), ..function }
}

macro_rules! fails {
    ($cause:ident) => {
        &[Fail { cause: Cause::$cause, position: 3 }]
    };
}

/// What has no place between a driver and a served device, and the test that strikes it: where it lies, and its name.
pub(crate) const ELSEWHERE: [(&str, &str, &str, &str, &str); 2] = [
    (
        "out of huge pages",
        "`no huge pages for N bytes of DMA memory`",
        "host/pcie/src/near.rs",
        include_str!("../../../../host/pcie/src/near.rs"),
        "where_huge_pages_have_run_out_ordinary_ones_are_taken",
    ),
    (
        "link down, and up again for the same command",
        "`gets no more jobs`, `is back`",
        "host/cli/tests/killed.rs",
        include_str!("../../../../host/cli/tests/killed.rs"),
        "a_device_comes_and_goes_all_along_a_proof",
    ),
];

pub(crate) fn classes() -> Vec<Class> {
    [in_the_device(), on_the_link(), of_the_host(), resets(), killed()].into_iter().flatten().collect()
}

fn in_the_device() -> Vec<Class> {
    use Told::{Code, Either, Right};
    let wrong = |name, of| Class { proof: &[BLAMED], ..job(name, of, &[WrongResult], Code(WRONG)) };
    vec![
        job("MSM: bad descriptor", Msm, fails!(BadDescriptor), Code("BAD_DESCRIPTOR")),
        job("MSM: bad opcode", Msm, fails!(BadOpcode), Code("BAD_OPCODE")),
        job("MSM: phase of another lap: queue stops", Msm, fails!(BadPhase), Right("queue_resets")),
        job("MSM: epoch of another start: queue stops", Msm, fails!(BadEpoch), Right("queue_resets")),
        job("MSM: bad length", Msm, fails!(BadLength), Code("BAD_LENGTH")),
        job("MSM: scalar out of range", Msm, fails!(ScalarRange), Code("SCALAR_RANGE")),
        job("MSM: base out of range", Msm, fails!(PointRange), Code("POINT_RANGE")),
        job("MSM: DMA read error", Msm, fails!(HostRead), Code("HOST_READ")),
        job("MSM: DMA write error", Msm, fails!(HostWrite), Code("HOST_WRITE")),
        job("MSM: device memory read error", Msm, fails!(MemRead), Code("MEM_READ")),
        job("MSM: device memory write error", Msm, fails!(MemWrite), Code("MEM_WRITE")),
        job("MSM: engine reset by somebody else", Msm, fails!(Reset), Right(GIVEN_AGAIN)),
        job("MSM: status that no cause has", Msm, &[UnknownStatus(200)], Code("UNKNOWN_200")),
        job("MSM: lost completion", Msm, &[LoseCompletion], Code("TIMEOUT")),
        job("MSM: doubled completion", Msm, &[DoubleCompletion], Right("unknown_jobs")),
        job("MSM: completions overflow the ring", Msm, &[Overflow(200)], OVERFLOWN),
        job("NTT: completions overflow the ring", Ntt, &[Overflow(1000)], OVERFLOWN),
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
        job("NTT: progress that only creeps", Ntt, &[CREEPS], Code("TIMEOUT")),
        wrong("MSM: another point of the curve", Msm),
        wrong("NTT: other values in range", Ntt),
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
        job("upload: bit flip", Copy, &[FlipResult { bit: 77 }], Right("wrong_digests")),
        job("upload: bit flip on three tries", Copy, &[FlipResult { bit: 77 }; 3], Code("UPLOAD_DIGEST")),
        job("upload: device memory write error", Copy, fails!(MemWrite), Right(GIVEN_AGAIN)),
        job("upload: lost completion", Copy, &[LoseCompletion], Right("queue_resets")),
        job(
            "upload: stuck until the queue's reset",
            Copy,
            &[Stuck(Until::QueueReset)],
            Right("queue_resets"),
        ),
        job("NTT: completion after that of the next job", Ntt, &[Late], Either("TIMEOUT", OUT_OF_ORDER)),
        job("NTT: lost completion", Ntt, &[LoseCompletion], Code("TIMEOUT")),
        job("NTT: value out of range", Ntt, fails!(ValueRange), Code("VALUE_RANGE")),
        job("NTT: bit flip in the result", Ntt, &[FlipResult { bit: 255 }], Code("RESULT_RANGE")),
        job("NTT: bit flip on the way to the host", Ntt, &[FlipOnTheWay { bit: 9 }], Code("RESULT_DIGEST")),
        job("NTT: stuck until the function's reset", Ntt, &[Stuck(Until::FunctionReset)], Code("TIMEOUT")),
        job("NTT: completion of another opcode", Ntt, &[WrongOpcode], Code("BAD_COMPLETION")),
    ]
}

fn on_the_link() -> Vec<Class> {
    use Told::{Code, Lost, NotOpened, Right};
    let registers = |name, damage, told| class(name, Strike::Registers(damage), told);
    let wrap = |name, wrap: fn(Function, &Arc<Damage>) -> Function, told| {
        class(name, Strike::Wrap(Box::new(wrap)), told)
    };
    let (is_descriptor, is_data): (Poison, Poison) = (|len| len == 64, |len| len > 64);
    vec![
        class(
            "poisoned read of scalars",
            Strike::Poison(|len| len == 32 * POINTS, is_data),
            Code("HOST_READ"),
        ),
        class(
            "poisoned read of a descriptor",
            Strike::Poison(is_descriptor, is_descriptor),
            Right("queue_resets"),
        ),
        registers(
            "link down, and up again for the process's next driver",
            |damage, _| damage.dead.store(true, Ordering::Release),
            Lost,
        ),
        registers(
            "one register write lost",
            |damage, _| damage.next_write_lost.store(true, Ordering::Release),
            Right("doorbells_again"),
        ),
        registers(
            "one register read unanswered",
            |damage, engine| {
                damage.next_read_lost.store(true, Ordering::Release);
                engine.reset().unwrap();
            },
            Right("lost accesses"),
        ),
        wrap("link down before the start", |f, _| dead_from(f, 0), NotOpened("DEAD_LINK")),
        wrap("link down while the queue starts", |f, _| dead_from(f, 20), NotOpened("UNRESPONSIVE")),
        class("MSM: stuck for ever, no reset from outside", Strike::Stuck(without_reset), Lost),
        class("MSM: stuck for ever, the reset from outside hangs", Strike::Stuck(with_hanging_reset), Lost),
        class(
            "interrupts that never come",
            Strike::Irqs(Vectors::Silent),
            Right("waits for such interrupts"),
        ),
        class("interrupts without end", Strike::Irqs(Vectors::Storm), Right("waits for such interrupts")),
        class("the interrupt of one job lost", Strike::Irqs(Vectors::OneLost), Right("lost interrupts")),
        class("the other end of the link dies", Strike::Socket(|served, _, _| served.end()), Lost),
    ]
}

fn of_the_host() -> Vec<Class> {
    use Told::{Code, NotOpened};
    let mut all = Vec::new();
    for (what, strike, code) in [
        ("memory", Strike::Room as fn(usize) -> Strike, "OUT_OF_MEMORY"),
        ("addresses", Strike::Addresses, "OUT_OF_IOVA"),
    ] {
        all.extend([
            class(&format!("no {what} for the rings"), strike(RING_BYTES - 1), NotOpened(code)),
            class(&format!("{what} for the rings, none for jobs"), strike(RING_BYTES), Code(code)),
            class(&format!("{what} for one buffer of a job"), strike(RING_BYTES + 4096), Code(code)),
        ]);
    }
    for nth in 0..ALLOCATIONS {
        let (what, told) = match nth.checked_sub(2 * QUEUES as u64) {
            None => (format!("ring {nth}"), NotOpened("OUT_OF_MEMORY")),
            Some(0) => ("bases on their way".into(), Code("OUT_OF_MEMORY")),
            Some(nth) => (format!("buffer {nth} of jobs"), Code("OUT_OF_MEMORY")),
        };
        let wrap = move |f: Function, _: &Arc<Damage>| Function { dma: no_memory(f.dma, nth), ..f };
        all.push(class(&format!("no memory for {what}"), Strike::Wrap(Box::new(wrap)), told));
    }
    all
}

fn resets() -> Vec<Class> {
    use Told::{Code, Either, Right, Says};
    let socket = |name, strike, told| class(name, Strike::Socket(strike), told);
    let moment = |name: &str, moment, told| class(name, Strike::ResetIn(moment), told);
    let mut all = vec![
        socket(
            "function reset that the driver is told of",
            |_, function, engine| {
                function.reset.as_ref().unwrap().reset().unwrap();
                engine.reset().unwrap();
            },
            Right("function_resets"),
        ),
        socket(
            "function reset that nobody tells of",
            |_, function, _| function.reset.as_ref().unwrap().reset().unwrap(),
            Either("RESET", "function_resets"),
        ),
        moment("reset from outside while the driver starts", Moment::BringUp, Says("UNRESPONSIVE or works")),
        moment(
            "reset from outside while a stuck engine's function is reset",
            Moment::Recovery,
            Code("TIMEOUT"),
        ),
        moment("reset from outside while a job is cancelled", Moment::Cancel, Says("cancelled")),
        moment(
            "reset from outside while bases make room for others",
            Moment::Eviction,
            Either("RESET", "function_resets"),
        ),
        moment("reset from outside while the driver closes", Moment::Close, Says("closed")),
    ];
    for (state, held, told) in [
        ("nothing runs", None, Right("function_resets")),
        ("bases are sent", Some((Copy, HELD)), Right("function_resets")),
        ("an MSM runs", Some((Msm, HELD)), Code("RESET")),
        ("a transform runs", Some((Ntt, HELD)), Right("function_resets")),
        ("an engine is stuck", Some((Msm, Stuck(Until::FunctionReset))), Code("RESET")),
        ("an engine works for nothing", Some((Ntt, BusyForNothing)), Right("function_resets")),
    ] {
        for (by, reset) in [
            ("by registers", Reset::ByRegisters),
            ("from outside", Reset::FromOutside),
            ("twice at once", Reset::Twice),
        ] {
            // The second of two may come when the first has let the next job, an MSM, begin.
            let told = match (told, reset) {
                (Right(counted), Reset::Twice) => Either("RESET", counted),
                _ => told,
            };
            let name = format!("reset {by} while {state}");
            all.push(Class { proof: ANY, ..class(&name, Strike::Reset(held, reset), told) });
        }
    }
    all
}

fn killed() -> Vec<Class> {
    [
        ("at each register access", Victim::AtAccess),
        ("at each mapping of memory", Victim::AtMapping),
        ("while bases are sent", Victim::In(Copy)),
        ("in the middle of an MSM", Victim::In(Msm)),
        ("in the middle of a transform", Victim::In(Ntt)),
    ]
    .map(|(when, victim)| class(&format!("driver killed -9 {when}"), Strike::Kill(victim), Told::Killed))
    .into()
}
