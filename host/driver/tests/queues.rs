//! Several queues: each thread has its own while there are enough, and what goes wrong with one does not touch the others.

mod common;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use common::*;
use millrace_driver::{Anomalies, DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, NttDirection};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice, Until};
use millrace_pcie::Function;

#[test]
fn as_many_queues_are_used_as_device_host_and_vectors_have() {
    let open = |queues: u32, vectors: usize, wanted: usize| {
        let device = ModelDevice::start(ModelConfig { queues, ..small() });
        let mut function: Function = device.function();
        function.irqs.truncate(vectors);
        let engine = DeviceEngine::open(function, DriverConfig { queues: wanted, ..patient() }).unwrap();
        works(&engine, &mut rng());
        engine.queues()
    };
    assert_eq!(open(1, 1, 15), 1);
    assert_eq!(open(4, 4, 15), 4);
    assert_eq!(open(15, 15, 15), 15);
    assert_eq!(open(4, 4, 3), 3);
    assert_eq!(open(4, 2, 15), 2, "a queue without a vector would have nobody wake its owner");
    assert_eq!(open(4, 0, 15), 4, "without vectors all of them are looked at");
    assert_eq!(open(2, 2, 0), 1);
}

#[test]
fn a_queue_that_stops_is_started_again_beside_the_others() {
    // A phase that the device refuses stops the queue; more of them than jobs in one thread, so that both queues are struck.
    let (device, engine) = start(small(), quick());
    for nth in (0..400).step_by(20) {
        device.inject(JobClass::Ntt, nth, Fault::Fail { cause: millrace_regs::Cause::BadEpoch, position: 0 });
    }
    on_threads(2, |_| {
        let mut rng = rng();
        for _ in 0..200 {
            let values = scalars(4, &mut rng);
            let output = run(&engine, ntt_job(&values, NttDirection::Inverse, false)).unwrap();
            assert_eq!(output.value, ntt_answer(&values, NttDirection::Inverse, false));
        }
    });
    let anomalies = engine.anomalies();
    assert_eq!(anomalies, Anomalies { queue_resets: anomalies.queue_resets, ..Anomalies::default() });
    assert!((10..=20).contains(&anomalies.queue_resets), "{anomalies:?}");
}

#[test]
fn a_stuck_engine_costs_no_other_queue_its_jobs() {
    for until in [Until::EngineReset, Until::QueueReset, Until::FunctionReset] {
        let (device, engine) = start(small(), quick());
        // The first transform of all hangs. It is one thread's; the other's are sent again and right.
        device.inject(JobClass::Ntt, 0, Fault::Stuck(until));
        let failed = AtomicU64::new(0);
        on_threads(2, |_| {
            let mut rng = rng();
            for _ in 0..20 {
                let values = scalars(8, &mut rng);
                match run(&engine, ntt_job(&values, NttDirection::Forward, false)) {
                    Ok(output) => assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, false)),
                    Err(EngineError::Timeout { .. }) => drop(failed.fetch_add(1, Ordering::Relaxed)),
                    Err(other) => panic!("{other}"),
                }
            }
        });
        assert!(failed.load(Ordering::Relaxed) <= 1, "{until:?}: {failed:?} jobs were blamed for one");
        assert!(engine.anomalies().engine_resets >= 1);
        works(&engine, &mut rng());
    }
}

#[test]
fn a_reset_in_the_middle_of_everybodys_work() {
    let (_device, engine) = start(small(), patient());
    let mut some = rng();
    let bases = points(9, &mut some);
    let id = load(&engine, &bases).unwrap();
    on_threads(3, |thread| {
        let mut rng = rng();
        for round in 0..60 {
            let factors = scalars(8, &mut rng);
            if thread == 2 {
                if round % 10 == 0 {
                    engine.reset().unwrap();
                }
                continue;
            }
            // A job that is reset too often fails as what it is, never with a wrong answer.
            let jobs = [
                (msm_job(id, 0, &factors), msm_answer(&bases[..8], &factors)),
                (
                    ntt_job(&factors, NttDirection::Forward, false),
                    ntt_answer(&factors, NttDirection::Forward, false),
                ),
            ];
            for (job, answer) in jobs {
                match run(&engine, job) {
                    Ok(output) => assert_eq!(output.value, answer),
                    Err(error) => assert!(error.is_transient(), "{error}"),
                }
            }
        }
    });
    works(&engine, &mut some);
}

#[test]
fn tickets_may_be_waited_for_by_another_thread() {
    let (_device, engine) = start(small(), patient());
    let mut rng = rng();
    let values = scalars(16, &mut rng);
    let tickets: Vec<_> =
        (0..40).map(|_| engine.submit(ntt_job(&values, NttDirection::Forward, false)).unwrap()).collect();
    let answer = ntt_answer(&values, NttDirection::Forward, false);
    thread::scope(|scope| {
        for ticket in tickets {
            let (engine, answer) = (&engine, &answer);
            scope.spawn(move || assert_eq!(&engine.wait(ticket).unwrap().value, answer));
        }
    });
}
