//! What a function can reach of this process's memory, said to the kernel in one of two ways: by a container of type 1 v2, or by an address space
//! (IOAS) of IOMMUFD.

use std::{fs::File, io, ops::RangeInclusive};

use millrace_pcie_sys as sys;

use super::{ioctl, iommufd, windows::iova_windows};
use crate::{Iova, PAGE_BYTES};

/// Memory of this process, and what the device may do there.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    pub(super) address: u64,
    pub(super) len_bytes: usize,
    /// Beside reading.
    pub(super) writes: bool,
}

/// The kernel undoes everything when the files close.
pub(super) enum AddressSpace {
    /// The group is held, as its device is only as long as it is.
    Container { container: File, _group: File },
    /// By the numbers that IOMMUFD gave.
    Ioas { iommufd: File, ioas: u32 },
}

impl AddressSpace {
    /// Addresses that the IOMMU can map: what is reserved (the window of MSI, what the firmware keeps) and what lies beyond its reach are
    /// left out. Empty where the kernel does not tell.
    pub(super) fn windows(&self) -> io::Result<Vec<RangeInclusive<u64>>> {
        match self {
            Self::Container { container, .. } => Ok(iova_windows(&ioctl::iommu_info(container)?)),
            Self::Ioas { iommufd, ioas } => {
                let (windows, alignment) = iommufd::iova_ranges(iommufd, *ioas)?;
                if alignment > PAGE_BYTES as u64 {
                    let what = format!("expected mappings of {PAGE_BYTES} bytes, got {alignment} at least");
                    return Err(io::Error::new(io::ErrorKind::Unsupported, what));
                }
                Ok(windows)
            }
        }
    }

    /// Whether the IOMMU makes every access of the device coherent with the CPU's caches, whatever the device asks for: the kernel's own word for all
    /// IOMMUs, by either way. Where it does not tell, `false`: then the device must give its right up.
    pub(super) fn forces_snooping(&self) -> io::Result<bool> {
        match self {
            Self::Container { container, .. } => ioctl::has_extension(container, sys::VFIO_DMA_CC_IOMMU),
            Self::Ioas { iommufd, ioas } => iommufd::forces_snooping(iommufd, *ioas),
        }
    }

    /// Lets the device reach memory, whose pages the kernel pins. It must outlive this: `mapped.rs` unmaps first, or keeps it for ever.
    pub(super) fn map(&self, iova: Iova, memory: Reach) -> io::Result<()> {
        match self {
            Self::Container { container, .. } => ioctl::map(container, iova, memory),
            Self::Ioas { iommufd, ioas } => iommufd::map(iommufd, *ioas, iova, memory),
        }
    }

    pub(super) fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()> {
        match self {
            Self::Container { container, .. } => ioctl::unmap(container, iova, len_bytes),
            Self::Ioas { iommufd, ioas } => iommufd::unmap(iommufd, *ioas, iova, len_bytes),
        }
    }
}
