//! Proofs a minute with two witnesses in flight, over one at a time, on one key.
//!
//! What is counted is what an operator runs for each: the witness is read from its file and checked, the proof made, checked and written as JSON.

use std::{path::Path, thread::available_parallelism, time::Instant};

use millrace_groth16::{proof_to_json, public_to_json};
use millrace_job::CancelToken;
use millrace_prover::{LoadedKey, Prover, Randomness};

use super::{
    Bar, Sheet,
    circuit::{self, Kind},
    clock::processor_seconds,
    cpu::median,
};
use crate::{
    device::{self, DeviceName, OpenOptions},
    exit::Failure,
    input,
    prove::{load_failure, prove_failure, prover},
};

/// log₂ of the domain, and proofs of a round.
const SIZES: [(u32, usize); 4] = [(12, 48), (14, 16), (16, 8), (18, 4)];
const ROUNDS: usize = 7;
const IN_FLIGHT: usize = 2;

/// A key, and the file of a witness for it.
struct Line<'a> {
    prover: &'a Prover,
    key: &'a LoadedKey,
    witness: &'a Path,
}

impl Line<'_> {
    fn one(&self) -> Result<(), Failure> {
        let witness = input::witness(self.witness)?;
        let (randomness, cancel) = (Randomness::Seed([7; 32]), CancelToken::default());
        let made = self.prover.prove(self.key, &witness, None, &randomness, &(), &cancel);
        let made = made.map_err(prove_failure)?;
        std::hint::black_box((proof_to_json(&made.proof), public_to_json(&made.publics)));
        Ok(())
    }

    /// Seconds that each of so many proofs takes, and processor time over wall and processors.
    fn round(&self, proofs: usize, in_flight: usize) -> Result<(f64, f64), Failure> {
        let (cpu, started) = (processor_seconds(), Instant::now());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..in_flight)
                .map(|_| scope.spawn(|| (0..proofs / in_flight).try_for_each(|_| self.one())))
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a line does not panic"))
        })?;
        let wall = started.elapsed().as_secs_f64();
        let processors = available_parallelism().map_or(1, Into::into) as f64;
        Ok((wall / proofs as f64, (processor_seconds() - cpu) / (wall * processors)))
    }
}

pub(super) fn measure(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    SIZES.into_iter().try_for_each(|(log_n, proofs)| of(sheet, folder, log_n, proofs))
}

/// How much of all processors one at a time uses is told: u of them leaves a gain of 1/u at most, however many are in flight.
fn of(sheet: &mut Sheet, folder: &Path, log_n: u32, proofs: usize) -> Result<(), Failure> {
    let files = circuit::chain(folder, Kind::FullWidth, log_n)?;
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false);
    let key = prover.load(input::key(&files.key)?).map_err(load_failure)?;
    let line = Line { prover: &prover, key: &key, witness: &files.witness };
    let (mut gains, mut used, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (alone, share) = line.round(proofs, 1)?;
        let (together, _) = line.round(proofs, IN_FLIGHT)?;
        if round > 0 {
            gains.push(alone / together);
            used.push(share);
            seconds.push(together);
        }
    }
    let used = median(used);
    sheet.told(&format!("full width 2^{log_n}, one at a time: processor time over wall"), used, "of all");
    let (a_minute, most) = (60.0 / median(seconds), 1.0 / used);
    let name =
        format!("full width 2^{log_n}, two in flight ({a_minute:.0} a minute; at most {most:.2}) over one");
    sheet.line(&name, median(gains), "times", Bar::AtLeast(1.1));
    Ok(())
}
