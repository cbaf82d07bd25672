//! Running the `millrace` command on the circuit vectors.

// Each test file is a program of its own and uses its own part of this.
#![allow(dead_code)]

pub(crate) mod anvil;
pub(crate) mod proxy;
pub(crate) mod user;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

/// Waits until something is so, for a minute at most.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "expected within a minute: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// 32 bytes for `--seed`.
pub(crate) const SEED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Where `sim/vectors/circuits/make.sh` puts its files, or `None` with the reason printed.
pub(crate) fn vectors() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/vectors");
    let folder = std::env::var_os("MILLRACE_VECTORS").map_or(default, PathBuf::from);
    if folder.join("complete").is_file() {
        return Some(folder);
    }
    println!("skipped: no circuit vectors in {} (make vectors)", folder.display());
    None
}

/// A run of the command.
pub(crate) fn millrace<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millrace")).args(args).output().expect("the binary starts")
}

/// A run that has to end well; its standard output.
pub(crate) fn ok<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> String {
    let output = millrace(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {error}", args.iter().map(|a| a.as_ref()).collect::<Vec<_>>());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A run that has to end with `code`; its one line on standard error.
pub(crate) fn fails<S: AsRef<std::ffi::OsStr>>(code: i32, args: &[S]) -> String {
    failed(code, args, millrace(args))
}

/// The same with `MILLRACE_BACKEND` set.
pub(crate) fn fails_with_backend(backend: &str, code: i32, args: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    failed(
        code,
        args,
        command.args(args).env("MILLRACE_BACKEND", backend).output().expect("the binary starts"),
    )
}

fn failed<S: AsRef<std::ffi::OsStr>>(code: i32, args: &[S], output: Output) -> String {
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    let shown: Vec<_> = args.iter().map(|a| a.as_ref()).collect();
    assert_eq!(output.status.code(), Some(code), "{shown:?}: {error}");
    let lines: Vec<&str> = error
        .lines()
        .filter(|l| l.starts_with("millrace: ") && !l.contains("--seed") && !is_forecast(l))
        .collect();
    assert_eq!(lines.len(), 1, "one clear line: {error}");
    assert!(!error.contains("panicked"), "{error}");
    lines[0].to_owned()
}

/// What every proof on the CPU says before it begins.
fn is_forecast(line: &str) -> bool {
    line.starts_with("millrace: memory: at most ")
}

/// A folder for outputs, and the files of a proof in it.
pub(crate) struct Job {
    /// Removed when dropped.
    pub(crate) folder: tempfile::TempDir,
}

impl Job {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// `prove KEY WITNESS -o proof.json -p public.json EXTRA…`
    pub(crate) fn prove_args(&self, key: &Path, witness: &Path, extra: &[&str]) -> Vec<String> {
        let mut args = vec!["prove".to_owned(), key.display().to_string(), witness.display().to_string()];
        args.extend(["-o".to_owned(), self.path("proof.json"), "-p".to_owned(), self.path("public.json")]);
        args.extend(extra.iter().map(|s| (*s).to_owned()));
        args
    }

    /// What is in it, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("readable");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect(name)
    }
}

/// Peak of the memory of a run that no file stands behind, in bytes; the run has to end well.
pub(crate) fn anonymous_bytes<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> u64 {
    let (peak, code, said) = watched(args);
    assert_eq!(code, Some(0), "{said}");
    peak
}

/// The same for a run that may fail, with its exit code and what it says of it: a few lines, less than a pipe holds.
pub(crate) fn watched<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> (u64, Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(args)
        // Its log would fill the pipe.
        .env_remove("RUST_LOG")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        if let Some(ended) = child.try_wait().expect("a child") {
            let mut said = String::new();
            let stderr = child.stderr.as_mut().expect("piped");
            std::io::Read::read_to_string(stderr, &mut said).expect("UTF-8");
            return (peak, ended.code(), said);
        }
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
}

/// A `.zkey` with its first G2 base on the twist, but outside the subgroup of order r.
pub(crate) fn outside_subgroup(zkey: &[u8]) -> Vec<u8> {
    use millrace_bn254::{Fq2, G2Affine, G2Mont};
    let point = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 0.into()), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .expect("most points are");
    let (mut bytes, mut at) = (zkey.to_vec(), 12);
    let number = |at: usize, len: usize| zkey[at..at + len].iter().rev().fold(0, |n, b| n << 8 | *b as usize);
    while number(at, 4) != 7 {
        at += 12 + number(at + 4, 8);
    }
    bytes[at + 12..at + 140].copy_from_slice(&G2Mont::from(&point).0);
    bytes
}
