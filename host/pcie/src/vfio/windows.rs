//! Which addresses an IOMMU can map, from the kernel's description of it.

use std::ops::RangeInclusive;

use millrace_pcie_sys as sys;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// The ranges that a `vfio_iommu_type1_info` lists; none where it lists none (kernels before 5.4).
pub(super) fn iova_windows(info: &[u8]) -> Vec<RangeInclusive<u64>> {
    let flags = u32_at(info, 4).unwrap_or(0);
    if flags & sys::VFIO_IOMMU_INFO_CAPS == 0 {
        return Vec::new();
    }
    let mut at =
        u32_at(info, std::mem::offset_of!(sys::vfio_iommu_type1_info, cap_offset)).unwrap_or(0) as usize;
    // A list of capabilities has no more links than fit, whatever it says.
    for _ in 0..info.len() / size_of::<sys::vfio_info_cap_header>() {
        let (Some(id), Some(next)) = (u16_at(info, at), u32_at(info, at + 4)) else { break };
        if u32::from(id) == sys::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
            return ranges(info, at);
        }
        if next == 0 {
            break;
        }
        at = next as usize;
    }
    Vec::new()
}

fn ranges(info: &[u8], at: usize) -> Vec<RangeInclusive<u64>> {
    let head = size_of::<sys::vfio_iommu_type1_info_cap_iova_range>();
    let count = u32_at(info, at + 8).unwrap_or(0) as usize;
    let range = |i: usize| {
        let at = at + head + 16 * i;
        Some(u64_at(info, at)?..=u64_at(info, at + 8)?)
    };
    (0..count.min(info.len() / 16)).map_while(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    #[test]
    fn ranges_are_found_behind_other_capabilities() {
        // argsz, flags, page sizes, cap_offset, padding; a capability of kind 3; the ranges.
        let info = words(&[
            0,
            2,
            0x1000,
            0,
            24,
            0, //
            3 | 1 << 16,
            32, //
            1 | 1 << 16,
            0,
            2,
            0, //
            0,
            0,
            0xfedf_ffff,
            0, //
            0xfef0_0000,
            0,
            0xffff_ffff,
            0x7f,
        ]);
        assert_eq!(iova_windows(&info), [0..=0xfedf_ffff, 0xfef0_0000..=0x7f_ffff_ffff]);
    }

    #[test]
    fn nonsense_ends() {
        assert!(iova_windows(&[]).is_empty());
        assert!(iova_windows(&words(&[0, 2, 0, 0, 24, 0, 3, 24])).is_empty(), "a loop");
        assert!(iova_windows(&words(&[0, 2, 0, 0, u32::MAX, 0])).is_empty());
        assert!(iova_windows(&words(&[0, 2, 0, 0, 24, 0, 1, 0, u32::MAX, 0])).is_empty());
        assert!(iova_windows(&words(&[0, 0, 0, 0, 24, 0, 1, 0, 1, 0, 0, 0, 1, 0])).is_empty(), "no flag");
    }
}
