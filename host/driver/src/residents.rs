//! Bases that are resident, and where they lie: those of which nobody makes use make room for others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use millrace_bn254::G1Mont;
use millrace_job::{EngineError, Lent};
use parking_lot::Mutex;

use crate::{allocator::Region, shared::Shared};

/// Bytes of a base on the device.
pub(crate) const BASE_BYTES: usize = 64;
/// Not on the device, or not to be believed.
const NEVER: u64 = u64::MAX;

/// Bases with the memory they came from, so that they can be sent again.
pub(crate) struct Bases {
    pub(crate) data: Lent<G1Mont>,
    place: Mutex<Option<Arc<Place>>>,
    /// When they were last used, by the engine's count of uses.
    last_use: AtomicU64,
    pub(crate) sending: Mutex<()>,
}

/// Where bases lie on the device.
struct Place {
    /// Device address of the first base.
    start: u64,
    /// Free for others when it goes.
    region: Mutex<Option<Region>>,
    /// Jobs that need them there.
    pins: AtomicUsize,
    /// Memory generation when they were sent, or [`NEVER`].
    sent_at: AtomicU64,
    /// Whether they were sent at all: what is sent now is sent again.
    was_sent: AtomicBool,
}

/// Keeps bases where they lie: they are not moved and nothing else comes there while this lives.
pub(crate) struct Pin {
    place: Arc<Place>,
    /// Of the whole engine.
    live: Arc<AtomicUsize>,
}

/// Where bases lay when a job used them; keeps nothing.
pub(crate) struct Trace(Arc<Place>);

impl Trace {
    /// A wrong result may have come from what lay there: it is sent again before it is used again.
    pub(crate) fn distrust(&self) {
        self.0.sent_at.store(NEVER, Ordering::Release);
    }
}

impl Pin {
    fn new(place: &Arc<Place>, live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Ordering::AcqRel);
        place.pins.fetch_add(1, Ordering::AcqRel);
        Self { place: place.clone(), live: live.clone() }
    }

    /// To remember the place by.
    pub(crate) fn trace(&self) -> Trace {
        Trace(self.place.clone())
    }

    /// Device address of the first base.
    pub(crate) fn start(&self) -> u64 {
        self.place.start
    }

    /// Whether what was sent is believed to lie there still.
    pub(crate) fn is_believed(&self, generation: u64) -> bool {
        self.place.sent_at.load(Ordering::Acquire) == generation
    }

    /// They were sent and checked.
    pub(crate) fn believe(&self, generation: u64) {
        self.place.sent_at.store(generation, Ordering::Release);
        self.place.was_sent.store(true, Ordering::Relaxed);
    }

    /// Whether they were here before.
    pub(crate) fn was_sent(&self) -> bool {
        self.place.was_sent.load(Ordering::Relaxed)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.place.pins.fetch_sub(1, Ordering::AcqRel);
        self.live.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Bases {
    pub(crate) fn new(data: Lent<G1Mont>) -> Self {
        Self { data, place: Mutex::new(None), last_use: AtomicU64::new(0), sending: Mutex::new(()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Leaves the device, if no job needs them there; they are sent again when one does. A pin is made under the same lock, so none comes between.
    fn evict(&self) -> bool {
        // Whoever holds the lock is looking for a place, or found one: no wait for each other.
        let Some(mut place) = self.place.try_lock() else { return false };
        match place.take_if(|place| place.pins.load(Ordering::Acquire) == 0) {
            Some(place) => place.region.lock().take().is_some(),
            None => false,
        }
    }
}

impl Drop for Bases {
    /// Whoever judges a result still remembers the place, but keeps it from nobody.
    fn drop(&mut self) {
        if let Some(place) = self.place.get_mut() {
            place.region.lock().take();
        }
    }
}

impl Shared {
    /// Bases in device memory, sent there if they are not.
    pub(crate) fn pin(&self, bases: &Bases) -> Result<Pin, EngineError> {
        bases.last_use.store(self.uses.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let pin = self.place(bases)?;
        self.ensure_resident(bases, &pin)?;
        Ok(pin)
    }

    /// A place for bases: the one they have, or a new one. Others make room, those first whose last use is longest ago; where jobs need theirs, in
    /// flight or about to be sent, this waits until they have ended.
    fn place(&self, bases: &Bases) -> Result<Pin, EngineError> {
        let mut place = bases.place.lock();
        if let Some(place) = &*place {
            return Ok(Pin::new(place, &self.pins));
        }
        let needed_bytes = bases.len() as u64 * BASE_BYTES as u64;
        let none = |free_bytes| EngineError::OutOfMemory {
            engine: self.name.clone(),
            what: "device memory",
            needed_bytes,
            free_bytes,
        };
        if needed_bytes > self.device.identity.memory_bytes {
            // Nobody is sent away for what fits in no case.
            return Err(none(self.memory.largest_free()));
        }
        loop {
            match self.memory.alloc(needed_bytes) {
                Ok(region) => {
                    let made = Arc::new(Place {
                        start: region.start(),
                        region: Mutex::new(Some(region)),
                        pins: AtomicUsize::new(0),
                        sent_at: AtomicU64::new(NEVER),
                        was_sent: AtomicBool::new(false),
                    });
                    return Ok(Pin::new(place.insert(made), &self.pins));
                }
                Err(free_bytes) => {
                    // Looked at before: a pin that ends between makes room that was not there for the look at the others.
                    let pinned = self.pins.load(Ordering::Acquire) != 0;
                    if !self.evict_one(bases) && !self.let_some_job_end(pinned)? {
                        return Err(none(free_bytes));
                    }
                }
            }
        }
    }

    /// Takes the bases from the device whose last use is longest ago and that no job needs; `false` if there are none.
    fn evict_one(&self, wanted: &Bases) -> bool {
        let mut others: Vec<Arc<Bases>> = self.residents.lock().values().cloned().collect();
        others.retain(|other| !std::ptr::eq(&**other, wanted));
        others.sort_by_key(|other| other.last_use.load(Ordering::Relaxed));
        let evicted = others.iter().any(|other| other.evict());
        self.evictions.fetch_add(u64::from(evicted), Ordering::Relaxed);
        evicted
    }
}
