//! Proofs a minute with two witnesses in flight, over one at a time, on one key.
//!
//! What is counted is what an operator runs for each: the witness is read from its file and checked, the proof made, checked and written as JSON. Two witnesses of
//! the key take turns, so neighbours in flight differ; every proof is compared with arkworks' of its witness.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use millrace_prover::{LoadedKey, Proved, Prover};

use super::{
    Bar, Sheet,
    circuit::{self, Files, Kind},
    clock::processor_seconds,
    cpu::median,
};
use crate::{
    bench::proofs::{Rival, made_from},
    device::{self, DeviceName, OpenOptions},
    exit::Failure,
    input,
    prove::{load_failure, prover},
    threads,
};

/// Chains, log₂ of the domain, and proofs of a round: many, as at its end one of two may be without a proof for up to the time of one, and operators' rounds do not end.
const CHAINS: [(Kind, u32, usize); 5] = [
    (Kind::Bits, 16, 48),
    (Kind::FullWidth, 12, 128),
    (Kind::FullWidth, 14, 48),
    (Kind::FullWidth, 16, 24),
    (Kind::FullWidth, 18, 12),
];
/// Proofs of a round with the Semaphore key, which is of 2^13.
const SEMAPHORE_PROOFS: usize = 96;
const ROUNDS: usize = 7;
const IN_FLIGHT: usize = 2;
const BAR: f64 = 1.1;

/// A key on the CPU for so many proofs in flight, and the files of two witnesses for it.
struct Line<'a> {
    prover: Prover,
    key: LoadedKey,
    witnesses: [&'a Path; 2],
    in_flight: usize,
}

/// What each proof of a round took, in seconds.
struct Round {
    wall: f64,
    processor: f64,
    /// Proofs, with the index of the witness of each.
    made: Vec<(usize, Proved)>,
}

impl Round {
    /// Processor time over wall and processors.
    fn used(&self) -> f64 {
        self.processor / (self.wall * threads::of_processors() as f64)
    }
}

impl<'a> Line<'a> {
    fn new(files: &'a Files, in_flight: usize) -> Result<Self, Failure> {
        let options = OpenOptions { in_flight: Some(in_flight), ..OpenOptions::default() };
        let prover = prover(&device::open(&DeviceName::Cpu, options)?, None, false)?;
        let key = prover.load(input::key(&files.key)?).map_err(load_failure)?.in_memory();
        Ok(Self { prover, key, witnesses: [&files.witness, &files.other], in_flight })
    }

    fn round(&self, proofs: usize) -> Result<Round, Failure> {
        let (processor, started) = (processor_seconds(), Instant::now());
        let left = AtomicUsize::new(proofs);
        let take =
            || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
        let made = Mutex::new(Vec::with_capacity(proofs));
        std::thread::scope(|scope| {
            let flying = || {
                while let Some(left) = take() {
                    let which = left % self.witnesses.len();
                    let proof = made_from(&self.prover, &self.key, self.witnesses[which])?;
                    made.lock().unwrap_or_else(PoisonError::into_inner).push((which, proof));
                }
                Ok(())
            };
            let threads: Vec<_> = (0..self.in_flight).map(|_| scope.spawn(flying)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a line does not panic"))
        })?;
        let each = |seconds: f64| seconds / proofs as f64;
        let wall = started.elapsed().as_secs_f64();
        let processor = each(processor_seconds() - processor);
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Round { wall: each(wall), processor, made })
    }
}

pub(super) fn measure(sheet: &mut Sheet, folder: &Path, semaphore: &Files) -> Result<(), Failure> {
    of(sheet, "Semaphore", semaphore, SEMAPHORE_PROOFS)?;
    CHAINS.into_iter().try_for_each(|(kind, log_n, proofs)| {
        let what = kind.in_words();
        of(sheet, &format!("{what} 2^{log_n}"), &circuit::chain(folder, kind, log_n)?, proofs)
    })
}

/// arkworks, with its proof of each witness.
fn rivals(files: &Files) -> Result<[Rival; 2], Failure> {
    let of = |witness: &Path| {
        let rival = Rival::read(&files.key, witness)?;
        rival.once()?;
        Ok::<_, Failure>(rival)
    };
    Ok([of(&files.witness)?, of(&files.other)?])
}

/// One at a time has an engine of all threads; of two in flight each has a lane of half of them. u of all processors used by one at a time leave a gain of 1/u, times what a proof takes less of
/// processor time beside another.
fn of(sheet: &mut Sheet, what: &str, files: &Files, proofs: usize) -> Result<(), Failure> {
    let (one, two) = (Line::new(files, 1)?, Line::new(files, IN_FLIGHT)?);
    let rivals = rivals(files)?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let pair = (one.round(proofs)?, two.round(proofs)?);
        pair.0
            .made
            .iter()
            .chain(&pair.1.made)
            .try_for_each(|(which, made)| rivals[*which].made_the_same(made))?;
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
