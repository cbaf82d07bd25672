//! Machines made of files: what `doctor` says of a good one, of one with each lack alone, and of machines where much is wrong.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const CARD: &str = "0000:65:00.0";

/// A machine of two NUMA nodes with one card, which lacks nothing.
struct Fake(tempfile::TempDir);

impl Fake {
    fn good() -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        for folder in ["sys/kernel/iommu_groups/16/devices", "sys/bus/pci/drivers/vfio-pci"] {
            fs::create_dir_all(fake.path(folder)).unwrap();
        }
        for node in ["dev/vfio/vfio", "dev/vfio/17", "dev/vfio/devices/vfio0", "dev/iommu"] {
            fake.write(node, "");
        }
        fake.limit_memory("unlimited");
        fake.write("proc/self/status", "Name:\tdoctor\nMems_allowed_list:\t0-1\n");
        fake.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "256\n");
        fake.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "200\n");
        fake.write("sys/devices/system/node/node1/meminfo", "Node 1 MemFree:       33554432 kB\n");
        fake.write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "128");
        fake.function(CARD, "0x120000", Some("vfio-pci"));
        fake.of_card("vfio-dev/vfio0/dev", "511:0");
        fake.of_card("numa_node", "1");
        fake.of_card("resource", "0x00000000f0000000 0x00000000f000ffff 0x0000000000140204\n");
        fake.capabilities(&[0x11, 0x10]);
        fake.of_card("iommu/intel-iommu/ecap", "f020df\n");
        for (name, text) in [("power_state", "D0\n"), ("power/control", "auto\n"), ("d3cold_allowed", "0\n")]
        {
            fake.of_card(name, text);
        }
        for which in ["current", "max"] {
            fake.of_card(&format!("{which}_link_width"), "16");
            fake.of_card(&format!("{which}_link_speed"), "16.0 GT/s PCIe");
        }
        fake
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }

    fn of_card(&self, name: &str, text: &str) {
        self.write(&format!("sys/bus/pci/devices/{CARD}/{name}"), text);
    }

    fn limit_memory(&self, bytes: &str) {
        let head = "Limit                     Soft Limit           Hard Limit           Units";
        self.write(
            "proc/self/limits",
            &format!("{head}\nMax locked memory         {bytes}            {bytes}            bytes\n"),
        );
    }

    /// As root is shown the card: its capabilities, one after the other from byte 64 on.
    fn capabilities(&self, ids: &[u8]) {
        let mut config = vec![0; 256];
        let mut link = 0x34;
        for (at, &id) in (0x40..).step_by(4).zip(ids) {
            (config[link], config[usize::from(at)]) = (at, id);
            link = usize::from(at) + 1;
            if id == LOOP {
                config[link] = at;
            }
        }
        fs::write(self.path(&format!("sys/bus/pci/devices/{CARD}/config")), config).unwrap();
    }

    /// A function of IOMMU group 17.
    fn function(&self, address: &str, class: &str, driver: Option<&str>) {
        let folder = format!("sys/bus/pci/devices/{address}");
        for (name, text) in [("vendor", "0x1234"), ("device", "0x4d4c"), ("class", class)] {
            self.write(&format!("{folder}/{name}"), text);
        }
        let folder = self.path(&folder);
        if let Some(driver) = driver {
            symlink(format!("../../drivers/{driver}"), folder.join("driver")).unwrap();
        }
        symlink("../../../../kernel/iommu_groups/17", folder.join("iommu_group")).unwrap();
        let member = self.path(&format!("sys/kernel/iommu_groups/17/devices/{address}"));
        fs::create_dir_all(member).unwrap();
    }

    fn bind(&self, driver: &str) {
        self.remove(&format!("sys/bus/pci/devices/{CARD}/driver"));
        symlink(format!("../../drivers/{driver}"), self.path(&format!("sys/bus/pci/devices/{CARD}/driver")))
            .unwrap();
    }

    /// Files of the kernel that this user may not open, or that somebody holds.
    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// As `millrace doctor` prints it, with its last line on standard error.
    fn report(&self, address: Option<&str>) -> String {
        let machine = Machine { root: self.0.path().to_owned(), open };
        let findings = machine.examine(address.map(|a| a.parse().unwrap()));
        let mut text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        if let Err(failure) = judged(&findings) {
            assert_eq!(failure.code, Code::DeviceOpen);
            text += &format!("millrace: {failure}\n");
        }
        text
    }
}

/// A capability that is its own successor.
const LOOP: u8 = 0x40;
/// Nobody may open it.
const FORBIDDEN: u32 = 0o000;
/// Somebody holds it.
const HELD: u32 = 0o001;

/// By the mode alone, as tests may run as root.
fn open(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.permissions().mode() & 0o777 {
        FORBIDDEN => Err(io::Error::from_raw_os_error(13)),
        HELD => Err(io::Error::from_raw_os_error(16)),
        _ => Ok(()),
    }
}

#[test]
fn a_good_machine() {
    assert_eq!(Fake::good().report(None), include_str!("good.txt"));
    assert_eq!(Fake::good().report(Some(CARD)), include_str!("good.txt"), "the only card, by its address");
}

/// A card in a bad slot, with the wrong driver and a neighbour, for a user who may do nothing.
#[test]
fn a_bad_machine() {
    let fake = Fake::good();
    fake.limit_memory("8388608");
    fake.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0");
    fake.bind("xdma");
    fake.function("0000:65:00.1", "0x010802", Some("nvme"));
    fake.function("0000:65:00.2", "0x120000", Some("vfio-pci"));
    fake.mode("dev/vfio/17", FORBIDDEN);
    fake.of_card("current_link_width", "8");
    fake.of_card("current_link_speed", "2.5 GT/s PCIe");
    fake.remove("sys/devices/system/node/node1");
    assert_eq!(fake.report(None), include_str!("bad.txt"));
}

/// As it comes from the factory.
#[test]
fn a_machine_without_anything() {
    let fake = Fake::good();
    for path in ["sys/kernel/iommu_groups", "sys/bus/pci/devices", "sys/kernel/mm", "dev", "proc"] {
        fake.remove(path);
    }
    assert_eq!(fake.report(None), include_str!("bare.txt"));
}

/// Each change of the good machine, and the lines that it changes: `-` was said before, `+` is said instead.
#[test]
fn each_lack_alone() {
    type Change = fn(&Fake);
    let cases: [(&str, Change); 36] = [
        ("the IOMMU is off", |m| {
            m.remove("sys/kernel/iommu_groups");
            m.remove(&format!("sys/bus/pci/devices/{CARD}/iommu_group"));
        }),
        ("VFIO is not loaded", |m| {
            m.remove("dev");
            m.remove(&format!("sys/bus/pci/devices/{CARD}/driver"));
            m.remove(&format!("sys/bus/pci/devices/{CARD}/vfio-dev"));
        }),
        ("hardly any memory may be locked", |m| m.limit_memory("8388608")),
        ("little memory may be locked", |m| m.limit_memory("67108864")),
        ("enough memory may be locked", |m| m.limit_memory("4294967296")),
        ("the limit is not told", |m| m.write("proc/self/limits", "")),
        ("no huge pages", |m| m.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0")),
        ("all huge pages are in use", |m| {
            m.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0")
        }),
        ("no driver", |m| m.remove(&format!("sys/bus/pci/devices/{CARD}/driver"))),
        ("another function of the group belongs to the kernel", |m| {
            m.function("0000:65:00.1", "0x010802", Some("nvme"));
        }),
        ("a bridge in the group is in nobody's way", |m| {
            m.function("0000:64:00.0", "0x060400", Some("pcieport"));
        }),
        ("the card's own file is closed to this user", |m| {
            m.mode("dev/vfio/devices/vfio0", FORBIDDEN);
        }),
        ("its group is closed too", |m| {
            m.mode("dev/vfio/devices/vfio0", FORBIDDEN);
            m.mode("dev/vfio/17", FORBIDDEN);
        }),
        ("somebody has the card, as its group tells", |m| m.mode("dev/vfio/17", HELD)),
        ("no IOMMUFD", |m| m.remove("dev/iommu")),
        ("a kernel with groups only", |m| {
            m.remove(&format!("sys/bus/pci/devices/{CARD}/vfio-dev"));
        }),
        ("a kernel with groups only, and somebody has this one", |m| {
            m.remove(&format!("sys/bus/pci/devices/{CARD}/vfio-dev"));
            m.mode("dev/vfio/17", HELD);
        }),
        ("a kernel without containers", |m| m.remove("dev/vfio/vfio")),
        ("the bus was scanned before the bitstream was there", |m| m.of_card("resource", "0x0 0x0 0x0\n")),
        ("no MSI-X", |m| m.capabilities(&[0x05, 0x10])),
        ("capabilities that go round", |m| m.capabilities(&[LOOP])),
        ("what an ordinary user sees of them", |m| m.of_card("config", "the first 64 bytes")),
        ("an IOMMU that forces nothing", |m| m.of_card("iommu/intel-iommu/ecap", "f0205f")),
        ("an IOMMU that forces nothing, and a conventional card", |m| {
            m.of_card("iommu/intel-iommu/ecap", "f0205f");
            m.capabilities(&[0x11]);
        }),
        ("an IOMMU that forces nothing, for an ordinary user", |m| {
            m.of_card("iommu/intel-iommu/ecap", "f0205f");
            m.of_card("config", "the first 64 bytes");
        }),
        ("AMD-Vi", |m| {
            m.remove(&format!("sys/bus/pci/devices/{CARD}/iommu"));
            m.of_card("iommu/amd-iommu/features", "25bf732fa2295afe:1d");
        }),
        ("an IOMMU that does not tell", |m| m.remove(&format!("sys/bus/pci/devices/{CARD}/iommu"))),
        ("a card that sleeps", |m| m.of_card("power_state", "D3hot")),
        ("a card whose power may be taken away", |m| m.of_card("d3cold_allowed", "1")),
        ("a card without power", |m| m.of_card("power_state", "D3cold")),
        ("a card that the kernel cannot wake", |m| m.of_card("power_state", "error")),
        ("a kernel that does not tell of power", |m| {
            m.remove(&format!("sys/bus/pci/devices/{CARD}/power_state"));
        }),
        ("a link that is not told", |m| m.remove(&format!("sys/bus/pci/devices/{CARD}/max_link_width"))),
        ("a narrow link", |m| m.of_card("current_link_width", "8")),
        ("the process is kept from the card's node", |m| {
            m.write("proc/self/status", "Mems_allowed_list:\t0\n");
        }),
        ("the card's node is full, and has no huge pages", |m| {
            m.write("sys/devices/system/node/node1/meminfo", "Node 1 MemFree: 4096 kB");
            m.write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0");
        }),
    ];
    let good = Fake::good().report(None);
    let mut told = String::new();
    for (name, change) in cases {
        let fake = Fake::good();
        change(&fake);
        let now = fake.report(None);
        told += &format!("{name}\n");
        let lines = |sign: char, of: &str, other: &str| -> String {
            let gone = of.lines().filter(|line| !other.lines().any(|o| o == *line));
            gone.map(|line| format!("{sign} {line}\n")).collect()
        };
        told += &(lines('-', &good, &now) + &lines('+', &now, &good));
    }

    assert_eq!(told, include_str!("lacks.txt"));
}

#[test]
fn an_address_without_a_function() {
    let report = Fake::good().report(Some("0000:7f:00.0"));
    let wanted = "missing  0000:7f:00.0: no such PCI function: No such file or directory (os error 2)";
    assert!(report.lines().any(|line| line == wanted), "{report}");
}

/// Files that are to be written are those that the manual names.
#[test]
fn the_manual_knows_the_same_files() {
    let manual = include_str!("../../../../docs/operating/cards.md");
    let told = [include_str!("lacks.txt"), include_str!("bad.txt"), include_str!("bare.txt")].concat();
    let words = told.split(|c: char| c.is_whitespace() || "`,;:".contains(c));
    let files: std::collections::BTreeSet<&str> = words.filter(|word| word.starts_with("/etc/")).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert!(manual.contains(file), "{file}");
    }
}
