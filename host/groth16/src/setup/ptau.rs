//! Development powers of tau: what snarkjs starts a key from (`.ptau`, prepared for phase 2), in seconds, from a published seed.
//!
//! | section | what |
//! |---|---|
//! | 1 | bytes of a base-field element, q, power p, power of the ceremony |
//! | 2 | τ^i·G1 for i < 2^(p+1) − 1 |
//! | 3, 4, 5 | τ^i·G2, α·τ^i·G1, β·τ^i·G1 for i < 2^p |
//! | 6 | β·G2 |
//! | 7 | contributions: none |
//! | 12 | Lagrange polynomials of the 2^k-th roots of unity at τ, in G1, for k = 0 … p, and for p + 1 without the power 2^(p+1) − 1, which section 2 has not |
//! | 13, 14, 15 | the same in G2, times α in G1, times β in G1, for k = 0 … p |
//!
//! A ceremony does not know τ and makes sections 12 to 15 by transforms of points, hours of them. Here τ is known to everybody, so each point is one multiplication
//! of a generator.

use std::io::{self, Write};

use ark_ec::{AffineRepr, scalar_mul::BatchMulPreprocessing};
use ark_ff::{FftField, Field, PrimeField};
use millrace_bn254::{Fq, Fr, G1Affine, G1Mont, G1Projective, G2Affine, G2Mont, G2Projective};
use rayon::prelude::*;
use thiserror::Error;

use super::{CHUNK, Secrets, lagrange, modulus, section, write_points};

/// Largest power: circuits to 2^22 constraints, in a file of 6 GB.
pub const MAX_DEV_POWER: u32 = 22;

/// Why no powers of tau were made.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PtauError {
    /// Out of range.
    #[error("the power is {got}, expected 1 to {MAX_DEV_POWER}")]
    Power {
        /// What was asked for.
        got: u32,
    },
    /// The file could not be written.
    #[error("cannot write the powers of tau: {0}")]
    Io(#[from] io::Error),
}

/// Lagrange polynomials of the 2^log-th roots of unity at τ, made of the powers of τ below 2^log − 1 alone: without the part of the highest,
/// which is ω^i·τ^(m−1)/m in the i-th of m.
fn lagrange_without_highest(tau: Fr, log: u32) -> Vec<Fr> {
    let m = 1u64 << log;
    let omega = Fr::get_root_of_unity(m).expect("r − 1 has 28 factors of two");
    let mut highest = tau.pow([m - 1]) * Fr::from(m).inverse().expect("m is not 0 mod r");
    let mut out = lagrange(tau, log, 0, 1);
    for x in &mut out {
        *x -= highest;
        highest *= omega;
    }
    out
}

/// `factor`·τ^i for i < n.
fn powers(factor: Fr, tau: Fr, n: usize) -> Vec<Fr> {
    std::iter::successors(Some(factor), |power| Some(*power * tau)).take(n).collect()
}

fn times(factor: Fr, values: &[Fr]) -> Vec<Fr> {
    values.par_iter().map(|value| factor * value).collect()
}

/// Writes development powers of tau (`.ptau`, no contribution) for circuits of up to 2^`power` constraints. The same seed gives the same bytes, and the numbers behind them are
/// those of [`dev_setup`](crate::dev_setup): α is that of every development key, so a key made of this file is known by [`is_dev_alpha`](crate::is_dev_alpha) whatever
/// was contributed to it.
///
/// # Errors
/// [`PtauError`].
pub fn dev_ptau(power: u32, seed: &[u8], out: &mut impl Write) -> Result<(), PtauError> {
    if !(1..=MAX_DEV_POWER).contains(&power) {
        return Err(PtauError::Power { got: power });
    }
    let Secrets { alpha, beta, tau, .. } = Secrets::of(seed);
    let n = 1usize << power;
    let g1 = BatchMulPreprocessing::<G1Projective>::new(G1Affine::generator().into(), CHUNK * 16);
    let g2 = BatchMulPreprocessing::<G2Projective>::new(G2Affine::generator().into(), CHUNK * 16);
    let in_g1 =
        |out: &mut _, scalars: &[Fr]| write_points(out, &g1, scalars, |p: &G1Affine| G1Mont::from(p).0);
    let in_g2 =
        |out: &mut _, scalars: &[Fr]| write_points(out, &g2, scalars, |p: &G2Affine| G2Mont::from(p).0);

    out.write_all(b"ptau")?;
    out.write_all(&1u32.to_le_bytes())?;
    out.write_all(&11u32.to_le_bytes())?;
    section(out, 1, 4 + 32 + 4 + 4)?;
    out.write_all(&32u32.to_le_bytes())?;
    out.write_all(&modulus(Fq::MODULUS.0))?;
    out.write_all(&power.to_le_bytes())?;
    out.write_all(&power.to_le_bytes())?;

    let points = n as u64;
    section(out, 2, (2 * points - 1) * 64)?;
    in_g1(out, &powers(Fr::ONE, tau, 2 * n - 1))?;
    section(out, 3, points * 128)?;
    in_g2(out, &powers(Fr::ONE, tau, n))?;
    section(out, 4, points * 64)?;
    in_g1(out, &powers(alpha, tau, n))?;
    section(out, 5, points * 64)?;
    in_g1(out, &powers(beta, tau, n))?;
    section(out, 6, 128)?;
    in_g2(out, &[beta])?;
    section(out, 7, 4)?;
    out.write_all(&0u32.to_le_bytes())?;

    let basis: Vec<Vec<Fr>> = (0..=power).map(|log| lagrange(tau, log, 0, 1)).collect();
    section(out, 12, (4 * points - 1) * 64)?;
    basis.iter().try_for_each(|basis| in_g1(out, basis))?;
    in_g1(out, &lagrange_without_highest(tau, power + 1))?;
    section(out, 13, (2 * points - 1) * 128)?;
    basis.iter().try_for_each(|basis| in_g2(out, basis))?;
    for (id, factor) in [(14, alpha), (15, beta)] {
        section(out, id, (2 * points - 1) * 64)?;
        basis.iter().try_for_each(|basis| in_g1(out, &times(factor, basis)))?;
    }
    Ok(())
}
