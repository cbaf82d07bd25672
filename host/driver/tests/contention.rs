//! "Without locks on the hot path" means that no thread waits for another's (`docs/decisions/2026-11-28-queue-locks.md`).

mod common;

use common::{ntt_job, on_threads, patient, rng, scalars, small};
use millrace_driver::{Anomalies, DeviceEngine};
use millrace_job::{Engine, NttDirection};
use millrace_model::{ModelConfig, ModelDevice};

#[test]
fn threads_with_a_queue_each_wait_for_no_lock() {
    let device = ModelDevice::start(ModelConfig { queues: 4, ..small() });
    let engine = DeviceEngine::open(device.function(), patient()).unwrap();
    let values = scalars(2, &mut rng());
    on_threads(4, |_| {
        for _ in 0..500 {
            // Several in flight.
            let job = || engine.submit(ntt_job(&values, NttDirection::Forward, false)).unwrap();
            let tickets: Vec<_> = (0..5).map(|_| job()).collect();
            tickets.into_iter().for_each(|ticket| drop(engine.wait(ticket).unwrap()));
        }
    });
    assert_eq!((engine.contended_locks(), engine.anomalies()), (0, Anomalies::default()));
}
