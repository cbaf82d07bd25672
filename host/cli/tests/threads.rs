//! Threads: as many as the user says, one clear line where the system gives fewer, and the same bytes from any number.

mod common;

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Job, SEED, ok, vectors};

const RESOURCES: i32 = 17;
/// Of any run: nothing here takes more than a second or two on an idle machine.
const AT_MOST: Duration = Duration::from_secs(120);
/// What rayon makes of threads when it is left to itself: more than all others that a run of a few proofs ever has.
const LEFT_TO_ITSELF: usize = 200;

/// The names of a process's threads, as far as they have been there at one time.
#[derive(Debug, Default)]
struct Seen {
    /// Of the CPU engine.
    engine: BTreeSet<String>,
    /// Of the process's other pool.
    all: BTreeSet<String>,
    /// The most of others, those that have just ended included: the main thread, what waits for Ctrl-C and for jobs, what reads ahead in the key.
    others: usize,
}

impl Seen {
    fn look(&mut self, process: u32) {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        let mut others = 0;
        for name in names.map(|name| name.trim().to_owned()) {
            match &name {
                name if name.starts_with("millrace-cpu-") => drop(self.engine.insert(name.clone())),
                name if name.starts_with("millrace-all-") => drop(self.all.insert(name.clone())),
                _ => others += 1,
            }
        }
        self.others = self.others.max(others);
    }

    /// Looks at a run until it has ended well.
    fn watch(&mut self, args: &[String]) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(args)
            .env("RAYON_NUM_THREADS", LEFT_TO_ITSELF.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        loop {
            self.look(child.id());
            if let Some(ended) = child.try_wait().expect("a child") {
                assert!(ended.success(), "{ended}");
                return;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

#[test]
fn a_proof_has_the_threads_it_was_told() {
    let Some(vectors) = vectors() else { return };
    let [key, witness] = ["bits.zkey", "bits.wtns"].map(|name| vectors.join(name));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, 3, 17] {
        let job = Job::new();
        let args = job.prove_args(&key, &witness, &["--repeat", "10", "--threads", &threads.to_string()]);
        let (mut seen, beside) = (Seen::default(), threads.min(processors));
        // A busy machine may let nobody look while it runs.
        for _ in 0..20 {
            seen.watch(&args);
            if (seen.engine.len(), seen.all.len()) == (threads, beside) {
                break;
            }
        }
        assert_eq!((seen.engine.len(), seen.all.len()), (threads, beside), "--threads {threads}: {seen:?}");
        assert!(seen.others < LEFT_TO_ITSELF, "--threads {threads}: {seen:?}");
        println!("--threads {threads}: {beside} beside, {} others", seen.others);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let Some(vectors) = vectors() else { return };
    for circuit in ["tiny", "many", "full", "bits"] {
        let [key, witness] = ["zkey", "wtns"].map(|end| vectors.join(format!("{circuit}.{end}")));
        let proof = |threads: &str, extra: &[&str]| {
            let job = Job::new();
            let all = [&["--seed", SEED, "--threads", threads], extra].concat();
            ok(&job.prove_args(&key, &witness, &all));
            job.read("proof.json")
        };
        let one = proof("1", &[]);
        for threads in ["3", "7", "64", "256"] {
            assert_eq!(proof(threads, &[]), one, "{circuit} on {threads} threads");
        }
        // Fewer threads, and parts of sums: what is asked for is kept.
        assert_eq!(proof("256", &["--max-memory", "32MiB"]), one, "{circuit} within 32 MiB");
        assert_eq!(proof("256", &["--repeat", "3"]), one, "{circuit}, three times");
    }
}

/// A folder that a user without rights sees, with the binary and files to work on.
struct Poor {
    job: Job,
    /// Whose processes are limited: nobody else's are counted with them. None where this process may not be another user.
    user: Option<u32>,
}

impl Poor {
    /// `None` with the reason printed where limits cannot be set.
    fn new(vectors: &Path) -> Option<Self> {
        if Command::new("prlimit").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: no prlimit (util-linux) to limit processes with");
            return None;
        }
        let job = Job::new();
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let user = root.then(|| 20_000 + std::process::id() % 40_000);
        fs::set_permissions(job.folder.path(), Permissions::from_mode(0o777)).expect("a folder of our own");
        let put = |from: &Path, name: &str, mode| {
            let to = job.folder.path().join(name);
            // Not by this process: a child that another test forks meanwhile would hold it open for writing, and it could not be run.
            let copied = Command::new("cp").args([from, &to]).status();
            assert!(copied.is_ok_and(|status| status.success()), "a copy of {}", from.display());
            fs::set_permissions(&to, Permissions::from_mode(mode)).expect("a file of our own");
        };
        put(Path::new(env!("CARGO_BIN_EXE_millrace")), "millrace", 0o755);
        for name in
            ["many.zkey", "many.wtns", "many.r1cs", "many.vk.json", "many.public.json", "many.proof.json"]
        {
            put(&vectors.join(name), name, 0o644);
        }
        let poor = Self { job, user };
        // A container may know no such user or limit, and a folder may be in one that others do not see.
        let started = poor.command(600, &["--version"]).stdout(Stdio::null()).status();
        if !started.is_ok_and(|status| status.success()) {
            println!("skipped: processes of another user with a limit of their own cannot be started here");
            return None;
        }
        Some(poor)
    }

    /// The command with so many processes and threads at most.
    fn command(&self, most: usize, args: &[&str]) -> Command {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nproc={most}")).arg(self.path("millrace")).args(args);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.job.folder.path().join(name)
    }

    /// Runs the command with so many processes and threads at most, in a folder of its own, and returns what it says and what it leaves.
    fn run(&self, most: usize, args: &[&str]) -> (Output, Vec<String>) {
        let folder = self.path("work");
        fs::create_dir(&folder).expect("a folder of our own");
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("a folder of our own");
        let mut command = self.command(most, args);
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("prlimit starts");
        let begun = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if begun.elapsed() > AT_MOST {
                child.kill().expect("a child");
                panic!("{args:?} with {most} threads at most hangs");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let output = child.wait_with_output().expect("a child");
        let left = fs::read_dir(&folder).expect("readable");
        let left = left.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        fs::remove_dir_all(&folder).expect("a folder of our own");
        (output, left)
    }

    /// Whether it ends well; if not, it has to end with the code for that, one clear line, and no file.
    fn ends_well(&self, most: usize, args: &[&str]) -> bool {
        let (output, left) = self.run(most, args);
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return true;
        }
        let told = format!("{args:?} with {most} threads at most: {}: {said}", output.status);
        assert_eq!(output.status.code(), Some(RESOURCES), "{told}");
        assert!(!said.contains("panicked"), "{told}");
        let is_clear =
            |line: &&str| line.starts_with("millrace: expected ") && line.contains("the system gave");
        assert_eq!(said.lines().filter(is_clear).count(), 1, "{told}");
        assert!(left.is_empty(), "{told}: {left:?} left");
        false
    }
}

/// Every command that computes, with as many threads as it takes and with every number below.
#[test]
fn fewer_threads_than_wanted_are_one_clear_line() {
    let Some(vectors) = vectors() else { return };
    let Some(poor) = Poor::new(&vectors) else { return };
    let [key, witness, r1cs] = ["../many.zkey", "../many.wtns", "../many.r1cs"];
    let prove = ["prove", key, witness, "--threads"];
    let commands: [&[&str]; 9] = [
        &[&prove[..], &["2"]].concat(),
        &["prove", key, witness, "--device", "model"],
        &["key", "import", key, "-o", "new.mkey"],
        &["key", "check", key],
        &["setup", r1cs, "--dev", "-o", "new.zkey"],
        &["validate", "--device", "cpu", "--points", "4", "--log-n", "2", "--random", "1"],
        &[
            "bench",
            "--sizes",
            "2",
            "--runs",
            "1",
            "--proof",
            key,
            witness,
            "--throughput",
            "--in-flight",
            "3",
        ],
        &["verify", "../many.vk.json", "../many.public.json", "../many.proof.json"],
        &["rollup", "sample", "--ops", "1", "-o", "op.wtns"],
    ];
    for args in commands {
        assert!(!poor.ends_well(1, args), "{args:?} without a thread");
    }
    for most in [1, 64] {
        assert!(!poor.ends_well(most, &[&prove[..], &["256"]].concat()), "256 threads of {most}");
    }
    if poor.user.is_none() {
        println!(
            "skipped: numbers of threads between none and enough: only root may be a user without other processes"
        );
        return;
    }
    let enough = 64 + 8 * std::thread::available_parallelism().map_or(1, usize::from);
    for args in commands {
        let few = (2..20).chain((20..enough).step_by(5));
        let well: Vec<usize> = few.filter(|most| poor.ends_well(*most, args)).collect();
        println!("{args:?}: from {:?} threads on", well.first());
        assert!(poor.ends_well(enough, args), "{args:?}: {enough} threads are enough");
    }
    assert!(poor.ends_well(600, &[&prove[..], &["256"]].concat()), "256 threads of 600");
}
