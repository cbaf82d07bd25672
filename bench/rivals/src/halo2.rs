//! halo2curves' kernels, with arkworks' types at their face. Conversions are made beforehand and afterwards, outside of what is timed.
//!
//! Its sums and transforms use rayon's current pool.

use ark_ec::AffineRepr;
use ark_ff::BigInteger;
use halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1, G1Affine},
    ff::PrimeField,
    fft::best_fft,
    group::Curve,
    msm::msm_best,
};

/// An element by its canonical bytes.
fn element<A: ark_ff::PrimeField, H: PrimeField<Repr: From<[u8; 32]>>>(x: &A) -> H {
    let bytes: [u8; 32] = x.into_bigint().to_bytes_le().try_into().expect("four limbs");
    H::from_repr(bytes.into()).expect("the same field")
}

fn back<H: PrimeField<Repr: AsRef<[u8]>>, A: ark_ff::PrimeField>(x: &H) -> A {
    A::from_le_bytes_mod_order(x.to_repr().as_ref())
}

/// Products in Fq, element by element.
pub struct Halo2Products {
    left: Vec<Fq>,
    right: Vec<Fq>,
}

impl Halo2Products {
    /// Of these factors.
    pub fn new(left: &[ark_bn254::Fq], right: &[ark_bn254::Fq]) -> Self {
        Self { left: left.iter().map(element).collect(), right: right.iter().map(element).collect() }
    }

    /// Multiplies each left factor by the right one at its place.
    pub fn multiply(&mut self) {
        for (x, y) in self.left.iter_mut().zip(std::hint::black_box(&self.right)) {
            *x *= y;
        }
    }

    /// The left factors.
    pub fn left(&self) -> Vec<ark_bn254::Fq> {
        self.left.iter().map(back).collect()
    }
}

/// Σ kᵢ·Pᵢ over G1.
pub struct Halo2Sum {
    bases: Vec<G1Affine>,
    scalars: Vec<Fr>,
}

impl Halo2Sum {
    /// Of these points and scalars.
    ///
    /// # Panics
    /// If a point is not on the curve.
    pub fn new(bases: &[ark_bn254::G1Affine], scalars: &[ark_bn254::Fr]) -> Self {
        let point = |p: &ark_bn254::G1Affine| match p.xy() {
            Some((x, y)) => G1Affine::from_xy(element(&x), element(&y)).expect("a point of the curve"),
            None => G1Affine::default(),
        };
        Self { bases: bases.iter().map(point).collect(), scalars: scalars.iter().map(element).collect() }
    }

    /// The sum.
    pub fn sum(&self) -> ark_bn254::G1Affine {
        let sum: G1 = msm_best(&self.scalars, &self.bases);
        let coordinates = sum.to_affine().coordinates();
        match Option::<halo2curves::Coordinates<G1Affine>>::from(coordinates) {
            Some(point) => ark_bn254::G1Affine::new_unchecked(back(point.x()), back(point.y())),
            None => ark_bn254::G1Affine::identity(),
        }
    }
}

/// Forward transforms of scalars.
pub struct Halo2Transform {
    values: Vec<Fr>,
    root: Fr,
    log_n: u32,
}

impl Halo2Transform {
    /// Of these values, at the powers of a root of unity of that order; their number is a power of two.
    pub fn new(values: &[ark_bn254::Fr], root: &ark_bn254::Fr) -> Self {
        Self {
            values: values.iter().map(element).collect(),
            root: element(root),
            log_n: values.len().ilog2(),
        }
    }

    /// Transforms in place.
    pub fn transform(&mut self) {
        best_fft(&mut self.values, self.root, self.log_n);
    }

    /// The values.
    pub fn values(&self) -> Vec<ark_bn254::Fr> {
        self.values.iter().map(back).collect()
    }
}

#[cfg(test)]
mod tests {
    use ark_ec::{CurveGroup, PrimeGroup};
    use ark_ff::UniformRand;
    use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
    use ark_std::test_rng;

    use super::*;

    #[test]
    fn kernels_agree_with_arkworks() {
        let mut rng = test_rng();
        let n = 64;
        let mut element = || ark_bn254::Fr::rand(&mut rng);
        let scalars: Vec<_> = (0..n).map(|_| element()).collect();
        let mut bases: Vec<_> =
            (0..n).map(|_| (ark_bn254::G1Projective::generator() * element()).into_affine()).collect();
        bases[5] = ark_bn254::G1Affine::identity();
        let expected: ark_bn254::G1Projective = bases.iter().zip(&scalars).map(|(p, k)| *p * k).sum();
        assert_eq!(Halo2Sum::new(&bases, &scalars).sum(), expected.into_affine());
        assert_eq!(Halo2Sum::new(&bases[5..6], &scalars[..1]).sum(), ark_bn254::G1Affine::identity());

        let domain = Radix2EvaluationDomain::<ark_bn254::Fr>::new(n).expect("a domain");
        let mut transform = Halo2Transform::new(&scalars, &domain.group_gen());
        transform.transform();
        assert_eq!(transform.values(), domain.fft(&scalars));

        let (a, b): (Vec<_>, Vec<_>) =
            (0..n).map(|_| (ark_bn254::Fq::rand(&mut test_rng()), bases[1].x)).unzip();
        let mut products = Halo2Products::new(&a, &b);
        products.multiply();
        let expected: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        assert_eq!(products.left(), expected);
    }
}
