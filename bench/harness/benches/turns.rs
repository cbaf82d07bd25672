//! The cases of `jobs.json` again, for machines that are busy: both competitors on one thread, in turns, and of each the
//! least processor time of several. Prints a JSON line per case and competitor. Run it with `RAYON_NUM_THREADS=1`.

use std::{env, time::Duration};

use millrace_harness::{Case, Took, run, timed};
use millrace_job::{Engine, Job};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

fn main() {
    let once = env::args().any(|arg| arg == "--test");
    let (rounds, at_least) = if once { (1, Duration::ZERO) } else { (5, Duration::from_millis(400)) };
    let engines: [(&str, Box<dyn Engine>); 2] =
        [("arkworks", Box::new(OracleEngine::new())), ("millrace cpu", Box::new(CpuEngine::with_threads(1)))];
    for case in Case::all() {
        let input = case.input();
        let jobs: Vec<Job> =
            engines.iter().map(|(_, engine)| input.job_for(&**engine).expect("bases of our own")).collect();
        let mut best: [Option<Took>; 2] = [None; 2];
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
