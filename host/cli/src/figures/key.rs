//! The imported key beside arkworks' own load, and the memory of a proof from it.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use millrace_groth16::import_key;
use millrace_rivals::ArkworksKey;

use super::{
    Bar, Sheet,
    circuit::{self, Kind},
    cpu::median,
    memory::{self, Delivered, watched},
};
use crate::{
    bench::proofs::once_from,
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    memory::{Flight, budget},
    prove::{load_failure, prover},
    threads,
};

const LOG_DOMAIN: u32 = 20;
/// Turns of an import and arkworks' load, which takes a minute.
const IMPORTS: usize = 3;
/// Loads of the imported key.
const LOADS: usize = 5;
/// Proofs from the cache and from the disk, in turns.
const COLD_TURNS: usize = 3;
/// Between looks at a process that is timed.
const LOOK: Duration = Duration::from_millis(5);
/// A limit that a proof of this size is to keep within by working in smaller pieces.
const LIMIT_MIB: u64 = 220;
const MIB: f64 = (1 << 20) as f64;

pub(super) fn measure(sheet: &mut Sheet, folder: &Path, delivered: &Delivered) -> Result<(), Failure> {
    let files = circuit::chain(folder, Kind::FullWidth, LOG_DOMAIN)?;
    let imported = files.key.with_extension("mkey");
    import(sheet, &files.key, &imported, delivered)?;
    ready(sheet, &imported)?;
    cold(sheet, &imported, &files.witness)?;
    memory_of_a_proof(sheet, &imported, &files.witness, delivered)?;
    memory_of_proofs(sheet, &imported, &files.witness, delivered)
}

/// Imports into a file, between which arkworks loads the same key from memory in its own form. What the disk then takes to have it for good is told, and
/// not counted: arkworks writes nothing. Beside it the delivered command, its process and the disk included.
fn import(sheet: &mut Sheet, zkey: &Path, imported: &Path, delivered: &Delivered) -> Result<(), Failure> {
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
    let (mut before, mut ratios, mut loads) = (ours()?, Vec::new(), Vec::new());
    for _ in 0..IMPORTS {
        let theirs = {
            let bytes = std::fs::read(zkey).or_fail(Code::BadFile)?;
            ArkworksKey::read(&bytes).and_then(|key| key.load_seconds()).or_fail(Code::BadFile)?
        };
        let after = ours()?;
        ratios.push(2.0 * theirs / (before + after));
        loads.push(theirs);
        before = after;
    }
    let (ratio, theirs, seconds) = (median(ratios), median(loads), before);
    let name = format!(
        "key import, every check, 2^{LOG_DOMAIN} ({seconds:.1} s; on disk {synced:.1} s), median of {IMPORTS} turns: arkworks' load"
    );
    sheet.beside_arkworks(&name, ratio, 10.0);
    let mut command = delivered.command();
    command.args(["key", "import"]).arg(zkey).arg("-o").arg(imported).stdout(Stdio::null());
    let whole = watched(command, LOOK)?.seconds;
    let name =
        format!("key import, 2^{LOG_DOMAIN}, whole process to the disk ({whole:.1} s): arkworks' load");
    sheet.beside_arkworks(&name, theirs / whole, 10.0);
    Ok(())
}

/// From the path to a key that proofs can be made with.
fn ready(sheet: &mut Sheet, imported: &Path) -> Result<(), Failure> {
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
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

/// A proof whose key the system has dropped from its cache after loading it, as it does for want of memory, beside one whose key is there.
fn cold(sheet: &mut Sheet, imported: &Path, witness: &Path) -> Result<(), Failure> {
    let file = File::open(imported).or_fail(Code::BadFile)?;
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
    let loaded = prover.load(input::key(imported)?).map_err(load_failure)?;
    let (mut cached, mut dropped, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COLD_TURNS {
        cached.push(once_from(&prover, &loaded, witness)?);
        // What was written by the import may not be on the disk yet, and would stay.
        file.sync_all().or_fail(Code::Output)?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).or_fail(Code::Usage)?;
        let before = faults_from_disk()?;
        dropped.push(once_from(&prover, &loaded, witness)?);
        faults.push((faults_from_disk()? - before) as f64);
    }
    let (cached, dropped) = (median(cached), median(dropped));
    let name = format!(
        "a proof at 2^{LOG_DOMAIN} whose key is on the disk only ({:.0} ms, {:.0} waits for it): over one from the cache",
        dropped * 1e3,
        median(faults)
    );
    sheet.told(&name, dropped / cached, "times");
    Ok(())
}

/// Page faults of this process so far that waited for a disk (`majflt`, field 12 of `/proc/self/stat`).
fn faults_from_disk() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat").or_fail(Code::Usage)?;
    // The name of the program ends with the last parenthesis; the state behind it is field 3.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let field = after_name.split(' ').nth(9).and_then(|field| field.parse().ok());
    field.ok_or_else(|| Failure::new(Code::Usage, "expected majflt in /proc/self/stat, got none"))
}

fn memory_of_a_proof(
    sheet: &mut Sheet,
    imported: &Path,
    witness: &Path,
    delivered: &Delivered,
) -> Result<(), Failure> {
    let once = Flight::alone(false);
    let announced = budget(&input::key(imported)?, None, once)?.anonymous_bytes as f64;
    let peak = delivered.peak_of_proof(imported, witness, None)?;
    let (anonymous, high_water) = (peak.anonymous_bytes as f64, peak.high_water_bytes as f64);
    let name = |what: &str| {
        format!("memory of a proof at 2^{LOG_DOMAIN} on {} threads, {what}", threads::of_processors())
    };
    sheet.line(&name("anonymous"), anonymous / MIB, "MiB", Bar::AtMost(300.0));
    sheet.line(&name("high water"), high_water / MIB, "MiB", Bar::AtMost(680.0));
    memory::beside_announced(sheet, &format!("a key of 2^{LOG_DOMAIN}"), anonymous, announced);
    let limit = name(&format!("anonymous over --max-memory {LIMIT_MIB}MiB"));
    match budget(&input::key(imported)?, Some(LIMIT_MIB << 20), once) {
        Ok(_) => {
            let held = delivered.peak_of_proof(imported, witness, Some(LIMIT_MIB << 20))?.anonymous_bytes;
            sheet.line(&limit, held as f64 / MIB / LIMIT_MIB as f64, "times", Bar::AtMost(1.0));
        }
        Err(refused) => sheet.not_measured(&limit, &refused.to_string()),
    }
    Ok(())
}

/// Where proofs follow one another, all memory stays: a further one finds it in place, at this size as at small ones.
fn memory_of_proofs(
    sheet: &mut Sheet,
    imported: &Path,
    witness: &Path,
    delivered: &Delivered,
) -> Result<(), Failure> {
    const PROOFS: [u32; 2] = [2, 4];
    let again = Flight::alone(true);
    let announced = budget(&input::key(imported)?, None, again)?.anonymous_bytes as f64;
    let [few, more] = PROOFS.map(|times| delivered.peak_of_proofs(imported, witness, times, None));
    let (few, more) = (few?, more?);
    let name = format!(
        "memory of {} proofs at 2^{LOG_DOMAIN} one after the other ({:.0} MiB), anonymous over the {:.0} MiB announced",
        PROOFS[1],
        more.anonymous_bytes as f64 / MIB,
        announced / MIB
    );
    sheet.line(&name, more.anonymous_bytes as f64 / announced, "times", Bar::AtMost(1.0));
    let further = more.faults.saturating_sub(few.faults) as f64 / f64::from(PROOFS[1] - PROOFS[0]);
    let name = format!("page faults of a further proof at 2^{LOG_DOMAIN} (of the first two {})", few.faults);
    sheet.line(&name, further, "faults", Bar::AtMost(1024.0));
    Ok(())
}
