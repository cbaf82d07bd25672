//! A device that writes whatever it likes into the completion rings of all queues, also for another queue's jobs, and answers what it likes from
//! its counters. `PROPTEST_CASES` says how many of them (`make fuzz-device`).

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use common::*;
use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_job::{Engine, NttDirection};
use millrace_model::ModelDevice;
use millrace_pcie::{DeviceDma, Function, Iova, Mmio};
use millrace_regs::{queue_register, registers as reg};
use proptest::prelude::*;

/// An entry as the hostile device writes it: random bytes, made likelier to be looked at.
#[derive(Clone, Debug)]
struct Entry {
    /// Another queue's ring than that whose doorbell was rung.
    elsewhere: bool,
    slot: u64,
    bytes: Vec<u8>,
    real_epoch: bool,
    near_job_id: Option<u8>,
    known_opcode: Option<u8>,
    known_status: Option<u8>,
}

fn entry() -> impl Strategy<Value = Entry> {
    let small = |most: u8| prop::option::weighted(0.8, 0..=most);
    (
        prop::bool::weighted(0.3),
        0..8u64,
        prop::collection::vec(any::<u8>(), 64),
        prop::bool::weighted(0.8),
        small(12),
        small(3),
        small(14),
    )
        .prop_map(|(elsewhere, slot, bytes, real_epoch, near_job_id, known_opcode, known_status)| {
            Entry { elsewhere, slot, bytes, real_epoch, near_job_id, known_opcode, known_status }
        })
}

/// Of the model.
const QUEUES: usize = 2;

struct Hostile {
    inner: Arc<dyn Mmio>,
    dma: DeviceDma,
    armed: AtomicBool,
    /// Of each queue.
    cq_base: [AtomicU64; QUEUES],
    epoch: [AtomicU64; QUEUES],
    next: AtomicU64,
    /// Entries that were written to each queue's ring.
    struck: [AtomicU64; QUEUES],
    script: Vec<Entry>,
    /// Whether the real device still hears of descriptors.
    forwards: bool,
    /// Counters answer noise.
    noise: bool,
}

impl Hostile {
    fn strike(&self, rung: usize) {
        for _ in 0..4 {
            let i = self.next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(entry) = self.script.get(i) else { return };
            let queue = if entry.elsewhere { (rung + 1) % QUEUES } else { rung };
            self.struck[queue].fetch_add(1, Ordering::Relaxed);
            let mut bytes = entry.bytes.clone();
            if let Some(id) = entry.near_job_id {
                bytes[..4].copy_from_slice(&[id, 0, 0, 0]);
            }
            if let Some(status) = entry.known_status {
                bytes[4] = status;
            }
            if let Some(opcode) = entry.known_opcode {
                bytes[5] = opcode;
            }
            if entry.real_epoch {
                bytes[56..60]
                    .copy_from_slice(&(self.epoch[queue].load(Ordering::Relaxed) as u32).to_le_bytes());
            }
            let at = self.cq_base[queue].load(Ordering::Relaxed) + 64 * entry.slot;
            // Where the ring ends the access faults, as it should.
            let _ = self.dma.write(Iova(at), &bytes);
        }
    }
}

impl Mmio for Hostile {
    fn read32(&self, offset: u32) -> u32 {
        let is_counter = (reg::CYCLES_LO..=reg::STAT_MEM_WR_BEATS_HI).contains(&offset);
        if self.noise && is_counter && self.armed.load(Ordering::Relaxed) {
            let n = self.next.load(Ordering::Relaxed).wrapping_add(u64::from(offset));
            return (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
        }
        self.inner.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        let at = |register| (0..QUEUES).find(|&q| offset == queue_register(q as u32, register));
        if let Some(queue) = at(reg::QUEUE_CQ_BASE_LO) {
            self.cq_base[queue].store(value.into(), Ordering::Relaxed);
        } else if let Some(queue) = at(reg::QUEUE_CQ_BASE_HI) {
            self.cq_base[queue].fetch_or(u64::from(value) << 32, Ordering::Relaxed);
        } else if let Some(queue) = at(reg::QUEUE_EPOCH) {
            self.epoch[queue].store(value.into(), Ordering::Relaxed);
        }
        let rung = at(reg::QUEUE_DOORBELL).filter(|_| self.armed.load(Ordering::Relaxed));
        let strikes = rung.is_some();
        if !strikes || self.forwards {
            self.inner.write32(offset, value);
        }
        if let Some(queue) = rung {
            self.strike(queue);
        }
    }
}

/// Cases of a run in CI.
const CASES: u32 = 24;

/// Cases so far, and entries written to each queue's ring in all of them.
static SEEN: [AtomicU64; 1 + QUEUES] = [const { AtomicU64::new(0) }; 1 + QUEUES];

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

#[test]
fn garbage_completions_never_crash_the_driver() {
    every_job_ends();
    let [cases, struck @ ..] = SEEN.each_ref().map(|count| count.load(Ordering::Relaxed));
    println!(
        "hostile queues: {cases} cases, entries written to each queue's ring: {struck:?}; no panic, no wrong answer"
    );
    let many = cases >= u64::from(CASES);
    assert!(!many || struck.iter().all(|&entries| entries > cases), "{struck:?} in {cases} cases");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Every job ends, with the right answer or an error, and nothing panics; each queue has a thread at work.
    fn every_job_ends(
        script in prop::collection::vec(entry(), 1..120),
        forwards in any::<bool>(),
        noise in any::<bool>(),
    ) {
        let device = ModelDevice::start(small());
        let hostile = Arc::new(Hostile {
            inner: device.function().bar0,
            dma: device.host_memory().device(),
            armed: AtomicBool::new(false),
            cq_base: Default::default(),
            epoch: Default::default(),
            next: AtomicU64::new(0),
            struck: Default::default(),
            script,
            forwards,
            noise,
        });
        let function = Function { bar0: hostile.clone(), ..device.function() };
        let config = DriverConfig {
            log_entries: 3,
            stall_time: std::time::Duration::from_millis(200),
            ..quick()
        };
        let engine = DeviceEngine::open(function, config).expect("not armed yet");
        let mut rng = rng();
        let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
        let id = load(&engine, &bases).expect("not armed yet");
        hostile.armed.store(true, Ordering::Relaxed);
        on_threads(QUEUES, |thread| {
            let jobs = (0..6).map(|i| {
                if (i + thread) % 2 == 0 {
                    (msm_job(id, 0, &factors), msm_answer(&bases, &factors))
                } else {
                    let job = ntt_job(&factors, NttDirection::Forward, true);
                    (job, ntt_answer(&factors, NttDirection::Forward, true))
                }
            });
            let tickets: Vec<_> = jobs.map(|(job, answer)| (engine.submit(job), answer)).collect();
            for (ticket, answer) in tickets {
                if let Ok(output) = ticket.and_then(|ticket| engine.wait(ticket)) {
                    assert_eq!(output.value, answer);
                }
            }
        });
        SEEN[0].fetch_add(1, Ordering::Relaxed);
        for (seen, struck) in SEEN[1..].iter().zip(&hostile.struck) {
            seen.fetch_add(struck.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let _ = (engine.statistics(), engine.anomalies());
    }
}
