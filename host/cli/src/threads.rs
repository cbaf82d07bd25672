//! Threads that a process has beside those of its CPU engine: rayon's, of which there is one set. They check and import keys, make witnesses and compute the oracle's sums; arkworks uses them too.
//!
//! Where nobody says otherwise rayon makes them when they are needed first, one for each processor whatever `--threads` says, and panics where the system gives fewer.

use std::{io, sync::RwLock, thread};

use rayon::ThreadPoolBuilder;

use crate::exit::{Code, Failure};

/// One for each processor that this process may use.
pub(crate) fn of_processors() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// Starts so many; once in a process, before anything asks for them.
///
/// # Errors
/// [`Code::Resources`] where the system gives fewer.
pub(crate) fn start(threads: usize) -> Result<(), Failure> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("millrace-all-{i}"));
    pool.build_global().map_err(|error| {
        Failure::new(Code::Resources, format!("expected {threads} threads, the system gave fewer: {error}"))
    })
}

/// Looks whether there is room for models of devices, arkworks' sums and figures, which start threads of their own as they go and panic where the system gives none: so many at a time are
/// started, and end at once.
///
/// # Errors
/// [`Code::Resources`] where there is not.
pub(crate) fn room() -> Result<(), Failure> {
    // Engines twice over, a sum's and a model's sum's; jobs, queues and models.
    let threads = 4 * of_processors() + 32;
    let gate = RwLock::new(());
    let begun = thread::scope(|scope| {
        let closed = gate.write();
        let one = |_| thread::Builder::new().spawn_scoped(scope, || drop(gate.read()));
        let (begun, failed): (Vec<_>, Vec<_>) = (0..threads).map(one).partition(Result::is_ok);
        drop(closed);
        // Joined, so that the system has them back, but for the last steps of some: a scope waits for their work alone.
        begun.into_iter().flatten().for_each(|thread| drop(thread.join()));
        failed.into_iter().next().map_or(Ok(()), |failed| failed.map(drop))
    });
    begun.map_err(|error| {
        Failure::new(
            Code::Resources,
            format!("expected room for {threads} threads, the system gave fewer: {error}"),
        )
    })
}

/// What a failure to start one more thread is.
pub(crate) fn none(error: &io::Error) -> Failure {
    Failure::new(Code::Resources, format!("expected another thread, the system gave none: {error}"))
}
