//! The configuration space of a function, as VFIO shows it.

use std::{fs::File, io, os::unix::fs::FileExt};

use millrace_pcie_sys as sys;

/// A part of the device file.
pub(super) struct ConfigSpace<'a> {
    pub(super) device: &'a File,
    /// Where it begins in the file.
    pub(super) offset: u64,
}

impl ConfigSpace<'_> {
    pub(super) fn read16(&self, at: u32) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.device.read_exact_at(&mut bytes, self.offset + u64::from(at))?;
        Ok(u16::from_le_bytes(bytes))
    }

    fn read8(&self, at: u32) -> io::Result<u8> {
        let mut byte = [0];
        self.device.read_exact_at(&mut byte, self.offset + u64::from(at))?;
        Ok(byte[0])
    }

    fn write16(&self, at: u32, value: u16) -> io::Result<()> {
        self.device.write_all_at(&value.to_le_bytes(), self.offset + u64::from(at))
    }

    /// Where a capability begins.
    pub(super) fn capability(&self, id: u32) -> io::Result<Option<u32>> {
        if u32::from(self.read16(sys::PCI_STATUS)?) & sys::PCI_STATUS_CAP_LIST == 0 {
            return Ok(None);
        }
        let mut at = u32::from(self.read8(sys::PCI_CAPABILITY_LIST)?) & !3;
        // 256 bytes hold no more than 48 capabilities; a device may link them in a circle.
        for _ in 0..48 {
            if at < 0x40 {
                break;
            }
            if u32::from(self.read8(at)?) == id {
                return Ok(Some(at));
            }
            at = u32::from(self.read8(at + 1)?) & !3;
        }
        Ok(None)
    }

    /// Lets the function send DMA and interrupts, or not. `false` when it did not take it.
    pub(super) fn set_bus_master(&self, on: bool) -> io::Result<bool> {
        let mask = (sys::PCI_COMMAND_MASTER | if on { sys::PCI_COMMAND_MEMORY } else { 0 }) as u16;
        let old = self.read16(sys::PCI_COMMAND)?;
        self.write16(sys::PCI_COMMAND, if on { old | mask } else { old & !mask })?;
        Ok(self.read16(sys::PCI_COMMAND)? & mask == if on { mask } else { 0 })
    }

    /// Forbids transactions that skip the CPU's caches. `false` when the function keeps the right to them.
    pub(super) fn forbid_no_snoop(&self) -> io::Result<bool> {
        let Some(express) = self.capability(sys::PCI_CAP_ID_EXP)? else { return Ok(false) };
        let at = express + sys::PCI_EXP_DEVCTL;
        let mask = sys::PCI_EXP_DEVCTL_NOSNOOP_EN as u16;
        self.write16(at, self.read16(at)? & !mask)?;
        Ok(self.read16(at)? & mask == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(fill: impl FnOnce(&mut [u8])) -> File {
        let mut bytes = [0; 256];
        fill(&mut bytes);
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        file
    }

    #[test]
    fn capabilities_are_found_and_circles_end() {
        let file = space(|b| {
            b[sys::PCI_STATUS as usize] = sys::PCI_STATUS_CAP_LIST as u8;
            b[sys::PCI_CAPABILITY_LIST as usize] = 0x40;
            b[0x40..0x42].copy_from_slice(&[sys::PCI_CAP_ID_EXP as u8, 0x80]);
            b[0x80..0x82].copy_from_slice(&[sys::PCI_CAP_ID_MSIX as u8, 0x40]);
        });
        let config = ConfigSpace { device: &file, offset: 0 };
        assert_eq!(config.capability(sys::PCI_CAP_ID_MSIX).unwrap(), Some(0x80));
        assert_eq!(config.capability(sys::PCI_CAP_ID_PM).unwrap(), None);
        assert_eq!(ConfigSpace { device: &space(|_| ()), offset: 0 }.capability(1).unwrap(), None);
    }

    #[test]
    fn bits_are_set_and_cleared_alone() {
        let file = space(|b| {
            b[sys::PCI_STATUS as usize] = sys::PCI_STATUS_CAP_LIST as u8;
            b[sys::PCI_CAPABILITY_LIST as usize] = 0x40;
            b[0x40] = sys::PCI_CAP_ID_EXP as u8;
            b[0x48..0x4a].copy_from_slice(&0x2810u16.to_le_bytes());
            b[sys::PCI_COMMAND as usize..][..2].copy_from_slice(&0x0442u16.to_le_bytes());
        });
        let config = ConfigSpace { device: &file, offset: 0 };
        assert!(config.set_bus_master(true).unwrap());
        assert_eq!(config.read16(sys::PCI_COMMAND).unwrap(), 0x0446);
        assert!(config.set_bus_master(false).unwrap());
        assert_eq!(config.read16(sys::PCI_COMMAND).unwrap(), 0x0442);
        assert!(config.forbid_no_snoop().unwrap());
        assert_eq!(config.read16(0x48).unwrap(), 0x2010);
    }
}
