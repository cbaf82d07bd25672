//! A digest of a job's answer, to find out later which answer was wrong without keeping them all.

use ark_ec::AffineRepr;
use ark_ff::{BigInt, Fp, FpConfig};
use millrace_bn254::Fr;

use crate::JobValue;

/// BLAKE3 of an answer. Elements are hashed in their (unique) form in memory, so digests compare within one program only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in &self.0[..8] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

fn element<P: FpConfig<4>>(hasher: &mut blake3::Hasher, x: &Fp<P, 4>) {
    let BigInt(limbs) = x.0;
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    hasher.update(&bytes);
}

fn vector(hasher: &mut blake3::Hasher, values: &[Fr]) {
    hasher.update(&(values.len() as u64).to_le_bytes());
    values.iter().for_each(|x| element(hasher, x));
}

impl Digest {
    /// The digest of an answer; answers of different kinds never agree.
    pub fn of(value: &JobValue) -> Self {
        let mut hasher = blake3::Hasher::new();
        match value {
            JobValue::G1(p) => {
                hasher.update(&[1]);
                if let Some((x, y)) = p.xy() {
                    [x, y].iter().for_each(|c| element(&mut hasher, c));
                }
            }
            JobValue::G2(p) => {
                hasher.update(&[2]);
                if let Some((x, y)) = p.xy() {
                    [x.c0, x.c1, y.c0, y.c1].iter().for_each(|c| element(&mut hasher, c));
                }
            }
            JobValue::Values(v) => {
                hasher.update(&[3]);
                vector(&mut hasher, v);
            }
            JobValue::Rows { a, b } => {
                hasher.update(&[4]);
                vector(&mut hasher, a);
                vector(&mut hasher, b);
            }
            JobValue::Scalars(scalars) => {
                hasher.update(&[5]);
                hasher.update(&(scalars.len() as u64).to_le_bytes());
                scalars.iter().for_each(|scalar| {
                    hasher.update(&scalar.0);
                });
            }
        }
        Self(hasher.finalize().into())
    }
}
