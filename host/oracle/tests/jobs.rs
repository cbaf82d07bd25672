//! Every job against its definition, written out.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AdditiveGroup, CurveGroup};
use ark_ff::{BigInteger, Field, One, PrimeField, UniformRand, Zero};
use ark_std::{rand::Rng, test_rng};
use millrace_bn254::FrCanonical;
use millrace_job::{Coefficient, Engine, EngineError, Group, Job, JobValue, NttDirection, Resident};
use millrace_oracle::{OracleEngine, buckets, msm_g1, msm_g2, ntt, root_of_unity, rows, signed_digits};

/// Σ k·P by doubling and adding, from the top bit.
fn double_and_add<C: CurveGroup<ScalarField = Fr>>(bases: &[C::Affine], scalars: &[Fr]) -> C {
    let mut sum = C::zero();
    for (base, scalar) in bases.iter().zip(scalars) {
        let mut product = C::zero();
        for bit in scalar.into_bigint().to_bits_be() {
            product.double_in_place();
            if bit {
                product += *base;
            }
        }
        sum += product;
    }
    sum
}

fn scalars(n: usize, rng: &mut impl Rng) -> Vec<Fr> {
    let special = [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(2u64)];
    (0..n).map(|i| if i < 8 { special[i % 4] } else { Fr::rand(rng) }).collect()
}

#[test]
fn sums_are_those_of_double_and_add() {
    let mut rng = test_rng();
    for n in [0, 1, 2, 3, 20] {
        let k = scalars(n, &mut rng);
        let mut p1: Vec<G1Affine> = (0..n).map(|_| G1Affine::rand(&mut rng)).collect();
        let mut p2: Vec<G2Affine> = (0..n).map(|_| G2Affine::rand(&mut rng)).collect();
        if n > 3 {
            (p1[3], p2[3]) = (G1Affine::identity(), G2Affine::identity());
            (p1[5], p2[5]) = (-p1[9], -p2[9]);
        }
        assert_eq!(msm_g1(&p1, &k), double_and_add::<G1Projective>(&p1, &k));
        assert_eq!(msm_g2(&p2, &k), double_and_add::<G2Projective>(&p2, &k));
    }
}

#[test]
fn digits_and_buckets_give_the_sum_back() {
    let mut rng = test_rng();
    let k = scalars(30, &mut rng);
    let p: Vec<G1Affine> = (0..k.len()).map(|_| G1Affine::rand(&mut rng)).collect();
    for (c, windows) in [(1, 256), (4, 64), (5, 51), (13, 20)] {
        for k in &k {
            let mut back = Fr::zero();
            for d in signed_digits(*k, c, windows).into_iter().rev() {
                assert!(2 * d > -(1 << c) && 2 * d <= 1 << c, "digit {d} of {c} bits");
                back = back * Fr::from(2u64).pow([u64::from(c)]) + Fr::from(d);
            }
            assert_eq!(back, *k);
        }
        let buckets = buckets(&p, &k, c, windows);
        let mut sum = G1Projective::zero();
        for window in buckets.chunks(1 << (c - 1)).rev() {
            (0..c).for_each(|_| _ = sum.double_in_place());
            for (i, bucket) in window.iter().enumerate() {
                sum += *bucket * Fr::from(i as u64 + 1);
            }
        }
        assert_eq!(sum, msm_g1(&p, &k), "window of {c} bits");
    }
}

#[test]
fn transforms_are_those_of_the_definition() {
    let mut rng = test_rng();
    for log_n in 0..7 {
        let n = 1usize << log_n;
        let x: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        let (omega, g) = (root_of_unity(log_n), root_of_unity(log_n + 1));
        for coset in [false, true] {
            let shift = if coset { g } else { Fr::one() };
            let definition: Vec<Fr> = (0..n)
                .map(|k| {
                    let point = shift * omega.pow([k as u64]);
                    x.iter().rev().fold(Fr::zero(), |sum, x| sum * point + x)
                })
                .collect();
            let mut values = x.clone();
            ntt(&mut values, NttDirection::Forward, coset);
            assert_eq!(values, definition, "2^{log_n}, coset {coset}");
            ntt(&mut values, NttDirection::Inverse, coset);
            assert_eq!(values, x, "2^{log_n}, coset {coset}");
        }
    }
}

fn entry(matrix: u32, row: u32, column: u32, value: Fr) -> Coefficient {
    let stored = value * Fr::from(2u64).pow([512u64]);
    Coefficient::new(matrix, row, column, stored.into_bigint().to_bytes_le().try_into().unwrap())
}

#[test]
fn sparse_products() {
    let [two, three] = [2u64, 3].map(Fr::from);
    let w = [Fr::one(), two, -three];
    let entries =
        [entry(0, 1, 1, three), entry(1, 0, 2, two), entry(0, 1, 0, -two), entry(1, 0, 0, Fr::one())];
    let (a, b) = rows(&entries, 2, &w).unwrap();
    assert_eq!(a, [Fr::zero(), Fr::from(4u64)]);
    assert_eq!(b, [-Fr::from(5u64), Fr::zero()]);
    for bad in
        [entry(2, 0, 0, two), entry(0, 2, 0, two), entry(0, 0, 3, two), Coefficient::new(0, 0, 0, [255; 32])]
    {
        assert_eq!(rows(&[entries[0], bad], 2, &w), Err(1));
    }
}

#[test]
fn the_engine_does_every_kind_and_refuses_nonsense() {
    let mut rng = test_rng();
    let engine = OracleEngine::new();
    let run = |job| engine.submit(job).and_then(|ticket| engine.wait(ticket)).map(|output| output.value);
    let k = scalars(9, &mut rng);
    let p: Vec<G1Affine> = (0..9).map(|_| G1Affine::rand(&mut rng)).collect();
    let q: Vec<G2Affine> = (0..9).map(|_| G2Affine::rand(&mut rng)).collect();
    let encoded: Vec<_> = k.iter().map(|k| (*k).into()).collect();

    let g1 = engine.load(Resident::G1(p.iter().map(Into::into).collect::<Vec<_>>().into())).unwrap();
    let g2 = engine.load(Resident::G2(q.iter().map(Into::into).collect::<Vec<_>>().into())).unwrap();
    let entries = vec![entry(0, 1, 2, k[8]), entry(1, 3, 7, k[4])];
    let matrix = engine.load(Resident::Matrix { entries: entries.clone().into(), rows: 4 }).unwrap();

    let msm = |group, bases, range| Job::Msm { group, bases, range, scalars: encoded[..4].into() };
    assert_eq!(run(msm(Group::G1, g1, 3..7)).unwrap(), JobValue::G1(msm_g1(&p[3..7], &k[..4]).into_affine()));
    assert_eq!(run(msm(Group::G2, g2, 5..9)).unwrap(), JobValue::G2(msm_g2(&q[5..9], &k[..4]).into_affine()));
    let (a, b) = rows(&entries, 4, &k).unwrap();
    assert_eq!(run(Job::Rows { matrix, witness: encoded.clone().into() }).unwrap(), JobValue::Rows { a, b });
    let transform = |n| Job::Ntt { direction: NttDirection::Forward, coset: true, values: k[..n].to_vec() };
    let mut values = k[..8].to_vec();
    ntt(&mut values, NttDirection::Forward, true);
    assert_eq!(run(transform(8)).unwrap(), JobValue::Values(values));

    for job in [
        msm(Group::G1, g1, 6..10),
        msm(Group::G1, g1, 0..3),
        msm(Group::G1, g2, 0..4),
        transform(7),
        transform(0),
    ] {
        assert!(matches!(run(job), Err(EngineError::BadJob { .. })));
    }
    let scalars = vec![encoded[0], FrCanonical([255; 32])].into();
    let out_of_range = Job::Msm { group: Group::G1, bases: g1, range: 0..2, scalars };
    assert!(matches!(run(out_of_range), Err(EngineError::BadValue { position: 1, .. })));
    engine.unload(g1);
    assert!(matches!(run(msm(Group::G1, g1, 3..7)), Err(EngineError::BadJob { .. })));
}
