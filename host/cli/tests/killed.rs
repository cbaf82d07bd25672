//! Processes that die without a word: provers killed -9 all along a proof, and a server killed -9; whoever comes next finds everything in order.
#![cfg(feature = "sim")]

mod common;

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Job, SEED, ok, until, vectors};

/// Points in time at which a prover is killed, from its start to its end.
const KILLS: u32 = 16;

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    Process(command.spawn().expect("the binary starts"))
}

/// `millrace device serve`.
fn serve(socket: &str, device: &str) -> Process {
    let child = start(&["device", "serve", "--socket", socket, "--device", device]);
    until("the server listens", || std::os::unix::net::UnixStream::connect(socket).is_ok());
    child
}

fn kill(mut process: Process) {
    process.0.kill().expect("it is ours");
    assert_eq!(process.0.wait().expect("it ends").signal(), Some(9));
}

#[test]
fn a_killed_prover_leaves_the_device_to_the_next() {
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("many.zkey"), vectors.join("many.wtns"));
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let there = Job::new();
    let socket = there.path("socket");
    let server = serve(&socket, "model");
    let device = format!("vfio-user:{socket}");
    let more = ["--device", &device, "--no-fallback", "--seed", SEED];
    let started = Instant::now();
    let whole = Job::new();
    ok(&whole.prove_args(&key, &witness, &more));
    let mut takes = started.elapsed();
    let mut killed = 0;
    for nth in 0..KILLS {
        let job = Job::new();
        let mut child = start(&job.prove_args(&key, &witness, &more));
        std::thread::sleep(takes * nth / KILLS);
        // One that was quicker than the first has ended.
        if child.0.try_wait().expect("it is ours").is_none() {
            child.0.kill().expect("it is ours");
            killed += u32::from(child.0.wait().expect("it ends").signal() == Some(9));
        }
        // Whole or not there; what is not yet a proof has another name.
        if Path::new(&job.path("proof.json")).exists() {
            assert_eq!(job.read("proof.json"), by_cpu.read("proof.json"), "kill {nth}");
        }
        if Path::new(&job.path("public.json")).exists() {
            assert_eq!(job.read("public.json"), by_cpu.read("public.json"), "kill {nth}");
        }
        let next = Job::new();
        let started = Instant::now();
        ok(&next.prove_args(&key, &witness, &more));
        // As quick as the machine is now.
        takes = started.elapsed();
        assert_eq!(next.read("proof.json"), by_cpu.read("proof.json"), "after kill {nth}");
    }
    assert!(killed * 4 > KILLS, "only {killed} of {KILLS} provers were killed before they had ended");
    kill(server);
}

#[test]
fn a_killed_server_leaves_its_socket_to_the_next() {
    let there = Job::new();
    let socket = there.path("socket");
    let first = serve(&socket, "model");
    kill(first);
    assert!(Path::new(&socket).exists(), "nobody was there to remove it");
    let second = serve(&socket, "model");
    let device = format!("vfio-user:{socket}");
    let shown = ok(&["device", "info", "--device", &device]);
    assert!(shown.contains("queues:"), "{shown}");
    if let Some(vectors) = vectors() {
        let (key, witness) = (vectors.join("many.zkey"), vectors.join("many.wtns"));
        let (by_cpu, by_second) = (Job::new(), Job::new());
        ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
        ok(&by_second.prove_args(&key, &witness, &["--device", &device, "--no-fallback", "--seed", SEED]));
        assert_eq!(by_second.read("proof.json"), by_cpu.read("proof.json"));
    }
    kill(second);
}

/// A real circuit's key and witness, whose proof takes a device some time; the model some tenths of a second, the RTL some seconds.
fn semaphore() -> Option<(PathBuf, PathBuf)> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/semaphore");
    let folder = std::env::var_os("MILLRACE_SEMAPHORE").map_or(default, PathBuf::from);
    let files = (folder.join("semaphore-20.zkey"), folder.join("semaphore-20.wtns"));
    if files.0.is_file() && files.1.is_file() {
        return Some(files);
    }
    println!("skipped: no Semaphore key and witness in {} (make vectors)", folder.display());
    None
}

/// A `prove --repeat` at work, read by its log.
struct Proving {
    process: Process,
    log: String,
}

/// `proof N of M: S s, jobs by engine: …`
struct ProofLine {
    seconds: f64,
    engines: String,
}

impl Proving {
    fn start(job: &Job, args: &[String]) -> Self {
        let log = job.path("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(args).arg("-v").stdout(Stdio::null()).stderr(File::create(&log).expect("a file"));
        Self { process: Process(command.spawn().expect("the binary starts")), log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("its log")
    }

    /// Where such words stand in its log, the n-th time.
    fn said(&self, words: &str, nth: usize) -> Option<usize> {
        self.log().match_indices(words).nth(nth).map(|(at, _)| at)
    }

    /// Proofs that it has told of behind this place in its log.
    fn proofs(&self, from: usize) -> Vec<ProofLine> {
        let log = self.log();
        let lines = log[from..].match_indices("millrace: proof ").map(|(at, _)| from + at);
        let told = lines.filter_map(|at| {
            let (line, _) = log[at..].split_once('\n')?;
            let (seconds, engines) =
                line.split_once(": ")?.1.split_once(": ")?.1.split_once(" s, jobs by engine: ")?;
            Some(ProofLine { seconds: seconds.parse().ok()?, engines: engines.to_owned() })
        });
        told.collect()
    }

    /// Whether it has ended.
    fn is_over(&mut self) -> bool {
        self.process.0.try_wait().expect("it is ours").is_some()
    }

    /// Waits until something is so; `None` if it ended before.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let limit = Instant::now() + Duration::from_secs(120);
        loop {
            // Asked in this order, what it wrote last is not missed.
            let over = self.is_over();
            if let Some(found) = look(self) {
                return Some(found);
            }
            if over {
                return None;
            }
            assert!(Instant::now() < limit, "expected within two minutes: {what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its proof, which has to be there.
    fn ends_well(mut self, job: &Job, by_cpu: &Job) {
        let status = self.process.0.wait().expect("it is ours");
        assert!(status.success(), "{status}: {}", self.log());
        assert_eq!(job.read("proof.json"), by_cpu.read("proof.json"), "{}", self.log());
        assert_eq!(job.read("public.json"), by_cpu.read("public.json"));
    }
}

/// One of two devices is killed at several points of a proof and served again. Proofs go on, and after each kill the device is taken in again and
/// does its part of a later proof. All proofs of a run are compared by the command itself (they have one seed), the last one with the CPU's here.
fn comes_and_goes(kind: &str, kills: u32, repeat: u32) {
    let Some((key, witness)) = semaphore() else { return };
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let there = Job::new();
    let socket = there.path("socket");
    let device = format!("vfio-user:{socket}");
    let mut server = serve(&socket, kind);
    let (mut killed, mut runs) = (0, 0);
    while killed < kills {
        runs += 1;
        assert!(runs <= 2 * kills, "{killed} kills in {runs} runs of {repeat} proofs");
        let job = Job::new();
        let repeats = repeat.to_string();
        let more =
            ["--device", kind, "--with", &device, "--no-fallback", "--seed", SEED, "--repeat", &repeats];
        let mut proving = Proving::start(&job, &job.prove_args(&key, &witness, &more));
        let mut returns = 0;
        while killed < kills {
            // A proof in which the device did its part: it is killed somewhere in the next one.
            let from = proving.said("is back", returns.max(1) - 1).filter(|_| returns > 0).unwrap_or(0);
            let at_work =
                |p: &Proving| p.proofs(from).into_iter().find(|line| line.engines.contains(&device));
            let Some(line) = proving.until("the device takes part", at_work) else { break };
            std::thread::sleep(Duration::from_secs_f64(line.seconds) * killed / kills);
            if proving.is_over() {
                break;
            }
            kill(server);
            server = serve(&socket, kind);
            let Some(back) =
                proving.until("it is taken in again", |p| p.said(&format!("{device} is back"), returns))
            else {
                break;
            };
            returns += 1;
            // The first proof that ends may have been begun, and shared, before the kill; another one was not.
            let whole =
                |p: &Proving| p.proofs(back).into_iter().skip(1).find(|line| line.engines.contains(&device));
            if proving.until("it does jobs again", whole).is_none() {
                break;
            }
            let lost = proving.said(&format!("{device} gets no more jobs"), returns - 1);
            assert!(lost.is_some_and(|lost| lost < back), "{}", proving.log());
            killed += 1;
        }
        proving.ends_well(&job, &by_cpu);
    }
    kill(server);
}

#[test]
fn a_device_comes_and_goes_all_along_a_proof() {
    comes_and_goes("model", 6, 40);
}

#[test]
fn the_rtl_comes_and_goes_in_the_middle_of_a_job() {
    comes_and_goes("sim", 1, 6);
}

/// A device that goes in the middle of a proof and never comes back: with another one beside it, with the CPU behind it, and alone.
#[test]
fn a_device_that_is_gone_for_good_costs_no_proof() {
    let Some((key, witness)) = semaphore() else { return };
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    for (beside, alone) in [(true, true), (false, false), (false, true)] {
        let (job, there) = (Job::new(), Job::new());
        let socket = there.path("socket");
        let device = format!("vfio-user:{socket}");
        let server = serve(&socket, "model");
        let report = job.path("report.json");
        let mut more = vec!["--seed", SEED, "--repeat", "8", "--json", &report, "--device"];
        more.extend(if beside { vec!["model", "--with", &device] } else { vec![&*device] });
        more.extend(alone.then_some("--no-fallback"));
        let mut proving = Proving::start(&job, &job.prove_args(&key, &witness, &more));
        let at_work = |p: &Proving| p.proofs(0).into_iter().find(|line| line.engines.contains(&device));
        let line = proving.until("the device is at work", at_work).expect("it has seven more proofs to make");
        std::thread::sleep(Duration::from_secs_f64(line.seconds / 3.0));
        assert!(!proving.is_over(), "{}", proving.log());
        kill(server);
        if !beside && alone {
            let status = proving.process.0.wait().expect("it is ours");
            assert_eq!(status.code(), Some(11), "{}", proving.log());
            assert_eq!(job.files(), ["log"], "no part of a proof is left");
            continue;
        }
        proving.ends_well(&job, &by_cpu);
        // Of the last proof.
        let report: serde_json::Value = serde_json::from_str(&job.read("report.json")).expect("JSON");
        let jobs = report["jobs"].as_array().expect("jobs");
        assert!(!jobs.is_empty() && jobs.iter().all(|job| job["engine"] != device.as_str()), "{report:#}");
    }
}

/// A device that is plugged in while proofs run: it was named and not there when they began.
#[test]
fn a_device_that_comes_later_does_its_part() {
    let Some((key, witness)) = semaphore() else { return };
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let (job, there) = (Job::new(), Job::new());
    let socket = there.path("socket");
    let device = format!("vfio-user:{socket}");
    let more = ["--device", "model", "--with", &device, "--no-fallback", "--seed", SEED, "--repeat", "24"];
    let mut proving = Proving::start(&job, &job.prove_args(&key, &witness, &more));
    let alone = |p: &Proving| p.proofs(0).into_iter().next();
    let line = proving.until("proofs are made without it", alone).expect("23 more are to be made");
    assert!(!line.engines.contains(&device) && proving.said("is not there yet", 0).is_some());
    let server = serve(&socket, "model");
    let taken_in = |p: &Proving| p.said(&format!("{device} is here"), 0);
    let from = proving.until("it is taken in", taken_in).expect("more proofs are to be made");
    let at_work = |p: &Proving| p.proofs(from).into_iter().find(|line| line.engines.contains(&device));
    proving.until("it does its part", at_work).expect("more proofs are to be made");
    proving.ends_well(&job, &by_cpu);
    kill(server);
}
