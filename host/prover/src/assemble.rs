//! Five sums and two blinding scalars make a proof.

use ark_ec::{AffineRepr, CurveGroup};
use millrace_groth16::{KeyHeader, Proof};
use millrace_job::{RunOutput, StepError};

use crate::{Blinding, plan::Assembly};

/// A = α + ΣA + rδ, B = β + ΣB + sδ, C = ΣL + ΣH + sA + rB₁ − rsδ, where B₁ is B over G1.
pub(crate) fn assemble(
    header: &KeyHeader,
    ports: &Assembly,
    output: &mut RunOutput,
    blinding: &Blinding,
) -> Result<Proof, StepError> {
    let Blinding { r, s } = blinding;
    let mut g1 = |port| output.take(port)?.into_g1();
    let (sum_a, sum_b1, sum_l, sum_h) = (g1(ports.a)?, g1(ports.b1)?, g1(ports.l)?, g1(ports.h)?);
    let sum_b2 = output.take(ports.b2)?.into_g2()?;

    let delta_1 = header.delta_g1.into_group();
    let a = sum_a + header.alpha_g1.into_group() + delta_1 * r;
    let b1 = sum_b1 + header.beta_g1.into_group() + delta_1 * s;
    let b = sum_b2 + header.beta_g2.into_group() + header.delta_g2.into_group() * s;
    let c = sum_l.into_group() + sum_h + a * s + b1 * r - delta_1 * (*r * s);
    Ok(Proof { a: a.into_affine(), b: b.into_affine(), c: c.into_affine() })
}
