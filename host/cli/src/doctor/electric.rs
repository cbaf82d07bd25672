//! What `doctor` looks at between a card and the machine: whether DMA is coherent, and whether the card is switched on.

use std::fs;

use millrace_pcie::PciAddress;

use super::{
    Finding, Machine,
    card::{CONFIG_BYTES, has_capability},
    missing, note, ok,
};

/// Capability of PCI Express, by which a function can be made to give No Snoop up.
const EXPRESS: u8 = 0x10;
/// Of the extended capability register of a VT-d unit: it can force snooping (Intel VT-d specification, section 11.4.3, SC).
const SNOOP_CONTROL: u64 = 1 << 7;

impl Machine {
    fn of_card(&self, at: PciAddress, name: &str) -> Option<String> {
        self.text(&format!("sys/bus/pci/devices/{at}/{name}"))
    }

    /// Whether accesses of the card see what the CPU has in its caches; where the kernel tells what its IOMMU can. Others than VT-d and AMD-Vi say nothing here,
    /// and are asked when the card is opened.
    pub(super) fn coherence(&self, at: PciAddress) -> Option<Finding> {
        let is_amd = self.root.join(format!("sys/bus/pci/devices/{at}/iommu/amd-iommu")).exists();
        let forced = match self.of_card(at, "iommu/intel-iommu/ecap") {
            Some(ecap) => u64::from_str_radix(&ecap, 16).ok()? & SNOOP_CONTROL != 0,
            None if is_amd => true,
            None => return None,
        };
        if forced {
            return Some(ok(format!("{at}: DMA is coherent: its IOMMU forces that")));
        }
        let unforced = format!("{at}: its IOMMU does not force DMA to be coherent");
        let config = fs::read(self.root.join(format!("sys/bus/pci/devices/{at}/config"))).unwrap_or_default();
        Some(if config.len() < CONFIG_BYTES {
            note(format!(
                "{unforced}, and only root is shown whether the card can be made to: as root, `millrace doctor --device vfio:{at}`"
            ))
        } else if has_capability(&config, EXPRESS) {
            ok(format!("{unforced}; the card gives up No Snoop when it is opened"))
        } else {
            missing(format!(
                "{unforced}, and the card, which is no PCI Express function, cannot be made to: another card, or a slot behind another IOMMU: `readlink /sys/bus/pci/devices/*/iommu`"
            ))
        })
    }

    /// The kernel lets a card sleep that nobody has opened (D3hot), and where the board can, takes its power away (D3cold), with the bitstream of an FPGA.
    pub(super) fn power(&self, at: PciAddress) -> Option<Finding> {
        let state = self.of_card(at, "power_state")?;
        let sleeps = self.of_card(at, "power/control").is_some_and(|control| control == "auto");
        let may_be_cut = sleeps && self.of_card(at, "d3cold_allowed").is_some_and(|allowed| allowed == "1");
        let keep = format!(
            "as root, `echo 0 > /sys/bus/pci/devices/{at}/d3cold_allowed`; to keep it, `echo 'ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"{at}\", ATTR{{d3cold_allowed}}=\"0\"' > /etc/udev/rules.d/61-millrace-power.rules`"
        );
        Some(match state.as_str() {
            "D3cold" => note(format!(
                "{at}: power: off (D3cold), and with it the bitstream of an FPGA that loads none by itself: as root, `echo on > /sys/bus/pci/devices/{at}/power/control`, load it, then {keep}"
            )),
            "D0" | "D1" | "D2" | "D3hot" if may_be_cut => note(format!(
                "{at}: power: {state}, and the kernel may take it away while nobody uses the card (D3cold), and with it the bitstream of an FPGA that loads none by itself: {keep}"
            )),
            "D0" => ok(format!("{at}: power: D0")),
            "D1" | "D2" | "D3hot" if sleeps => {
                ok(format!("{at}: power: {state} while nobody uses the card: it wakes when it is opened"))
            }
            _ => note(format!(
                "{at}: power: {state}, from which the kernel does not wake it: `dmesg | grep {at}`, the slot's power; as root, `echo 1 > /sys/bus/pci/devices/{at}/remove; echo 1 > /sys/bus/pci/rescan`"
            )),
        })
    }
}
