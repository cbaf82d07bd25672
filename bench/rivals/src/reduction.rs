//! How a snarkjs key wants the quotient: the values of A·B − C at the odd 2n-th roots of unity.

use ark_ff::PrimeField;
use ark_groth16::r1cs_to_qap::{R1CSToQAP, evaluate_constraint};
use ark_poly::EvaluationDomain;
use ark_relations::{
    gr1cs::{ConstraintSystemRef, SynthesisError},
    utils::matrix::Matrix,
};
use rayon::prelude::*;

/// The reduction of snarkjs. It proves only: keys are made elsewhere.
pub(crate) struct SnarkjsReduction;

impl R1CSToQAP for SnarkjsReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        _cs: ConstraintSystemRef<F>,
        _t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), SynthesisError> {
        Err(SynthesisError::MissingCS)
    }

    /// `matrices` are A and B with a row for every element of the domain; on the domain C is A∘B.
    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        _num_inputs: usize,
        num_constraints: usize,
        full_assignment: &[F],
    ) -> Result<Vec<F>, SynthesisError> {
        let [a, b] = matrices else { return Err(SynthesisError::MissingCS) };
        let domain = D::new(num_constraints).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let twice = D::new(2 * domain.size()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let coset = domain.get_coset(twice.group_gen()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let rows = |matrix: &Matrix<F>| -> Vec<F> {
            matrix.par_iter().map(|row| evaluate_constraint(row, full_assignment)).collect()
        };
        let (mut a, mut b) = (rows(a), rows(b));
        let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            coset.fft_in_place(values);
        }
        a.par_iter_mut().zip(&b).zip(&c).for_each(|((a, b), c)| *a = *a * b - c);
        Ok(a)
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        _max_power: usize,
        _t: F,
        _zt: F,
        _delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        Err(SynthesisError::MissingCS)
    }
}
