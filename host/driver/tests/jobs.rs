//! Jobs of every kind over the functional device, against the oracle.

mod common;

use std::{thread, time::Duration};

use common::*;
use millrace_bn254::{Fr, FrCanonical, G1Affine};
use millrace_driver::{Anomalies, DriverConfig};
use millrace_job::{Engine, EngineError, Group, Job, JobKind, JobValue, NttDirection, Resident};
use millrace_model::{Fault, JobClass, ModelConfig};

#[test]
fn sums_of_every_size_around_beats_and_chunks() {
    // Lent bases are cut at pages, so the number of their chunks depends on where they lie (`lending.rs`).
    let config =
        DriverConfig { upload_chunk_points: 16, max_points_per_job: 50, lend_bases: false, ..patient() };
    let (device, engine) = start(small(), config);
    let mut rng = rng();
    let bases = points(151, &mut rng);
    let id = load(&engine, &bases).unwrap();
    for (first, n) in
        [(0, 0), (0, 1), (1, 2), (2, 3), (5, 49), (5, 50), (5, 51), (0, 101), (0, 151), (150, 1), (151, 0)]
    {
        let factors = scalars(n, &mut rng);
        let output = run(&engine, msm_job(id, first, &factors)).unwrap();
        assert_eq!(output.value, msm_answer(&bases[first..first + n], &factors), "{n} points from {first}");
        assert_eq!(output.report.kind, JobKind::Msm { group: Group::G1, points: n });
        assert_eq!(output.report.engine, "model");
        assert_eq!(output.report.cycles.unwrap().total > 0, n > 0);
    }
    // 0, 7 of one part, 51 of two, 101 and 151 of three and four.
    assert_eq!(device.jobs_seen(JobClass::Msm), 6 + 2 + 3 + 4);
    assert_eq!(device.jobs_seen(JobClass::Copy), 151_u64.div_ceil(16));
}

#[test]
fn transforms_of_every_length_and_mode() {
    let (_device, engine) = start(small(), patient());
    let mut rng = rng();
    for log_n in 0..=13 {
        let values = scalars(1 << log_n, &mut rng);
        for direction in [NttDirection::Forward, NttDirection::Inverse] {
            for coset in [false, true] {
                let output = run(&engine, ntt_job(&values, direction, coset)).unwrap();
                assert_eq!(
                    output.value,
                    ntt_answer(&values, direction, coset),
                    "2^{log_n} {direction:?} {coset}"
                );
            }
        }
    }
    let statistics = engine.statistics().unwrap();
    assert_eq!(statistics.ntt_butterflies, 4 * (1..=13).map(|k| (1u64 << (k - 1)) * k).sum::<u64>());
    assert!(statistics.host_read_beats > 0 && statistics.host_write_beats > 0 && statistics.cycles > 0);
}

#[test]
fn dumps_are_the_oracles_buckets() {
    let (_device, engine) = start(small(), patient());
    let mut rng = rng();
    let (bases, factors) = (points(20, &mut rng), scalars(20, &mut rng));
    let id = load(&engine, &bases).unwrap();
    let dump = engine.dump_buckets(msm_job(id, 0, &factors)).unwrap().unwrap();
    assert_eq!((dump.window_bits, dump.windows), (8, 32));
    assert_eq!(dump.buckets, millrace_oracle::buckets(&bases, &factors, 8, 32));
    let empty = engine.dump_buckets(msm_job(id, 0, &[])).unwrap().unwrap();
    assert_eq!(empty.buckets, vec![G1Affine::identity(); 128 * 32]);
    let ntt = engine.dump_buckets(ntt_job(&factors[..4], NttDirection::Forward, false));
    assert!(matches!(ntt, Err(EngineError::Unsupported { .. })));
}

#[test]
fn malformed_and_unsupported_jobs_are_refused_before_the_device_sees_them() {
    let (device, engine) = start(small(), patient());
    let mut rng = rng();
    let id = load(&engine, &points(4, &mut rng)).unwrap();
    let factors = scalars(4, &mut rng);
    let with =
        |range, n: usize| Job::Msm { group: Group::G1, bases: id, range, scalars: canonical(&factors[..n]) };
    #[allow(clippy::reversed_empty_ranges, reason = "a range that a caller must not give")]
    let bad = [
        with(0..5, 4),
        with(0..4, 3),
        with(3..usize::MAX, 4),
        with(4..3, 0),
        msm_job(millrace_job::BufferId(99), 0, &factors),
        ntt_job(&factors[..3], NttDirection::Forward, false),
        ntt_job(&[], NttDirection::Forward, false),
    ];
    for job in bad {
        assert!(matches!(engine.submit(job), Err(EngineError::BadJob { .. })));
    }
    let long = vec![Fr::from(1u64); 1 << 14];
    let g2 = Job::Msm { group: Group::G2, bases: id, range: 0..4, scalars: canonical(&factors) };
    let rows = Job::Rows { matrix: id, witness: canonical(&factors) };
    for job in [ntt_job(&long, NttDirection::Forward, false), g2, rows] {
        assert!(!engine.supports(&job.kind()));
        assert!(matches!(engine.submit(job), Err(EngineError::Unsupported { .. })));
    }
    let matrix = Resident::Matrix { entries: Vec::new().into(), rows: 1 };
    assert!(matches!(engine.load(matrix), Err(EngineError::Unsupported { .. })));
    assert_eq!(device.jobs_seen(JobClass::Msm) + device.jobs_seen(JobClass::Ntt), 0);
    assert!(matches!(engine.wait(millrace_job::Ticket(12345)), Err(EngineError::BadJob { .. })));
    works(&engine, &mut rng);
}

#[test]
fn scalars_out_of_range_are_named() {
    let (_device, engine) = start(small(), DriverConfig { max_points_per_job: 4, ..patient() });
    let mut rng = rng();
    let bases = points(10, &mut rng);
    let id = load(&engine, &bases).unwrap();
    let mut factors = canonical(&scalars(10, &mut rng)).to_vec();
    factors[7] = FrCanonical([0xff; 32]);
    let job = Job::Msm { group: Group::G1, bases: id, range: 0..10, scalars: factors.into() };
    let error = run(&engine, job).unwrap_err();
    assert!(matches!(error, EngineError::BadValue { what: "scalar", position: 7 }), "{error}");
    works(&engine, &mut rng);
}

#[test]
fn coordinates_out_of_range_do_not_reach_the_device() {
    let (_device, engine) = start(small(), DriverConfig { upload_chunk_points: 2, ..patient() });
    let mut rng = rng();
    let mut bases: Vec<_> = points(5, &mut rng).iter().map(millrace_bn254::G1Mont::from).collect();
    bases[4].0 = [0xff; 64];
    let error = engine.load(Resident::G1(bases.into())).unwrap_err();
    assert!(matches!(error, EngineError::BadValue { what: "base coordinate", position: 4 }), "{error}");
    works(&engine, &mut rng);
}

#[test]
fn device_memory_ends_and_is_given_back() {
    let (device, engine) = start(ModelConfig { log_memory_bytes: 14, ..small() }, patient());
    let mut rng = rng();
    let bases = points(128, &mut rng);
    let first = load(&engine, &bases).unwrap();
    match load(&engine, &points(257, &mut rng)) {
        Err(EngineError::OutOfMemory { what: "device memory", needed_bytes: 16448, .. }) => {}
        other => panic!("{other:?}"),
    }
    // What is too much for an empty device sends nobody away.
    assert_eq!(engine.evictions(), 0);
    let factors = scalars(128, &mut rng);
    let second = load(&engine, &bases).unwrap();
    device.inject(JobClass::Msm, 0, Fault::Late);
    let ticket = engine.submit(msm_job(first, 0, &factors)).unwrap();
    engine.unload(first);
    // All of it is wanted while a job needs the first: that is waited for. Its completion comes with the next one.
    thread::scope(|scope| {
        let all = scope.spawn(|| load(&engine, &points(256, &mut common::rng())));
        thread::sleep(Duration::from_millis(50));
        assert!(!all.is_finished(), "the job is not ended as far as anybody was told");
        run(&engine, ntt_job(&factors, NttDirection::Forward, false)).unwrap();
        engine.unload(all.join().unwrap().unwrap());
    });
    assert_eq!(engine.wait(ticket).unwrap().value, msm_answer(&bases, &factors), "a job keeps its bases");
    engine.unload(second);
    load(&engine, &points(256, &mut rng)).expect("all room is free again");
}

#[test]
fn room_that_another_threads_job_needs_is_waited_for() {
    const THREADS: usize = 3;
    const ROUNDS: usize = 100;
    // Room for one of three: each thread sends another's away, unless that one just sends them or its job, or waits for its sum.
    let (_device, engine) = start(ModelConfig { log_memory_bytes: 20, ..small() }, patient());
    let mut some = rng();
    let sets: Vec<Vec<_>> = (0..THREADS).map(|_| points(8, &mut some).repeat(1500)).collect();
    let ids: Vec<_> = sets.iter().map(|bases| load(&engine, bases).unwrap()).collect();
    let failed = std::sync::Mutex::new(Vec::new());
    let together = std::sync::Barrier::new(THREADS);
    on_threads(THREADS, |i| {
        let factors = scalars(3, &mut rng());
        let answer = msm_answer(&sets[i][..3], &factors);
        for round in 0..ROUNDS {
            together.wait();
            match run(&engine, msm_job(ids[i], 0, &factors)) {
                Ok(output) if output.value == answer => {}
                // Told after the last round, so that the other threads do not wait at the barrier for ever.
                other => failed.lock().unwrap().push(format!("thread {i}, round {round}: {other:?}")),
            }
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}: {}", failed.len(), THREADS * ROUNDS, failed[0]);
    assert!(engine.evictions() > ROUNDS as u64 / 2, "{}", engine.evictions());
    assert_eq!(engine.anomalies(), Anomalies::default());
}

#[test]
fn room_that_another_threads_load_takes_is_waited_for() {
    const THREADS: usize = 3;
    const ROUNDS: usize = 50;
    // Room for one of three: what another thread just loads, or just drops, is no reason to refuse.
    let (_device, engine) = start(ModelConfig { log_memory_bytes: 20, ..small() }, patient());
    let bases = points(8, &mut rng()).repeat(1500);
    let failed = std::sync::Mutex::new(Vec::new());
    let together = std::sync::Barrier::new(THREADS);
    on_threads(THREADS, |i| {
        let factors = scalars(3, &mut rng());
        let answer = msm_answer(&bases[..3], &factors);
        for round in 0..ROUNDS {
            together.wait();
            let output = load(&engine, &bases).and_then(|id| {
                let output = run(&engine, msm_job(id, 0, &factors));
                engine.unload(id);
                output
            });
            match output {
                Ok(output) if output.value == answer => {}
                other => failed.lock().unwrap().push(format!("thread {i}, round {round}: {other:?}")),
            }
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}: {}", failed.len(), THREADS * ROUNDS, failed[0]);
    load(&engine, &bases).expect("all room is free again");
}

#[test]
fn bases_that_are_used_least_make_room_and_come_back() {
    // Room for two of three.
    let (device, engine) = start(ModelConfig { log_memory_bytes: 14, ..small() }, patient());
    let mut rng = rng();
    let all: Vec<_> = (0..3).map(|_| points(128, &mut rng)).collect();
    let factors = scalars(128, &mut rng);
    let ids: Vec<_> = all.iter().map(|bases| load(&engine, bases).unwrap()).collect();
    assert_eq!(
        (engine.evictions(), device.jobs_seen(JobClass::Copy)),
        (1, 3),
        "the third took the first one's place"
    );
    let sums_are_right = |i: usize| {
        let output = run(&engine, msm_job(ids[i], 0, &factors)).unwrap();
        assert_eq!(output.value, msm_answer(&all[i], &factors), "set {i}");
    };
    // 1 and 2 lie there; using 1 makes 2 the one that leaves for 0.
    for (i, evictions) in [(1, 1), (0, 2), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)] {
        sums_are_right(i);
        assert_eq!(engine.evictions(), evictions, "after the use of {i}");
    }
    assert_eq!(device.jobs_seen(JobClass::Copy), 3 + 3, "each comes back once for each time it left");
    assert_eq!(engine.anomalies(), Anomalies::default());
}

#[test]
fn ten_thousand_small_jobs_wrap_the_rings() {
    let (device, engine) = start(small(), DriverConfig { log_entries: 2, ..patient() });
    let mut rng = rng();
    let values: Vec<_> = (0..4).map(|_| scalars(2, &mut rng)).collect();
    let answers: Vec<_> = values.iter().map(|v| ntt_answer(v, NttDirection::Forward, false)).collect();
    let jobs = 10_000;
    let mut tickets = std::collections::VecDeque::new();
    for i in 0..jobs {
        tickets.push_back((
            i % 4,
            engine.submit(ntt_job(&values[i % 4], NttDirection::Forward, false)).unwrap(),
        ));
        if tickets.len() > i % 8 {
            let (answer, ticket) = tickets.pop_front().unwrap();
            assert_eq!(engine.wait(ticket).unwrap().value, answers[answer], "job {i}");
        }
    }
    for (answer, ticket) in tickets {
        assert_eq!(engine.wait(ticket).unwrap().value, answers[answer]);
    }
    assert_eq!(device.jobs_seen(JobClass::Ntt), jobs as u64);
    assert_eq!(engine.anomalies(), Default::default());
}

#[test]
fn four_threads_share_an_engine() {
    let (_device, engine) = start(small(), DriverConfig { log_entries: 3, ..patient() });
    let bases = points(40, &mut rng());
    let id = load(&engine, &bases).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, bases) = (&engine, &bases);
            scope.spawn(move || {
                let mut rng = rng();
                for i in 0..60 {
                    let n = 1 + (thread * 17 + i * 5) % 40;
                    let (factors, values) = (scalars(n, &mut rng), scalars(16, &mut rng));
                    let msm = engine.submit(msm_job(id, 0, &factors)).unwrap();
                    let ntt = engine.submit(ntt_job(&values, NttDirection::Inverse, true)).unwrap();
                    let answer = ntt_answer(&values, NttDirection::Inverse, true);
                    assert_eq!(engine.wait(ntt).unwrap().value, answer);
                    assert_eq!(engine.wait(msm).unwrap().value, msm_answer(&bases[..n], &factors));
                }
            });
        }
    });
    assert_eq!(engine.anomalies(), Default::default());
}

#[test]
fn a_short_wait_gives_the_ticket_back() {
    let (_device, engine) = start(small(), patient());
    let mut rng = rng();
    let (bases, factors) = (points(4000, &mut rng), scalars(4000, &mut rng));
    let id = load(&engine, &bases).unwrap();
    let mut ticket = engine.submit(msm_job(id, 0, &factors)).unwrap();
    let mut given_back = 0;
    let output = loop {
        match engine.try_wait(ticket, Duration::from_micros(100)).unwrap() {
            Ok(output) => break output,
            Err(same) => {
                given_back += 1;
                ticket = same;
            }
        }
    };
    assert!(given_back > 0, "an MSM of 4000 points takes longer than that");
    assert_eq!(output.value, msm_answer(&bases, &factors));
}

#[test]
fn scalars_are_wiped_from_dma_memory() {
    let (device, engine) = start(small(), quick());
    let mut rng = rng();
    let bases = points(3, &mut rng);
    let id = load(&engine, &bases).unwrap();
    let secrets: Vec<Fr> = (0..3).map(|_| secret(&mut rng)).collect();
    let is_left = || secrets.iter().any(|s| is_in_dma_memory(&device, &FrCanonical::from(*s)));

    device.inject(JobClass::Msm, 0, millrace_model::Fault::Stuck(millrace_model::Until::EngineReset));
    let ticket = engine.submit(msm_job(id, 0, &secrets)).unwrap();
    assert!(is_left(), "the test can see what it looks for");
    assert!(matches!(engine.wait(ticket), Err(EngineError::Timeout { .. })));
    assert!(!is_left(), "after a timeout");

    run(&engine, msm_job(id, 0, &secrets)).unwrap();
    assert!(!is_left(), "after a job");

    let cause = millrace_regs::Cause::HostRead;
    device.inject(JobClass::Msm, 0, millrace_model::Fault::Fail { cause, position: 64 });
    run(&engine, msm_job(id, 0, &secrets)).unwrap_err();
    assert!(!is_left(), "after a failure");

    let values = [secrets[0], secrets[1]];
    run(&engine, ntt_job(&values, NttDirection::Forward, false)).unwrap();
    assert!(!is_left(), "after a transform");
    let JobValue::Values(result) = ntt_answer(&values, NttDirection::Forward, false) else { unreachable!() };
    assert!(!is_in_dma_memory(&device, &FrCanonical::from(result[0])), "its result too");

    device.inject(JobClass::Msm, 0, millrace_model::Fault::Stuck(millrace_model::Until::EngineReset));
    let ticket = engine.submit(msm_job(id, 0, &secrets)).unwrap();
    engine.cancel(ticket).unwrap();
    assert!(!is_left(), "after a cancel");

    device.inject(JobClass::Msm, 0, millrace_model::Fault::Stuck(millrace_model::Until::Never));
    run(&engine, msm_job(id, 0, &secrets)).unwrap_err();
    assert!(!is_left(), "after the device was lost");
}
