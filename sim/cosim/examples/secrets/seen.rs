//! A function whose DMA memory stays readable after its driver let go of it, and that can be made to fail.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use millrace_bn254::{Fr, FrCanonical};
use millrace_pcie::{DmaBuffer, DmaError, DmaLayer, DmaSpace, Function, Iova, Mmio};
use parking_lot::Mutex;

/// A multiple of 64 that no mapping holds.
const NOWHERE: Iova = Iova(0);

/// Which buffers give an address that is not theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Misplaced {
    Nothing,
    All,
    /// Those in which the host has put nothing but what is no result (zeros, or all ones): the device is to write them.
    Results,
}

pub(crate) struct Seen {
    dma: Arc<dyn DmaSpace>,
    bar0: Arc<dyn Mmio>,
    /// Every buffer that there ever was: held here, it stays mapped.
    buffers: Mutex<Vec<Arc<dyn DmaBuffer>>>,
    misplaced: Arc<AtomicU8>,
    is_cut: AtomicBool,
}

impl Seen {
    pub(crate) fn new(function: &Function) -> Self {
        Self {
            dma: function.dma.clone(),
            bar0: function.bar0.clone(),
            buffers: Mutex::default(),
            misplaced: Arc::default(),
            is_cut: AtomicBool::new(false),
        }
    }

    /// The function, seen.
    pub(crate) fn function(seen: &Arc<Self>, function: &Function) -> Function {
        Function { bar0: seen.clone(), dma: seen.clone(), ..function.clone() }
    }

    /// From now on these buffers give an address that is not theirs.
    pub(crate) fn misplace(&self, what: Misplaced) {
        self.misplaced.store(what as u8, Ordering::SeqCst);
    }

    /// From now on registers answer all-ones.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffers.lock().iter().map(|buffer| buffer.len_bytes()).sum()
    }

    pub(crate) fn holds(&self, secrets: &[Fr]) -> bool {
        let buffers = self.buffers.lock();
        buffers.iter().any(|buffer| {
            let mut bytes = vec![0; buffer.len_bytes()];
            buffer.read(0, &mut bytes);
            is_in(&bytes, secrets)
        })
    }
}

/// Whether any of the scalars lies at any multiple of 8: they are written at multiples of 32.
pub(crate) fn is_in(bytes: &[u8], secrets: &[Fr]) -> bool {
    let wanted: HashSet<[u8; 32]> = secrets.iter().map(|s| FrCanonical::from(*s).0).collect();
    bytes.windows(32).step_by(8).any(|window| wanted.contains(window))
}

impl DmaSpace for Seen {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let inner: Arc<dyn DmaBuffer> = self.dma.alloc(len_bytes)?.into();
        self.buffers.lock().push(inner.clone());
        Ok(Box::new(Held { inner, misplaced: self.misplaced.clone(), is_written: AtomicBool::new(false) }))
    }
}

struct Held {
    inner: Arc<dyn DmaBuffer>,
    misplaced: Arc<AtomicU8>,
    is_written: AtomicBool,
}

impl DmaLayer for Held {
    fn inner(&self) -> &dyn DmaBuffer {
        &*self.inner
    }

    fn iova(&self) -> Iova {
        let misplaced = self.misplaced.load(Ordering::SeqCst);
        let is_result = misplaced == Misplaced::Results as u8 && !self.is_written.load(Ordering::SeqCst);
        if misplaced == Misplaced::All as u8 || is_result { NOWHERE } else { self.inner.iova() }
    }

    fn write(&self, offset: usize, from: &[u8]) {
        let (zeros, poison) = (from.iter().all(|&b| b == 0), from.iter().all(|&b| b == 0xff));
        if !poison {
            self.is_written.store(!zeros, Ordering::SeqCst);
        }
        self.inner.write(offset, from);
    }

    fn wipe(&self) {
        self.is_written.store(false, Ordering::SeqCst);
        self.inner.wipe();
    }
}

impl Mmio for Seen {
    fn read32(&self, offset: u32) -> u32 {
        if self.is_cut.load(Ordering::SeqCst) { u32::MAX } else { self.bar0.read32(offset) }
    }

    fn write32(&self, offset: u32, value: u32) {
        if !self.is_cut.load(Ordering::SeqCst) {
            self.bar0.write32(offset, value);
        }
    }
}
