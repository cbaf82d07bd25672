//! `millrace bench`

mod measure;
pub(crate) mod proofs;
mod report;

use millrace_bn254::backend::Instructions;

use crate::{
    args::BenchArgs,
    device::{self, DeviceName, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    input,
    memory::{self, Flight, Watch},
    output::say,
    threads,
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
    let in_flight = args.throughput.then(|| args.in_flight.unwrap_or(DEFAULT_IN_FLIGHT));
    let flight = Flight { in_flight: in_flight.unwrap_or(1), ..Flight::alone(true) };
    let budget = match &args.proof {
        Some(files) if args.devices.contains(&DeviceName::Cpu) => {
            Some(memory::budget(&input::key(&files[0])?, args.max_memory, flight)?)
        }
        _ if args.max_memory.is_some() => {
            return Err(Failure::new(Code::Usage, "--max-memory expects cpu among --devices"));
        }
        _ => None,
    };
    if let Some(budget) = &budget {
        say!("memory of {} on cpu: {budget}", proofs::in_words(flight.in_flight));
    }
    let opened: Vec<Opened> = args
        .devices
        .iter()
        .map(|name| device::open(name, OpenOptions { budget, in_flight, ..OpenOptions::default() }))
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
        let flights =
            in_flight.into_iter().flat_map(|lanes| opened.iter().map(move |device| (device, lanes)));
        for (device, lanes) in flights {
            // What others leave behind is none of the proofs'.
            let watch = (device.is_cpu() && opened.len() == 1).then(Watch::begin);
            let new = proofs::throughput(device, key, witnesses, lanes, args.runs, &told)?;
            say!("{}", report::throughput_line(&new));
            if let Some(taken) = watch.and_then(Watch::end) {
                say!("memory taken meanwhile: {taken} bytes");
            }
            samples.extend(new);
        }
    }
    let setting = report::Setting {
        version: env!("CARGO_PKG_VERSION"),
        processor: processor(),
        threads: threads::of_processors(),
        backend: Instructions::from_env().or_fail(Code::Usage)?.name(),
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
