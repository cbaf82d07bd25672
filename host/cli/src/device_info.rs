//! `millrace device`

use crate::{
    args::DeviceArgs,
    device::{self, OpenOptions},
    exit::{Code, Failure, OrFail},
    output::say,
};

pub(crate) fn run(args: &DeviceArgs) -> Result<(), Failure> {
    let opened = device::open(args.device, OpenOptions::default())?;
    let Some(driver) = &opened.driver else {
        say!("{}: an engine of this process, no device", opened.engine.name());
        return Ok(());
    };
    let identity = driver.identity();
    let statistics = driver.statistics().or_fail(Code::DeviceFailed)?;
    say!("device: {}", opened.engine.name());
    say!("layout: version {}, hash {:#018x}", identity.version, identity.layout_hash);
    say!("multiplier: {}", if identity.behavioural { "behavioural" } else { "structural" });
    say!("MSM: {} adder(s), {} windows of {} bits", identity.adders, identity.windows, identity.window_bits);
    say!("NTT: up to 2^{} on chip", identity.ntt_log_max);
    say!("device memory: {} MiB", identity.memory_bytes >> 20);
    say!("queues: {}", identity.queues);
    say!("cycles since power-on: {}", statistics.cycles);
    Ok(())
}
