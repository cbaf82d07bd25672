//! `millrace prove`

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Instant,
};

use millrace_bn254::backend::Instructions;
use millrace_groth16::{KeyError, proof_to_json, public_to_json};
use millrace_job::{CancelToken, Engine, EngineSet, EngineSlot, RunError};
use millrace_prover::{LoadError, Placement, ProveError, Prover, ProverOptions, Randomness, Share};

use crate::{
    args::{ProveArgs, Split},
    device::{self, DeviceName, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    input,
    memory::{self, Flight},
    output::{Outputs, tell},
    progress::Progress,
    report::{self, DeviceFacts},
    simulation::Simulation,
    threads,
};

pub(crate) fn run(args: &ProveArgs, cancel: &CancelToken) -> Result<(), Failure> {
    let told = args.threads.map(usize::from);
    // Reading the key takes some already.
    threads::start(told.map_or_else(threads::of_processors, |told| told.min(threads::of_processors())))?;
    if args.device != DeviceName::Cpu || !args.with.is_empty() {
        threads::room()?;
    }
    let key = input::key(&args.key)?;
    if let Some(zkey) = &args.source {
        input::made_from(&key, zkey)?;
    }
    let witness = input::witness(&args.witness)?;
    let r1cs = args.r1cs.as_deref().map(input::r1cs).transpose()?;
    let mut outputs = Outputs::beside(
        [&args.key, &args.witness].into_iter().chain(&args.r1cs).chain(&args.source).map(PathBuf::as_path),
    );
    if let Some(path) = &args.trace {
        outputs.probe(path)?;
    }
    if args.split.is_some() && !args.device.is_accelerator() {
        let got = &args.device;
        return Err(Failure::new(
            Code::Usage,
            format!("--split expects a device beside the CPU, got --device {got}"),
        ));
    }
    if args.trace.is_some() && args.device != DeviceName::Sim {
        let got = &args.device;
        return Err(Failure::new(Code::Usage, format!("--trace expects --device sim, got {got}")));
    }
    if args.inject.is_some() && !args.device.is_accelerator() {
        let got = &args.device;
        return Err(Failure::new(Code::Usage, format!("--inject expects a device, got --device {got}")));
    }
    if let Some(threads) = args.threads.filter(|_| args.device != DeviceName::Cpu || !args.with.is_empty()) {
        let message = format!("--threads {threads} expects --device cpu alone, got another device");
        return Err(Failure::new(Code::Usage, message));
    }
    let all = Flight::alone(args.repeat > 1);
    let flight = Flight { threads: told.unwrap_or(all.threads), ..all };
    let budget = memory::budget_of((&args.device, &args.with), &key, args.max_memory, flight)?;
    let randomness = match args.seed {
        Some(seed) => {
            tell!("r and s come from --seed: for tests and validation only, this proof hides nothing");
            Randomness::Seed(seed)
        }
        None => Randomness::Os,
    };

    let one_at_a_time = args.trace.is_some();
    let drill = args.inject;
    if let Some(budget) = &budget {
        tell!("memory: {budget}");
    }
    let options = OpenOptions { one_at_a_time, drill, budget, ..OpenOptions::default() };
    let opened = device::open_all(&args.device, &args.with, options)?;
    let traced = Arc::new(OnceLock::new());
    let prover = prover(&opened, args.split, !args.no_fallback)?;
    let progress = progress(args, &opened, traced.clone());
    let started = Instant::now();
    progress.step("loading the key");
    let mut loaded = prover.load_or_cancel(key, cancel).map_err(load_failure)?;
    if args.repeat > 1 && args.max_memory.is_none() {
        loaded = loaded.in_memory();
    }
    let load_seconds = started.elapsed().as_secs_f64();
    let once = || prover.prove(&loaded, &witness, r1cs.as_ref(), &randomness, &progress, cancel);
    let mut proved = once();
    for nth in 2..=args.repeat {
        let Ok(last) = proved else { break };
        let (seconds, jobs) = (last.report.wall.as_secs_f64(), report::shares(&last.report));
        tell!("proof {} of {}: {seconds:.3} s, jobs by engine: {jobs}", nth - 1, args.repeat);
        proved = once();
        if let Ok(this) = &proved
            && args.seed.is_some()
            && this.proof != last.proof
        {
            progress.finish();
            let message = format!("proof {nth} differs from the one before, of the same witness and seed");
            return Err(Failure::new(Code::Mismatch, message));
        }
    }
    progress.finish();
    let proved = match proved {
        Ok(proved) => proved,
        Err(error) => {
            // A waveform is wanted most where a device fails. What it cannot tell, the proof's own error does.
            match add_waveform(args, &opened, &mut outputs, &traced).and_then(|()| outputs.commit()) {
                Ok(()) => tell_waveform(args, &traced),
                Err(failure) => tell!("{failure}"),
            }
            return Err(prove_failure(error));
        }
    };

    if args.trace.is_some() && traced.get().is_none() {
        let wanted = args.trace_job.as_deref().unwrap_or("any");
        return Err(Failure::new(
            Code::Usage,
            format!("--trace-job: expected the name of a job, got {wanted}"),
        ));
    }
    add_waveform(args, &opened, &mut outputs, &traced)?;
    let facts = facts(&opened, args)?;
    let mut json = report::json(&proved.report, &facts, load_seconds, args.seed.is_some());
    json["memory_bytes_at_most"] = budget.map(|budget| budget.anonymous_bytes).into();
    // Of one device; several keep their drivers to themselves.
    json["lent_bytes"] = opened.driver.as_ref().map(|driver| driver.lent_bytes()).into();
    outputs.add(&args.proof, proof_to_json(&proved.proof).as_bytes())?;
    outputs.add(&args.public, public_to_json(&proved.publics).as_bytes())?;
    let on_screen = Path::new("-");
    if let Some(path) = args.json.as_deref().filter(|path| *path != on_screen) {
        outputs.add(path, format!("{json:#}\n").as_bytes())?;
    }
    outputs.announce(if args.json.as_deref() == Some(on_screen) {
        format!("{json:#}")
    } else if args.table {
        report::table(&proved.report, &facts)
    } else {
        let seconds = proved.report.wall.as_secs_f64();
        format!("{}: proof made and checked in {seconds:.3} s on {}", args.proof.display(), facts.device)
    });
    outputs.commit()?;
    tell_waveform(args, &traced);
    let mut moved: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for job in proved.report.moved() {
        moved.entry((&job.engine, &job.planned)).or_default().push(&job.label);
    }
    for ((ran, planned), jobs) in moved {
        tell!("{} jobs ran on {ran} instead of {planned}: {}", jobs.len(), jobs.join(", "));
    }
    if let Some(blame) = &proved.report.blame {
        tell!("a wrong answer was found and repaired: {blame}");
    }
    Ok(())
}

/// A prover whose trusted engine is the CPU, or the device itself where that is one.
///
/// # Errors
/// [`Code::Resources`] where there are no threads for a CPU beside the device.
pub(crate) fn prover(opened: &Opened, split: Option<Split>, fallback: bool) -> Result<Prover, Failure> {
    if !opened.lanes.is_empty() {
        let engines = [&opened.engine].into_iter().chain(&opened.lanes).cloned();
        return Ok(Prover::lanes(engines.collect()));
    }
    let (engines, device, trusted): (Vec<Arc<dyn Engine>>, _, _) = match opened.is_device() {
        true => (vec![opened.engine.clone(), device::cpu()?], EngineSlot(0), EngineSlot(1)),
        false => (vec![opened.engine.clone()], EngineSlot(0), EngineSlot(0)),
    };
    let placement = match split {
        None => Placement::On(device),
        Some(Split::Measured) => Placement::Split { device, share: Share::Measured },
        Some(Split::Ratio(ratio)) => Placement::Split { device, share: Share::Ratio(ratio) },
    };
    let options =
        ProverOptions { placement, trusted, fallback, retries: 1, buckets: Some(millrace_oracle::buckets) };
    Ok(Prover::new(EngineSet::new(engines), options))
}

/// A progress line that shows a simulation's cycles, and starts the drill and the waveform that were asked for.
fn progress(args: &ProveArgs, opened: &Opened, traced: Arc<OnceLock<Traced>>) -> Progress {
    let sim = opened.behind.simulation();
    let mut progress = Progress::new(sim.as_ref().map(Simulation::cycle_count));
    if let Some(trigger) = opened.trigger.clone() {
        let device = args.device.to_string();
        progress = progress.on_job_start(move |_, engine| {
            if engine == device {
                trigger.pull();
            }
        });
    }
    let Some(sim) = sim.filter(|_| args.trace.is_some()) else { return progress };
    let (wanted, limit) = (args.trace_job.clone(), args.trace_cycles);
    progress.on_job_start(move |label, engine| {
        let asked_for =
            engine == DeviceName::Sim.to_string() && wanted.as_deref().is_none_or(|wanted| wanted == label);
        if asked_for {
            traced.get_or_init(|| sim.trace(limit).map(|()| label.to_owned()));
        }
    })
}

/// The job of which there is a waveform, or why there is none.
type Traced = Result<String, Failure>;

fn add_waveform(
    args: &ProveArgs,
    opened: &Opened,
    outputs: &mut Outputs,
    traced: &OnceLock<Traced>,
) -> Result<(), Failure> {
    if let Some(Err(failure)) = traced.get() {
        return Err(failure.clone());
    }
    match (opened.behind.simulation(), &args.trace) {
        (Some(simulation), Some(path)) => simulation.add_waveform(path, outputs),
        _ => Ok(()),
    }
}

fn tell_waveform(args: &ProveArgs, traced: &OnceLock<Traced>) {
    if let (Some(Ok(label)), Some(path)) = (traced.get(), &args.trace) {
        tell!("waveform of {label}: {}", path.display());
    }
}

fn facts(opened: &Opened, args: &ProveArgs) -> Result<DeviceFacts, Failure> {
    let simulation = opened.behind.simulation();
    let multiplier = match simulation {
        None => "none",
        Some(_) if opened.is_behavioural() => "behavioural",
        Some(_) => "structural",
    };
    let cycles_per_second = simulation.and_then(|s| s.cycles_per_second());
    let backend = Instructions::from_env().or_fail(Code::Usage)?.name();
    let (device, clock_mhz) = (args.device.to_string(), args.clock_mhz);
    Ok(DeviceFacts { device, backend, multiplier, cycles_per_second, clock_mhz })
}

pub(crate) fn load_failure(error: LoadError) -> Failure {
    let code = match &error {
        LoadError::Engine { .. } => Code::DeviceFailed,
        LoadError::Cancelled => Code::Cancelled,
        LoadError::Key(error) => input::key_code(error),
        _ => Code::BadFile,
    };
    Failure::caused(code, "", &error)
}

pub(crate) fn prove_failure(error: ProveError) -> Failure {
    let code = match &error {
        ProveError::WitnessLength { .. } => Code::BadWitness,
        ProveError::OtherConstraints { .. } | ProveError::R1cs(_) => Code::BadFile,
        ProveError::UnsatisfiedOrDamaged => Code::UnsatisfiedOrDamaged,
        ProveError::Unsatisfied(_) => Code::Unsatisfied,
        ProveError::BadKey(KeyError::Import(_)) => Code::UnusableImport,
        ProveError::KeyDamaged(_) | ProveError::BadKey(_) => Code::DamagedKey,
        ProveError::Run(RunError::Cancelled) => Code::Cancelled,
        ProveError::Run(RunError::NoThread { .. }) => Code::Resources,
        _ => Code::DeviceFailed,
    };
    Failure::caused(code, "", &error)
}
