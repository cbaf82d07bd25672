//! Bases that the device reads where they lie.

mod common;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{msm_answer, msm_job, patient, points, rng, run, scalars, small};
use millrace_bn254::G1Mont;
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, Lent, Resident};
use millrace_model::ModelDevice;
use millrace_pcie::{DmaBuffer, DmaError, DmaLoan, DmaSpace, SharedBytes};

/// Bytes at a place of one's choice, in whose stead others are shown after so many looks.
struct Placed {
    bytes: Vec<u8>,
    range: Range<usize>,
    looks: AtomicUsize,
    changes_after: usize,
    changed: Vec<u8>,
}

impl Placed {
    /// The points, beginning so many bytes behind the start of a page.
    fn at(offset: usize, points: &[G1Mont]) -> Self {
        let from: &[u8] = bytemuck::cast_slice(points);
        let mut bytes = vec![0; from.len() + 2 * 4096];
        let start = bytes.as_ptr().addr().wrapping_neg() % 4096 + offset;
        let range = start..start + from.len();
        bytes[range.clone()].copy_from_slice(from);
        Self { bytes, range, looks: AtomicUsize::new(0), changes_after: usize::MAX, changed: Vec::new() }
    }
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        match self.looks.fetch_add(1, Ordering::Relaxed) >= self.changes_after {
            true => &self.changed[self.range.clone()],
            false => &self.bytes[self.range.clone()],
        }
    }
}

/// Counts bytes that are lent, and may refuse.
struct Counting {
    inner: Arc<dyn DmaSpace>,
    lent_bytes: AtomicUsize,
    refuses: bool,
}

impl DmaSpace for Counting {
    fn alloc(&self, len_bytes: usize) -> Result<Box<dyn DmaBuffer>, DmaError> {
        self.inner.alloc(len_bytes)
    }

    fn lend(&self, memory: &SharedBytes) -> Option<Box<dyn DmaLoan>> {
        if self.refuses {
            return None;
        }
        let loan = self.inner.lend(memory)?;
        self.lent_bytes.fetch_add((**memory).as_ref().len(), Ordering::Relaxed);
        Some(loan)
    }
}

fn start(config: DriverConfig, refuses: bool) -> (ModelDevice, Arc<Counting>, DeviceEngine) {
    let device = ModelDevice::start(small());
    let mut function = device.function();
    let counting =
        Arc::new(Counting { inner: function.dma.clone(), lent_bytes: AtomicUsize::new(0), refuses });
    function.dma = counting.clone();
    let engine = DeviceEngine::open(function, config).expect("the model is a good device");
    (device, counting, engine)
}

#[test]
fn bases_are_right_wherever_they_lie() {
    let mut rng = rng();
    const N: usize = 1000;
    let bases = points(N, &mut rng);
    let factors = scalars(N, &mut rng);
    let expected = msm_answer(&bases, &factors);
    let mont: Vec<G1Mont> = bases.iter().map(G1Mont::from).collect();
    // Bytes behind the start of a page, points a chunk, refused or not: bytes that are lent.
    let whole = |points: usize| points * 64;
    for (offset, chunk, refuses, lent_bytes) in [
        (0, 512, false, whole(512)),
        (0, 64, false, whole(960)),
        (0, 128, false, whole(896)),
        (64, 512, false, whole(512)),
        (4032, 256, false, whole(768)),
        (0, 1 << 14, false, 0),
        (0, 100, false, 0),
        (0, 1, false, 0),
        (16, 512, false, 0),
        (1, 256, false, 0),
        (0, 512, true, 0),
    ] {
        let what = format!("{chunk} points a chunk, {offset} bytes behind a page, refused: {refuses}");
        let config = DriverConfig { upload_chunk_points: chunk, ..patient() };
        let (_device, counting, engine) = start(config, refuses);
        let placed = Placed::at(offset, &mont);
        let lent = Lent::new(Arc::new(placed), 0..N * 64).expect("whole points");
        let id = engine.load(Resident::G1(lent)).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(counting.lent_bytes.load(Ordering::Relaxed), lent_bytes, "{what}");
        assert_eq!(engine.lent_bytes(), lent_bytes as u64, "{what}");
        let output = run(&engine, msm_job(id, 0, &factors)).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(output.value, expected, "{what}");
    }
}

#[test]
fn memory_that_changes_after_the_look_is_found_by_the_device() {
    let mut rng = rng();
    let mont: Vec<G1Mont> = points(64, &mut rng).iter().map(G1Mont::from).collect();
    let mut found = 0;
    // The owner's bytes are asked for a few times, for the look and for the device; whenever they change, what was not looked at is not kept.
    for changes_after in 1..40 {
        let mut placed = Placed::at(0, &mont);
        placed.changed = placed.bytes.clone();
        placed.changed[placed.range.start + 5] ^= 1;
        placed.changes_after = changes_after;
        let (_device, _counting, engine) = start(patient(), false);
        let lent = Lent::new(Arc::new(placed), 0..mont.len() * 64).expect("whole points");
        engine.load(Resident::G1(lent)).expect("at the next try nothing changes");
        found += engine.anomalies().wrong_digests;
    }
    assert!(found > 0, "no change fell between look and copy");
}
