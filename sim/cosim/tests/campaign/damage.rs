//! What stands between a driver and its function, and can be damaged.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use millrace_pcie::{
    DmaBuffer, DmaError, DmaLayer, DmaSpace, Function, FunctionReset, Gate, Irq, Mmio, ResetError,
};
use parking_lot::Mutex;

/// Looks at register accesses: whether it was a write, the offset, and the value.
type Trip = Box<dyn FnMut(bool, u32, u32) -> bool + Send>;

/// What a test does to registers, memory and interrupts of one driver, and what came of it.
#[derive(Default)]
pub(crate) struct Damage {
    pub(crate) dead: AtomicBool,
    pub(crate) next_write_lost: AtomicBool,
    pub(crate) next_read_lost: AtomicBool,
    /// Resets the function from outside after the first access of which it says so.
    trip: Mutex<Option<Trip>>,
    /// Bytes that can be mapped at once, and that are.
    pub(crate) room_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
    /// Out of addresses, and not of memory.
    pub(crate) no_addresses: AtomicBool,
    pub(crate) seen: Seen,
}

/// What was seen to strike.
#[derive(Default)]
pub(crate) struct Seen {
    lost_accesses: AtomicU64,
    irq_waits: AtomicU64,
    lost_irqs: AtomicU64,
    outside_resets: AtomicU64,
    refusals: AtomicU64,
}

impl Seen {
    pub(crate) fn counts(&self) -> [(&'static str, u64); 5] {
        let of = |count: &AtomicU64| count.load(Ordering::Acquire);
        [
            ("lost accesses", of(&self.lost_accesses)),
            ("waits for such interrupts", of(&self.irq_waits)),
            ("lost interrupts", of(&self.lost_irqs)),
            ("resets from outside by others", of(&self.outside_resets)),
            ("refused mappings", of(&self.refusals)),
        ]
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::AcqRel);
}

impl Damage {
    pub(crate) fn trip(&self, trip: Trip) {
        *self.trip.lock() = Some(trip);
    }

    pub(crate) fn is_armed(&self) -> bool {
        let armed = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        armed(&self.next_write_lost) || armed(&self.next_read_lost) || self.trip.lock().is_some()
    }

    /// The function, damaged as is wanted.
    pub(crate) fn function(self: &Arc<Self>, function: &Function) -> Function {
        let reset = function.reset.clone().expect("a served device has one");
        Function {
            bar0: Arc::new(DamagedMmio(function.bar0.clone(), self.clone(), reset)),
            dma: Arc::new(Narrow { inner: function.dma.clone(), damage: self.clone() }),
            ..function.clone()
        }
    }
}

struct DamagedMmio(Arc<dyn Mmio>, Arc<Damage>, Arc<dyn FunctionReset>);

impl DamagedMmio {
    fn is_lost(&self, once: &AtomicBool) -> bool {
        let lost = once.swap(false, Ordering::AcqRel) || self.1.dead.load(Ordering::Acquire);
        if lost {
            count(&self.1.seen.lost_accesses);
        }
        lost
    }

    fn after(&self, is_write: bool, offset: u32, value: u32) {
        let tripped = self.1.trip.lock().take_if(|trip| trip(is_write, offset, value));
        if tripped.is_some() {
            self.2.reset().expect("the served device is reset");
            count(&self.1.seen.outside_resets);
        }
    }
}

impl Mmio for DamagedMmio {
    fn read32(&self, offset: u32) -> u32 {
        let value = if self.is_lost(&self.1.next_read_lost) { u32::MAX } else { self.0.read32(offset) };
        self.after(false, offset, value);
        value
    }

    fn write32(&self, offset: u32, value: u32) {
        if !self.is_lost(&self.1.next_write_lost) {
            self.0.write32(offset, value);
        }
        self.after(true, offset, value);
    }
}

/// Memory of which so many bytes can be mapped at once.
struct Narrow {
    inner: Arc<dyn DmaSpace>,
    damage: Arc<Damage>,
}

/// Gives its room back.
struct NarrowBuffer {
    inner: Box<dyn DmaBuffer>,
    damage: Arc<Damage>,
}

impl DmaSpace for Narrow {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let used = self.damage.used_bytes.load(Ordering::Acquire);
        let room = self.damage.room_bytes.load(Ordering::Acquire);
        if used + len_bytes > room {
            count(&self.damage.seen.refusals);
            let free_bytes = room.saturating_sub(used) as u64;
            return Err(match self.damage.no_addresses.load(Ordering::Acquire) {
                true => DmaError::OutOfIova { needed_bytes: len_bytes, free_bytes },
                false => DmaError::OutOfMemory { needed_bytes: len_bytes },
            });
        }
        let inner = self.inner.alloc(len_bytes)?;
        self.damage.used_bytes.fetch_add(inner.len_bytes(), Ordering::AcqRel);
        Ok(Box::new(NarrowBuffer { inner, damage: self.damage.clone() }))
    }
}

impl Drop for NarrowBuffer {
    fn drop(&mut self) {
        self.damage.used_bytes.fetch_sub(self.inner.len_bytes(), Ordering::AcqRel);
    }
}

impl DmaLayer for NarrowBuffer {
    fn inner(&self) -> &dyn DmaBuffer {
        &*self.inner
    }
}

/// How vectors are bad.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// None ever comes.
    Silent,
    /// One comes at each look.
    Storm,
    /// The first that comes is lost.
    OneLost,
}

struct BadIrq {
    inner: Arc<dyn Irq>,
    how: Vectors,
    damage: Arc<Damage>,
}

impl Irq for BadIrq {
    fn wait(&self, at_most: Duration) -> bool {
        let seen = &self.damage.seen;
        count(&seen.irq_waits);
        match self.how {
            Vectors::Silent => {
                std::thread::sleep(at_most);
                false
            }
            Vectors::Storm => true,
            Vectors::OneLost => {
                let came = self.inner.wait(at_most);
                let is_lost = came && seen.lost_irqs.swap(1, Ordering::AcqRel) == 0;
                came && !is_lost
            }
        }
    }
}

/// Every vector is bad.
pub(crate) fn bad_irqs(function: Function, how: Vectors, damage: &Arc<Damage>) -> Function {
    let bad = |inner: &Arc<dyn Irq>| {
        Arc::new(BadIrq { inner: inner.clone(), how, damage: damage.clone() }) as Arc<dyn Irq>
    };
    Function { irqs: function.irqs.iter().map(bad).collect(), ..function }
}

/// A function that nothing resets from outside, and that is let go as any other.
struct NoReset(Arc<dyn FunctionReset>);

impl FunctionReset for NoReset {
    fn reset(&self) -> Result<(), ResetError> {
        Err(ResetError::Unsupported)
    }

    fn let_go(&self) {
        self.0.let_go();
    }
}

pub(crate) fn without_reset(function: Function) -> Function {
    let reset = function.reset.clone().map(|reset| Arc::new(NoReset(reset)) as Arc<dyn FunctionReset>);
    Function { reset, ..function }
}

/// How long a reset that hangs sleeps, and how long it may take.
const HANGS: Duration = Duration::from_secs(3600);
const RESET_LIMIT: Duration = Duration::from_millis(500);

/// A reset that does not come back, as a kernel's of a dead card.
struct Hangs(Arc<dyn FunctionReset>, Arc<Gate>);

impl FunctionReset for Hangs {
    fn reset(&self) -> Result<(), ResetError> {
        self.1.reset_within(RESET_LIMIT, || {
            std::thread::sleep(HANGS);
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    fn let_go(&self) {
        self.1.close();
        self.0.let_go();
    }
}

/// Registers behind a gate.
struct Behind(Arc<dyn Mmio>);

impl Mmio for Behind {
    fn read32(&self, offset: u32) -> u32 {
        self.0.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.0.write32(offset, value);
    }
}

pub(crate) fn with_hanging_reset(function: Function) -> Function {
    let gate = Arc::new(Gate::default());
    gate.open(Box::new(Behind(function.bar0)));
    let real = function.reset.clone().expect("a served device has one");
    Function { bar0: gate.clone(), reset: Some(Arc::new(Hangs(real, gate))), ..function }
}
