//! Whole processes, from the files of key and witness to that of the proof: ours as delivered, arkworks' and snarkjs', in turns.
//!
//! Ours checks the key and the proof, which the others do not. arkworks has no command of its own: the program that measures stands for it, and does nothing but
//! read, prove and write. Its allocator is the one that it gets in all figures.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use millrace_groth16::import_key;

use super::{
    Bar, Sheet,
    circuit::{self, Files, Kind},
    cpu::median,
    memory::{Delivered, Watched, this_program, watched},
};
use crate::{
    bench::proofs::Rival,
    exit::{Code, Failure, OrFail},
    output::say,
};

/// Chains, log₂ of the domain, how many turns, and the bar of a proof as delivered.
const CHAINS: [(Kind, u32, usize, f64); 4] = [
    (Kind::Bits, 16, 3, 4.0),
    (Kind::FullWidth, 16, 3, 5.0),
    (Kind::FullWidth, 18, 1, 5.0),
    (Kind::FullWidth, 20, 1, 5.0),
];
const SEMAPHORE_TURNS: usize = 3;
/// A look at a process's memory takes time of it.
const EVERY: Duration = Duration::from_millis(5);
const MIB: f64 = (1 << 20) as f64;

/// The process that stands for arkworks.
pub(super) fn arkworks_once(key: &Path, witness: &Path) -> Result<(), Failure> {
    let seconds = Rival::read(key, witness)?.once()?;
    say!("{seconds}");
    Ok(())
}

/// snarkjs' command line, if it was installed (`make setup`) and there is a node to run it.
fn snarkjs() -> Option<PathBuf> {
    let modules = std::env::var_os("MILLRACE_NODE_MODULES").unwrap_or(".tools/node_modules".into());
    let cli = Path::new(&modules).join("snarkjs/build/cli.cjs");
    let node = Command::new("node").arg("--version").output().is_ok_and(|out| out.status.success());
    (node && cli.is_file()).then_some(cli)
}

pub(super) fn measure(
    sheet: &mut Sheet,
    folder: &Path,
    semaphore: &Files,
    delivered: &Delivered,
) -> Result<(), Failure> {
    of(sheet, "Semaphore", semaphore, delivered, (SEMAPHORE_TURNS, 1.0))?;
    CHAINS.into_iter().try_for_each(|(kind, log_n, turns, bar)| {
        let what = format!("{} 2^{log_n}", kind.in_words());
        of(sheet, &what, &circuit::chain(folder, kind, log_n)?, delivered, (turns, bar))
    })
}

/// What processes of one kind took.
#[derive(Default)]
struct Runs {
    seconds: Vec<f64>,
    /// Of the proof alone, as the process says.
    proof_seconds: Vec<f64>,
    high_water_bytes: u64,
}

impl Runs {
    fn add(&mut self, run: &Watched, proof_seconds: Option<f64>) {
        self.seconds.push(run.seconds);
        self.proof_seconds.extend(proof_seconds);
        self.high_water_bytes = self.high_water_bytes.max(run.peak.high_water_bytes);
    }

    fn in_words(&self) -> String {
        format!("{:.2} s, {:.0} MiB", median(self.seconds.clone()), self.high_water_bytes as f64 / MIB)
    }
}

/// `bar` is that of the proof alone.
fn of(
    sheet: &mut Sheet,
    what: &str,
    files: &Files,
    delivered: &Delivered,
    (turns, bar): (usize, f64),
) -> Result<(), Failure> {
    let out = tempfile::tempdir().or_fail(Code::Output)?;
    let [proof, public, report, imported] =
        ["proof.json", "public.json", "report.json", "key.mkey"].map(|name| out.path().join(name));
    // The import reads what it wrote.
    let file =
        File::options().read(true).write(true).create_new(true).open(&imported).or_fail(Code::Output)?;
    import_key(&files.key, &file, &|| true).or_fail(Code::BadFile)?;
    let ours = |key: &Path| {
        let mut command = delivered.command();
        command.arg("prove").args([key, &files.witness]);
        command.args([OsStr::new("-o"), proof.as_os_str(), OsStr::new("-p"), public.as_os_str()]);
        command.arg("--json").arg(&report).stdout(Stdio::null()).stderr(Stdio::null());
        let run = watched(command, EVERY)?;
        let text = std::fs::read_to_string(&report).or_fail(Code::BadFile)?;
        let told: serde_json::Value = serde_json::from_str(&text).or_fail(Code::BadFile)?;
        Ok::<_, Failure>((run, told["prove_seconds"].as_f64()))
    };
    let arkworks = || {
        let mut command = this_program()?;
        command.args(["figures", "cpu", "--arkworks-once"]).args([&files.key, &files.witness]);
        let run = watched(piped(command), EVERY)?;
        let seconds = run.said.trim().parse().ok();
        Ok::<_, Failure>((run, seconds))
    };
    let snarkjs = snarkjs();
    let their_proof = || {
        let Some(cli) = &snarkjs else { return Ok(None) };
        let mut command = Command::new("node");
        command.arg(cli).args(["groth16", "prove"]).args([&files.key, &files.witness, &proof, &public]);
        watched(piped(command), EVERY).map(Some)
    };
    let [mut plain, mut ready, mut of_arkworks, mut of_snarkjs] = [(); 4].map(|()| Runs::default());
    for _ in 0..turns {
        let (run, seconds) = ours(&files.key)?;
        plain.add(&run, seconds);
        let (run, seconds) = ours(&imported)?;
        ready.add(&run, seconds);
        let (run, seconds) = arkworks()?;
        of_arkworks.add(&run, seconds);
        if let Some(run) = their_proof()? {
            of_snarkjs.add(&run, None);
        }
    }
    let over = |theirs: &[f64], ours: &[f64]| median(theirs.to_vec()) / median(ours.to_vec());
    for (runs, with) in [(&plain, "a .zkey"), (&ready, "an imported key")] {
        let name = |rival: &str, theirs: &Runs| {
            format!(
                "{what}, whole process with {with} ({}): {rival} ({}) over ours",
                runs.in_words(),
                theirs.in_words()
            )
        };
        let ratio = over(&of_arkworks.seconds, &runs.seconds);
        sheet.beside_arkworks(&name("arkworks'", &of_arkworks), ratio, 1.0);
        if snarkjs.is_some() {
            let ratio = over(&of_snarkjs.seconds, &runs.seconds);
            sheet.line(&name("snarkjs'", &of_snarkjs), ratio, "times", Bar::AtLeast(1.0));
        } else {
            let why = "no node, or no snarkjs in .tools/node_modules";
            sheet.not_measured(&format!("{what}, whole process with {with}: snarkjs' over ours"), why);
        }
    }
    let (theirs, ours) = (&of_arkworks.proof_seconds, &ready.proof_seconds);
    let name = format!(
        "{what}, the one proof of a process as delivered ({:.0} ms): arkworks' over ours",
        median(ours.clone()) * 1e3
    );
    sheet.beside_arkworks(&name, over(theirs, ours), bar);
    Ok(())
}

fn piped(mut command: Command) -> Command {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
