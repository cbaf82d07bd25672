//! From a name on the command line to engines.

pub(crate) mod fleet;
mod name;

use std::sync::Arc;

use millrace_bn254::backend::Instructions;
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_job::Engine;
use millrace_kernels::{CpuEngine, Limits};
use millrace_model::{Drill, Fault, JobClass, ModelConfig, ModelDevice, Trigger, drilled};
use millrace_oracle::OracleEngine;
use millrace_pcie::{Function, VfioAccess, VfioOptions, open_vfio, vfio_user::open_vfio_user};

pub(crate) use self::name::DeviceName;
use crate::{
    exit::{Code, Failure, OrFail},
    memory::Budget,
    simulation::Simulation,
    threads,
};

/// What an opened device needs to stay alive, and what only it has.
pub(crate) enum Behind {
    /// Nothing: the engine is all there is.
    Cpu,
    /// The functional device.
    Model,
    /// The simulation.
    Sim(Simulation),
    /// A card, or a device of another process: nothing of it is in this one.
    Elsewhere,
    /// Several devices.
    Fleet(fleet::Crew),
}

impl Opened {
    /// Whether a device does the work, and no engine of this process.
    pub(crate) fn is_device(&self) -> bool {
        !matches!(self.behind, Behind::Cpu)
    }

    /// Whether it is the CPU engine, or one that stands for it.
    pub(crate) fn is_cpu(&self) -> bool {
        !self.is_device() && self.engine.name() == DeviceName::Cpu.to_string()
    }

    /// Whether the (first) device says that its multiplier is a behavioural one.
    pub(crate) fn is_behavioural(&self) -> bool {
        match &self.behind {
            Behind::Fleet(crew) => crew.first_is_behavioural(),
            _ => self.driver.as_ref().is_some_and(|driver| driver.identity().behavioural),
        }
    }
}

impl Behind {
    /// The simulation, if it is one.
    pub(crate) fn simulation(&self) -> Option<Simulation> {
        match self {
            Behind::Sim(simulation) => Some(simulation.clone()),
            Behind::Fleet(crew) => crew.first().simulation(),
            Behind::Cpu | Behind::Model | Behind::Elsewhere => None,
        }
    }
}

/// An engine and what is behind it.
pub(crate) struct Opened {
    /// The engine. Dropped before what is behind it.
    pub(crate) engine: Arc<dyn Engine>,
    /// For further proofs in flight: engines like it, which share its threads. None where proofs share the engine.
    pub(crate) lanes: Vec<Arc<dyn Engine>>,
    /// The same, where it is one driver; a fleet alone holds its drivers, so that it can let go of them.
    pub(crate) driver: Option<Arc<DeviceEngine>>,
    /// The device.
    pub(crate) behind: Behind,
    /// Begins the drill that was asked for.
    pub(crate) trigger: Option<Trigger>,
}

/// More MSMs than a validation runs, the search for the smallest failing one included.
const INJECTED: u64 = 4096;

/// How to open.
#[derive(Clone, Copy, Default)]
pub(crate) struct OpenOptions {
    /// Give the device one job at a time, so that a waveform is of one job.
    pub(crate) one_at_a_time: bool,
    /// Record every access of a simulated device.
    pub(crate) record: bool,
    /// Let the n-th MSM of the model, and all after it, be wrong.
    pub(crate) inject_wrong: Option<u64>,
    /// Let something be wrong between host and device.
    pub(crate) drill: Option<Drill>,
    /// What the CPU engine may take; else as much as makes it fast.
    pub(crate) budget: Option<Budget>,
    /// Proofs in flight, where there are several: the CPU's threads are shared among them.
    pub(crate) in_flight: Option<usize>,
}

fn with_driver(mut function: Function, behind: Behind, options: OpenOptions) -> Result<Opened, Failure> {
    let mut config = DriverConfig::default();
    if options.one_at_a_time {
        config.depth = 1;
    }
    let mut trigger = None;
    if let Some(drill) = options.drill {
        let (other, begins) = drilled(function, drill);
        (function, trigger) = (other, Some(begins));
    }
    let driver = Arc::new(DeviceEngine::open(function, config).or_fail(Code::DeviceOpen)?);
    Ok(Opened { engine: driver.clone(), lanes: Vec::new(), driver: Some(driver), behind, trigger })
}

fn without_driver(engine: Arc<dyn Engine>) -> Opened {
    Opened { engine, lanes: Vec::new(), driver: None, behind: Behind::Cpu, trigger: None }
}

/// The PCIe function of a device, and what is behind it.
pub(crate) fn function(name: &DeviceName) -> Result<(Function, Behind), Failure> {
    match name {
        DeviceName::Cpu | DeviceName::CpuOracle => Err(Failure::new(
            Code::Usage,
            format!("expected a device, got {name}, an engine of this process"),
        )),
        DeviceName::Model => Ok((ModelDevice::start(ModelConfig::default()).function(), Behind::Model)),
        DeviceName::Sim => {
            let (function, simulation) = Simulation::start(false)?;
            Ok((function, Behind::Sim(simulation)))
        }
        DeviceName::Vfio(address) => {
            let options =
                VfioOptions { bar0_bytes: BAR0_BYTES, access: vfio_access()?, ..VfioOptions::default() };
            let function = open_vfio(*address, &options).or_fail(Code::DeviceOpen)?;
            Ok((function, Behind::Elsewhere))
        }
        DeviceName::VfioUser(path) => {
            let function = open_vfio_user(path, BAR0_BYTES).or_fail(Code::DeviceOpen)?;
            Ok((function, Behind::Elsewhere))
        }
    }
}

/// The way to cards that the environment asks for; `None` leaves the choice.
pub(crate) fn vfio_access() -> Result<Option<VfioAccess>, Failure> {
    let usage = |error| Failure::new(Code::Usage, format!("{}: {error}", VfioAccess::VARIABLE));
    VfioAccess::from_env().map_err(usage)
}

/// Opens a device, or several as one engine.
pub(crate) fn open_all(
    name: &DeviceName,
    with: &[DeviceName],
    options: OpenOptions,
) -> Result<Opened, Failure> {
    let opened = open(name, options)?;
    if with.is_empty() { Ok(opened) } else { fleet::join(opened, name, with) }
}

/// CPU engines for so many proofs in flight, on all processors unless a budget says otherwise.
fn cpu_lanes(in_flight: usize, budget: Option<Budget>) -> Result<Vec<Arc<dyn Engine>>, Failure> {
    let instructions = Instructions::from_env().or_fail(Code::Usage)?;
    tracing::info!(backend = instructions.name(), "CPU kernels");
    let limits = budget.map_or(Limits::NONE, |budget| budget.limits);
    let threads = budget.map_or_else(threads::of_processors, |budget| budget.threads);
    let lanes = CpuEngine::lanes(threads, in_flight, instructions, limits).or_fail(Code::Resources)?;
    Ok(lanes.into_iter().map(|lane| Arc::new(lane) as Arc<dyn Engine>).collect())
}

/// The CPU engine that stands beside a device: it takes what the device does not do, and what a device that fails has left.
pub(crate) fn cpu() -> Result<Arc<dyn Engine>, Failure> {
    Ok(cpu_lanes(1, None)?.pop().expect("one lane at least"))
}

/// Opens a device by name.
pub(crate) fn open(name: &DeviceName, options: OpenOptions) -> Result<Opened, Failure> {
    match name {
        DeviceName::Cpu => {
            let mut engines = cpu_lanes(options.in_flight.unwrap_or(1), options.budget)?.into_iter();
            let first = engines.next().expect("one lane at least");
            Ok(Opened { lanes: engines.collect(), ..without_driver(first) })
        }
        DeviceName::CpuOracle => Ok(without_driver(Arc::new(OracleEngine::new()))),
        DeviceName::Model => {
            let model = ModelDevice::start(ModelConfig::default());
            for nth in options.inject_wrong.into_iter().flat_map(|first| first..first + INJECTED) {
                model.inject(JobClass::Msm, nth, Fault::WrongResult);
            }
            with_driver(model.function(), Behind::Model, options)
        }
        DeviceName::Sim => {
            let (function, simulation) = Simulation::start(options.record)?;
            with_driver(function, Behind::Sim(simulation), options)
        }
        DeviceName::Vfio(_) | DeviceName::VfioUser(_) => {
            let (function, behind) = function(name)?;
            with_driver(function, behind, options)
        }
    }
}
