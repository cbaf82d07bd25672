//! The configuration space of the served function: an endpoint with power management, PCI Express, and MSI-X.
//!
//! | at | what |
//! |---|---|
//! | 00 | header, type 0: BAR0 (64 bit) registers, BAR2 (64 bit) MSI-X table and pending bits |
//! | 40 | power management |
//! | 50 | PCI Express 2.0, endpoint, x16 at 8 GT/s, function-level reset |
//! | 90 | MSI-X |
//!
//! Vendor and device id are not assigned to anybody; a driver knows the device by the registers of BAR0.

use millrace_pcie_sys as sys;

/// Bytes of the space.
pub(super) const CONFIG_BYTES: usize = 4096;
/// Bytes of BAR2: a page with the MSI-X table, a page with the pending bits.
pub(super) const BAR2_BYTES: u64 = 8192;
const VENDOR: u16 = 0x1234;
const DEVICE: u16 = 0x4d4c;
/// Processing accelerator.
const CLASS: u32 = 0x12_0000;
const PM: usize = 0x40;
const EXPRESS: usize = 0x50;
const MSIX: usize = 0x90;

/// What a write set off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    None,
    /// A function-level reset was asked for.
    Reset,
}

/// The bytes, and which of their bits a host may write.
pub(super) struct ConfigSpace {
    bytes: Box<[u8; CONFIG_BYTES]>,
    writable: Box<[u8; CONFIG_BYTES]>,
}

impl ConfigSpace {
    /// As after power-on.
    pub(super) fn new(bar0_bytes: u64, vectors: u16) -> Self {
        let mut space = Self { bytes: Box::new([0; CONFIG_BYTES]), writable: Box::new([0; CONFIG_BYTES]) };
        space.header(bar0_bytes);
        space.power_management();
        space.express();
        space.msix(vectors);
        space
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }

    fn allow(&mut self, at: usize, mask: &[u8]) {
        self.writable[at..at + mask.len()].copy_from_slice(mask);
    }

    fn header(&mut self, bar0_bytes: u64) {
        let at = |register: u32| register as usize;
        self.set(at(sys::PCI_VENDOR_ID), &VENDOR.to_le_bytes());
        self.set(at(sys::PCI_DEVICE_ID), &DEVICE.to_le_bytes());
        self.set(at(sys::PCI_SUBSYSTEM_VENDOR_ID), &VENDOR.to_le_bytes());
        self.set(at(sys::PCI_SUBSYSTEM_ID), &DEVICE.to_le_bytes());
        self.set(at(sys::PCI_STATUS), &(sys::PCI_STATUS_CAP_LIST as u16).to_le_bytes());
        self.set(at(sys::PCI_CLASS_REVISION), &(CLASS << 8 | 1).to_le_bytes());
        let command = sys::PCI_COMMAND_MEMORY | sys::PCI_COMMAND_MASTER | sys::PCI_COMMAND_INTX_DISABLE;
        self.allow(at(sys::PCI_COMMAND), &(command as u16).to_le_bytes());
        self.allow(at(sys::PCI_CACHE_LINE_SIZE), &[0xff]);
        self.allow(at(sys::PCI_INTERRUPT_LINE), &[0xff]);
        for (register, len) in [(sys::PCI_BASE_ADDRESS_0, bar0_bytes), (sys::PCI_BASE_ADDRESS_2, BAR2_BYTES)]
        {
            self.set(at(register), &sys::PCI_BASE_ADDRESS_MEM_TYPE_64.to_le_bytes());
            self.allow(at(register), &(!(len - 1)).to_le_bytes());
        }
        self.set(at(sys::PCI_CAPABILITY_LIST), &[PM as u8]);
    }

    fn power_management(&mut self) {
        // Version 3, no states but D0 and D3hot; no soft reset on the way back.
        self.set(PM, &[sys::PCI_CAP_ID_PM as u8, EXPRESS as u8, 0x03, 0, 0x08, 0]);
        self.allow(PM + sys::PCI_PM_CTRL as usize, &[sys::PCI_PM_CTRL_STATE_MASK as u8]);
    }

    fn express(&mut self) {
        let at = |register: u32| EXPRESS + register as usize;
        self.set(EXPRESS, &[sys::PCI_CAP_ID_EXP as u8, MSIX as u8]);
        // Version 2, endpoint.
        self.set(at(sys::PCI_EXP_FLAGS), &2u16.to_le_bytes());
        // Payloads of 256 bytes.
        let capabilities = 1 | sys::PCI_EXP_DEVCAP_RBER | sys::PCI_EXP_DEVCAP_FLR;
        self.set(at(sys::PCI_EXP_DEVCAP), &capabilities.to_le_bytes());
        self.set(at(sys::PCI_EXP_DEVCTL), &0x2810u16.to_le_bytes());
        self.allow(at(sys::PCI_EXP_DEVCTL), &0x78ffu16.to_le_bytes());
        // 16 lanes at 8 GT/s, no power states of the link.
        let link: u32 = 16 << 4 | 3;
        self.set(at(sys::PCI_EXP_LNKCAP), &link.to_le_bytes());
        self.set(at(sys::PCI_EXP_LNKSTA), &(link as u16).to_le_bytes());
        self.allow(at(sys::PCI_EXP_LNKCTL), &0x0040u16.to_le_bytes());
        self.allow(at(sys::PCI_EXP_DEVCTL2), &0x001fu16.to_le_bytes());
        // Speeds up to 8 GT/s, one bit each.
        self.set(at(sys::PCI_EXP_LNKCAP2), &0x0eu32.to_le_bytes());
        self.set(at(sys::PCI_EXP_LNKCTL2), &3u16.to_le_bytes());
    }

    fn msix(&mut self, vectors: u16) {
        let at = |register: u32| MSIX + register as usize;
        self.set(MSIX, &[sys::PCI_CAP_ID_MSIX as u8, 0]);
        self.set(at(sys::PCI_MSIX_FLAGS), &(vectors - 1).to_le_bytes());
        let control = (sys::PCI_MSIX_FLAGS_ENABLE | sys::PCI_MSIX_FLAGS_MASKALL) as u16;
        self.allow(at(sys::PCI_MSIX_FLAGS), &control.to_le_bytes());
        // Low three bits: BAR2.
        self.set(at(sys::PCI_MSIX_TABLE), &2u32.to_le_bytes());
        self.set(at(sys::PCI_MSIX_PBA), &(4096u32 | 2).to_le_bytes());
    }

    /// Bytes of a range; `None` outside.
    pub(super) fn read(&self, at: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(at).ok()?;
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// Writes what may be written; `None` outside.
    pub(super) fn write(&mut self, at: u64, from: &[u8]) -> Option<Effect> {
        let at = usize::try_from(at).ok()?;
        self.read(at as u64, from.len())?;
        for (i, new) in (at..).zip(from) {
            self.bytes[i] = self.bytes[i] & !self.writable[i] | new & self.writable[i];
        }
        // The bit that asks for a reset always reads 0; it lies in the upper byte.
        let upper = EXPRESS + sys::PCI_EXP_DEVCTL as usize + 1;
        let asked = upper.checked_sub(at).and_then(|i| from.get(i));
        let reset = asked.is_some_and(|byte| u32::from(*byte) << 8 & sys::PCI_EXP_DEVCTL_BCR_FLR != 0);
        Some(if reset { Effect::Reset } else { Effect::None })
    }

    /// Whether the function may send requests of its own.
    pub(super) fn is_bus_master(&self) -> bool {
        u32::from(self.bytes[sys::PCI_COMMAND as usize]) & sys::PCI_COMMAND_MASTER != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(space: &ConfigSpace, at: usize) -> u16 {
        u16::from_le_bytes(space.read(at as u64, 2).unwrap().try_into().unwrap())
    }

    #[test]
    fn capabilities_form_a_list() {
        let space = ConfigSpace::new(65536, 1);
        let mut at = usize::from(space.bytes[sys::PCI_CAPABILITY_LIST as usize]);
        let mut found = Vec::new();
        while at != 0 {
            found.push(u32::from(space.bytes[at]));
            at = usize::from(space.bytes[at + 1]);
        }
        assert_eq!(found, [sys::PCI_CAP_ID_PM, sys::PCI_CAP_ID_EXP, sys::PCI_CAP_ID_MSIX]);
    }

    #[test]
    fn bars_tell_their_length() {
        let mut space = ConfigSpace::new(65536, 1);
        space.write(sys::PCI_BASE_ADDRESS_0.into(), &[0xff; 16]).unwrap();
        let word = |at: u32| u32::from_le_bytes(space.read(at.into(), 4).unwrap().try_into().unwrap());
        assert_eq!(
            [word(0x10), word(0x14), word(0x18), word(0x1c)],
            [0xffff_0004, u32::MAX, 0xffff_e004, u32::MAX]
        );
    }

    #[test]
    fn only_what_is_writable_is_written() {
        let mut space = ConfigSpace::new(65536, 4);
        for at in 0..CONFIG_BYTES as u64 {
            space.write(at, &[0xff]).unwrap();
        }
        assert_eq!(half(&space, 0), VENDOR);
        assert_eq!(half(&space, sys::PCI_COMMAND as usize), 0x0406);
        assert_eq!(half(&space, MSIX + 2), 0xc003);
        assert!(space.is_bus_master());
        assert!(space.write(4095, &[0, 0]).is_none());
        assert!(space.write(u64::MAX, &[0]).is_none());
        assert!(space.read(4096, 1).is_none());
    }

    #[test]
    fn a_reset_is_asked_for_by_one_bit() {
        let mut space = ConfigSpace::new(65536, 1);
        let at = (EXPRESS + sys::PCI_EXP_DEVCTL as usize) as u64;
        assert_eq!(space.write(at, &0x2810u16.to_le_bytes()), Some(Effect::None));
        assert_eq!(space.write(at, &0xa810u16.to_le_bytes()), Some(Effect::Reset));
        assert_eq!(half(&space, at as usize), 0x2810, "the bit reads 0");
        assert_eq!(space.write(at + 1, &[0x80]), Some(Effect::Reset));
        assert_eq!(space.write(at + 2, &[0x80]), Some(Effect::None));
    }
}
