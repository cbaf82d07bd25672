//! snarkjs' JSON: proof, public signals, verification key. Numbers are decimal strings, points projective with Z = 1
//! (infinity is 0 : 1 : 0), elements of Fq2 are [c0, c1]; one space a level, no newline at the end.

use ark_ec::{AffineRepr, pairing::Pairing};
use millrace_bn254::{Bn254, Fq, Fq2, FqCanonical, FrCanonical, G1Affine, G2Affine};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Proof, VerifyingKey,
    points::{self, PointFault},
};

/// Why JSON text was refused.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Not JSON, or not of this shape.
    #[error("not the expected JSON: {reason} (line {line}, column {column})")]
    Syntax {
        /// What the JSON reader says.
        reason: String,
        /// Line, from 1; 0 if unknown.
        line: usize,
        /// Column, from 1; 0 if unknown.
        column: usize,
    },
    /// Another proof system or curve.
    #[error("{what} is {got:?}, expected {expected:?}")]
    Label {
        /// `protocol` or `curve`.
        what: &'static str,
        /// What is known here.
        expected: &'static str,
        /// What the text says, cut to 40 characters.
        got: String,
    },
    /// A number is not decimal, or too large for its place.
    #[error("{what} is not a decimal number below {below}")]
    Number {
        /// Where it stands.
        what: String,
        /// The bound.
        below: &'static str,
    },
    /// The third coordinate is neither 1 nor, for infinity, 0.
    #[error("{what} is not in affine form: its third coordinate must be 1 (or the point 0 : 1 : 0)")]
    NotAffine {
        /// Where it stands.
        what: String,
    },
    /// A point is none.
    #[error("{what} {fault}")]
    Point {
        /// Where it stands.
        what: String,
        /// What is wrong with it.
        fault: PointFault,
    },
    /// `nPublic` and the number of public bases disagree.
    #[error("IC has {got} points, expected {expected} (nPublic + 1)")]
    IcLength {
        /// nPublic + 1.
        expected: u64,
        /// Length of IC.
        got: usize,
    },
}

impl From<serde_json::Error> for JsonError {
    fn from(e: serde_json::Error) -> Self {
        Self::Syntax { reason: e.to_string(), line: e.line(), column: e.column() }
    }
}

const PROTOCOL: &str = "groth16";
const CURVE: &str = "bn128";

type G1Text = [String; 3];
type G2Text = [[String; 2]; 3];

#[derive(Serialize, Deserialize)]
struct ProofText {
    pi_a: G1Text,
    pi_b: G2Text,
    pi_c: G1Text,
    protocol: String,
    curve: String,
}

#[derive(Serialize, Deserialize)]
struct KeyText {
    protocol: String,
    curve: String,
    #[serde(rename = "nPublic")]
    n_public: u32,
    vk_alpha_1: G1Text,
    vk_beta_2: G2Text,
    vk_gamma_2: G2Text,
    vk_delta_2: G2Text,
    #[serde(default)]
    vk_alphabeta_12: [[[String; 2]; 3]; 2],
    #[serde(rename = "IC")]
    ic: Vec<G1Text>,
}

/// An integer of any length, little-endian, in decimal.
pub(crate) fn decimal(little_endian: &[u8]) -> String {
    BigUint::from_bytes_le(little_endian).to_str_radix(10)
}

/// The little-endian bytes of a decimal number below 2^256.
fn parse_decimal(text: &str) -> Option<[u8; 32]> {
    // 2^256 has 78 digits; longer text need not be converted to be refused.
    if text.is_empty() || text.len() > 78 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bytes = BigUint::parse_bytes(text.as_bytes(), 10)?.to_bytes_le();
    let mut out = [0; 32];
    out.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(out)
}

fn fq_text(x: &Fq) -> String {
    decimal(&FqCanonical::from(*x).0)
}

fn fq2_text(x: &Fq2) -> [String; 2] {
    [fq_text(&x.c0), fq_text(&x.c1)]
}

fn g1_text(p: &G1Affine) -> G1Text {
    match p.xy() {
        None => ["0", "1", "0"].map(str::to_owned),
        Some((x, y)) => [fq_text(&x), fq_text(&y), "1".to_owned()],
    }
}

fn g2_text(p: &G2Affine) -> G2Text {
    match p.xy() {
        None => [["0", "0"], ["1", "0"], ["0", "0"]].map(|c| c.map(str::to_owned)),
        Some((x, y)) => [fq2_text(&x), fq2_text(&y), ["1", "0"].map(str::to_owned)],
    }
}

fn fq(text: &str, what: &str) -> Result<Fq, JsonError> {
    let value = parse_decimal(text).and_then(|b| FqCanonical(b).to_fq());
    value.ok_or_else(|| JsonError::Number { what: what.to_owned(), below: "q" })
}

fn g1(text: &G1Text, what: &str) -> Result<G1Affine, JsonError> {
    let [x, y, z] = text;
    let point = match z.as_str() {
        "1" => G1Affine::new_unchecked(fq(x, what)?, fq(y, what)?),
        "0" if x == "0" && y == "1" => G1Affine::identity(),
        _ => return Err(JsonError::NotAffine { what: what.to_owned() }),
    };
    points::check_g1(&point).map_err(|fault| JsonError::Point { what: what.to_owned(), fault })?;
    Ok(point)
}

fn g2(text: &G2Text, what: &str) -> Result<G2Affine, JsonError> {
    let pair = |c: &[String; 2]| Ok::<_, JsonError>(Fq2::new(fq(&c[0], what)?, fq(&c[1], what)?));
    let [x, y, z] = text;
    let point = match (z[0].as_str(), z[1].as_str()) {
        ("1", "0") => G2Affine::new_unchecked(pair(x)?, pair(y)?),
        ("0", "0") if x == &["0", "0"] && y == &["1", "0"] => G2Affine::identity(),
        _ => return Err(JsonError::NotAffine { what: what.to_owned() }),
    };
    points::check_g2(&point).map_err(|fault| JsonError::Point { what: what.to_owned(), fault })?;
    Ok(point)
}

fn labels(protocol: &str, curve: &str) -> Result<(), JsonError> {
    for (what, expected, got) in [("protocol", PROTOCOL, protocol), ("curve", CURVE, curve)] {
        if got != expected {
            return Err(JsonError::Label { what, expected, got: got.chars().take(40).collect() });
        }
    }
    Ok(())
}

/// One space a level, as snarkjs writes it.
fn pretty(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut out, serde_json::ser::PrettyFormatter::with_indent(b" "));
    value.serialize(&mut serializer).expect("strings and lists always serialise into memory");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// `proof.json`.
pub fn proof_to_json(proof: &Proof) -> String {
    pretty(&ProofText {
        pi_a: g1_text(&proof.a),
        pi_b: g2_text(&proof.b),
        pi_c: g1_text(&proof.c),
        protocol: PROTOCOL.to_owned(),
        curve: CURVE.to_owned(),
    })
}

/// Reads a `proof.json`: points in range, on the curve, B in the subgroup.
///
/// # Errors
/// Any [`JsonError`].
pub fn proof_from_json(text: &str) -> Result<Proof, JsonError> {
    let text: ProofText = serde_json::from_str(text)?;
    labels(&text.protocol, &text.curve)?;
    Ok(Proof { a: g1(&text.pi_a, "pi_a")?, b: g2(&text.pi_b, "pi_b")?, c: g1(&text.pi_c, "pi_c")? })
}

/// `public.json`. An empty list is `[`, newline, `]`, as snarkjs' command line writes it.
pub fn public_to_json(publics: &[FrCanonical]) -> String {
    if publics.is_empty() {
        return "[\n]".to_owned();
    }
    pretty(&publics.iter().map(|x| decimal(&x.0)).collect::<Vec<_>>())
}

/// Reads a `public.json`. Values up to 2^256 are taken as they are; [`crate::verify`] refuses those that are not below r.
///
/// # Errors
/// [`JsonError::Syntax`], [`JsonError::Number`].
pub fn public_from_json(text: &str) -> Result<Vec<FrCanonical>, JsonError> {
    let texts: Vec<String> = serde_json::from_str(text)?;
    let one = |(i, text): (usize, &String)| {
        parse_decimal(text)
            .map(FrCanonical)
            .ok_or_else(|| JsonError::Number { what: format!("public signal {i}"), below: "2^256" })
    };
    texts.iter().enumerate().map(one).collect()
}

/// `verification_key.json`.
pub fn verifying_key_to_json(key: &VerifyingKey) -> String {
    let pairing = Bn254::pairing(key.alpha, key.beta).0;
    let six = |x: &ark_bn254::Fq6| [&x.c0, &x.c1, &x.c2].map(fq2_text);
    pretty(&KeyText {
        protocol: PROTOCOL.to_owned(),
        curve: CURVE.to_owned(),
        // The key came from a file that counts its public signals in 32 bits.
        n_public: key.ic.len().saturating_sub(1) as u32,
        vk_alpha_1: g1_text(&key.alpha),
        vk_beta_2: g2_text(&key.beta),
        vk_gamma_2: g2_text(&key.gamma),
        vk_delta_2: g2_text(&key.delta),
        vk_alphabeta_12: [six(&pairing.c0), six(&pairing.c1)],
        ic: key.ic.iter().map(g1_text).collect(),
    })
}

/// Reads a `verification_key.json`: points in range, on the curve, in the subgroup. The pairing of alpha and beta that it
/// carries is not used.
///
/// # Errors
/// Any [`JsonError`].
pub fn verifying_key_from_json(text: &str) -> Result<VerifyingKey, JsonError> {
    let text: KeyText = serde_json::from_str(text)?;
    labels(&text.protocol, &text.curve)?;
    let expected = u64::from(text.n_public) + 1;
    if text.ic.len() as u64 != expected {
        return Err(JsonError::IcLength { expected, got: text.ic.len() });
    }
    let ic = text.ic.iter().enumerate().map(|(i, p)| g1(p, &format!("IC[{i}]"))).collect::<Result<_, _>>()?;
    Ok(VerifyingKey {
        alpha: g1(&text.vk_alpha_1, "vk_alpha_1")?,
        beta: g2(&text.vk_beta_2, "vk_beta_2")?,
        gamma: g2(&text.vk_gamma_2, "vk_gamma_2")?,
        delta: g2(&text.vk_delta_2, "vk_delta_2")?,
        ic,
    })
}
