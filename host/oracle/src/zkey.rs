//! A minimal reader of snarkjs' `.zkey` (Groth16) and `.wtns`. Everything is decoded into vectors at once.
//!
//! Both files are `magic(4) version(4) sections(4)` and then `id(4) length(8) contents` for each section.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use millrace_job::Coefficient;

use crate::{ReadError, decode};

/// A Groth16 proving key as snarkjs stores it.
pub struct Zkey {
    /// Number of signals, the constant one included.
    pub signals: usize,
    /// Number of public signals, the constant one not included.
    pub publics: usize,
    /// Size of the evaluation domain.
    pub domain: usize,
    /// α in G1.
    pub alpha_1: G1Affine,
    /// β in G1.
    pub beta_1: G1Affine,
    /// β in G2.
    pub beta_2: G2Affine,
    /// γ in G2.
    pub gamma_2: G2Affine,
    /// δ in G1.
    pub delta_1: G1Affine,
    /// δ in G2.
    pub delta_2: G2Affine,
    /// Input commitments: the constant, then each public signal.
    pub ic: Vec<G1Affine>,
    /// Non-zero entries of A and B.
    pub entries: Vec<Coefficient>,
    /// A bases, one a signal.
    pub a: Vec<G1Affine>,
    /// B bases in G1, one a signal.
    pub b1: Vec<G1Affine>,
    /// B bases in G2, one a signal.
    pub b2: Vec<G2Affine>,
    /// L bases (section "C"), one a private signal.
    pub l: Vec<G1Affine>,
    /// H bases, one a domain element.
    pub h: Vec<G1Affine>,
}

/// All signals of one computation; the first is one.
pub struct Witness(pub Vec<Fr>);

struct Cursor<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], ReadError> {
        let left = self.rest.len() as u64;
        if len > left {
            return Err(ReadError::Truncated { what: self.what, needed: len, left });
        }
        let (head, tail) = self.rest.split_at(len as usize);
        self.rest = tail;
        Ok(head)
    }
    fn u32(&mut self) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }
    fn u64(&mut self) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }
    /// Reads a field that can have one value only.
    fn expect(&mut self, what: &'static str, expected: &[u8]) -> Result<(), ReadError> {
        let got = self.take(expected.len() as u64)?;
        if got == expected {
            return Ok(());
        }
        Err(ReadError::Mismatch { what, expected: format!("{expected:02x?}"), got: format!("{got:02x?}") })
    }
    fn prime<F: PrimeField>(&mut self, what: &'static str) -> Result<(), ReadError> {
        self.expect(what, &32u32.to_le_bytes())?;
        self.expect(what, &F::MODULUS.to_bytes_le())
    }
    fn end(&self) -> Result<(), ReadError> {
        same(self.what, 0, self.rest.len())
    }
    fn list<T>(
        &mut self,
        count: usize,
        len: usize,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, ReadError> {
        let bytes = self.take(count as u64 * len as u64)?;
        let what = self.what;
        let items = bytes.chunks_exact(len).enumerate();
        items.map(|(index, item)| decode(item).ok_or(ReadError::OutOfRange { what, index })).collect()
    }
}

fn same(what: &'static str, expected: usize, got: usize) -> Result<(), ReadError> {
    if expected == got {
        return Ok(());
    }
    Err(ReadError::Mismatch { what, expected: expected.to_string(), got: got.to_string() })
}

/// The sections of a file, in file order.
fn sections<'a>(file: &'a [u8], magic: &[u8; 4], version: u32) -> Result<Vec<(u32, &'a [u8])>, ReadError> {
    let mut at = Cursor { what: "file header", rest: file };
    at.expect("magic", magic)?;
    at.expect("version", &version.to_le_bytes())?;
    let count = at.u32()?;
    at.what = "section";
    let mut found = Vec::new();
    for _ in 0..count {
        let (id, len) = (at.u32()?, at.u64()?);
        found.push((id, at.take(len)?));
    }
    at.end()?;
    Ok(found)
}

fn section<'a>(all: &[(u32, &'a [u8])], id: u32, what: &'static str) -> Result<Cursor<'a>, ReadError> {
    let mut found = all.iter().filter(|s| s.0 == id);
    match (found.next(), found.count()) {
        (Some((_, rest)), 0) => Ok(Cursor { what, rest }),
        (first, more) => Err(ReadError::Section { id, found: more + usize::from(first.is_some()) }),
    }
}

impl Zkey {
    /// Reads the bytes of a `.zkey`. Points are not checked to be on the curve.
    ///
    /// # Errors
    /// Any [`ReadError`]: another protocol or curve, sizes that disagree, numbers out of range.
    pub fn read(file: &[u8]) -> Result<Self, ReadError> {
        let all = sections(file, b"zkey", 1)?;
        section(&all, 1, "protocol")?.expect("protocol", &1u32.to_le_bytes())?;
        let mut header = section(&all, 2, "key header")?;
        header.prime::<Fq>("base field")?;
        header.prime::<Fr>("scalar field")?;
        let [signals, publics, domain] = [header.u32()?, header.u32()?, header.u32()?].map(|n| n as usize);
        let g1 = |header: &mut Cursor| Ok(header.list(1, 64, decode::g1)?[0]);
        let (alpha_1, beta_1) = (g1(&mut header)?, g1(&mut header)?);
        let [beta_2, gamma_2] = header.list(2, 128, decode::g2)?.try_into().expect("two points");
        let delta_1 = g1(&mut header)?;
        let delta_2 = header.list(1, 128, decode::g2)?[0];
        header.end()?;
        let private = signals.checked_sub(publics + 1).ok_or(ReadError::Mismatch {
            what: "number of signals",
            expected: format!("more than {publics}"),
            got: signals.to_string(),
        })?;
        let points = |id, what, count| -> Result<Vec<G1Affine>, ReadError> {
            let mut at = section(&all, id, what)?;
            let points = at.list(count, 64, decode::g1)?;
            at.end()?;
            Ok(points)
        };
        let mut coefficients = section(&all, 4, "coefficients")?;
        let count = coefficients.u32()? as usize;
        let word = |bytes: &[u8], i: usize| {
            u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes"))
        };
        let entries = coefficients.list(count, 44, |b| {
            let value = b[12..].try_into().expect("32 bytes");
            Some(Coefficient::new(word(b, 0), word(b, 1), word(b, 2), value))
        })?;
        coefficients.end()?;
        let mut b2_section = section(&all, 7, "B2")?;
        let b2 = b2_section.list(signals, 128, decode::g2)?;
        b2_section.end()?;
        Ok(Self {
            signals,
            publics,
            domain,
            alpha_1,
            beta_1,
            beta_2,
            gamma_2,
            delta_1,
            delta_2,
            ic: points(3, "IC", publics + 1)?,
            entries,
            a: points(5, "A", signals)?,
            b1: points(6, "B1", signals)?,
            b2,
            l: points(8, "L", private)?,
            h: points(9, "H", domain)?,
        })
    }
}

impl Witness {
    /// Reads the bytes of a `.wtns`.
    ///
    /// # Errors
    /// Any [`ReadError`].
    pub fn read(file: &[u8]) -> Result<Self, ReadError> {
        let all = sections(file, b"wtns", 2)?;
        let mut header = section(&all, 1, "witness header")?;
        header.prime::<Fr>("witness field")?;
        let count = header.u32()? as usize;
        header.end()?;
        let mut values = section(&all, 2, "witness")?;
        let witness = values.list(count, 32, decode::canonical)?;
        values.end()?;
        Ok(Self(witness))
    }
}
