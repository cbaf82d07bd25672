//! Drills: a function of any device with one thing wrong between host and device. For operators who want to see what a fault
//! looks like, and for tests of the whole way from fault to finished proof.
//!
//! In: a [`Function`]. Out: the same with its registers and DMA memory wrapped, and a [`Trigger`] for drills that begin in the
//! middle of work. Nothing here knows which device is behind the function.

use std::{
    collections::HashSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use millrace_pcie::{DmaBuffer, DmaError, DmaLayer, DmaSpace, Function, Iova, Mmio};
use millrace_regs::{Descriptor, layout, registers as reg};
use parking_lot::Mutex;

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drill {
    /// The lowest bit of the first scalars of every MSM flips in host memory, after the driver staged them: the answer looks
    /// right and is not.
    WrongMsm,
    /// The same for the first values of every transform.
    WrongNtt,
    /// From the trigger on, register writes do not arrive: the device stands still and no reset brings it back.
    Hang,
    /// From the trigger on, the link is down: reads answer all ones, writes do not arrive.
    Vanish,
    /// The link is down from the start.
    Dead,
    /// The device says that it was built from another register layout.
    OtherLayout,
}

impl Drill {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::WrongMsm, Self::WrongNtt, Self::Hang, Self::Vanish, Self::Dead, Self::OtherLayout];

    /// As it is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongMsm => "wrong-msm",
            Self::WrongNtt => "wrong-ntt",
            Self::Hang => "hang",
            Self::Vanish => "vanish",
            Self::Dead => "dead",
            Self::OtherLayout => "other-layout",
        }
    }

    /// What it does, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::WrongMsm => "Scalars of MSMs change on their way: wrong sums that look right",
            Self::WrongNtt => "Values of transforms change on their way",
            Self::Hang => "The device stands still from the first job on",
            Self::Vanish => "The link goes down with the first job",
            Self::Dead => "The link is down from the start",
            Self::OtherLayout => "The device is built from another register layout",
        }
    }
}

/// Begins a drill that does not begin by itself.
#[derive(Clone, Debug)]
pub struct Trigger(Arc<AtomicBool>);

impl Trigger {
    /// From now on.
    pub fn pull(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How many scalars or values are changed: the first bases of a key may be infinity, and then a scalar does not matter.
const CHANGED: usize = 16;
/// Bytes of a scalar or value.
const VALUE_BYTES: usize = 32;
/// Bytes of a descriptor that are written before the word with the phase bit.
const BODY_BYTES: usize = 60;

/// Wraps `function` so that `drill` happens to it.
pub fn drilled(function: Function, drill: Drill) -> (Function, Trigger) {
    let trigger = Trigger(Arc::new(AtomicBool::new(drill == Drill::Dead)));
    let bar0: Arc<dyn Mmio> = Arc::new(DrilledMmio { inner: function.bar0, drill, begun: trigger.0.clone() });
    let opcode = match drill {
        Drill::WrongMsm => Some(layout::OPCODE_MSM_G1),
        Drill::WrongNtt => Some(layout::OPCODE_NTT),
        _ => None,
    };
    let dma: Arc<dyn DmaSpace> = match opcode {
        None => function.dma,
        Some(opcode) => {
            let drilled = Drilled { opcode, buffers: Arc::default(), struck: Arc::default() };
            Arc::new(DrilledDma { inner: function.dma, drilled })
        }
    };
    (Function { bar0, dma, ..function }, trigger)
}

struct DrilledMmio {
    inner: Arc<dyn Mmio>,
    drill: Drill,
    begun: Arc<AtomicBool>,
}

impl DrilledMmio {
    fn begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

impl Mmio for DrilledMmio {
    fn read32(&self, offset: u32) -> u32 {
        match self.drill {
            Drill::Vanish | Drill::Dead if self.begun() => u32::MAX,
            Drill::OtherLayout if offset == reg::LAYOUT_HASH_LO => !self.inner.read32(offset),
            _ => self.inner.read32(offset),
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        let lost = matches!(self.drill, Drill::Hang | Drill::Vanish | Drill::Dead) && self.begun();
        if !lost {
            self.inner.write32(offset, value);
        }
    }
}

/// All buffers that live, to find the one that a descriptor speaks of.
type Buffers = Arc<Mutex<Vec<Weak<dyn DmaBuffer>>>>;

/// What the buffers of a drill share.
#[derive(Clone)]
struct Drilled {
    opcode: u8,
    buffers: Buffers,
    /// Where inputs lie that were changed already: a job that is sent again must not get its own bits back.
    struck: Arc<Mutex<HashSet<Iova>>>,
}

struct DrilledDma {
    inner: Arc<dyn DmaSpace>,
    drilled: Drilled,
}

impl DmaSpace for DrilledDma {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let inner: Arc<dyn DmaBuffer> = self.inner.alloc(len_bytes)?.into();
        let mut buffers = self.drilled.buffers.lock();
        buffers.retain(|buffer| buffer.strong_count() > 0);
        buffers.push(Arc::downgrade(&inner));
        Ok(Box::new(DrilledBuffer { inner, drilled: self.drilled.clone() }))
    }
}

struct DrilledBuffer {
    inner: Arc<dyn DmaBuffer>,
    drilled: Drilled,
}

impl DrilledBuffer {
    /// Changes the inputs of the job that a descriptor's body describes, if it is one of those that the drill is about.
    fn change_inputs(&self, body: &[u8; BODY_BYTES]) {
        let mut bytes = [0; 64];
        bytes[..BODY_BYTES].copy_from_slice(body);
        let descriptor = Descriptor::from_bytes(&bytes);
        let of_drill =
            descriptor.opcode == self.drilled.opcode && descriptor.flags & layout::FLAG_SRC0_DEV == 0;
        if !of_drill || !self.drilled.struck.lock().insert(Iova(descriptor.src0)) {
            return;
        }
        let buffers: Vec<_> = self.drilled.buffers.lock().iter().filter_map(Weak::upgrade).collect();
        for buffer in buffers {
            let Some(start) = descriptor.src0.checked_sub(buffer.iova().0) else { continue };
            let values = (descriptor.count as usize).min(CHANGED);
            let Ok(start) = usize::try_from(start) else { continue };
            if start + values * VALUE_BYTES > buffer.len_bytes() {
                continue;
            }
            for at in (0..values).map(|i| start + i * VALUE_BYTES) {
                let mut byte = [0];
                buffer.read(at, &mut byte);
                buffer.write(at, &[byte[0] ^ 1]);
            }
        }
    }
}

impl DmaLayer for DrilledBuffer {
    fn inner(&self) -> &dyn DmaBuffer {
        &*self.inner
    }

    fn write(&self, offset: usize, from: &[u8]) {
        if let Ok(body) = from.try_into()
            && offset.is_multiple_of(layout::BEAT_BYTES as usize)
        {
            self.change_inputs(body);
        } else {
            // New inputs.
            self.drilled.struck.lock().remove(&Iova(self.inner.iova().0 + offset as u64));
        }
        self.inner.write(offset, from);
    }
}
