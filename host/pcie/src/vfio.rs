//! A PCIe function through the kernel's VFIO: group and container, type 1 v2.
//!
//! In: an address. Out: a [`Function`] like any other. The kernel maps BAR0, lets the device reach what is mapped for it and nothing else,
//! and sends its MSI-X to eventfds.

mod config;
mod error;
#[allow(unsafe_code)]
mod ioctl;
mod windows;

use std::{
    fs::{File, OpenOptions},
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use millrace_pcie_sys as sys;

pub use self::error::VfioError;
use self::{config::ConfigSpace, windows::iova_windows};
use crate::{
    EventIrq, Function, FunctionReset, Iova, Irq, Mmio, PciAddress, PciTree, ResetError,
    iova::IovaAllocator,
    mapped::{MappedSpace, Mapper},
    mapping::Mapping,
};

/// A reset that takes longer hangs in the kernel; PCIe gives a function 100 ms, and the kernel waits up to 60 s for a dead one.
const RESET_LIMIT: Duration = Duration::from_secs(10);
/// How long a function that is not used any more may go unnoticed by the thread that watches for its removal.
const REMOVAL_INTERVAL: Duration = Duration::from_millis(200);
/// Vectors beyond this are left alone.
const VECTORS_MOST: u32 = 16;

const CONTAINER: &str = "/dev/vfio/vfio";

/// Opens a function: takes it from the kernel, resets it, maps BAR0 (at least `bar0_bytes` long), lets MSI-X arrive, and makes it bus master.
///
/// # Errors
/// [`VfioError`] says what is in the way and, where a command helps, which.
pub fn open_vfio(address: PciAddress, bar0_bytes: u64) -> Result<Function, VfioError> {
    let device = Arc::new(Device::open(address)?);
    let step = |step| move |source| VfioError::Step { address, step, source };
    let unfit = |what, expected: &str, got: String| VfioError::Unfit {
        address,
        what,
        expected: expected.into(),
        got,
    };
    let bar =
        ioctl::region_info(&device.file, sys::VFIO_PCI_BAR0_REGION_INDEX).map_err(step("asking for BAR0"))?;
    if bar.size < bar0_bytes {
        return Err(unfit("length of BAR0", &format!("at least {bar0_bytes} bytes"), bar.size.to_string()));
    }
    if bar.flags & sys::VFIO_REGION_INFO_FLAG_MMAP == 0 {
        return Err(unfit("BAR0", "one that can be mapped", "one that cannot".into()));
    }
    match device.reset() {
        // A function without any kind of reset is reset by its registers only.
        Ok(()) | Err(ResetError::Unsupported) => {}
        Err(source) => return Err(VfioError::Reset { address, source }),
    }
    let info = ioctl::iommu_info(&device.container).map_err(step("asking the IOMMU"))?;
    let snooped =
        ioctl::has_extension(&device.container, sys::VFIO_DMA_CC_IOMMU).map_err(step("asking the IOMMU"))?;
    if !snooped && !device.config().forbid_no_snoop().map_err(step("switching No Snoop off"))? {
        return Err(unfit("DMA", "coherent with the CPU's caches", "an IOMMU that does not force it".into()));
    }
    let irq =
        ioctl::irq_info(&device.file, sys::VFIO_PCI_MSIX_IRQ_INDEX).map_err(step("asking for MSI-X"))?;
    if irq.count == 0 || irq.flags & sys::VFIO_IRQ_INFO_EVENTFD == 0 {
        return Err(unfit("MSI-X", "at least one vector", irq.count.to_string()));
    }
    let irqs: Vec<Arc<EventIrq>> = (0..irq.count.min(VECTORS_MOST))
        .map(|_| EventIrq::new().map(Arc::new))
        .collect::<io::Result<_>>()
        .map_err(step("making an eventfd"))?;
    let fds: Vec<_> = irqs.iter().map(|irq| irq.fd()).collect();
    ioctl::set_irqs(&device.file, sys::VFIO_PCI_MSIX_IRQ_INDEX, &fds).map_err(step("switching MSI-X on"))?;
    watch_for_removal(&device).map_err(step("watching for its removal"))?;
    if !device.config().set_bus_master(true).map_err(step("enabling the bus master"))? {
        return Err(unfit(
            "PCI command register",
            "memory and bus master",
            "a function that does not take them".into(),
        ));
    }
    let len_bytes = usize::try_from(bar.size).map_err(|e| step("mapping BAR0")(io::Error::other(e)))?;
    let mapping = Mapping::of_region(&device.file, bar.offset, len_bytes).map_err(step("mapping BAR0"))?;
    let iovas = IovaAllocator::new(&iova_windows(&info));
    Ok(Function {
        name: format!("vfio:{address}"),
        bar0: Arc::new(Bar { mapping, device: device.clone() }),
        dma: Arc::new(MappedSpace::new(device.clone(), iovas)),
        irqs: irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect(),
        reset: Some(device),
    })
}

/// The kernel asks for a function back when it is unbound or taken out, and waits until it is let go. From then on it answers all-ones here, so that
/// its driver gives it up.
fn watch_for_removal(device: &Arc<Device>) -> io::Result<()> {
    const REQUEST: u32 = sys::VFIO_PCI_REQ_IRQ_INDEX;
    // A kernel that does not tell is none to wait for.
    if !ioctl::irq_info(&device.file, REQUEST).is_ok_and(|info| info.count > 0) {
        return Ok(());
    }
    let asked = EventIrq::new()?;
    ioctl::set_irqs(&device.file, REQUEST, &[asked.fd()])?;
    let device = Arc::downgrade(device);
    let watch = move || {
        while device.strong_count() > 0 {
            if asked.wait(REMOVAL_INTERVAL)
                && let Some(device) = device.upgrade()
            {
                tracing::warn!("the kernel asks for the device back: it is given up");
                device.lost.store(true, Ordering::Release);
                return;
            }
        }
    };
    std::thread::Builder::new().name("millrace-removal".into()).spawn(watch).map(drop)
}

/// Resets a function without driving it: opens it, resets it, lets it go.
///
/// # Errors
/// As for [`open_vfio`].
pub fn reset_vfio(address: PciAddress) -> Result<(), VfioError> {
    Device::open(address)?.reset().map_err(|source| VfioError::Reset { address, source })
}

/// The open files. What was set up with them ends when the last one who holds this lets go.
struct Device {
    file: Arc<File>,
    container: File,
    _group: File,
    config_offset: u64,
    can_reset: bool,
    /// A reset hung, or the kernel wants the function back: touching it could hang, or end this process.
    lost: AtomicBool,
}

impl Device {
    fn open(address: PciAddress) -> Result<Self, VfioError> {
        let function = PciTree::default()
            .function(address)
            .map_err(|source| VfioError::NoFunction { address, source })?;
        if function.driver.as_deref() != Some("vfio-pci") {
            let driver = function.driver.unwrap_or_else(|| "none".into());
            return Err(VfioError::NotBound { address, driver });
        }
        let group_number = function.iommu_group.ok_or(VfioError::NoIommu { address })?;
        let open = |path: PathBuf| {
            let path_text = path.display().to_string();
            let file = OpenOptions::new().read(true).write(true).open(path);
            file.map_err(|source| VfioError::CannotOpen { address, path: path_text, source })
        };
        let step = |step| move |source| VfioError::Step { address, step, source };
        let container = open(CONTAINER.into())?;
        let got = ioctl::api_version(&container).map_err(step("asking for VFIO's version"))?;
        let has_type1_v2 = ioctl::has_extension(&container, sys::VFIO_TYPE1v2_IOMMU)
            .map_err(step("asking for type 1 v2"))?;
        if got != sys::VFIO_API_VERSION as i32 || !has_type1_v2 {
            return Err(VfioError::WrongApi { address, got, has_type1_v2 });
        }
        let group = open(format!("/dev/vfio/{group_number}").into())?;
        if !ioctl::is_viable(&group).map_err(step("asking for the group"))? {
            return Err(VfioError::GroupNotViable { address, group: group_number });
        }
        ioctl::set_container(&group, &container).map_err(step("putting the group into a container"))?;
        ioctl::set_iommu(&container, sys::VFIO_TYPE1v2_IOMMU).map_err(step("setting the IOMMU up"))?;
        let file = ioctl::device(&group, &address.to_string()).map_err(step("taking the device"))?;
        let info = ioctl::device_info(&file).map_err(step("asking for the device"))?;
        let config = ioctl::region_info(&file, sys::VFIO_PCI_CONFIG_REGION_INDEX)
            .map_err(step("asking for the configuration space"))?;
        Ok(Self {
            file: Arc::new(file),
            container,
            _group: group,
            config_offset: config.offset,
            can_reset: info.flags & sys::VFIO_DEVICE_FLAGS_RESET != 0,
            lost: AtomicBool::new(false),
        })
    }

    fn config(&self) -> ConfigSpace<'_> {
        ConfigSpace { device: &self.file, offset: self.config_offset }
    }
}

impl FunctionReset for Device {
    /// The kernel's reset of the function. It cannot be given up once it hangs, so a thread of its own is sacrificed to it.
    fn reset(&self) -> Result<(), ResetError> {
        if !self.can_reset {
            return Err(ResetError::Unsupported);
        }
        if self.lost.load(Ordering::Acquire) {
            return Err(ResetError::Hung { after: Duration::ZERO });
        }
        let file = self.file.clone();
        let result = within(RESET_LIMIT, move || ioctl::reset(&file));
        result.unwrap_or_else(|| {
            self.lost.store(true, Ordering::Release);
            Err(ResetError::Hung { after: RESET_LIMIT })
        })
    }
}

/// What `call` gives, unless it takes too long; then its thread is left to itself.
fn within(
    limit: Duration,
    call: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Option<Result<(), ResetError>> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("millrace-reset".into());
    match thread.spawn(move || tell.send(call())) {
        Ok(_) => told.recv_timeout(limit).ok().map(|result| result.map_err(ResetError::from)),
        Err(error) => Some(Err(error.into())),
    }
}

impl Mapper for Device {
    type Token = ();

    fn memory(&self, len_bytes: usize) -> io::Result<(Mapping, ())> {
        Mapping::anonymous(len_bytes).map(|memory| (memory, ()))
    }

    fn map(&self, iova: Iova, memory: &Mapping, (): &()) -> io::Result<()> {
        ioctl::map(&self.container, iova, memory)
    }

    fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()> {
        ioctl::unmap(&self.container, iova, len_bytes)
    }
}

impl Drop for Device {
    /// The function sends nothing afterwards; the kernel undoes the rest when the files close.
    fn drop(&mut self) {
        if !self.lost.load(Ordering::Acquire) {
            let _ = self.config().set_bus_master(false);
        }
    }
}

struct Bar {
    mapping: Mapping,
    device: Arc<Device>,
}

impl Bar {
    fn answers(&self, offset: u32) -> bool {
        let inside = offset as usize <= self.mapping.len_bytes() - 4;
        inside && !self.device.lost.load(Ordering::Relaxed)
    }
}

impl Mmio for Bar {
    fn read32(&self, offset: u32) -> u32 {
        if self.answers(offset) { self.mapping.read_register(offset as usize) } else { u32::MAX }
    }

    fn write32(&self, offset: u32, value: u32) {
        if self.answers(offset) {
            self.mapping.write_register(offset as usize, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_is_left_behind() {
        let (go, stay) = mpsc::channel::<()>();
        let hung = within(Duration::from_millis(20), move || {
            let _ = stay.recv();
            Ok(())
        });
        assert!(hung.is_none());
        drop(go);
        assert!(matches!(within(RESET_LIMIT, || Ok(())), Some(Ok(()))));
        let refused = within(RESET_LIMIT, || Err(io::Error::from_raw_os_error(libc::ENOTTY)));
        assert!(matches!(refused, Some(Err(ResetError::Failed(_)))));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = open_vfio("ffff:ff:1f.7".parse().unwrap(), 4096).err().unwrap();
        assert!(matches!(error, VfioError::NoFunction { .. }), "{error}");
    }
}
