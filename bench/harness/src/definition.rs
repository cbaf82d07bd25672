//! The cases of `bench/definitions/jobs.json`.

use millrace_bn254::{G1Affine, G2Affine};
use millrace_job::{Engine, EngineError, Group, Job, NttDirection, Resident};
use serde::Deserialize;

use crate::{Scalars, encoded, points};

/// One job to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "job", rename_all = "lowercase", deny_unknown_fields)]
pub enum Case {
    /// A sum of 2^log_n products.
    Msm {
        /// The group.
        #[serde(with = "GroupName")]
        group: Group,
        /// log₂ of the number of points.
        log_n: u32,
        /// The distribution of the scalars.
        scalars: Scalars,
    },
    /// A transform of 2^log_n values.
    Ntt {
        /// log₂ of the length.
        log_n: u32,
        /// Direction.
        #[serde(with = "DirectionName")]
        direction: NttDirection,
        /// Whether the coset shift is applied.
        coset: bool,
    },
}

#[derive(Deserialize)]
#[serde(remote = "Group")]
enum GroupName {
    G1,
    G2,
}

#[derive(Deserialize)]
#[serde(remote = "NttDirection")]
enum DirectionName {
    Forward,
    Inverse,
}

/// The input of a case, made once and lent to every competitor.
pub struct Input {
    resident: Option<Resident>,
    job: Job,
}

impl Case {
    /// All cases of the file.
    ///
    /// # Panics
    /// If the file, which is compiled in, is malformed.
    pub fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../definitions/jobs.json")).expect("a well-formed definition")
    }

    /// The case in words.
    pub fn name(&self) -> String {
        match self {
            Self::Msm { group, log_n, scalars } => format!("msm {group:?} 2^{log_n} {scalars:?}"),
            Self::Ntt { log_n, direction, coset } => {
                format!("ntt 2^{log_n} {direction:?}{}", if *coset { " coset" } else { "" })
            }
        }
    }

    /// Makes the input.
    pub fn input(&self) -> Input {
        match *self {
            Self::Msm { group, log_n, scalars } => {
                let n = 1 << log_n;
                let resident = match group {
                    Group::G1 => {
                        Resident::G1(points::<G1Affine>(n).iter().map(Into::into).collect::<Vec<_>>().into())
                    }
                    Group::G2 => {
                        Resident::G2(points::<G2Affine>(n).iter().map(Into::into).collect::<Vec<_>>().into())
                    }
                };
                let scalars = encoded(&scalars.make(n)).into();
                let bases = millrace_job::BufferId(0);
                Input { resident: Some(resident), job: Job::Msm { group, bases, range: 0..n, scalars } }
            }
            Self::Ntt { log_n, direction, coset } => {
                let values = Scalars::Random.make(1 << log_n);
                Input { resident: None, job: Job::Ntt { direction, coset, values } }
            }
        }
    }
}

impl Input {
    /// The job, its bases made resident on `engine`.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn job_for(&self, engine: &dyn Engine) -> Result<Job, EngineError> {
        let mut job = self.job.clone();
        if let (Job::Msm { bases, .. }, Some(resident)) = (&mut job, &self.resident) {
            *bases = engine.load(resident.clone())?;
        }
        Ok(job)
    }
}

#[cfg(test)]
mod tests {
    use millrace_kernels::CpuEngine;
    use millrace_oracle::OracleEngine;

    use super::Case;
    use crate::run;

    #[test]
    fn cases_have_names_of_their_own() {
        let mut names: Vec<String> = Case::all().iter().map(Case::name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert!(all > 0 && names.len() == all);
    }

    #[test]
    fn competitors_agree_on_the_small_cases() {
        let small =
            |case: &Case| matches!(case, Case::Msm { log_n: ..12, .. } | Case::Ntt { log_n: ..12, .. });
        for case in Case::all().into_iter().filter(small) {
            let input = case.input();
            let [ours, theirs] = [&CpuEngine::new() as &dyn millrace_job::Engine, &OracleEngine::new()]
                .map(|engine| run(engine, input.job_for(engine).unwrap()).unwrap().value);
            assert!(ours == theirs, "{}", case.name());
        }
    }
}
