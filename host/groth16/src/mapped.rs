//! Bytes of a file without reading it: the crate's only `unsafe`.

use std::{fs::File, io, path::Path, sync::Arc};

/// Bytes that several owners share: a mapped file, or a vector.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Maps a file read-only. An empty file gives no bytes (it cannot be mapped).
///
/// # Errors
/// Whatever opening or mapping the file gives.
pub(crate) fn map(path: &Path) -> io::Result<SharedBytes> {
    map_file(&File::open(path)?)
}

/// As [`map`], of a file that is open.
#[allow(unsafe_code)]
pub(crate) fn map_file(file: &File) -> io::Result<SharedBytes> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if file.metadata()?.len() == 0 {
        return Ok(Arc::new(Vec::new()));
    }
    // SAFETY: `Mmap::map` asks that nobody changes or truncates the file while it is mapped.
    // 1. The mapping is read-only and private, so this process cannot change it.
    // 2. Another process that rewrites the file in place can change what is read here after it was checked. Every type that is
    //    viewed on these bytes is plain data of alignment 1, valid for any bit pattern, and every index and value taken from them
    //    is bounded where it is used, so changed bytes give wrong sums (caught by the pairing check), never an access out of bounds.
    // 3. Truncation by another process ends this one with SIGBUS. It is the duty of the operator to give files that nobody
    //    truncates; a service maps only files that it wrote itself.
    let mapping = unsafe { memmap2::Mmap::map(file)? };
    Ok(Arc::new(mapping))
}
