//! MSMs of scalars of many lengths in one sum, against the oracle's: as the engine plans them, and with windows of their own for each class.

mod common;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use common::{MsmCase, engines};
use millrace_bn254::backend::Instructions;
use millrace_kernels::{CpuEngine, Limits};

/// Lengths at which classes end, and those around them.
const LENGTHS: [u64; 16] = [1, 2, 7, 8, 9, 16, 17, 32, 33, 63, 64, 65, 127, 128, 129, 252];

/// Distinct points, cheaply: P, P + Q, P + 2Q, ….
fn points<A: AffineRepr>(n: usize) -> Vec<A> {
    let mut rng = test_rng();
    let (mut point, step) = (A::Group::rand(&mut rng), A::Group::rand(&mut rng));
    let next = || {
        point += step;
        point
    };
    A::Group::normalize_batch(&std::iter::repeat_with(next).take(n).collect::<Vec<_>>())
}

fn power(bits: u64) -> Fr {
    Fr::from(2u64).pow([bits])
}

/// A random scalar of up to so many bits, of any size from 253 on.
fn of_bits(rng: &mut impl Rng, bits: usize) -> Fr {
    let bits = if bits >= 253 { 256 } else { bits };
    (0..bits).step_by(64).fold(Fr::zero(), |sum, at| {
        let word = rng.r#gen::<u64>() >> (64 - (bits - at).min(64));
        sum + power(at as u64) * Fr::from(word)
    })
}

/// 2^k − 1, 2^k, 2^k + 1 and their negatives for each length k, in turn.
fn at_the_bounds(n: usize) -> Vec<Fr> {
    let of = |k: u64| [power(k) - Fr::one(), power(k), power(k) + Fr::one()];
    let all: Vec<Fr> = LENGTHS.into_iter().flat_map(of).flat_map(|k| [k, -k]).collect();
    (0..n).map(|i| all[i % all.len()]).collect()
}

/// Names and makers of scalars of several lengths.
fn mixtures(n: usize) -> Vec<(String, Vec<Fr>)> {
    let mut rng = test_rng();
    let mut list = vec![("at the bounds".into(), at_the_bounds(n))];
    let mut add = |name: String, make: &mut dyn FnMut(usize) -> Fr| {
        list.push((name, (0..n).map(make).collect()));
    };
    for (bits, one_of) in [(8, 2), (8, 64), (16, 8), (64, 2), (64, 64), (128, 8)] {
        add(format!("{bits} bits but one of {one_of}"), &mut |i| match i % one_of {
            0 => of_bits(&mut rng, 253),
            1 => -of_bits(&mut rng, bits),
            _ => of_bits(&mut rng, bits),
        });
    }
    add("every length".into(), &mut |i| of_bits(&mut rng, i % 254));
    // Long ones in one place only: parts of the points have none, and parts have nothing else.
    add("long ones at the end".into(), &mut |i| of_bits(&mut rng, if i > n - n / 16 { 253 } else { 16 }));
    add("short ones at the end".into(), &mut |i| of_bits(&mut rng, if i > n - n / 16 { 16 } else { 253 }));
    add("one long".into(), &mut |i| of_bits(&mut rng, if i == n / 2 { 253 } else { 8 }));
    add("as many long as are few".into(), &mut |i| {
        of_bits(&mut rng, if i % 3 == 1 && i < 45 { 253 } else { 8 })
    });
    add("one short".into(), &mut |i| of_bits(&mut rng, if i == n / 2 { 8 } else { 253 }));
    let [a, b] = [16, 253].map(|bits| of_bits(&mut rng, bits));
    add("two values, short and long".into(), &mut |i| if i % 8 == 0 { b } else { a });
    add("all the same short one".into(), &mut |_| a);
    add("zeros, ones, bytes and long ones".into(), &mut |i| match i % 8 {
        0..3 => Fr::zero(),
        3..5 => Fr::one(),
        5 => -Fr::one(),
        6 => of_bits(&mut rng, 8),
        _ => of_bits(&mut rng, 253),
    });
    list
}

/// As planned, and with windows of their own for each class, on one thread and several, whole and in halves; for each set of instructions.
fn ways() -> Vec<(String, CpuEngine)> {
    let mut all: Vec<_> = engines().into_iter().map(|engine| ("as planned".to_owned(), engine)).collect();
    for instructions in Instructions::all() {
        for (threads, halves) in [(1, false), (2, true), (5, false), (24, true)] {
            let engine = CpuEngine::with_instructions(threads, instructions).with_classes(true);
            all.push((format!("{threads} threads, halves {halves}"), engine.with_halves(halves)));
        }
    }
    all
}

fn check(case: &MsmCase, ways: &[(String, CpuEngine)], name: &str) {
    for (way, engine) in ways {
        case.check(engine, &format!("{name}, {way}, {}", engine.instructions().name()));
    }
}

#[test]
fn every_size() {
    let ways = ways();
    for n in [0, 1, 2, 15, 16, 17, 31, 33, 96, 160, 1000, 4095, 4096, 4097] {
        check(&MsmCase::g1(&points(n), &at_the_bounds(n)), &ways, &format!("{n} points of G1"));
        if n <= 1000 {
            check(&MsmCase::g2(&points(n), &at_the_bounds(n)), &ways, &format!("{n} points of G2"));
        }
    }
}

#[test]
fn every_mixture() {
    let ways = ways();
    for n in [40, 700, 9000] {
        let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(n), points(n.min(700)));
        for (name, scalars) in mixtures(n) {
            check(&MsmCase::g1(&g1, &scalars), &ways, &format!("{n} points of G1, {name}"));
            if n == g2.len() {
                check(&MsmCase::g2(&g2, &scalars), &ways, &format!("{n} points of G2, {name}"));
            }
        }
    }
}

/// So many points that buckets of short classes are filled as they come, that blocks are cut into parts, and pieces of them are sorted.
#[test]
fn many_points() {
    let n = 1 << 15;
    let (g1, g2): (Vec<G1Affine>, Vec<G2Affine>) = (points(n), points(1 << 13));
    let all = Instructions::all();
    for (i, (name, scalars)) in mixtures(n).iter().enumerate() {
        // One set of instructions each: small sums above try all.
        let engine = |threads| CpuEngine::with_instructions(threads, all[i % all.len()]);
        let ways = [
            ("as planned".to_owned(), engine(2)),
            ("24 threads".to_owned(), engine(24)),
            ("classes".to_owned(), engine(2).with_classes(true).with_halves(i % 2 == 0)),
            ("wide windows".to_owned(), engine(2).with_classes(true).with_window_bits(15 + i as u32 % 2)),
        ];
        check(&MsmCase::g1(&g1, scalars), &ways, &format!("G1, {name}"));
        if i % 4 == 0 {
            check(&MsmCase::g2(&g2, &scalars[n - g2.len()..]), &ways, &format!("G2, {name}"));
        }
    }
}

/// Points that are looked at a part at a time have classes of their own in each part.
#[test]
fn parts_of_limited_memory() {
    let n = 5000;
    let g1: Vec<G1Affine> = points(n);
    let limits = Limits { points: 1 << 11, ..Limits::NONE };
    for (name, scalars) in mixtures(n) {
        let case = MsmCase::g1(&g1, &scalars);
        for instructions in Instructions::all() {
            let engine = || CpuEngine::with_limits(2, instructions, limits);
            case.check(&engine(), &name);
            case.check(&engine().with_classes(true), &name);
        }
    }
}
