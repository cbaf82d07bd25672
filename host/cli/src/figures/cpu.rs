//! The CPU engine beside arkworks' own prover, in turns.

use std::path::Path;

use super::{Bar, Sheet};
use crate::{
    args::DeviceName,
    bench::proofs::{Rival, once},
    device::{self, OpenOptions},
    exit::Failure,
    input,
    prove::{load_failure, prover},
};

pub(super) fn measure(sheet: &mut Sheet, key: &Path, witness: &Path) -> Result<(), Failure> {
    const RUNS: usize = 15;
    let opened = device::open(DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false);
    let loaded = prover.load(input::key(key)?).map_err(load_failure)?;
    let (rival, witness) = (Rival::read(key, witness)?, input::witness(witness)?);
    let mut ratios = Vec::new();
    for run in 0..=RUNS {
        let (theirs, ours) = (rival.once()?, once(&prover, &loaded, &witness)?);
        if run > 0 {
            ratios.push(theirs / ours);
        }
    }
    ratios.sort_by(f64::total_cmp);
    sheet.line(
        "whole proof, key ready: arkworks' time over ours",
        ratios[RUNS / 2],
        "times",
        Bar::AtLeast(1.0),
    );
    Ok(())
}
