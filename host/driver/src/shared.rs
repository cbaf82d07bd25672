//! What all threads of an engine share, and how they wait.

use std::{
    cell::RefCell,
    collections::HashMap,
    hint,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_job::EngineError;
use millrace_pcie::DmaError;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use crate::{
    Lost,
    allocator::DeviceMemory,
    device::Device,
    fault::no_memory,
    flight::{Purpose, Tracked},
    pool::{Pool, Staging},
    queue::{Need, Queue, Refused},
    registers::LinkDown,
    residents::{Bases, Placed},
    tickets::queue_of,
};

/// Looks at the ring between two looks at the clock.
const SPINS: u32 = 32;

/// What all threads of the engine share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) device: Device,
    pub(crate) threads: Threads,
    /// For each queue: a job of it may have ended.
    pub(crate) ended: Vec<Condvar>,
    pub(crate) memory: DeviceMemory,
    pub(crate) placed: Mutex<Placed>,
    pub(crate) residents: RwLock<HashMap<u64, Arc<Bases>>>,
    pub(crate) next_buffer: AtomicU64,
    /// Counts uses of bases.
    pub(crate) uses: AtomicU64,
    /// Bases that made room for others.
    pub(crate) evictions: AtomicU64,
}

/// Engines of this process so far.
static ENGINES: AtomicU64 = AtomicU64::new(0);
/// Engines of which a thread remembers its number.
const REMEMBERED: usize = 8;
thread_local!(static NUMBERS: RefCell<Vec<(u64, usize)>> = const { RefCell::new(Vec::new()) });

/// Numbers threads in the order in which they first submit to an engine.
pub(crate) struct Threads {
    engine: u64,
    next: AtomicUsize,
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self { engine: ENGINES.fetch_add(1, Ordering::Relaxed), next: AtomicUsize::new(0) }
    }

    /// The number of the thread that asks.
    fn number(&self) -> usize {
        NUMBERS.with_borrow_mut(|numbers| {
            if let Some((_, mine)) = numbers.iter().find(|(engine, _)| *engine == self.engine) {
                return *mine;
            }
            let mine = self.next.fetch_add(1, Ordering::Relaxed);
            if numbers.len() == REMEMBERED {
                numbers.remove(0);
            }
            numbers.push((self.engine, mine));
            mine
        })
    }
}

/// The lead of those who wait for a queue; given back also where a transport's wait panics, or nobody would watch the queue again.
struct Lead<'a, 'q> {
    queue: &'a mut MutexGuard<'q, Queue>,
}

impl<'a, 'q> Lead<'a, 'q> {
    fn take(queue: &'a mut MutexGuard<'q, Queue>) -> Self {
        queue.has_leader = true;
        Self { queue }
    }
}

impl Drop for Lead<'_, '_> {
    fn drop(&mut self) {
        self.queue.has_leader = false;
    }
}

impl Shared {
    pub(crate) fn lost(&self, lost: &Lost) -> EngineError {
        EngineError::DeviceLost { engine: self.name.clone(), reason: lost.to_string() }
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

    /// Staging memory for a job of this thread. Where there is none, or no more may be locked, what is mapped and idle goes first: free buffers of all
    /// queues, and loans whose DMA is over. The caller holds no queue.
    pub(crate) fn staging(
        &self,
        len_bytes: usize,
        lease: fn(&Pool, usize) -> Result<Staging, DmaError>,
    ) -> Result<Staging, EngineError> {
        let pool = self.device.pool.of_queue(self.threads.number());
        let leased = lease(&pool, len_bytes).or_else(|error| match error {
            DmaError::OutOfMemory { .. } | DmaError::OutOfIova { .. } => {
                self.device.end_idle_loans();
                pool.drain();
                lease(&pool, len_bytes)
            }
            other => Err(other),
        });
        leased.map_err(|error| match self.device.registers.check_link() {
            Ok(()) => no_memory(&self.name, len_bytes, &error),
            Err(LinkDown(seen)) => self.lost(&self.device.lost(seen)),
        })
    }

    /// Takes a staged job in, on the queue of this thread. Bases of an MSM that are not believed are sent again first; this is looked at under the
    /// queue's lock, where nothing can reset the device between the look and the doorbell.
    pub(crate) fn submit(&self, tracked: Tracked) -> Result<u64, EngineError> {
        let number = self.threads.number() % self.device.queues.len();
        let common = &self.device.common;
        loop {
            let mut queue = common.contention.lock(&self.device.queues[number]);
            if let Purpose::Msm { bases: Some(bases), pin: Some(pin), .. } = &tracked.purpose
                && common.lost.get().is_none()
                && !pin.is_believed(common.memory_generation.load(Ordering::Acquire))
            {
                drop(queue);
                self.ensure_resident(bases, pin)?;
                continue;
            }
            let ticket = queue.submit(tracked).map_err(|refused| match refused {
                Refused::Lost(lost) => self.lost(&lost),
                Refused::NoTickets => self.bad_job("jobs that somebody waits for", "no ticket is left"),
            })?;
            let need = queue.service();
            drop(queue);
            self.meet(number, need)?;
            return Ok(ticket);
        }
    }

    /// Waits a little for any job to end, of this thread or another, and watches the device meanwhile.
    pub(crate) fn let_some_job_end(&self) -> Result<(), EngineError> {
        for number in 0..self.device.queues.len() {
            let mut queue = self.device.queues[number].lock();
            let mut need = queue.service();
            if matches!(need, Need::Nothing) {
                need = queue.watch();
            }
            drop(queue);
            self.meet(number, need)?;
        }
        thread::sleep(self.device.common.config.poll_interval);
        Ok(())
    }

    /// Does what a queue needs that holds nobody's lock; tells a lost device.
    fn meet(&self, number: usize, need: Need) -> Result<(), EngineError> {
        if !matches!(need, Need::Nothing) {
            self.device.meet(number, need);
            self.wake_all();
        }
        match self.device.common.lost.get() {
            Some(lost) => Err(self.lost(lost)),
            None => Ok(()),
        }
    }

    pub(crate) fn wake_all(&self) {
        self.ended.iter().for_each(|ended| {
            ended.notify_all();
        });
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
    /// Of those who wait for jobs of one queue one leads: it waits for the interrupt, looks at the ring for all, and watches progress. Where each
    /// thread has its queue, it is always the one that submitted.
    pub(crate) fn wait_until(
        &self,
        ticket: u64,
        deadline: Option<Instant>,
    ) -> Result<Option<Tracked>, EngineError> {
        let number = queue_of(ticket);
        let Some(lock) = self.device.queues.get(number) else { return Err(self.unknown_ticket(ticket)) };
        let ended = &self.ended[number];
        let contention = &self.device.common.contention;
        let mut queue = contention.lock(lock);
        // Once: a job that is not over by then is no short one, and whoever waits for it sleeps between two looks.
        let mut spin = Some(self.device.common.config.spin).filter(|spin| !spin.is_zero());
        loop {
            let need = queue.service();
            if !matches!(need, Need::Nothing) || self.device.common.lost.get().is_some() {
                drop(queue);
                self.meet(number, need)?;
                queue = contention.lock(lock);
                continue;
            }
            match queue.tickets.get(ticket).map(|tracked| tracked.open) {
                None => return Err(self.unknown_ticket(ticket)),
                Some(0) => {
                    // Whoever waits too may have to lead now.
                    ended.notify_all();
                    return Ok(queue.tickets.remove(ticket));
                }
                Some(_) => {}
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            let nap = self.device.common.config.poll_interval.min(left.unwrap_or(Duration::MAX));
            if queue.has_leader {
                ended.wait_for(&mut queue, nap);
                continue;
            }
            let lead = Lead::take(&mut queue);
            match spin.take() {
                Some(spin) => look_without_sleep(lead.queue, spin.min(left.unwrap_or(spin))),
                None => self.sleep(number, lead.queue, nap),
            }
            drop(lead);
            let need = queue.watch();
            if !matches!(need, Need::Nothing) {
                drop(queue);
                self.meet(number, need)?;
                queue = contention.lock(lock);
            }
            ended.notify_all();
        }
    }

    /// Sleeps until the interrupt or for `nap`, with nothing locked.
    fn sleep(&self, number: usize, queue: &mut MutexGuard<'_, Queue>, nap: Duration) {
        MutexGuard::unlocked(queue, || match self.device.function.irqs.get(number) {
            Some(irq) => {
                irq.wait(nap);
            }
            None => thread::sleep(nap),
        });
    }
}

/// Looks for news for at most so long. The queue is not locked between two rounds of looks, nor is the core held from others.
fn look_without_sleep(queue: &mut MutexGuard<'_, Queue>, at_most: Duration) {
    let until = Instant::now() + at_most;
    loop {
        for _ in 0..SPINS {
            if queue.cq.has_news(queue.epoch) {
                return;
            }
            hint::spin_loop();
        }
        if Instant::now() >= until {
            return;
        }
        // Whoever waits for the queue has it first.
        MutexGuard::unlocked_fair(queue, thread::yield_now);
    }
}
