//! The delivered program, run in processes of its own, and what they take of memory, seen from outside by the kernel's own figures.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use millrace_rivals::ARKWORKS_ASSEMBLY;

use super::{Bar, Sheet};
use crate::{
    exit::{Code, Failure, OrFail},
    memory::kilobytes,
    threads,
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
    /// Pages that were not in place when they were touched (`minflt`).
    pub(super) faults: u64,
}

/// The `millrace` that users get: figures that need arkworks at its best are of a build of their own, in which more than arkworks is compiled otherwise.
pub(super) struct Delivered {
    program: PathBuf,
    /// Whether it is the program that measures.
    is_this: bool,
}

impl Delivered {
    /// The one that was named, else this program.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let this = std::env::current_exe().or_fail(Code::Usage)?;
        let whole = |path: &Path| path.canonicalize().or_fail(Code::BadFile);
        let program = named.map_or_else(|| Ok(this.clone()), whole)?;
        Ok(Self { is_this: program == this, program })
    }

    /// What figures of processes are of.
    pub(super) fn in_words(&self) -> String {
        match (self.is_this, ARKWORKS_ASSEMBLY) {
            (false, _) => format!("processes of {}", self.program.display()),
            (true, false) => "processes of this program".to_owned(),
            (true, true) => "processes of this program, a build for figures that nobody is given".to_owned(),
        }
    }

    /// A process of it, with its own allocator's settings.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove(ALLOCATOR_SETTINGS);
        command
    }

    /// Proves on the CPU, within `most_bytes` where that is told, and watches it.
    pub(super) fn peak_of_proof(
        &self,
        key: &Path,
        witness: &Path,
        most_bytes: Option<u64>,
    ) -> Result<Peak, Failure> {
        self.peak_of_proofs(key, witness, 1, most_bytes)
    }

    /// As [`Delivered::peak_of_proof`], so many proofs one after the other.
    pub(super) fn peak_of_proofs(
        &self,
        key: &Path,
        witness: &Path,
        times: u32,
        most_bytes: Option<u64>,
    ) -> Result<Peak, Failure> {
        let folder = tempfile::tempdir().or_fail(Code::Output)?;
        let (proof, public) = (folder.path().join("proof.json"), folder.path().join("public.json"));
        let times = format!("--repeat={times}");
        let [prove, o, p, times] = ["prove", "-o", "-p", &times].map(OsStr::new);
        let files = [key, witness].map(Path::as_os_str);
        let limit = most_bytes.map(|most| format!("--max-memory={most}"));
        let mut arguments =
            vec![prove, times, files[0], files[1], o, proof.as_os_str(), p, public.as_os_str()];
        arguments.extend(limit.as_deref().map(OsStr::new));
        self.peak(&arguments)
    }

    /// Runs it with these arguments and watches it.
    pub(super) fn peak(&self, arguments: &[&OsStr]) -> Result<Peak, Failure> {
        let mut command = self.command();
        command.args(arguments).stdout(Stdio::null());
        Ok(watched(command, Duration::from_micros(500))?.peak)
    }
}

/// Lines of what a proof took and what was announced for it: never more, and not much less, as who gives it that much would have it for others.
pub(super) fn beside_announced(sheet: &mut Sheet, what: &str, taken_bytes: f64, announced_bytes: f64) {
    const MIB: f64 = (1 << 20) as f64;
    let announced = format!("{:.1} MiB announced", announced_bytes / MIB);
    let name = format!("{what}: anonymous memory over the {announced}");
    sheet.line(&name, taken_bytes / announced_bytes, "times", Bar::AtMost(1.0));
    let name = format!("{what}: the {announced} over anonymous memory");
    sheet.line(&name, announced_bytes / taken_bytes, "times", Bar::AtMost(2.0));
}

/// The program that measures, once more.
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

/// The tenth field of `/proc/PID/stat`; 0 where there is none. The second is a name in brackets, with spaces perhaps.
fn minor_faults(stat: &str) -> u64 {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_ascii_whitespace().nth(7).and_then(|faults| faults.parse().ok()).unwrap_or(0)
}

/// Runs a command to its end and looks at its memory every so often.
pub(super) fn watched(mut command: Command, every: Duration) -> Result<Watched, Failure> {
    let started = Instant::now();
    let child = command.spawn().or_fail(Code::Usage)?;
    let [status, stat] = ["status", "stat"].map(|file| format!("/proc/{}/{file}", child.id()));
    let (ended, end) = mpsc::channel();
    let waiting = thread::Builder::new().spawn(move || {
        let output = child.wait_with_output();
        let seconds = started.elapsed().as_secs_f64();
        // Nobody listens any more where the watching failed.
        let _ = ended.send(());
        output.map(|output| (output, seconds))
    });
    let waiting = waiting.map_err(|error| threads::none(&error))?;
    let mut peak = Peak::default();
    loop {
        // Gone between two looks, or not quite gone and without memory: what was seen before stands.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        peak.anonymous_bytes = peak.anonymous_bytes.max(kilobytes(&now, "RssAnon:") << 10);
        peak.high_water_bytes = peak.high_water_bytes.max(kilobytes(&now, "VmHWM:") << 10);
        peak.faults = peak.faults.max(minor_faults(&std::fs::read_to_string(&stat).unwrap_or_default()));
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

#[cfg(test)]
mod tests {
    use super::minor_faults;

    #[test]
    fn faults_are_the_tenth_field_whatever_the_name() {
        assert_eq!(minor_faults("7 (a b) c) S 1 2 3 4 5 6 4242 0 11"), 4242);
        assert_eq!(minor_faults(""), 0);
        let own = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
        assert!(minor_faults(&own) > 0);
    }
}
