//! Processes that die without a word: provers killed -9 all along a proof, and a server killed -9; whoever comes next finds everything in order.
#![cfg(feature = "sim")]

mod common;

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Job, SEED, ok, until, vectors};

/// Points in time at which a prover is killed, from its start to its end.
const KILLS: u32 = 16;
/// Proofs in which a device is killed, each time later, until it is seen to be taken in again.
const ROUNDS: u64 = 8;

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
    let shown = ok(&["device", "info", "--device", &format!("vfio-user:{socket}")]);
    assert!(shown.contains("queues:"), "{shown}");
    kill(second);
}

/// One of two devices is killed and served again while a proof is made, which takes some seconds on simulated devices: the proof is the same, and the
/// device is taken in again.
#[test]
fn a_device_comes_and_goes_while_a_proof_is_made() {
    // A proof of some seconds: a real circuit's.
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/semaphore");
    let folder = std::env::var_os("MILLRACE_SEMAPHORE").map_or(default, std::path::PathBuf::from);
    let (key, witness) = (folder.join("semaphore-20.zkey"), folder.join("semaphore-20.wtns"));
    if !key.is_file() || !witness.is_file() {
        println!("skipped: no Semaphore key and witness in {} (make demo)", folder.display());
        return;
    }
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let there = Job::new();
    let socket = there.path("socket");
    let device = format!("vfio-user:{socket}");
    let mut server = serve(&socket, "sim");
    let (mut lost, mut back) = (0, 0);
    for round in 0..ROUNDS {
        let job = Job::new();
        let log = job.path("log");
        let more = ["--device", "sim", "--with", &device, "--no-fallback", "--seed", SEED, "-v"];
        let proving = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(job.prove_args(&key, &witness, &more))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a file"))
            .spawn();
        let mut proving = Process(proving.expect("the binary starts"));
        let (began, mut killed) = (Instant::now(), false);
        let status = loop {
            if let Some(status) = proving.0.try_wait().expect("it is ours") {
                break status;
            }
            if !killed && began.elapsed() > Duration::from_millis(400 + 200 * round) {
                kill(server);
                server = serve(&socket, "sim");
                killed = true;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let log = std::fs::read_to_string(&log).expect("its log");
        lost += u32::from(log.contains("gets no more jobs"));
        back += u32::from(log.contains("is back"));
        // Killed before it was opened, the device was not there.
        match status.code() {
            Some(0) => assert_eq!(job.read("proof.json"), by_cpu.read("proof.json"), "round {round}"),
            code => assert_eq!(code, Some(10), "a proof or no device, nothing between: {log}"),
        }
        if back > 0 {
            break;
        }
    }
    kill(server);
    assert!(
        lost > 0 && back > 0,
        "in {ROUNDS} proofs the device was lost in {lost} and taken in again in {back}"
    );
}
