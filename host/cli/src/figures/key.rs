//! The imported key beside arkworks' own load, and the memory of a proof from it.

use std::{path::Path, time::Instant};

use millrace_groth16::import_key;
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
    memory::{Flight, budget, threads},
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

/// Import into a file, before and after arkworks loads the same key from memory in its own form. What the disk then takes to have it for good is told, and
/// not counted: arkworks writes nothing.
fn import(sheet: &mut Sheet, zkey: &Path, imported: &Path) -> Result<(), Failure> {
    let mut synced = 0.0;
    let mut ours = || {
        let folder = imported.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).or_fail(Code::Output)?;
        let started = Instant::now();
        import_key(zkey, file.as_file(), &|| true).or_fail(Code::BadFile)?;
        let seconds = started.elapsed().as_secs_f64();
        file.as_file().sync_all().or_fail(Code::Output)?;
        synced = started.elapsed().as_secs_f64();
        file.persist(imported).or_fail(Code::Output)?;
        Ok::<_, Failure>(seconds)
    };
    let before = ours()?;
    let theirs = {
        let bytes = std::fs::read(zkey).or_fail(Code::BadFile)?;
        ArkworksKey::read(&bytes).and_then(|key| key.load_seconds()).or_fail(Code::BadFile)?
    };
    let ours = (before + ours()?) / 2.0;
    let name = format!(
        "key import, every check, 2^{LOG_DOMAIN} ({ours:.1} s; on disk {synced:.1} s): arkworks' load"
    );
    sheet.beside_arkworks(&name, theirs / ours, 10.0);
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
    sheet.line(
        &format!("ready from an imported key, 2^{LOG_DOMAIN}, whose file is in the system's cache"),
        seconds,
        "s",
        Bar::AtMost(0.2),
    );
    Ok(())
}

fn memory_of_a_proof(sheet: &mut Sheet, imported: &Path, witness: &Path) -> Result<(), Failure> {
    let once = Flight { in_flight: 1, again: false };
    let announced = budget(&input::key(imported)?, None, once)?.anonymous_bytes as f64;
    let peak = memory::of_proof(imported, witness)?;
    let (anonymous, high_water) = (peak.anonymous_bytes as f64, peak.high_water_bytes as f64);
    let name = |what: &str| format!("memory of a proof at 2^{LOG_DOMAIN} on {} threads, {what}", threads());
    sheet.line(&name("anonymous"), anonymous / MIB, "MiB", Bar::AtMost(300.0));
    sheet.line(&name("high water"), high_water / MIB, "MiB", Bar::AtMost(680.0));
    let said = format!("anonymous over the {:.0} MiB announced", announced / MIB);
    sheet.line(&name(&said), anonymous / announced, "times", Bar::AtMost(1.0));
    Ok(())
}
