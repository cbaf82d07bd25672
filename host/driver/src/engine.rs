//! [`DeviceEngine`]: a device as a `millrace_job::Engine`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use millrace_job::{
    BucketDump, BufferId, Engine, EngineError, Group, Job, JobKind, JobOutput, Resident, Ticket,
};
use millrace_pcie::Function;
use parking_lot::{Condvar, Mutex, RwLock};

use crate::{
    Anomalies, DeviceStatistics, DriverConfig, Identity, Lost, OpenError,
    allocator::DeviceMemory,
    device::Device,
    flight::Purpose,
    registers::LinkDown,
    shared::{Shared, Threads},
};

/// A device behind its rings, doing MSMs over G1 and transforms up to its own limit.
///
/// Threads that wait take turns at watching the device; there is no thread of its own. A device that is lost answers
/// [`EngineError::DeviceLost`] for ever.
pub struct DeviceEngine {
    shared: Shared,
}

impl DeviceEngine {
    /// Takes a function over: compares its identity, resets it, sets its queues up and sees a NOP through each.
    ///
    /// A device that is lost later is let go ([`millrace_pcie::FunctionReset::let_go`]); one that was not opened is its caller's still.
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
        let device = Device::new(function, config, identity)
            .map_err(|source| OpenError::Dma { device: name.clone(), source })?;
        let unresponsive = |what: String| OpenError::Unresponsive { device: name.clone(), what };
        let mut world = device.world();
        match world.bring_up() {
            Ok(true) => {}
            Ok(false) => {
                world.lose("never started".into());
                return Err(unresponsive("a NOP after a function reset".into()));
            }
            Err(LinkDown(reason)) => {
                world.lose(reason.clone());
                return Err(unresponsive(reason));
            }
        }
        drop(world);
        let shared = Shared {
            threads: Threads::new(),
            ended: device.queues.iter().map(|_| Condvar::new()).collect(),
            memory: DeviceMemory::new(identity.memory_bytes),
            placed: Mutex::default(),
            residents: RwLock::default(),
            next_buffer: AtomicU64::new(1),
            uses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            name,
            device,
        };
        Ok(Self { shared })
    }

    /// What the identity registers say.
    pub fn identity(&self) -> &Identity {
        &self.shared.device.identity
    }

    /// The device's counters. While another thread brings the device back this waits until that has ended, which is bounded: registers are not
    /// touched then.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if nothing answers.
    pub fn statistics(&self) -> Result<DeviceStatistics, EngineError> {
        let device = &self.shared.device;
        let _nobody_resets = device.queues[0].lock();
        if let Some(lost) = device.common.lost.get() {
            return Err(self.shared.lost(lost));
        }
        DeviceStatistics::read(&device.registers)
            .map_err(|LinkDown(seen)| self.shared.lost(&device.lost(seen)))
    }

    /// Looks whether the device still answers, as no job tells of one that has none. Waits for nobody: one that is being brought back is left alone, and
    /// who brings it back tells.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if it is lost.
    pub fn look(&self) -> Result<(), EngineError> {
        let device = &self.shared.device;
        if device.common.lost.get().is_none()
            && let Some(nobody_resets) = device.queues[0].try_lock()
        {
            let answers = device.registers.check_link();
            drop(nobody_resets);
            if answers.is_err() {
                let mut world = device.world();
                // Somebody may have brought it back meanwhile.
                if let Err(LinkDown(reason)) = device.registers.check_link() {
                    world.lose(reason);
                }
                drop(world);
                device.let_go_if_lost();
                self.shared.wake_all();
            }
        }
        match device.common.lost.get() {
            Some(lost) => Err(self.shared.lost(lost)),
            None => Ok(()),
        }
    }

    /// Why the device is lost, once it is.
    pub fn lost(&self) -> Option<&Lost> {
        self.shared.device.common.lost.get()
    }

    /// What went wrong so far, and was survived.
    pub fn anomalies(&self) -> Anomalies {
        self.shared.device.anomalies()
    }

    /// Queues in use.
    pub fn queues(&self) -> usize {
        self.shared.device.queues.len()
    }

    /// How often a thread with a job waited for a lock that another held, since the engine was opened: those of queues and of their free buffers. None does while
    /// each has a queue of its own and nothing goes wrong.
    pub fn contended_locks(&self) -> u64 {
        let device = &self.shared.device;
        device.common.contention.count() + device.pool.contended()
    }

    /// How often bases made room in device memory for others since the engine was opened.
    pub fn evictions(&self) -> u64 {
        self.shared.evictions.load(Ordering::Relaxed)
    }

    /// Bytes of bases that the device has read where they lie since the engine was opened, with those that were sent again.
    pub fn lent_bytes(&self) -> u64 {
        self.shared.device.common.lent_bytes.load(Ordering::Relaxed)
    }

    /// Resets the function. MSMs in flight fail with RESET, other jobs are sent again; bases are sent again before
    /// they are next used.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] if the device does not come back.
    pub fn reset(&self) -> Result<(), EngineError> {
        let device = &self.shared.device;
        device.reset();
        self.shared.wake_all();
        match device.common.lost.get() {
            Some(lost) => Err(self.shared.lost(lost)),
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
            JobKind::Ntt { log_n, .. } => *log_n <= self.shared.device.identity.ntt_log_max,
            JobKind::Quotient { .. } | JobKind::Rows { .. } => false,
        }
    }

    fn depth(&self) -> usize {
        self.shared.device.common.config.depth.max(1)
    }

    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        let Resident::G1(data) = data else {
            return Err(self.shared.unsupported("bases of G2, or a matrix"));
        };
        let bases = self.shared.make_bases(data)?;
        let id = self.shared.next_buffer.fetch_add(1, Ordering::Relaxed);
        self.shared.residents.write().insert(id, bases);
        Ok(BufferId(id))
    }

    /// Jobs in flight keep the region until they end.
    fn unload(&self, id: BufferId) {
        self.shared.residents.write().remove(&id.0);
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
        let cancelled = self.shared.device.cancel(ticket.0);
        self.shared.wake_all();
        cancelled.map_err(|lost| self.shared.lost(&lost))
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
