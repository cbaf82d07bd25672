//! The head of an imported key: all that is small, under one digest. `docs/spec/imported-key.md` draws it.

use std::{collections::BTreeMap, ffi::OsStr, ops::Range, os::unix::ffi::OsStrExt, path::PathBuf};

use super::{CHUNK_BYTES, FileFacts, ImportError, ImportOrigin, chunk_digests};
use crate::{
    ContainerError, ProvingKey,
    container::{Cursor, Sections},
};

/// What the file begins with.
pub(crate) const MAGIC: &[u8; 4] = b"mkey";
/// Rises with every change of the layout, or of what the kernels expect of it.
const VERSION: u32 = 3;
/// Arrays begin at multiples of this.
pub(super) const PAGE_BYTES: usize = 4096;
/// Bytes before the digest of the head, and behind it.
const DIGEST: Range<usize> = 24..56;
/// A bound on what is hashed before the head is believed: the digests of 4 TiB, and a ceremony of thousands.
pub(super) const MAX_HEAD_BYTES: u64 = 1 << 28;

/// Section of the ends of rows: not one of snarkjs's ids.
pub(crate) const ROW_ENDS: u32 = 0x101;
/// Section of terms.
pub(crate) const TERMS: u32 = 0x102;
/// Section of values.
pub(crate) const VALUES: u32 = 0x103;
/// Sections of a `.zkey` that stand in the head as they are.
const SMALL: [(u32, &str); 4] =
    [(1, "proof system"), (2, "key header"), (3, "public bases"), (10, "contributions")];
/// The arrays, in their order, and the bytes of an element.
const ARRAYS: [(u32, &str, usize); 8] = [
    (ROW_ENDS, "ends of rows", 4),
    (TERMS, "terms", 8),
    (VALUES, "values", 32),
    (5, "bases of A", 64),
    (6, "bases of B over G1", 64),
    (7, "bases of B over G2", 128),
    (8, "bases of C", 64),
    (9, "bases of the quotient", 64),
];

/// What an array is called in messages.
pub(super) fn name(id: u32) -> &'static str {
    ARRAYS.iter().find(|(of, ..)| *of == id).map_or("an array", |(_, name, _)| name)
}

/// An array and what was written of it.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) id: u32,
    pub(crate) range: Range<usize>,
    pub(crate) digests: Vec<[u8; 32]>,
}

/// What a head says.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) origin: ImportOrigin,
    pub(crate) arrays: Vec<Array>,
    /// Of the head, a multiple of [`PAGE_BYTES`].
    pub(crate) bytes_len: usize,
    /// The head itself; empty where it was read.
    pub(super) bytes: Vec<u8>,
    small: BTreeMap<u32, Range<usize>>,
}

fn pad(len: usize) -> usize {
    len.next_multiple_of(PAGE_BYTES)
}

/// BLAKE3 over the head without the digest's own place.
fn digest_of(head: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head[..DIGEST.start]).update(&head[DIGEST.end..]);
    *hasher.finalize().as_bytes()
}

impl Head {
    /// The head of a file with these arrays, in the order of [`ARRAYS`].
    pub(super) fn of(key: &ProvingKey, origin: ImportOrigin, arrays: &[(u32, &[u8])]) -> Self {
        let zkey = (**key.bytes()).as_ref();
        let mut bytes = vec![0; DIGEST.end];
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        put(&origin.digest);
        let FileFacts { len_bytes, modified, changed, inode } = origin.outside;
        put(&len_bytes.to_le_bytes());
        for (seconds, nanoseconds) in [modified, changed] {
            put(&seconds.to_le_bytes());
            put(&nanoseconds.to_le_bytes());
        }
        put(&inode.to_le_bytes());
        let path = origin.path.as_os_str().as_bytes();
        put(&(path.len() as u32).to_le_bytes());
        put(path);
        for (id, _) in SMALL {
            let small = &zkey[key.small(id)];
            put(&id.to_le_bytes());
            put(&(small.len() as u64).to_le_bytes());
            put(small);
        }
        let mut all = Vec::new();
        for (id, array) in arrays {
            put(&id.to_le_bytes());
            put(&(array.len() as u64).to_le_bytes());
            let digests = chunk_digests(array);
            put(digests.as_flattened());
            all.push(Array { id: *id, range: 0..array.len(), digests });
        }
        bytes.resize(pad(bytes.len()), 0);
        let mut end = bytes.len();
        for array in &mut all {
            let start = pad(end);
            end = start + array.range.len();
            array.range = start..end;
        }
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        let bytes_len = bytes.len();
        bytes[8..16].copy_from_slice(&(bytes_len as u64).to_le_bytes());
        bytes[16..24].copy_from_slice(&(end as u64).to_le_bytes());
        let digest = digest_of(&bytes);
        bytes[DIGEST].copy_from_slice(&digest);
        Self { origin, arrays: all, bytes_len, bytes, small: BTreeMap::new() }
    }

    /// Reads the head of `file`, which begins with [`MAGIC`]: version, length, digest, then the rest.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, ImportError> {
        let got = file.len() as u64;
        let short = |expected| ImportError::Length { expected, got };
        let Some(fixed) = file.first_chunk::<{ DIGEST.end }>() else { return Err(short(DIGEST.end as u64)) };
        let word = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("8 bytes"));
        let version = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        if version != VERSION {
            return Err(ImportError::Version { expected: VERSION, got: version });
        }
        let (head_len, file_len) = (word(8), word(16));
        let page = PAGE_BYTES as u64;
        if head_len < page || !head_len.is_multiple_of(page) || head_len > MAX_HEAD_BYTES.min(file_len) {
            return Err(ImportError::Changed { what: "the head", from: 0, to: DIGEST.end as u64 });
        }
        if file_len != got {
            return Err(short(file_len));
        }
        // Fits: it is at most the file's length.
        let head = &file[..head_len as usize];
        if digest_of(head)[..] != fixed[DIGEST] {
            return Err(ImportError::Changed { what: "the head", from: 0, to: head_len });
        }
        Self::contents(file, head).map_err(|what| ImportError::Contradiction { what })
    }

    /// What lies behind the digest. An error names what contradicts.
    fn contents(file: &[u8], head: &[u8]) -> Result<Self, &'static str> {
        let cut = |_: ContainerError| "its head ends too soon";
        let mut at = Cursor::new(head, DIGEST.end..head.len());
        let digest = at.array("the digest").map_err(cut)?;
        let len_bytes = at.u64("a length").map_err(cut)?;
        let mut time = || Ok((at.u64("seconds").map_err(cut)?, at.u32("nanoseconds").map_err(cut)?));
        let (modified, changed) = (time()?, time()?);
        let inode = at.u64("an inode").map_err(cut)?;
        let outside = FileFacts { len_bytes, modified, changed, inode };
        let path_bytes = at.u32("the length of a path").map_err(cut)?;
        let path = PathBuf::from(OsStr::from_bytes(at.take(path_bytes.into(), "a path").map_err(cut)?));
        let mut small = BTreeMap::new();
        for (id, _) in SMALL {
            if at.u32("a section's id").map_err(cut)? != id {
                return Err("its sections stand in another order");
            }
            let len = at.u64("a section's length").map_err(cut)?;
            small.insert(id, at.skip(len, "a section").map_err(cut)?);
        }
        let (mut arrays, mut end) = (Vec::new(), head.len());
        for (id, _, element) in ARRAYS {
            if at.u32("an array's id").map_err(cut)? != id {
                return Err("its arrays stand in another order");
            }
            let len = at.u64("an array's length").map_err(cut)?;
            let len = usize::try_from(len)
                .ok()
                .filter(|len| *len <= file.len())
                .ok_or("an array is longer than it")?;
            if !len.is_multiple_of(element) {
                return Err("an array is no whole number of elements");
            }
            let digests = len.div_ceil(CHUNK_BYTES);
            let digests = at.take(digests as u64 * 32, "digests").map_err(cut)?.as_chunks().0.to_vec();
            let start = pad(end);
            end = start + len;
            arrays.push(Array { id, range: start..end, digests });
        }
        if end != file.len() {
            return Err("its arrays end elsewhere than it does");
        }
        let origin = ImportOrigin { path, outside, digest };
        Ok(Self { origin, arrays, bytes_len: head.len(), bytes: Vec::new(), small })
    }

    /// Where an array lies.
    pub(crate) fn array(&self, id: u32) -> Option<Range<usize>> {
        self.arrays.iter().find(|array| array.id == id).map(|array| array.range.clone())
    }

    /// The whole as sections, as a `.zkey` has them.
    pub(crate) fn sections(&self) -> Sections {
        let arrays = self.arrays.iter().map(|array| (array.id, array.range.clone()));
        Sections::from_ranges(arrays.chain(self.small.clone()).collect())
    }
}
