//! One function that was taken from the kernel: its open files.

use std::{
    fs::{File, OpenOptions},
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use millrace_pcie_sys as sys;
use parking_lot::RwLock;

use super::{
    CONTAINER, VfioAccess, VfioError,
    access::IOMMUFD,
    address_space::{AddressSpace, Reach},
    config::ConfigSpace,
    ioctl, iommufd,
};
use crate::{
    EventIrq, FunctionReset, Gate, Gone, Iova, Irq, PciAddress, PciFunction, PciTree, ResetError,
    mapped::Mapper, mapping::Mapping, near::NearMemory,
};

/// A reset that takes longer hangs in the kernel; PCIe gives a function 100 ms, and the kernel waits up to 60 s for a dead one.
const RESET_LIMIT: Duration = Duration::from_secs(10);
/// How long what the kernel tells of a function, or that nobody uses it any more, may go unnoticed by the thread that watches.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// Open files. What was set up with them ends when they close.
struct Files {
    device: Arc<File>,
    space: AddressSpace,
}

/// A function while it is held, and after it was let go.
pub(super) struct Device {
    /// `None` once it was let go.
    files: RwLock<Option<Files>>,
    /// By which way it was opened.
    pub(super) access: VfioAccess,
    near: NearMemory,
    config_offset: u64,
    can_reset: bool,
    /// The way to BAR0.
    pub(super) gate: Gate,
    gone: OnceLock<Gone>,
}

impl Device {
    /// Opens the way that is asked for, or the one that [`VfioAccess::choose`] takes.
    pub(super) fn open(address: PciAddress, asked: Option<VfioAccess>) -> Result<Self, VfioError> {
        let function = PciTree::default()
            .function(address)
            .map_err(|source| VfioError::NoFunction { address, source })?;
        if function.driver.as_deref() != Some("vfio-pci") {
            let driver = function.driver.unwrap_or_else(|| "none".into());
            return Err(VfioError::NotBound { address, driver });
        }
        let access = asked.unwrap_or_else(|| VfioAccess::choose(&function));
        let step = |step| move |source| VfioError::Step { address, step, source };
        let (file, space) = match access {
            VfioAccess::Group => by_group(&function)?,
            VfioAccess::Cdev => by_cdev(&function)?,
        };
        let info = ioctl::device_info(&file).map_err(step("asking for the device"))?;
        let config = ioctl::region_info(&file, sys::VFIO_PCI_CONFIG_REGION_INDEX)
            .map_err(step("asking for the configuration space"))?;
        tracing::info!(%address, %access, "opened: {}", access.paths(&function).join(" and "));
        Ok(Self {
            files: RwLock::new(Some(Files { device: Arc::new(file), space })),
            access,
            near: NearMemory::new(function.numa_node),
            config_offset: config.offset,
            can_reset: info.flags & sys::VFIO_DEVICE_FLAGS_RESET != 0,
            gate: Gate::default(),
            gone: OnceLock::new(),
        })
    }

    /// The device file.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        self.with(|files| Ok(files.device.clone()))
    }

    /// Does something with the open files, which stay open meanwhile.
    fn with<T>(&self, act: impl FnOnce(&Files) -> io::Result<T>) -> io::Result<T> {
        match &*self.files.read() {
            Some(files) => act(files),
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "the function was let go")),
        }
    }

    /// Does something with the function's address space.
    pub(super) fn space<T>(&self, act: impl FnOnce(&AddressSpace) -> io::Result<T>) -> io::Result<T> {
        self.with(|files| act(&files.space))
    }

    /// Does something with its configuration space.
    pub(super) fn config<T>(&self, act: impl FnOnce(ConfigSpace<'_>) -> io::Result<T>) -> io::Result<T> {
        self.with(|files| act(ConfigSpace { device: &files.device, offset: self.config_offset }))
    }

    /// Lets go of it for a reason of its own.
    fn give_up(&self, why: Gone) {
        tracing::warn!("the device is given up: {why}");
        // The first reason is the one; what comes of it is none.
        let _ = self.gone.set(why);
        self.let_go();
    }

    /// Whether this kernel gives out no function at all behind an IOMMU that keeps its DMA from being coherent, as there are on other machines than x86. It does
    /// since 5.19, and says so nowhere; it is asked for what VFIO learned next, with 6.1. One that has a file for each function (6.6) does in any case.
    pub(super) fn kernel_refuses_incoherent(&self) -> io::Result<bool> {
        let is_recent =
            |files: &Files| ioctl::has_feature(&files.device, sys::VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
        self.with(|files| Ok(self.access == VfioAccess::Cdev || is_recent(files)))
    }

    /// The kernel asks for a function back when it is unbound or taken out, and waits until it is let go; and it tells of errors that the link's hardware
    /// could not correct, such as poisoned data, after which nothing of the function is believed. Either way it is let go here, whether or not anybody
    /// uses it: from then on it answers all-ones, so that its driver gives it up.
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<()> {
        let file = self.file()?;
        let mut events = Vec::new();
        for (index, gone) in [
            (sys::VFIO_PCI_REQ_IRQ_INDEX, Gone::AskedFor),
            (sys::VFIO_PCI_ERR_IRQ_INDEX, Gone::Uncorrectable),
        ] {
            // A kernel, or a slot, that does not tell is none to wait for.
            if ioctl::irq_info(&file, index).is_ok_and(|info| info.count > 0) {
                let event = EventIrq::new()?;
                ioctl::set_irqs(&file, index, &[event.fd()])?;
                events.push((event, gone));
            }
        }
        drop(file);
        if events.is_empty() {
            return Ok(());
        }
        let device = Arc::downgrade(self);
        let watch = move || {
            if let Some(gone) = first_raised(&events, || device.strong_count() > 0)
                && let Some(device) = device.upgrade()
            {
                device.give_up(gone);
            }
        };
        std::thread::Builder::new().name("millrace-watch".into()).spawn(watch).map(drop)
    }
}

/// What the first of these says that is raised; `None` once nobody is left who would be told.
fn first_raised(events: &[(EventIrq, Gone)], goes_on: impl Fn() -> bool) -> Option<Gone> {
    while goes_on() {
        for (event, gone) in events {
            if event.wait(WATCH_INTERVAL / events.len() as u32) {
                return Some(*gone);
            }
        }
    }
    None
}

fn open(address: PciAddress, path: &str) -> Result<File, VfioError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.map_err(|source| VfioError::CannotOpen { address, path: path.to_owned(), source })
}

fn by_group(function: &PciFunction) -> Result<(File, AddressSpace), VfioError> {
    let address = function.address;
    let step = |step| move |source| VfioError::Step { address, step, source };
    let group_number = function.iommu_group.ok_or(VfioError::NoIommu { address })?;
    let container = open(address, CONTAINER)?;
    let got = ioctl::api_version(&container).map_err(step("asking for VFIO's version"))?;
    let has_type1_v2 =
        ioctl::has_extension(&container, sys::VFIO_TYPE1v2_IOMMU).map_err(step("asking for type 1 v2"))?;
    if got != sys::VFIO_API_VERSION as i32 || !has_type1_v2 {
        return Err(VfioError::WrongApi { address, got, has_type1_v2 });
    }
    let group = open(address, &format!("/dev/vfio/{group_number}"))?;
    if !ioctl::is_viable(&group).map_err(step("asking for the group"))? {
        return Err(VfioError::GroupNotViable { address, group: group_number });
    }
    ioctl::set_container(&group, &container).map_err(step("putting the group into a container"))?;
    ioctl::set_iommu(&container, sys::VFIO_TYPE1v2_IOMMU).map_err(step("setting the IOMMU up"))?;
    let file = ioctl::device(&group, &address.to_string()).map_err(step("taking the device"))?;
    Ok((file, AddressSpace::Container { container, _group: group }))
}

fn by_cdev(function: &PciFunction) -> Result<(File, AddressSpace), VfioError> {
    let address = function.address;
    let step = |step| move |source| VfioError::Step { address, step, source };
    let path = function.cdev_path().ok_or(VfioError::NoCdev { address })?;
    let file = open(address, &path)?;
    let iommufd = open(address, IOMMUFD)?;
    iommufd::bind(&file, &iommufd).map_err(|source| match source.raw_os_error() {
        // A device that another process took by this way is refused with EINVAL, one taken by its group with EBUSY.
        Some(libc::EINVAL | libc::EBUSY) => VfioError::InUse { address, path, source },
        _ => step("taking the device for IOMMUFD")(source),
    })?;
    let ioas = iommufd::alloc_ioas(&iommufd).map_err(step("making an address space"))?;
    iommufd::attach(&file, ioas).map_err(step("putting the device into its address space"))?;
    Ok((file, AddressSpace::Ioas { iommufd, ioas }))
}

impl FunctionReset for Device {
    /// The kernel's reset of the function.
    fn reset(&self) -> Result<(), ResetError> {
        if !self.can_reset {
            return Err(ResetError::Unsupported);
        }
        let Ok(file) = self.file() else { return Err(ResetError::Hung { after: Duration::ZERO }) };
        let reset = self.gate.reset_within(RESET_LIMIT, move || ioctl::reset(&file));
        if matches!(reset, Err(ResetError::Hung { .. })) {
            let _ = self.gone.set(Gone::ResetHangs);
        }
        reset
    }

    fn gone(&self) -> Option<Gone> {
        self.gone.get().copied()
    }

    /// Unmaps BAR0 and closes the files. The kernel stops and resets the function as it closes, before its addresses go, which may hang as any reset: so a
    /// thread of its own is sacrificed to it, and nobody waits. Until the kernel has closed, the pages stay pinned: nothing else comes to lie where the
    /// function may still write.
    fn let_go(&self) {
        self.gate.close();
        let files = self.files.write().take();
        if let Some(files) = files {
            let close = std::thread::Builder::new().name("millrace-close".into());
            // Where there is no thread to be had, they are closed here.
            let _ = close.spawn(move || drop(files));
        }
    }
}

impl Mapper for Device {
    type Token = ();

    fn memory(&self, len_bytes: usize) -> io::Result<(Mapping, ())> {
        self.near.take(len_bytes).map(|memory| (memory, ()))
    }

    /// Huge pages are promised when memory is taken and looked for when it is pinned: by then another node, cpuset or cgroup may have none.
    fn instead(&self, refused: &Mapping) -> Option<io::Result<(Mapping, ())>> {
        let ordinary = || self.near.ordinary(refused.len_bytes(), "they cannot be pinned");
        refused.is_huge().then(|| ordinary().map(|memory| (memory, ())))
    }

    /// The kernel pins the pages here, so that from here on they lie somewhere.
    fn map(&self, iova: Iova, memory: &Mapping, (): &()) -> io::Result<()> {
        let reach = Reach { address: memory.address(), len_bytes: memory.len_bytes(), writes: true };
        self.space(|space| space.map(iova, reach))?;
        self.near.look(memory);
        Ok(())
    }

    fn lend(&self, iova: Iova, memory: &[u8]) -> Option<io::Result<()>> {
        let (address, len_bytes) = (memory.as_ptr().addr() as u64, memory.len());
        Some(self.space(|space| space.map(iova, Reach { address, len_bytes, writes: false })))
    }

    /// What a function could reach that was let go, it reaches no more. One whose memory cannot be taken away is let go: nothing of it is believed then.
    fn unmap(&self, iova: Iova, len_bytes: usize) -> io::Result<()> {
        let unmapped = match &*self.files.read() {
            Some(files) => files.space.unmap(iova, len_bytes),
            None => Ok(()),
        };
        if let Err(error) = &unmapped {
            tracing::warn!("memory cannot be unmapped: {error}");
            self.give_up(Gone::KeepsMemory);
        }
        unmapped
    }
}

impl Drop for Device {
    /// The function sends nothing afterwards; the kernel undoes the rest when the files close.
    fn drop(&mut self) {
        if !self.gate.is_lost() {
            let _ = self.config(|config| config.set_bus_master(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FakeMmio, Mmio};

    /// As the kernel tells.
    fn raised(event: &EventIrq) {
        rustix::io::write(event.fd(), &1u64.to_ne_bytes()).unwrap();
    }

    fn events() -> [(EventIrq, Gone); 2] {
        [Gone::AskedFor, Gone::Uncorrectable].map(|gone| (EventIrq::new().unwrap(), gone))
    }

    /// One whose files are closed already.
    fn device() -> Device {
        let (gate, registers) = (Gate::default(), FakeMmio::default());
        registers.set(0, 7);
        gate.open(Box::new(registers));
        Device {
            files: RwLock::new(None),
            access: VfioAccess::Group,
            near: NearMemory::new(None),
            config_offset: 0,
            can_reset: true,
            gate,
            gone: OnceLock::new(),
        }
    }

    #[test]
    fn what_the_kernel_tells_first_is_why_a_function_is_given_up() {
        for (raise, told) in
            [(&[0][..], Gone::AskedFor), (&[1], Gone::Uncorrectable), (&[0, 1], Gone::AskedFor)]
        {
            let events = events();
            raise.iter().for_each(|&nth| raised(&events[nth].0));
            assert_eq!(first_raised(&events, || true), Some(told));
            let device = device();
            assert_eq!(device.read32(0), 7);
            device.give_up(told);
            // What comes of it is no reason.
            device.give_up(Gone::KeepsMemory);
            assert_eq!((device.gone(), device.gate.is_lost()), (Some(told), true));
            assert_eq!(device.read32(0), u32::MAX);
            assert!(matches!(device.reset(), Err(ResetError::Hung { .. })), "it is touched no more");
        }
        assert_eq!(first_raised(&events(), || false), None, "nobody is left to be told");
    }
}
