//! The imported key beside arkworks' own load, and the memory of a proof from it.

use std::{ffi::OsStr, path::Path, time::Instant};

use millrace_rivals::ArkworksKey;

use super::{
    Bar, Sheet,
    circuit::{self, Kind},
    cpu::median,
    memory,
};
use crate::{
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prover},
};

const LOG_DOMAIN: u32 = 20;
/// Loads of the imported key.
const LOADS: usize = 5;
const MIB: f64 = (1 << 20) as f64;

pub(super) fn measure(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    let files = circuit::chain(folder, Kind::FullWidth, LOG_DOMAIN)?;
    let imported = files.key.with_extension("mkey");
    import(sheet, &files.key, &imported)?;
    ready(sheet, &imported)?;
    memory_of_a_proof(sheet, &imported, &files.witness)
}

/// The whole command `key import`, before and after arkworks loads the same key from its own form.
fn import(sheet: &mut Sheet, zkey: &Path, imported: &Path) -> Result<(), Failure> {
    let ours = || {
        let started = Instant::now();
        memory::of(&[
            OsStr::new("key"),
            OsStr::new("import"),
            OsStr::new("-o"),
            imported.as_os_str(),
            zkey.as_os_str(),
        ])?;
        Ok::<_, Failure>(started.elapsed().as_secs_f64())
    };
    let before = ours()?;
    let theirs = {
        let bytes = std::fs::read(zkey).or_fail(Code::BadFile)?;
        ArkworksKey::read(&bytes).and_then(|key| key.load_seconds()).or_fail(Code::BadFile)?
    };
    let ours = (before + ours()?) / 2.0;
    let name = format!("key import, every check, 2^{LOG_DOMAIN} ({ours:.1} s): arkworks' load over it");
    sheet.line(&name, theirs / ours, "times", Bar::AtLeast(10.0));
    Ok(())
}

/// From the path to a key that proofs can be made with.
fn ready(sheet: &mut Sheet, imported: &Path) -> Result<(), Failure> {
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false);
    let load = || {
        let started = Instant::now();
        prover.load(input::key(imported)?).map_err(load_failure)?;
        Ok::<_, Failure>(started.elapsed().as_secs_f64())
    };
    let seconds = median((0..LOADS).map(|_| load()).collect::<Result<_, _>>()?);
    sheet.line(&format!("ready from an imported key, 2^{LOG_DOMAIN}"), seconds, "s", Bar::AtMost(0.2));
    Ok(())
}

fn memory_of_a_proof(sheet: &mut Sheet, imported: &Path, witness: &Path) -> Result<(), Failure> {
    let announced = crate::memory::budget(&input::key(imported)?, None)?.anonymous_bytes as f64;
    let peak = memory::of_proof(imported, witness)?;
    let (anonymous, high_water) = (peak.anonymous_bytes as f64, peak.high_water_bytes as f64);
    let name = |what: &str| format!("memory of a proof at 2^{LOG_DOMAIN}, {what}");
    sheet.line(&name("anonymous"), anonymous / MIB, "MiB", Bar::AtMost(300.0));
    sheet.line(&name("high water"), high_water / MIB, "MiB", Bar::AtMost(680.0));
    let said = format!("anonymous over the {:.0} MiB announced", announced / MIB);
    sheet.line(&name(&said), anonymous / announced, "times", Bar::AtMost(1.0));
    Ok(())
}
