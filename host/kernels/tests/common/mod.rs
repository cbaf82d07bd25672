//! What the tests of this crate share. Each test program uses a part of it.
#![allow(dead_code, reason = "see above")]

use std::{ops::Range, sync::OnceLock};

use ark_bn254::{Fr, G1Affine, G2Affine};
use millrace_bn254::{FrCanonical, backend::Instructions};
use millrace_job::{Engine, EngineError, Group, Job, JobValue, Resident};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

/// With all instructions that this processor has: one thread, where scalars are cut into halves if it pays, and several, where they are if they can be.
pub(crate) fn engines() -> Vec<CpuEngine> {
    let all = Instructions::all();
    for (name, found) in [("avx512", Instructions::avx512()), ("adx", Instructions::adx())] {
        if found.is_none() {
            println!("skipped: {name}: this processor lacks its instructions");
        }
    }
    let with = |i, (threads, halves)| {
        let engine = CpuEngine::with_instructions(threads, i);
        if halves { engine.with_halves(true) } else { engine }
    };
    all.into_iter().flat_map(|i| [(1, false), (3, true)].map(|how| with(i, how))).collect()
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
    /// The oracle's sum of all.
    expected: OnceLock<JobValue>,
}

impl MsmCase {
    pub(crate) fn g1(bases: &[G1Affine], scalars: &[Fr]) -> Self {
        let resident = Resident::G1(bases.iter().map(Into::into).collect::<Vec<_>>().into());
        Self {
            resident,
            scalars: scalars.iter().map(|k| (*k).into()).collect(),
            group: Group::G1,
            expected: OnceLock::new(),
        }
    }

    pub(crate) fn g2(bases: &[G2Affine], scalars: &[Fr]) -> Self {
        let resident = Resident::G2(bases.iter().map(Into::into).collect::<Vec<_>>().into());
        Self {
            resident,
            scalars: scalars.iter().map(|k| (*k).into()).collect(),
            group: Group::G2,
            expected: OnceLock::new(),
        }
    }

    /// Compares the whole sum with the oracle's.
    pub(crate) fn check(&self, engine: &dyn Engine, name: &str) {
        let all = 0..self.scalars.len();
        let expected = self.expected.get_or_init(|| self.sum(&OracleEngine::new(), all.clone()));
        assert_eq!(self.sum(engine, all), *expected, "{name}");
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
