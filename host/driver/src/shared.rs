//! What all threads of an engine share, and how they wait.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_job::EngineError;
use millrace_pcie::Irq;
use parking_lot::{Condvar, Mutex};

use crate::{
    DriverConfig, Identity,
    allocator::DeviceMemory,
    core::Core,
    flight::{Purpose, Tracked},
    pool::Pool,
    registers::Registers,
    upload::Bases,
};

/// What all threads of the engine share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) config: DriverConfig,
    pub(crate) identity: Identity,
    pub(crate) core: Mutex<Core>,
    pub(crate) ended: Condvar,
    pub(crate) irq: Option<Arc<dyn Irq>>,
    pub(crate) registers: Arc<Registers>,
    pub(crate) pool: Pool,
    pub(crate) memory: DeviceMemory,
    pub(crate) memory_generation: Arc<AtomicU64>,
    pub(crate) residents: Mutex<HashMap<u64, Arc<Bases>>>,
    pub(crate) next_buffer: AtomicU64,
}

impl Shared {
    pub(crate) fn lost(&self, reason: String) -> EngineError {
        EngineError::DeviceLost { engine: self.name.clone(), reason }
    }

    pub(crate) fn bad_job(&self, expected: impl Into<String>, got: impl Into<String>) -> EngineError {
        EngineError::BadJob { engine: self.name.clone(), expected: expected.into(), got: got.into() }
    }

    pub(crate) fn unsupported(&self, what: impl Into<String>) -> EngineError {
        EngineError::Unsupported { engine: self.name.clone(), what: what.into() }
    }

    pub(crate) fn unknown_ticket(&self, ticket: u64) -> EngineError {
        self.bad_job("a ticket of this engine", format!("ticket {ticket}"))
    }

    /// Takes a staged job in. Bases of an MSM that are not believed are sent again first; this is looked at under the lock, where
    /// nothing can reset the device between the look and the doorbell.
    pub(crate) fn submit(&self, tracked: Tracked) -> Result<u64, EngineError> {
        loop {
            let mut core = self.core.lock();
            if let Purpose::Msm { bases, .. } = &tracked.purpose
                && core.lost.is_none()
                && !bases.is_believed(self.memory_generation.load(Ordering::Acquire))
            {
                core.anomalies.uploads_again += 1;
                drop(core);
                self.ensure_resident(bases)?;
                continue;
            }
            return core.submit(tracked).map_err(|reason| self.lost(reason));
        }
    }

    /// Waits as long as the device moves.
    pub(crate) fn wait_for(&self, ticket: u64) -> Result<Tracked, EngineError> {
        match self.wait_until(ticket, None)? {
            Some(tracked) => Ok(tracked),
            None => Err(self.unknown_ticket(ticket)),
        }
    }

    /// Waits for a ticket's end, at most until `deadline` (then `None`).
    ///
    /// One waiter at a time leads: it waits for the interrupt, looks at the ring for all, and watches progress.
    pub(crate) fn wait_until(
        &self,
        ticket: u64,
        deadline: Option<Instant>,
    ) -> Result<Option<Tracked>, EngineError> {
        let mut core = self.core.lock();
        loop {
            core.service();
            if let Some(reason) = core.lost.clone() {
                self.ended.notify_all();
                return Err(self.lost(reason));
            }
            let open = core.tickets.get(&ticket).map(|tracked| tracked.open);
            match open {
                None => return Err(self.unknown_ticket(ticket)),
                Some(0) => {
                    // Whoever waits too may have to lead now.
                    self.ended.notify_all();
                    return Ok(core.tickets.remove(&ticket));
                }
                Some(_) => {}
            }
            let now = Instant::now();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            let nap = self.config.poll_interval.min(left.unwrap_or(Duration::MAX));
            if core.has_leader {
                self.ended.wait_for(&mut core, nap);
                continue;
            }
            core.has_leader = true;
            drop(core);
            match &self.irq {
                Some(irq) => {
                    irq.wait(nap);
                }
                None => thread::sleep(nap),
            }
            core = self.core.lock();
            core.has_leader = false;
            core.watch();
            core.service();
            self.ended.notify_all();
        }
    }
}
