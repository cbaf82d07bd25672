//! What sums take beside their inputs is what [`Limits`] announces: alone, two at a time, and one after another with scalars of other lengths.
//!
//! Alone in its program, as it counts what all threads allocate.

use std::{
    alloc::System,
    iter,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ark_ec::AffineRepr;
use millrace_bn254::{
    FrCanonical, G1Affine, G1Mont, G2Affine, G2Mont,
    backend::Instructions,
    curve::Xyzz,
    points::{Curve, G1, G2},
};
use millrace_job::{BufferId, Engine, Group, Job, JobKind, Resident, ScalarSlice};
use millrace_kernels::{CpuEngine, Limits};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What threads of several tests allocate cannot be told apart.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many as an engine keeps the memory of.
const POINTS: usize = 1 << 17;

/// P, 2P, 4P, ….
fn points<C: Curve, A: From<millrace_bn254::curve::Affine<C::Field>>>(
    first: C::Base,
) -> impl Iterator<Item = A> {
    let next = |point: &Xyzz<C::Field>| Some(point.double());
    iter::successors(Some(Xyzz::from(C::base(&first))), next).map(|point| point.to_affine().into())
}

/// So many bases of each group.
fn bases(count: usize) -> [(Group, Resident); 2] {
    let g1: Vec<G1Mont> =
        points::<G1, G1Affine>((&G1Affine::generator()).into()).take(count).map(|p| (&p).into()).collect();
    let g2: Vec<G2Mont> =
        points::<G2, G2Affine>((&G2Affine::generator()).into()).take(count).map(|p| (&p).into()).collect();
    [(Group::G1, Resident::G1(g1.into())), (Group::G2, Resident::G2(g2.into()))]
}

/// A scalar of so many bits, by its number.
fn scalar(i: u64, bits: u32) -> FrCanonical {
    let word = |at: u64| {
        (i * 4 + at + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let limb = |at: u32| match bits.saturating_sub(64 * at) {
        0 => 0,
        left if left >= 64 => word(at.into()),
        left => word(at.into()) >> (64 - left),
    };
    FrCanonical::from_limbs([0, 1, 2, 3].map(limb))
}

/// Scalars of so many bits, each twice in a row: of two points for a bucket one waits.
fn pairs(points: usize, bits: u32) -> Vec<FrCanonical> {
    (0..points as u64).map(|i| scalar(i / 2, bits)).collect()
}

/// Scalars that follow each other as a witness's: name, and how long the one of each number is, of so many.
type Lengths = (&'static str, fn(usize, usize) -> u32);

/// What plans are made for: windows of all widths, with halves and without, of some scalars or all.
const LENGTHS: [Lengths; 12] = [
    ("full width", |_, _| 252),
    ("15 bits", |_, _| 15),
    ("bits", |_, _| 1),
    ("full width, the first quarter", |i, n| if i < n / 4 { 252 } else { 0 }),
    ("16 bits", |_, _| 16),
    ("full width, the last quarter", |i, n| if i >= n - n / 4 { 252 } else { 0 }),
    ("14 bits", |_, _| 14),
    ("64 bits beside a few of full width", |i, _| if i % 40 == 0 { 252 } else { 64 }),
    ("13 bits", |_, _| 13),
    ("all lengths", |i, _| [8, 16, 32, 64, 128, 252][i % 6]),
    ("15 bits, a third, beside full width", |i, _| if i % 3 == 0 { 15 } else { 252 }),
    ("16 bits but for three of full width", |i, _| if i % (1 << 12) == 7 && i < 3 << 12 { 252 } else { 16 }),
];

/// Scalars that nobody but this test keeps.
fn of_lengths(points: usize, bits: fn(usize, usize) -> u32) -> ScalarSlice {
    (0..points).map(|i| scalar(i as u64, bits(i, points))).collect::<Vec<_>>().into()
}

/// What is in use more than when it began.
fn in_use(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// Runs and returns the most that was seen in use meanwhile: what jobs ask for stays until they end, so that looking often is enough.
fn peak(region: &Region<'_, System>, run: impl FnOnce()) -> usize {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Acquire) {
                most = most.max(in_use(region));
                thread::sleep(Duration::from_micros(50));
            }
            most
        });
        run();
        ended.store(true, Ordering::Release);
        seen.join().expect("it only looks")
    })
}

fn announced(group: Group, points: usize, threads: usize) -> usize {
    Limits::NONE.working_bytes(&JobKind::Msm { group, points }, threads) as usize
}

/// The sums of a proof on one lane, two at a time as they run there: over both groups with a witness, then over G1 with it and with values of full width.
fn sums_of_a_proof(
    engine: &CpuEngine,
    [g1, g2]: [BufferId; 2],
    witness: &ScalarSlice,
    quotient: &ScalarSlice,
) {
    let submit = |group, bases, scalars: &ScalarSlice| {
        let job = Job::Msm { group, bases, range: 0..scalars.len(), scalars: scalars.clone() };
        engine.submit(job).expect("a good job")
    };
    let wait = |ticket| drop(engine.wait(ticket).expect("a good job"));
    let (first, second) = (submit(Group::G1, g1, witness), submit(Group::G2, g2, witness));
    wait(first);
    let third = submit(Group::G1, g1, witness);
    wait(second);
    let fourth = submit(Group::G1, g1, quotient);
    wait(third);
    wait(fourth);
}

/// Proofs of other witnesses, one after another and on lanes beside each other: what stays of each, and what is in use meanwhile.
#[test]
fn sums_of_other_lengths_keep_within_what_is_announced() {
    let _alone = alone();
    for (points, rounds) in [(100, 4), (1 << 10, 2), (1 << 13, 2), (1 << 16, 2)] {
        let bases = bases(points);
        let witnesses = LENGTHS.map(|(name, bits)| (name, of_lengths(points, bits)));
        let quotient = of_lengths(points, |_, _| 252);
        for (threads, lanes) in [(1, 1), (2, 1), (2, 2), (8, 1)] {
            let engines = CpuEngine::lanes(threads, lanes, Instructions::best(), Limits::NONE).unwrap();
            let loaded: Vec<_> = engines
                .iter()
                .map(|engine| bases.clone().map(|(_, bases)| engine.load(bases).expect("bases of our own")))
                .collect();
            // Two jobs at a time, and what a third left: as `millrace_prover::proof_bytes`.
            let of_proof = |threads| {
                let left =
                    Limits::NONE.left_bytes(&JobKind::Msm { group: Group::G1, points }, threads) as usize;
                announced(Group::G2, points, threads) + announced(Group::G1, points, threads) + left
            };
            let announced = of_proof(threads) + (lanes - 1) * of_proof(threads.div_ceil(lanes));
            let region = Region::new(ALLOCATOR);
            let (mut most, mut most_kept) = ((0, ""), (0, ""));
            for (at, (name, witness)) in (0..rounds).flat_map(|_| &witnesses).enumerate() {
                // Another lane has another witness.
                let other = &witnesses[(at * 5 + 1) % witnesses.len()].1;
                let taken = peak(&region, || {
                    thread::scope(|scope| {
                        for (lane, (engine, loaded)) in engines.iter().zip(&loaded).enumerate() {
                            let witness = if lane == 0 { witness } else { other };
                            let quotient = &quotient;
                            scope.spawn(move || sums_of_a_proof(engine, *loaded, witness, quotient));
                        }
                    });
                });
                most = most.max((taken, name));
                most_kept = most_kept.max((in_use(&region), name));
            }
            println!(
                "{points} points, {threads} threads, {lanes} lanes: {most:?} taken, {most_kept:?} kept, {announced} announced"
            );
            assert!(
                most.0.max(most_kept.0) <= announced,
                "{points} points, {threads} threads, {lanes} lanes: {most:?}, {announced} announced"
            );
        }
    }
}

/// One sum after another, whose memory stays for the next or not: none takes more than is announced for it, whatever was before.
#[test]
fn a_sum_of_any_lengths_takes_no_more_than_is_announced() {
    let _alone = alone();
    let unkept = Limits { kept_values: 0, ..Limits::NONE };
    for points in [20, 100, 1000, 4000, 1 << 13, 1 << 15, POINTS] {
        let all = bases(points);
        for ((group, bases), threads, limits, rounds) in all.iter().flat_map(|bases| {
            [1, 2].into_iter().flat_map(move |threads| {
                [(Limits::NONE, 2), (unkept, 1)].map(|(limits, rounds)| (bases, threads, limits, rounds))
            })
        }) {
            let announced = limits.working_bytes(&JobKind::Msm { group: *group, points }, threads) as usize;
            let engine = CpuEngine::with_limits(threads, Instructions::best(), limits);
            let loaded = engine.load(bases.clone()).expect("bases of our own");
            let region = Region::new(ALLOCATOR);
            let (mut most, mut most_kept) = ((0, ""), (0, ""));
            for (name, bits) in (0..rounds).flat_map(|_| LENGTHS) {
                let scalars = of_lengths(points, bits);
                let job =
                    Job::Msm { group: *group, bases: loaded, range: 0..points, scalars: scalars.clone() };
                let taken = peak(&region, || {
                    drop(engine.submit(job).and_then(|ticket| engine.wait(ticket)).expect("a good job"))
                });
                most = most.max((taken.saturating_sub(32 * points), name));
                drop(scalars);
                most_kept = most_kept.max((in_use(&region), name));
            }
            println!(
                "{group:?}, {points} points, {threads} threads: {most:?} taken, {most_kept:?} kept, {announced} announced"
            );
            assert!(
                most.0.max(most_kept.0) <= announced,
                "{group:?}, {points} points, {threads} threads: {most:?} taken, {most_kept:?} kept, {announced} announced"
            );
        }
    }
}

/// What stays with an engine that has done a sum.
fn kept(engine: CpuEngine, group: Group, bases: &Resident, scalars: Vec<FrCanonical>) -> usize {
    let bases = engine.load(bases.clone()).expect("bases of our own");
    let points = scalars.len();
    let region = Region::new(ALLOCATOR);
    // The engine keeps the scalars' memory as well, so they are counted in.
    let job = Job::Msm { group, bases, range: 0..points, scalars: scalars.as_slice().into() };
    engine.submit(job).and_then(|ticket| engine.wait(ticket)).expect("a good job");
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated).saturating_sub(32 * points)
}

#[test]
fn a_sum_takes_what_is_announced_however_many_points_wait() {
    let _alone = alone();
    for (group, bases) in bases(POINTS) {
        let engine = || CpuEngine::with_instructions(1, Instructions::best());
        let announced = |points| announced(group, points, 1);
        // As it is planned.
        for (points, bits) in
            [13, 15, 16, 17].into_iter().flat_map(|log| [14, 15, 31, 252].map(|bits| (1 << log, bits)))
        {
            let (kept, announced) = (kept(engine(), group, &bases, pairs(points, bits)), announced(points));
            println!("{group:?}, {points} scalars of {bits} bits: {kept} bytes, {announced} announced");
            assert!(
                kept <= announced,
                "{group:?}, {points} scalars of {bits} bits: {kept} bytes, {announced} announced"
            );
        }
        // No wider ones are planned for so many points on one thread.
        let announced = announced(POINTS);
        for (bits, halves) in [(13, false), (14, true), (15, false), (15, true)] {
            let engine = engine().with_window_bits(bits).with_halves(halves);
            let kept = kept(engine, group, &bases, pairs(POINTS, 252));
            println!("{group:?}, {bits} bits, halves {halves}: {kept} bytes, {announced} announced");
            assert!(
                kept <= announced,
                "{group:?}, {bits} bits, halves {halves}: {kept} bytes, {announced} announced"
            );
        }
    }
}

/// However wide windows are, few points in them need no buckets: a sum that has done it before asks for next to nothing.
#[test]
fn few_points_in_wide_windows_ask_for_no_buckets() {
    let _alone = alone();
    let points = 1 << 12;
    for (group, bases) in bases(points) {
        let engine = CpuEngine::with_instructions(1, Instructions::best());
        let engine = engine.with_window_bits(13).with_halves(false).with_classes(true);
        let bases = engine.load(bases).expect("bases of our own");
        let scalars = of_lengths(points, |i, _| if i % 300 == 0 { 252 } else { 8 });
        let allocated = || {
            let job = Job::Msm { group, bases, range: 0..points, scalars: scalars.clone() };
            let region = Region::new(ALLOCATOR);
            engine.submit(job).and_then(|ticket| engine.wait(ticket)).expect("a good job");
            region.change().bytes_allocated
        };
        let (first, again) = (allocated(), allocated());
        println!("{group:?}: {again} bytes allocated, by the first {first}");
        // Buckets of one window are half a megabyte.
        assert!(first > 1 << 19 && again < 1 << 16, "{group:?}: {again} bytes, {first}");
    }
}
