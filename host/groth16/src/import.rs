//! The imported key (`.mkey`): a `.zkey` that was checked once, in the layout that the kernels use.
//!
//! [`import_key`] checks everything that a `.zkey` can be asked, every point's subgroup included, and writes a file that
//! [`ProvingKey::open`] opens without looking at a point again: a digest over each MiB stands in for that. The bytes are drawn in
//! `docs/spec/imported-key.md`; what the digests are worth, and what not, is said in `docs/decisions/2026-11-28-imported-key.md`.

mod head;
mod rows;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use rayon::prelude::*;
use thiserror::Error;

use crate::{KeyError, KeyPart, ProvingKey, SharedBytes, mapped};
pub(crate) use head::{Head, MAGIC, ROW_ENDS, TERMS, VALUES};

/// Bytes that a digest covers, unless its array ends before.
const CHUNK_BYTES: usize = 1 << 20;

/// Why an imported key cannot be used. The remedy is one for all: import the `.zkey` again.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// Written by another build.
    #[error("an imported key of version {got}, this build reads version {expected}; import it again")]
    Version {
        /// The version known here.
        expected: u32,
        /// The file's.
        got: u32,
    },
    /// The file is longer or shorter than it says.
    #[error("the imported key is {got} bytes long, expected {expected}; import it again")]
    Length {
        /// What its head says, or at least needs.
        expected: u64,
        /// What it is.
        got: u64,
    },
    /// Bytes differ from those that were written.
    #[error(
        "the imported key was changed: {what} (bytes {from} to {to}) does not match its digest; import it again"
    )]
    Changed {
        /// Which part.
        what: &'static str,
        /// Its first byte.
        from: u64,
        /// The byte behind its last.
        to: u64,
    },
    /// The head matches its digest and contradicts itself all the same: no build of this program wrote it.
    #[error("the imported key contradicts itself: {what}; import it again")]
    Contradiction {
        /// What.
        what: &'static str,
    },
    /// The `.zkey` is another one now.
    #[error("the imported key is stale: {} is not the file that it was made from; import it again", zkey.display())]
    Stale {
        /// The `.zkey`.
        zkey: PathBuf,
    },
}

/// Where an imported key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOrigin {
    /// The `.zkey` as it was called then, absolute.
    pub path: PathBuf,
    /// What it looked like from outside.
    pub outside: FileFacts,
    /// Its BLAKE3 digest, as `b3sum` prints it.
    pub digest: [u8; 32],
}

/// What a file looks like from outside. Whoever writes to it, or puts another in its place, changes something here: the time of change cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    /// Its length.
    pub len_bytes: u64,
    /// When it was last written, seconds and nanoseconds since 1970.
    pub modified: (u64, u32),
    /// When it, its name or its rights last changed, by the file system.
    pub changed: (u64, u32),
    /// Its inode.
    pub inode: u64,
}

impl From<&std::fs::Metadata> for FileFacts {
    fn from(file: &std::fs::Metadata) -> Self {
        let since = file.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let modified = (since.as_secs(), since.subsec_nanos());
        let changed = (file.ctime() as u64, file.ctime_nsec() as u32);
        Self { len_bytes: file.len(), modified, changed, inode: file.ino() }
    }
}

impl ImportOrigin {
    /// Refuses a key whose `.zkey` lies where it lay and is another one now. One that is gone says nothing; one that looks
    /// the same from outside is taken for the same, any other is read; one that cannot be read is judged by its length and when it was written.
    ///
    /// # Errors
    /// [`ImportError::Stale`].
    pub fn check_remembered(&self) -> Result<(), ImportError> {
        match self.path.metadata() {
            Ok(file) if file.is_file() => {
                let stale = || Err(ImportError::Stale { zkey: self.path.clone() });
                let (now, then) = (FileFacts::from(&file), self.outside);
                // Rights and links change nothing of what is in it; who may not read it any more takes it by what can be seen.
                let looks_the_same = (now.len_bytes, now.modified) == (then.len_bytes, then.modified);
                match now == then {
                    true => Ok(()),
                    false => self
                        .check_is(&self.path)
                        .unwrap_or_else(|_| if looks_the_same { Ok(()) } else { stale() }),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether `zkey` is the file that this was made from, by its digest.
    ///
    /// # Errors
    /// What reading it gives; inside, [`ImportError::Stale`].
    pub fn check_is(&self, zkey: &Path) -> io::Result<Result<(), ImportError>> {
        let bytes = mapped::map(zkey)?;
        let same = digest(bytes.as_ref().as_ref()) == self.digest;
        Ok(if same { Ok(()) } else { Err(ImportError::Stale { zkey: zkey.to_owned() }) })
    }
}

/// BLAKE3, on all cores.
fn digest(bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update_rayon(bytes).finalize().as_bytes()
}

/// The digest of each [`CHUNK_BYTES`] of an array.
fn chunk_digests(array: &[u8]) -> Vec<[u8; 32]> {
    array.par_chunks(CHUNK_BYTES).map(|chunk| *blake3::hash(chunk).as_bytes()).collect()
}

/// The first chunk of `array` that is not what its digest says; `None` if all are, and there are as many as digests.
fn changed_chunk(array: &[u8], digests: &[[u8; 32]]) -> Option<Range<usize>> {
    let bad = array
        .par_chunks(CHUNK_BYTES)
        .zip(digests)
        .position_first(|(chunk, digest)| *blake3::hash(chunk).as_bytes() != *digest)?;
    Some(bad * CHUNK_BYTES..array.len().min((bad + 1) * CHUNK_BYTES))
}

/// Why a key was not imported.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ImportFailure {
    /// The key is no good.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Public bases and contributions that an imported key has no room for.
    #[error(
        "public bases, contributions and digests take {len_bytes} bytes, expected at most {}",
        head::MAX_HEAD_BYTES
    )]
    Ceremony {
        /// What they take.
        len_bytes: u64,
    },
    /// It is an imported key already.
    #[error("an imported key already, expected a .zkey")]
    Imported,
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// Somebody wrote to the `.zkey` meanwhile.
    #[error("the .zkey changed while it was read")]
    Moving,
    /// The output cannot be written.
    #[error("cannot write the imported key: {0}")]
    Write(#[source] io::Error),
}

/// Checks the `.zkey` at `source` wholly and writes its imported form to `out`, a new file open for reading and writing.
///
/// What is checked in the end is the file that was written: its bytes are mapped again, compared with their digests, and every point of it is
/// looked at there. A `.zkey` that changes meanwhile can spoil an import, but not slip something past the checks.
///
/// `go_on` is asked between the steps.
///
/// # Errors
/// [`ImportFailure`]; `out` then holds anything.
pub fn import_key(source: &Path, out: &File, go_on: &dyn Fn() -> bool) -> Result<ProvingKey, ImportFailure> {
    let go_on = || if go_on() { Ok(()) } else { Err(ImportFailure::Cancelled) };
    let read = |e: io::Error| ImportFailure::Key(KeyError::Io(Arc::new(e)));
    let zkey = File::open(source).map_err(read)?;
    // Of the file that is read, whatever its path will name later.
    let outside = FileFacts::from(&zkey.metadata().map_err(read)?);
    let key = ProvingKey::from_mapping(mapped::map_file(&zkey).map_err(read)?)?;
    if key.origin().is_some() {
        return Err(ImportFailure::Imported);
    }
    let (origin, rows) = rayon::join(
        || digest((**key.bytes()).as_ref()),
        || key.check_coefficients().map(|()| rows::Rows::of(&key)),
    );
    // As it was called: where that is a link, whatever it leads to later is compared.
    let path = std::path::absolute(source).map_err(read)?;
    let origin = ImportOrigin { path, outside, digest: origin };
    let rows = rows?.ok_or(ImportFailure::Moving)?;
    go_on()?;

    // A base for every signal, so that the sum over them takes the witness as it is and not a part of it, copied.
    let publics = key.header().n_public as usize + 1;
    let l = [vec![0; publics * 64].as_slice(), key.part(KeyPart::L)].concat();
    let [a, b1, b2, h] = [KeyPart::A, KeyPart::B1, KeyPart::B2, KeyPart::H].map(|part| key.part(part));
    let bases = [(5, a), (6, b1), (7, b2), (8, l.as_slice()), (9, h)];
    let arrays: Vec<(u32, &[u8])> = rows.arrays().into_iter().chain(bases).collect();
    let head = Head::of(&key, origin, &arrays);
    if head.bytes_len as u64 > head::MAX_HEAD_BYTES {
        return Err(ImportFailure::Ceremony { len_bytes: head.bytes_len as u64 });
    }
    write(&head, &arrays, out).map_err(ImportFailure::Write)?;
    drop((rows, l));
    go_on()?;

    let written = ProvingKey::from_mapping(mapped::map_file(out).map_err(ImportFailure::Write)?)?;
    written.check()?;
    written.check_coefficients()?;
    written.check_points()?;
    go_on()?;
    written.check_subgroups()?;
    let still = |file: &std::fs::Metadata| FileFacts::from(file) == outside;
    if !still(&zkey.metadata().map_err(read)?) || !still(&source.metadata().map_err(read)?) {
        return Err(ImportFailure::Moving);
    }
    Ok(written)
}

fn write(head: &Head, arrays: &[(u32, &[u8])], out: &File) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut at = 0;
    let mut put = |from: usize, bytes: &[u8]| -> io::Result<()> {
        const ZEROS: [u8; head::PAGE_BYTES] = [0; head::PAGE_BYTES];
        out.write_all(&ZEROS[..from - at])?;
        at = from + bytes.len();
        out.write_all(bytes)
    };
    put(0, &head.bytes)?;
    for (id, bytes) in arrays {
        let range = head.array(*id).expect("the head was made for these arrays");
        put(range.start, bytes)?;
    }
    out.flush()
}

/// Compares all arrays with their digests, and what lies between them with zero.
pub(crate) fn check_arrays(head: &Head, bytes: &SharedBytes) -> Result<(), ImportError> {
    let file = (**bytes).as_ref();
    let mut end = head.bytes_len;
    for array in &head.arrays {
        let between = end..array.range.start;
        let changed = if file[between.clone()].iter().any(|b| *b != 0) {
            Some(between)
        } else {
            changed_chunk(&file[array.range.clone()], &array.digests)
                .map(|r| array.range.start + r.start..array.range.start + r.end)
        };
        if let Some(range) = changed {
            let (from, to) = (range.start as u64, range.end as u64);
            return Err(ImportError::Changed { what: head::name(array.id), from, to });
        }
        end = array.range.end;
    }
    Ok(())
}
