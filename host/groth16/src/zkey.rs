//! The proving key: a snarkjs `.zkey`.
//!
//! Opening checks what is small: frame, header, section sizes, the key's own points, public bases and contributions. The
//! long arrays are looked at by [`ProvingKey::check_coefficients`] and [`ProvingKey::check_points`], which stream over them on
//! all cores, so that opening costs what it touches.

mod error;
mod header;

use std::{io, ops::Range, path::Path, sync::Arc};

use ark_ec::AffineRepr;
use bytemuck::cast_slice;
use millrace_bn254::{FrCanonical, G1Affine, G1Mont, G2Affine, G2Mont};
use rayon::prelude::*;

pub use error::KeyError;
pub use header::KeyHeader;
pub(crate) use header::check_r;

use crate::{
    Contribution, Curve, SharedBytes, VerifyingKey,
    container::{Cursor, Sections},
    contributions, mapped,
    points::{self, check_all, not_infinity},
};

/// Bytes of one entry of A or B: matrix, row, column (4 each), value (32).
const COEFFICIENT_BYTES: usize = 44;

/// A long array of the key, lent to engines as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// Entries of the matrices A and B, 44 bytes each.
    Coefficients,
    /// Bases of A over G1, one a signal, 64 bytes each.
    A,
    /// Bases of B over G1, one a signal, 64 bytes each.
    B1,
    /// Bases of B over G2, one a signal, 128 bytes each.
    B2,
    /// Bases of C over G1, one a private signal, 64 bytes each.
    L,
    /// Bases of the quotient over G1, one a domain point, 64 bytes each.
    H,
}

/// Why anybody can forge proofs for a key: see [`ProvingKey::trivial_delta`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrivialDelta {
    /// The key has no contribution of its own.
    NoContribution,
    /// delta = gamma.
    EqualsGamma,
    /// alpha is the one of every key of [`crate::dev_setup`]: its secrets are hashes of a published seed.
    DevSetup,
    /// delta is the generator of its group.
    Generator,
}

impl std::fmt::Display for TrivialDelta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoContribution => "the key has no contribution",
            Self::DevSetup => "the key comes from a development setup",
            Self::EqualsGamma => "delta equals gamma",
            Self::Generator => "delta is the generator",
        })
    }
}

/// A Groth16 proving key over BN254, in the bytes of its file.
#[derive(Clone)]
pub struct ProvingKey {
    bytes: SharedBytes,
    header: KeyHeader,
    verifying: Arc<VerifyingKey>,
    contributions: Arc<[Contribution]>,
    coefficients: Range<usize>,
    a: Range<usize>,
    b1: Range<usize>,
    b2: Range<usize>,
    l: Range<usize>,
    h: Range<usize>,
}

impl std::fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProvingKey").field("header", &self.header).finish_non_exhaustive()
    }
}

impl ProvingKey {
    /// Maps and opens a `.zkey` file.
    ///
    /// # Errors
    /// [`KeyError::Io`], or as [`ProvingKey::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        Self::from_bytes(mapped::map(path).map_err(|e: io::Error| KeyError::Io(Arc::new(e)))?)
    }

    /// Opens the bytes of a `.zkey` file.
    ///
    /// # Errors
    /// Any [`KeyError`] that frame, header, sizes, the key's own points or the contributions give.
    pub fn from_bytes(bytes: SharedBytes) -> Result<Self, KeyError> {
        let file = (*bytes).as_ref();
        let sections = Sections::parse(file, b"zkey", 1)?;
        header::check_protocol(file, &sections)?;
        let header = KeyHeader::parse(file, &sections)?;
        let (vars, domain) = (u64::from(header.n_vars), u64::from(header.domain_size));
        let publics = u64::from(header.n_public) + 1;

        let ic = sections.get_sized(3, "public bases", publics * 64)?;
        let coefficients = Self::coefficients_range(file, &sections)?;
        let a = sections.get_sized(5, "bases of A", vars * 64)?;
        let b1 = sections.get_sized(6, "bases of B over G1", vars * 64)?;
        let b2 = sections.get_sized(7, "bases of B over G2", vars * 128)?;
        let l = sections.get_sized(8, "bases of C", (vars - publics) * 64)?;
        let h = sections.get_sized(9, "bases of the quotient", domain * 64)?;
        let contributions = contributions::parse(file, sections.get(10, "contributions")?)?.into();

        let ic_points: &[G1Mont] = cast_slice(&file[ic.clone()]);
        check_all("public bases", Curve::G1, ic_points, ic.start, |p| points::g1(p).map(|_| ()))?;
        let verifying = Arc::new(VerifyingKey {
            alpha: header.alpha_g1,
            beta: header.beta_g2,
            gamma: header.gamma_g2,
            delta: header.delta_g2,
            ic: ic_points.iter().filter_map(G1Mont::to_affine).collect(),
        });
        Ok(Self { header, verifying, contributions, coefficients, a, b1, b2, l, h, bytes })
    }

    fn coefficients_range(file: &[u8], sections: &Sections) -> Result<Range<usize>, KeyError> {
        const WHAT: &str = "coefficients";
        let section = sections.get(4, WHAT)?;
        let count = Cursor::new(file, section.clone()).u32("the number of coefficients")?;
        let range = sections.get_sized(4, WHAT, 4 + u64::from(count) * COEFFICIENT_BYTES as u64)?;
        Ok(range.start + 4..range.end)
    }

    /// Counts and points of the header.
    pub fn header(&self) -> &KeyHeader {
        &self.header
    }

    /// What a verifier needs.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The contributions of the key's own ceremony, first to last.
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// The whole file.
    pub fn bytes(&self) -> &SharedBytes {
        &self.bytes
    }

    /// Where a long array lies in [`ProvingKey::bytes`]: a whole number of elements.
    pub fn range(&self, part: KeyPart) -> Range<usize> {
        match part {
            KeyPart::Coefficients => &self.coefficients,
            KeyPart::A => &self.a,
            KeyPart::B1 => &self.b1,
            KeyPart::B2 => &self.b2,
            KeyPart::L => &self.l,
            KeyPart::H => &self.h,
        }
        .clone()
    }

    fn part(&self, part: KeyPart) -> &[u8] {
        &(*self.bytes).as_ref()[self.range(part)]
    }

    /// Number of entries of A and B together.
    pub fn coefficient_count(&self) -> usize {
        self.coefficients.len() / COEFFICIENT_BYTES
    }

    /// Checks every entry of A and B: matrix 0 or 1, row inside the domain, column a signal, value below r.
    ///
    /// # Errors
    /// [`KeyError::Coefficient`] for the first bad entry.
    pub fn check_coefficients(&self) -> Result<(), KeyError> {
        let (entries, _) = self.part(KeyPart::Coefficients).as_chunks::<COEFFICIENT_BYTES>();
        let bad = entries
            .par_iter()
            .enumerate()
            .find_map_first(|(i, entry)| self.coefficient_fault(entry).map(|fault| (i, fault)));
        match bad {
            None => Ok(()),
            Some((i, (what, below, got))) => Err(KeyError::Coefficient {
                index: i as u64,
                offset: (self.coefficients.start + i * COEFFICIENT_BYTES) as u64,
                what,
                below,
                got,
            }),
        }
    }

    fn coefficient_fault(&self, entry: &[u8; COEFFICIENT_BYTES]) -> Option<(&'static str, String, String)> {
        let word = |i: usize| u32::from_le_bytes([entry[i], entry[i + 1], entry[i + 2], entry[i + 3]]);
        let indices = [
            ("matrix", word(0), 2),
            ("row", word(4), self.header.domain_size),
            ("column", word(8), self.header.n_vars),
        ];
        for (what, got, below) in indices {
            if got >= below {
                return Some((what, below.to_string(), got.to_string()));
            }
        }
        let mut value = FrCanonical::ZERO;
        value.0.copy_from_slice(&entry[12..]);
        (!value.is_in_range()).then(|| ("value", "r".to_owned(), crate::json::decimal(&value.0)))
    }

    /// Checks that every base is in range and on its curve. About 0.1 µs a G1 point and core.
    ///
    /// # Errors
    /// [`KeyError::Point`] for the first bad point of the first bad array.
    pub fn check_points(&self) -> Result<(), KeyError> {
        for (what, part) in [
            ("bases of A", KeyPart::A),
            ("bases of B over G1", KeyPart::B1),
            ("bases of C", KeyPart::L),
            ("bases of the quotient", KeyPart::H),
        ] {
            let all: &[G1Mont] = cast_slice(self.part(part));
            check_all(what, Curve::G1, all, self.range(part).start, |p| points::g1(p).map(|_| ()))?;
        }
        self.check_b2(|p| points::g2(p).map(|_| ()))
    }

    /// Checks that every G2 base is in the subgroup of order r, as well as on the curve. About 50 µs a point and core.
    ///
    /// # Errors
    /// [`KeyError::Point`] for the first bad point.
    pub fn check_subgroups(&self) -> Result<(), KeyError> {
        self.check_b2(|p| points::g2(p).and_then(|p| points::check_g2(&p)))
    }

    fn check_b2(
        &self,
        check: impl Fn(&G2Mont) -> Result<(), points::PointFault> + Sync,
    ) -> Result<(), KeyError> {
        let all: &[G2Mont] = cast_slice(self.part(KeyPart::B2));
        Ok(check_all("bases of B over G2", Curve::G2, all, self.b2.start, check)?)
    }

    /// Whether everybody knows delta, so that anybody can forge proofs: a development setup, no contribution, delta = gamma, or delta the generator.
    /// Such keys are for development only.
    pub fn trivial_delta(&self) -> Option<TrivialDelta> {
        let h = &self.header;
        if crate::is_dev_alpha(&h.alpha_g1) {
            Some(TrivialDelta::DevSetup)
        } else if h.delta_g2 == h.gamma_g2 {
            Some(TrivialDelta::EqualsGamma)
        } else if h.delta_g2 == G2Affine::generator() || h.delta_g1 == G1Affine::generator() {
            Some(TrivialDelta::Generator)
        } else if self.contributions.is_empty() {
            Some(TrivialDelta::NoContribution)
        } else {
            None
        }
    }

    /// Whether [`ProvingKey::trivial_delta`] finds anything.
    pub fn has_trivial_delta(&self) -> bool {
        self.trivial_delta().is_some()
    }
}

/// A checked point of a small, named field.
pub(crate) fn checked<P: AffineRepr>(
    point: Result<P, points::PointFault>,
    what: &'static str,
    curve: Curve,
    offset: u64,
) -> Result<P, KeyError> {
    point
        .and_then(not_infinity)
        .map_err(|fault| KeyError::Point(points::PointError { what, curve, index: 0, offset, fault }))
}
