//! What a run of this program takes of memory, seen from outside: the kernel's own figures of a process of its own.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::exit::{Code, Failure, OrFail};

/// What the allocator takes its settings from, before those it is built with.
pub(super) const ALLOCATOR_SETTINGS: &str = "_RJEM_MALLOC_CONF";

/// Greatest values seen while the process lived.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    /// Memory that no file stands behind (`RssAnon`, looked at every half millisecond).
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

/// Runs this program with other arguments and watches it.
pub(super) fn of(arguments: &[&OsStr]) -> Result<Peak, Failure> {
    let program = std::env::current_exe().or_fail(Code::Usage)?;
    let mut command = Command::new(program);
    // As it is delivered: this process may have been told to keep pages, for rivals' sake.
    command.env_remove(ALLOCATOR_SETTINGS).args(arguments).stdout(Stdio::null());
    let mut child = command.spawn().or_fail(Code::Usage)?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = Peak::default();
    loop {
        // Gone between two looks, or not quite gone and without memory: what was seen before stands.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        peak.anonymous_bytes = peak.anonymous_bytes.max(kilobytes(&now, "RssAnon:") << 10);
        peak.high_water_bytes = peak.high_water_bytes.max(kilobytes(&now, "VmHWM:") << 10);
        if let Some(ended) = child.try_wait().or_fail(Code::Usage)? {
            let failed =
                || Failure::new(Code::BadFile, format!("the process that was watched ended with {ended}"));
            return ended.success().then_some(peak).ok_or_else(failed);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::kilobytes;

    #[test]
    fn figures_of_this_process_are_read() {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        assert!(kilobytes(&status, "RssAnon:") > 0 && kilobytes(&status, "VmHWM:") > 0);
        assert_eq!(kilobytes("VmHWM:\t  12 kB\n", "VmHWM:"), 12);
        assert_eq!(kilobytes("", "VmHWM:"), 0);
    }
}
