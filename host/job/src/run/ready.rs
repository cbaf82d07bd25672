//! A job with all its inputs, which can be submitted more than once.

use crate::{
    EngineError, EngineSlot, Group, Job, JobInput, JobKind, JobSpec, JobValue, Scalars, StepError, Value,
};

pub(super) struct Ready {
    pub(super) index: usize,
    pub(super) label: String,
    pub(super) planned: EngineSlot,
    /// Where it goes next.
    pub(super) slot: EngineSlot,
    pub(super) attempts: u32,
    pub(super) kind: JobKind,
    pub(super) input: JobInput,
}

impl Ready {
    /// Joins a spec with the values of its ports.
    pub(super) fn new(
        index: usize,
        label: String,
        slot: EngineSlot,
        spec: JobSpec,
        inputs: Vec<Value>,
    ) -> Result<Self, StepError> {
        let kind = spec.kind();
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().ok_or_else(|| StepError("a job without its input".to_owned()));
        let input = match spec {
            JobSpec::Msm { group, bases, range, scalars } => {
                let scalars = match scalars {
                    Scalars::From(_) => next()?.into_scalars()?,
                    Scalars::Given(scalars) => scalars,
                };
                JobInput::Msm { group, bases, range, scalars }
            }
            JobSpec::Ntt { direction, coset, .. } => {
                let values = next()?.into_values()?;
                JobInput::Ntt { direction, coset, values }
            }
            JobSpec::Quotient { .. } => {
                let (a, b) = next()?.into_rows()?;
                JobInput::Quotient { a, b }
            }
            JobSpec::Rows { matrix, witness } => JobInput::Rows { matrix, witness },
        };
        // Ready from here on, so that it is wiped should it be refused.
        let ready = Self { index, label, planned: slot, slot, attempts: 0, kind, input };
        match (&ready.input, kind) {
            (JobInput::Msm { scalars, .. }, JobKind::Msm { points, .. }) => {
                expect("scalars", points, scalars.len())?
            }
            (JobInput::Ntt { values, .. }, JobKind::Ntt { log_n, .. }) => {
                expect("values", 1 << log_n, values.len())?
            }
            (JobInput::Quotient { a, b }, JobKind::Quotient { log_n }) => {
                [a, b].into_iter().try_for_each(|values| expect("values", 1 << log_n, values.len()))?
            }
            _ => {}
        }
        Ok(ready)
    }

    /// Smaller is sooner: what the quotient waits for, then the rest in the order of the graph.
    pub(super) fn urgency(&self) -> (u8, usize) {
        let class = match self.input {
            JobInput::Rows { .. } => 0,
            JobInput::Ntt { .. } | JobInput::Quotient { .. } => 1,
            JobInput::Msm { .. } => 2,
        };
        (class, self.index)
    }

    /// The job for the engine in [`Ready::slot`]. With `last`, values move into it and there is no other attempt.
    pub(super) fn job(&mut self, last: bool) -> Result<Job, EngineError> {
        match &mut self.input {
            JobInput::Msm { group, bases, range, scalars } if last => Ok(Job::Msm {
                group: *group,
                bases: bases.on(self.slot)?,
                range: range.clone(),
                scalars: std::mem::take(scalars),
            }),
            JobInput::Ntt { direction, coset, values } if last => {
                Ok(Job::Ntt { direction: *direction, coset: *coset, values: std::mem::take(values) })
            }
            JobInput::Quotient { a, b } if last => {
                Ok(Job::Quotient { a: std::mem::take(a), b: std::mem::take(b) })
            }
            input => input.job(self.slot),
        }
    }

    /// Whether an answer has the form that this job asks for.
    pub(super) fn check(&self, engine: &str, value: &JobValue) -> Result<(), EngineError> {
        let (expected, fits) = match (&self.kind, value) {
            (JobKind::Msm { group: Group::G1, .. }, v) => {
                ("a G1 sum".to_owned(), matches!(v, JobValue::G1(_)))
            }
            (JobKind::Msm { group: Group::G2, .. }, v) => {
                ("a G2 sum".to_owned(), matches!(v, JobValue::G2(_)))
            }
            (JobKind::Ntt { log_n, .. }, v) => {
                (format!("2^{log_n} values"), matches!(v, JobValue::Values(v) if v.len() == 1 << log_n))
            }
            (JobKind::Quotient { log_n }, v) => {
                (format!("2^{log_n} scalars"), matches!(v, JobValue::Scalars(s) if s.len() == 1 << log_n))
            }
            (JobKind::Rows { rows }, v) => {
                let fits = matches!(v, JobValue::Rows { a, b } if a.len() == *rows && b.len() == *rows);
                (format!("two products of {rows} rows"), fits)
            }
        };
        if fits {
            return Ok(());
        }
        Err(EngineError::BadJob { engine: engine.to_owned(), expected, got: "another answer".to_owned() })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.input.wipe();
    }
}

fn expect(what: &str, expected: usize, got: usize) -> Result<(), StepError> {
    (got == expected).then_some(()).ok_or_else(|| StepError(format!("{got} {what}, expected {expected}")))
}
