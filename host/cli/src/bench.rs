//! `millrace bench`

mod measure;
pub(crate) mod proofs;
mod report;

use millrace_kernels::CpuEngine;

use crate::{
    args::BenchArgs,
    device::{self, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    input, memory,
    output::say,
};

/// Proofs at a time when throughput is measured.
const DEFAULT_IN_FLIGHT: usize = 2;

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    if args.in_flight.is_some_and(|lanes| !(2..=64).contains(&lanes)) {
        return Err(Failure::new(Code::Usage, "--in-flight expects 2 to 64 proofs"));
    }
    if args.runs == 0 || args.sizes.iter().any(|log_n| !(1..=24).contains(log_n)) {
        return Err(Failure::new(Code::Usage, "expected at least one run and sizes of 2^1..2^24"));
    }
    let budget = match (&args.proof, args.max_memory) {
        (Some(files), Some(most)) => Some(memory::budget(&input::key(&files[0])?, Some(most), true)?),
        _ => None,
    };
    if let Some(budget) = &budget {
        say!("memory of a proof on cpu: {budget}");
    }
    let opened: Vec<Opened> = args
        .devices
        .iter()
        .map(|name| device::open(name, OpenOptions { budget, ..OpenOptions::default() }))
        .collect::<Result<_, _>>()?;
    let engines: Vec<_> = opened.iter().map(|o| o.engine.clone()).collect();
    let told = |s: &measure::Sample| {
        let cycles = s.cycles.map_or(String::new(), |c| format!(", {c} cycles"));
        say!("{:<8} {:>8} {:<12} {:>12.6} s{cycles}", s.kind, s.size, s.engine, s.seconds);
    };
    let mut samples =
        measure::kernels(&engines, &args.sizes, args.runs, &told).or_fail(Code::DeviceFailed)?;
    if let Some(files) = &args.proof {
        let (key, witnesses) = (&files[0], &files[1..]);
        samples.extend(proofs::time(&opened, key, &witnesses[0], args.runs, &told)?);
        let lanes = args.in_flight.unwrap_or(DEFAULT_IN_FLIGHT);
        for device in opened.iter().filter(|_| args.throughput) {
            let new = proofs::throughput(device, key, witnesses, lanes, args.runs, &told)?;
            say!("{}", report::throughput_line(&new));
            samples.extend(new);
        }
    }
    let setting = report::Setting {
        version: env!("CARGO_PKG_VERSION"),
        processor: processor(),
        threads: CpuEngine::default().threads(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
    };
    report::write(&args.out, &setting, &samples)?;
    say!("{}: report.html, report.json, report.csv", args.out.display());
    Ok(())
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    name.unwrap_or("unknown processor").to_owned()
}
