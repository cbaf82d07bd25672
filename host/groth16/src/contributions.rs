//! Section 10 of a `.zkey`: who took part in the key's own ceremony.
//!
//! A list of (delta after, s, s·x over G1, s·x over G2, transcript hash, kind, parameters) behind the hash of the circuit. The
//! chain of deltas is not checked here: that takes the key without contributions and the powers of tau.

use std::ops::Range;

use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use blake2::{Blake2b512, Digest};
use millrace_bn254::{Fq, G1Affine, G1Mont, G2Affine, G2Mont};

use crate::{
    KeyError,
    container::{ContainerError, Cursor},
    points,
};

/// How a contribution's randomness was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContributionKind {
    /// By a participant, who says that it was thrown away.
    Participant,
    /// From a public value that nobody could choose.
    Beacon {
        /// log₂ of the number of hash iterations.
        iterations_log2: u8,
        /// The public value.
        value: Vec<u8>,
    },
}

/// One contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The name given, empty if none; cleaned of control characters.
    pub name: String,
    /// Participant or beacon.
    pub kind: ContributionKind,
    /// delta over G1 after it.
    pub delta_g1: G1Affine,
    /// BLAKE2b-512 over the contribution's points and transcript: the hash that snarkjs prints.
    pub hash: [u8; 64],
}

/// The points and transcript of one contribution, and the least length of the whole.
const FIXED_BYTES: u64 = 64 * 3 + 128 + 64 + 4 + 4;

/// Reads the section.
pub(crate) fn parse(file: &[u8], section: Range<usize>) -> Result<Vec<Contribution>, KeyError> {
    let mut at = Cursor::new(file, section);
    at.skip(64, "the circuit's hash")?;
    let count = at.u32("the number of contributions")?;
    if u64::from(count) * FIXED_BYTES > at.left() {
        let (offset, left_bytes) = (at.offset(), at.left());
        let needed_bytes = u64::from(count) * FIXED_BYTES;
        return Err(ContainerError::Truncated {
            what: "the contributions",
            offset,
            needed_bytes,
            left_bytes,
        }
        .into());
    }
    let all = (0..count).map(|i| one(file, &mut at, i)).collect::<Result<Vec<_>, _>>()?;
    match at.left() {
        0 => Ok(all),
        extra_bytes => Err(ContainerError::Trailing { offset: at.offset(), extra_bytes }.into()),
    }
}

fn one(file: &[u8], at: &mut Cursor<'_>, index: u32) -> Result<Contribution, KeyError> {
    const BAD_POINT: &str = "a point is not on its curve";
    let offset = at.offset();
    let bad = |what| KeyError::Contribution { index, offset, what };
    let mut hasher = Blake2b512::new();
    let mut delta_g1 = G1Affine::default();
    for i in 0..3 {
        let p = points::g1(&G1Mont(at.array("a contribution")?)).map_err(|_| bad(BAD_POINT))?;
        hasher.update(g1_bytes(&p));
        if i == 0 {
            delta_g1 = p;
        }
    }
    let p = points::g2(&G2Mont(at.array("a contribution")?)).map_err(|_| bad(BAD_POINT))?;
    hasher.update(g2_bytes(&p));
    hasher.update(at.take(64, "a contribution")?);
    let kind = at.u32("a contribution")?;
    let parameters_len = at.u32("a contribution")?;
    let parameters = at.skip(u64::from(parameters_len), "a contribution's parameters")?;
    let (name, iterations_log2, value) = parameters_of(Cursor::new(file, parameters), &bad)?;
    let kind = match kind {
        0 => ContributionKind::Participant,
        1 => ContributionKind::Beacon { iterations_log2, value },
        _ => return Err(bad("its kind is neither participant (0) nor beacon (1)")),
    };
    Ok(Contribution { name, kind, delta_g1, hash: hasher.finalize().into() })
}

/// Tagged parameters in rising order: 1 name (length, text), 2 log₂ of iterations, 3 beacon (length, bytes).
fn parameters_of(
    mut at: Cursor<'_>,
    bad: &dyn Fn(&'static str) -> KeyError,
) -> Result<(String, u8, Vec<u8>), KeyError> {
    const WHAT: &str = "a contribution's parameters";
    let (mut name, mut iterations_log2, mut value) = (String::new(), 0, Vec::new());
    let mut last = 0;
    while at.left() > 0 {
        let [tag] = at.array(WHAT)?;
        if tag <= last {
            return Err(bad("its parameters are not in rising order"));
        }
        last = tag;
        let [byte] = at.array(WHAT)?;
        match tag {
            1 => name = clean(at.take(u64::from(byte), WHAT)?),
            2 => iterations_log2 = byte,
            3 => value = at.take(u64::from(byte), WHAT)?.to_vec(),
            _ => return Err(bad("it has an unknown parameter")),
        }
    }
    Ok((name, iterations_log2, value))
}

/// Text of a stranger, fit for a terminal.
fn clean(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn fq_bytes(x: &Fq) -> Vec<u8> {
    x.into_bigint().to_bytes_be()
}

/// x ‖ y, big-endian; infinity has a flag in the first byte.
fn g1_bytes(p: &G1Affine) -> Vec<u8> {
    p.xy().map_or_else(|| flagged(64), |(x, y)| [&x, &y].map(fq_bytes).concat())
}

/// x ‖ y with the imaginary part first, big-endian.
fn g2_bytes(p: &G2Affine) -> Vec<u8> {
    p.xy().map_or_else(|| flagged(128), |(x, y)| [&x.c1, &x.c0, &y.c1, &y.c0].map(fq_bytes).concat())
}

fn flagged(len_bytes: usize) -> Vec<u8> {
    let mut out = vec![0; len_bytes];
    out[0] = 0x40;
    out
}
