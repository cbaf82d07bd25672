//! MSMs of the CPU engine against the oracle's, on every size around a boundary and on scalars chosen to hurt.

mod common;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInt, Field, One, UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use common::{MsmCase, engines};
use millrace_bn254::{FrCanonical, backend::Instructions, endomorphism::LAMBDA};
use millrace_job::{Engine, EngineError, Group, Job, Resident};
use millrace_kernels::CpuEngine;

const SIZES: [usize; 14] = [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 160, 1000, 4096, 4097];

/// Distinct points, cheaply: P, P + Q, P + 2Q, ….
fn points<A: AffineRepr>(n: usize) -> Vec<A> {
    let mut rng = test_rng();
    let (mut point, step) = (A::Group::rand(&mut rng), A::Group::rand(&mut rng));
    let all: Vec<A::Group> = (0..n)
        .map(|_| {
            point += step;
            point
        })
        .collect();
    A::Group::normalize_batch(&all)
}

fn random(n: usize) -> Vec<Fr> {
    let mut rng = test_rng();
    (0..n).map(|_| Fr::rand(&mut rng)).collect()
}

/// Names and makers of scalars: each is a distribution that some way of filling buckets would suffer from.
fn distributions(n: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let mut rng = test_rng();
    let (a, b) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let half = (-Fr::one()) / Fr::from(2u64);
    let mut list = vec![
        ("random", random(n)),
        ("all equal", vec![a; n]),
        ("all r − 1", vec![-Fr::one(); n]),
        ("all (r − 1)/2", vec![half; n]),
        ("all (r + 1)/2", vec![half + Fr::one(); n]),
        ("all zero", vec![Fr::zero(); n]),
        ("all one", vec![Fr::one(); n]),
        ("small", (0..n).map(|_| Fr::from(rng.gen_range(0..1000u64))).collect()),
        (
            "64 bits, either sign",
            (0..n)
                .map(
                    |i| if i % 2 == 0 { Fr::from(rng.r#gen::<u64>()) } else { -Fr::from(rng.r#gen::<u64>()) },
                )
                .collect(),
        ),
        ("powers of two", (0..n).map(|i| Fr::from(2u64).pow([i as u64 % 254])).collect()),
        (
            "powers of two less one",
            (0..n).map(|i| Fr::from(2u64).pow([i as u64 % 254]) - Fr::one()).collect(),
        ),
    ];
    list.push(("two values", (0..n).map(|_| if rng.r#gen() { a } else { b }).collect()));
    let bits =
        |rng: &mut _| -> Vec<Fr> { (0..n).map(|_| Fr::from(u64::from(Rng::r#gen::<bool>(rng)))).collect() };
    list.push(("zeros and ones", bits(&mut rng)));
    let mut witness = bits(&mut rng);
    witness.iter_mut().step_by(10).for_each(|k| *k = Fr::rand(&mut rng));
    list.push(("a witness", witness));
    list
}

#[test]
fn every_size_g1() {
    let engines = engines();
    for n in SIZES {
        let case = MsmCase::g1(&points(n), &random(n));
        engines.iter().for_each(|engine| case.check(engine, &format!("{n} points")));
    }
}

#[test]
fn every_size_g2() {
    let engines = engines();
    for n in SIZES.into_iter().filter(|n| *n <= 1000) {
        let case = MsmCase::g2(&points(n), &random(n));
        engines.iter().for_each(|engine| case.check(engine, &format!("{n} points")));
    }
}

#[test]
fn every_distribution() {
    let engines = engines();
    for n in [7, 150, 300, 2000] {
        let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(n), points(n.min(300)));
        for (name, scalars) in distributions(n) {
            for case in [MsmCase::g1(&g1, &scalars), MsmCase::g2(&g2, &scalars[..g2.len()])] {
                engines.iter().for_each(|engine| case.check(engine, &format!("{n} scalars, {name}")));
            }
        }
    }
}

/// Engines with windows of so many bits, one for each set of instructions.
fn with_windows(bits: u32, halves: bool) -> impl Iterator<Item = CpuEngine> {
    let engine = move |i| CpuEngine::with_instructions(2, i).with_window_bits(bits).with_halves(halves);
    Instructions::all().into_iter().map(engine)
}

/// Windows so wide, whatever the scalars, that buckets are filled in the order of points; digits of the widest fill the 16 bits that they are kept in.
#[test]
fn every_distribution_over_many_buckets() {
    let n = 30_000;
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(n), points(n / 5));
    for (i, (name, scalars)) in distributions(n).iter().enumerate() {
        let cases = [MsmCase::g1(&g1, scalars), MsmCase::g2(&g2, &scalars[..g2.len()])];
        for (case, group) in cases.iter().zip(["G1", "G2"]) {
            for (bits, halves) in [(12 + i as u32 % 3, i % 2 == 0), (15, i % 2 == 1), (16, i % 2 == 0)] {
                for engine in with_windows(bits, halves) {
                    let backend = engine.instructions().name();
                    case.check(&engine, &format!("{group}, {name}, {bits} bits, halves {halves}, {backend}"));
                }
            }
        }
    }
}

/// Random scalars, and some of each distribution in a row behind them.
fn mixed(n: usize) -> Vec<Fr> {
    let mut all = random(n);
    let some = distributions(n / 32);
    for ((_, scalars), part) in some.iter().zip(all[n / 2..].chunks_exact_mut(n / 32)) {
        part.copy_from_slice(scalars);
    }
    all
}

/// As many points as the sums of large proofs have: as their sizes are planned, and with the widest windows, whose buckets are all in use here.
#[test]
fn sums_of_large_proofs() {
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(1 << 18), points(1 << 16));
    let cases = [MsmCase::g1(&g1, &mixed(g1.len())), MsmCase::g2(&g2, &mixed(g2.len()))];
    for instructions in Instructions::all() {
        let engine = || CpuEngine::with_instructions(2, instructions);
        let halves = |halves: bool| engine().with_window_bits(16).with_halves(halves);
        for engine in [engine(), engine().with_window_bits(15), halves(false), halves(true)] {
            for case in &cases {
                case.check(&engine, &format!("{} points", case.scalars.len()));
            }
        }
    }
}

#[test]
fn points_that_meet_their_likes() {
    let engine = CpuEngine::with_threads(2);
    let n = 1500;
    let distinct: Vec<G1Affine> = points(n);
    let equal = vec![distinct[0]; n];
    let opposite: Vec<G1Affine> =
        (0..n).map(|i| if i % 2 == 0 { distinct[i / 2] } else { -distinct[i / 2] }).collect();
    let infinite = vec![G1Affine::identity(); n];
    let mixed: Vec<G1Affine> =
        (0..n).map(|i| [distinct[i], equal[i], infinite[i], opposite[i]][i % 4]).collect();
    for (name, bases) in [("equal", equal), ("opposite", opposite), ("infinite", infinite), ("mixed", mixed)]
    {
        for (scalar_name, scalars) in distributions(n) {
            MsmCase::g1(&bases, &scalars).check(&engine, &format!("{name} points, {scalar_name}"));
        }
    }
}

/// Scalars whose halves are alike, small, opposite or zero: a·λ^i ± b·λ^j.
fn around_the_eigenvalue(n: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let (mut rng, lambda) = (test_rng(), Fr::from(BigInt(LAMBDA)));
    let mut make = |name, of: fn(Fr, Fr) -> Fr| {
        (name, (0..n).map(|_| of(Fr::from(rng.r#gen::<u128>() >> 2), lambda)).collect())
    };
    vec![
        ("λ", vec![lambda; n]),
        ("r − λ", vec![-lambda; n]),
        ("1 + λ, which is −λ²", vec![Fr::one() + lambda; n]),
        ("1 − λ", vec![Fr::one() - lambda; n]),
        make("both halves equal", |k, lambda| k + k * lambda),
        make("halves opposite", |k, lambda| k - k * lambda),
        make("the first half zero", |k, lambda| k * lambda),
        make("the second half zero", |k, _| k),
    ]
}

/// With d·λ of P and ±d of φ(P), buckets of images hold what the others do, or its negative: all are doubled, or all cancelled.
#[test]
fn buckets_that_meet_their_images() {
    let lambda = Fr::from(BigInt(LAMBDA));
    let mut rng = test_rng();
    let d: Vec<Fr> = (0..20).map(|_| Fr::from(rng.r#gen::<u128>() >> 8)).collect();
    fn bases<A: AffineRepr<ScalarField = Fr>>(lambda: Fr) -> Vec<A> {
        points::<A>(20).iter().flat_map(|p| [*p, (*p * lambda).into_affine()]).collect()
    }
    for sign in [Fr::one(), -Fr::one()] {
        let scalars: Vec<Fr> = d.iter().flat_map(|d| [*d * lambda, *d * sign]).collect();
        let cases = [MsmCase::g1(&bases(lambda), &scalars), MsmCase::g2(&bases(lambda), &scalars)];
        for instructions in Instructions::all() {
            let engine = CpuEngine::with_instructions(1, instructions).with_window_bits(12).with_halves(true);
            cases.iter().for_each(|case| case.check(&engine, instructions.name()));
        }
    }
}

/// Many threads cut the range of points, into a part of few points too, or of few whose scalars are not 0.
#[test]
fn halves_of_parts() {
    let engine = CpuEngine::with_threads(24).with_halves(true);
    let n = 70_000;
    let (bases, mut scalars): (Vec<G1Affine>, _) = (points(n), random(n));
    scalars[n - n / 4..n - 3].fill(Fr::zero());
    MsmCase::g1(&bases, &scalars).check(&engine, "a part of zeros");
    let g2 = points::<G2Affine>(4101);
    for n in [4097, 4101] {
        MsmCase::g1(&bases[..n], &scalars[..n]).check(&engine, &format!("{n} points"));
        MsmCase::g2(&g2[..n], &scalars[..n]).check(&engine, &format!("{n} points of G2"));
    }
}

/// A point meets its own image, the image's negative and the image's image in a bucket.
#[test]
fn points_that_meet_their_images() {
    let (lambda, n) = (Fr::from(BigInt(LAMBDA)), 300);
    fn family<A: AffineRepr<ScalarField = Fr>>(n: usize, lambda: Fr) -> Vec<A> {
        let images = |p: &A| {
            let image = *p * lambda;
            let both = [p.into_group(), image, -image, image * lambda, A::Group::zero()];
            A::Group::normalize_batch(&both)
        };
        points::<A>(n / 5).iter().flat_map(images).collect()
    }
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (family(n, lambda), family(n, lambda));
    let engines = engines();
    for (name, scalars) in around_the_eigenvalue(n).into_iter().chain(distributions(n)) {
        for case in [MsmCase::g1(&g1, &scalars), MsmCase::g2(&g2, &scalars)] {
            engines.iter().for_each(|engine| case.check(engine, &format!("images, {name}")));
        }
    }
}

#[test]
fn several_batches_pieces_and_parts() {
    let n = 70_000;
    let bases: Vec<G1Affine> = points(n);
    let (mut equal, random) = (vec![random(1)[0]; n], random(n));
    MsmCase::g1(&bases, &equal).check(&CpuEngine::with_threads(2), "all equal");
    equal[..n / 2].copy_from_slice(&random[..n / 2]);
    // More threads than processors: the range is cut.
    MsmCase::g1(&bases, &equal).check(&CpuEngine::with_threads(24), "24 threads");
}

#[test]
fn parts_of_the_bases() {
    let engine = CpuEngine::with_threads(2);
    let (bases, scalars): (Vec<G1Affine>, _) = (points(100), random(100));
    let case = MsmCase::g1(&bases, &scalars);
    for range in [0..0, 0..100, 1..100, 50..51, 100..100] {
        case.check_range(&engine, range);
    }
}

#[test]
fn nonsense_is_refused() {
    let engine = CpuEngine::with_threads(2);
    let case = MsmCase::g1(&points(10), &random(10));
    let bases = engine.load(case.resident.clone()).unwrap();
    let g2 = engine.load(Resident::G2(vec![].into())).unwrap();
    let msm = |group, bases, range, scalars: &[FrCanonical]| {
        engine.submit(Job::Msm { group, bases, range, scalars: scalars.into() }).map(|t| engine.wait(t))
    };
    let k = &case.scalars;
    #[allow(clippy::reversed_empty_ranges, reason = "what a hostile caller may send")]
    for (group, bases, range, scalars) in [
        (Group::G1, bases, 0..11, &k[..]),
        (Group::G1, bases, 0..9, &k[..]),
        (Group::G1, bases, 9..3, &[]),
        (Group::G2, bases, 0..10, &k[..]),
        (Group::G1, g2, 0..0, &[]),
    ] {
        assert!(matches!(msm(group, bases, range, scalars), Err(EngineError::BadJob { .. })));
    }
    let mut wrong = k.clone();
    wrong[7] = FrCanonical::from_limbs([
        0x43e1f593f0000001,
        0x2833e84879b97091,
        0xb85045b68181585d,
        0x30644e72e131a029,
    ]);
    let outcome = msm(Group::G1, bases, 0..10, &wrong).unwrap();
    assert!(matches!(outcome, Err(EngineError::BadValue { what: "scalar", position: 7 })));
    engine.unload(bases);
    assert!(matches!(msm(Group::G1, bases, 0..10, k), Err(EngineError::BadJob { .. })));
}

#[test]
fn what_other_sums_left_in_memory_is_in_no_sum() {
    let (g1, g2) = (points::<G1Affine>(20_000), points::<G2Affine>(5_000));
    for engine in engines() {
        // Many buckets and few, sorted and not, one bucket alone; both ways.
        for round in 0..2 {
            for n in [20_000, 200, 5_000, 3, 4_097, 20_000, 1_000] {
                let scalars = if n % 2 == 1 { vec![Fr::one(); n] } else { random(n) };
                MsmCase::g1(&g1[..n], &scalars).check(&engine, &format!("G1, {n} points, round {round}"));
                let n = n.min(g2.len());
                MsmCase::g2(&g2[..n], &scalars[..n])
                    .check(&engine, &format!("G2, {n} points, round {round}"));
            }
        }
    }
}
