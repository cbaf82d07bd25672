//! [`DeviceEngine`]: a device as a `millrace_job::Engine`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use millrace_job::{
    BucketDump, BufferId, Engine, EngineError, Group, Job, JobKind, JobOutput, Resident, Ticket,
};
use millrace_pcie::Function;
use parking_lot::{Condvar, Mutex};

use crate::{
    Anomalies, DeviceStatistics, DriverConfig, Identity, OpenError,
    allocator::DeviceMemory,
    core::Core,
    flight::Purpose,
    pool::Pool,
    recovery::Level,
    registers::{LinkDown, Registers},
    shared::Shared,
};

/// A device behind its rings, doing MSMs over G1 and transforms up to its own limit.
///
/// Threads that wait take turns at watching the device; there is no thread of its own. A device that is lost answers
/// [`EngineError::DeviceLost`] for ever.
pub struct DeviceEngine {
    shared: Shared,
}

impl DeviceEngine {
    /// Takes a function over: compares its identity, resets it, sets queue 0 up and sees a NOP through it.
    ///
    /// # Errors
    /// [`OpenError`]: not this device, not this build, or it does not start.
    pub fn open(function: Function, config: DriverConfig) -> Result<Self, OpenError> {
        let name = function.name.clone();
        if !(1..=10).contains(&config.log_entries) {
            let (what, expected) = ("log_entries of the configuration", "1..=10");
            return Err(OpenError::BadParameter {
                device: name,
                what,
                expected,
                got: config.log_entries.into(),
            });
        }
        let identity = Identity::read(&name, &*function.bar0, config.allow_behavioural)?;
        let registers = Arc::new(Registers::new(function.bar0.clone(), 0));
        let pool = Pool::new(function.dma.clone(), config.pool_bytes);
        let irq = function.irqs.first().cloned();
        let mut core = Core::new(function, config.clone(), identity, registers.clone(), pool.clone())
            .map_err(|source| OpenError::Dma { device: name.clone(), source })?;
        let unresponsive = |what: String| OpenError::Unresponsive { device: name.clone(), what };
        match core.bring_up() {
            Ok(true) => {}
            Ok(false) => {
                core.lose("never started".into());
                return Err(unresponsive("a NOP after a function reset".into()));
            }
            Err(LinkDown(reason)) => {
                core.lose(reason.clone());
                return Err(unresponsive(reason));
            }
        }
        let memory_generation = core.memory_generation.clone();
        let shared = Shared {
            name,
            config,
            identity,
            core: Mutex::new(core),
            ended: Condvar::new(),
            irq,
            registers,
            pool,
            memory: DeviceMemory::new(identity.memory_bytes),
            memory_generation,
            residents: Mutex::default(),
            next_buffer: AtomicU64::new(1),
        };
        Ok(Self { shared })
    }

    /// What the identity registers say.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// The device's counters.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if nothing answers.
    pub fn statistics(&self) -> Result<DeviceStatistics, EngineError> {
        DeviceStatistics::read(&self.shared.registers).map_err(|LinkDown(reason)| self.shared.lost(reason))
    }

    /// What went wrong so far, and was survived.
    pub fn anomalies(&self) -> Anomalies {
        self.shared.core.lock().anomalies
    }

    /// Resets the function. MSMs in flight fail with RESET, other jobs are sent again; bases are sent again before
    /// they are next used.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if the device does not come back.
    pub fn reset(&self) -> Result<(), EngineError> {
        let mut core = self.shared.core.lock();
        if core.lost.is_none() {
            core.recover(Level::Function, "a reset was asked for");
            core.service();
        }
        self.shared.ended.notify_all();
        match core.lost.clone() {
            Some(reason) => Err(self.shared.lost(reason)),
            None => Ok(()),
        }
    }
}

impl Engine for DeviceEngine {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn supports(&self, kind: &JobKind) -> bool {
        match kind {
            JobKind::Msm { group, .. } => *group == Group::G1,
            JobKind::Ntt { log_n, .. } => *log_n <= self.shared.identity.ntt_log_max,
            JobKind::Rows { .. } => false,
        }
    }

    fn depth(&self) -> usize {
        self.shared.config.depth.max(1)
    }

    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        let Resident::G1(data) = data else {
            return Err(self.shared.unsupported("bases of G2, or a matrix"));
        };
        let bases = self.shared.make_bases(data)?;
        let id = self.shared.next_buffer.fetch_add(1, Ordering::Relaxed);
        self.shared.residents.lock().insert(id, bases);
        Ok(BufferId(id))
    }

    /// Jobs in flight keep the region until they end.
    fn unload(&self, id: BufferId) {
        self.shared.residents.lock().remove(&id.0);
    }

    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        let tracked = self.shared.prepare(job, false)?;
        self.shared.submit(tracked).map(Ticket)
    }

    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let tracked = self.shared.wait_for(ticket.0)?;
        self.shared.judge(tracked)
    }

    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        let deadline = Instant::now().checked_add(at_most);
        match self.shared.wait_until(ticket.0, deadline)? {
            Some(tracked) => self.shared.judge(tracked).map(Ok),
            None => Ok(Err(ticket)),
        }
    }

    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        let cancelled = self.shared.core.lock().cancel(ticket.0);
        self.shared.ended.notify_all();
        cancelled.map_err(|reason| self.shared.lost(reason))
    }

    fn dump_buckets(&self, job: Job) -> Result<Option<BucketDump>, EngineError> {
        let tracked = self.shared.prepare(job, true)?;
        let Purpose::Msm { .. } = tracked.purpose else {
            return Err(self.shared.unsupported("a bucket dump of anything but an MSM over G1"));
        };
        let ticket = self.shared.submit(tracked)?;
        let tracked = self.shared.wait_for(ticket)?;
        self.shared.judge_dump(tracked).map(Some)
    }
}
