//! The proving key: a snarkjs `.zkey`, or its imported form ([`crate::import_key`]).
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
    Contribution, Curve, ImportOrigin, SharedBytes, VerifyingKey,
    container::{Cursor, Sections},
    contributions,
    import::{self, Head},
    mapped::{self, Mapping},
    points::{self, check_all, not_infinity},
    subgroup::{self, Pace},
};

/// Bytes of one entry of A or B: matrix, row, column (4 each), value (32).
const COEFFICIENT_BYTES: usize = 44;
/// Bytes of a term of an imported key: column, place of the value.
const TERM_BYTES: usize = 8;

/// A long array of the key, lent to engines as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// Entries of the matrices A and B, 44 bytes each; of an imported key the next three instead.
    Coefficients,
    /// Where the terms of each row of A, then of B, end: 4 bytes each.
    RowEnds,
    /// The terms by rows: signal and place of the value, 4 bytes each.
    Terms,
    /// The distinct values, 32 bytes each.
    Values,
    /// Bases of A over G1, one a signal, 64 bytes each.
    A,
    /// Bases of B over G1, one a signal, 64 bytes each.
    B1,
    /// Bases of B over G2, one a signal, 128 bytes each.
    B2,
    /// Bases of C over G1, one a private signal, 64 bytes each; in an imported key infinities before them, one for the constant and each public signal.
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
    mapping: Option<Arc<Mapping>>,
    header: KeyHeader,
    verifying: Arc<VerifyingKey>,
    contributions: Arc<[Contribution]>,
    sections: Sections,
    import: Option<Arc<Head>>,
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
    /// Maps and opens a `.zkey` file, or the imported form of one.
    ///
    /// # Errors
    /// [`KeyError::Io`], or as [`ProvingKey::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        Self::from_mapping(mapped::map(path).map_err(|e: io::Error| KeyError::Io(Arc::new(e)))?)
    }

    pub(crate) fn from_mapping(mapping: Arc<Mapping>) -> Result<Self, KeyError> {
        Ok(Self { mapping: Some(mapping.clone()), ..Self::from_bytes(mapping)? })
    }

    /// Opens the bytes of a `.zkey` file, or of the imported form of one.
    ///
    /// # Errors
    /// Any [`KeyError`] that frame, header, sizes, the key's own points or the contributions give; of the imported form, what its head gives.
    pub fn from_bytes(bytes: SharedBytes) -> Result<Self, KeyError> {
        let file = (*bytes).as_ref();
        let import = match file.starts_with(import::MAGIC) {
            true => Some(Arc::new(Head::parse(file)?)),
            false => None,
        };
        let sections = match &import {
            Some(head) => head.sections(),
            None => Sections::parse(file, b"zkey", 1)?,
        };
        header::check_protocol(file, &sections)?;
        let header = KeyHeader::parse(file, &sections)?;
        let (vars, domain) = (u64::from(header.n_vars), u64::from(header.domain_size));
        let publics = u64::from(header.n_public) + 1;

        let ic = sections.get_sized(3, "public bases", publics * 64)?;
        let coefficients = match &import {
            Some(_) => 0..0,
            None => Self::coefficients_range(file, &sections)?,
        };
        if import.is_some() {
            sections.get_sized(import::ROW_ENDS, "ends of rows", 2 * domain * 4)?;
        }
        let a = sections.get_sized(5, "bases of A", vars * 64)?;
        let b1 = sections.get_sized(6, "bases of B over G1", vars * 64)?;
        let b2 = sections.get_sized(7, "bases of B over G2", vars * 128)?;
        let l_bases = if import.is_some() { vars } else { vars - publics };
        let l = sections.get_sized(8, "bases of C", l_bases * 64)?;
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
        Ok(Self {
            header,
            verifying,
            contributions,
            sections,
            import,
            coefficients,
            a,
            b1,
            b2,
            l,
            h,
            bytes,
            mapping: None,
        })
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

    /// Where this imported key comes from; `None` for a `.zkey`.
    pub fn origin(&self) -> Option<&ImportOrigin> {
        self.import.as_ref().map(|head| &head.origin)
    }

    /// Where a long array lies in [`ProvingKey::bytes`]: a whole number of elements; empty where this form of the key has none.
    pub fn range(&self, part: KeyPart) -> Range<usize> {
        let array = |id| self.import.as_ref().and_then(|head| head.array(id)).unwrap_or(0..0);
        match part {
            KeyPart::Coefficients => self.coefficients.clone(),
            KeyPart::RowEnds => array(import::ROW_ENDS),
            KeyPart::Terms => array(import::TERMS),
            KeyPart::Values => array(import::VALUES),
            KeyPart::A => self.a.clone(),
            KeyPart::B1 => self.b1.clone(),
            KeyPart::B2 => self.b2.clone(),
            KeyPart::L => self.l.clone(),
            KeyPart::H => self.h.clone(),
        }
    }

    pub(crate) fn part(&self, part: KeyPart) -> &[u8] {
        &(*self.bytes).as_ref()[self.range(part)]
    }

    /// Where a section lies that opening has seen.
    pub(crate) fn small(&self, id: u32) -> Range<usize> {
        self.sections.get(id, "section").unwrap_or(0..0)
    }

    /// Puts the pages of a part of a mapped key into this process's memory, before all of it is read; returns when they are there.
    pub fn populate(&self, part: KeyPart) {
        if let Some(mapping) = &self.mapping {
            mapping.populate(self.range(part));
        }
    }

    /// What has the system read a part of a mapped key from its file into its cache, for another thread to run; `None` if the key is not mapped or has no such part.
    pub fn reading_ahead(&self, part: KeyPart) -> Option<impl FnOnce() + Send + 'static> {
        let (mapping, range) = (self.mapping.clone()?, self.range(part));
        (!range.is_empty()).then_some(move || mapping.read_ahead(range))
    }

    /// Takes the pages of a part of a mapped key out of this process's memory, when it is done with for now: they stay in the system's cache, and come back when they are
    /// touched. Whoever reads them meanwhile is slowed down, and no more.
    pub fn release(&self, part: KeyPart) {
        if let Some(mapping) = &self.mapping {
            mapping.release(self.range(part));
        }
    }

    /// Number of entries of A and B together.
    pub fn coefficient_count(&self) -> usize {
        self.coefficients.len() / COEFFICIENT_BYTES + self.range(KeyPart::Terms).len() / TERM_BYTES
    }

    /// What must be known before a proof is made with the key: of a `.zkey` every entry and point (curve, not subgroup), of an imported key that its
    /// bytes are those that were written, since all else was checked then.
    ///
    /// # Errors
    /// [`KeyError::Coefficient`], [`KeyError::Point`], or [`KeyError::Import`].
    pub fn check(&self) -> Result<(), KeyError> {
        if let Some(mapping) = &self.mapping {
            mapping.prefetch();
        }
        match &self.import {
            Some(head) => Ok(import::check_arrays(head, &self.bytes)?),
            None => self.check_coefficients().and_then(|()| self.check_points()),
        }
    }

    /// Checks every entry of A and B: matrix 0 or 1, row inside the domain, column a signal, value below r.
    ///
    /// # Errors
    /// [`KeyError::Coefficient`] for the first bad entry.
    pub fn check_coefficients(&self) -> Result<(), KeyError> {
        if self.import.is_some() {
            return self.check_rows();
        }
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

    /// The same of an imported key: rows in order, columns and places of values inside, values below r.
    fn check_rows(&self) -> Result<(), KeyError> {
        let fault =
            |part, index: usize, bytes: usize, what, below: String, got: String| KeyError::Coefficient {
                index: index as u64,
                offset: (self.range(part).start + index * bytes) as u64,
                what,
                below,
                got,
            };
        let (ends, _) = self.part(KeyPart::RowEnds).as_chunks::<4>();
        let (terms, _) = self.part(KeyPart::Terms).as_chunks::<TERM_BYTES>();
        let (values, _) = self.part(KeyPart::Values).as_chunks::<32>();
        let mut before = 0;
        for (i, end) in ends.iter().enumerate() {
            let end = u32::from_le_bytes(*end);
            if end < before || end as usize > terms.len() {
                let below = (terms.len() + 1).to_string();
                return Err(fault(KeyPart::RowEnds, i, 4, "end of a row", below, end.to_string()));
            }
            before = end;
        }
        let bad = terms.par_iter().enumerate().find_map_first(|(i, term)| {
            let [column, place] =
                [0, 4].map(|at| u32::from_le_bytes([term[at], term[at + 1], term[at + 2], term[at + 3]]));
            let (columns, places) = (self.header.n_vars, values.len());
            if column >= columns {
                return Some(fault(
                    KeyPart::Terms,
                    i,
                    TERM_BYTES,
                    "column",
                    columns.to_string(),
                    column.to_string(),
                ));
            }
            (place as usize >= places).then(|| {
                fault(
                    KeyPart::Terms,
                    i,
                    TERM_BYTES,
                    "place of a value",
                    places.to_string(),
                    place.to_string(),
                )
            })
        });
        let bad = bad.or_else(|| {
            let bad = values.par_iter().position_first(|value| !FrCanonical(*value).is_in_range())?;
            Some(fault(KeyPart::Values, bad, 32, "value", "r".to_owned(), crate::json::decimal(&values[bad])))
        });
        bad.map_or(Ok(()), Err)
    }

    pub(crate) fn coefficient_fault(
        &self,
        entry: &[u8; COEFFICIENT_BYTES],
    ) -> Option<(&'static str, String, String)> {
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

    /// Checks that every G2 base is in the subgroup of order r, as well as on the curve. About 2 µs a point and core, by random combinations that miss a
    /// bad point with probability ≤ 2^-130; where they see one, each point is checked for itself, to name it.
    ///
    /// # Errors
    /// [`KeyError::Point`] for the first bad point.
    pub fn check_subgroups(&self) -> Result<(), KeyError> {
        self.check_subgroups_at(Pace::AllThreads)
    }

    /// The same in little memory, 5 MiB however many processors there are: combinations one after the other. For who has promised how much a proof takes.
    ///
    /// # Errors
    /// As [`ProvingKey::check_subgroups`].
    pub fn check_subgroups_on_one_thread(&self) -> Result<(), KeyError> {
        self.check_subgroups_at(Pace::OneThread)
    }

    fn check_subgroups_at(&self, pace: Pace) -> Result<(), KeyError> {
        self.check_b2(|p| points::g2(p).map(|_| ()))?;
        if subgroup::all_in_subgroup(cast_slice(self.part(KeyPart::B2)), pace) == Some(true) {
            return Ok(());
        }
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
