//! `millrace doctor`: looks at a machine as an operator would, and says what to type.

use std::{
    fs,
    path::{Path, PathBuf},
};

use millrace_pcie::{PciAddress, PciFunction, PciTree};

use crate::{
    args::DoctorArgs,
    device_command::{candidates, card},
    exit::{Code, Failure},
    output::say,
};

/// Locked memory that a proof of 2^20 constraints wants at most: scalars, rings, staging for bases.
const MEMLOCK_BYTES: u64 = 1 << 30;

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
    for Finding { state, text } in &findings {
        let word = match state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
        };
        say!("{word:<8} {text}");
    }
    match findings.iter().filter(|f| f.state == State::Missing).count() {
        0 => Ok(()),
        n => Err(Failure::new(Code::DeviceOpen, format!("{n} thing(s) in the way of a card, see above"))),
    }
}

/// A file system to look at; a test has one of its own.
struct Machine {
    root: PathBuf,
}

impl Machine {
    fn at(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
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
                        "card: no processing accelerator on the bus, and nothing bound to vfio-pci: `lspci -nn`, then --device vfio:ADDRESS",
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
                "IOMMU: off: switch VT-d or AMD-Vi on in the firmware; Intel also wants `intel_iommu=on` on the kernel's command line",
            ),
            n => ok(format!("IOMMU: on, {n} groups")),
        }
    }

    fn container(&self) -> Finding {
        if self.root.join("dev/vfio/vfio").exists() {
            ok("VFIO: /dev/vfio/vfio is there")
        } else {
            missing(
                "VFIO: no /dev/vfio/vfio: as root, `modprobe vfio-pci`; to keep it, a line `vfio-pci` in /etc/modules",
            )
        }
    }

    fn memlock(&self) -> Finding {
        let limits = self.text("proc/self/limits").unwrap_or_default();
        let soft = limits.lines().find_map(|line| {
            line.strip_prefix("Max locked memory")?.split_whitespace().next().map(str::to_owned)
        });
        let how = "`ulimit -l unlimited`, a line `@millrace - memlock unlimited` in /etc/security/limits.conf, or LimitMEMLOCK=infinity in the unit";
        match soft.as_deref().map(|text| (text, text.parse::<u64>())) {
            Some(("unlimited", _)) => ok("locked memory: unlimited"),
            Some((_, Ok(bytes))) if bytes >= MEMLOCK_BYTES => {
                ok(format!("locked memory: {} MiB", bytes >> 20))
            }
            Some((_, Ok(bytes))) => missing(format!(
                "locked memory: {} MiB, a large proof wants {}: {how}",
                bytes >> 20,
                MEMLOCK_BYTES >> 20
            )),
            _ => note("locked memory: /proc/self/limits does not tell"),
        }
    }

    fn huge_pages(&self) -> Finding {
        let pages = self.text("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
        match pages.and_then(|text| text.parse::<u64>().ok()) {
            Some(n) if n > 0 => ok(format!("huge pages: {n} of 2 MiB reserved")),
            _ => note(
                "huge pages: none reserved, so buffers are mapped by pages of 4 KiB: as root, `sysctl vm.nr_hugepages=256`",
            ),
        }
    }

    fn function(&self, tree: &PciTree, f: &PciFunction, findings: &mut Vec<Finding>) {
        let at = f.address;
        let bind = format!("as root, `millrace device bind vfio:{at}`");
        findings.push(match f.driver.as_deref() {
            Some("vfio-pci") => ok(format!("{at}: bound to vfio-pci")),
            Some(other) => missing(format!("{at}: bound to {other}: {bind}")),
            None => missing(format!("{at}: bound to no driver: {bind}")),
        });
        findings.push(match f.iommu_group {
            None => missing(format!("{at}: in no IOMMU group (see IOMMU above)")),
            Some(group) => self.group(tree, at, group),
        });
        if let Some(group) = f.iommu_group.filter(|_| f.driver.as_deref() == Some("vfio-pci")) {
            findings.push(self.permission(at, group));
        }
        if let (Some(is), Some(most)) = (&f.link, &f.link_most) {
            let text = format!("{at}: link x{} at {}", is.width, is.speed);
            findings.push(if is == most {
                ok(text)
            } else {
                note(format!(
                    "{text}, the card can x{} at {}: another slot, a riser, or dust; an idle link may also be slow to save power",
                    most.width, most.speed
                ))
            });
        }
        if let Some(node) = f.numa_node {
            findings.push(ok(format!(
                "{at}: NUMA node {node}: `numactl --cpunodebind={node} --membind={node}` keeps memory near"
            )));
        }
    }

    /// Functions that share the group must not belong to drivers of the kernel; bridges do no harm.
    fn group(&self, tree: &PciTree, at: PciAddress, group: u32) -> Finding {
        const BRIDGE: u32 = 0x06;
        let members = tree.group_members(at).unwrap_or_default();
        let in_the_way: Vec<String> = members
            .into_iter()
            .filter_map(|member| tree.function(member).ok())
            .filter(|f| f.class >> 16 != BRIDGE)
            .filter(|f| f.driver.as_deref().is_some_and(|d| d != "vfio-pci"))
            .map(|f| format!("vfio:{}", f.address))
            .collect();
        if in_the_way.is_empty() {
            return ok(format!("{at}: IOMMU group {group}"));
        }
        missing(format!(
            "{at}: IOMMU group {group} holds functions of other drivers: `millrace device bind --force` for each of {}, or another slot",
            in_the_way.join(", ")
        ))
    }

    fn permission(&self, at: PciAddress, group: u32) -> Finding {
        let path = format!("dev/vfio/{group}");
        match fs::OpenOptions::new().read(true).write(true).open(self.root.join(&path)) {
            Ok(_) => ok(format!("{at}: /{path} may be opened")),
            Err(error) if error.raw_os_error() == Some(16) => {
                note(format!("{at}: /{path} is in use: another millrace, or a virtual machine"))
            }
            Err(error) => missing(format!(
                "{at}: cannot open /{path}: {error}: as root, `chgrp millrace /{path} && chmod 660 /{path}`; to keep it, the udev rule \
                 SUBSYSTEM==\"vfio\", GROUP=\"millrace\", MODE=\"0660\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A machine with one card at 65:00.0 that lacks nothing.
    fn machine() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in
            ["sys/kernel/iommu_groups/17/devices", "sys/bus/pci/drivers/vfio-pci", "sys/bus/pci/drivers/nvme"]
        {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        write(root, "dev/vfio/vfio", "");
        write(root, "dev/vfio/17", "");
        write(
            root,
            "proc/self/limits",
            "Limit  Soft  Hard  Units\nMax locked memory         unlimited  unlimited  bytes\n",
        );
        write(root, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "256\n");
        card_at(root, "0000:65:00.0", "0x120000", "vfio-pci");
        dir
    }

    fn card_at(root: &Path, address: &str, class: &str, driver: &str) {
        let card = format!("sys/bus/pci/devices/{address}");
        for (name, text) in [("vendor", "0x1234"), ("device", "0x4d4c"), ("class", class)] {
            write(root, &format!("{card}/{name}"), text);
        }
        symlink(format!("../../drivers/{driver}"), root.join(&card).join("driver")).unwrap();
        symlink("../../../../kernel/iommu_groups/17", root.join(&card).join("iommu_group")).unwrap();
        fs::create_dir_all(root.join("sys/kernel/iommu_groups/17/devices").join(address)).unwrap();
    }

    fn missing_of(root: &Path) -> Vec<String> {
        let findings = Machine::at(root).examine(None);
        findings.into_iter().filter(|f| f.state != State::Ok).map(|f| f.text).collect()
    }

    #[test]
    fn a_good_machine_lacks_nothing() {
        let dir = machine();
        assert_eq!(missing_of(dir.path()), [""; 0]);
    }

    #[test]
    fn each_lack_is_named_with_what_to_type() {
        type Break = fn(&Path);
        let cases: [(Break, &str); 8] = [
            (|root| fs::remove_dir_all(root.join("sys/kernel/iommu_groups")).unwrap(), "intel_iommu=on"),
            (|root| fs::remove_file(root.join("dev/vfio/vfio")).unwrap(), "modprobe vfio-pci"),
            (
                |root| write(root, "proc/self/limits", "Max locked memory 8388608 8388608 bytes"),
                "ulimit -l unlimited",
            ),
            (
                |root| write(root, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0"),
                "vm.nr_hugepages",
            ),
            (
                |root| fs::remove_file(root.join("sys/bus/pci/devices/0000:65:00.0/driver")).unwrap(),
                "millrace device bind vfio:0000:65:00.0",
            ),
            (|root| card_at(root, "0000:65:00.1", "0x010802", "nvme"), "vfio:0000:65:00.1"),
            (|root| fs::remove_file(root.join("dev/vfio/17")).unwrap(), "chgrp millrace /dev/vfio/17"),
            (|root| fs::remove_dir_all(root.join("sys/bus/pci/devices")).unwrap(), "lspci"),
        ];
        for (i, (damage, wanted)) in cases.into_iter().enumerate() {
            let dir = machine();
            damage(dir.path());
            let found = missing_of(dir.path());
            assert!(found.iter().any(|text| text.contains(wanted)), "case {i}: {found:?}");
        }
    }

    #[test]
    fn a_bridge_in_the_group_is_in_nobodys_way() {
        let dir = machine();
        card_at(dir.path(), "0000:64:00.0", "0x060400", "nvme");
        assert_eq!(missing_of(dir.path()), [""; 0]);
    }

    #[test]
    fn a_narrow_link_is_a_note() {
        let dir = machine();
        let card = "sys/bus/pci/devices/0000:65:00.0";
        for (name, text) in [
            ("current_link_width", "8"),
            ("current_link_speed", "8.0 GT/s PCIe"),
            ("max_link_width", "16"),
            ("max_link_speed", "8.0 GT/s PCIe"),
        ] {
            write(dir.path(), &format!("{card}/{name}"), text);
        }
        let found = missing_of(dir.path());
        assert!(found.len() == 1 && found[0].contains("x8") && found[0].contains("x16"), "{found:?}");
    }
}
