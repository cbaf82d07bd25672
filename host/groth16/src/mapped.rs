//! Bytes of a file without reading it: the crate's only `unsafe`.

use std::{fs::File, io, ops::Range, path::Path, sync::Arc};

/// Bytes that several owners share: a mapped file, or a vector.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A mapped file, or none where it was empty.
pub(crate) struct Mapping(Option<memmap2::Mmap>);

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Mapping {
    /// Asks the system to read all of it ahead.
    pub(crate) fn prefetch(&self) {
        if let Some(mapping) = &self.0 {
            // Advice: where it is not taken, pages come when they are touched.
            let _ = mapping.advise(memmap2::Advice::WillNeed);
        }
    }

    /// Puts pages into this process's memory before they are touched: at once, in place of a fault for every few of them.
    pub(crate) fn populate(&self, range: Range<usize>) {
        if let Some(mapping) =
            self.0.as_ref().filter(|mapping| !range.is_empty() && range.end <= mapping.len())
        {
            // Advice: an older system knows none of it, and pages come when they are touched.
            let _ = mapping.advise_range(memmap2::Advice::PopulateRead, range.start, range.len());
        }
    }

    /// Asks the system to read pages from the file into its cache, and this process has none of them yet. Takes as long as the system takes to find memory for
    /// them, and does not wait for the disk.
    pub(crate) fn read_ahead(&self, range: Range<usize>) {
        let Some(mapping) = self.0.as_ref().filter(|mapping| range.end <= mapping.len()) else { return };
        for start in range.clone().step_by(READ_AHEAD_BYTES) {
            // Advice: where it is not taken, pages come when they are touched.
            let len = READ_AHEAD_BYTES.min(range.end - start);
            let _ = mapping.advise_range(memmap2::Advice::WillNeed, start, len);
        }
    }

    /// Takes pages out of this process's memory; they stay in the system's cache, and come back when they are touched.
    #[allow(unsafe_code)]
    pub(crate) fn release(&self, range: Range<usize>) {
        // Whole pages only: what begins or ends within one is the neighbour's as well.
        let (start, end) = (range.start.next_multiple_of(PAGE_BYTES), range.end / PAGE_BYTES * PAGE_BYTES);
        if let Some(mapping) = self.0.as_ref().filter(|mapping| start < end && end <= mapping.len()) {
            // SAFETY: `unchecked_advise_range` asks that the advice does not change what is read. The mapping is of a file, shared and read-only: pages that
            // are given up are read from the same file again (MADV_DONTNEED, unlike for private or anonymous memory).
            // Advice: where it is not taken, the pages stay.
            let _ = unsafe {
                mapping.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start)
            };
        }
    }
}

/// Linux reads at most one window of read-ahead for an advice, however long the range is: 128 KiB where nobody set more.
const READ_AHEAD_BYTES: usize = 128 << 10;

/// Pages on all systems that this runs on are this long, or a multiple of which the system says no to shorter ones.
const PAGE_BYTES: usize = 4096;

/// Maps a file read-only. An empty file gives no bytes (it cannot be mapped).
///
/// # Errors
/// Whatever opening or mapping the file gives.
pub(crate) fn map(path: &Path) -> io::Result<Arc<Mapping>> {
    map_file(&File::open(path)?)
}

/// As [`map`], of a file that is open.
#[allow(unsafe_code)]
pub(crate) fn map_file(file: &File) -> io::Result<Arc<Mapping>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if file.metadata()?.len() == 0 {
        return Ok(Arc::new(Mapping(None)));
    }
    // SAFETY: `Mmap::map` asks that nobody changes or truncates the file while it is mapped.
    // 1. The mapping is read-only, so this process cannot change it.
    // 2. Another process that rewrites the file in place can change what is read here after it was checked. Every type that is
    //    viewed on these bytes is plain data of alignment 1, valid for any bit pattern, and every index and value taken from them
    //    is bounded where it is used, so changed bytes give wrong sums (caught by the pairing check), never an access out of bounds.
    // 3. Truncation by another process ends this one with SIGBUS. It is the duty of the operator to give files that nobody
    //    truncates; a service maps only files that it wrote itself.
    let mapping = unsafe { memmap2::Mmap::map(file)? };
    Ok(Arc::new(Mapping(Some(mapping))))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use super::{PAGE_BYTES, map_file};

    /// Bytes in memory of the mapping that begins at this address, as the system counts them.
    fn resident_bytes(start: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&format!("{start:x}-")));
        let line = lines.find_map(|line| line.strip_prefix("Rss:")).expect("it is mapped");
        let kib: usize = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
        kib << 10
    }

    #[test]
    fn pages_come_when_they_are_asked_for_and_go_when_they_are_let_go() {
        let len = 64 * PAGE_BYTES;
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&vec![7; len]).expect("room");
        let mapping = map_file(&file).expect("mapped");
        let start = (*mapping).as_ref().as_ptr() as usize;
        assert_eq!(resident_bytes(start), 0);
        mapping.populate(16 * PAGE_BYTES + 5..48 * PAGE_BYTES - 5);
        let populated = resident_bytes(start);
        // Systems before 5.14 take no such advice.
        if populated == 0 {
            println!("skipped: this system populates no mappings when asked");
            return;
        }
        assert!(populated >= 32 * PAGE_BYTES, "{populated} bytes");
        mapping.release(0..len);
        assert_eq!(resident_bytes(start), 0);
        mapping.populate(0..len + 1);
        mapping.read_ahead(0..len + 1);
        assert_eq!(resident_bytes(start), 0, "what lies outside is not asked for");
        mapping.read_ahead(5..len);
        assert_eq!(resident_bytes(start), 0, "what is read ahead is the system's until it is touched");
        assert!((*mapping).as_ref().iter().all(|byte| *byte == 7));
    }
}
