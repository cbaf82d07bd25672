//! Number-theoretic transforms over the scalar field.

use ark_bn254::Fr;
use ark_ff::{Field, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use millrace_job::NttDirection;

/// ω = 5^((r−1)/2^log_n), of order 2^log_n.
///
/// # Panics
/// If `log_n` is above 28, the two-adicity of r − 1.
pub fn root_of_unity(log_n: u32) -> Fr {
    assert!(log_n <= 28, "no root of unity of order 2^{log_n}");
    let mut exponent = Fr::MODULUS;
    exponent.0[0] -= 1;
    Fr::from(5u64).pow(exponent >> log_n)
}

/// The values of A·B − C at the odd 2n-th roots of unity, for values `a` and `b` on the domain.
///
/// A `.zkey` has no matrix C: on the domain itself C is A∘B, as the witness satisfies the constraints.
///
/// # Panics
/// As [`ntt`], or if the lengths differ.
pub fn quotient(mut a: Vec<Fr>, mut b: Vec<Fr>) -> Vec<Fr> {
    assert_eq!(a.len(), b.len());
    let mut c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
    for values in [&mut a, &mut b, &mut c] {
        ntt(values, NttDirection::Inverse, false);
        ntt(values, NttDirection::Forward, true);
    }
    (0..a.len()).map(|i| a[i] * b[i] - c[i]).collect()
}

/// Transforms 2^k values in place, natural order on both sides, as [`millrace_job::Job::Ntt`] defines it.
///
/// # Panics
/// If the length is no power of two, or above 2^28 (2^27 with `coset`).
#[allow(clippy::ptr_arg, reason = "the transforms of ark-poly work on vectors")]
pub fn ntt(values: &mut Vec<Fr>, direction: NttDirection, coset: bool) {
    assert!(values.len().is_power_of_two(), "{} values: no power of two", values.len());
    let domain = Radix2EvaluationDomain::new(values.len()).expect("checked above");
    assert_eq!(domain.group_gen, root_of_unity(values.len().ilog2()), "arkworks uses another root of unity");
    let domain = if coset {
        domain.get_coset(root_of_unity(values.len().ilog2() + 1)).expect("a root of unity is not zero")
    } else {
        domain
    };
    match direction {
        NttDirection::Forward => domain.fft_in_place(values),
        NttDirection::Inverse => domain.ifft_in_place(values),
    }
}
