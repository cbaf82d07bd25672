//! How quick bases go to the device, beside memcpy.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use millrace_bn254::{G1Affine, G1Mont, G1Projective};
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, Lent, Resident};
use millrace_model::{ModelConfig, ModelDevice};
use millrace_pcie::PAGE_BYTES;

use crate::{
    exit::{Code, Failure, OrFail},
    figures::{Bar, Sheet, clock::thread_seconds, cpu::median},
};

const UPLOAD_POINTS: usize = 1 << 20;

/// Loads and copies of a round, in turn.
const RUNS: usize = 15;
/// Where rounds differ by more than this, as much as by which cores of its host a virtual machine's processors are moved to, there are more of them, so
/// far apart, up to so many in all.
const SPREAD: f64 = 0.1;
const APART: Duration = Duration::from_secs(5);
const ROUNDS_MOST: usize = 31;

/// Loading bases beside copying the same bytes, in rounds between the other figures: what neighbours of this machine do to its memory lasts for seconds, and
/// a round takes a tenth of one.
pub(super) struct Uploads {
    points: Lent<G1Mont>,
    bytes: Vec<u8>,
    /// Memory that is there already, as device memory is.
    target: Vec<u8>,
    lent: Rounds,
    staged: Rounds,
    /// Of the copies, in GB/s, by the CPU time of the thread.
    memcpy: Vec<f64>,
}

/// The driver of a device, and rates of loading over that of copying, a round each.
struct Rounds {
    engine: DeviceEngine,
    /// By the clock. The model's DMA is a copy and a digest, by a thread on the same machine; that memory is pinned and mapped costs nothing there.
    wall: Vec<f64>,
    /// By the CPU time of the thread that loads: looking at them, digesting, staging in memory that stays in the cache, descriptors, completions.
    /// Beside this a card's DMA moves them.
    host: Vec<f64>,
}

impl Rounds {
    fn new(lend_bases: bool) -> Result<Self, Failure> {
        let function = ModelDevice::start(ModelConfig::default()).function();
        let config = DriverConfig { lend_bases, ..DriverConfig::default() };
        let engine = DeviceEngine::open(function, config).or_fail(Code::DeviceOpen)?;
        Ok(Self { engine, wall: Vec::new(), host: Vec::new() })
    }

    /// The least and the most by the clock.
    fn ends(&self) -> [f64; 2] {
        self.wall.iter().fold([f64::INFINITY, 0.0], |[least, most], rate| [least.min(*rate), most.max(*rate)])
    }

    fn spread(&self) -> f64 {
        let [least, most] = self.ends();
        most - least
    }
}

/// What work took: by the clock, and of this thread, in seconds.
fn timed<T>(work: impl FnOnce() -> T) -> (T, [f64; 2]) {
    let begin = (Instant::now(), thread_seconds());
    let done = work();
    (done, [begin.0.elapsed().as_secs_f64(), thread_seconds() - begin.1])
}

impl Uploads {
    /// More bytes than caches hold, as a key has.
    pub(super) fn new() -> Result<Self, Failure> {
        let bytes = vec![7u8; UPLOAD_POINTS * size_of::<G1Mont>()];
        let target = vec![1u8; bytes.len()];
        let (lent, staged) = (Rounds::new(true)?, Rounds::new(false)?);
        Ok(Self { points: aligned_points()?, bytes, target, lent, staged, memcpy: Vec::new() })
    }

    /// One more round of each kind: the medians of its runs.
    pub(super) fn round(&mut self) -> Result<(), Failure> {
        for kind in [&mut self.lent, &mut self.staged] {
            let (mut loads, mut copies) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            for run in 0..=RUNS {
                let ((), copied) = timed(|| {
                    self.target.copy_from_slice(std::hint::black_box(&self.bytes));
                    std::hint::black_box(&self.target);
                });
                let (id, loaded) = timed(|| kind.engine.load(Resident::G1(self.points.clone())));
                kind.engine.unload(id.or_fail(Code::DeviceFailed)?);
                // The first run makes staging and device memory.
                if run > 0 {
                    loads.iter_mut().zip(loaded).for_each(|(samples, seconds)| samples.push(seconds));
                    copies.iter_mut().zip(copied).for_each(|(samples, seconds)| samples.push(seconds));
                }
            }
            let ([load_wall, load_host], [copy_wall, copy_host]) = (loads.map(median), copies.map(median));
            kind.wall.push(copy_wall / load_wall);
            kind.host.push(copy_host / load_host);
            self.memcpy.push(self.bytes.len() as f64 / copy_host / 1e9);
        }
        Ok(())
    }

    /// The medians of all rounds, and between what they lie where there is a bar; after more rounds where they differ.
    pub(super) fn tell(mut self, sheet: &mut Sheet) -> Result<(), Failure> {
        while self.lent.spread() > SPREAD && self.lent.wall.len() < ROUNDS_MOST {
            thread::sleep(APART);
            self.round()?;
        }
        let Self { bytes, lent, staged, memcpy, .. } = self;
        let sent_bytes = lent.wall.len() * (RUNS + 1) * bytes.len();
        let share = lent.engine.lent_bytes() as f64 / sent_bytes as f64;
        if share < 0.99 {
            let message = format!("expected all bases to be lent, got {share:.3} of them");
            return Err(Failure::new(Code::DeviceFailed, message));
        }
        let rounds = lent.wall.len();
        let [least, most] = lent.ends();
        let name = "upload of an imported key's bases over memcpy";
        sheet.line(name, median(lent.wall), "times", Bar::AtLeast(0.9));
        sheet.told(&format!("the least of these {rounds} rounds"), least, "times");
        sheet.told("the most", most, "times");
        sheet.told("the same by the CPU time of the thread that uploads", median(lent.host), "times");
        let name = "upload of bases that must be staged, as a .zkey's, over memcpy";
        sheet.told(name, median(staged.wall), "times");
        sheet.told("the same by the CPU time of the thread that uploads", median(staged.host), "times");
        sheet.told("memcpy of the same bytes", median(memcpy), "GB/s");
        Ok(())
    }
}

/// Bases as an imported key has them: each array begins at a page. Multiples of the generator, as many different ones as a chunk holds.
fn aligned_points() -> Result<Lent<G1Mont>, Failure> {
    let mut sums = vec![G1Projective::generator()];
    sums.resize_with(1 << 13, G1Projective::default);
    for i in 1..sums.len() {
        sums[i] = sums[i - 1] + G1Affine::generator();
    }
    let chunk: Vec<u8> =
        G1Projective::normalize_batch(&sums).iter().flat_map(|p| G1Mont::from(p).0).collect();
    let len = UPLOAD_POINTS * size_of::<G1Mont>();
    let mut bytes = vec![0u8; len + PAGE_BYTES];
    let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
    bytes[start..start + len].chunks_exact_mut(chunk.len()).for_each(|to| to.copy_from_slice(&chunk));
    Lent::new(Arc::new(bytes), start..start + len)
        .ok_or_else(|| Failure::new(Code::DeviceFailed, "bases do not lie where they were put"))
}
