//! The CPU engine beside arkworks' own prover, in turns.

use std::{ffi::OsStr, path::Path, time::Instant};

use super::{
    Bar, Sheet,
    circuit::{self, Kind},
    kernels, key, memory,
};
use crate::{
    bench::proofs::{Rival, once, throughput},
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prover},
};

const RUNS: usize = 15;
/// Of proofs from files: arkworks reads a key for most of a second.
const RUNS_FROM_FILES: usize = 5;
/// A key beside which a process's own needs are small.
const LOG_LARGE: u32 = 16;

pub(super) fn measure(sheet: &mut Sheet, key: &Path, witness: &Path, folder: &Path) -> Result<(), Failure> {
    kernels::measure(sheet)?;
    beside_arkworks(sheet, "Semaphore", key, witness, 1.0)?;
    let large = circuit::chain(folder, Kind::FullWidth, LOG_LARGE)?;
    beside_arkworks(sheet, "full width 2^16", &large.key, &large.witness, 5.0)?;
    in_flight(sheet, &large.key, &large.witness)?;
    opening(sheet, &large.key, &circuit::chain(folder, Kind::FullWidth, 2)?.key)?;
    memory(sheet, "the Semaphore key", key, witness)?;
    memory(sheet, "a key of 2^16", &large.key, &large.witness)?;
    key::measure(sheet, folder)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Proofs a minute with two witnesses in flight, over one at a time.
fn in_flight(sheet: &mut Sheet, key: &Path, witness: &Path) -> Result<(), Failure> {
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let samples = throughput(&opened, key, &[witness.to_owned()], 2, RUNS_FROM_FILES, &|_| ())?;
    let seconds = |in_flight: usize| {
        median(samples.iter().filter(|s| s.size == in_flight).map(|s| s.seconds).collect())
    };
    let name = format!("full width 2^16, two in flight ({:.0} a minute) over one", 60.0 / seconds(2));
    sheet.line(&name, seconds(1) / seconds(2), "times", Bar::AtLeast(1.1));
    Ok(())
}

fn beside_arkworks(
    sheet: &mut Sheet,
    what: &str,
    key: &Path,
    witness_file: &Path,
    bar: f64,
) -> Result<(), Failure> {
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false);
    let loaded = prover.load(input::key(key)?).map_err(load_failure)?;
    let (rival, witness) = (Rival::read(key, witness_file)?, input::witness(witness_file)?);
    let mut ratios = Vec::new();
    for run in 0..=RUNS {
        let (theirs, ours) = (rival.once()?, once(&prover, &loaded, &witness)?);
        if run > 0 {
            ratios.push(theirs / ours);
        }
    }
    let name = format!("{what}, whole proof, key ready: arkworks' over ours");
    sheet.line(&name, median(ratios), "times", Bar::AtLeast(bar));

    let mut ratios = Vec::new();
    for _ in 0..RUNS_FROM_FILES {
        let started = Instant::now();
        Rival::read(key, witness_file)?.once()?;
        let theirs = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let loaded = prover.load(input::key(key)?).map_err(load_failure)?;
        once(&prover, &loaded, &input::witness(witness_file)?)?;
        ratios.push(theirs / started.elapsed().as_secs_f64());
    }
    let name = format!("{what}, proof from files, every check: arkworks' over ours");
    sheet.line(&name, median(ratios), "times", Bar::AtLeast(1.0));
    Ok(())
}

/// Opening a key (`info`, `verify`) reads its header, not its arrays: what it takes beyond what the smallest key does.
fn opening(sheet: &mut Sheet, key: &Path, smallest: &Path) -> Result<(), Failure> {
    let info = |key: &Path| memory::of(&[OsStr::new("info"), OsStr::new("--json"), key.as_os_str()]);
    let (large, small) = (info(key)?.high_water_bytes, info(smallest)?.high_water_bytes);
    let share = large.saturating_sub(small) as f64 / bytes(key)?;
    sheet.line("opening a key of 2^16: memory touched over its bytes", share, "times", Bar::AtMost(0.1));
    Ok(())
}

fn memory(sheet: &mut Sheet, what: &str, key: &Path, witness: &Path) -> Result<(), Failure> {
    let peak = memory::of_proof(key, witness)?;
    let share = peak.anonymous_bytes as f64 / bytes(key)?;
    let name = format!("{what}: anonymous memory of a proof over its bytes");
    sheet.line(&name, share, "times", Bar::AtMost(1.0));
    Ok(())
}

fn bytes(file: &Path) -> Result<f64, Failure> {
    Ok(file.metadata().or_fail(Code::BadFile)?.len() as f64)
}
