//! Where and of what figures are: machine, load, commit, flags.

use std::{fmt, fs, process::Command, thread::available_parallelism};

use millrace_rivals::arkworks_build;

/// What a record begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The processor, as Linux names it.
    pub processor: String,
    /// Threads that the machine runs at once.
    pub threads: usize,
    /// Load of the last 1, 5 and 15 minutes.
    pub load: String,
    /// The commit, `-dirty` where files differ from it.
    pub commit: String,
}

const UNKNOWN: &str = "unknown";

impl Setting {
    /// Of this machine and this moment; what cannot be told is `unknown`.
    pub fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |line: &str| line.split_once(':').map(|(_, name)| name.trim().to_owned());
        let processor =
            read("/proc/cpuinfo").lines().find(|line| line.starts_with("model name")).and_then(field);
        let load: Vec<String> = read("/proc/loadavg").split(' ').take(3).map(str::to_owned).collect();
        let described = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
        let commit = described.ok().filter(|output| output.status.success());
        let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let told = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN.into());
        Self {
            processor: told(processor),
            threads: available_parallelism().map_or(1, Into::into),
            load: told(Some(load.join(" "))),
            commit: told(commit),
        }
    }
}

/// Lines of a comment, as our CSV files begin with.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# processor: {}, {} threads at once", self.processor, self.threads)?;
        writeln!(f, "# load (1, 5, 15 minutes): {}", self.load)?;
        writeln!(f, "# commit: {}", self.commit)?;
        writeln!(f, "# rival: {}", arkworks_build())
    }
}

#[cfg(test)]
mod tests {
    use super::Setting;

    #[test]
    fn every_line_is_a_comment_and_says_something() {
        let text = Setting::now().to_string();
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().all(|line| line.starts_with("# ") && !line.ends_with(": ")), "{text}");
    }
}
