//! Drivers in processes of their own, killed -9.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use millrace_driver::{BAR0_BYTES, DeviceEngine};
use millrace_model::{Fault, JobClass};
use millrace_pcie::{DmaBuffer, DmaError, DmaSpace, Function, Mmio, vfio_user::open_vfio_user};

use super::{IN_THE_MIDDLE, LIMIT, quick, served::Served, work::Work};

/// Where a driver's process is killed.
#[derive(Clone, Copy)]
pub(crate) enum Victim {
    /// At each register access.
    AtAccess,
    /// At each mapping of memory for the device.
    AtMapping,
    /// While a fault holds a job of this class.
    In(JobClass),
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

/// What a victim does until it is killed.
pub(crate) fn live() {
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

fn victim(served: &Served, variables: &[(&str, String)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "victim"]).env(SOCKET, served.socket());
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills drivers, each followed by one that works; how many.
pub(crate) fn kill(served: &Served, at: Victim, work: &Work) -> u64 {
    let variable = match at {
        Victim::AtAccess => ACCESS,
        Victim::AtMapping => MAPPING,
        Victim::In(class) => {
            *served.at_power_on.lock() = Some((class, Fault::Slow(LIMIT)));
            let mut child = victim(served, &[]);
            let until = Instant::now() + LIMIT / 2;
            while !served.has_taken(class) {
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
        let status = victim(served, &[(variable, steps.to_string())]).wait().unwrap();
        served.successor_works(work);
        if status.success() {
            return steps;
        }
        assert_eq!(status.signal(), Some(9), "at step {steps}: {status}");
    }
    unreachable!("it has fewer steps than there are numbers")
}
