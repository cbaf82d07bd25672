//! A job as the caller gives it → descriptors and the memory they speak of.

use std::sync::Arc;

use ark_ec::AffineRepr;
use millrace_bn254::G1Affine;
use millrace_job::{BufferId, EngineError, Group, Job, JobValue, wipe_values};

use crate::{
    flight::{Purpose, Tracked},
    residents::Bases,
    shared::Shared,
};

impl Shared {
    fn check_length(&self, values: usize) -> Result<(), EngineError> {
        if !values.is_power_of_two() {
            return Err(self.bad_job("a power of two of values", format!("{values}")));
        }
        if values.ilog2() > self.device.identity.ntt_log_max {
            return Err(self.unsupported(format!("a transform of {values} values")));
        }
        Ok(())
    }

    fn resident(&self, id: BufferId) -> Result<Arc<Bases>, EngineError> {
        let bases = self.residents.read().get(&id.0).cloned();
        bases.ok_or_else(|| self.bad_job("a resident buffer of this engine", format!("buffer {}", id.0)))
    }

    /// Checks the job against itself and the device, and stages it. With `dump`, an MSM ends after its buckets.
    pub(crate) fn prepare(&self, job: Job, dump: bool) -> Result<Tracked, EngineError> {
        let kind = job.kind();
        let ready = |value| Ok(Tracked::new(Purpose::Ready { kind, value }, Vec::new()));
        match job {
            Job::Msm { group: Group::G1, bases, range, scalars } => {
                let bases = self.resident(bases)?;
                if range.start > range.end || range.end > bases.len() {
                    let expected = format!("a range within {} bases", bases.len());
                    return Err(self.bad_job(expected, format!("{}..{}", range.start, range.end)));
                }
                if range.len() != scalars.len() {
                    return Err(
                        self.bad_job(format!("{} scalars", range.len()), format!("{}", scalars.len()))
                    );
                }
                if range.is_empty() && !dump {
                    return ready(JobValue::G1(G1Affine::zero()));
                }
                let max_points =
                    if dump { usize::MAX } else { self.device.common.config.max_points_per_job.max(1) };
                let pin = self.pin(&bases)?;
                let (work, first_points) = self.msm_work(&pin, &range, &scalars, max_points, dump)?;
                Ok(Tracked::new(
                    Purpose::Msm {
                        kind,
                        bases: Some(bases),
                        place: pin.trace(),
                        pin: Some(pin),
                        first_points,
                        scalars,
                    },
                    work,
                ))
            }
            Job::Ntt { values, .. } if values.len() == 1 => ready(JobValue::Values(values)),
            Job::Ntt { direction, coset, mut values } => {
                let work =
                    self.check_length(values.len()).and_then(|()| self.ntt_work(direction, coset, &values));
                wipe_values(&mut values);
                Ok(Tracked::new(Purpose::Ntt { kind }, vec![work?]))
            }
            Job::Msm { group: Group::G2, .. } => Err(self.unsupported("an MSM over G2")),
            Job::Quotient { mut a, mut b } => {
                [&mut a, &mut b].into_iter().for_each(|values| wipe_values(values));
                Err(self.unsupported("a quotient in one job"))
            }
            Job::Rows { .. } => Err(self.unsupported("sparse rows")),
        }
    }
}
