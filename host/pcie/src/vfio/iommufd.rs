//! IOMMUFD's ioctls, and those of VFIO that tie a device to it, each as one safe function over descriptors.

use std::{fs::File, io, ops::RangeInclusive, os::fd::AsRawFd};

use millrace_pcie_sys::{self as sys, requests};

use super::{
    address_space::Reach,
    ioctl::{argsz, ioctl, with},
};
use crate::Iova;

/// Ranges that are asked for; an IOMMU has a handful.
const RANGES_MOST: u32 = 1 << 12;

/// Takes a device for this IOMMUFD; its number there.
pub(super) fn bind(device: &File, iommufd: &File) -> io::Result<u32> {
    let mut bind = sys::vfio_device_bind_iommufd {
        argsz: argsz::<sys::vfio_device_bind_iommufd>(),
        flags: 0,
        iommufd: iommufd.as_raw_fd(),
        out_devid: 0,
    };
    with(device, requests::VFIO_DEVICE_BIND_IOMMUFD, &mut bind)?;
    Ok(bind.out_devid)
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

/// VT-d's register of extended capabilities, as the IOMMU of a device has it; `None` for another maker's IOMMU.
pub(super) fn vtd_extended_capabilities(iommufd: &File, device: u32) -> io::Result<Option<u64>> {
    let mut vtd = sys::iommu_hw_info_vtd::default();
    let mut ask = sys::iommu_hw_info {
        size: argsz::<sys::iommu_hw_info>(),
        dev_id: device,
        data_len: argsz::<sys::iommu_hw_info_vtd>(),
        data_uptr: std::ptr::from_mut(&mut vtd) as u64,
        ..Default::default()
    };
    // SAFETY: 1. `ask` is the structure of the request with its own size, and points to `vtd`, whose length it says, alive over the call; 2. both are lent
    // mutably, whole; whatever the kernel writes into plain integers is a value of theirs.
    match unsafe { ioctl(iommufd, requests::IOMMU_GET_HW_INFO, std::ptr::from_mut(&mut ask) as u64) } {
        Ok(_) => {}
        // A kernel, or a driver of an IOMMU, that does not tell.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOTTY)) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    Ok((ask.out_data_type == sys::IOMMU_HW_INFO_TYPE_INTEL_VTD).then_some(vtd.ecap_reg))
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
