//! Every way to fail, what the caller is told, and that the next job is right.

mod common;

use std::sync::Arc;

use common::*;
use millrace_driver::{Anomalies, DeviceEngine, DriverConfig};
use millrace_job::{Engine, EngineError, NttDirection};
use millrace_model::{Fault, JobClass, ModelDevice, Until};
use millrace_pcie::{CallCount, FaultyDma, Function};
use millrace_regs::Cause;

/// Runs one MSM that `fault` strikes and gives its end; then everything must work again, on the same bases too.
fn struck_msm(fault: Fault) -> (Result<bool, EngineError>, Anomalies) {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let (bases, factors) = (points(5, &mut rng), scalars(5, &mut rng));
    let id = load(&engine, &bases).unwrap();
    device.inject(JobClass::Msm, 0, fault);
    let answer = msm_answer(&bases, &factors);
    let end = run(&engine, msm_job(id, 0, &factors)).map(|output| output.value == answer);
    assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, answer, "the same job after {fault:?}");
    works(&engine, &mut rng);
    // Looked at when later jobs have ended: what the device did of its own comes before theirs.
    (end, engine.anomalies())
}

fn struck_ntt(fault: Fault) -> (Result<bool, EngineError>, Anomalies) {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let values = scalars(8, &mut rng);
    device.inject(JobClass::Ntt, 0, fault);
    let answer = ntt_answer(&values, NttDirection::Inverse, false);
    let end =
        run(&engine, ntt_job(&values, NttDirection::Inverse, false)).map(|output| output.value == answer);
    works(&engine, &mut rng);
    (end, engine.anomalies())
}

fn cause_of(end: Result<bool, EngineError>) -> String {
    match end {
        Err(EngineError::JobFailed { cause, .. }) => cause,
        Err(EngineError::Timeout { .. }) => "TIMEOUT".into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_cause_is_told_by_name_and_position() {
    for cause in Cause::ALL {
        let (end, anomalies) = struck_msm(Fault::Fail { cause, position: 0x1234 });
        match cause {
            // Nothing of the job's own: it was sent again.
            Cause::Reset | Cause::BadPhase | Cause::BadEpoch => assert!(end.unwrap()),
            // Cause 0 at a position is a failure only of the model.
            Cause::Ok => assert!(matches!(end, Err(EngineError::JobFailed { .. }))),
            _ => match end {
                Err(EngineError::JobFailed { cause: name, position: 0x1234, .. }) => {
                    assert_eq!(name, cause.name());
                }
                other => panic!("{other:?}"),
            },
        }
        let wedges = matches!(cause, Cause::BadPhase | Cause::BadEpoch);
        assert_eq!(anomalies.queue_resets, u64::from(wedges), "{cause:?}");
    }
    let (end, anomalies) = struck_ntt(Fault::UnknownStatus(200));
    assert_eq!((cause_of(end).as_str(), anomalies.garbage), ("UNKNOWN_200", 1));
}

#[test]
fn damaged_results_are_not_delivered() {
    for bit in [0, 255, 300, 700, 800] {
        let (end, anomalies) = struck_msm(Fault::FlipResult { bit });
        assert_eq!((cause_of(end).as_str(), anomalies.wrong_results), ("RESULT_RANGE", 1), "bit {bit}");
        let (end, anomalies) = struck_msm(Fault::FlipOnTheWay { bit });
        assert_eq!((cause_of(end).as_str(), anomalies.wrong_digests), ("RESULT_DIGEST", 1), "bit {bit}");
    }
    let (end, _) = struck_ntt(Fault::FlipOnTheWay { bit: 9 });
    assert_eq!(cause_of(end), "RESULT_DIGEST");
    let (end, _) = struck_ntt(Fault::FlipResult { bit: 255 });
    assert_eq!(cause_of(end), "RESULT_RANGE");
}

#[test]
fn a_wrong_result_that_looks_right_is_for_the_proofs_check_to_find() {
    assert!(!struck_msm(Fault::WrongResult).0.unwrap());
    assert!(!struck_ntt(Fault::WrongResult).0.unwrap());
    assert!(!struck_ntt(Fault::FlipResult { bit: 0 }).0.unwrap());
}

#[test]
fn damaged_device_memory_is_loaded_again() {
    // Bases lie from address 0: x of the first, a high bit (out of range) and a low one (off the curve).
    for (address, bit, cause) in [(31, 7, "POINT_RANGE"), (3, 2, "RESULT_RANGE")] {
        let (device, engine) = start(small(), quick());
        let mut rng = rng();
        let (bases, factors) = (points(3, &mut rng), vec![secret(&mut rng); 3]);
        let id = load(&engine, &bases).unwrap();
        device.inject(JobClass::Msm, 0, Fault::FlipMemory { address, bit });
        let end = run(&engine, msm_job(id, 0, &factors)).map(|_| true);
        assert_eq!(cause_of(end), cause);
        let output = run(&engine, msm_job(id, 0, &factors)).unwrap();
        assert_eq!(output.value, msm_answer(&bases, &factors));
        assert_eq!(engine.anomalies().uploads_again, 1);
    }
}

#[test]
fn damaged_uploads_are_sent_again() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let bases = points(4, &mut rng);
    let factors = scalars(4, &mut rng);
    for fault in [Fault::FlipResult { bit: 77 }, Fault::Fail { cause: Cause::MemWrite, position: 0 }] {
        device.inject(JobClass::Copy, 0, fault);
        let id = load(&engine, &bases).unwrap();
        assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, msm_answer(&bases, &factors));
    }
    assert_eq!(engine.anomalies().wrong_digests, 1);
    for n in 0..3 {
        device.inject(JobClass::Copy, n, Fault::FlipResult { bit: 77 });
    }
    match load(&engine, &bases) {
        Err(EngineError::JobFailed { cause, .. }) => assert_eq!(cause, "UPLOAD_DIGEST"),
        other => panic!("{other:?}"),
    }
    works(&engine, &mut rng);
}

#[test]
fn completions_that_are_wrong_or_missing() {
    let (end, anomalies) = struck_msm(Fault::DoubleCompletion);
    assert_eq!((end.unwrap(), anomalies.unknown_jobs), (true, 1));
    let (end, anomalies) = struck_msm(Fault::WrongOpcode);
    assert_eq!((cause_of(end).as_str(), anomalies.garbage), ("BAD_COMPLETION", 1));
    let (end, anomalies) = struck_msm(Fault::LoseCompletion);
    assert_eq!(
        (cause_of(end).as_str(), anomalies.doorbells_again, anomalies.queue_resets),
        ("TIMEOUT", 1, 1)
    );
    let (end, _) = struck_msm(Fault::WrongPhase);
    assert_eq!(cause_of(end), "TIMEOUT");
    let (end, anomalies) = struck_msm(Fault::WrongEpoch);
    assert_eq!((cause_of(end).as_str(), anomalies.stale_epochs), ("TIMEOUT", 1));
    let (end, anomalies) = struck_msm(Fault::WrongJobId);
    assert_eq!((cause_of(end).as_str(), anomalies.unknown_jobs), ("TIMEOUT", 1));
    let (end, _) = struck_msm(Fault::Late);
    assert_eq!(cause_of(end), "TIMEOUT", "nothing came after it");
}

#[test]
fn a_lost_completion_is_missed_as_soon_as_the_next_one_comes() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let values = scalars(4, &mut rng);
    for (fault, lost) in [(Fault::LoseCompletion, 1), (Fault::Late, 2)] {
        device.inject(JobClass::Ntt, 0, fault);
        let job = || ntt_job(&values, NttDirection::Forward, false);
        let (first, second) = (engine.submit(job()).unwrap(), engine.submit(job()).unwrap());
        assert!(engine.wait(second).is_ok());
        assert_eq!(cause_of(engine.wait(first).map(|_| true)), "LOST_COMPLETION");
        assert_eq!(engine.anomalies().lost_completions, lost);
    }
    assert_eq!(engine.anomalies().queue_resets, 0);
    works(&engine, &mut rng);
}

#[test]
fn a_late_completion_of_another_engine_is_no_fault() {
    // Patient: on a busy machine the other job may take its time, and that is not what is tested.
    let patient = DriverConfig { stall_time: std::time::Duration::from_secs(60), ..quick() };
    let (device, engine) = start(small(), patient);
    let mut rng = rng();
    let (bases, factors) = (points(3, &mut rng), scalars(4, &mut rng));
    let id = load(&engine, &bases).unwrap();
    device.inject(JobClass::Msm, 0, Fault::Late);
    let msm = engine.submit(msm_job(id, 0, &factors[..3])).unwrap();
    // The model holds the completion back until the next one after it, and the sum may take longer than a transform: several.
    for _ in 0..20 {
        let ntt = engine.submit(ntt_job(&factors, NttDirection::Forward, false)).unwrap();
        assert!(engine.wait(ntt).is_ok());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(engine.wait(msm).is_ok());
    assert_eq!(engine.anomalies(), Anomalies::default());
}

#[test]
fn stuck_engines_are_reset_as_deep_as_it_takes() {
    for (fault, resets) in [
        (Fault::Stuck(Until::EngineReset), (1, 0, 0)),
        (Fault::Stuck(Until::QueueReset), (1, 1, 0)),
        (Fault::Stuck(Until::FunctionReset), (1, 1, 1)),
        (Fault::BusyForNothing, (1, 0, 0)),
    ] {
        let (end, a) = struck_msm(fault);
        assert!(matches!(end, Err(EngineError::Timeout { .. })), "{fault:?}: {end:?}");
        assert_eq!((a.engine_resets, a.queue_resets, a.function_resets), resets, "{fault:?}");
    }
    for until in [Until::EngineReset, Until::QueueReset, Until::FunctionReset] {
        let (end, _) = struck_ntt(Fault::Stuck(until));
        assert!(matches!(end, Err(EngineError::Timeout { .. })), "{until:?}: {end:?}");
    }
}

#[test]
fn an_engine_that_creeps_is_stuck() {
    // A step of its counter for each reading, for a day.
    let creeps = Fault::Slow(std::time::Duration::from_secs(86_400));
    let stall_time = std::time::Duration::from_millis(50);
    let (device, engine) = start(small(), DriverConfig { stall_time, ..quick() });
    let values = scalars(4, &mut rng());
    let job = || ntt_job(&values, NttDirection::Forward, true);
    device.inject(JobClass::Ntt, 0, creeps);
    let end = run(&engine, job());
    assert!(
        matches!(&end, Err(EngineError::Timeout { waited, .. }) if waited.contains(" operations in ")),
        "{end:?}"
    );
    assert_eq!(engine.anomalies().engine_resets, 1);
    assert_eq!(run(&engine, job()).unwrap().value, ntt_answer(&values, NttDirection::Forward, true));
}

#[test]
fn innocent_jobs_survive_anothers_reset() {
    for until in [Until::EngineReset, Until::QueueReset] {
        let (device, engine) = start(small(), quick());
        let mut rng = rng();
        let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
        let id = load(&engine, &bases).unwrap();
        device.inject(JobClass::Msm, 0, Fault::Stuck(until));
        let stuck = engine.submit(msm_job(id, 0, &factors)).unwrap();
        let innocent = engine.submit(msm_job(id, 0, &factors)).unwrap();
        let other = engine.submit(ntt_job(&factors, NttDirection::Forward, true)).unwrap();
        assert_eq!(engine.wait(innocent).unwrap().value, msm_answer(&bases, &factors));
        assert_eq!(engine.wait(other).unwrap().value, ntt_answer(&factors, NttDirection::Forward, true));
        assert!(matches!(engine.wait(stuck), Err(EngineError::Timeout { .. })));
    }
}

#[test]
fn a_device_that_nothing_brings_back_is_lost_for_ever() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let id = load(&engine, &points(2, &mut rng)).unwrap();
    device.inject(JobClass::Msm, 0, Fault::Stuck(Until::Never));
    let stuck = engine.submit(msm_job(id, 0, &scalars(2, &mut rng))).unwrap();
    let other = engine.submit(ntt_job(&scalars(2, &mut rng), NttDirection::Forward, false)).unwrap();
    let is_lost = |error: EngineError| assert!(matches!(error, EngineError::DeviceLost { .. }), "{error}");
    is_lost(engine.wait(stuck).unwrap_err());
    is_lost(engine.wait(other).unwrap_err());
    is_lost(run(&engine, ntt_job(&scalars(2, &mut rng), NttDirection::Forward, false)).unwrap_err());
    is_lost(load(&engine, &points(2, &mut rng)).unwrap_err());
    is_lost(engine.reset().unwrap_err());
}

#[test]
fn cancelled_jobs_leave_the_engine_to_others() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
    let id = load(&engine, &bases).unwrap();
    for fault in [None, Some(Fault::Stuck(Until::EngineReset)), Some(Fault::Stuck(Until::FunctionReset))] {
        if let Some(fault) = fault {
            device.inject(JobClass::Msm, 0, fault);
        }
        let cancelled = engine.submit(msm_job(id, 0, &factors)).unwrap();
        let transform = engine.submit(ntt_job(&factors, NttDirection::Inverse, true)).unwrap();
        engine.cancel(cancelled).unwrap();
        assert_eq!(engine.wait(transform).unwrap().value, ntt_answer(&factors, NttDirection::Inverse, true));
        assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, msm_answer(&bases, &factors));
    }
}

#[test]
fn a_reset_asked_for_leaves_bases_usable() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
    let id = load(&engine, &bases).unwrap();
    device.inject(JobClass::Msm, 0, Fault::Stuck(Until::FunctionReset));
    let msm = engine.submit(msm_job(id, 0, &factors)).unwrap();
    until_taken(&device, JobClass::Msm, 1);
    engine.reset().unwrap();
    let error = engine.wait(msm).unwrap_err();
    assert!(matches!(&error, EngineError::JobFailed { cause, .. } if cause == "RESET"), "{error}");
    assert!(error.is_transient());
    assert_eq!(run(&engine, msm_job(id, 0, &factors)).unwrap().value, msm_answer(&bases, &factors));
}

#[test]
fn the_nth_allocation_fails_once_or_twice() {
    let work = |function: Function| -> Result<(), EngineError> {
        let engine = match DeviceEngine::open(function, quick()) {
            Ok(engine) => engine,
            Err(millrace_driver::OpenError::Dma { .. }) => return Ok(()),
            Err(other) => panic!("{other}"),
        };
        let mut rng = rng();
        let (bases, factors) = (points(4, &mut rng), scalars(4, &mut rng));
        let attempt = (|| -> Result<(), EngineError> {
            let id = load(&engine, &bases)?;
            run(&engine, msm_job(id, 0, &factors))?;
            run(&engine, ntt_job(&factors, NttDirection::Forward, false)).map(drop)
        })();
        works(&engine, &mut rng);
        attempt
    };
    let mut failures = 0;
    for n in 0..12 {
        for tries in [1, 2] {
            let device = ModelDevice::start(small());
            let mut dma = device.function().dma;
            for _ in 0..tries {
                // The outer one refuses the n-th, and the inner one what it sees as the n-th: the next.
                dma = Arc::new(FaultyDma::new(dma, n, CallCount::default()));
            }
            match work(Function { dma, ..device.function() }) {
                Ok(()) => {}
                // Once is survived: idle buffers are given back, and it is tried again.
                Err(EngineError::OutOfMemory { what: "DMA memory", .. }) if tries == 2 => failures += 1,
                Err(other) => panic!("allocation {n}, refused {tries} times: {other}"),
            }
        }
    }
    assert!(failures > 0, "no allocation of a job was struck");
}
