//! Holds a device without a job for it, as a daemon does between two proofs, and looks at it once at the end: by then the kernel is to have taken it away.
//! `make test-pcie` unbinds the card meanwhile, which must not wait for this process.
//!
//! Usage: idle vfio:ADDRESS SECONDS

use std::{error::Error, time::Duration};

use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_pcie::{VfioAccess, VfioOptions, open_vfio};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: idle vfio:ADDRESS SECONDS".into());
    };
    let address = name.strip_prefix("vfio:").unwrap_or(&name).parse()?;
    let options =
        VfioOptions { bar0_bytes: BAR0_BYTES, access: VfioAccess::from_env()?, ..VfioOptions::default() };
    let engine = DeviceEngine::open(open_vfio(address, &options)?, DriverConfig::default())?;
    println!("holds {name} for {seconds} s");
    std::thread::sleep(Duration::from_secs(seconds.parse()?));
    match engine.look() {
        Ok(()) => Err(format!("{name} is still there").into()),
        Err(error) => {
            println!("{error}");
            Ok(())
        }
    }
}
