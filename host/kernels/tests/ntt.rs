//! Transforms of the CPU engine against the oracle's.

mod common;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use ark_std::test_rng;
use common::{engines, run};
use millrace_bn254::backend::Instructions;
use millrace_job::{EngineError, Job, JobValue, NttDirection};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

const MODES: [(NttDirection, bool); 4] = [
    (NttDirection::Forward, false),
    (NttDirection::Forward, true),
    (NttDirection::Inverse, false),
    (NttDirection::Inverse, true),
];

#[test]
fn every_size_and_mode() {
    let mut rng = test_rng();
    let oracle = OracleEngine::new();
    for engine in engines() {
        for log_n in 0..=14 {
            let mut values: Vec<Fr> = (0..1 << log_n).map(|_| Fr::rand(&mut rng)).collect();
            for (i, value) in values.iter_mut().enumerate().take(8) {
                *value = [Fr::zero(), Fr::one(), -Fr::one(), *value][i % 4];
            }
            for (direction, coset) in MODES {
                let job = Job::Ntt { direction, coset, values: values.clone() };
                let expected = run(&oracle, job.clone()).unwrap();
                assert!(run(&engine, job).unwrap() == expected, "2^{log_n}, {direction:?}, coset {coset}");
            }
        }
    }
}

/// Beyond the size up to which engines keep memory. Random values in every mode, and once the same large one everywhere.
#[test]
fn transforms_of_large_proofs() {
    const LOG_N: u32 = 18;
    let mut rng = test_rng();
    let random: Vec<Fr> = (0..1 << LOG_N).map(|_| Fr::rand(&mut rng)).collect();
    let oracle = OracleEngine::new();
    for ((direction, coset), values) in
        MODES.into_iter().cycle().zip([&random, &random, &random, &random, &vec![-Fr::one(); 1 << LOG_N]])
    {
        let job = Job::Ntt { direction, coset, values: values.clone() };
        let expected = run(&oracle, job.clone()).unwrap();
        for instructions in Instructions::all() {
            let engine = CpuEngine::with_instructions(2, instructions);
            let name = instructions.name();
            assert!(run(&engine, job.clone()).unwrap() == expected, "{name}, {direction:?}, coset {coset}");
        }
    }
}

#[test]
fn extreme_values() {
    let oracle = OracleEngine::new();
    for engine in engines() {
        for value in [Fr::zero(), Fr::one(), -Fr::one()] {
            for (direction, coset) in MODES {
                let job = Job::Ntt { direction, coset, values: vec![value; 1 << 12] };
                assert!(run(&engine, job.clone()).unwrap() == run(&oracle, job).unwrap());
            }
        }
    }
}

#[test]
fn there_and_back() {
    let mut rng = test_rng();
    let engine = CpuEngine::with_threads(2);
    let values: Vec<Fr> = (0..1 << 16).map(|_| Fr::rand(&mut rng)).collect();
    for coset in [false, true] {
        let forward = Job::Ntt { direction: NttDirection::Forward, coset, values: values.clone() };
        let JobValue::Values(there) = run(&engine, forward).unwrap() else { panic!("values come back") };
        let back = Job::Ntt { direction: NttDirection::Inverse, coset, values: there };
        assert!(run(&engine, back).unwrap() == JobValue::Values(values.clone()));
    }
}

#[test]
fn lengths_that_are_no_power_of_two_are_refused() {
    let engine = CpuEngine::with_threads(1);
    for n in [0, 3, 6, 1023] {
        let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values: vec![Fr::one(); n] };
        assert!(matches!(run(&engine, job), Err(EngineError::BadJob { .. })));
    }
}
