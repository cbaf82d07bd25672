//! The kernel's two ways to a function, and which is taken.

use std::{fmt, str::FromStr};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use thiserror::Error;

use crate::PciFunction;

/// Kernel's interface for address spaces of devices: `linux/iommufd.h`.
pub(super) const IOMMUFD: &str = "/dev/iommu";

/// How the kernel is asked for a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VfioAccess {
    /// By its IOMMU group and a container of type 1 v2: every kernel with VFIO.
    Group,
    /// By a character device of its own, with an address space of IOMMUFD: kernels from 6.6 on that were built with it.
    Cdev,
}

/// A text that names no way.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("expected group or cdev, got {got:?}")]
pub struct AccessError {
    /// The text.
    pub got: String,
}

impl FromStr for VfioAccess {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        match text {
            "group" => Ok(Self::Group),
            "cdev" => Ok(Self::Cdev),
            _ => Err(AccessError { got: text.to_owned() }),
        }
    }
}

impl fmt::Display for VfioAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Cdev => "cdev",
        })
    }
}

impl VfioAccess {
    /// The variable that overrides the choice.
    pub const VARIABLE: &str = "MILLRACE_VFIO";

    /// What [`Self::VARIABLE`] asks for; `None` leaves the choice.
    ///
    /// # Errors
    /// [`AccessError`] if it names no way.
    pub fn from_env() -> Result<Option<Self>, AccessError> {
        match std::env::var_os(Self::VARIABLE) {
            Some(text) if !text.is_empty() => text.to_string_lossy().parse().map(Some),
            _ => Ok(None),
        }
    }

    /// The way that is taken to a function where nothing else was asked for: its own device where the kernel has one and this user may open it
    /// and `/dev/iommu`, the group otherwise.
    pub fn choose(function: &PciFunction) -> Self {
        Self::choose_where(function, |path| {
            accessat(CWD, path, Access::READ_OK | Access::WRITE_OK, AtFlags::EACCESS).is_ok()
        })
    }

    /// As [`Self::choose`], by another answer to whether a file may be opened for reading and writing.
    pub fn choose_where(function: &PciFunction, may_open: impl Fn(&str) -> bool) -> Self {
        match function.cdev_path() {
            Some(path) if may_open(IOMMUFD) && may_open(&path) => Self::Cdev,
            _ => Self::Group,
        }
    }

    /// What is opened on this way, most particular first; an empty list where the function has no such way.
    pub fn paths(self, function: &PciFunction) -> Vec<String> {
        match self {
            Self::Group => function
                .iommu_group
                .map(|group| vec![format!("/dev/vfio/{group}"), super::CONTAINER.to_owned()])
                .unwrap_or_default(),
            Self::Cdev => function.cdev_path().map(|path| vec![path, IOMMUFD.to_owned()]).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(cdev: Option<&str>) -> PciFunction {
        PciFunction {
            address: "65:00.0".parse().unwrap(),
            vendor: 1,
            device: 2,
            class: 0x12_0000,
            driver: None,
            iommu_group: Some(17),
            cdev: cdev.map(str::to_owned),
            numa_node: None,
            link: None,
            link_most: None,
            bar0_bytes: 0,
        }
    }

    #[test]
    fn the_device_of_its_own_is_taken_where_all_of_it_is_there() {
        let (with, without) = (function(Some("vfio3")), function(None));
        let choose =
            |f: &PciFunction, files: &[&str]| VfioAccess::choose_where(f, |path| files.contains(&path));
        let both = ["/dev/iommu", "/dev/vfio/devices/vfio3"];
        assert_eq!(choose(&with, &[]), VfioAccess::Group, "neither file");
        assert_eq!(choose(&with, &both[..1]), VfioAccess::Group);
        assert_eq!(choose(&with, &both[1..]), VfioAccess::Group, "no /dev/iommu");
        assert_eq!(choose(&with, &both), VfioAccess::Cdev);
        assert_eq!(choose(&without, &both), VfioAccess::Group);
        // No machine has a card of this name.
        assert_eq!(VfioAccess::choose(&function(Some("none of a card"))), VfioAccess::Group);
        assert_eq!(VfioAccess::Cdev.paths(&with), ["/dev/vfio/devices/vfio3", "/dev/iommu"]);
        assert_eq!(VfioAccess::Group.paths(&with), ["/dev/vfio/17", "/dev/vfio/vfio"]);
        assert!(VfioAccess::Cdev.paths(&without).is_empty());
    }

    #[test]
    fn ways_are_read_as_they_are_written() {
        for access in [VfioAccess::Group, VfioAccess::Cdev] {
            assert_eq!(access.to_string().parse(), Ok(access));
        }
        assert!("iommufd".parse::<VfioAccess>().is_err());
    }
}
