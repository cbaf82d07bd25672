//! The CPU engine beside arkworks' own prover, in turns.

use std::{ffi::OsStr, path::Path, time::Instant};

use millrace_prover::Prover;

use super::{
    Bar, Sheet,
    circuit::{self, Files, Kind},
    flight, kernels, key,
    memory::{self, Delivered},
    processes, scalar,
};
use crate::{
    args::{CpuPart, FiguresArgs},
    bench::proofs::{Rival, once, once_from},
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    memory::{Flight, budget},
    prove::{load_failure, prover},
};

const RUNS: usize = 15;
/// Sizes of chains, with how many runs of each: arkworks takes seconds for the larger ones.
const FULL_WIDTH: [(u32, usize); 5] = [(LOG_LARGE, RUNS), (17, 5), (18, 5), (19, 3), (20, 3)];
const BITS: [(u32, usize); 3] = [(LOG_LARGE, RUNS), (17, 5), (18, 5)];
/// Of proofs from files: arkworks reads a key for most of a second.
const RUNS_FROM_FILES: usize = 5;
/// Proofs whose memory is looked at.
const RUNS_FOR_MEMORY: usize = 5;
const MIB: f64 = (1 << 20) as f64;
/// A key beside which a process's own needs are small.
const LOG_LARGE: u32 = 16;

pub(super) fn measure(sheet: &mut Sheet, semaphore: &Files, args: &FiguresArgs) -> Result<(), Failure> {
    let (folder, wanted) = (args.folder.as_path(), |part| args.part.is_none_or(|only| only == part));
    let pages = std::env::var(memory::ALLOCATOR_SETTINGS).unwrap_or("freed pages given back at once".into());
    sheet.heading(&format!("beside {}; allocator: {pages}", millrace_rivals::arkworks_build()));
    if wanted(CpuPart::Kernels) {
        kernels::measure(sheet, &semaphore.key)?;
    }
    if wanted(CpuPart::Proofs) {
        proofs(sheet, semaphore, folder)?;
    }
    let large = circuit::chain(folder, Kind::FullWidth, LOG_LARGE)?;
    if wanted(CpuPart::Scalar) {
        scalar::measure(sheet, &large)?;
    }
    if wanted(CpuPart::Flight) {
        flight::measure(sheet, folder, semaphore)?;
    }
    let delivered = Delivered::find(args.delivered.as_deref())?;
    if wanted(CpuPart::Processes) {
        sheet.heading(&delivered.in_words());
        processes::measure(sheet, folder, semaphore, &delivered)?;
    }
    if wanted(CpuPart::Memory) {
        sheet.heading(&delivered.in_words());
        let smallest = circuit::chain(folder, Kind::FullWidth, 2)?;
        opening(sheet, &large.key, &smallest.key, &delivered)?;
        memory(sheet, "the Semaphore key", [semaphore, &smallest], &delivered)?;
        memory(sheet, "a key of 2^16", [&large, &smallest], &delivered)?;
        key::measure(sheet, folder, &delivered)?;
    }
    Ok(())
}

/// Whole proofs, key ready and from files.
fn proofs(sheet: &mut Sheet, semaphore: &Files, folder: &Path) -> Result<(), Failure> {
    let cpu = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&cpu, None, false)?;
    beside_arkworks(sheet, "Semaphore", &prover, semaphore, RUNS, 1.0)?;
    from_files(sheet, "Semaphore", &semaphore.key, &semaphore.witness)?;
    for (kind, sizes, bar) in [(Kind::FullWidth, &FULL_WIDTH[..], 5.0), (Kind::Bits, &BITS, 4.0)] {
        for (log_n, runs) in sizes {
            let files = circuit::chain(folder, kind, *log_n)?;
            let what = format!("{} 2^{log_n}", kind.in_words());
            beside_arkworks(sheet, &what, &prover, &files, *runs, bar)?;
        }
    }
    let large = circuit::chain(folder, Kind::FullWidth, LOG_LARGE)?;
    from_files(sheet, "full width 2^16", &large.key, &large.witness)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    (values[low] + values[high]) / 2.0
}

/// Whole proofs, key ready: the witness is read from its file on both sides; ours is checked and written as JSON too.
pub(super) fn beside_arkworks(
    sheet: &mut Sheet,
    what: &str,
    prover: &Prover,
    files: &Files,
    runs: usize,
    bar: f64,
) -> Result<(), Failure> {
    let loaded = prover.load(input::key(&files.key)?).map_err(load_failure)?;
    let rival = Rival::read(&files.key, &files.witness)?;
    let (mut ratios, mut seconds) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (theirs, ours) = (rival.once_from(&files.witness)?, once_from(prover, &loaded, &files.witness)?);
        if run > 0 {
            ratios.push(theirs / ours);
            seconds.push(ours);
        }
    }
    rival.agrees(prover, &loaded, &input::witness(&files.witness)?)?;
    let name = format!("{what}, whole proof ({:.0} ms): arkworks' over ours", median(seconds) * 1e3);
    sheet.beside_arkworks(&name, median(ratios), bar);
    Ok(())
}

/// The same with the key read and checked each time.
fn from_files(sheet: &mut Sheet, what: &str, key: &Path, witness_file: &Path) -> Result<(), Failure> {
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
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
    sheet.beside_arkworks(&name, median(ratios), 1.0);
    Ok(())
}

/// Opening a key (`info`, `verify`) reads its header, not its arrays: what it takes beyond what the smallest key does.
fn opening(sheet: &mut Sheet, key: &Path, smallest: &Path, delivered: &Delivered) -> Result<(), Failure> {
    let info = |key: &Path| delivered.peak(&[OsStr::new("info"), OsStr::new("--json"), key.as_os_str()]);
    let (large, small) = (info(key)?.high_water_bytes, info(smallest)?.high_water_bytes);
    let share = (large as f64 - small as f64) / bytes(key)?;
    let name = format!(
        "opening a key of 2^16: memory touched ({:.1} MiB, of the smallest key {:.1}) over its bytes",
        large as f64 / MIB,
        small as f64 / MIB
    );
    sheet.line(&name, share, "times", Bar::AtMost(0.1));
    Ok(())
}

/// A process has some memory whatever it proves (the allocator's, threads' stacks, the verifying key prepared for pairings): what it has for the smallest key is told, and not the key's.
fn memory(
    sheet: &mut Sheet,
    what: &str,
    [files, smallest]: [&Files; 2],
    delivered: &Delivered,
) -> Result<(), Failure> {
    // A thread that finds no work takes none for it: the most of several runs.
    let taken = |files: &Files| {
        let once = || delivered.peak_of_proof(&files.key, &files.witness, None);
        let peaks = (0..RUNS_FOR_MEMORY).map(|_| Ok(once()?.anonymous_bytes));
        let peaks = peaks.collect::<Result<Vec<_>, Failure>>()?;
        Ok::<_, Failure>(peaks.into_iter().max().unwrap_or(0) as f64)
    };
    let (own, all) = (taken(smallest)?, taken(files)?);
    let name = format!(
        "{what}: anonymous memory of a proof ({:.1} MiB, of the smallest key {:.1}), the difference over its bytes",
        all / MIB,
        own / MIB
    );
    sheet.line(&name, (all - own) / bytes(&files.key)?, "times", Bar::AtMost(1.0));
    let once = Flight::alone(false);
    let announced = budget(&input::key(&files.key)?, None, once)?.anonymous_bytes as f64;
    memory::beside_announced(sheet, what, all, announced);
    Ok(())
}

fn bytes(file: &Path) -> Result<f64, Failure> {
    Ok(file.metadata().or_fail(Code::BadFile)?.len() as f64)
}
