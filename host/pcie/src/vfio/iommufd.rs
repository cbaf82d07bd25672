//! IOMMUFD's ioctls, and those of VFIO that tie a device to it, each as one safe function over descriptors.

use std::{fs::File, io, ops::RangeInclusive, os::fd::AsRawFd};

use millrace_pcie_sys::{self as sys, requests};

use super::{
    address_space::Reach,
    ioctl::{argsz, has_extension, ioctl, with},
};
use crate::Iova;

/// Ranges that are asked for; an IOMMU has a handful.
const RANGES_MOST: u32 = 1 << 12;

/// Takes a device for this IOMMUFD.
pub(super) fn bind(device: &File, iommufd: &File) -> io::Result<()> {
    let mut bind = sys::vfio_device_bind_iommufd {
        argsz: argsz::<sys::vfio_device_bind_iommufd>(),
        flags: 0,
        iommufd: iommufd.as_raw_fd(),
        out_devid: 0,
    };
    with(device, requests::VFIO_DEVICE_BIND_IOMMUFD, &mut bind).map(drop)
}

/// A new address space; its number.
pub(super) fn alloc_ioas(iommufd: &File) -> io::Result<u32> {
    let mut alloc = sys::iommu_ioas_alloc { size: argsz::<sys::iommu_ioas_alloc>(), ..Default::default() };
    with(iommufd, requests::IOMMU_IOAS_ALLOC, &mut alloc)?;
    Ok(alloc.out_ioas_id)
}

/// Puts a device into an address space.
pub(super) fn attach(device: &File, ioas: u32) -> io::Result<()> {
    let mut attach = sys::vfio_device_attach_iommufd_pt {
        argsz: argsz::<sys::vfio_device_attach_iommufd_pt>(),
        flags: 0,
        pt_id: ioas,
    };
    with(device, requests::VFIO_DEVICE_ATTACH_IOMMUFD_PT, &mut attach).map(drop)
}

/// Addresses that all devices of an address space can be given, and what every mapping must be aligned to.
pub(super) fn iova_ranges(iommufd: &File, ioas: u32) -> io::Result<(Vec<RangeInclusive<u64>>, u64)> {
    let mut room = 16u32;
    loop {
        let mut ranges = vec![sys::iommu_iova_range::default(); room as usize];
        let mut ask = sys::iommu_ioas_iova_ranges {
            size: argsz::<sys::iommu_ioas_iova_ranges>(),
            ioas_id: ioas,
            num_iovas: room,
            allowed_iovas: ranges.as_mut_ptr() as u64,
            ..Default::default()
        };
        let request = requests::IOMMU_IOAS_IOVA_RANGES;
        // SAFETY: 1. `ask` is the structure of the request with its own size, and points to as many ranges as it says, all alive over the call; 2. both
        // are lent mutably, whole.
        let result = unsafe { ioctl(iommufd, request, std::ptr::from_mut(&mut ask) as u64) };
        match result {
            Ok(_) => {
                ranges.truncate(ask.num_iovas as usize);
                let windows = ranges.iter().map(|range| range.start..=range.last).collect();
                return Ok((windows, ask.out_iova_alignment));
            }
            // The kernel says how many there are.
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) && room < RANGES_MOST => {
                room = ask.num_iovas.clamp(room + 1, RANGES_MOST);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the IOMMUs of all devices of an address space make DMA coherent that need not be. IOMMUFD has no request for that, but answers VFIO's for the
/// address space that is said to be the one of containers; the numbers of VFIO's requests are not IOMMUFD's.
pub(super) fn forces_snooping(iommufd: &File, ioas: u32) -> io::Result<bool> {
    let mut compatible = sys::iommu_vfio_ioas {
        size: argsz::<sys::iommu_vfio_ioas>(),
        ioas_id: ioas,
        op: sys::IOMMU_VFIO_IOAS_SET as u16,
        ..Default::default()
    };
    let asked = with(iommufd, requests::IOMMU_VFIO_IOAS, &mut compatible)
        .and_then(|_| has_extension(iommufd, sys::VFIO_DMA_CC_IOMMU));
    // A kernel that does not tell, or does not let this user ask: then the device is made to give its right up.
    Ok(asked.unwrap_or_else(|error| {
        tracing::debug!("whether DMA is coherent cannot be asked: {error}");
        false
    }))
}

pub(super) fn map(iommufd: &File, ioas: u32, iova: Iova, memory: Reach) -> io::Result<()> {
    let writes = if memory.writes { sys::IOMMU_IOAS_MAP_WRITEABLE } else { 0 };
    let mut map = sys::iommu_ioas_map {
        size: argsz::<sys::iommu_ioas_map>(),
        flags: sys::IOMMU_IOAS_MAP_FIXED_IOVA | sys::IOMMU_IOAS_MAP_READABLE | writes,
        ioas_id: ioas,
        user_va: memory.address,
        length: memory.len_bytes as u64,
        iova: iova.0,
        ..Default::default()
    };
    with(iommufd, requests::IOMMU_IOAS_MAP, &mut map).map(drop)
}

pub(super) fn unmap(iommufd: &File, ioas: u32, iova: Iova, len_bytes: usize) -> io::Result<()> {
    let length = len_bytes as u64;
    let mut unmap =
        sys::iommu_ioas_unmap { size: argsz::<sys::iommu_ioas_unmap>(), ioas_id: ioas, iova: iova.0, length };
    with(iommufd, requests::IOMMU_IOAS_UNMAP, &mut unmap)?;
    // The kernel says how much it unmapped; less would leave the device a way in.
    if unmap.length == length { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
