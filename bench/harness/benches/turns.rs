//! The cases of `jobs.json` again, for machines that are busy: all competitors on one thread, in turns, and of each the
//! least time of several turns. Prints a JSON line per case and competitor. Run it with `RAYON_NUM_THREADS=1`; arguments that are
//! no options pick the cases whose names hold all of them, and `--engine=NAME` the competitors.

use std::{env, time::Duration};

use millrace_bn254::backend::Instructions;
use millrace_harness::{Case, Took, run, timed};
use millrace_job::{Engine, Job};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let (rounds, at_least) = if once { (1, Duration::ZERO) } else { (5, Duration::from_millis(400)) };
    let mut engines: Vec<(String, Box<dyn Engine>)> =
        vec![("arkworks".into(), Box::new(OracleEngine::new()))];
    for instructions in Instructions::all() {
        let engine = CpuEngine::with_instructions(1, instructions);
        engines.push((format!("millrace cpu, {}", instructions.name()), Box::new(engine)));
    }
    let only = env::args().find_map(|arg| arg.strip_prefix("--engine=").map(str::to_owned));
    engines.retain(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only)));
    for case in Case::all().into_iter().filter(|case| wanted.iter().all(|word| case.name().contains(word))) {
        let input = case.input();
        let jobs: Vec<Job> =
            engines.iter().map(|(_, engine)| input.job_for(&**engine).expect("bases of our own")).collect();
        let mut best: Vec<Option<Took>> = vec![None; engines.len()];
        for _ in 0..rounds {
            for (i, (_, engine)) in engines.iter().enumerate() {
                let (_, took) = timed(at_least, || run(&**engine, jobs[i].clone()).expect("a good job"));
                best[i] = Some(best[i].map_or(took, |least| least.min(took)));
            }
        }
        for ((name, _), took) in engines.iter().zip(best.iter().flatten()) {
            println!(r#"{{"case":"{}","engine":"{name}",{}}}"#, case.name(), took.json());
        }
    }
}
