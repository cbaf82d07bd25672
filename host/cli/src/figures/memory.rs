//! What a run of this program takes of memory, seen from outside: the kernel's own figures of a process of its own.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    exit::{Code, Failure, OrFail},
    memory::kilobytes,
};

/// What the allocator takes its settings from, before those it is built with.
pub(super) const ALLOCATOR_SETTINGS: &str = "_RJEM_MALLOC_CONF";

/// Greatest values seen while the process lived.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    /// Memory that no file stands behind (`RssAnon`, looked at every so often).
    pub(super) anonymous_bytes: u64,
    /// All resident memory, the mapped key included (`VmHWM`, kept by the kernel).
    pub(super) high_water_bytes: u64,
}

/// Proves on the CPU in a process of its own and watches it.
pub(super) fn of_proof(key: &Path, witness: &Path) -> Result<Peak, Failure> {
    let folder = tempfile::tempdir().or_fail(Code::Output)?;
    let (proof, public) = (folder.path().join("proof.json"), folder.path().join("public.json"));
    let [o, p] = ["-o", "-p"].map(OsStr::new);
    of(&[
        OsStr::new("prove"),
        key.as_os_str(),
        witness.as_os_str(),
        o,
        proof.as_os_str(),
        p,
        public.as_os_str(),
    ])
}

/// Runs this program with other arguments, as it is delivered, and watches it.
pub(super) fn of(arguments: &[&OsStr]) -> Result<Peak, Failure> {
    let mut command = this_program()?;
    command.env_remove(ALLOCATOR_SETTINGS).args(arguments).stdout(Stdio::null());
    Ok(watched(command, Duration::from_micros(500))?.peak)
}

/// This program, once more.
pub(super) fn this_program() -> Result<Command, Failure> {
    Ok(Command::new(std::env::current_exe().or_fail(Code::Usage)?))
}

/// A process that ended well.
pub(super) struct Watched {
    pub(super) peak: Peak,
    /// From its start to its end.
    pub(super) seconds: f64,
    /// What it wrote to standard output, where that is piped.
    pub(super) said: String,
}

/// Runs a command to its end and looks at its memory every so often.
pub(super) fn watched(mut command: Command, every: Duration) -> Result<Watched, Failure> {
    let started = Instant::now();
    let child = command.spawn().or_fail(Code::Usage)?;
    let status = format!("/proc/{}/status", child.id());
    let (ended, end) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let output = child.wait_with_output();
        let seconds = started.elapsed().as_secs_f64();
        // Nobody listens any more where the watching failed.
        let _ = ended.send(());
        output.map(|output| (output, seconds))
    });
    let mut peak = Peak::default();
    loop {
        // Gone between two looks, or not quite gone and without memory: what was seen before stands.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        peak.anonymous_bytes = peak.anonymous_bytes.max(kilobytes(&now, "RssAnon:") << 10);
        peak.high_water_bytes = peak.high_water_bytes.max(kilobytes(&now, "VmHWM:") << 10);
        if end.recv_timeout(every) != Err(mpsc::RecvTimeoutError::Timeout) {
            break;
        }
    }
    let (output, seconds) = waiting.join().expect("waiting does not panic").or_fail(Code::Usage)?;
    let failed = |why: String| Failure::new(Code::BadFile, format!("the process that was watched {why}"));
    if !output.status.success() {
        return Err(failed(format!("ended with {}", output.status)));
    }
    if peak.high_water_bytes == 0 {
        return Err(failed("ended before its memory was seen".to_owned()));
    }
    Ok(Watched { peak, seconds, said: String::from_utf8_lossy(&output.stdout).into_owned() })
}
