//! Exit codes and the one line that goes with them. The table in `docs/spec/exit-codes.md` is compared with [`Code::ALL`] by a test.

use std::fmt;

/// Why the command ends other than well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Code {
    /// A promised figure is not met.
    NotMet = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A file cannot be read, or is not what it should be.
    BadFile = 3,
    /// The witness belongs to another circuit, or holds a value out of range.
    BadWitness = 4,
    /// The witness breaks a constraint, which is named (`--r1cs`).
    Unsatisfied = 5,
    /// The witness satisfies the circuit, so the key is damaged (`--r1cs`).
    DamagedKey = 6,
    /// Either of the two; without `--r1cs` nobody can tell.
    UnsatisfiedOrDamaged = 7,
    /// A proof does not verify.
    ProofRejected = 8,
    /// An output cannot be written; nothing was left behind.
    Output = 9,
    /// The device cannot be opened: absent, another layout, not in this build.
    DeviceOpen = 10,
    /// The device failed or vanished during the run, and the CPU was not allowed to take over.
    DeviceFailed = 11,
    /// Validation or comparison found a difference.
    Mismatch = 12,
    /// L1 rejected or reverted.
    L1Rejected = 13,
    /// L1 or a tool that is needed for it cannot be reached.
    L1Unavailable = 14,
    /// A key from no real ceremony, without `--dev`.
    DevKey = 15,
    /// An imported key is stale, changed, or of another version; its `.zkey` may be good.
    UnusableImport = 16,
    /// The system does not give the threads that the command needs.
    Resources = 17,
    /// Interrupted by the user.
    Cancelled = 130,
}

impl Code {
    /// All of them, with what the table says.
    #[cfg(test)]
    pub(crate) const ALL: [(Code, &'static str); 18] = [
        (Code::NotMet, "not met"),
        (Code::Usage, "usage"),
        (Code::BadFile, "bad file"),
        (Code::BadWitness, "bad witness"),
        (Code::Unsatisfied, "unsatisfied"),
        (Code::DamagedKey, "damaged key"),
        (Code::UnsatisfiedOrDamaged, "unsatisfied or damaged"),
        (Code::ProofRejected, "proof rejected"),
        (Code::Output, "output"),
        (Code::DeviceOpen, "device open"),
        (Code::DeviceFailed, "device failed"),
        (Code::Mismatch, "mismatch"),
        (Code::L1Rejected, "L1 rejected"),
        (Code::L1Unavailable, "L1 unavailable"),
        (Code::DevKey, "dev key"),
        (Code::UnusableImport, "unusable import"),
        (Code::Resources, "resources"),
        (Code::Cancelled, "cancelled"),
    ];
}

/// An end other than well.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What the process returns.
    pub(crate) code: Code,
    message: String,
}

impl Failure {
    /// The error's own words after `prefix`, and those of its causes that it does not repeat itself.
    pub(crate) fn caused(code: Code, prefix: &str, error: &dyn std::error::Error) -> Self {
        let mut message = format!("{prefix}{error}");
        let mut cause = error.source();
        while let Some(c) = cause {
            let text = c.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = c.source();
        }
        Self::new(code, message)
    }

    /// With a message of one line; line breaks in it are folded.
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string().lines().collect::<Vec<_>>().join("; ") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Attaches a code to an error on its way up.
pub(crate) trait OrFail<T> {
    /// The value, or a failure with this code and the error's own words, causes included.
    fn or_fail(self, code: Code) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> OrFail<T> for Result<T, E> {
    fn or_fail(self, code: Code) -> Result<T, Failure> {
        self.map_err(|error| Failure::caused(code, "", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Failure};

    #[test]
    fn codes_are_unique_and_documented() {
        let page = include_str!("../../../docs/spec/exit-codes.md");
        let mut seen = std::collections::BTreeSet::new();
        for (code, name) in Code::ALL {
            assert!(seen.insert(code as u8), "{} twice", code as u8);
            assert!(
                page.contains(&format!("| {} | {name} |", code as u8)),
                "{} {name} not in the table",
                code as u8
            );
        }
    }

    #[test]
    fn messages_are_one_line() {
        assert_eq!(Failure::new(Code::Usage, "a\nb").to_string(), "a; b");
    }
}
