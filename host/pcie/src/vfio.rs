//! A PCIe function through the kernel's VFIO: by group and container (type 1 v2), or by a character device of its own and IOMMUFD.
//!
//! In: an address. Out: a [`Function`] like any other. The kernel maps BAR0, lets the device reach what is mapped for it and nothing else,
//! and sends its MSI-X to eventfds.

mod access;
mod address_space;
mod config;
mod device;
mod error;
#[allow(unsafe_code)]
mod ioctl;
#[allow(unsafe_code)]
mod iommufd;
mod windows;

use std::{io, ops::RangeInclusive, sync::Arc};

use millrace_pcie_sys as sys;

pub use self::{
    access::{AccessError, VfioAccess},
    error::VfioError,
};
use self::{address_space::AddressSpace, device::Device};
use crate::{
    EventIrq, Function, FunctionReset, Irq, Mmio, PciAddress, ResetError, iova::IovaAllocator,
    mapped::MappedSpace, mapping::Mapping,
};

/// Vectors beyond this are left alone.
const VECTORS_MOST: u32 = 16;

const CONTAINER: &str = "/dev/vfio/vfio";

/// What a driver asks of a function, and of the way to it.
#[derive(Clone, Copy, Debug)]
pub struct VfioOptions {
    /// Length of BAR0, at least.
    pub bar0_bytes: u64,
    /// MSI-X vectors, at least; 0 for a function that is only looked at.
    pub vectors_least: u32,
    /// Bits of the addresses that the device can send: it is given none beyond.
    pub address_bits: u32,
    /// The driver knows that this function never sends a transaction that skips the CPU's caches. Else the IOMMU must force that, or the function
    /// give its right up (No Snoop), which a conventional one has no bit for.
    pub known_coherent: bool,
    /// The way; else the one that [`VfioAccess::choose`] takes.
    pub access: Option<VfioAccess>,
}

impl Default for VfioOptions {
    fn default() -> Self {
        Self { bar0_bytes: 4096, vectors_least: 1, address_bits: 64, known_coherent: false, access: None }
    }
}

/// Opens a function: takes it from the kernel, resets it, maps BAR0, lets MSI-X arrive, and makes it bus master.
///
/// # Errors
/// [`VfioError`] says what is in the way and, where a command helps, which.
pub fn open_vfio(address: PciAddress, options: &VfioOptions) -> Result<Function, VfioError> {
    let device = Arc::new(Device::open(address, options.access)?);
    let step = |step| move |source| VfioError::Step { address, step, source };
    let unfit = |what, expected: &str, got: String| VfioError::Unfit {
        address,
        what,
        expected: expected.into(),
        got,
    };
    let file = device.file().map_err(step("taking the device"))?;
    let bar = ioctl::region_info(&file, sys::VFIO_PCI_BAR0_REGION_INDEX).map_err(step("asking for BAR0"))?;
    if bar.size < options.bar0_bytes {
        let expected = format!("at least {} bytes", options.bar0_bytes);
        return Err(unfit("length of BAR0", &expected, bar.size.to_string()));
    }
    if bar.flags & sys::VFIO_REGION_INFO_FLAG_MMAP == 0 {
        return Err(unfit("BAR0", "one that can be mapped", "one that cannot".into()));
    }
    match device.reset() {
        // A function without any kind of reset is reset by its registers only.
        Ok(()) | Err(ResetError::Unsupported) => {}
        Err(source) => return Err(VfioError::Reset { address, source }),
    }
    let windows = device.space(AddressSpace::windows).map_err(step("asking the IOMMU for its addresses"))?;
    let windows = within_bits(windows, options.address_bits);
    if windows.is_empty() {
        let expected = format!("some of {} bits that the IOMMU can map", options.address_bits);
        return Err(unfit("addresses", &expected, "none".into()));
    }
    let snooped = device.space(AddressSpace::forces_snooping).map_err(step("asking the IOMMU"))?;
    let refuses_incoherent = device.kernel_refuses_incoherent().map_err(step("asking the kernel"))?;
    tracing::debug!(%address, snooped, refuses_incoherent, "whether DMA is coherent");
    // On x86 DMA is coherent unless the function asks for something else.
    if !snooped && !cfg!(target_arch = "x86_64") && !refuses_incoherent && !options.known_coherent {
        let expected = "one that gives out no device whose DMA is not coherent (it knows VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY: 6.1)";
        return Err(unfit("kernel", expected, "an older one".into()));
    }
    let is_coherent = snooped || options.known_coherent;
    let forbid_no_snoop = || device.config(|config| config.forbid_no_snoop());
    if !is_coherent && !forbid_no_snoop().map_err(step("switching No Snoop off"))? {
        let got =
            "an IOMMU that does not force it, and a function that keeps its right to skip them (No Snoop)";
        return Err(unfit("DMA", "coherent with the CPU's caches", got.into()));
    }
    let irq = ioctl::irq_info(&file, sys::VFIO_PCI_MSIX_IRQ_INDEX).map_err(step("asking for MSI-X"))?;
    if irq.count < options.vectors_least || (irq.count > 0 && irq.flags & sys::VFIO_IRQ_INFO_EVENTFD == 0) {
        let expected = format!("at least {} vector(s)", options.vectors_least);
        return Err(unfit("MSI-X", &expected, irq.count.to_string()));
    }
    let irqs: Vec<Arc<EventIrq>> = (0..irq.count.min(VECTORS_MOST))
        .map(|_| EventIrq::new().map(Arc::new))
        .collect::<io::Result<_>>()
        .map_err(step("making an eventfd"))?;
    let fds: Vec<_> = irqs.iter().map(|irq| irq.fd()).collect();
    if !fds.is_empty() {
        ioctl::set_irqs(&file, sys::VFIO_PCI_MSIX_IRQ_INDEX, &fds).map_err(step("switching MSI-X on"))?;
    }
    device.watch().map_err(step("watching what the kernel tells of it"))?;
    let set_bus_master = || device.config(|config| config.set_bus_master(true));
    if !set_bus_master().map_err(step("enabling the bus master"))? {
        return Err(unfit(
            "PCI command register",
            "memory and bus master",
            "a function that does not take them".into(),
        ));
    }
    let len_bytes = usize::try_from(bar.size).map_err(|e| step("mapping BAR0")(io::Error::other(e)))?;
    let mapping = Mapping::of_region(&file, bar.offset, len_bytes).map_err(step("mapping BAR0"))?;
    device.gate.open(Box::new(Bar(mapping)));
    let iovas = IovaAllocator::new(&windows);
    tracing::debug!(%address, access = %device.access, "addresses for the device: {iovas}");
    Ok(Function {
        name: format!("vfio:{address}"),
        bar0: device.clone(),
        dma: Arc::new(MappedSpace::new(device.clone(), iovas)),
        irqs: irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect(),
        reset: Some(device),
    })
}

/// What of an IOMMU's windows a device of so many bits can address. Where the kernel lists no windows (before 5.4), what lies below 4 GiB is left alone:
/// the window of interrupts is somewhere there.
fn within_bits(windows: Vec<RangeInclusive<u64>>, bits: u32) -> Vec<RangeInclusive<u64>> {
    let last = 1u64.checked_shl(bits).map_or(u64::MAX, |end| end - 1);
    let windows = if windows.is_empty() { vec![1 << 32..=u64::MAX] } else { windows };
    windows.into_iter().map(|w| *w.start()..=(*w.end()).min(last)).filter(|w| !w.is_empty()).collect()
}

/// Resets a function without driving it: opens it, resets it, lets it go.
///
/// # Errors
/// As for [`open_vfio`].
pub fn reset_vfio(address: PciAddress, access: Option<VfioAccess>) -> Result<(), VfioError> {
    Device::open(address, access)?.reset().map_err(|source| VfioError::Reset { address, source })
}

/// BAR0, mapped.
struct Bar(Mapping);

impl Bar {
    fn is_inside(&self, offset: u32) -> bool {
        offset as usize <= self.0.len_bytes() - 4
    }
}

impl Mmio for Bar {
    fn read32(&self, offset: u32) -> u32 {
        if self.is_inside(offset) { self.0.read_register(offset as usize) } else { u32::MAX }
    }

    fn write32(&self, offset: u32, value: u32) {
        if self.is_inside(offset) {
            self.0.write_register(offset as usize, value);
        }
    }
}

/// Whoever has the registers has the device.
impl Mmio for Device {
    fn read32(&self, offset: u32) -> u32 {
        self.gate.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.gate.write32(offset, value);
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        let error = open_vfio("ffff:ff:1f.7".parse().unwrap(), &VfioOptions::default()).err().unwrap();
        assert!(matches!(error, VfioError::NoFunction { .. }), "{error}");
    }

    #[test]
    fn a_device_of_few_bits_is_given_no_address_beyond_them() {
        let windows = || vec![0..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1];
        assert_eq!(within_bits(windows(), 64), windows());
        assert_eq!(within_bits(windows(), 32), [0..=0xfedf_ffff, 0xfef0_0000..=0xffff_ffff]);
        assert_eq!(within_bits(windows(), 24), [0..=0xff_ffff]);
        assert!(within_bits(vec![1 << 40..=1 << 41], 32).is_empty(), "nothing is left, and not everything");
        assert!(within_bits(vec![], 32).is_empty(), "who knows what is reserved there");
        assert_eq!(within_bits(vec![], 64), [1 << 32..=u64::MAX]);
    }
}
