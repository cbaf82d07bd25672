//! VFIO's ioctls, each as one safe function over descriptors.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use millrace_pcie_sys::{self as sys, requests};

use super::address_space::Reach;
use crate::Iova;

/// Duties of the caller: 1. `arg` is what the request takes: a number, or a pointer to a live structure that begins with its own size; 2. the
/// kernel may write that structure, and nothing beyond the size.
///
/// # Safety
/// The two duties.
pub(super) unsafe fn ioctl(file: &File, request: u64, arg: u64) -> io::Result<i32> {
    // SAFETY: the caller's duties are those of the system call; the descriptor is open as long as `file` is lent.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), request as _, arg) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn plain(file: &File, request: u64, arg: u64) -> io::Result<i32> {
    // SAFETY: 1. the requests given to `plain` in this file take a number or nothing; 2. so the kernel writes nothing.
    unsafe { ioctl(file, request, arg) }
}

pub(super) fn with<T>(file: &File, request: u64, arg: &mut T) -> io::Result<i32> {
    // SAFETY: 1. `arg` is the structure of the request, filled with its own size, and lives over the call; 2. it is lent mutably, whole.
    unsafe { ioctl(file, request, std::ptr::from_mut(arg) as u64) }
}

/// A structure's own size, as its first field tells the kernel.
pub(super) fn argsz<T>() -> u32 {
    size_of::<T>() as u32
}

pub(super) fn api_version(container: &File) -> io::Result<i32> {
    plain(container, requests::VFIO_GET_API_VERSION, 0)
}

pub(super) fn has_extension(container: &File, extension: u32) -> io::Result<bool> {
    Ok(plain(container, requests::VFIO_CHECK_EXTENSION, extension.into())? > 0)
}

pub(super) fn set_iommu(container: &File, kind: u32) -> io::Result<()> {
    plain(container, requests::VFIO_SET_IOMMU, kind.into()).map(drop)
}

pub(super) fn is_viable(group: &File) -> io::Result<bool> {
    let mut status = sys::vfio_group_status { argsz: argsz::<sys::vfio_group_status>(), flags: 0 };
    with(group, requests::VFIO_GROUP_GET_STATUS, &mut status)?;
    Ok(status.flags & sys::VFIO_GROUP_FLAGS_VIABLE != 0)
}

pub(super) fn set_container(group: &File, container: &File) -> io::Result<()> {
    let mut fd = container.as_raw_fd();
    with(group, requests::VFIO_GROUP_SET_CONTAINER, &mut fd).map(drop)
}

pub(super) fn device(group: &File, name: &str) -> io::Result<File> {
    let name = CString::new(name)?;
    // SAFETY: 1. the request takes a pointer to a C string, alive over the call; 2. the kernel only reads it.
    let fd = unsafe { ioctl(group, requests::VFIO_GROUP_GET_DEVICE_FD, name.as_ptr() as u64)? };
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

pub(super) fn device_info(device: &File) -> io::Result<sys::vfio_device_info> {
    let mut info = sys::vfio_device_info { argsz: argsz::<sys::vfio_device_info>(), ..Default::default() };
    with(device, requests::VFIO_DEVICE_GET_INFO, &mut info)?;
    Ok(info)
}

pub(super) fn region_info(device: &File, index: u32) -> io::Result<sys::vfio_region_info> {
    let argsz = argsz::<sys::vfio_region_info>();
    let mut info = sys::vfio_region_info { argsz, index, ..Default::default() };
    with(device, requests::VFIO_DEVICE_GET_REGION_INFO, &mut info)?;
    Ok(info)
}

pub(super) fn irq_info(device: &File, index: u32) -> io::Result<sys::vfio_irq_info> {
    let mut info = sys::vfio_irq_info { argsz: argsz::<sys::vfio_irq_info>(), index, ..Default::default() };
    with(device, requests::VFIO_DEVICE_GET_IRQ_INFO, &mut info)?;
    Ok(info)
}

/// Lets vectors 0.. of one kind arrive at these eventfds; none at all switches the kind off.
pub(super) fn set_irqs(device: &File, index: u32, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let data = if fds.is_empty() { sys::VFIO_IRQ_SET_DATA_NONE } else { sys::VFIO_IRQ_SET_DATA_EVENTFD };
    let argsz = argsz::<sys::vfio_irq_set>() + 4 * fds.len() as u32;
    let mut words = vec![argsz, data | sys::VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, fds.len() as u32];
    words.extend(fds.iter().map(|fd| fd.as_raw_fd() as u32));
    // SAFETY: 1. the words are a `vfio_irq_set`, five of 32 bits, with its values after it and their joint size in the first; 2. all of them are lent
    // mutably over the call.
    unsafe { ioctl(device, requests::VFIO_DEVICE_SET_IRQS, words.as_mut_ptr() as u64) }.map(drop)
}

/// Whether the kernel has a feature for this device.
pub(super) fn has_feature(device: &File, feature: u32) -> bool {
    let flags = sys::VFIO_DEVICE_FEATURE_PROBE | feature;
    let mut probe = sys::vfio_device_feature { argsz: argsz::<sys::vfio_device_feature>(), flags };
    with(device, requests::VFIO_DEVICE_FEATURE, &mut probe).is_ok()
}

pub(super) fn reset(device: &File) -> io::Result<()> {
    plain(device, requests::VFIO_DEVICE_RESET, 0).map(drop)
}

/// The IOMMU's description with all its capabilities, as bytes: the head is a `vfio_iommu_type1_info`.
pub(super) fn iommu_info(container: &File) -> io::Result<Vec<u8>> {
    let head = argsz::<sys::vfio_iommu_type1_info>();
    let mut argsz = head;
    for _ in 0..3 {
        let mut words = vec![0u64; (argsz as usize).div_ceil(8)];
        words[0] = argsz.into();
        // SAFETY: 1. the words are at least as long as the size in the first 32 bits, aligned for the structure; 2. all are lent mutably.
        unsafe { ioctl(container, requests::VFIO_IOMMU_GET_INFO, words.as_mut_ptr() as u64)? };
        let needed = words[0] as u32;
        if needed <= argsz {
            return Ok(words.iter().flat_map(|w| w.to_ne_bytes()).take(argsz as usize).collect());
        }
        argsz = needed.min(1 << 16);
    }
    Err(io::ErrorKind::InvalidData.into())
}

pub(super) fn map(container: &File, iova: Iova, memory: Reach) -> io::Result<()> {
    let mut map = sys::vfio_iommu_type1_dma_map {
        argsz: argsz::<sys::vfio_iommu_type1_dma_map>(),
        flags: sys::VFIO_DMA_MAP_FLAG_READ | if memory.writes { sys::VFIO_DMA_MAP_FLAG_WRITE } else { 0 },
        vaddr: memory.address,
        iova: iova.0,
        size: memory.len_bytes as u64,
    };
    with(container, requests::VFIO_IOMMU_MAP_DMA, &mut map).map(drop)
}

pub(super) fn unmap(container: &File, iova: Iova, len_bytes: usize) -> io::Result<()> {
    let argsz = argsz::<sys::vfio_iommu_type1_dma_unmap>();
    let size = len_bytes as u64;
    let mut unmap = sys::vfio_iommu_type1_dma_unmap { argsz, flags: 0, iova: iova.0, size };
    with(container, requests::VFIO_IOMMU_UNMAP_DMA, &mut unmap)?;
    // The kernel says how much it unmapped; less would leave the device a way in.
    if unmap.size == size { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
