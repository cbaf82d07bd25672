//! Why a function was not opened, and what to type.

use std::io;

use thiserror::Error;

use crate::PciAddress;

/// Why a PCIe function cannot be driven through VFIO.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum VfioError {
    /// Nothing there.
    #[error("{address}: no such PCI function: {source}")]
    NoFunction {
        /// Where.
        address: PciAddress,
        /// What the system says.
        source: io::Error,
    },
    /// Another driver, or none, has it.
    #[error(
        "{address}: expected the driver vfio-pci, got {driver}: as root, `millrace device bind vfio:{address}`"
    )]
    NotBound {
        /// Where.
        address: PciAddress,
        /// Which has it, or "none".
        driver: String,
    },
    /// No IOMMU: the device could reach all memory.
    #[error(
        "{address}: in no IOMMU group: switch the IOMMU on in the firmware and with intel_iommu=on or amd_iommu=on"
    )]
    NoIommu {
        /// Where.
        address: PciAddress,
    },
    /// The way by a device of its own was asked for, and there is none.
    #[error(
        "{address}: no character device of its own: the kernel was built without VFIO_DEVICE_CDEV; MILLRACE_VFIO=group takes the other way"
    )]
    NoCdev {
        /// Where.
        address: PciAddress,
    },
    /// A file that only its owners may open.
    #[error("{address}: cannot open {path}: {source} (`millrace doctor` says who may)")]
    CannotOpen {
        /// Where.
        address: PciAddress,
        /// Which file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Its own file can be opened by many, but the device taken by one only.
    #[error(
        "{address}: {path} is in use, or a function of its IOMMU group is, by another process or a driver of the kernel: {source}"
    )]
    InUse {
        /// Where.
        address: PciAddress,
        /// Which file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Others of the group belong to drivers of the kernel.
    #[error(
        "{address}: not all functions of IOMMU group {group} belong to vfio-pci (`millrace doctor` lists them)"
    )]
    GroupNotViable {
        /// Where.
        address: PciAddress,
        /// The group.
        group: u32,
    },
    /// This kernel speaks another VFIO.
    #[error(
        "{address}: expected VFIO API version 0 with type 1 v2, got version {got}, type 1 v2: {has_type1_v2}"
    )]
    WrongApi {
        /// Where.
        address: PciAddress,
        /// The kernel's version.
        got: i32,
        /// Whether it has the IOMMU model wanted.
        has_type1_v2: bool,
    },
    /// The device is not what it should be.
    #[error("{address}: {what}: expected {expected}, got {got}")]
    Unfit {
        /// Where.
        address: PciAddress,
        /// What.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// One step of setting it up failed.
    #[error("{address}: {step}: {source}")]
    Step {
        /// Where.
        address: PciAddress,
        /// Which.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The reset before the first use failed.
    #[error("{address}: {source}")]
    Reset {
        /// Where.
        address: PciAddress,
        /// Why.
        source: crate::ResetError,
    },
}
