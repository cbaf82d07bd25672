//! When pages of a mapped key are in memory: from when the first job begins that reads them until the last of them has ended, whichever proofs the jobs are of. So a proof
//! does not have all of a key in memory at a time, and none takes pages from another's job.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
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

    fn begin(&self, key: &ProvingKey, index: usize) {
        self.readers()[index] += 1;
        if !self.stay || !self.there[index].swap(true, Ordering::Relaxed) {
            key.populate(PARTS[index].0);
        }
    }

    fn end(&self, key: &ProvingKey, index: usize) {
        // Let go of before another job begins, so that what that one puts in place stays.
        let mut readers = self.readers();
        readers[index] -= 1;
        if readers[index] == 0 && !self.stay {
            key.release(PARTS[index].0);
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
    own: Mutex<Counts>,
    told: &'a dyn Observer,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(key: &'a LoadedKey, told: &'a dyn Observer) -> Self {
        Self { key, own: Mutex::default(), told }
    }

    fn own(&self) -> MutexGuard<'_, Counts> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, index: usize) {
        self.own()[index] += 1;
        self.key.pages.begin(&self.key.key, index);
    }

    fn end(&self, index: usize) {
        // An engine may refuse a job before it has begun.
        let mut own = self.own();
        let Some(less) = own[index].checked_sub(1) else { return };
        own[index] = less;
        self.key.pages.end(&self.key.key, index);
    }
}

/// The parts that a job reads.
fn parts_of(label: &str) -> impl Iterator<Item = usize> {
    (0..PARTS.len()).filter(move |index| label.starts_with(PARTS[*index].1))
}

impl Observer for Reading<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::JobStarted { label, .. } => parts_of(label).for_each(|index| self.begin(index)),
            Event::JobDone { label, .. } | Event::JobFailed { label, .. } => {
                parts_of(label).for_each(|index| self.end(index));
            }
            _ => {}
        }
        self.told.event(event);
    }
}

impl Drop for Reading<'_> {
    /// Jobs that were cancelled ended without a word.
    fn drop(&mut self) {
        let own = *self.own();
        for (index, count) in own.into_iter().enumerate() {
            (0..count).for_each(|_| self.key.pages.end(&self.key.key, index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PARTS, parts_of};

    #[test]
    fn a_job_reads_the_part_of_its_label_also_where_it_is_one_of_several() {
        let names = |label| parts_of(label).map(|index| PARTS[index].1).collect::<Vec<_>>();
        assert_eq!(names("rows"), ["rows"; 4]);
        assert_eq!(names("msm B1 1/2"), ["msm B1"]);
        assert_eq!(names("quotient"), Vec::<&str>::new());
    }
}
