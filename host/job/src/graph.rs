//! Jobs and host steps that feed each other.

use std::{ops::Range, sync::Arc};

use crate::{EngineSlot, Group, JobKind, NttDirection, Placed, ScalarSlice, StepError, Value};

/// One output of a node. A port feeds at most one input: values move, they are not copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Port {
    pub(crate) node: usize,
    pub(crate) output: usize,
}

/// Where the scalars of an MSM come from.
#[derive(Clone)]
pub enum Scalars {
    /// Values that are there already.
    Given(ScalarSlice),
    /// A [`Value::Scalars`] made by an earlier node.
    From(Port),
}

/// A job whose inputs may still have to be made.
#[derive(Clone)]
pub enum JobSpec {
    /// See [`crate::Job::Msm`].
    Msm {
        /// The group.
        group: Group,
        /// Bases.
        bases: Arc<Placed>,
        /// Which of the bases.
        range: Range<usize>,
        /// As many scalars.
        scalars: Scalars,
    },
    /// See [`crate::Job::Ntt`].
    Ntt {
        /// Direction.
        direction: NttDirection,
        /// Whether the coset shift is applied.
        coset: bool,
        /// log₂ of the length.
        log_n: u32,
        /// A [`Value::Values`] of that length.
        values: Port,
    },
    /// See [`crate::Job::Quotient`].
    Quotient {
        /// log₂ of the length.
        log_n: u32,
        /// A [`Value::Rows`] of that length.
        rows: Port,
    },
    /// See [`crate::Job::Rows`].
    Rows {
        /// A matrix.
        matrix: Arc<Placed>,
        /// The full witness.
        witness: ScalarSlice,
    },
}

impl JobSpec {
    /// Kind and size.
    pub fn kind(&self) -> JobKind {
        match self {
            JobSpec::Msm { group, range, .. } => JobKind::Msm { group: *group, points: range.len() },
            JobSpec::Ntt { direction, coset, log_n, .. } => {
                JobKind::Ntt { log_n: *log_n, direction: *direction, coset: *coset }
            }
            JobSpec::Quotient { log_n, .. } => JobKind::Quotient { log_n: *log_n },
            JobSpec::Rows { matrix, .. } => JobKind::Rows { rows: matrix.len() },
        }
    }

    pub(crate) fn inputs(&self) -> Vec<Port> {
        match self {
            JobSpec::Msm { scalars: Scalars::From(port), .. }
            | JobSpec::Ntt { values: port, .. }
            | JobSpec::Quotient { rows: port, .. } => vec![*port],
            JobSpec::Msm { .. } | JobSpec::Rows { .. } => Vec::new(),
        }
    }
}

pub(crate) type Step<'a> = Box<dyn FnOnce(Vec<Value>) -> Result<Vec<Value>, StepError> + Send + 'a>;

pub(crate) enum Work<'a> {
    Job { slot: EngineSlot, spec: JobSpec },
    Host { outputs: usize, step: Step<'a> },
}

pub(crate) struct Node<'a> {
    pub(crate) label: String,
    pub(crate) inputs: Vec<Port>,
    pub(crate) work: Work<'a>,
}

/// A graph of jobs and host steps. Built front to back, so it has no cycles.
#[derive(Default)]
pub struct JobGraph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    used: Vec<Port>,
}

impl<'a> JobGraph<'a> {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a job for the engine in `slot`; its port carries the answer.
    ///
    /// # Panics
    /// If a port does not exist or is used already: a mistake of the planner, not of its input.
    pub fn job(&mut self, label: impl Into<String>, slot: EngineSlot, spec: JobSpec) -> Port {
        let inputs = spec.inputs();
        self.add(label.into(), inputs, Work::Job { slot, spec })
    }

    /// Adds work for the host: `step` gets the values of `inputs` in order and gives `outputs` values.
    ///
    /// # Panics
    /// As [`JobGraph::job`].
    pub fn host(
        &mut self,
        label: impl Into<String>,
        inputs: &[Port],
        outputs: usize,
        step: impl FnOnce(Vec<Value>) -> Result<Vec<Value>, StepError> + Send + 'a,
    ) -> Vec<Port> {
        let first = self.add(label.into(), inputs.to_vec(), Work::Host { outputs, step: Box::new(step) });
        (0..outputs).map(|output| Port { output, ..first }).collect()
    }

    fn add(&mut self, label: String, inputs: Vec<Port>, work: Work<'a>) -> Port {
        for port in &inputs {
            let outputs = self.nodes.get(port.node).map_or(0, |node| match node.work {
                Work::Job { .. } => 1,
                Work::Host { outputs, .. } => outputs,
            });
            assert!(port.output < outputs, "{label}: its input does not exist");
            assert!(!self.used.contains(port), "{label}: its input is used already");
            self.used.push(*port);
        }
        self.nodes.push(Node { label, inputs, work });
        Port { node: self.nodes.len() - 1, output: 0 }
    }

    /// Sends every job to one engine: the same work, for comparison.
    pub fn pin(&mut self, to: EngineSlot) {
        for node in &mut self.nodes {
            if let Work::Job { slot, .. } = &mut node.work {
                *slot = to;
            }
        }
    }

    /// Label, engine and kind of every job, in the order in which they were added.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, EngineSlot, JobKind)> {
        self.nodes.iter().filter_map(|node| match &node.work {
            Work::Job { slot, spec } => Some((node.label.as_str(), *slot, spec.kind())),
            Work::Host { .. } => None,
        })
    }
}
