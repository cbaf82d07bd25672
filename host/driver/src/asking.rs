//! Which jobs ask for an interrupt: as few as waiting well allows (`docs/spec/rings.md`).

/// In flight before not every job asks for one.
const FEW: usize = 8;

/// Jobs of a run at most, so that a peak is forgotten.
const RUN: usize = 64;

/// Chooses, for one queue. A run begins where no job is in flight, and after so many jobs.
#[derive(Default)]
pub(crate) struct Asking {
    /// Most jobs in flight at once in this run, and in the one before it: whoever takes completions in batches often has none in flight and is under load all the same.
    most: [usize; 2],
    /// Jobs of this run.
    jobs: usize,
    /// Jobs since the last that asked.
    since: usize,
}

impl Asking {
    /// Whether the next job asks, beside so many in flight: each where few are; of many one in as many as are three quarters of the most that were in flight. The
    /// completions between are found with the next one that asks, or by the next look.
    pub(crate) fn next(&mut self, in_flight: usize) -> bool {
        let [now, before] = &mut self.most;
        if in_flight == 0 || self.jobs == RUN {
            (*before, *now, self.jobs) = (*now, 0, 0);
        }
        self.jobs += 1;
        *now = (*now).max(in_flight + 1);
        let most = (*now).max(*before);
        self.since += 1;
        let asks = most <= FEW || self.since >= most * 3 / 4;
        if asks {
            self.since = 0;
        }
        asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many jobs ask, where each run has so many of them in flight at most and begins with none.
    fn asking(asking: &mut Asking, runs: usize, most: usize) -> usize {
        (0..runs).flat_map(|_| 0..most).filter(|in_flight| asking.next(*in_flight)).count()
    }

    #[test]
    fn each_asks_where_few_are_in_flight() {
        for most in 1..=FEW {
            assert_eq!(asking(&mut Asking::default(), 10, most), 10 * most);
        }
    }

    #[test]
    fn under_load_few_ask_however_completions_are_taken() {
        // In runs, as of a host that takes all at once.
        let mut runs = Asking::default();
        asking(&mut runs, 1, 32);
        assert!(asking(&mut runs, 100, 32) <= 3200 / 24 + 1);
        // Always as many in flight.
        let mut steady = Asking::default();
        asking(&mut steady, 1, 32);
        assert!((0..3200).filter(|_| steady.next(31)).count() <= 3200 / 24 + 1);
    }

    #[test]
    fn after_load_each_asks_again_but_those_of_one_run() {
        let mut after = Asking::default();
        asking(&mut after, 3, 63);
        asking(&mut after, 1, 1);
        assert_eq!(asking(&mut after, 5, 1), 5);
        // Nor does it take one that none is in flight.
        asking(&mut after, 3, 63);
        (0..2 * RUN).for_each(|_| _ = after.next(1));
        assert!((0..100).all(|_| after.next(1)));
    }

    #[test]
    fn no_run_is_without_one_that_asks_for_long() {
        let mut any = Asking::default();
        let mut since = 0;
        for i in 0..10_000 {
            since = if any.next(i * 7919 % 63) { 0 } else { since + 1 };
            assert!(since < 48, "{since} jobs without one that asks");
        }
    }
}
