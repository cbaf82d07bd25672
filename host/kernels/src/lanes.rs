//! Threads, and how proofs in flight share them.
//!
//! Where several proofs are in flight, each has a lane: a share of the threads, on which its jobs run. A thread that waits for its part of a job then takes up work of the
//! same proof, and a job is cut for as many threads as it gets. A job that begins while no other lane has one runs on all threads, so that one proof alone
//! is as fast as on an engine without lanes; a job keeps to its end what it had when it began, whoever comes or goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use thiserror::Error;

/// The system gives fewer threads than an engine was to have: a limit of processes (`ulimit -u`, a container's), or of memory for stacks.
#[derive(Debug, Error)]
#[error("expected {wanted} threads for the CPU engine, the system gave fewer: {source}")]
pub struct NoThreads {
    /// Threads in all.
    pub wanted: usize,
    source: ThreadPoolBuildError,
}

/// The threads of all lanes.
struct Lanes {
    all: ThreadPool,
    /// None where there is one lane.
    shares: Vec<ThreadPool>,
}

/// Jobs in flight of each lane.
type InFlight = Arc<Mutex<Vec<usize>>>;

/// One lane's way to the threads.
pub(crate) struct Threads {
    lanes: Arc<Lanes>,
    in_flight: InFlight,
    lane: usize,
}

fn lock(in_flight: &InFlight) -> MutexGuard<'_, Vec<usize>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pool(threads: usize, name: String) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(threads).thread_name(move |i| format!("{name}-{i}")).build()
}

impl Threads {
    /// So many threads, at least one, for `lanes` lanes: of these no more than threads, and at least one.
    ///
    /// # Errors
    /// [`NoThreads`]; those that the system gave have ended then, or soon do.
    pub(crate) fn new(threads: usize, lanes: usize) -> Result<Vec<Self>, NoThreads> {
        let threads = threads.max(1);
        let count = lanes.clamp(1, threads);
        let share = |lane| threads / count + usize::from(lane < threads % count);
        let own = if count > 1 { count } else { 0 };
        let wanted = if count > 1 { 2 * threads } else { threads };
        let fewer = |source| NoThreads { wanted, source };
        let shares = (0..own).map(|lane| pool(share(lane), format!("lane-{lane}")));
        let shares = shares.collect::<Result<_, _>>().map_err(fewer)?;
        let all = pool(threads, "millrace-cpu".to_owned()).map_err(fewer)?;
        let lanes = Arc::new(Lanes { all, shares });
        let in_flight = InFlight::new(Mutex::new(vec![0; count]));
        let lane = |lane| Self { lanes: lanes.clone(), in_flight: in_flight.clone(), lane };
        Ok((0..count).map(lane).collect())
    }

    /// Threads that a job gets at most.
    pub(crate) fn count(&self) -> usize {
        self.lanes.all.current_num_threads()
    }

    /// Begins a job: on all threads, or on the lane's own while another lane has one. The job leaves its lane when it drops what it is given, before it says that it has ended.
    pub(crate) fn spawn(&self, job: impl FnOnce(Here) + Send + 'static) {
        let (pool, here) = self.enter();
        pool.spawn(move || job(here));
    }

    fn enter(&self) -> (&ThreadPool, Here) {
        let mut in_flight = lock(&self.in_flight);
        let alone = in_flight.iter().enumerate().all(|(lane, jobs)| lane == self.lane || *jobs == 0);
        in_flight[self.lane] += 1;
        let own = self.lanes.shares.get(self.lane).filter(|_| !alone);
        let here = Here { in_flight: self.in_flight.clone(), lane: self.lane };
        (own.unwrap_or(&self.lanes.all), here)
    }
}

/// A job in flight of a lane.
pub(crate) struct Here {
    in_flight: InFlight,
    lane: usize,
}

impl Drop for Here {
    fn drop(&mut self) {
        lock(&self.in_flight)[self.lane] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::mpsc,
        thread,
    };

    use super::Threads;

    fn lanes(threads: usize, wanted: usize) -> Vec<Threads> {
        Threads::new(threads, wanted).expect("the system gives a few threads")
    }

    fn threads_of_a_job(lane: &Threads) -> (usize, super::Here) {
        let (pool, here) = lane.enter();
        (pool.current_num_threads(), here)
    }

    #[test]
    fn a_lane_has_all_threads_while_it_is_alone_and_its_share_beside_another() {
        let lanes = lanes(5, 2);
        assert_eq!(lanes.iter().map(Threads::count).collect::<Vec<_>>(), [5, 5]);
        let (first, of_first) = threads_of_a_job(&lanes[0]);
        let (second, of_second) = threads_of_a_job(&lanes[1]);
        let (third, of_third) = threads_of_a_job(&lanes[0]);
        assert_eq!([first, second, third], [5, 2, 3]);
        drop((of_first, of_third));
        let (fourth, of_fourth) = threads_of_a_job(&lanes[1]);
        assert_eq!(fourth, 5, "the other lane is empty again");
        drop((of_second, of_fourth));
        assert_eq!(threads_of_a_job(&lanes[0]).0, 5);
    }

    #[test]
    fn there_are_no_more_lanes_than_threads_and_at_least_one() {
        for (threads, wanted, count) in [(0, 0, 1), (1, 4, 1), (2, 4, 2), (64, 3, 3), (4, 1, 1)] {
            assert_eq!(lanes(threads, wanted).len(), count, "{threads} threads, {wanted} lanes");
        }
    }

    /// The name of the thread that a job of the lane runs on; the lane is left before it is known.
    fn runs_on(lane: &Threads) -> String {
        let (sender, name) = mpsc::channel();
        lane.spawn(move |here| {
            let own = thread::current().name().unwrap_or_default().to_owned();
            drop(here);
            sender.send(own).expect("somebody listens");
        });
        name.recv().expect("the job runs")
    }

    #[test]
    fn a_job_runs_on_threads_of_its_lane_while_another_has_one() {
        let lanes = lanes(4, 2);
        for _ in 0..50 {
            assert!(runs_on(&lanes[1]).starts_with("millrace-cpu-"));
            let (_, here) = lanes[0].enter();
            assert!(runs_on(&lanes[1]).starts_with("lane-1-"));
            drop(here);
        }
    }

    #[test]
    fn a_job_that_panics_leaves_its_lane() {
        let lanes = lanes(2, 2);
        let (sender, ended) = mpsc::channel();
        lanes[0].spawn(move |here| {
            let caught = catch_unwind(AssertUnwindSafe(move || {
                let _here = here;
                panic!("on purpose");
            }));
            sender.send(caught.is_err()).expect("somebody listens");
        });
        assert!(ended.recv().expect("the job runs"));
        assert_eq!(threads_of_a_job(&lanes[1]).0, 2);
    }
}
