//! Jobs for which there is no memory, at first or at all.

mod common;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use common::*;
use millrace_bn254::G1Mont;
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, Lent, NttDirection, Resident};
use millrace_model::ModelDevice;
use millrace_pcie::{DmaBuffer, DmaError, DmaLoan, DmaSpace, Function, Iova, SharedBytes};

/// What may be mapped, and is.
struct Books {
    mapped_bytes: AtomicUsize,
    most_bytes: AtomicUsize,
    loans: AtomicUsize,
    /// No buffer is given while something is lent.
    is_narrow: AtomicBool,
    /// The system maps nothing, for a reason of its own.
    refuses: AtomicBool,
}

/// Memory by those books.
struct Scarce {
    inner: Arc<dyn DmaSpace>,
    books: Arc<Books>,
}

struct Buffer(Box<dyn DmaBuffer>, Arc<Books>);
struct Loan(Box<dyn DmaLoan>, Arc<Books>);

impl DmaSpace for Scarce {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        let books = &self.books;
        if books.refuses.load(Ordering::Relaxed) {
            return Err(DmaError::Map(io::Error::from_raw_os_error(14)));
        }
        let is_full =
            books.mapped_bytes.load(Ordering::Relaxed) + len_bytes > books.most_bytes.load(Ordering::Relaxed);
        if is_full || books.is_narrow.load(Ordering::Relaxed) && books.loans.load(Ordering::Relaxed) > 0 {
            return Err(DmaError::OutOfMemory { needed_bytes: len_bytes });
        }
        let buffer = self.inner.alloc(len_bytes)?;
        books.mapped_bytes.fetch_add(buffer.len_bytes(), Ordering::Relaxed);
        Ok(Box::new(Buffer(buffer, books.clone())))
    }

    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        let loan = self.inner.lend(memory)?;
        self.books.loans.fetch_add(1, Ordering::Relaxed);
        Some(Box::new(Loan(loan, self.books.clone())))
    }
}

impl DmaLoan for Loan {
    fn iova(&self) -> Iova {
        self.0.iova()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.1.loans.fetch_sub(1, Ordering::Relaxed);
    }
}

impl DmaBuffer for Buffer {
    fn iova(&self) -> Iova {
        self.0.iova()
    }

    fn len_bytes(&self) -> usize {
        self.0.len_bytes()
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        self.0.read(offset, to);
    }

    fn write(&self, offset: usize, from: &[u8]) {
        self.0.write(offset, from);
    }

    fn read_u32_acquire(&self, offset: usize) -> u32 {
        self.0.read_u32_acquire(offset)
    }

    fn write_u32_release(&self, offset: usize, value: u32) {
        self.0.write_u32_release(offset, value);
    }

    fn wipe(&self) {
        self.0.wipe();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.1.mapped_bytes.fetch_sub(self.0.len_bytes(), Ordering::Relaxed);
    }
}

fn start(config: DriverConfig) -> (ModelDevice, Arc<Books>, DeviceEngine) {
    let device = ModelDevice::start(small());
    let books = Arc::new(Books {
        mapped_bytes: AtomicUsize::new(0),
        most_bytes: AtomicUsize::new(usize::MAX),
        loans: AtomicUsize::new(0),
        is_narrow: AtomicBool::new(false),
        refuses: AtomicBool::new(false),
    });
    let function = device.function();
    let scarce = Scarce { inner: function.dma.clone(), books: books.clone() };
    let engine =
        DeviceEngine::open(Function { dma: Arc::new(scarce), ..function }, config).expect("a good device");
    (device, books, engine)
}

fn transform(engine: &DeviceEngine, log_n: u32) -> Result<(), EngineError> {
    let values = scalars(1 << log_n, &mut rng());
    let output = run(engine, ntt_job(&values, NttDirection::Forward, false))?;
    assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, false));
    Ok(())
}

#[test]
fn free_buffers_of_other_sizes_make_room() {
    let (_device, books, engine) = start(patient());
    let rings = books.mapped_bytes.load(Ordering::Relaxed);
    transform(&engine, 9).unwrap();
    let kept = books.mapped_bytes.load(Ordering::Relaxed) - rings;
    assert_eq!(kept, 2 * (32 << 9), "input and output are kept for the next job");
    books.most_bytes.store(rings + 2 * (32 << 10), Ordering::Relaxed);
    transform(&engine, 10).expect("there is room as soon as nothing idle takes it");
    match transform(&engine, 11) {
        Err(EngineError::OutOfMemory { what: "DMA memory", needed_bytes, .. }) => {
            assert_eq!(needed_bytes, 32 << 11);
        }
        other => panic!("{other:?}"),
    }
    transform(&engine, 10).expect("and the device is as good as before");
}

#[test]
fn loans_that_are_over_make_room() {
    let (_device, books, engine) = start(DriverConfig { upload_chunk_points: 64, ..patient() });
    books.is_narrow.store(true, Ordering::Relaxed);
    // Two pages are lent, and five points have to be staged while these are on their way or nobody has waited for them.
    let mut rng = rng();
    let (bases, factors) = (points(2 * 64 + 5, &mut rng), scalars(2 * 64 + 5, &mut rng));
    let bytes: Vec<u8> = bases.iter().flat_map(|point| G1Mont::from(point).0).collect();
    let mut memory = vec![0u8; bytes.len() + 4096];
    let start = memory.as_ptr().addr().wrapping_neg() % 4096;
    let range = start..start + bytes.len();
    memory[range.clone()].copy_from_slice(&bytes);
    let lent = Lent::new(Arc::new(memory), range).expect("points at multiples of their length");
    let id = engine.load(Resident::G1(lent)).expect("a second try, when no loan is left");
    assert_eq!(engine.lent_bytes(), 2 * 4096);
    assert_eq!(books.loans.load(Ordering::Relaxed), 0);
    assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, msm_answer(&bases, &factors));
}

#[test]
fn what_the_system_does_not_map_says_how_much_it_was() {
    let (_device, books, engine) = start(patient());
    books.refuses.store(true, Ordering::Relaxed);
    match transform(&engine, 9) {
        Err(EngineError::MappingRefused { needed_bytes, reason, .. }) => {
            assert_eq!(needed_bytes, 32 << 9);
            assert!(reason.contains("Bad address"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    books.refuses.store(false, Ordering::Relaxed);
    transform(&engine, 9).expect("it says nothing against the device");
}
