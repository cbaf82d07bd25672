//! `millrace doctor`: looks at a machine as an operator would, and says what to type.

mod card;
mod electric;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use millrace_pcie::{PciAddress, PciTree};

use crate::{
    args::DoctorArgs,
    device_command::{candidates, card},
    exit::{Code, Failure},
    output::say,
};

/// Locked memory that a proof of 2^20 constraints wants at most: scalars, rings, staging for bases.
const MEMLOCK_BYTES: u64 = 1 << 30;
/// Locked memory with which small proofs are made: `make test-pcie` does.
const MEMLOCK_LEAST_BYTES: u64 = 64 << 20;
/// Huge pages of 2 MiB for one proof of that size, most of which lie in bases that are sent by pieces.
const HUGE_PAGES: u64 = 256;

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// As it should be.
    Ok,
    /// It works, but slower or less safely than it could.
    Note,
    /// It is in the way.
    Missing,
}

/// One thing looked at.
#[derive(Debug)]
struct Finding {
    state: State,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
        };
        write!(f, "{word:<8} {}", self.text)
    }
}

fn ok(text: impl Into<String>) -> Finding {
    Finding { state: State::Ok, text: text.into() }
}

fn note(text: impl Into<String>) -> Finding {
    Finding { state: State::Note, text: text.into() }
}

fn missing(text: impl Into<String>) -> Finding {
    Finding { state: State::Missing, text: text.into() }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let address = args.device.as_ref().map(card).transpose()?;
    let findings = Machine::at("/").examine(address);
    for finding in &findings {
        say!("{finding}");
    }
    judged(&findings)
}

fn judged(findings: &[Finding]) -> Result<(), Failure> {
    match findings.iter().filter(|f| f.state == State::Missing).count() {
        0 => Ok(()),
        n => Err(Failure::new(Code::DeviceOpen, format!("{n} thing(s) in the way of a card, see above"))),
    }
}

/// A file system to look at, and who looks; a test has both of its own.
struct Machine {
    root: PathBuf,
    /// Whether a file of the kernel's can be opened: for reading and writing, and at once closed.
    open: fn(&Path) -> io::Result<()>,
}

impl Machine {
    fn at(root: impl AsRef<Path>) -> Self {
        let open = |path: &Path| fs::OpenOptions::new().read(true).write(true).open(path).map(drop);
        Self { root: root.as_ref().to_owned(), open }
    }

    /// An absolute path, there.
    fn under(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn text(&self, path: &str) -> Option<String> {
        Some(fs::read_to_string(self.root.join(path)).ok()?.trim().to_owned())
    }

    fn examine(&self, address: Option<PciAddress>) -> Vec<Finding> {
        let mut findings = vec![self.iommu(), self.container(), self.memlock(), self.huge_pages()];
        let tree = PciTree::at(self.root.join("sys/bus/pci"));
        match address {
            Some(address) => match tree.function(address) {
                Ok(function) => self.function(&tree, &function, &mut findings),
                Err(error) => findings.push(missing(format!("{address}: no such PCI function: {error}"))),
            },
            None => {
                let found = candidates(tree.functions().unwrap_or_default());
                if found.is_empty() {
                    findings.push(missing(
                        "card: no processing accelerator on the bus, and nothing bound to vfio-pci: `lspci -nn`, then `millrace doctor --device vfio:ADDRESS`",
                    ));
                }
                for function in found {
                    self.function(&tree, &function, &mut findings);
                }
            }
        }
        findings
    }

    fn iommu(&self) -> Finding {
        let groups = fs::read_dir(self.root.join("sys/kernel/iommu_groups")).map_or(0, |dir| dir.count());
        match groups {
            0 => missing(
                "IOMMU: off: switch VT-d or AMD-Vi on in the firmware; Intel also wants `intel_iommu=on` on the kernel's command line: GRUB_CMDLINE_LINUX in /etc/default/grub, then, as root, `update-grub && reboot`",
            ),
            n => ok(format!("IOMMU: on, {n} groups")),
        }
    }

    /// A kernel with IOMMUFD may be without containers.
    fn container(&self) -> Finding {
        match ["/dev/vfio/vfio", "/dev/vfio/devices"].into_iter().find(|path| self.under(path).exists()) {
            Some(path) => ok(format!("VFIO: {path} is there")),
            None => missing(
                "VFIO: no /dev/vfio/vfio: as root, `modprobe vfio-pci`; to keep it, `echo vfio-pci >> /etc/modules`",
            ),
        }
    }

    /// The soft limit, as the kernel writes it.
    fn memlock_limit(&self) -> Option<String> {
        let limits = self.text("proc/self/limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
        line.split_whitespace().next().map(str::to_owned)
    }

    fn memlock(&self) -> Finding {
        let soft = self.memlock_limit();
        let how = "`ulimit -l unlimited`; to keep it, as root, `echo '@millrace - memlock unlimited' > /etc/security/limits.d/millrace.conf`, and log in again; in a unit, a line `LimitMEMLOCK=infinity`";
        match soft.as_deref().map(|text| (text, text.parse::<u64>())) {
            Some(("unlimited", _)) => ok("locked memory: unlimited"),
            Some((_, Ok(bytes))) if bytes >= MEMLOCK_BYTES => {
                ok(format!("locked memory: {} MiB", bytes >> 20))
            }
            Some((_, Ok(bytes))) if bytes >= MEMLOCK_LEAST_BYTES => note(format!(
                "locked memory: {} MiB, enough for small proofs, a proof of 2^20 constraints wants {}: {how}",
                bytes >> 20,
                MEMLOCK_BYTES >> 20
            )),
            Some((_, Ok(bytes))) => missing(format!(
                "locked memory: {} KiB, a small proof wants {}, one of 2^20 constraints {}: {how}",
                bytes >> 10,
                MEMLOCK_LEAST_BYTES >> 10,
                MEMLOCK_BYTES >> 10
            )),
            _ => note("locked memory: /proc/self/limits does not tell"),
        }
    }

    fn huge_pages(&self) -> Finding {
        const FOLDER: &str = "sys/kernel/mm/hugepages/hugepages-2048kB";
        let pages = |name: &str| self.text(&format!("{FOLDER}/{name}"))?.parse::<u64>().ok();
        let how = |n: u64| {
            format!(
                "as root, `sysctl vm.nr_hugepages={n}`; to keep it, `echo vm.nr_hugepages={n} > /etc/sysctl.d/millrace.conf`"
            )
        };
        match (pages("nr_hugepages"), pages("free_hugepages")) {
            (Some(n), Some(0)) if n > 0 => note(format!(
                "huge pages: {n} of 2 MiB reserved, none of them free, so buffers are mapped by pages of 4 KiB; for more, {}",
                how(n + HUGE_PAGES)
            )),
            (Some(n), _) if n > 0 => ok(format!("huge pages: {n} of 2 MiB reserved")),
            _ => note(format!(
                "huge pages: none reserved, so buffers are mapped by pages of 4 KiB: {}",
                how(HUGE_PAGES)
            )),
        }
    }
}

#[cfg(test)]
mod tests;
