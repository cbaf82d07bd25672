//! What the kernel says about PCIe functions, under `/sys`: for opening, for `millrace doctor`, for a list.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::PciAddress;

const VFIO_PCI: &str = "vfio-pci";

/// A tree like `/sys/bus/pci`; a test has one of its own.
#[derive(Clone, Debug)]
pub struct PciTree {
    root: PathBuf,
}

impl Default for PciTree {
    fn default() -> Self {
        Self::at("/sys/bus/pci")
    }
}

/// Width and speed of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Lanes.
    pub width: u32,
    /// As the kernel writes it: `8.0 GT/s PCIe`.
    pub speed: String,
}

/// What the kernel says of one function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PciFunction {
    /// Where it sits.
    pub address: PciAddress,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Class code, 24 bits; 0x120000 is a processing accelerator.
    pub class: u32,
    /// The driver that is bound to it.
    pub driver: Option<String>,
    /// Its IOMMU group; none without an IOMMU.
    pub iommu_group: Option<u32>,
    /// Its own character device, such as `vfio0`: where it is bound to vfio-pci and the kernel has these (`CONFIG_VFIO_DEVICE_CDEV`).
    pub cdev: Option<String>,
    /// The NUMA node next to it; none where there is one only.
    pub numa_node: Option<u32>,
    /// The link as it is.
    pub link: Option<Link>,
    /// The link as the card could have it.
    pub link_most: Option<Link>,
    /// Bytes of BAR0.
    pub bar0_bytes: u64,
}

impl PciFunction {
    /// Its own character device under `/dev`, where there is one.
    pub fn cdev_path(&self) -> Option<String> {
        self.cdev.as_ref().map(|name| format!("/dev/vfio/devices/{name}"))
    }
}

impl PciTree {
    /// A tree elsewhere.
    pub fn at(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
    }

    fn device(&self, address: PciAddress) -> PathBuf {
        self.root.join("devices").join(address.to_string())
    }

    /// All functions, by address.
    ///
    /// # Errors
    /// If there is no such tree: a machine, or a container, without PCI.
    pub fn functions(&self) -> io::Result<Vec<PciFunction>> {
        let entries = fs::read_dir(self.root.join("devices"))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut functions: Vec<_> = names.filter_map(|name| self.function(name.parse().ok()?).ok()).collect();
        functions.sort_by_key(|f| f.address);
        Ok(functions)
    }

    /// One function.
    ///
    /// # Errors
    /// If it is not there.
    pub fn function(&self, address: PciAddress) -> io::Result<PciFunction> {
        let dir = self.device(address);
        let number = |name: &str| -> io::Result<u32> {
            let text = fs::read_to_string(dir.join(name))?;
            let digits = text.trim().trim_start_matches("0x");
            u32::from_str_radix(digits, 16).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
        };
        let last_of_link = |name: &str| -> Option<String> {
            Some(fs::read_link(dir.join(name)).ok()?.file_name()?.to_str()?.to_owned())
        };
        let text = |name: &str| fs::read_to_string(dir.join(name)).ok().map(|t| t.trim().to_owned());
        let link = |width: &str, speed: &str| {
            let width = text(width)?.parse().ok().filter(|&w| w > 0 && w < 255)?;
            let speed = text(speed).filter(|speed| speed.starts_with(|c: char| c.is_ascii_digit()))?;
            Some(Link { width, speed })
        };
        let bar0 = || -> Option<u64> {
            let resources = text("resource")?;
            let mut words = resources.lines().next()?.split_whitespace();
            let mut hex = || u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok();
            let (start, end) = (hex()?, hex()?);
            (end > start).then(|| end - start + 1)
        };
        let cdev = || {
            let entries = fs::read_dir(dir.join("vfio-dev")).ok()?;
            // Kernels from 6.1 on show the device; only where it has a number can it be opened.
            let mut numbered = entries.flatten().filter(|entry| entry.path().join("dev").exists());
            numbered.next()?.file_name().into_string().ok()
        };
        Ok(PciFunction {
            address,
            vendor: number("vendor")? as u16,
            device: number("device")? as u16,
            class: number("class")?,
            driver: last_of_link("driver"),
            iommu_group: last_of_link("iommu_group").and_then(|g| g.parse().ok()),
            cdev: cdev(),
            // -1 where the machine has one node only.
            numa_node: text("numa_node").and_then(|n| n.parse().ok()),
            link: link("current_link_width", "current_link_speed"),
            link_most: link("max_link_width", "max_link_speed"),
            bar0_bytes: bar0().unwrap_or(0),
        })
    }

    /// Other functions of the same IOMMU group: they must belong to vfio-pci, to no driver, or to a bridge's.
    ///
    /// # Errors
    /// If the group cannot be listed.
    pub fn group_members(&self, address: PciAddress) -> io::Result<Vec<PciAddress>> {
        let entries = fs::read_dir(self.device(address).join("iommu_group/devices"))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut members: Vec<PciAddress> =
            names.filter_map(|n| n.parse().ok()).filter(|&a| a != address).collect();
        members.sort();
        Ok(members)
    }

    /// Gives a function to vfio-pci: names the driver, unbinds the one that has it, lets the kernel probe. Where that fails, the function is left
    /// to the driver that the kernel would choose.
    ///
    /// # Errors
    /// What the kernel says: no permission (root is wanted), no such function; no vfio-pci, of which nothing is changed.
    pub fn bind_vfio(&self, address: PciAddress) -> io::Result<()> {
        let function = self.function(address)?;
        if function.driver.as_deref() == Some(VFIO_PCI) {
            return Ok(());
        }
        if !self.root.join("drivers").join(VFIO_PCI).is_dir() {
            let what = "the kernel has no driver vfio-pci yet: `modprobe vfio-pci`, then again";
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
        fs::write(self.device(address).join("driver_override"), VFIO_PCI)?;
        let bound = self.reprobe(address);
        if bound.is_err() {
            // What failed first is what the caller is told.
            let _ = self.choose_again(address);
        }
        bound
    }

    /// Gives a function back to the driver that the kernel would choose. If a driver uses it, the kernel asks that one to let go, and waits.
    ///
    /// # Errors
    /// As for [`Self::bind_vfio`]; a function that another driver than vfio-pci has, of which nothing is changed.
    pub fn unbind_vfio(&self, address: PciAddress) -> io::Result<()> {
        if let Some(driver) = self.function(address)?.driver.filter(|driver| driver != VFIO_PCI) {
            let what = format!("expected the driver vfio-pci, got {driver}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.choose_again(address)
    }

    /// Takes a function from whatever driver has it, and lets the kernel choose one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn choose_again(&self, address: PciAddress) -> io::Result<()> {
        fs::write(self.device(address).join("driver_override"), "\n")?;
        self.reprobe(address)
    }

    fn reprobe(&self, address: PciAddress) -> io::Result<()> {
        match fs::write(self.device(address).join("driver/unbind"), address.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::write(self.root.join("drivers_probe"), address.to_string())
    }
}
