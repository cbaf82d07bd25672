//! Point kernels against arkworks: one suite for G1 and G2, exceptional cases included.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use ark_std::{rand::Rng, test_rng};
use millrace_bn254::{
    Fr, G1Mont, G2Mont,
    batch::BatchAdder,
    curve::{Affine, G1Lazy, G2Lazy, Xyzz},
    field::Field,
    tree::{Run, TreeSummer},
    weigh::weighted_sum,
};

/// Random points with infinities, equal neighbours and opposite ones among them.
fn samples<A: AffineRepr<ScalarField = Fr>>(n: usize) -> Vec<A> {
    let mut rng = test_rng();
    let mut points: Vec<A> = Vec::new();
    for i in 0..n {
        points.push(match i % 16 {
            3 => A::zero(),
            4 => A::generator(),
            5 => points[i - 1],
            8 => (-points[i - 1].into_group()).into_affine(),
            10 | 11 if i >= 16 => points[rng.gen_range(0..i)],
            _ => (A::Group::generator() * Fr::rand(&mut rng)).into_affine(),
        });
    }
    points
}

fn suite<A, F>(encode: impl Fn(&A) -> Affine<F>)
where
    A: AffineRepr<ScalarField = Fr> + From<Affine<F>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    F: Field,
{
    let points: Vec<A> = samples(200);
    let lazy: Vec<Affine<F>> = points.iter().map(&encode).collect();

    for (p, p_lazy) in points.iter().zip(&lazy).take(24) {
        assert_eq!(A::from(*p_lazy), *p);
        let x = Xyzz::from(*p_lazy);
        assert_eq!(A::from(x.double().to_affine()), (p.into_group() + p).into_affine());
        for (q, q_lazy) in points.iter().zip(&lazy).take(24) {
            let expected = (p.into_group() + q).into_affine();
            assert_eq!(A::from(x.add_affine(q_lazy).to_affine()), expected);
            // With denominators other than one on both sides: 2P + Q − P, 2P + 2Q − Q − P.
            let (minus_p, minus_q) = (p_lazy.neg_if(true), q_lazy.neg_if(true));
            assert_eq!(A::from(x.double().add_affine(q_lazy).add_affine(&minus_p).to_affine()), expected);
            let doubled = x.double().add(&Xyzz::from(*q_lazy).double());
            assert_eq!(A::from(doubled.add_affine(&minus_q).add_affine(&minus_p).to_affine()), expected);
        }
    }

    // All neighbours in one batch.
    let mut adder = BatchAdder::default();
    let mut out = vec![Affine::INFINITY; lazy.len()];
    for _ in 0..2 {
        for i in 0..lazy.len() - 1 {
            adder.push(&lazy, i, &mut out, i);
        }
        adder.finish(&lazy, &mut out);
        for i in 0..lazy.len() - 1 {
            assert_eq!(A::from(out[i]), (points[i].into_group() + points[i + 1]).into_affine(), "pair {i}");
        }
    }

    // Runs of every length, with and without leftovers.
    for min_pairs in [0, 5, 40] {
        let mut runs = Vec::new();
        let mut sums = Vec::new();
        let mut at = 0;
        for (key, len) in [1, 2, 3, 0, 4, 5, 31, 32, 33, 64, 1, 1, 23].into_iter().enumerate() {
            runs.push(Run { key: key as u32, len });
            sums.push(points[at..at + len as usize].iter().sum::<A::Group>());
            at += len as usize;
        }
        let mut found = vec![A::Group::default(); runs.len()];
        let mut seen = vec![0; runs.len()];
        TreeSummer::default().sum(&mut lazy.clone(), &mut runs, min_pairs, |key, sum| {
            found[key as usize] += A::from(sum);
            seen[key as usize] += 1;
        });
        assert_eq!(found, sums);
        assert!(min_pairs > 0 || seen.iter().all(|times| *times <= 1));
    }

    for n in [0, 1, 2, 64, 100, 128, 512] {
        let points: Vec<A> = samples(n);
        let weights: Vec<Fr> = (1..=n as u64).map(Fr::from).collect();
        let expected: A::Group = VariableBaseMSM::msm(&points, &weights).unwrap();
        let lazy: Vec<Affine<F>> = points.iter().map(&encode).collect();
        assert_eq!(A::from(weighted_sum(&lazy).to_affine()), expected.into_affine(), "{n} buckets");
        let equal = vec![encode(&A::generator()); n];
        let expected = A::Group::generator() * weights.iter().sum::<Fr>();
        assert_eq!(A::from(weighted_sum(&equal).to_affine()), expected.into_affine(), "{n} equal buckets");
    }
}

#[test]
fn g1() {
    suite(|p: &G1Affine| G1Lazy::from(&G1Mont::from(p)));
}

#[test]
fn g2() {
    suite(|p: &G2Affine| G2Lazy::from(&G2Mont::from(p)));
}
