//! A development key in seconds, from a published seed: reproducible, therefore forgeable, and marked for good.
//!
//! The secret numbers of a real key exist for a moment on the machines of its ceremony. Those of a development key are hashes of its seed, so whoever knows the
//! seed can prove anything. α is the same in every development key: neither a later contribution, nor an export to `verification_key.json` or Solidity, changes
//! alpha, so [`is_dev_alpha`] knows such a key in every form.

mod ptau;

use std::io::{self, Write};

use ark_ec::{AffineRepr, CurveGroup, scalar_mul::BatchMulPreprocessing};
use ark_ff::{AdditiveGroup, FftField, Field, PrimeField, batch_inversion};
use blake2::{Blake2b512, Digest};
use millrace_bn254::{Fq, Fr, FrCanonical, G1Affine, G1Mont, G1Projective, G2Affine, G2Mont, G2Projective};
use rayon::prelude::*;
use thiserror::Error;

pub use self::ptau::{MAX_DEV_POWER, PtauError, dev_ptau};
use crate::{R1cs, R1csError, VerifyingKey, r1cs::Matrix};

/// Largest domain: as for reading keys.
const MAX_LOG_DOMAIN: u32 = 27;
/// Bytes of a wire in a constraint system at least: its label, or a term. The header alone can claim four thousand million of them.
const WIRE_BYTES: u64 = 8;
/// Scalars of one batch of multiplications.
const CHUNK: usize = 1 << 14;

/// Why no key was made.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum SetupError {
    /// The constraint system is damaged.
    #[error(transparent)]
    R1cs(#[from] R1csError),
    /// More constraints than a key can have.
    #[error(
        "{n_constraints} constraints need a domain of 2^{log_domain}, at most 2^{MAX_LOG_DOMAIN} is possible"
    )]
    TooLarge {
        /// Constraints.
        n_constraints: u32,
        /// What they need.
        log_domain: u32,
    },
    /// More wires than a file of that length can tell of.
    #[error(
        "{n_wires} wires in a constraint system of {len_bytes} bytes: a wire that is used or has a label takes at least {WIRE_BYTES}"
    )]
    Wires {
        /// Wires, the constant included.
        n_wires: u32,
        /// Length of the constraint system.
        len_bytes: u64,
    },
    /// The key could not be written.
    #[error("cannot write the key: {0}")]
    Io(#[from] io::Error),
}

/// A number that everybody can compute.
fn public_secret(what: &str, seed: &[u8]) -> Fr {
    let hash = Blake2b512::new()
        .chain_update(b"millrace development setup 1: ")
        .chain_update([what.len() as u8])
        .chain_update(what)
        .chain_update(seed)
        .finalize();
    Fr::from_le_bytes_mod_order(&hash)
}

/// α of every development key.
fn dev_alpha() -> Fr {
    public_secret("alpha", b"")
}

/// Whether a key with this alpha comes from [`dev_setup`] or [`dev_ptau`], whatever was done to it since.
pub fn is_dev_alpha(alpha_g1: &G1Affine) -> bool {
    *alpha_g1 == G1Affine::generator() * dev_alpha()
}

/// The numbers behind a key. gamma is 1, as in every key of snarkjs.
struct Secrets {
    alpha: Fr,
    beta: Fr,
    delta: Fr,
    tau: Fr,
}

impl Secrets {
    fn of(seed: &[u8]) -> Self {
        let [beta, delta, tau] = ["beta", "delta", "tau"].map(|what| public_secret(what, seed));
        Self { alpha: dev_alpha(), beta, delta, tau }
    }
}

/// The circuit's polynomials at τ, one value a wire, with a row more for each public wire and the constant.
struct Evaluated {
    a: Vec<Fr>,
    b: Vec<Fr>,
    c: Vec<Fr>,
}

/// Lagrange polynomials of the `2^log` roots of unity ω^(step·i + offset), among all `2^log_all`, at τ:
/// ω^k·(τ^m − 1)/(m·(τ − ω^k)) with m = 2^log_all.
fn lagrange(tau: Fr, log_all: u32, offset: u64, step: u64) -> Vec<Fr> {
    let m = 1u64 << log_all;
    let omega = Fr::get_root_of_unity(m).expect("r − 1 has 28 factors of two");
    let scale = (tau.pow([m]) - Fr::ONE) * Fr::from(m).inverse().expect("m is not 0 mod r");
    let (stride, mut root) = (omega.pow([step]), omega.pow([offset]));
    let roots: Vec<Fr> = (0..m / step)
        .map(|_| {
            let now = root;
            root *= stride;
            now
        })
        .collect();
    // τ is a hash: it is a root of unity with probability 2^-226.
    let mut out: Vec<Fr> = roots.iter().map(|root| tau - root).collect();
    batch_inversion(&mut out);
    out.iter_mut().zip(&roots).for_each(|(x, root)| *x *= scale * root);
    out
}

/// Evaluates, and counts the terms of A and B.
fn evaluate(r1cs: &R1cs, tau: Fr, log_domain: u32) -> Result<(Evaluated, u64), R1csError> {
    let rows = lagrange(tau, log_domain, 0, 1);
    let n = r1cs.n_wires() as usize;
    let mut out = Evaluated { a: vec![Fr::ZERO; n], b: vec![Fr::ZERO; n], c: vec![Fr::ZERO; n] };
    let mut terms = 0;
    r1cs.for_each_term(|matrix, row, wire, coefficient| {
        let column = match matrix {
            Matrix::A => &mut out.a,
            Matrix::B => &mut out.b,
            Matrix::C => &mut out.c,
        };
        column[wire as usize] += coefficient * rows[row as usize];
        terms += u64::from(matrix != Matrix::C);
        Ok(())
    })?;
    for wire in 0..=r1cs.n_public() as usize {
        out.a[wire] += rows[r1cs.n_constraints() as usize + wire];
        terms += 1;
    }
    Ok((out, terms))
}

/// Writes multiples of a generator, as a key has them.
fn write_points<G: CurveGroup<ScalarField = Fr>, const LEN: usize>(
    out: &mut impl Write,
    table: &BatchMulPreprocessing<G>,
    scalars: &[Fr],
    encode: impl Fn(&G::Affine) -> [u8; LEN] + Sync,
) -> io::Result<()> {
    // A few chunks at a time bound the memory.
    for block in scalars.chunks(16 * CHUNK) {
        let parts: Vec<Vec<[u8; LEN]>> = block
            .par_chunks(CHUNK)
            .map(|chunk| table.batch_mul(chunk).iter().map(&encode).collect())
            .collect();
        parts.iter().try_for_each(|part| out.write_all(part.as_flattened()))?;
    }
    Ok(())
}

fn section(out: &mut impl Write, id: u32, len_bytes: u64) -> io::Result<()> {
    out.write_all(&id.to_le_bytes())?;
    out.write_all(&len_bytes.to_le_bytes())
}

/// c·R² mod r, as keys store coefficients (R = 2^256).
fn twice_montgomery(c: Fr) -> [u8; 32] {
    let r = Fr::from(2u8).pow([256]);
    FrCanonical::from_limbs((c * r).0.0).0
}

fn modulus(limbs: [u64; 4]) -> [u8; 32] {
    FrCanonical::from_limbs(limbs).0
}

/// log₂ of the domain of a constraint system that can have a key.
fn log_domain(r1cs: &R1cs) -> Result<u32, SetupError> {
    let (n_constraints, n_wires) = (r1cs.n_constraints(), r1cs.n_wires());
    let rows = u64::from(n_constraints) + u64::from(r1cs.n_public()) + 1;
    let log_domain = rows.next_power_of_two().ilog2().max(1);
    if log_domain > MAX_LOG_DOMAIN {
        return Err(SetupError::TooLarge { n_constraints, log_domain });
    }
    let len_bytes = r1cs.len_bytes();
    if u64::from(n_wires) * WIRE_BYTES > len_bytes {
        return Err(SetupError::Wires { n_wires, len_bytes });
    }
    Ok(log_domain)
}

impl Evaluated {
    /// β·a + α·b + c of every wire.
    fn combined(&self, secrets: &Secrets) -> Vec<Fr> {
        let Secrets { alpha, beta, .. } = secrets;
        let wires = self.a.iter().zip(&self.b).zip(&self.c);
        wires.map(|((a, b), c)| *beta * a + *alpha * b + c).collect()
    }
}

/// The verifying key of what [`dev_setup`] writes for the same seed, without the points of a prover: what an audit wants to compare with.
///
/// # Errors
/// [`SetupError`].
pub fn dev_verifying_key(r1cs: &R1cs, seed: &[u8]) -> Result<VerifyingKey, SetupError> {
    let secrets = Secrets::of(seed);
    let (at_tau, _) = evaluate(r1cs, secrets.tau, log_domain(r1cs)?)?;
    let public = &at_tau.combined(&secrets)[..=r1cs.n_public() as usize];
    let g1 = |x: Fr| (G1Affine::generator() * x).into_affine();
    let g2 = |x: Fr| (G2Affine::generator() * x).into_affine();
    Ok(VerifyingKey {
        alpha: g1(secrets.alpha),
        beta: g2(secrets.beta),
        gamma: G2Affine::generator(),
        delta: g2(secrets.delta),
        ic: public.iter().map(|x| g1(*x)).collect(),
    })
}

/// Writes a development key (`.zkey`, no contribution) for a constraint system. The same seed gives the same bytes.
///
/// # Errors
/// [`SetupError`].
pub fn dev_setup(r1cs: &R1cs, seed: &[u8], out: &mut impl Write) -> Result<(), SetupError> {
    let (n_constraints, n_wires, n_public) = (r1cs.n_constraints(), r1cs.n_wires(), r1cs.n_public());
    let log_domain = log_domain(r1cs)?;
    let domain_size = 1u32 << log_domain;
    let secrets = Secrets::of(seed);
    let Secrets { alpha, beta, delta, tau } = secrets;
    let (at_tau, n_terms) = evaluate(r1cs, tau, log_domain)?;
    let inverse_delta = delta.inverse().expect("delta is a hash");
    // Over gamma = 1 for the public wires, over delta for the others.
    let n_ic = n_public as usize + 1;
    let mut k = at_tau.combined(&secrets);
    k[n_ic..].par_iter_mut().for_each(|k| *k *= inverse_delta);
    // The quotient's basis: Lagrange polynomials of the odd 2n-th roots of unity.
    let mut h = lagrange(tau, log_domain + 1, 1, 2);
    h.par_iter_mut().for_each(|h| *h *= inverse_delta);

    let g1 = BatchMulPreprocessing::<G1Projective>::new(G1Affine::generator().into(), CHUNK * 16);
    let g2 = BatchMulPreprocessing::<G2Projective>::new(G2Affine::generator().into(), CHUNK * 16);
    let g1_bytes = |p: &G1Affine| G1Mont::from(p).0;
    let g2_bytes = |p: &G2Affine| G2Mont::from(p).0;

    out.write_all(b"zkey")?;
    out.write_all(&1u32.to_le_bytes())?;
    out.write_all(&10u32.to_le_bytes())?;
    section(out, 1, 4)?;
    out.write_all(&1u32.to_le_bytes())?;
    section(out, 2, 2 * 36 + 3 * 4 + 3 * 64 + 3 * 128)?;
    for modulus in [modulus(Fq::MODULUS.0), modulus(Fr::MODULUS.0)] {
        out.write_all(&32u32.to_le_bytes())?;
        out.write_all(&modulus)?;
    }
    for word in [n_wires, n_public, domain_size] {
        out.write_all(&word.to_le_bytes())?;
    }
    write_points(out, &g1, &[alpha, beta], g1_bytes)?;
    write_points(out, &g2, &[beta, Fr::ONE], g2_bytes)?;
    write_points(out, &g1, &[delta], g1_bytes)?;
    write_points(out, &g2, &[delta], g2_bytes)?;

    section(out, 3, n_ic as u64 * 64)?;
    write_points(out, &g1, &k[..n_ic], g1_bytes)?;

    section(out, 4, 4 + n_terms * 44)?;
    let count = u32::try_from(n_terms).map_err(|_| SetupError::TooLarge { n_constraints, log_domain })?;
    out.write_all(&count.to_le_bytes())?;
    let mut entry = |matrix: u32, row: u32, wire: u32, coefficient: Fr| {
        for word in [matrix, row, wire] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&twice_montgomery(coefficient))
    };
    let mut failed = None;
    r1cs.for_each_term(|matrix, row, wire, coefficient| {
        if matrix != Matrix::C && failed.is_none() {
            failed = entry(u32::from(matrix == Matrix::B), row, wire, coefficient).err();
        }
        Ok(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    for wire in 0..=n_public {
        entry(0, n_constraints + wire, wire, Fr::ONE)?;
    }

    section(out, 5, u64::from(n_wires) * 64)?;
    write_points(out, &g1, &at_tau.a, g1_bytes)?;
    section(out, 6, u64::from(n_wires) * 64)?;
    write_points(out, &g1, &at_tau.b, g1_bytes)?;
    section(out, 7, u64::from(n_wires) * 128)?;
    write_points(out, &g2, &at_tau.b, g2_bytes)?;
    section(out, 8, (n_wires as usize - n_ic) as u64 * 64)?;
    write_points(out, &g1, &k[n_ic..], g1_bytes)?;
    section(out, 9, u64::from(domain_size) * 64)?;
    write_points(out, &g1, &h, g1_bytes)?;
    // No hash of the circuit, no contribution.
    section(out, 10, 64 + 4)?;
    out.write_all(&[0; 64 + 4])?;
    Ok(())
}
