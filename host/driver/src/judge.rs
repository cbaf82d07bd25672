//! What came back → output or typed error. Nothing that the device wrote is believed unseen.

use std::time::Duration;

use millrace_bn254::{Fr, FrCanonical};
use millrace_job::{BucketDump, DeviceCycles, EngineError, JobOutput, JobReport, JobValue};
use millrace_regs::{Cause, Completion};
use zeroize::Zeroizing;

use crate::{
    digest::Digest,
    fault::DeviceFault,
    flight::{Output, Part, PartState, Purpose, Tracked},
    msm, ntt,
    shared::Shared,
};

/// What a device wrote: wiped when dropped, as values of a transform come from a witness.
type Bytes = Zeroizing<Vec<u8>>;

/// The results of all parts, one after the other.
fn joined(results: &[Bytes]) -> Bytes {
    let mut all = Bytes::new(Vec::with_capacity(results.iter().map(|part| part.len()).sum()));
    results.iter().for_each(|part| all.extend_from_slice(part));
    all
}

impl Shared {
    /// Judges what came back. Outputs are read here, outside the engine's lock, and wiped with the ticket.
    ///
    /// After a failure they are unmapped as well: a completion that came too early, or was never the device's, looks like any other, and a device
    /// that still writes must not hit memory of the next job.
    pub(crate) fn judge(&self, tracked: Tracked) -> Result<JobOutput, EngineError> {
        let Tracked { purpose, mut parts, wall, .. } = tracked;
        let outcome = self.judge_parts(purpose, &parts, wall);
        if outcome.is_err() {
            unmap_outputs(&mut parts);
        }
        outcome
    }

    fn judge_parts(
        &self,
        purpose: Purpose,
        parts: &[Part],
        wall: Duration,
    ) -> Result<JobOutput, EngineError> {
        let job_id = |part: usize| parts.get(part).map_or(0, Part::job_id);
        let range =
            |part, position| DeviceFault::Untrue { job_id: job_id(part), what: "RESULT_RANGE", position };
        let (kind, value) = match purpose {
            Purpose::Ready { kind, value } => (kind, value),
            Purpose::Msm { kind, place, first_points, scalars, .. } => {
                let sum = self.read_parts(parts).and_then(|results| {
                    let points = results.iter().enumerate();
                    let points: Result<Vec<_>, _> =
                        points.map(|(i, b)| msm::decode_point(b).ok_or_else(|| (i, range(i, 0)))).collect();
                    points.map(|points| msm::sum(&points))
                });
                let sum = sum.map_err(|(part, fault)| {
                    if fault.blames_memory() {
                        place.distrust();
                    }
                    self.msm_error(first_points.get(part).copied().unwrap_or(0), &scalars, fault)
                })?;
                (kind, JobValue::G1(sum))
            }
            Purpose::Ntt { kind } => {
                let values = self.read_values(parts.first());
                let values = values.map_err(|fault| self.count(fault).into_error(&self.name))?;
                (kind, JobValue::Values(values))
            }
            Purpose::Copy { .. } => {
                return Err(self.bad_job("the ticket of a job", "the ticket of an upload"));
            }
        };
        let report = JobReport { engine: self.name.clone(), kind, wall, cycles: Some(cycles(parts)) };
        Ok(JobOutput { value, report })
    }

    /// As [`Shared::judge`], for an MSM that stopped after its buckets.
    pub(crate) fn judge_dump(&self, tracked: Tracked) -> Result<BucketDump, EngineError> {
        let Tracked { purpose: Purpose::Msm { place, scalars, .. }, mut parts, .. } = tracked else {
            return Err(self.bad_job("the ticket of a dump", "the ticket of another job"));
        };
        let job_id = parts.first().map_or(0, Part::job_id);
        let dump = self.read_parts(&parts).and_then(|results| {
            let judged = self.decode_dump(&joined(&results));
            judged.map_err(|position| (0, DeviceFault::Untrue { job_id, what: "RESULT_RANGE", position }))
        });
        if dump.is_err() {
            unmap_outputs(&mut parts);
        }
        dump.map_err(|(_, fault)| {
            if fault.blames_memory() {
                place.distrust();
            }
            self.msm_error(0, &scalars, fault)
        })
    }

    /// The outputs of all parts, or the part that failed first and why; parts that were dropped for another's sake say
    /// less than that other one.
    fn read_parts(&self, parts: &[Part]) -> Result<Vec<Bytes>, (usize, DeviceFault)> {
        let mut outputs = Vec::with_capacity(parts.len());
        let mut dropped = None;
        for (i, part) in parts.iter().enumerate() {
            let output = match &part.state {
                PartState::Done(completion) => self.read_output(part.work.output.as_ref(), completion),
                PartState::Failed(fault) => Err(fault.clone()),
                PartState::Pending | PartState::InFlight => Err(DeviceFault::Dropped),
            };
            match output {
                Ok(output) => outputs.push(output),
                Err(DeviceFault::Dropped) => dropped = Some((i, DeviceFault::Dropped)),
                Err(fault) => return Err((i, fault)),
            }
        }
        dropped.map_or(Ok(outputs), Err)
    }

    /// The values of a transform, which has one part.
    fn read_values(&self, part: Option<&Part>) -> Result<Vec<Fr>, DeviceFault> {
        let (completion, output) = match part.map(|part| (&part.state, &part.work.output)) {
            Some((PartState::Done(completion), Some(output))) => (completion, output),
            Some((PartState::Failed(fault), _)) => return Err(fault.clone()),
            _ => return Err(DeviceFault::Dropped),
        };
        let job_id = completion.job_id;
        ntt::read_values(output, completion.digest).map_err(|bad| match bad {
            ntt::BadValues::Digest => self.wrong_digest(job_id),
            ntt::BadValues::Range(position) => DeviceFault::Untrue { job_id, what: "RESULT_RANGE", position },
        })
    }

    fn wrong_digest(&self, job_id: u32) -> DeviceFault {
        self.device.anomalies.lock().wrong_digests += 1;
        DeviceFault::Untrue { job_id, what: "RESULT_DIGEST", position: 0 }
    }

    fn read_output(&self, output: Option<&Output>, completion: &Completion) -> Result<Bytes, DeviceFault> {
        let mut bytes = Bytes::new(vec![0; output.map_or(0, |o| o.len_bytes)]);
        if let Some(output) = output {
            output.staging.read(0, &mut bytes);
        }
        if Digest::of(&bytes).value() == completion.digest {
            return Ok(bytes);
        }
        Err(self.wrong_digest(completion.job_id))
    }

    fn count(&self, fault: DeviceFault) -> DeviceFault {
        if matches!(fault, DeviceFault::Untrue { what: "RESULT_RANGE", .. }) {
            self.device.anomalies.lock().wrong_results += 1;
        }
        fault
    }

    /// Positions are given as the caller counts, from the first scalar of the whole job.
    fn msm_error(&self, first: usize, scalars: &[FrCanonical], fault: DeviceFault) -> EngineError {
        let fault = match self.count(fault) {
            DeviceFault::Status { job_id, code, position } => {
                let whole = position.saturating_add(first as u64);
                match Cause::try_from(code) {
                    Ok(Cause::ScalarRange) if msm::is_bad_scalar(scalars, whole) => {
                        return EngineError::BadValue { what: "scalar", position: whole };
                    }
                    Ok(Cause::ScalarRange | Cause::PointRange) => {
                        DeviceFault::Status { job_id, code, position: whole }
                    }
                    _ => DeviceFault::Status { job_id, code, position },
                }
            }
            other => other,
        };
        fault.into_error(&self.name)
    }
}

/// For a device that may still be writing there.
fn unmap_outputs(parts: &mut [Part]) {
    let outputs = parts.iter_mut().filter_map(|part| part.work.output.take());
    outputs.for_each(|output| output.staging.unmap());
}

/// The counters of all parts together.
fn cycles(parts: &[Part]) -> DeviceCycles {
    let mut sum = DeviceCycles::default();
    for part in parts {
        if let PartState::Done(completion) = &part.state {
            sum.total = sum.total.saturating_add(completion.cycles);
            sum.stalled = sum.stalled.saturating_add(completion.stalled);
            sum.bubbles = sum.bubbles.saturating_add(completion.bubbles);
            sum.issued = sum.issued.saturating_add(completion.issued);
        }
    }
    sum
}
