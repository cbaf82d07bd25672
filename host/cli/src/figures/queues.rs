//! What a queue of its own is worth to a thread: jobs a second of two threads, with a queue each and with one for both, at the model.

use std::{thread, time::Instant};

use millrace_driver::{DeviceEngine, DriverConfig};
use millrace_model::{ModelConfig, ModelDevice};

use super::{
    Bar, Sheet,
    cpu::median,
    pcie::{IN_FLIGHT, run},
};
use crate::exit::{Code, Failure, OrFail};

/// Of each thread in each round.
const JOBS: u64 = 10_000;
/// What is compared takes turns, so that whatever else the machine does strikes all alike.
const ROUNDS: usize = 9;

/// No bar: what the model itself does for a job takes a core, so that a machine of two has none for the second thread.
pub(super) fn measure(sheet: &mut Sheet) -> Result<(), Failure> {
    let device = || ModelDevice::start(ModelConfig::default());
    let open = |queues: usize, device: &ModelDevice| {
        let config = DriverConfig { queues, ..DriverConfig::default() };
        DeviceEngine::open(device.function(), config).or_fail(Code::DeviceOpen)
    };
    let (one, two) = (device(), device());
    let (shared, each) = (open(1, &one)?, open(2, &two)?);
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, (engine, threads)) in rates.iter_mut().zip([(&each, 1), (&each, 2), (&shared, 2)]) {
            rates.push(jobs_a_second(engine, threads)?);
        }
    }
    let [alone, apart, together] = rates;
    let over = |rates: &[f64], of: &[f64]| median(rates.iter().zip(of).map(|(rate, of)| rate / of).collect());
    sheet.told(
        "short jobs of two threads on two queues over those of one on one",
        over(&apart, &alone),
        "times",
    );
    sheet.told("short jobs of two threads on two queues over two on one", over(&apart, &together), "times");
    sheet.told("short jobs of one thread on one queue", median(alone), "a second");
    let contended = each.contended_locks() as f64;
    sheet.line("locks that threads with a queue each waited for", contended, "", Bar::AtMost(0.0));
    sheet.told("of two threads on one queue, in as many jobs", shared.contended_locks() as f64, "");
    Ok(())
}

fn jobs_a_second(engine: &DeviceEngine, threads: u64) -> Result<f64, Failure> {
    let began = Instant::now();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| run(engine, JOBS, IN_FLIGHT))).collect();
        running.into_iter().try_for_each(|thread| match thread.join() {
            Ok(ended) => ended.or_fail(Code::DeviceFailed),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok((threads * JOBS) as f64 / began.elapsed().as_secs_f64())
}
