//! Every field kernel against arkworks, on boundary and random values, one suite for all fields.

use ark_bn254::{Fq, Fq2, Fr};
use ark_ff::{AdditiveGroup, Field as _, MontConfig, UniformRand};
use ark_std::test_rng;
use millrace_bn254::{
    FrCanonical,
    field::{Field, invert_all},
    fq2::Fq2Lazy,
    mont::{FqLazy, FrLazy, Modulus, Q, R},
};

/// 0, 1, 2, −1, −2, halves of the range, powers of two, and random values.
fn samples<A: ark_ff::PrimeField>() -> Vec<A> {
    let mut rng = test_rng();
    let mut all =
        vec![A::zero(), A::one(), A::from(2u64), -A::one(), -A::from(2u64), A::from(2u64).inverse().unwrap()];
    all.extend([63, 64, 65, 127, 128, 192, 253].map(|e| A::from(2u64).pow([e])));
    // Montgomery forms that are extreme integers.
    let inverse_of_r = A::from(2u64).pow([256]).inverse().unwrap();
    all.extend([A::one(), -A::one(), A::from(u64::MAX), -A::from(u64::MAX)].map(|x| x * inverse_of_r));
    all.extend((0..30).map(|_| A::rand(&mut rng)));
    all
}

fn suite<A, L>(samples: &[A])
where
    A: ark_ff::Field + Into<L>,
    L: Field + Into<A>,
{
    let back = |x: L| -> A { x.into() };
    for a in samples {
        let x: L = (*a).into();
        assert_eq!(back(x), *a);
        assert_eq!(back(x.double()), a.double());
        assert_eq!(back(x.square()), a.square());
        assert_eq!(back(x.neg()), -*a);
        assert_eq!(x.is_zero(), a.is_zero());
        assert!(x.sub(x).is_zero() && x.add(x.neg()).is_zero());
        assert_eq!(back(x.invert()), a.inverse().unwrap_or(A::ZERO));
        // Representatives above the modulus: sums that are not reduced to the end.
        let (high, a_high) = (x.add(x).add(x), a.double() + a);
        assert_eq!(back(high), a_high);
        assert_eq!(back(high.invert()), a_high.inverse().unwrap_or(A::ZERO));
        for b in samples {
            let y: L = (*b).into();
            assert_eq!(back(x.add(y)), *a + b);
            assert_eq!(back(x.sub(y)), *a - b);
            assert_eq!(back(x.mul(y)), *a * b);
            assert_eq!(back(high.mul(y.neg())), a_high * -*b);
            assert_eq!(back(high.mul(y.add(y)).sub(high)), a_high * b.double() - a_high);
        }
    }
    let mut many: Vec<L> = samples.iter().map(|a| (*a).into()).collect();
    invert_all(&mut many, &mut Vec::new());
    for (a, x) in samples.iter().zip(many) {
        assert_eq!(back(x), a.inverse().unwrap_or(A::ZERO));
    }
    invert_all::<L>(&mut [], &mut Vec::new());
}

#[test]
fn base_field() {
    suite::<Fq, FqLazy>(&samples());
}

#[test]
fn scalar_field() {
    suite::<Fr, FrLazy>(&samples());
}

/// Sums of one to six products, at the bounds that the reduction was computed for: all factors r − 1, all values 2r − 2, which is the largest sum of two reduced ones.
#[test]
fn sums_of_products() {
    fn check<const N: usize>(factors: &[Fr], values: &[(Fr, FrLazy)]) {
        for (f, v) in factors.windows(N).zip(values.windows(N)) {
            let (f, v): ([Fr; N], [(Fr, FrLazy); N]) = (f.try_into().unwrap(), v.try_into().unwrap());
            let expected: Fr = f.iter().zip(v).map(|(f, (v, _))| *f * v).sum();
            assert_eq!(Fr::from(FrLazy::sum_of_products(&f, &v.map(|(_, lazy)| lazy))), expected);
        }
    }
    // The integer r − 1 in Montgomery form.
    let largest = -Fr::from(2u64).pow([256]).inverse().unwrap();
    let all = [samples(), vec![largest; 12]].concat();
    let sum = |a: &Fr, b: &Fr| (*a + b, FrLazy::from(*a).add(FrLazy::from(*b)));
    // Representatives below r; as near to 2r as sums leave them, twelve of them 2r − 2 beside factors of r − 1; and each against others.
    let reduced: Vec<(Fr, FrLazy)> = all.iter().map(|v| (*v, FrLazy::from(*v))).collect();
    let doubled: Vec<(Fr, FrLazy)> = all.iter().map(|v| sum(v, v)).collect();
    let high: Vec<(Fr, FrLazy)> = all.iter().map(|v| sum(v, &largest)).collect();
    for mut values in [reduced, doubled, high] {
        for _ in 0..2 {
            check::<1>(&all, &values);
            check::<2>(&all, &values);
            check::<3>(&all, &values);
            check::<4>(&all, &values);
            check::<5>(&all, &values);
            check::<6>(&all, &values);
            values.rotate_left(5);
        }
    }
}

#[test]
fn quadratic_extension() {
    let parts = samples::<Fq>();
    let all: Vec<Fq2> = parts.iter().zip(parts.iter().rev()).map(|(a, b)| Fq2::new(*a, *b)).collect();
    let real: Vec<Fq2> = parts.iter().map(|a| Fq2::new(*a, Fq::ZERO)).collect();
    suite::<Fq2, Fq2Lazy>(&[all, real].concat());
}

#[test]
fn long_chains_stay_in_range() {
    let mut rng = test_rng();
    let (mut a, b) = (Fq::rand(&mut rng), Fq::rand(&mut rng));
    let (mut x, y): (FqLazy, FqLazy) = (a.into(), b.into());
    for _ in 0..10_000 {
        a = (a.double() - b) * a + b.square();
        x = x.double().sub(y).mul(x).add(y.square());
        assert_eq!(Fq::from(x), a);
    }
}

#[test]
fn inverses_of_many() {
    let mut rng = test_rng();
    for _ in 0..5_000 {
        let a = Fq::rand(&mut rng);
        assert_eq!(Fq::from(FqLazy::from(a).invert()), a.inverse().unwrap());
    }
    for i in 0..256u64 {
        let a = Fr::from(2u64).pow([i]) - Fr::from(i);
        assert_eq!(Fr::from(FrLazy::from(a).invert()), a.inverse().unwrap_or(Fr::ZERO));
    }
}

#[test]
fn constants_are_those_of_arkworks() {
    assert_eq!(Q::M, ark_bn254::FqConfig::MODULUS.0);
    assert_eq!(R::M, ark_bn254::FrConfig::MODULUS.0);
    assert_eq!(Q::NEG_INV, ark_bn254::FqConfig::INV);
    assert_eq!(R::NEG_INV, ark_bn254::FrConfig::INV);
    assert_eq!((Q::R, Q::R2), (ark_bn254::FqConfig::R.0, ark_bn254::FqConfig::R2.0));
    assert_eq!((R::R, R::R2), (ark_bn254::FrConfig::R.0, ark_bn254::FrConfig::R2.0));
    assert_eq!(Fq::from(FqLazy::ONE), Fq::ONE);
}

#[test]
fn canonical_integers() {
    for a in samples::<Fr>() {
        let canonical = FrCanonical::from(a);
        assert_eq!(FrLazy::from(a).to_canonical(), canonical);
        assert_eq!(FrLazy::from(a).double().sub(FrLazy::from(a)).to_canonical(), canonical);
        assert_eq!(Fr::from(FrLazy::from_canonical(&canonical)), a);
        for b in samples::<Fr>() {
            let times_r2 = FrCanonical::from(b * Fr::from(2u64).pow([512]));
            assert_eq!(Fr::from(FrLazy::mul_canonical_r2(&canonical, &times_r2.0)), a * b);
        }
    }
}
