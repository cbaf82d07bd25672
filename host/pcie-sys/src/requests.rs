//! Numbers of VFIO's and IOMMUFD's ioctls.

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
    VFIO_DEVICE_FEATURE = 17,
    VFIO_DEVICE_BIND_IOMMUFD = 18,
    VFIO_DEVICE_ATTACH_IOMMUFD_PT = 19,
}

macro_rules! iommufd_requests {
    ($($name:ident = $command:ident),* $(,)?) => {
        $(
            #[doc = concat!("`_IO(IOMMUFD_TYPE, ", stringify!($command), ")`")]
            pub const $name: u64 = (crate::IOMMUFD_TYPE as u64) << 8 | crate::$command as u64;
        )*
        /// Those of `/dev/iommu` by name, with the name of their command: for the comparison with the header.
        pub const IOMMUFD: &[(&str, &str)] = &[$((stringify!($name), stringify!($command))),*];
    };
}

iommufd_requests! {
    IOMMU_IOAS_ALLOC = IOMMUFD_CMD_IOAS_ALLOC,
    IOMMU_IOAS_IOVA_RANGES = IOMMUFD_CMD_IOAS_IOVA_RANGES,
    IOMMU_IOAS_MAP = IOMMUFD_CMD_IOAS_MAP,
    IOMMU_IOAS_UNMAP = IOMMUFD_CMD_IOAS_UNMAP,
    IOMMU_VFIO_IOAS = IOMMUFD_CMD_VFIO_IOAS,
}
