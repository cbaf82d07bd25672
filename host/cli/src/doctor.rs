//! `millrace doctor`: looks at a machine as an operator would, and says what to type.

mod card;

use std::{
    fs,
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

    /// The soft limit, as the kernel writes it.
    fn memlock_limit(&self) -> Option<String> {
        let limits = self.text("proc/self/limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
        line.split_whitespace().next().map(str::to_owned)
    }

    fn memlock(&self) -> Finding {
        let soft = self.memlock_limit();
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

    fn own_device(root: &Path) {
        write(root, "sys/bus/pci/devices/0000:65:00.0/vfio-dev/vfio0/dev", "511:0");
        write(root, "dev/vfio/devices/vfio0", "");
    }

    fn all_of(root: &Path) -> String {
        Machine::at(root).examine(None).into_iter().map(|f| f.text + "\n").collect()
    }

    #[test]
    fn the_way_to_a_card_is_named() {
        let dir = machine();
        let root = dir.path();
        assert!(
            all_of(root).contains("opened by group (/dev/vfio/17 and /dev/vfio/vfio)"),
            "{}",
            all_of(root)
        );
        own_device(root);
        let found = missing_of(root);
        assert!(found.len() == 1 && found[0].contains("KERNEL==\"iommu\""), "{found:?}");
        write(root, "dev/iommu", "");
        assert_eq!(missing_of(root), [""; 0]);
        assert!(all_of(root).contains("opened by cdev (/dev/vfio/devices/vfio0 and /dev/iommu)"));
    }

    #[test]
    fn memory_that_is_not_near_the_card_is_a_note() {
        type Change = fn(&Path);
        let with = |change: Change| {
            let dir = machine();
            let root = dir.path();
            write(root, "sys/bus/pci/devices/0000:65:00.0/numa_node", "1");
            write(root, "sys/devices/system/node/node1/meminfo", "Node 1 MemFree:       33554432 kB\n");
            write(root, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "128");
            write(root, "proc/self/status", "Name:\tdoctor\nMems_allowed_list:\t0-1\n");
            change(root);
            missing_of(root)
        };
        assert_eq!(with(|_| ()), [""; 0]);
        let cases: [(Change, &str); 4] = [
            (
                |root| fs::remove_file(root.join("sys/devices/system/node/node1/meminfo")).unwrap(),
                "has no memory",
            ),
            (|root| write(root, "proc/self/status", "Mems_allowed_list:\t0\n"), "AllowedMemoryNodes"),
            (
                |root| write(root, "sys/devices/system/node/node1/meminfo", "Node 1 MemFree: 4096 kB"),
                "4 MiB free",
            ),
            (
                |root| {
                    write(root, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0")
                },
                "no huge page is reserved on NUMA node 1",
            ),
        ];
        for (change, wanted) in cases {
            let found = with(change);
            assert!(found.len() == 1 && found[0].contains(wanted), "{wanted}: {found:?}");
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
