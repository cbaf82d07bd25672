//! Bases that are resident, and where they lie: those of which nobody makes use make room for others.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use millrace_bn254::G1Mont;
use millrace_job::{EngineError, Lent};
use parking_lot::{Mutex, RwLock};

use crate::{allocator::Region, shared::Shared};

/// Bytes of a base on the device.
pub(crate) const BASE_BYTES: usize = 64;
/// Not on the device, or not to be believed.
const NEVER: u64 = u64::MAX;

/// Bases with the memory they came from, so that they can be sent again.
pub(crate) struct Bases {
    pub(crate) data: Lent<G1Mont>,
    /// Read by every job that uses them, so that these do not wait for each other.
    place: RwLock<Option<Arc<Place>>>,
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
}

/// Bases that have a place. Looked at and changed under one lock, together with the device memory's free ranges: whoever finds no room finds here who has it.
#[derive(Default)]
pub(crate) struct Placed(Vec<(Weak<Bases>, Arc<Place>)>);

/// Where bases lay when a job used them; keeps nothing.
pub(crate) struct Trace(Arc<Place>);

impl Trace {
    /// A wrong result may have come from what lay there: it is sent again before it is used again.
    pub(crate) fn distrust(&self) {
        self.0.sent_at.store(NEVER, Ordering::Release);
    }
}

impl Pin {
    fn new(place: &Arc<Place>) -> Self {
        place.pins.fetch_add(1, Ordering::AcqRel);
        Self { place: place.clone() }
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
    }
}

impl Bases {
    pub(crate) fn new(data: Lent<G1Mont>) -> Self {
        Self { data, place: RwLock::new(None), last_use: AtomicU64::new(0), sending: Mutex::new(()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Leaves the device, if no job needs them there; they are sent again when one does. A pin is made under the same lock, so none comes between.
    fn evict(&self) -> bool {
        // Whoever holds the lock is about to use the place: no wait for each other.
        let Some(mut place) = self.place.try_write() else { return false };
        place.take_if(|place| place.pins.load(Ordering::Acquire) == 0).is_some()
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

impl Placed {
    /// Forgets those that nobody has any more, with the room of whoever has not come to give it back.
    fn forget_dropped(&mut self) {
        self.0.retain(|(bases, place)| {
            let kept = bases.strong_count() != 0;
            if !kept {
                place.region.lock().take();
            }
            kept
        });
    }

    /// Takes those from the device whose last use is longest ago and that no job needs, and gives their room back; `false` if jobs need all.
    fn evict_one(&mut self) -> bool {
        self.0.sort_by_cached_key(|(bases, _)| {
            bases.upgrade().map(|bases| bases.last_use.load(Ordering::Relaxed))
        });
        let may_go = |(bases, _): &(Weak<Bases>, _)| bases.upgrade().is_some_and(|bases| bases.evict());
        let Some(i) = self.0.iter().position(may_go) else { return false };
        let (_, place) = self.0.remove(i);
        place.region.lock().take();
        true
    }
}

impl Shared {
    /// Bases in device memory, sent there if they are not.
    pub(crate) fn pin(&self, bases: &Arc<Bases>) -> Result<Pin, EngineError> {
        bases.last_use.store(self.uses.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let pin = self.place(bases)?;
        self.ensure_resident(bases, &pin)?;
        Ok(pin)
    }

    /// A place for bases: the one they have, or a new one. Others make room, those first whose last use is longest ago; where jobs need theirs, in
    /// flight or about to be sent, this waits until they have ended. Whoever waits here has no pin, so those who have one never wait for each other;
    /// and has the lock, so that nobody who came later takes the room away again.
    fn place(&self, bases: &Arc<Bases>) -> Result<Pin, EngineError> {
        if let Some(place) = &*bases.place.read() {
            return Ok(Pin::new(place));
        }
        let mut mine = bases.place.write();
        // Another thread may have found them one meanwhile.
        if let Some(place) = &*mine {
            return Ok(Pin::new(place));
        }
        let needed_bytes = bases.len() as u64 * BASE_BYTES as u64;
        let mut placed = self.placed.lock();
        loop {
            placed.forget_dropped();
            let free_bytes = match self.memory.alloc(needed_bytes) {
                Ok(region) => {
                    let place = mine.insert(Arc::new(Place {
                        start: region.start(),
                        region: Mutex::new(Some(region)),
                        pins: AtomicUsize::new(0),
                        sent_at: AtomicU64::new(NEVER),
                        was_sent: AtomicBool::new(false),
                    }));
                    placed.0.push((Arc::downgrade(bases), place.clone()));
                    return Ok(Pin::new(place));
                }
                Err(free_bytes) => free_bytes,
            };
            // Nobody is sent away for what fits in no case.
            if needed_bytes > self.memory.largest_piece() {
                return Err(EngineError::OutOfMemory {
                    engine: self.name.clone(),
                    what: "device memory",
                    needed_bytes,
                    free_bytes,
                });
            }
            if placed.evict_one() {
                self.evictions.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.let_some_job_end()?;
        }
    }
}
