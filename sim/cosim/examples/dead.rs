//! Holds a device until it dies, and then asks the kernel to reset it, which hangs there: the caller is to be told in bounded time, and nobody is to touch
//! the registers, which the kernel has taken away meanwhile. `make test-pcie` kills the server of the device.
//!
//! The process itself ends only when the kernel has given the reset up.
//!
//! Usage: dead vfio:ADDRESS

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use millrace_driver::BAR0_BYTES;
use millrace_pcie::{ResetError, VfioAccess, VfioOptions, open_vfio};
use millrace_regs::registers as reg;

/// For somebody to kill it.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("usage: dead vfio:ADDRESS")?;
    let address = name.strip_prefix("vfio:").unwrap_or(&name).parse()?;
    let options =
        VfioOptions { bar0_bytes: BAR0_BYTES, access: VfioAccess::from_env()?, ..VfioOptions::default() };
    let function = open_vfio(address, &options)?;
    let reset = function.reset.clone().ok_or("a function that nobody can reset")?;
    println!("holds {name}");
    let until = Instant::now() + LIMIT;
    while function.bar0.read32(reg::MAGIC) != u32::MAX {
        if Instant::now() > until {
            return Err(format!("{name} does not die").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    println!("registers read as all-ones");
    match reset.reset() {
        Err(error @ ResetError::Hung { .. }) => println!("{error}"),
        other => return Err(format!("expected a reset that hangs, got {other:?}").into()),
    }
    // Through the mapping this would sleep as long as the reset does.
    match function.bar0.read32(reg::MAGIC) {
        u32::MAX => println!("{name} is given up"),
        value => return Err(format!("expected all-ones, got {value:#x}").into()),
    }
    Ok(())
}
