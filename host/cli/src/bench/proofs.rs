//! Whole proofs: engines in turn on one key and witness, arkworks' own prover beside them, and several witnesses in flight.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use millrace_bn254::FrCanonical;
use millrace_groth16::{Witness, proof_to_json, public_to_json};
use millrace_job::CancelToken;
use millrace_oracle::OracleProof;
use millrace_prover::{LoadedKey, Proved, Prover, Randomness};
use millrace_rivals::ArkworksKey;

use super::measure::{Sample, THROUGHPUT};
use crate::{
    device::Opened,
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prove_failure, prover},
    threads,
};

/// So many proofs at a time.
pub(super) fn in_words(in_flight: usize) -> String {
    match in_flight {
        1 => "a proof".to_owned(),
        many => format!("{many} proofs in flight"),
    }
}

const SEED: [u8; 32] = [7; 32];

pub(crate) fn once(prover: &Prover, key: &LoadedKey, witness: &Witness) -> Result<f64, Failure> {
    let started = Instant::now();
    let cancel = CancelToken::default();
    prover.prove(key, witness, None, &Randomness::Seed(SEED), &(), &cancel).map_err(prove_failure)?;
    Ok(started.elapsed().as_secs_f64())
}

/// As [`once`], with the witness read from its file and checked, and the proof written as JSON (to memory).
pub(crate) fn once_from(prover: &Prover, key: &LoadedKey, witness: &Path) -> Result<f64, Failure> {
    let started = Instant::now();
    made_from(prover, key, witness)?;
    Ok(started.elapsed().as_secs_f64())
}

/// The proof that [`once_from`] makes.
pub(crate) fn made_from(prover: &Prover, key: &LoadedKey, witness: &Path) -> Result<Proved, Failure> {
    let witness = input::witness(witness)?;
    let (randomness, cancel) = (Randomness::Seed(SEED), CancelToken::default());
    let made = prover.prove(key, &witness, None, &randomness, &(), &cancel).map_err(prove_failure)?;
    std::hint::black_box((proof_to_json(&made.proof), public_to_json(&made.publics)));
    Ok(made)
}

/// arkworks' own prover over the same files, read by its own reader.
pub(crate) struct Rival {
    key: ArkworksKey,
    witness: millrace_oracle::Witness,
    last: RefCell<Option<OracleProof>>,
}

impl Rival {
    /// Reads both files whole.
    pub(crate) fn read(key: &Path, witness: &Path) -> Result<Self, Failure> {
        let bytes = |path: &Path| std::fs::read(path).or_fail(Code::BadFile);
        let key = ArkworksKey::read(&bytes(key)?).or_fail(Code::BadFile)?;
        let witness = millrace_oracle::Witness::read(&bytes(witness)?).or_fail(Code::BadFile)?;
        Ok(Self { key, witness, last: RefCell::default() })
    }

    /// Seconds of one proof; the blinding is the one of our runs.
    pub(crate) fn once(&self) -> Result<f64, Failure> {
        let started = Instant::now();
        self.prove(&self.witness)?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Proves once more with ours: times of answers that differ are worth nothing.
    ///
    /// # Errors
    /// [`Code::Mismatch`] if the rival's last proof is not the same.
    pub(crate) fn agrees(&self, prover: &Prover, key: &LoadedKey, witness: &Witness) -> Result<(), Failure> {
        let (blinding, cancel) = (Randomness::Seed(SEED), CancelToken::default());
        let ours = prover.prove(key, witness, None, &blinding, &(), &cancel).map_err(prove_failure)?;
        self.made_the_same(&ours)
    }

    /// Fails with [`Code::Mismatch`] unless the rival's last proof is this one.
    pub(crate) fn made_the_same(&self, ours: &Proved) -> Result<(), Failure> {
        let (proof, publics) = (&ours.proof, &ours.publics);
        let same = self.last.borrow().as_ref().is_some_and(|theirs| {
            (theirs.a, theirs.b, theirs.c) == (proof.a, proof.b, proof.c)
                && theirs.publics.iter().map(|x| FrCanonical::from(*x)).eq(publics.iter().copied())
        });
        let message = "the proof differs from arkworks' of the same witness and the same r and s";
        if same { Ok(()) } else { Err(Failure::new(Code::Mismatch, message)) }
    }

    /// As [`Rival::once`], with the witness read from its file.
    pub(crate) fn once_from(&self, witness: &Path) -> Result<f64, Failure> {
        let started = Instant::now();
        let bytes = std::fs::read(witness).or_fail(Code::BadFile)?;
        self.prove(&millrace_oracle::Witness::read(&bytes).or_fail(Code::BadFile)?)?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn prove(&self, witness: &millrace_oracle::Witness) -> Result<(), Failure> {
        let blinding = Randomness::Seed(SEED).draw().map_err(prove_failure)?;
        let proof = self.key.prove(witness, blinding.r, blinding.s).or_fail(Code::BadFile)?;
        self.last.replace(Some(proof));
        Ok(())
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
    let provers = opened.iter().map(|o| prover(o, None, false));
    let provers = provers.collect::<Result<Vec<Prover>, Failure>>()?;
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
            if run == 0 {
                rival.agrees(prover, key, &witness)?;
            }
        }
    }
    Ok(samples)
}

/// Whole proofs one after the other and `lanes` at a time, on one key and in turn; a sample is the time for each proof of a round.
///
/// Witnesses are taken in turn, so that neighbours in flight differ where several were given.
pub(crate) fn throughput(
    opened: &Opened,
    key: &Path,
    witnesses: &[PathBuf],
    lanes: usize,
    runs: usize,
    told: &dyn Fn(&Sample),
) -> Result<Vec<Sample>, Failure> {
    const PROOFS_A_LANE: usize = 2;
    let prover = prover(opened, None, false)?;
    let key = prover.load(input::key(key)?).map_err(load_failure)?.in_memory();
    let witnesses = witnesses.iter().map(|w| input::witness(w)).collect::<Result<Vec<_>, _>>()?;
    let proofs = PROOFS_A_LANE * lanes;
    let flight = |lanes: usize| -> Result<f64, Failure> {
        let started = Instant::now();
        thread::scope(|scope| {
            let (prover, key, witnesses) = (&prover, &key, &witnesses);
            let lane = |first: usize| {
                move || {
                    (first..proofs)
                        .step_by(lanes)
                        .try_for_each(|i| once(prover, key, &witnesses[i % witnesses.len()]).map(|_| ()))
                }
            };
            let begin = |first| thread::Builder::new().spawn_scoped(scope, lane(first));
            let begun: Vec<_> = (0..lanes).map(begin).collect();
            // All that have begun end before this does, whether or not there are threads for the others.
            begun.into_iter().try_for_each(|thread| match thread {
                Ok(thread) => thread.join().expect("a lane does not panic"),
                Err(error) => Err(threads::none(&error)),
            })
        })?;
        Ok(started.elapsed().as_secs_f64() / proofs as f64)
    };
    let mut samples = Vec::new();
    for run in 0..=runs {
        for in_flight in [1, lanes] {
            let seconds = flight(in_flight)?;
            if run > 0 {
                let engine = opened.engine.name().to_owned();
                let run = run - 1;
                let sample = Sample {
                    kind: THROUGHPUT,
                    size: in_flight,
                    engine,
                    run,
                    seconds,
                    cycles: None,
                    issued: None,
                };
                told(&sample);
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}
