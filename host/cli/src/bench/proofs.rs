//! Whole proofs: engines in turn on one key and witness, arkworks' own prover beside them, and several witnesses in flight.

use std::{path::Path, time::Instant};

use millrace_groth16::Witness;
use millrace_job::CancelToken;
use millrace_prover::{LoadedKey, Prover, Randomness};
use millrace_rivals::ArkworksKey;

use super::measure::Sample;
use crate::{
    args::DeviceName,
    device::{self, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prove_failure, prover},
};

const SEED: [u8; 32] = [7; 32];

pub(crate) fn once(prover: &Prover, key: &LoadedKey, witness: &Witness) -> Result<f64, Failure> {
    let started = Instant::now();
    let cancel = CancelToken::default();
    prover.prove(key, witness, None, &Randomness::Seed(SEED), &(), &cancel).map_err(prove_failure)?;
    Ok(started.elapsed().as_secs_f64())
}

/// arkworks' own prover over the same files, read by its own reader.
pub(crate) struct Rival {
    key: ArkworksKey,
    witness: millrace_oracle::Witness,
}

impl Rival {
    /// Reads both files whole.
    pub(crate) fn read(key: &Path, witness: &Path) -> Result<Self, Failure> {
        let bytes = |path: &Path| std::fs::read(path).or_fail(Code::BadFile);
        let key = ArkworksKey::read(&bytes(key)?).or_fail(Code::BadFile)?;
        Ok(Self { key, witness: millrace_oracle::Witness::read(&bytes(witness)?).or_fail(Code::BadFile)? })
    }

    /// Seconds of one proof; the blinding is the one of our runs.
    pub(crate) fn once(&self) -> Result<f64, Failure> {
        let blinding = Randomness::Seed(SEED).draw().map_err(prove_failure)?;
        let started = Instant::now();
        self.key.prove(&self.witness, blinding.r, blinding.s).or_fail(Code::BadFile)?;
        Ok(started.elapsed().as_secs_f64())
    }
}

/// Times whole proofs, key ready, one run not counted; arkworks' own prover takes its turn.
pub(super) fn time(
    opened: &[Opened],
    key: &Path,
    witness: &Path,
    runs: usize,
    told: &dyn Fn(&Sample),
) -> Result<Vec<Sample>, Failure> {
    let rival = Rival::read(key, witness)?;
    let witness = input::witness(witness)?;
    let provers: Vec<Prover> = opened.iter().map(|o| prover(o, None, false)).collect();
    let keys = provers
        .iter()
        .map(|p| p.load(input::key(key)?).map_err(load_failure))
        .collect::<Result<Vec<_>, _>>()?;
    let size = input::key(key)?.header().domain_size as usize;
    let mut samples = Vec::new();
    let mut keep = |run: usize, engine: &str, seconds| {
        if run > 0 {
            let engine = engine.to_owned();
            let sample =
                Sample { kind: "proof", size, engine, run: run - 1, seconds, cycles: None, issued: None };
            told(&sample);
            samples.push(sample);
        }
    };
    for run in 0..=runs {
        keep(run, "arkworks", rival.once()?);
        for ((opened, prover), key) in opened.iter().zip(&provers).zip(&keys) {
            keep(run, opened.engine.name(), once(prover, key, &witness)?);
        }
    }
    Ok(samples)
}

/// Proofs a minute.
pub(super) struct Throughput {
    /// One witness at a time.
    pub(super) one: f64,
    /// Two witnesses in flight on one key.
    pub(super) two: f64,
}

/// Proofs a minute on the CPU, one witness at a time and two in flight, in turn; the medians.
pub(super) fn throughput(key: &Path, witness: &Path, runs: usize) -> Result<Throughput, Failure> {
    const PROOFS: usize = 4;
    let opened = device::open(DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false);
    let key = prover.load(input::key(key)?).map_err(load_failure)?;
    let witness = input::witness(witness)?;
    let flight = |lanes: usize| -> Result<f64, Failure> {
        let started = Instant::now();
        std::thread::scope(|scope| {
            let lane = || (0..PROOFS / lanes).try_for_each(|_| once(&prover, &key, &witness).map(|_| ()));
            let threads: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
            threads.into_iter().try_for_each(|t| t.join().expect("a lane does not panic"))
        })?;
        Ok(60.0 * PROOFS as f64 / started.elapsed().as_secs_f64())
    };
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let mut rates = (Vec::new(), Vec::new());
    flight(1)?;
    for _ in 0..runs {
        rates.0.push(flight(1)?);
        rates.1.push(flight(2)?);
    }
    Ok(Throughput { one: median(rates.0), two: median(rates.1) })
}
