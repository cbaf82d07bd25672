//! Numbers of VFIO's ioctls.

/// A number of VFIO's ioctls, as the header's `_IO(VFIO_TYPE, VFIO_BASE + n)` makes it: they carry neither size nor direction.
const fn request(n: u64) -> u64 {
    // VFIO_TYPE is the character ';'; bindgen gives characters as bytes.
    (crate::VFIO_TYPE as u64) << 8 | (crate::VFIO_BASE as u64 + n)
}

macro_rules! requests {
    ($($name:ident = $n:literal),* $(,)?) => {
        $(
            #[doc = concat!("`_IO(VFIO_TYPE, VFIO_BASE + ", $n, ")`")]
            pub const $name: u64 = request($n);
        )*
        /// All of them by name, with n: for the comparison with the header.
        pub const ALL: &[(&str, u64)] = &[$((stringify!($name), $n)),*];
    };
}

requests! {
    VFIO_GET_API_VERSION = 0,
    VFIO_CHECK_EXTENSION = 1,
    VFIO_SET_IOMMU = 2,
    VFIO_GROUP_GET_STATUS = 3,
    VFIO_GROUP_SET_CONTAINER = 4,
    VFIO_GROUP_GET_DEVICE_FD = 6,
    VFIO_DEVICE_GET_INFO = 7,
    VFIO_DEVICE_GET_REGION_INFO = 8,
    VFIO_DEVICE_GET_IRQ_INFO = 9,
    VFIO_DEVICE_SET_IRQS = 10,
    VFIO_DEVICE_RESET = 11,
    VFIO_IOMMU_GET_INFO = 12,
    VFIO_IOMMU_MAP_DMA = 13,
    VFIO_IOMMU_UNMAP_DMA = 14,
}
