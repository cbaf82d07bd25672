//! What a proof took.

use std::time::Duration;

use millrace_job::{DeviceCycles, EngineSet, JobKind, JobRecord};

use crate::Blame;

/// One job of a proof.
#[derive(Debug, Clone)]
pub struct JobLine {
    /// Name within the proof: `msm A`, `ntt b coset`, `msm H 1/2`.
    pub label: String,
    /// Kind and size.
    pub kind: JobKind,
    /// The engine that the plan had in mind.
    pub planned: String,
    /// The engine that did it.
    pub engine: String,
    /// How often it was tried.
    pub attempts: u32,
    /// From submission to result.
    pub wall: Duration,
    /// The device's counters, where there is a device.
    pub cycles: Option<DeviceCycles>,
}

/// All jobs of a proof, and what else happened.
#[derive(Debug, Clone)]
pub struct ProofReport {
    /// The jobs in the order of the plan.
    pub jobs: Vec<JobLine>,
    /// From the call to the checked proof.
    pub wall: Duration,
    /// Of these, the pairing check.
    pub check: Duration,
    /// Engines that have been put aside by now, and why.
    pub aside: Vec<(String, String)>,
    /// The wrong answer that was found. The proof is then the trusted engine's; `jobs` still lists the first run.
    pub blame: Option<Blame>,
}

impl ProofReport {
    pub(crate) fn new(set: &EngineSet, jobs: &[JobRecord], wall: Duration, check: Duration) -> Self {
        // Of several engines that act as one, the one that did it.
        let engine = |record: &JobRecord| record.report.engine.clone();
        let line = |record: &JobRecord| JobLine {
            label: record.label.clone(),
            kind: record.report.kind,
            planned: if record.planned == record.ran {
                engine(record)
            } else {
                set.name(record.planned).to_owned()
            },
            engine: engine(record),
            attempts: record.attempts,
            wall: record.report.wall,
            cycles: record.report.cycles,
        };
        let aside = set.slots().filter_map(|s| Some((set.name(s).to_owned(), set.aside(s)?))).collect();
        Self { jobs: jobs.iter().map(line).collect(), wall, check, aside, blame: None }
    }

    /// Jobs that another engine did than the plan had in mind.
    pub fn moved(&self) -> impl Iterator<Item = &JobLine> {
        self.jobs.iter().filter(|job| job.planned != job.engine)
    }
}
