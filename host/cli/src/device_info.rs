//! `millrace device`

use crate::{
    args::DeviceArgs,
    device::{self, OpenOptions},
    exit::{Code, Failure, OrFail},
};

pub(crate) fn run(args: &DeviceArgs) -> Result<(), Failure> {
    let opened = device::open(args.device, OpenOptions::default())?;
    let Some(driver) = &opened.driver else {
        println!("{}: an engine of this process, no device", opened.engine.name());
        return Ok(());
    };
    let identity = driver.identity();
    let statistics = driver.statistics().or_fail(Code::DeviceFailed)?;
    println!("device: {}", opened.engine.name());
    println!("layout: version {}, hash {:#018x}", identity.version, identity.layout_hash);
    println!("multiplier: {}", if identity.behavioural { "behavioural" } else { "structural" });
    println!(
        "MSM: {} adder(s), {} windows of {} bits",
        identity.adders, identity.windows, identity.window_bits
    );
    println!("NTT: up to 2^{} on chip", identity.ntt_log_max);
    println!("device memory: {} MiB", identity.memory_bytes >> 20);
    println!("queues: {}", identity.queues);
    println!("cycles since power-on: {}", statistics.cycles);
    Ok(())
}
