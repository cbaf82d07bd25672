//! When pages of a mapped key are in memory: from when the first job begins that reads them until the last of them has ended, whichever proofs the jobs are of. So a proof
//! does not have all of a key in memory at a time, and none takes pages from another's job.
//!
//! Loading a key has read its file, so a job finds pages in the system's cache. Where it does not (they were dropped for want of memory), the next part is read from the disk by
//! a thread beside, while the job computes.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use millrace_groth16::{KeyPart, ProvingKey};
use millrace_job::{Event, Observer};

use crate::LoadedKey;

/// The key's parts, and how the labels begin of the jobs that read them.
const PARTS: [(KeyPart, &str); 9] = [
    (KeyPart::Coefficients, "rows"),
    (KeyPart::RowEnds, "rows"),
    (KeyPart::Terms, "rows"),
    (KeyPart::Values, "rows"),
    (KeyPart::A, "msm A"),
    (KeyPart::B1, "msm B1"),
    (KeyPart::B2, "msm B2"),
    (KeyPart::L, "msm L"),
    (KeyPart::H, "msm H"),
];

/// Pages that the system has are put in place at 20 GB/s and more, and fetched from disks at a tenth of that.
const CACHED_BYTES_A_MICROSECOND: u128 = 8_000;
/// What fetching a small part takes is not worth a thread.
const WORTH_A_THREAD: Duration = Duration::from_millis(1);

/// Whether some of these bytes came from the disk, by the time it took to put them in place. To be wrong, on a busy machine, costs some milliseconds beside the job.
fn came_from_disk(bytes: usize, took: Duration) -> bool {
    took > WORTH_A_THREAD && took.as_micros() * CACHED_BYTES_A_MICROSECOND > bytes as u128
}

/// The part that the jobs after this one read.
fn next_part(index: usize) -> Option<usize> {
    (index + 1..PARTS.len()).find(|next| PARTS[*next].1 != PARTS[index].1)
}

/// Numbers of jobs, by part.
type Counts = [usize; PARTS.len()];

/// Of a loaded key: how many jobs read each part just now.
#[derive(Default)]
pub(crate) struct Pages {
    readers: Mutex<Counts>,
    /// Whether pages stay when nobody reads them.
    pub(crate) stay: bool,
    /// Whether a part was put in place before, where they stay.
    there: [AtomicBool; PARTS.len()],
}

impl Pages {
    fn readers(&self) -> MutexGuard<'_, Counts> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job begins; `populate` puts the part in place, where it need be.
    fn begin(&self, index: usize, populate: impl FnOnce()) {
        self.readers()[index] += 1;
        if !self.stay || !self.there[index].swap(true, Ordering::Relaxed) {
            populate();
        }
    }

    /// A job has ended; `release` lets go of the part, if it was the last.
    fn end(&self, index: usize, release: impl FnOnce()) {
        // Let go of before another job begins, so that what that one puts in place stays.
        let mut readers = self.readers();
        readers[index] -= 1;
        if readers[index] == 0 && !self.stay {
            release();
        }
    }
}

/// Takes all pages out of memory: nobody reads them yet.
pub(crate) fn release_all(key: &ProvingKey) {
    PARTS.into_iter().for_each(|(part, _)| key.release(part));
}

/// What the jobs of one proof read. Sees their events, and passes them on.
pub(crate) struct Reading<'a> {
    key: &'a LoadedKey,
    /// Labels of jobs that have begun and not ended.
    own: Mutex<Vec<String>>,
    told: &'a dyn Observer,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(key: &'a LoadedKey, told: &'a dyn Observer) -> Self {
        Self { key, own: Mutex::default(), told }
    }

    fn own(&self) -> MutexGuard<'_, Vec<String>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, label: &str) {
        self.own().push(label.to_owned());
        for index in parts_of(label) {
            self.key.pages.begin(index, || self.put_in_place(index));
        }
    }

    fn put_in_place(&self, index: usize) {
        let (key, part) = (&self.key.key, PARTS[index].0);
        let started = Instant::now();
        key.populate(part);
        if came_from_disk(key.range(part).len(), started.elapsed())
            && let Some(next) = next_part(index)
            && let Some(read) = key.reading_ahead(PARTS[next].0)
        {
            // Without a thread the next job waits for the disk itself.
            let _ = thread::Builder::new().name("read ahead".into()).spawn(read);
        }
    }

    /// An engine may have refused the job before it began: then nothing has ended.
    fn end(&self, label: &str) {
        let mut own = self.own();
        let Some(at) = own.iter().position(|begun| begun == label) else { return };
        own.swap_remove(at);
        drop(own);
        self.leave(label);
    }

    fn leave(&self, label: &str) {
        for index in parts_of(label) {
            self.key.pages.end(index, || self.key.key.release(PARTS[index].0));
        }
    }
}

/// The parts that a job reads.
fn parts_of(label: &str) -> impl Iterator<Item = usize> {
    (0..PARTS.len()).filter(move |index| label.starts_with(PARTS[*index].1))
}

impl Observer for Reading<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::JobStarted { label, .. } => self.begin(label),
            Event::JobDone { label, .. } | Event::JobFailed { label, .. } => self.end(label),
            _ => {}
        }
        self.told.event(event);
    }
}

impl Drop for Reading<'_> {
    /// Jobs that were cancelled ended without a word.
    fn drop(&mut self) {
        let begun = std::mem::take(&mut *self.own());
        begun.iter().for_each(|label| self.leave(label));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PARTS, Pages, WORTH_A_THREAD, came_from_disk, next_part, parts_of};

    #[test]
    fn a_job_reads_the_part_of_its_label_also_where_it_is_one_of_several() {
        let names = |label| parts_of(label).map(|index| PARTS[index].1).collect::<Vec<_>>();
        assert_eq!(names("rows"), ["rows"; 4]);
        assert_eq!(names("msm B1 1/2"), ["msm B1"]);
        assert_eq!(names("quotient"), Vec::<&str>::new());
    }

    #[test]
    fn after_rows_come_sums_in_the_order_in_which_they_begin() {
        let after = |index| next_part(index).map(|next| PARTS[next].1);
        assert!((0..4).all(|rows| after(rows) == Some("msm A")));
        assert_eq!(
            (4..9).map(after).collect::<Vec<_>>(),
            [Some("msm B1"), Some("msm B2"), Some("msm L"), Some("msm H"), None]
        );
    }

    #[test]
    fn what_is_slower_than_memory_came_from_the_disk() {
        const LEN: usize = 96 << 20;
        assert!(!came_from_disk(LEN, Duration::from_millis(5)) && !came_from_disk(0, WORTH_A_THREAD));
        assert!(came_from_disk(LEN, Duration::from_millis(40)));
    }

    /// What a begin and an end do: whether pages are put in place, or let go of.
    fn begins(pages: &Pages) -> bool {
        let mut populated = false;
        pages.begin(4, || populated = true);
        populated
    }

    fn ends(pages: &Pages) -> bool {
        let mut released = false;
        pages.end(4, || released = true);
        released
    }

    #[test]
    fn pages_go_with_the_last_of_two_readers() {
        let pages = Pages::default();
        assert!(begins(&pages) && begins(&pages));
        pages.begin(5, || {});
        assert!(!ends(&pages), "the other one reads on");
        assert!(ends(&pages));
        assert!(begins(&pages) && ends(&pages));
    }

    #[test]
    fn pages_that_stay_are_put_in_place_once_and_never_let_go() {
        let pages = Pages { stay: true, ..Pages::default() };
        assert!(begins(&pages) && !begins(&pages));
        assert!(!ends(&pages) && !ends(&pages) && !begins(&pages));
    }
}
