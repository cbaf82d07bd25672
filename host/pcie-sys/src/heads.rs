//! Structures that end in an array of no fixed length, without it: what bindgen makes of that array needs `unsafe`.
#![allow(non_camel_case_types)]

use crate::{__u32, __u64, vfio_info_cap_header};

/// Head of an order about interrupts; `count` values follow.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct vfio_irq_set {
    /// Bytes of head and values.
    pub argsz: __u32,
    /// One `VFIO_IRQ_SET_DATA_*` and one `VFIO_IRQ_SET_ACTION_*`.
    pub flags: __u32,
    /// Which kind of interrupt: `VFIO_PCI_*_IRQ_INDEX`.
    pub index: __u32,
    /// First vector.
    pub start: __u32,
    /// Vectors.
    pub count: __u32,
}

/// Head of an order or a question about a feature of a device; data may follow.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct vfio_device_feature {
    /// Bytes of head and data.
    pub argsz: __u32,
    /// Which feature, with `VFIO_DEVICE_FEATURE_*` of what is done with it.
    pub flags: __u32,
}

/// Head of the capability that lists the addresses an IOMMU can map; `nr_iovas` of `vfio_iova_range` follow.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct vfio_iommu_type1_info_cap_iova_range {
    /// Of every capability.
    pub header: vfio_info_cap_header,
    /// How many ranges follow.
    pub nr_iovas: __u32,
    /// Zero.
    pub reserved: __u32,
}

/// Head of an order to unmap; a bitmap may follow, which is not used here.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct vfio_iommu_type1_dma_unmap {
    /// Bytes of the head.
    pub argsz: __u32,
    /// Zero.
    pub flags: __u32,
    /// First address.
    pub iova: __u64,
    /// In: bytes to unmap. Out: bytes that were.
    pub size: __u64,
}
