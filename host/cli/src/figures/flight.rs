//! Proofs a minute with two witnesses in flight, over one at a time, on one key.
//!
//! What is counted is what an operator runs for each: the witness is read from its file and checked, the proof made, checked and written as JSON.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
    time::Instant,
};

use millrace_prover::{LoadedKey, Prover};

use super::{
    Bar, Sheet,
    circuit::{self, Files, Kind},
    clock::processor_seconds,
    cpu::median,
};
use crate::{
    bench::proofs::once_from,
    device::{self, DeviceName, OpenOptions},
    exit::Failure,
    input,
    prove::{load_failure, prover},
};

/// Chains, log₂ of the domain, and proofs of a round.
const CHAINS: [(Kind, u32, usize); 5] = [
    (Kind::Bits, 16, 16),
    (Kind::FullWidth, 12, 48),
    (Kind::FullWidth, 14, 16),
    (Kind::FullWidth, 16, 8),
    (Kind::FullWidth, 18, 4),
];
/// Proofs of a round with the Semaphore key, which is of 2^13.
const SEMAPHORE_PROOFS: usize = 32;
const ROUNDS: usize = 7;
const IN_FLIGHT: usize = 2;
const BAR: f64 = 1.1;

/// A key on the CPU for so many proofs in flight, and the file of a witness for it.
struct Line<'a> {
    prover: Prover,
    key: LoadedKey,
    witness: &'a Path,
    in_flight: usize,
}

/// What each proof of a round took, in seconds.
struct Round {
    wall: f64,
    processor: f64,
}

impl Round {
    /// Processor time over wall and processors.
    fn used(&self) -> f64 {
        self.processor / (self.wall * available_parallelism().map_or(1, Into::into) as f64)
    }
}

impl<'a> Line<'a> {
    fn new(files: &'a Files, in_flight: usize) -> Result<Self, Failure> {
        let options = OpenOptions { in_flight: Some(in_flight), ..OpenOptions::default() };
        let prover = prover(&device::open(&DeviceName::Cpu, options)?, None, false);
        let key = prover.load(input::key(&files.key)?).map_err(load_failure)?.in_memory();
        Ok(Self { prover, key, witness: &files.witness, in_flight })
    }

    fn round(&self, proofs: usize) -> Result<Round, Failure> {
        let (processor, started) = (processor_seconds(), Instant::now());
        let left = AtomicUsize::new(proofs);
        let take =
            || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        std::thread::scope(|scope| {
            let flying = || {
                while take() {
                    once_from(&self.prover, &self.key, self.witness)?;
                }
                Ok(())
            };
            let threads: Vec<_> = (0..self.in_flight).map(|_| scope.spawn(flying)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a line does not panic"))
        })?;
        let each = |seconds: f64| seconds / proofs as f64;
        let wall = started.elapsed().as_secs_f64();
        Ok(Round { wall: each(wall), processor: each(processor_seconds() - processor) })
    }
}

pub(super) fn measure(sheet: &mut Sheet, folder: &Path, semaphore: &Files) -> Result<(), Failure> {
    of(sheet, "Semaphore", semaphore, SEMAPHORE_PROOFS)?;
    CHAINS.into_iter().try_for_each(|(kind, log_n, proofs)| {
        let what = kind.in_words();
        of(sheet, &format!("{what} 2^{log_n}"), &circuit::chain(folder, kind, log_n)?, proofs)
    })
}

/// One at a time has an engine of all threads; of two in flight each has a lane of half of them. u of all processors used by one at a time leave a gain of 1/u, times what a proof takes less of
/// processor time beside another.
fn of(sheet: &mut Sheet, what: &str, files: &Files, proofs: usize) -> Result<(), Failure> {
    let (one, two) = (Line::new(files, 1)?, Line::new(files, IN_FLIGHT)?);
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let pair = (one.round(proofs)?, two.round(proofs)?);
        if round > 0 {
            rounds.push(pair);
        }
    }
    let of_all = |value: fn(&(Round, Round)) -> f64| median(rounds.iter().map(value).collect());
    let (used, used_by_two) = (of_all(|(one, _)| one.used()), of_all(|(_, two)| two.used()));
    let less = of_all(|(one, two)| one.processor / two.processor);
    sheet.told(&format!("{what}, one at a time: processor time over wall"), used, "of all");
    sheet.told(&format!("{what}, two in flight: processor time over wall"), used_by_two, "of all");
    sheet.told(&format!("{what}, processor time of a proof: alone over in flight"), less, "times");
    let (a_minute, most) = (60.0 / of_all(|(_, two)| two.wall), less / used);
    let name = format!("{what}, two in flight ({a_minute:.0} a minute; at most {most:.2}) over one");
    sheet.line(&name, of_all(|(one, two)| one.wall / two.wall), "times", Bar::AtLeast(BAR));
    Ok(())
}
