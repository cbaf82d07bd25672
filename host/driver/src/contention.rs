//! Locks of the way of a job, and how often somebody waits for one: each is one thread's own while there are queues enough.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// How often a lock was held by somebody else. Nothing is written while none is.
#[derive(Default, Debug)]
pub(crate) struct Contention(AtomicU64);

impl Contention {
    /// Takes a lock.
    pub(crate) fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.try_lock().unwrap_or_else(|| {
            self.0.fetch_add(1, Ordering::Relaxed);
            mutex.lock()
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn who_waits_is_counted_and_nobody_else() {
        let (contention, mutex) = (Contention::default(), Mutex::new(()));
        (0..10).for_each(|_| drop(contention.lock(&mutex)));
        assert_eq!(contention.count(), 0);
        let held = mutex.lock();
        thread::scope(|scope| {
            scope.spawn(|| drop(contention.lock(&mutex)));
            let until = Instant::now() + Duration::from_secs(60);
            while contention.count() == 0 && Instant::now() < until {
                thread::yield_now();
            }
            drop(held);
        });
        assert_eq!(contention.count(), 1);
    }
}
