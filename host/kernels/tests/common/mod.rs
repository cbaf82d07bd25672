//! What the tests of this crate share. Each test program uses a part of it.
#![allow(dead_code, reason = "see above")]

use std::ops::Range;

use ark_bn254::{Fr, G1Affine, G2Affine};
use millrace_bn254::{FrCanonical, backend::Instructions};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, Resident};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

/// One thread and several, with all instructions that this processor has.
pub(crate) fn engines() -> Vec<CpuEngine> {
    let all = Instructions::all();
    for (name, found) in [("avx512", Instructions::avx512()), ("adx", Instructions::adx())] {
        if found.is_none() {
            println!("skipped: {name}: this processor lacks its instructions");
        }
    }
    all.into_iter().flat_map(|i| [1, 3].map(|threads| CpuEngine::with_instructions(threads, i))).collect()
}

/// Submits and waits.
pub(crate) fn run(engine: &dyn Engine, job: Job) -> Result<JobValue, EngineError> {
    engine.submit(job).and_then(|ticket| engine.wait(ticket)).map(|output| output.value)
}

/// Bases and scalars of an MSM.
pub(crate) struct MsmCase {
    pub(crate) resident: Resident,
    pub(crate) scalars: Vec<FrCanonical>,
    group: Group,
}

impl MsmCase {
    pub(crate) fn g1(bases: &[G1Affine], scalars: &[Fr]) -> Self {
        let resident = Resident::G1(bases.iter().map(Into::into).collect::<Vec<_>>().into());
        Self { resident, scalars: scalars.iter().map(|k| (*k).into()).collect(), group: Group::G1 }
    }

    pub(crate) fn g2(bases: &[G2Affine], scalars: &[Fr]) -> Self {
        let resident = Resident::G2(bases.iter().map(Into::into).collect::<Vec<_>>().into());
        Self { resident, scalars: scalars.iter().map(|k| (*k).into()).collect(), group: Group::G2 }
    }

    /// Compares the whole sum with the oracle's.
    pub(crate) fn check(&self, engine: &dyn Engine, name: &str) {
        self.check_with(&self.expected(), engine, name);
    }

    /// The oracle's whole sum, to be asked for once where several engines are compared with it.
    pub(crate) fn expected(&self) -> JobValue {
        self.sum(&OracleEngine::new(), 0..self.scalars.len())
    }

    /// Compares the whole sum with what [`MsmCase::expected`] gave.
    pub(crate) fn check_with(&self, expected: &JobValue, engine: &dyn Engine, name: &str) {
        assert_eq!(&self.sum(engine, 0..self.scalars.len()), expected, "{name}");
    }

    /// Compares the sum over a part of the bases with the oracle's.
    pub(crate) fn check_range(&self, engine: &dyn Engine, range: Range<usize>) {
        assert_eq!(self.sum(engine, range.clone()), self.sum(&OracleEngine::new(), range));
    }

    fn sum(&self, engine: &dyn Engine, range: Range<usize>) -> JobValue {
        let bases = engine.load(self.resident.clone()).unwrap();
        let scalars = self.scalars[..range.len()].into();
        let sum = run(engine, Job::Msm { group: self.group, bases, range, scalars }).unwrap();
        engine.unload(bases);
        sum
    }
}
