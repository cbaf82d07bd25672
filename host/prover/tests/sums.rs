//! What a sum takes beside its inputs is what [`Limits`] announces, with digits that fill the lists of points that wait.
//!
//! Alone in its program, as it counts what all threads allocate.

use std::alloc::System;

use ark_ec::AffineRepr;
use millrace_bn254::{
    FrCanonical, G1Affine, G1Mont, G2Affine, G2Mont,
    backend::Instructions,
    curve::Xyzz,
    points::{Curve, G1, G2},
};
use millrace_job::{Engine, Group, Job, JobKind, Resident};
use millrace_kernels::{CpuEngine, Limits};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As many as an engine keeps the memory of.
const POINTS: usize = 1 << 17;

/// P, 2P, 4P, ….
fn points<C: Curve, A: From<millrace_bn254::curve::Affine<C::Field>>>(
    first: C::Base,
) -> impl Iterator<Item = A> {
    let next = |point: &Xyzz<C::Field>| Some(point.double());
    std::iter::successors(Some(Xyzz::from(C::base(&first))), next).map(|point| point.to_affine().into())
}

/// Scalars of so many bits, each twice in a row: of two points for a bucket one waits.
fn pairs(points: usize, bits: u32) -> Vec<FrCanonical> {
    let scalar = |i: u64| {
        let word = |at: u64| {
            (i / 2 * 4 + at + 1)
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
    };
    (0..points as u64).map(scalar).collect()
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
    let g1: Vec<G1Mont> =
        points::<G1, G1Affine>((&G1Affine::generator()).into()).take(POINTS).map(|p| (&p).into()).collect();
    let g2: Vec<G2Mont> =
        points::<G2, G2Affine>((&G2Affine::generator()).into()).take(POINTS).map(|p| (&p).into()).collect();
    for (group, bases) in [(Group::G1, Resident::G1(g1.into())), (Group::G2, Resident::G2(g2.into()))] {
        let engine = || CpuEngine::with_instructions(1, Instructions::best());
        let announced = |points| Limits::NONE.working_bytes(&JobKind::Msm { group, points }, 1) as usize;
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
