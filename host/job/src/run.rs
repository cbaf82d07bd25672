//! Running a graph: jobs on their engines, host steps here.
//!
//! Each engine has a queue and as many threads as it wants jobs in flight; a thread submits one job and waits for it, in slices, so
//! that it sees a cancel. The caller's thread hands out what has become ready and does the host steps. Transforms go before
//! sums in a queue, because the quotient's chain is the longest.

mod attempt;
mod queue;
mod ready;

use std::{
    collections::HashMap,
    io,
    ops::Range,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use millrace_bn254::Fr;
use thiserror::Error;

use crate::{
    CancelToken, Digest, EngineError, EngineSet, EngineSlot, Event, Group, Job, JobGraph, JobReport,
    NttDirection, Observer, Placed, Port, ScalarSlice, StepError, Value,
    graph::{Node, Work},
    wipe_values,
};
use attempt::{Finished, Worker};
use queue::Queue;
use ready::Ready;

/// What is done when an engine fails.
#[derive(Debug, Clone)]
pub struct RunPolicy {
    /// How often a job is tried again on the same engine after a transient error.
    pub retries: u32,
    /// Who takes over jobs that their engine could not do. Without one such a job fails the graph.
    pub fallback: Option<EngineSlot>,
    /// Whether the answers' digests are taken.
    pub digests: bool,
    /// Whether the inputs of jobs are kept in the records (of a transform or a quotient a copy of its values).
    pub keep_inputs: bool,
    /// How long a wait goes without looking for a cancel.
    pub slice: Duration,
}

impl Default for RunPolicy {
    fn default() -> Self {
        Self {
            retries: 1,
            fallback: None,
            digests: false,
            keep_inputs: false,
            slice: Duration::from_millis(50),
        }
    }
}

/// Why a graph did not come to its end.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RunError {
    /// A job failed, and nobody else may do it.
    #[error("job {label} failed on {engine}: {source}")]
    Job {
        /// The job's label.
        label: String,
        /// The engine that it failed on last.
        engine: String,
        /// Why.
        source: EngineError,
    },
    /// A host step failed.
    #[error("step {label} failed: {source}")]
    Step {
        /// The step's label.
        label: String,
        /// Why.
        source: StepError,
    },
    /// The system gives no thread to wait for an engine's jobs.
    #[error("expected a thread for the jobs of {engine}, the system gave none: {source}")]
    NoThread {
        /// The engine.
        engine: String,
        /// What the system says.
        source: io::Error,
    },
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
}

/// The inputs of a finished job.
#[derive(Clone)]
pub enum JobInput {
    /// Of an MSM.
    Msm {
        /// The group.
        group: Group,
        /// Bases.
        bases: Arc<Placed>,
        /// Which of the bases.
        range: Range<usize>,
        /// As many scalars.
        scalars: ScalarSlice,
    },
    /// Of a transform.
    Ntt {
        /// Direction.
        direction: NttDirection,
        /// Whether the coset shift is applied.
        coset: bool,
        /// The values.
        values: Vec<Fr>,
    },
    /// Of a quotient.
    Quotient {
        /// A·w.
        a: Vec<Fr>,
        /// B·w.
        b: Vec<Fr>,
    },
    /// Of sparse products.
    Rows {
        /// A matrix.
        matrix: Arc<Placed>,
        /// The full witness.
        witness: ScalarSlice,
    },
}

impl JobInput {
    /// The job for the engine in `slot`.
    ///
    /// # Errors
    /// As [`Placed::on`].
    pub fn job(&self, slot: EngineSlot) -> Result<Job, EngineError> {
        Ok(match self.clone() {
            Self::Msm { group, bases, range, scalars } => {
                Job::Msm { group, bases: bases.on(slot)?, range, scalars }
            }
            Self::Ntt { direction, coset, values } => Job::Ntt { direction, coset, values },
            Self::Quotient { a, b } => Job::Quotient { a, b },
            Self::Rows { matrix, witness } => Job::Rows { matrix: matrix.on(slot)?, witness },
        })
    }
}

/// How a job of a graph went.
#[derive(Clone)]
pub struct JobRecord {
    /// The job's label.
    pub label: String,
    /// The engine that it was planned for.
    pub planned: EngineSlot,
    /// The engine that did it.
    pub ran: EngineSlot,
    /// How often it was tried.
    pub attempts: u32,
    /// What the engine says.
    pub report: JobReport,
    /// Of the answer, if the policy asks for it.
    pub digest: Option<Digest>,
    /// What the job was given, if the policy asks for it.
    pub input: Option<JobInput>,
}

/// Values that no node has used yet; wiped when dropped, as most derive from a witness.
#[derive(Default)]
struct Values(HashMap<Port, Value>);

impl Drop for Values {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            match value {
                Value::G1(_) | Value::G2(_) | Value::Scalars(_) => {}
                Value::Values(v) => wipe_values(v),
                Value::Rows { a, b } => [a, b].into_iter().for_each(|v| wipe_values(v)),
            }
        }
    }
}

impl JobInput {
    /// Wipes what is this job's own.
    fn wipe(&mut self) {
        match self {
            Self::Ntt { values, .. } => wipe_values(values),
            Self::Quotient { a, b } => [a, b].into_iter().for_each(|values| wipe_values(values)),
            // Scalars wipe themselves.
            Self::Msm { .. } | Self::Rows { .. } => {}
        }
    }
}

impl Drop for JobRecord {
    fn drop(&mut self) {
        self.input.iter_mut().for_each(JobInput::wipe);
    }
}

/// What came out of a graph.
pub struct RunOutput {
    values: Values,
    /// One record a job, in the order in which they were added.
    pub jobs: Vec<JobRecord>,
}

impl RunOutput {
    /// Takes a value that no other node used.
    ///
    /// # Errors
    /// If the port was used, taken before, or is of another graph.
    pub fn take(&mut self, port: Port) -> Result<Value, StepError> {
        self.values.0.remove(&port).ok_or_else(|| StepError(format!("no value is left at {port:?}")))
    }
}

/// Runs a graph to its end. Blocks; uses the caller's thread for host steps.
///
/// # Errors
/// [`RunError`]; jobs that are still running then are cancelled before it returns.
pub fn run(
    graph: JobGraph<'_>,
    set: &EngineSet,
    policy: &RunPolicy,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<RunOutput, RunError> {
    let job_count = graph.jobs().count();
    observer.event(&Event::Started { jobs: job_count });
    let queues: Vec<Queue> = set.slots().map(|_| Queue::default()).collect();
    let stop = CancelToken::default();
    thread::scope(|scope| {
        let (sender, finished) = mpsc::channel();
        // In every case, a panic here included: threads that wait for work end, and after a failure jobs in flight are cancelled.
        let _home = SendHome { queues: &queues, stop: &stop, only_on_panic: false };
        let planned = graph.jobs().map(|(_, slot, _)| slot).chain(policy.fallback).collect::<Vec<_>>();
        for slot in set.slots().filter(|slot| planned.contains(slot)) {
            for nth in 0..set.engine(slot).depth().clamp(1, job_count.max(1)) {
                let worker = Worker { set, slot, policy, observer, cancel, stop: &stop };
                let (queue, sender, queues) = (&queues[slot.0], sender.clone(), queues.as_slice());
                let stop = &stop;
                let work = move || {
                    let _home = SendHome { queues, stop, only_on_panic: true };
                    while let Some(ready) = queue.take() {
                        if sender.send(worker.run(ready)).is_err() {
                            break;
                        }
                    }
                };
                let name = format!("jobs of {}", set.name(slot));
                match thread::Builder::new().name(name).spawn_scoped(scope, work) {
                    Ok(_) => {}
                    // Those that there are do the jobs, fewer at a time.
                    Err(_) if nth > 0 => break,
                    Err(source) => {
                        return Err(RunError::NoThread { engine: set.name(slot).to_owned(), source });
                    }
                }
            }
        }
        drop(sender);
        let result = Driver::new(graph, set, policy, observer, cancel, &queues).drive(&finished);
        if result.is_err() {
            stop.cancel();
        }
        result
    })
}

/// Ends all waiting when it goes: at the end of a graph, or when a thread of it panics (which the scope then passes on).
struct SendHome<'a> {
    queues: &'a [Queue],
    stop: &'a CancelToken,
    only_on_panic: bool,
}

impl Drop for SendHome<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.stop.cancel();
        }
        if thread::panicking() || !self.only_on_panic {
            self.queues.iter().for_each(Queue::close);
        }
    }
}

struct Driver<'a, 'g> {
    nodes: Vec<Option<Node<'g>>>,
    values: Values,
    records: Vec<Option<JobRecord>>,
    set: &'a EngineSet,
    policy: &'a RunPolicy,
    observer: &'a dyn Observer,
    cancel: &'a CancelToken,
    queues: &'a [Queue],
    in_flight: usize,
}

impl<'a, 'g> Driver<'a, 'g> {
    fn new(
        graph: JobGraph<'g>,
        set: &'a EngineSet,
        policy: &'a RunPolicy,
        observer: &'a dyn Observer,
        cancel: &'a CancelToken,
        queues: &'a [Queue],
    ) -> Self {
        let records = graph.nodes.iter().map(|_| None).collect();
        let nodes = graph.nodes.into_iter().map(Some).collect();
        Self {
            nodes,
            values: Values::default(),
            records,
            set,
            policy,
            observer,
            cancel,
            queues,
            in_flight: 0,
        }
    }

    fn drive(mut self, finished: &mpsc::Receiver<Finished>) -> Result<RunOutput, RunError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            self.hand_out_jobs()?;
            if self.run_a_step()? {
                continue;
            }
            if self.in_flight == 0 {
                break;
            }
            // All senders go only when workers went home early, which they do when one of them panicked; the scope passes that on.
            let Ok(next) = finished.recv() else { return Err(RunError::Cancelled) };
            self.take_in(next)?;
            while let Ok(next) = finished.try_recv() {
                self.take_in(next)?;
            }
        }
        Ok(RunOutput { values: self.values, jobs: self.records.into_iter().flatten().collect() })
    }

    fn is_ready(&self, node: &Node<'_>) -> bool {
        node.inputs.iter().all(|port| self.values.0.contains_key(port))
    }

    fn take_ready(&mut self, wanted: fn(&Work<'_>) -> bool) -> Option<(usize, Node<'g>, Vec<Value>)> {
        let is_wanted =
            |n: &Option<Node<'g>>| n.as_ref().is_some_and(|n| wanted(&n.work) && self.is_ready(n));
        let index = self.nodes.iter().position(is_wanted)?;
        let node = self.nodes[index].take()?;
        let inputs = node.inputs.iter().filter_map(|port| self.values.0.remove(port)).collect();
        Some((index, node, inputs))
    }

    fn hand_out_jobs(&mut self) -> Result<(), RunError> {
        while let Some((index, node, inputs)) = self.take_ready(|work| matches!(work, Work::Job { .. })) {
            let Work::Job { slot, spec } = node.work else { continue };
            let step_error = |source| RunError::Step { label: node.label.clone(), source };
            let ready = Ready::new(index, node.label.clone(), slot, spec, inputs).map_err(step_error)?;
            self.queues[slot.0].put(ready);
            self.in_flight += 1;
        }
        Ok(())
    }

    fn run_a_step(&mut self) -> Result<bool, RunError> {
        let Some((index, node, inputs)) = self.take_ready(|work| matches!(work, Work::Host { .. })) else {
            return Ok(false);
        };
        let Work::Host { outputs, step } = node.work else { return Ok(false) };
        let began = Instant::now();
        let made = step(inputs).and_then(|made| {
            let got = made.len();
            (got == outputs)
                .then_some(made)
                .ok_or_else(|| StepError(format!("{got} values, {outputs} promised")))
        });
        let made = made.map_err(|source| RunError::Step { label: node.label.clone(), source })?;
        self.observer.event(&Event::StepDone { label: &node.label, wall: began.elapsed() });
        for (output, value) in made.into_iter().enumerate() {
            self.values.0.insert(Port { node: index, output }, value);
        }
        Ok(true)
    }

    fn take_in(&mut self, finished: Finished) -> Result<(), RunError> {
        self.in_flight -= 1;
        match finished {
            Finished::Done { index, value, record } => {
                self.values.0.insert(Port { node: index, output: 0 }, value);
                self.records[index] = Some(*record);
                Ok(())
            }
            Finished::Failed { error: EngineError::Cancelled, .. } => Err(RunError::Cancelled),
            Finished::Failed { mut ready, slot, error } => match self.policy.fallback {
                Some(fallback) if fallback != slot && self.set.aside(fallback).is_none() => {
                    ready.slot = fallback;
                    self.queues[fallback.0].put(*ready);
                    self.in_flight += 1;
                    Ok(())
                }
                _ => {
                    let engine = self.set.name(slot).to_owned();
                    Err(RunError::Job { label: ready.label.clone(), engine, source: error })
                }
            },
        }
    }
}
