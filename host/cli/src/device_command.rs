//! `millrace device`

use millrace_driver::{ExerciseError, ExercisePlan, exercise};
use millrace_pcie::{PciAddress, PciFunction, PciTree, VfioAccess, reset_vfio};

use crate::{
    args::{DeviceCommand, ServeArgs},
    device::{self, DeviceName, OpenOptions},
    device_bench,
    exit::{Code, Failure, OrFail},
    output::say,
    simulation,
};

/// Class of processing accelerators, upper 16 bits of the class code.
const ACCELERATOR: u32 = 0x1200;
/// Class of bridges, upper 8 bits of the class code.
const BRIDGE: u32 = 0x06;

impl DeviceCommand {
    /// Whether it talks to a device, and does not look at the PCI functions alone or hand them on.
    pub(crate) fn uses_a_device(&self) -> bool {
        !matches!(self, Self::List | Self::Reset { .. } | Self::Bind { .. } | Self::Unbind { .. })
    }
}

pub(crate) fn run(command: &DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::List => list(),
        DeviceCommand::Info { device } => info(device),
        DeviceCommand::Exercise { device, completions } => exercise_device(device, *completions),
        DeviceCommand::Bench(args) => device_bench::run(args),
        DeviceCommand::Reset { device } => {
            let address = card(device)?;
            reset_vfio(address, device::vfio_access()?).or_fail(Code::DeviceOpen)?;
            say!("{address}: reset");
            Ok(())
        }
        DeviceCommand::Bind { device, force } => bind(card(device)?, *force),
        DeviceCommand::Unbind { device } => {
            let address = card(device)?;
            PciTree::default().unbind_vfio(address).map_err(|error| refused(address, "unbind", &error))?;
            say!("{address}: given back");
            Ok(())
        }
        DeviceCommand::Serve(args) => serve(args),
    }
}

/// The address of a card; other devices can be neither bound nor reset from outside.
pub(crate) fn card(device: &DeviceName) -> Result<PciAddress, Failure> {
    match device {
        DeviceName::Vfio(address) => Ok(*address),
        other => {
            Err(Failure::new(Code::Usage, format!("expected a card like vfio:0000:65:00.0, got {other}")))
        }
    }
}

/// Functions that could be a device.
pub(crate) fn candidates(functions: Vec<PciFunction>) -> Vec<PciFunction> {
    let could_be = |f: &PciFunction| f.class >> 8 == ACCELERATOR || f.driver.as_deref() == Some("vfio-pci");
    functions.into_iter().filter(could_be).collect()
}

fn list() -> Result<(), Failure> {
    let all = PciTree::default().functions().map_err(|error| {
        Failure::new(Code::DeviceOpen, format!("cannot list /sys/bus/pci/devices: {error}"))
    })?;
    let found = candidates(all);
    if found.is_empty() {
        say!("no processing accelerator, and nothing bound to vfio-pci");
    }
    for f in found {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
        say!(
            "vfio:{}  {:04x}:{:04x}  driver {}, IOMMU group {}, BAR0 {} KiB, link {}",
            f.address,
            f.vendor,
            f.device,
            or_none(f.driver),
            or_none(f.iommu_group.map(|g| g.to_string())),
            f.bar0_bytes >> 10,
            or_none(f.link.map(|l| format!("x{} at {}", l.width, l.speed))),
        );
    }
    Ok(())
}

fn info(device: &DeviceName) -> Result<(), Failure> {
    let opened = device::open(device, OpenOptions::default())?;
    let Some(driver) = &opened.driver else {
        say!("{}: an engine of this process, no device", opened.engine.name());
        return Ok(());
    };
    let identity = driver.identity();
    let statistics = driver.statistics().or_fail(Code::DeviceFailed)?;
    say!("device: {}", opened.engine.name());
    if let DeviceName::Vfio(address) = device {
        // It was opened a moment ago: what is asked here is what was taken there.
        let function = PciTree::default().function(*address).or_fail(Code::DeviceOpen)?;
        let access = device::vfio_access()?.unwrap_or_else(|| VfioAccess::choose(&function));
        say!("opened by: {access} ({})", access.paths(&function).join(" and "));
    }
    say!("layout: version {}, hash {:#018x}", identity.version, identity.layout_hash);
    say!("multiplier: {}", if identity.behavioural { "behavioural" } else { "structural" });
    say!("MSM: {} adder(s), {} windows of {} bits", identity.adders, identity.windows, identity.window_bits);
    say!("NTT: up to 2^{} on chip", identity.ntt_log_max);
    say!("device memory: {} MiB", identity.memory_bytes >> 20);
    say!("queues: {}", identity.queues);
    say!("cycles since power-on: {}", statistics.cycles);
    Ok(())
}

fn exercise_device(device: &DeviceName, completions: u32) -> Result<(), Failure> {
    let (function, _behind) = device::function(device)?;
    let plan = ExercisePlan { completions, ..ExercisePlan::default() };
    let report = exercise(&function, &plan).map_err(|error| {
        let code = match &error {
            ExerciseError::Open(_) => Code::DeviceOpen,
            _ => Code::DeviceFailed,
        };
        Failure::caused(code, "", &error)
    })?;
    say!("registers: hold what is written");
    say!("DMA: {} bytes each way, compared; what is no multiple of a beat is refused", report.dma_bytes);
    say!(
        "addresses that lead nowhere: a read is answered with HOST_READ, a write {}",
        if report.lost_write_is_silent { "is lost in silence, as on PCIe" } else { "with HOST_WRITE" }
    );
    say!(
        "what is written there by a job is missed: a result ({}), a completion (the driver gives up: {}); the next job is right",
        report.lost_writes.result,
        report.lost_writes.completion
    );
    say!(
        "memory that is lent: {}",
        match report.lends {
            true => "read where it lies, not written, and out of reach afterwards",
            false => "none on this way, everything is copied",
        }
    );
    say!(
        "completions: {} of {completions} came, by {} interrupts, {} of them for nothing; no wait ended by its deadline",
        report.completions,
        report.interrupts,
        report.spurious
    );
    say!("queues: {}, each with its own completions and interrupts", report.queues);
    say!(
        "round trip of an empty job, woken by its interrupt: {:.1} µs (median)",
        report.round_trip.as_secs_f64() * 1e6
    );
    say!(
        "the same, with a host that only looks: {:.1} µs (median)",
        report.round_trip_polled.as_secs_f64() * 1e6
    );
    say!(
        "reset {}: by registers{}; the next job is right",
        if report.reset_at_work {
            "in the middle of a job"
        } else {
            "with jobs given, at which it was not seen"
        },
        if report.reset_from_outside { " and from outside" } else { " (there is none from outside)" }
    );
    Ok(())
}

/// A mistyped address must not take the disk or the bridge of a running machine from its driver.
fn check_class(function: &PciFunction, force: bool) -> Result<(), Failure> {
    let PciFunction { address, class, .. } = function;
    let upper = class >> 8;
    let hint = match upper {
        ACCELERATOR => return Ok(()),
        _ if upper >> 8 == BRIDGE => "a bridge stays with the kernel",
        _ if force => return Ok(()),
        _ => "`--force` takes it from its driver all the same",
    };
    Err(Failure::new(
        Code::DeviceOpen,
        format!("{address}: expected a processing accelerator (class 1200), got class {upper:04x}; {hint}"),
    ))
}

fn refused(address: PciAddress, what: &str, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => " (only root may)",
        _ => "",
    };
    Failure::new(Code::DeviceOpen, format!("{address}: cannot {what}: {error}{hint}"))
}

fn present(tree: &PciTree, address: PciAddress) -> Result<PciFunction, Failure> {
    let missing = |error| Failure::new(Code::DeviceOpen, format!("{address}: no such PCI function: {error}"));
    tree.function(address).map_err(missing)
}

fn bind(address: PciAddress, force: bool) -> Result<(), Failure> {
    let tree = PciTree::default();
    let function = present(&tree, address)?;
    check_class(&function, force)?;
    tree.bind_vfio(address).map_err(|error| refused(address, "bind", &error))?;
    let function = present(&tree, address)?;
    match function.driver.as_deref() {
        Some("vfio-pci") => {
            say!("{address}: bound to vfio-pci");
            Ok(())
        }
        driver => {
            let got = driver.unwrap_or("none");
            tree.choose_again(address).map_err(|error| refused(address, "give it back", &error))?;
            let message =
                format!("{address}: expected the driver vfio-pci after binding, got {got}; given back");
            Err(Failure::new(Code::DeviceOpen, message))
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), Failure> {
    if !args.device.is_in_process() {
        return Err(Failure::new(
            Code::Usage,
            format!("expected model or sim to serve, got {}", args.device),
        ));
    }
    let cancel = crate::cancel_on_interrupt()?;
    simulation::serve(args, &cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accelerators_are_taken_without_force() {
        let allowed = |class, force| {
            let function = PciFunction {
                address: "65:00.0".parse().unwrap(),
                vendor: 1,
                device: 2,
                class,
                driver: Some("nvme".into()),
                iommu_group: None,
                cdev: None,
                numa_node: None,
                link: None,
                link_most: None,
                bar0_bytes: 0,
            };
            check_class(&function, force).is_ok()
        };
        assert!(allowed(0x12_0000, false) && allowed(0x12_0001, false));
        assert!(!allowed(0x01_0802, false) && allowed(0x01_0802, true), "a disk");
        assert!(!allowed(0x06_0400, false) && !allowed(0x06_0400, true), "a bridge");
    }
}
