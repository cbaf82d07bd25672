//! What `--device` takes.

use std::{fmt, io, os::unix::net::UnixStream, path::PathBuf, str::FromStr};

use millrace_pcie::{PciAddress, PciTree};

/// Where jobs are done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DeviceName {
    /// Fast kernels on this machine's CPU.
    Cpu,
    /// Plain arkworks: slow, obvious, the reference.
    CpuOracle,
    /// A functional device behind the same rings: no RTL.
    Model,
    /// The RTL, simulated by Verilator.
    Sim,
    /// A card, through the kernel's VFIO.
    Vfio(PciAddress),
    /// A device that another process serves on a socket (`millrace device serve`).
    VfioUser(PathBuf),
}

impl DeviceName {
    /// Whether there is a device behind a driver, real or not.
    pub(crate) fn is_accelerator(&self) -> bool {
        !matches!(self, DeviceName::Cpu | DeviceName::CpuOracle)
    }

    /// Whether there is nothing yet that could be opened, or nobody who has it for us: a slot without a card, a card that no driver has, a socket that
    /// nobody listens on.
    pub(crate) fn is_absent(&self) -> bool {
        match self {
            DeviceName::Vfio(address) => {
                PciTree::default().function(*address).map_or(true, |function| function.driver.is_none())
            }
            DeviceName::VfioUser(path) => UnixStream::connect(path).is_err_and(|error| {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
            }),
            DeviceName::Cpu | DeviceName::CpuOracle | DeviceName::Model | DeviceName::Sim => false,
        }
    }

    /// Whether the device is made anew in this process whenever it is opened.
    pub(crate) fn is_in_process(&self) -> bool {
        matches!(self, DeviceName::Model | DeviceName::Sim)
    }
}

/// As typed, and as engines and reports call it.
impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Cpu => f.write_str("cpu"),
            DeviceName::CpuOracle => f.write_str("cpu-oracle"),
            DeviceName::Model => f.write_str("model"),
            DeviceName::Sim => f.write_str("sim"),
            DeviceName::Vfio(address) => write!(f, "vfio:{address}"),
            DeviceName::VfioUser(path) => write!(f, "vfio-user:{}", path.display()),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cpu-oracle" => Ok(Self::CpuOracle),
            "model" => Ok(Self::Model),
            "sim" => Ok(Self::Sim),
            _ => {
                match text.split_once(':') {
                    Some(("vfio", address)) => address.parse().map(Self::Vfio).map_err(|e| format!("{e}")),
                    Some(("vfio-user", path)) if !path.is_empty() => Ok(Self::VfioUser(path.into())),
                    _ => Err("expected cpu, cpu-oracle, model, sim, vfio:0000:65:00.0 or vfio-user:SOCKET"
                        .to_owned()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeviceName;

    #[test]
    fn names_are_read_as_written() {
        for name in ["cpu", "cpu-oracle", "model", "sim", "vfio:0000:65:00.0", "vfio-user:/run/millrace/a:b"]
        {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        assert_eq!("vfio:65:00.0".parse::<DeviceName>().unwrap().to_string(), "vfio:0000:65:00.0");
        for bad in ["", "gpu", "vfio:", "vfio:65", "vfio-user:", "Sim"] {
            assert!(bad.parse::<DeviceName>().is_err(), "{bad}");
        }
    }
}
