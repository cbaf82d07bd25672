//! Constraint systems and witnesses as files that snarkjs reads.

use std::io::{self, Write};

use ark_ff::PrimeField;
use millrace_bn254::{Fr, FrCanonical};

use crate::Witness;

/// What an `.r1cs` says about itself before its constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R1csSizes {
    /// Wires, the constant 1 included.
    pub n_wires: u32,
    /// Public inputs: the wires after the constant.
    pub n_public: u32,
    /// Constraints.
    pub n_constraints: u32,
    /// Terms of all combinations of all constraints.
    pub n_terms: u64,
}

/// Σ coefficient·wire.
pub type Terms = Vec<(u32, Fr)>;

/// Header of a field: length of an element and the modulus, little-endian.
fn field_header() -> [u8; 36] {
    let mut out = [0; 36];
    out[0] = 32;
    out[4..].copy_from_slice(&FrCanonical::from_limbs(Fr::MODULUS.0).0);
    out
}

fn begin(out: &mut impl Write, magic: &[u8; 4], version: u32, sections: u32) -> io::Result<()> {
    out.write_all(magic)?;
    out.write_all(&version.to_le_bytes())?;
    out.write_all(&sections.to_le_bytes())
}

fn section(out: &mut impl Write, id: u32, len_bytes: u64) -> io::Result<()> {
    out.write_all(&id.to_le_bytes())?;
    out.write_all(&len_bytes.to_le_bytes())
}

/// Writes an `.r1cs`: A, B and C of every constraint in order. Labels are the wires' own numbers.
///
/// # Errors
/// Whatever writing gives; `InvalidInput` where the constraints are not what `sizes` says.
pub fn write_r1cs(
    out: &mut impl Write,
    sizes: &R1csSizes,
    constraints: impl Iterator<Item = [Terms; 3]>,
) -> io::Result<()> {
    let R1csSizes { n_wires, n_public, n_constraints, n_terms } = *sizes;
    begin(out, b"r1cs", 1, 3)?;
    section(out, 1, 36 + 4 * 4 + 8 + 4)?;
    out.write_all(&field_header())?;
    // Wires; public outputs, public inputs, private inputs; labels; constraints.
    for word in [n_wires, 0, n_public, 0] {
        out.write_all(&word.to_le_bytes())?;
    }
    out.write_all(&u64::from(n_wires).to_le_bytes())?;
    out.write_all(&n_constraints.to_le_bytes())?;
    section(out, 2, u64::from(n_constraints) * 12 + n_terms * 36)?;
    let (mut written, mut terms_written) = (0u64, 0u64);
    for sides in constraints {
        for side in &sides {
            out.write_all(&(side.len() as u32).to_le_bytes())?;
            for (wire, coefficient) in side {
                out.write_all(&wire.to_le_bytes())?;
                out.write_all(&FrCanonical::from(*coefficient).0)?;
            }
            terms_written += side.len() as u64;
        }
        written += 1;
    }
    if (written, terms_written) != (u64::from(n_constraints), n_terms) {
        let text =
            format!("{written} constraints of {terms_written} terms, announced {n_constraints} of {n_terms}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    section(out, 3, u64::from(n_wires) * 8)?;
    (0..u64::from(n_wires)).try_for_each(|label| out.write_all(&label.to_le_bytes()))
}

impl Witness {
    /// Writes a `.wtns`.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let count = u32::try_from(self.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        begin(out, b"wtns", 2, 2)?;
        section(out, 1, 36 + 4)?;
        out.write_all(&field_header())?;
        out.write_all(&count.to_le_bytes())?;
        section(out, 2, u64::from(count) * 32)?;
        out.write_all(bytemuck::cast_slice(self.values()))
    }
}
