//! Point kernels against arkworks: one suite for G1 and G2 and for every set of instructions, exceptional cases included.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{BigInt, UniformRand};
use ark_std::{rand::Rng, test_rng};
use millrace_bn254::{
    Fr, G1Mont, G2Mont,
    backend::Instructions,
    buckets::{Buckets, Layout},
    curve::{Affine, Xyzz},
    endomorphism::LAMBDA,
    points::{Curve, G1, G2},
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

fn single_points<A, C>(encode: impl Fn(&A) -> C::Base)
where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    C: Curve,
{
    let points: Vec<A> = samples(24);
    let lazy: Vec<Affine<C::Field>> = points.iter().map(|p| C::base(&encode(p))).collect();
    for (p, p_lazy) in points.iter().zip(&lazy) {
        assert_eq!(A::from(*p_lazy), *p);
        assert_eq!(C::is_infinity(&encode(p)), p.is_zero());
        let x = Xyzz::from(*p_lazy);
        assert_eq!(A::from(x.double().to_affine()), (p.into_group() + p).into_affine());
        for (q, q_lazy) in points.iter().zip(&lazy) {
            let expected = (p.into_group() + q).into_affine();
            assert_eq!(A::from(x.add_affine(q_lazy).to_affine()), expected);
            // With denominators other than one on both sides: 2P + Q − P, 2P + 2Q − Q − P.
            let (minus_p, minus_q) = (p_lazy.neg_if(true), q_lazy.neg_if(true));
            assert_eq!(A::from(x.double().add_affine(q_lazy).add_affine(&minus_p).to_affine()), expected);
            let doubled = x.double().add(&Xyzz::from(*q_lazy).double());
            assert_eq!(A::from(doubled.add_affine(&minus_q).add_affine(&minus_p).to_affine()), expected);
        }
    }
}

/// Σ (i + 1)·(sum of bucket i) by arkworks, of what `fill` put where.
fn expected<A>(points: &[A], filling: &[(usize, u32)]) -> A
where
    A: AffineRepr<ScalarField = Fr>,
    A::Group: VariableBaseMSM<MulBase = A>,
{
    let weight = |(bucket, id): &(usize, u32)| {
        let weight = Fr::from(*bucket as u64 + 1);
        (points[(id >> 1) as usize], if id & 1 == 1 { -weight } else { weight })
    };
    let (bases, weights): (Vec<A>, Vec<Fr>) = filling.iter().map(weight).unzip();
    let sum: A::Group = VariableBaseMSM::msm(&bases, &weights).unwrap();
    sum.into_affine()
}

/// Fills buckets in `pieces` calls, each sorted by bucket, and compares what they are worth.
fn check<A, C>(
    instructions: Instructions,
    points: &[A],
    bases: &[C::Base],
    count: usize,
    filling: &[(usize, u32)],
    pieces: usize,
) where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    C: Curve,
{
    let mut buckets = Buckets::<C>::new(instructions, Layout::one(count));
    for piece in filling.chunks(filling.len().div_ceil(pieces).max(1)) {
        let mut sorted = piece.to_vec();
        sorted.sort_by_key(|(bucket, _)| *bucket);
        let mut counts = vec![0; count];
        sorted.iter().for_each(|(bucket, _)| counts[*bucket] += 1);
        let ids: Vec<u32> = sorted.iter().map(|(_, id)| *id).collect();
        assert!(buckets.add(bases, &counts, &ids, || true));
    }
    let what =
        format!("{}: {} points in {count} buckets, {pieces} pieces", instructions.name(), filling.len());
    assert_eq!(A::from(buckets.weigh().to_affine()), expected(points, filling), "{what}");
    assert!(buckets.weigh().is_infinity(), "{what}: not empty afterwards");
}

/// The same for points that come in any order, in `pieces` calls: the digits' signs are those of the points.
fn check_spread<A, C>(
    instructions: Instructions,
    points: &[A],
    bases: &[C::Base],
    count: usize,
    filling: &[(usize, u32)],
    pieces: usize,
) where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    C: Curve,
{
    let mut buckets = Buckets::<C>::new(instructions, Layout::one(count));
    let zero = 1 << 14;
    // Every third id has the sign of its point, all others leave it to the digit; some points have a digit of 0.
    let (mut digits, mut ids) = (vec![], vec![]);
    for (i, (bucket, id)) in filling.iter().enumerate() {
        if i % 5 == 0 {
            digits.push(zero);
            ids.push(*id);
        }
        let (size, moved) = (*bucket as u16 + 1, !i.is_multiple_of(3) && id & 1 == 1);
        digits.push(if moved { zero - size } else { zero + size });
        ids.push(if moved { id ^ 1 } else { *id });
    }
    let len = digits.len().div_ceil(pieces).max(1);
    for (digits, ids) in digits.chunks(len).zip(ids.chunks(len)) {
        assert!(buckets.spread(bases, 0, digits, zero, ids, || true));
    }
    assert!(buckets.flush(bases, || true));
    let what = format!("{}: {} points spread over {count} buckets", instructions.name(), filling.len());
    assert_eq!(A::from(buckets.weigh().to_affine()), expected(points, filling), "{what}");
    assert!(buckets.weigh().is_infinity(), "{what}: not empty afterwards");
}

/// Windows that are filled together, with buckets of images, sorted and not, each against arkworks.
fn check_windows<A, C>(
    instructions: Instructions,
    points: &[A],
    bases: &[C::Base],
    layout: Layout,
    filling: &[(usize, u32)],
) where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    C: Curve,
{
    let weighed = layout.windows * layout.buckets;
    let lambda = Fr::from(BigInt(LAMBDA));
    let expected: Vec<A> = (0..layout.windows)
        .map(|w| {
            let own = filling.iter().filter(|(bucket, _)| bucket % weighed / layout.buckets == w);
            let weight = |(bucket, id): &(usize, u32)| {
                let weight = Fr::from((bucket % layout.buckets) as u64 + 1);
                let weight = if *bucket < weighed { weight } else { weight * lambda };
                (points[(id >> 1) as usize], if id & 1 == 1 { -weight } else { weight })
            };
            let (bases, weights): (Vec<A>, Vec<Fr>) = own.map(weight).unzip();
            let sum: A::Group = VariableBaseMSM::msm(&bases, &weights).unwrap();
            sum.into_affine()
        })
        .collect();
    let mut buckets = Buckets::<C>::new(instructions, layout);
    let mut sums = vec![Xyzz::INFINITY; layout.windows];
    for sorted in [true, false] {
        if sorted {
            let mut filling = filling.to_vec();
            filling.sort_by_key(|(bucket, _)| *bucket);
            let mut counts = vec![0; layout.count()];
            filling.iter().for_each(|(bucket, _)| counts[*bucket] += 1);
            let ids: Vec<u32> = filling.iter().map(|(_, id)| *id).collect();
            assert!(buckets.add(bases, &counts, &ids, || true));
        } else if buckets.can_spread() {
            for (bucket, id) in filling {
                let (set, digit) = (bucket / layout.buckets, bucket % layout.buckets + 1);
                assert!(buckets.spread(bases, set * layout.buckets, &[digit as u16], 0, &[*id], || true));
            }
            assert!(buckets.flush(bases, || true));
        } else {
            continue;
        }
        buckets.weigh_each(&mut sums);
        let sums: Vec<A> = sums.iter().map(|sum| A::from(sum.to_affine())).collect();
        assert_eq!(
            sums,
            expected,
            "{}: {layout:?}, {} points, sorted: {sorted}",
            instructions.name(),
            filling.len()
        );
    }
}

fn suite<A, C>(encode: impl Fn(&A) -> C::Base)
where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    C: Curve,
{
    let mut rng = test_rng();
    let points: Vec<A> = samples(400);
    let bases: Vec<C::Base> = points.iter().map(&encode).collect();
    for instructions in Instructions::all() {
        let check = |count, filling: &[(usize, u32)], pieces| {
            check::<A, C>(instructions, &points, &bases, count, filling, pieces);
        };
        // Sizes around a vector, a group of vectors and a batch, all in one bucket.
        for n in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 257] {
            let filling: Vec<_> = (0..n as u32).map(|i| (0, 2 * (i % 400) + i % 2)).collect();
            check(1, &filling, 1);
            check(3, &filling, 2);
        }
        for count in [1, 2, 5, 128, 129, 200, 512, 1000] {
            for (n, pieces) in [(10, 1), (300, 1), (3000, 1), (3000, 7)] {
                let filling: Vec<_> =
                    (0..n).map(|_| (rng.gen_range(0..count), rng.gen_range(0..800))).collect();
                check(count, &filling, pieces);
            }
        }
        // Every pair of the first points meets in a bucket of its own: equal, opposite and infinite ones among them.
        let pairs: Vec<_> = (0..24 * 24 * 2u32)
            .map(|i| ((i / 2) as usize, 2 * if i % 2 == 0 { i / 2 % 24 } else { i / 48 }))
            .collect();
        check(24 * 24, &pairs, 1);
        // One point and its negative only.
        for id in [0, 2 * 3, 2 * 4] {
            let filling: Vec<_> = (0..200).map(|i| (i % 5, id + (i as u32 / 5) % 2)).collect();
            check(5, &filling, 1);
            let filling: Vec<_> = (0..4000).map(|i| (i % 5, id)).collect();
            check(5, &filling, 3);
        }
        // Nothing is added after a no.
        let mut buckets = Buckets::<C>::new(instructions, Layout::one(1));
        assert!(!buckets.add(&bases, &[2], &[0, 2], || false));
        spread_suite::<A, C>(instructions, &points, &bases);
        for (windows, buckets, images) in
            [(1, 1, true), (3, 1, true), (2, 5, false), (5, 16, true), (3, 700, false), (4, 300, true)]
        {
            let layout = Layout { windows, buckets, images };
            // Some buckets are empty, some of images alone filled.
            let random = |_| (rng.gen_range(0..layout.count()), rng.gen_range(0..800));
            let filling: Vec<_> = (0..2 * layout.count()).map(random).collect();
            check_windows::<A, C>(instructions, &points, &bases, layout, &filling);
        }
    }
}

/// Points that come in any order: few and many, in buckets of their own, in the same, in a few, and in those of the batch before.
fn spread_suite<A, C>(instructions: Instructions, points: &[A], bases: &[C::Base])
where
    A: AffineRepr<ScalarField = Fr> + From<Affine<C::Field>>,
    A::Group: VariableBaseMSM<MulBase = A>,
    C: Curve,
{
    let mut rng = test_rng();
    let check = |count, filling: &[(usize, u32)], pieces| {
        check_spread::<A, C>(instructions, points, bases, count, filling, pieces);
    };
    assert!(!Buckets::<C>::new(instructions, Layout::one(1 << 10)).can_spread());
    for (count, n, pieces) in
        [(1 << 11, 0, 1), (1 << 11, 1, 1), (1 << 11, 700, 1), (1 << 11, 9000, 3), (5000, 20_000, 9)]
    {
        let filling: Vec<_> = (0..n).map(|_| (rng.gen_range(0..count), rng.gen_range(0..800))).collect();
        check(count, &filling, pieces);
    }
    let count = 1 << 11;
    // All in one bucket, then in a few: deferred, retried and sorted.
    for (of, n) in [(1, 20_000), (2, 3000), (40, 20_000)] {
        let filling: Vec<_> = (0..n).map(|i| (i % of * 51, rng.gen_range(0..800))).collect();
        check(count, &filling, 2);
    }
    // Equal, opposite and infinite points meet in buckets of their own, again and again; the marks of more than 256 batches.
    let pairs: Vec<_> = (0..140_000)
        .map(|i| (i % 560, [3, 4, 4, 5, 9, 8, 6][i / 560 % 7] * 2 + u32::from(i % 3 == 0)))
        .collect();
    check(count, &pairs, 1);
    let mut buckets = Buckets::<C>::new(instructions, Layout::one(count));
    assert!(!buckets.spread(bases, 0, &[1; 4096], 0, &[0; 4096], || true) || !buckets.flush(bases, || false));
}

#[test]
fn g1() {
    single_points::<G1Affine, G1>(|p| G1Mont::from(p));
    suite::<G1Affine, G1>(|p| G1Mont::from(p));
}

#[test]
fn g2() {
    single_points::<G2Affine, G2>(|p| G2Mont::from(p));
    suite::<G2Affine, G2>(|p| G2Mont::from(p));
}
