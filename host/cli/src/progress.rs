//! Progress on a terminal; nothing elsewhere.

use std::{
    io::IsTerminal,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use millrace_job::{Event, Observer};

use crate::output::tell;

/// What a simulated device adds to the line: its cycles so far.
pub(crate) type CycleCount = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Wants to know of a job's start, by its name and its engine's.
type JobStart = Box<dyn Fn(&str, &str) + Send + Sync>;

/// One line with the jobs done, those running, and a simulation's cycles.
pub(crate) struct Progress {
    bar: ProgressBar,
    running: Mutex<Vec<String>>,
    done: AtomicUsize,
    /// Called with a job's name when it goes to an engine.
    on_job_start: Vec<JobStart>,
}

impl Progress {
    /// A line on standard error, if that is a terminal.
    pub(crate) fn new(cycles: Option<CycleCount>) -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let style =
            ProgressStyle::with_template("{spinner} {elapsed} {msg}{cycles}").expect("a constant template");
        bar.set_style(style.with_key(
            "cycles",
            move |_: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                if let Some(cycles) = &cycles {
                    // A progress line that cannot be written is no reason to stop.
                    let _ = write!(w, "  {} cycles", cycles());
                }
            },
        ));
        if !bar.is_hidden() {
            // The library's own thread for that panics where the system gives none; without one the line moves with the jobs alone.
            let weak = bar.downgrade();
            let tick = move || {
                while let Some(bar) = weak.upgrade().filter(|bar| !bar.is_finished()) {
                    bar.tick();
                    thread::sleep(Duration::from_millis(200));
                }
            };
            let _ = thread::Builder::new().spawn(tick);
        }
        Self { bar, running: Mutex::default(), done: AtomicUsize::new(0), on_job_start: Vec::new() }
    }

    /// Also tells somebody of each job's start.
    pub(crate) fn on_job_start(mut self, told: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        self.on_job_start.push(Box::new(told));
        self
    }

    /// Says what is being done outside of jobs.
    pub(crate) fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        self.bar.set_message(format!(
            "{} jobs done; {}",
            self.done.load(Ordering::Relaxed),
            running.join(", ")
        ));
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::JobStarted { label, engine, kind } => {
                tracing::debug!(%label, %engine, ?kind, "job started");
                self.on_job_start.iter().for_each(|told| told(label, engine));
                self.show(|running| running.push(format!("{label} on {engine}")));
            }
            Event::JobDone { label, report } => {
                tracing::debug!(%label, engine = %report.engine, wall = ?report.wall, "job done");
                self.done.fetch_add(1, Ordering::Relaxed);
                self.show(|running| running.retain(|r| !r.starts_with(&format!("{label} on "))));
            }
            Event::JobFailed { label, engine, error } => {
                tracing::info!(%label, %engine, %error, "job failed");
                self.show(|running| running.retain(|r| !r.starts_with(&format!("{label} on "))));
            }
            Event::EngineAside { engine, reason } => self.bar.suspend(|| {
                tell!("{engine} is put aside: {reason}");
            }),
            _ => {}
        }
    }
}
