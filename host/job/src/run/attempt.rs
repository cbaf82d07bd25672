//! One job on one engine, as often as the policy allows.

use super::{JobRecord, Ready, RunPolicy};
use crate::{CancelToken, Digest, EngineError, EngineSet, EngineSlot, Event, JobOutput, Observer, Value};

/// The end of a job on an engine.
pub(super) enum Finished {
    Done { index: usize, value: Value, record: Box<JobRecord> },
    Failed { ready: Box<Ready>, slot: EngineSlot, error: EngineError },
}

#[derive(Clone, Copy)]
pub(super) struct Worker<'a> {
    pub(super) set: &'a EngineSet,
    pub(super) slot: EngineSlot,
    pub(super) policy: &'a RunPolicy,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancelToken,
    pub(super) stop: &'a CancelToken,
}

impl Worker<'_> {
    pub(super) fn run(&self, mut ready: Ready) -> Finished {
        let engine = self.set.name(self.slot);
        let mut tries_left = self.policy.retries;
        let nobody_else = self.policy.fallback.is_none_or(|f| f == self.slot);
        loop {
            if let Some(reason) = self.set.aside(self.slot) {
                // Somebody else judged it, perhaps for a while only: nothing new is known of it.
                let error = EngineError::DeviceLost { engine: engine.to_owned(), reason };
                self.observer.event(&Event::JobFailed { label: &ready.label, engine, error: &error });
                return Finished::Failed { ready: Box::new(ready), slot: self.slot, error };
            }
            let last = tries_left == 0 && nobody_else && !self.policy.keep_inputs;
            let error = match self.once(&mut ready, last) {
                Ok(output) => return self.done(&ready, output),
                Err(error) => error,
            };
            let cancelled = matches!(error, EngineError::Cancelled);
            if !cancelled {
                self.observer.event(&Event::JobFailed { label: &ready.label, engine, error: &error });
            }
            // Of several engines as one the last that does such jobs may just have gone: there is no use in asking again.
            let still_can = self.set.engine(self.slot).supports(&ready.kind);
            if error.is_transient() && still_can && tries_left > 0 {
                tries_left -= 1;
                continue;
            }
            match &error {
                EngineError::DeviceLost { reason, .. } => self.aside(reason, EngineSet::put_aside),
                // It says nothing against the engine: those behind it may be back for the next job.
                EngineError::Unavailable { .. } => {}
                error if error.is_transient() => self.aside(&error.to_string(), EngineSet::leave_alone),
                _ => {}
            }
            return Finished::Failed { ready: Box::new(ready), slot: self.slot, error };
        }
    }

    fn aside(&self, reason: &str, how: fn(&EngineSet, EngineSlot, String) -> bool) {
        if how(self.set, self.slot, reason.to_owned()) {
            self.observer.event(&Event::EngineAside { engine: self.set.name(self.slot), reason });
        }
    }

    fn once(&self, ready: &mut Ready, last: bool) -> Result<JobOutput, EngineError> {
        let engine = self.set.engine(self.slot);
        if !engine.supports(&ready.kind) {
            let what = format!("{:?}", ready.kind);
            return Err(EngineError::Unsupported { engine: engine.name().to_owned(), what });
        }
        ready.attempts += 1;
        self.observer.event(&Event::JobStarted {
            label: &ready.label,
            kind: ready.kind,
            engine: engine.name(),
        });
        let mut ticket = engine.submit(ready.job(last)?)?;
        loop {
            match engine.try_wait(ticket, self.policy.slice)? {
                Ok(output) => {
                    ready.check(engine.name(), &output.value)?;
                    return Ok(output);
                }
                Err(same) if self.cancel.is_cancelled() || self.stop.is_cancelled() => {
                    engine.cancel(same)?;
                    return Err(EngineError::Cancelled);
                }
                Err(same) => ticket = same,
            }
        }
    }

    fn done(&self, ready: &Ready, output: JobOutput) -> Finished {
        let JobOutput { value, mut report } = output;
        // What the graph knows is exact also where an engine reports a kind without its size.
        report.kind = ready.kind;
        self.observer.event(&Event::JobDone { label: &ready.label, report: &report });
        let record = JobRecord {
            label: ready.label.clone(),
            planned: ready.planned,
            ran: self.slot,
            attempts: ready.attempts,
            digest: self.policy.digests.then(|| Digest::of(&value)),
            input: self.policy.keep_inputs.then(|| ready.input.clone()),
            report,
        };
        Finished::Done { index: ready.index, value: value.into(), record: Box::new(record) }
    }
}
