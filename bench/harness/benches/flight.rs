//! Where a proof's time goes, and what two in flight gain: wall and processor time, the system's part of it and page faults of one proof at a
//! time, of two on shared threads, and of two with a lane each, in turns; then when each job began and ended, of the fastest proof.
//!
//! `cargo bench -p millrace-harness --bench flight -- KEY WITNESS [KEY WITNESS …]`. Prints JSON lines. Processor time over wall, of all processors, bounds what
//! more proofs in flight can gain: u of it leaves a factor of 1/u, unless a proof takes less work beside another.

use std::{
    env,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use millrace_bn254::backend::Instructions;
use millrace_groth16::{ProvingKey, Witness};
use millrace_harness::processor_time;
use millrace_job::{CancelToken, Event, Observer};
use millrace_kernels::{CpuEngine, Limits};
use millrace_prover::{LoadedKey, Prover, Randomness};

const SEED: Randomness = Randomness::Seed([7; 32]);
const ROUNDS: usize = 9;
/// A round makes so many proofs that it lasts about this long, and at least [`PROOFS_LEAST`].
const ROUND_SECONDS: f64 = 0.4;
const PROOFS_LEAST: usize = 4;

/// How proofs share the threads.
#[derive(Clone, Copy)]
enum Flight {
    /// One after the other, each on all threads.
    One,
    /// Two at a time on the threads of one engine.
    Shared,
    /// Two at a time, each in a lane of half of the threads.
    Lanes,
}

impl Flight {
    const ALL: [Self; 3] = [Self::One, Self::Shared, Self::Lanes];

    fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Shared => "two, shared threads",
            Self::Lanes => "two, a lane each",
        }
    }
}

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

/// A key on an engine.
struct Line {
    prover: Prover,
    key: LoadedKey,
}

impl Line {
    fn new(key: &Path, lanes: usize) -> Self {
        let (threads, instructions) = (threads(), Instructions::from_env().expect("instructions"));
        let engines = CpuEngine::lanes(threads, lanes, instructions, Limits::NONE).expect("threads");
        let prover = Prover::lanes(engines.into_iter().map(|engine| Arc::new(engine) as _).collect());
        let key = prover.load(ProvingKey::open(key).expect("a good key")).expect("a good key").in_memory();
        Self { prover, key }
    }

    fn prove(&self, witness: &Witness, observer: &dyn Observer) {
        self.prover
            .prove(&self.key, witness, None, &SEED, observer, &CancelToken::default())
            .expect("a good witness");
    }
}

struct Bench {
    one_lane: Line,
    two_lanes: Line,
    witness: Witness,
}

impl Bench {
    /// Seconds of so many proofs, and what they used.
    fn flight(&self, flight: Flight, proofs: usize) -> (f64, Usage, Usage) {
        let (line, in_flight) = match flight {
            Flight::One => (&self.one_lane, 1),
            Flight::Shared => (&self.one_lane, 2),
            Flight::Lanes => (&self.two_lanes, 2),
        };
        let (before, started) = (usage(), Instant::now());
        thread::scope(|scope| {
            for _ in 0..in_flight {
                scope.spawn(|| (0..proofs / in_flight).for_each(|_| line.prove(&self.witness, &())));
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

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn of(key: &Path, witness: &Path, rounds: usize) {
    let witness = Witness::open(witness).expect("a good witness");
    let bench = Bench { one_lane: Line::new(key, 1), two_lanes: Line::new(key, 2), witness };
    let took = Flight::ALL.map(|flight| bench.flight(flight, PROOFS_LEAST).0);
    let proofs = (ROUND_SECONDS / took[0] * PROOFS_LEAST as f64) as usize / 2 * 2;
    let proofs = if rounds > 1 { proofs.max(PROOFS_LEAST) } else { 2 };
    let name = key.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut walls = Flight::ALL.map(|_| Vec::new());
    let mut processors = Flight::ALL.map(|_| Vec::new());
    for _ in 0..rounds {
        for (i, flight) in Flight::ALL.into_iter().enumerate() {
            let (wall, before, after) = bench.flight(flight, proofs);
            let each = |x: f64| x / proofs as f64;
            let processor = after.processor_ms - before.processor_ms;
            let (user, system) = (after.user - before.user, after.system - before.system);
            println!(
                r#"{{"key":"{name}","flight":"{}","wall_ms":{:.2},"cpu_ms":{:.2},"system":{:.3},"faults":{:.0},"used":{:.3}}}"#,
                flight.name(),
                each(wall * 1e3),
                each(processor),
                system / (user + system).max(1.0),
                each(after.faults - before.faults),
                processor / (wall * 1e3 * threads() as f64),
            );
            walls[i].push(each(wall * 1e3));
            processors[i].push(each(processor));
        }
    }
    for (i, flight) in Flight::ALL.into_iter().enumerate() {
        let over =
            |of: &[Vec<f64>; 3]| median(of[0].iter().zip(&of[i]).map(|(one, this)| one / this).collect());
        println!(
            r#"{{"key":"{name}","flight":"{}","median_wall_ms":{:.2},"median_cpu_ms":{:.2},"one_over_it_wall":{:.3},"one_over_it_cpu":{:.3}}}"#,
            flight.name(),
            median(walls[i].clone()),
            median(processors[i].clone()),
            over(&walls),
            over(&processors),
        );
    }
    let runs = (0..rounds).map(|_| {
        let timeline = Timeline { began: Instant::now(), lines: Mutex::default() };
        bench.one_lane.prove(&bench.witness, &timeline);
        let took = timeline.began.elapsed();
        (took, timeline.lines.into_inner().expect("no panic"))
    });
    let (took, lines) = runs.min_by_key(|run| run.0).expect("a round");
    for (at, what) in lines {
        println!(r#"{{"key":"{name}","at_ms":{at:.2},"what":"{what}"}}"#);
    }
    println!(r#"{{"key":"{name}","at_ms":{:.2},"what":"proof"}}"#, took.as_secs_f64() * 1e3);
}

fn main() {
    let files: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("skipped: no key and witness were named");
        return;
    }
    let rounds = if env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    for pair in files.chunks(2) {
        let [key, witness] = pair else { panic!("expected a witness for {}", pair[0]) };
        of(Path::new(key), Path::new(witness), rounds);
    }
}
