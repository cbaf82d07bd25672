//! Where a proof's time goes, and what two in flight gain: wall and processor time, the system's part of it and page faults of one proof at a
//! time and of two, in turns; then when each job began and ended, of the fastest proof.
//!
//! `cargo bench -p millrace-harness --bench flight -- KEY WITNESS`. Prints JSON lines. Processor time over wall, of all processors, bounds what more
//! proofs in flight can gain: u of it leaves a factor of 1/u.

use std::{
    env,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use millrace_groth16::{ProvingKey, Witness};
use millrace_harness::processor_time;
use millrace_job::{CancelToken, Event, Observer};
use millrace_kernels::CpuEngine;
use millrace_prover::{LoadedKey, Prover, Randomness};

const SEED: Randomness = Randomness::Seed([7; 32]);
const PROOFS: usize = 4;
const ROUNDS: usize = 7;

/// When jobs and steps began and ended.
struct Timeline {
    began: Instant,
    lines: Mutex<Vec<(f64, String)>>,
}

impl Observer for Timeline {
    fn event(&self, event: &Event<'_>) {
        let what = match event {
            Event::JobStarted { label, .. } => format!("> {label}"),
            Event::JobDone { label, report } => {
                format!("< {label} ({:.1} ms)", report.wall.as_secs_f64() * 1e3)
            }
            Event::StepDone { label, wall } => format!("= {label} ({:.1} ms)", wall.as_secs_f64() * 1e3),
            _ => return,
        };
        let at = self.began.elapsed().as_secs_f64() * 1e3;
        self.lines.lock().expect("no panic").push((at, what));
    }
}

struct Bench {
    prover: Prover,
    key: LoadedKey,
    witness: Witness,
}

impl Bench {
    fn prove(&self, observer: &dyn Observer) {
        self.prover
            .prove(&self.key, &self.witness, None, &SEED, observer, &CancelToken::default())
            .expect("a good witness");
    }

    /// Seconds of [`PROOFS`] proofs, so many at a time, and what they used.
    fn flight(&self, lanes: usize) -> (f64, Usage, Usage) {
        let (before, started) = (usage(), Instant::now());
        thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| (0..PROOFS / lanes).for_each(|_| self.prove(&())));
            }
        });
        (started.elapsed().as_secs_f64(), before, usage())
    }
}

/// What this process has used.
struct Usage {
    /// Of all its threads, in milliseconds.
    processor_ms: f64,
    /// In ticks of the system's clock, which divide what is above.
    user: f64,
    system: f64,
    faults: f64,
}

fn usage() -> Usage {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // Fields are numbered from 1; the second is a name in parentheses.
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields[number - 3];
    Usage {
        processor_ms: processor_time().as_secs_f64() * 1e3,
        user: field(14),
        system: field(15),
        faults: field(10),
    }
}

fn main() {
    let mut files = env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (Some(key), Some(witness)) = (files.next(), files.next()) else {
        println!("skipped: no key and witness were named");
        return;
    };
    let prover = Prover::alone(Arc::new(CpuEngine::new()));
    let key = prover.load(ProvingKey::open(Path::new(&key)).expect("a good key")).expect("a good key");
    let witness = Witness::open(Path::new(&witness)).expect("a good witness");
    let bench = Bench { prover, key, witness };
    bench.prove(&());
    let threads = thread::available_parallelism().map_or(1, usize::from) as f64;
    let rounds = if env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    for _ in 0..rounds {
        for lanes in [1, 2] {
            let (wall, before, after) = bench.flight(lanes);
            let each = |x: f64| x / PROOFS as f64;
            let processor = after.processor_ms - before.processor_ms;
            let (user, system) = (after.user - before.user, after.system - before.system);
            println!(
                r#"{{"in_flight":{lanes},"wall_ms":{:.1},"cpu_ms":{:.1},"system":{:.3},"faults":{:.0},"used":{:.3}}}"#,
                each(wall * 1e3),
                each(processor),
                system / (user + system).max(1.0),
                each(after.faults - before.faults),
                processor / (wall * 1e3 * threads),
            );
        }
    }
    let runs = (0..rounds).map(|_| {
        let timeline = Timeline { began: Instant::now(), lines: Mutex::default() };
        bench.prove(&timeline);
        let took = timeline.began.elapsed();
        (took, timeline.lines.into_inner().expect("no panic"))
    });
    let (took, lines) = runs.min_by_key(|run| run.0).expect("a round");
    for (at, what) in lines {
        println!(r#"{{"at_ms":{at:.2},"what":"{what}"}}"#);
    }
    println!(r#"{{"at_ms":{:.2},"what":"proof"}}"#, took.as_secs_f64() * 1e3);
}
