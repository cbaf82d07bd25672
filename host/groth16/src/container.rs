//! The frame that `.zkey`, `.wtns` and `.r1cs` share: magic, version, then sections of (id, length, bytes).

use std::{collections::BTreeMap, ops::Range};

use thiserror::Error;

/// Why a file is no such container, whatever its sections hold. Offsets count bytes from the start of the file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContainerError {
    /// The file has no byte.
    #[error("the file is empty")]
    Empty,
    /// The first four bytes are others.
    #[error("wrong magic: expected {expected:?}, got {got:?}")]
    Magic {
        /// What such a file begins with.
        expected: String,
        /// What this one begins with, escaped.
        got: String,
    },
    /// Another version of the format.
    #[error("wrong version: expected {expected}, got {got}")]
    Version {
        /// The version known here.
        expected: u32,
        /// The file's.
        got: u32,
    },
    /// The file ends inside something.
    #[error("truncated: {what} at byte {offset} needs {needed_bytes} bytes, {left_bytes} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: u64,
        /// How long it says it is.
        needed_bytes: u64,
        /// How much there is.
        left_bytes: u64,
    },
    /// Bytes follow the last section.
    #[error("over-long: {extra_bytes} bytes follow the last section, from byte {offset}")]
    Trailing {
        /// Where the sections end.
        offset: u64,
        /// Bytes behind that.
        extra_bytes: u64,
    },
    /// A section stands twice.
    #[error("section {id} stands twice, the second time at byte {offset}")]
    DuplicateSection {
        /// The section.
        id: u32,
        /// Where the second one begins.
        offset: u64,
    },
    /// A section is not there.
    #[error("section {id} ({what}) is missing")]
    MissingSection {
        /// The section.
        id: u32,
        /// What it holds.
        what: &'static str,
    },
    /// A section's length is not what the header asks for.
    #[error("section {id} ({what}) at byte {offset} is {got_bytes} bytes long, expected {expected_bytes}")]
    SectionSize {
        /// The section.
        id: u32,
        /// What it holds.
        what: &'static str,
        /// Where its contents begin.
        offset: u64,
        /// Bytes that the header asks for.
        expected_bytes: u64,
        /// Bytes that it has.
        got_bytes: u64,
    },
}

/// Where each section's contents lie.
#[derive(Debug, Clone)]
pub(crate) struct Sections(BTreeMap<u32, Range<usize>>);

/// Sections of a file of the snarkjs family: more than any of them has, so that a lying count costs nothing.
const MAX_SECTIONS: u32 = 1 << 10;

impl Sections {
    /// Finds the sections of `bytes`, which must begin with `magic` and `version` and end with the last section.
    pub(crate) fn parse(bytes: &[u8], magic: &[u8; 4], version: u32) -> Result<Self, ContainerError> {
        if bytes.is_empty() {
            return Err(ContainerError::Empty);
        }
        let mut at = Cursor::new(bytes, 0..bytes.len());
        let got = at.take(4, "the magic")?;
        if got != magic {
            return Err(ContainerError::Magic {
                expected: magic.escape_ascii().to_string(),
                got: got.escape_ascii().to_string(),
            });
        }
        let got = at.u32("the version")?;
        if got != version {
            return Err(ContainerError::Version { expected: version, got });
        }
        let count = at.u32("the number of sections")?.min(MAX_SECTIONS);
        let mut found = BTreeMap::new();
        for _ in 0..count {
            let offset = at.offset();
            let id = at.u32("a section's id")?;
            let len_bytes = at.u64("a section's length")?;
            let range = at.skip(len_bytes, "a section")?;
            if found.insert(id, range).is_some() {
                return Err(ContainerError::DuplicateSection { id, offset });
            }
        }
        match at.left() {
            0 => Ok(Self(found)),
            extra_bytes => Err(ContainerError::Trailing { offset: at.offset(), extra_bytes }),
        }
    }

    /// Sections that another frame has shown to lie there.
    pub(crate) fn from_ranges(found: BTreeMap<u32, Range<usize>>) -> Self {
        Self(found)
    }

    /// The section, whatever its length.
    pub(crate) fn get(&self, id: u32, what: &'static str) -> Result<Range<usize>, ContainerError> {
        self.0.get(&id).cloned().ok_or(ContainerError::MissingSection { id, what })
    }

    /// The section, which must be `expected_bytes` long.
    pub(crate) fn get_sized(
        &self,
        id: u32,
        what: &'static str,
        expected_bytes: u64,
    ) -> Result<Range<usize>, ContainerError> {
        let range = self.get(id, what)?;
        let got_bytes = range.len() as u64;
        if got_bytes != expected_bytes {
            let offset = range.start as u64;
            return Err(ContainerError::SectionSize { id, what, offset, expected_bytes, got_bytes });
        }
        Ok(range)
    }
}

/// Reads little-endian words from a range of a file and knows its place in the file.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Reads `range` of `file`, which lies inside it.
    pub(crate) fn new(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, at: range.start, end: range.end }
    }

    /// Where the next byte lies in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        (self.end - self.at) as u64
    }

    /// Passes over `len_bytes` and says where they are.
    pub(crate) fn skip(
        &mut self,
        len_bytes: u64,
        what: &'static str,
    ) -> Result<Range<usize>, ContainerError> {
        if len_bytes > self.left() {
            return Err(ContainerError::Truncated {
                what,
                offset: self.offset(),
                needed_bytes: len_bytes,
                left_bytes: self.left(),
            });
        }
        let start = self.at;
        // Fits: it is at most `left`, which came from a usize.
        self.at += len_bytes as usize;
        Ok(start..self.at)
    }

    /// The next `len_bytes` bytes.
    pub(crate) fn take(&mut self, len_bytes: u64, what: &'static str) -> Result<&'a [u8], ContainerError> {
        let range = self.skip(len_bytes, what)?;
        Ok(&self.file[range])
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ContainerError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64, what)?);
        Ok(out)
    }

    /// The next word.
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, ContainerError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// The next double word.
    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, ContainerError> {
        self.array(what).map(u64::from_le_bytes)
    }
}
