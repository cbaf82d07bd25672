//! Threads take queues in turn. Alone in its process: other tests' threads would take turns too.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use common::*;
use millrace_driver::{Anomalies, DeviceEngine};
use millrace_job::NttDirection;
use millrace_model::{ModelConfig, ModelDevice};
use millrace_pcie::{Event, Observer, observed};
use millrace_regs::{queue_register, registers as reg};

/// Writes of each queue's doorbell.
#[derive(Default)]
struct Doorbells([AtomicU64; 4]);

impl Observer for Doorbells {
    fn event(&self, event: Event) {
        if let Event::Write { offset, .. } = event
            && let Some(q) = (0..4).find(|&q| offset == queue_register(q, reg::QUEUE_DOORBELL))
        {
            self.0[q as usize].fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn threads_share_the_queues_evenly_and_get_their_own_answers() {
    let doorbells = Arc::new(Doorbells::default());
    let device = ModelDevice::start(ModelConfig { queues: 4, ..small() });
    let engine = DeviceEngine::open(observed(device.function(), doorbells.clone()), patient()).unwrap();
    let before: Vec<u64> = doorbells.0.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    on_threads(8, |thread| {
        let mut rng = rng();
        for round in 0..200 {
            let values = scalars(1 << (1 + (thread + round) % 4), &mut rng);
            let output = run(&engine, ntt_job(&values, NttDirection::Forward, true)).unwrap();
            assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, true));
        }
    });
    for (q, (now, before)) in doorbells.0.iter().zip(before).enumerate() {
        let rung = now.load(Ordering::Relaxed) - before;
        // Two threads with 200 jobs each; a doorbell may say two jobs at once.
        assert!((200..=400).contains(&rung), "queue {q}: {rung}");
    }
    assert_eq!(engine.anomalies(), Anomalies::default());
}
