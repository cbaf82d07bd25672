//! Several queues: each thread has its own while there are enough, and what goes wrong with one does not touch the others.

mod common;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use common::*;
use millrace_driver::{Anomalies, DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, NttDirection};
use millrace_model::{Fault, JobClass, ModelConfig, ModelDevice, Until};
use millrace_pcie::Function;
use millrace_regs::registers as reg;

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
    const ROUNDS: u64 = 60;
    let (_device, engine) = start(small(), patient());
    let mut some = rng();
    let bases = points(9, &mut some);
    let id = load(&engine, &bases).unwrap();
    let (rounds, right) = (AtomicU64::new(0), AtomicU64::new(0));
    on_threads(3, |thread| {
        let mut rng = rng();
        if thread == 2 {
            // One reset for every ten rounds of the others: no job meets more than it is sent again for.
            for reset in 1..=6 {
                while rounds.load(Ordering::Relaxed) < reset * ROUNDS / 4 {
                    thread::yield_now();
                }
                engine.reset().unwrap();
            }
            return;
        }
        for _ in 0..ROUNDS {
            let factors = scalars(8, &mut rng);
            // An MSM fails with RESET, as its bases have to be sent again; a transform is sent again a few times. Nobody gives a wrong answer.
            let jobs = [
                (msm_job(id, 0, &factors), msm_answer(&bases[..8], &factors)),
                (
                    ntt_job(&factors, NttDirection::Forward, false),
                    ntt_answer(&factors, NttDirection::Forward, false),
                ),
            ];
            for (job, answer) in jobs {
                match run(&engine, job) {
                    Ok(output) => {
                        assert_eq!(output.value, answer);
                        right.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => assert!(error.is_transient(), "{error}"),
                }
            }
            rounds.fetch_add(1, Ordering::Relaxed);
        }
    });
    // Each reset may have met one job of each of the two threads.
    assert!(right.load(Ordering::Relaxed) >= 4 * ROUNDS - 12, "{right:?}");
    assert_eq!(engine.anomalies().function_resets, 6);
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

/// Runs transforms on another queue until told to stop; the device is seen to move all the time.
fn beside_others(engine: &DeviceEngine, work: impl FnOnce() + Send) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let others = (0..2).map(|_| {
            scope.spawn(|| {
                let mut rng = rng();
                while !stop.load(Ordering::Relaxed) {
                    let values = scalars(8, &mut rng);
                    let output = run(engine, ntt_job(&values, NttDirection::Forward, true)).unwrap();
                    assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, true));
                }
            })
        });
        let others: Vec<_> = others.collect();
        scope.spawn(work).join().unwrap();
        stop.store(true, Ordering::Relaxed);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn what_hangs_is_noticed_while_others_move() {
    for (fault, resets) in [
        (Fault::LoseCompletion, (0, 1)),
        (Fault::WrongPhase, (0, 1)),
        (Fault::Stuck(Until::EngineReset), (1, 0)),
        (Fault::BusyForNothing, (1, 0)),
    ] {
        // As many queues as threads, so that nobody's completions are in the struck queue.
        let (device, engine) = start(ModelConfig { queues: 15, ..small() }, quick());
        let mut some = rng();
        let bases = points(5, &mut some);
        let id = load(&engine, &bases).unwrap();
        device.inject(JobClass::Msm, 0, fault);
        beside_others(&engine, || {
            let factors = scalars(5, &mut rng());
            let end = run(&engine, msm_job(id, 0, &factors));
            assert!(matches!(end, Err(EngineError::Timeout { .. })), "{fault:?}: {end:?}");
            assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, msm_answer(&bases, &factors));
        });
        let anomalies = engine.anomalies();
        assert_eq!((anomalies.engine_resets, anomalies.queue_resets), resets, "{fault:?}");
        assert_eq!((anomalies.function_resets, anomalies.lost_completions), (0, 0), "{fault:?}");
    }
}

/// A register write that is lost once.
struct LostDoorbell {
    inner: std::sync::Arc<dyn millrace_pcie::Mmio>,
    armed: std::sync::atomic::AtomicBool,
}

impl millrace_pcie::Mmio for LostDoorbell {
    fn read32(&self, offset: u32) -> u32 {
        self.inner.read32(offset)
    }
    fn write32(&self, offset: u32, value: u32) {
        let is_doorbell = offset & 0xfff == millrace_regs::registers::QUEUE_DOORBELL && offset >= 0x1000;
        if !(is_doorbell && self.armed.swap(false, Ordering::Relaxed)) {
            self.inner.write32(offset, value);
        }
    }
}

#[test]
fn a_lost_doorbell_costs_no_job_while_others_move() {
    let device = ModelDevice::start(ModelConfig { queues: 15, ..small() });
    let bar0 = std::sync::Arc::new(LostDoorbell {
        inner: device.function().bar0,
        armed: std::sync::atomic::AtomicBool::new(false),
    });
    // Time enough for a busy machine to do the job after the second ringing.
    let config = DriverConfig { stall_time: std::time::Duration::from_secs(4), ..quick() };
    let engine = DeviceEngine::open(Function { bar0: bar0.clone(), ..device.function() }, config).unwrap();
    // Whoever's doorbell it is: the job is done.
    beside_others(&engine, || {
        bar0.armed.store(true, Ordering::Relaxed);
        thread::sleep(std::time::Duration::from_millis(2500));
    });
    let anomalies = engine.anomalies();
    assert!(anomalies.doorbells_again >= 1, "{anomalies:?}");
    assert_eq!(anomalies, Anomalies { doorbells_again: anomalies.doorbells_again, ..Anomalies::default() });
}

#[test]
fn one_poisoned_job_among_many_queues_is_the_only_one_that_fails() {
    const THREADS: usize = 8;
    let (device, engine) = start(ModelConfig { queues: 15, ..small() }, quick());
    device.poison(JobClass::Ntt, 4);
    let (failed, poisoned) = (AtomicU64::new(0), AtomicU64::new(0));
    on_threads(THREADS, |thread| {
        let mut rng = rng();
        let values = scalars(if thread == 3 { 4 } else { 1 << 10 }, &mut rng);
        match run(&engine, ntt_job(&values, NttDirection::Forward, false)) {
            Ok(output) => assert_eq!(output.value, ntt_answer(&values, NttDirection::Forward, false)),
            Err(EngineError::Timeout { .. }) if thread == 3 => drop(poisoned.fetch_add(1, Ordering::Relaxed)),
            Err(EngineError::Timeout { .. }) => drop(failed.fetch_add(1, Ordering::Relaxed)),
            Err(other) => panic!("{other}"),
        }
    });
    assert_eq!((failed.load(Ordering::Relaxed), poisoned.load(Ordering::Relaxed)), (0, 1));
    works(&engine, &mut rng());
}

#[test]
fn a_stuck_engine_blames_no_job_of_another_engine() {
    let (device, engine) = start(ModelConfig { queues: 15, ..small() }, quick());
    let mut some = rng();
    let bases = points(5, &mut some);
    let id = load(&engine, &bases).unwrap();
    // Both hang; each is its own engine's fault, and the late one is not blamed with the first.
    device.inject(JobClass::Msm, 0, Fault::BusyForNothing);
    on_threads(2, |thread| {
        let factors = scalars(4, &mut rng());
        if thread == 0 {
            let end = run(&engine, msm_job(id, 0, &factors));
            assert!(matches!(end, Err(EngineError::Timeout { .. })), "{end:?}");
        } else {
            let until = std::time::Instant::now() + std::time::Duration::from_millis(400);
            while std::time::Instant::now() < until {
                let output = run(&engine, ntt_job(&factors, NttDirection::Forward, false)).unwrap();
                assert_eq!(output.value, ntt_answer(&factors, NttDirection::Forward, false));
            }
        }
    });
    assert_eq!(engine.anomalies().queue_resets, 0);
}

/// A device as the RTL is: an engine has one job running and one waiting, and the next one holds up its queue.
fn with_slots() -> ModelConfig {
    ModelConfig { waiting_jobs: Some(1), ..small() }
}

#[test]
fn an_engine_that_does_nothing_any_more_fails_all_its_jobs_in_bounded_time() {
    for until in [Until::EngineReset, Until::FunctionReset] {
        let (device, engine) = start(with_slots(), quick());
        device.poison_until(JobClass::Ntt, 4, until);
        let engine = std::sync::Arc::new(engine);
        let (sender, ends) = std::sync::mpsc::channel();
        for _ in 0..4 {
            let (engine, sender) = (engine.clone(), sender.clone());
            thread::spawn(move || {
                let values = scalars(4, &mut rng());
                let job = || ntt_job(&values, NttDirection::Forward, false);
                let tickets: Vec<_> = (0..4).map(|_| engine.submit(job()).unwrap()).collect();
                for ticket in tickets {
                    // Nobody listens where the test has failed already.
                    let _ = sender.send(engine.wait(ticket).map(drop));
                }
            });
        }
        for n in 0..16 {
            let end = ends.recv_timeout(std::time::Duration::from_secs(60));
            let end = end
                .unwrap_or_else(|_| panic!("{until:?}: only {n} of 16 jobs ended: {:?}", engine.anomalies()));
            match end {
                Err(EngineError::Timeout { .. }) => {}
                Err(EngineError::JobFailed { cause, .. }) => assert_eq!(cause, "RESET"),
                other => panic!("{until:?}: {other:?}"),
            }
        }
        let anomalies = engine.anomalies();
        if until == Until::EngineReset {
            assert_eq!((anomalies.queue_resets, anomalies.function_resets), (0, 0), "{anomalies:?}");
        }
        works(&engine, &mut rng());
    }
}

#[test]
fn a_job_behind_anothers_at_the_head_of_its_ring_is_not_its_engines_fault() {
    let (device, engine) = start(with_slots(), quick());
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let id = load(&engine, &bases).unwrap();
    // Four times as long as an engine may stand still. One sum runs, one waits, one holds up the queue, and the transform stands behind it.
    device.inject(JobClass::Msm, 0, Fault::Slow(quick().stall_time * 4));
    let sums: Vec<_> = (0..3).map(|_| engine.submit(msm_job(id, 0, &factors)).unwrap()).collect();
    let transform = engine.submit(ntt_job(&factors, NttDirection::Forward, false)).unwrap();
    let answer = ntt_answer(&factors, NttDirection::Forward, false);
    assert_eq!(engine.wait(transform).unwrap().value, answer);
    for sum in sums {
        assert_eq!(engine.wait(sum).unwrap().value, msm_answer(&bases[..4], &factors));
    }
    assert_eq!(engine.anomalies(), Anomalies::default());
}

#[test]
fn a_lost_completion_is_found_however_busy_the_engine_is() {
    // Bounds by time that cannot be meant: what is seen is that others' jobs pass this one.
    let config = DriverConfig { log_entries: 3, progress_interval: quick().progress_interval, ..patient() };
    let (device, engine) = start(small(), config);
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let (id, sum) = (load(&engine, &bases).unwrap(), msm_answer(&bases[..4], &factors));
    let answer = ntt_answer(&factors, NttDirection::Forward, false);
    device.inject(JobClass::Msm, 0, Fault::LoseCompletion);
    let lost = engine.submit(msm_job(id, 0, &factors)).unwrap();
    let over = AtomicBool::new(false);
    let began = std::time::Instant::now();
    let busy = |job: &(dyn Fn() -> millrace_job::Job + Sync), answer: &millrace_job::JobValue| {
        while !over.load(Ordering::Acquire) {
            if began.elapsed() > std::time::Duration::from_secs(50) {
                // Ends the wait for what is lost, by a stall.
                over.store(true, Ordering::Release);
            }
            let tickets: Vec<_> = (0..4).map(|_| engine.submit(job()).unwrap()).collect();
            for ticket in tickets {
                assert_eq!(engine.wait(ticket).unwrap().value, *answer);
            }
        }
    };
    thread::scope(|scope| {
        // The other queue is busy with sums, the lost one's own with transforms.
        scope.spawn(|| busy(&|| msm_job(id, 0, &factors), &sum));
        scope.spawn(|| {
            let error = engine.wait(lost).unwrap_err();
            over.store(true, Ordering::Release);
            assert!(
                matches!(&error, EngineError::Timeout { waited, .. } if waited.contains("later jobs")),
                "{error}"
            );
        });
        busy(&|| ntt_job(&factors, NttDirection::Forward, false), &answer);
    });
    let anomalies = engine.anomalies();
    assert_eq!((anomalies.queue_resets, anomalies.engine_resets, anomalies.function_resets), (1, 0, 0));
    works(&engine, &mut rng);
}

#[test]
fn a_queue_that_is_reset_holds_up_no_other() {
    let config = DriverConfig { log_entries: 3, progress_interval: quick().progress_interval, ..patient() };
    let (device, engine) = start(small(), config);
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let (id, sum) = (load(&engine, &bases).unwrap(), msm_answer(&bases[..4], &factors));
    // This thread's queue loses a sum's completion and has a transform that takes long: its reset waits for that.
    device.inject(JobClass::Msm, 0, Fault::LoseCompletion);
    device.inject(JobClass::Ntt, 0, Fault::Slow(std::time::Duration::from_secs(5)));
    let lost = engine.submit(msm_job(id, 0, &factors)).unwrap();
    let slow = engine.submit(ntt_job(&factors, NttDirection::Forward, false)).unwrap();
    let bar0 = device.function().bar0;
    let is_stopping = || {
        let enable = bar0.read32(millrace_regs::queue_register(0, reg::QUEUE_ENABLE));
        enable & reg::QUEUE_ENABLE_VALUE_MASK == 0 && enable & reg::QUEUE_ENABLE_ACTIVE_MASK != 0
    };
    let (over, meanwhile) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let before = is_stopping();
                assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, sum);
                meanwhile.fetch_add(u64::from(before && is_stopping()), Ordering::Relaxed);
            }
        });
        let error = engine.wait(lost).unwrap_err();
        over.store(true, Ordering::Release);
        assert!(matches!(&error, EngineError::Timeout { .. }), "{error}");
    });
    assert_eq!(engine.wait(slow).unwrap().value, ntt_answer(&factors, NttDirection::Forward, false));
    let anomalies = engine.anomalies();
    assert_eq!((anomalies.queue_resets, anomalies.engine_resets, anomalies.function_resets), (1, 0, 0));
    assert!(meanwhile.into_inner() > 0, "no other queue's job ended while this one was stopped");
    works(&engine, &mut rng);
}

/// A vector whose wait panics once.
struct Panics(AtomicBool);

impl millrace_pcie::Irq for Panics {
    fn wait(&self, at_most: std::time::Duration) -> bool {
        assert!(!self.0.swap(false, Ordering::AcqRel), "a transport that panics");
        thread::sleep(at_most);
        false
    }
}

#[test]
fn whoever_leads_and_panics_leaves_the_lead_to_others() {
    let device = ModelDevice::start(small());
    let irq = std::sync::Arc::new(Panics(AtomicBool::new(false)));
    let function = Function { irqs: vec![irq.clone()], ..device.function() };
    let engine = DeviceEngine::open(function, DriverConfig { queues: 1, ..quick() }).unwrap();
    let engine = std::sync::Arc::new(engine);
    let values = scalars(4, &mut rng());
    let job = || ntt_job(&values, NttDirection::Forward, false);
    device.inject(JobClass::Ntt, 0, Fault::Slow(std::time::Duration::from_millis(100)));
    irq.0.store(true, Ordering::Release);
    let panicked = thread::scope(|scope| scope.spawn(|| run(&engine, job()).map(drop)).join());
    assert!(panicked.is_err() && !irq.0.load(Ordering::Acquire));
    // Only who leads looks whether the engine moves.
    device.inject(JobClass::Ntt, 0, Fault::Stuck(Until::EngineReset));
    let (sender, end) = std::sync::mpsc::channel();
    let (another, stuck) = (engine.clone(), job());
    thread::spawn(move || sender.send(run(&another, stuck).map(drop)));
    let end = end.recv_timeout(std::time::Duration::from_secs(60)).expect("nobody leads");
    assert!(matches!(end, Err(EngineError::Timeout { .. })), "{end:?}");
    works(&engine, &mut rng());
}

#[test]
fn a_cancel_restarts_few_jobs_of_others() {
    let (device, engine) = start(with_slots(), patient());
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let (id, sum) = (load(&engine, &bases).unwrap(), msm_answer(&bases[..4], &factors));
    (0..12).for_each(|nth| {
        device.inject(JobClass::Msm, nth, Fault::Slow(std::time::Duration::from_millis(150)))
    });
    let submit = || engine.submit(msm_job(id, 0, &factors)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for ticket in [submit(), submit()] {
                assert_eq!(engine.wait(ticket).unwrap().value, sum);
            }
        });
        // Behind so many others that no reset of the engine takes the last one soon.
        let mut tickets: Vec<_> = (0..6).map(|_| submit()).collect();
        engine.cancel(tickets.pop().unwrap()).unwrap();
        for ticket in tickets {
            assert_eq!(engine.wait(ticket).unwrap().value, sum);
        }
    });
    // Each of the others once at most: seven of them, and nothing was reset but the engine.
    let anomalies = engine.anomalies();
    assert!(anomalies.restarted <= 7, "{anomalies:?}");
    assert_eq!((anomalies.queue_resets, anomalies.function_resets), (0, 0), "{anomalies:?}");
}

#[test]
fn a_job_that_nobody_looked_after_was_not_passed_over() {
    let config = DriverConfig { log_entries: 3, progress_interval: quick().progress_interval, ..patient() };
    let (device, engine) = start(with_slots(), config);
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let (id, sum) = (load(&engine, &bases).unwrap(), msm_answer(&bases[..4], &factors));
    let answer = ntt_answer(&factors, NttDirection::Forward, false);
    // The transform stands behind a sum that holds up the ring, while more transforms of the other queue end than all rings hold twice.
    const OTHERS: u64 = 100;
    (0..3).for_each(|nth| {
        device.inject(JobClass::Msm, nth, Fault::Slow(std::time::Duration::from_millis(300)))
    });
    device.inject(JobClass::Ntt, OTHERS, Fault::Slow(std::time::Duration::from_secs(2)));
    let sums: Vec<_> = (0..3).map(|_| engine.submit(msm_job(id, 0, &factors)).unwrap()).collect();
    let transform = engine.submit(ntt_job(&factors, NttDirection::Forward, false)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..OTHERS {
                let output = run(&engine, ntt_job(&factors, NttDirection::Forward, false)).unwrap();
                assert_eq!(output.value, answer);
            }
        });
    });
    thread::sleep(std::time::Duration::from_millis(1800));
    // The sums have ended, nobody has seen it, and the transform is under way.
    assert_eq!(engine.wait(transform).unwrap().value, answer);
    for ticket in sums {
        assert_eq!(engine.wait(ticket).unwrap().value, sum);
    }
    assert_eq!(engine.anomalies(), Anomalies::default());
}

#[test]
fn queues_take_turns_at_an_engine() {
    let (device, engine) = start(with_slots(), patient());
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(4, &mut rng));
    let id = load(&engine, &bases).unwrap();
    (0..16)
        .for_each(|nth| device.inject(JobClass::Msm, nth, Fault::Slow(std::time::Duration::from_millis(40))));
    let ended = parking_lot::Mutex::new(Vec::new());
    on_threads(2, |thread| {
        let tickets: Vec<_> = (0..8).map(|_| engine.submit(msm_job(id, 0, &factors)).unwrap()).collect();
        for ticket in tickets {
            engine.wait(ticket).unwrap();
            ended.lock().push(thread);
        }
    });
    // Neither is done with all of its jobs before the other is with half of them.
    let ended = ended.into_inner();
    let last = |thread| ended.iter().rposition(|&t| t == thread).unwrap();
    let done_by = |thread, end: usize| ended[..end].iter().filter(|&&t| t == thread).count();
    assert!(done_by(1, last(0)) >= 4 && done_by(0, last(1)) >= 4, "{ended:?}");
}
