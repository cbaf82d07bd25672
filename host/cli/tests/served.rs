//! A device that another process serves: the same proof through the socket, and what is said when there is none.
#![cfg(feature = "sim")]

mod common;

use std::process::{Child, Command, Stdio};

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use common::{Job, SEED, fails, millrace, ok, until, vectors};
use millrace_cosim::{Powered, Server, ServerConfig};
use millrace_driver::BAR0_BYTES;
use millrace_model::{BareModel, Drill, ModelConfig, drilled};
use millrace_pcie::{Function, HostMemory, Irq};

/// `millrace device serve`, ended as a user ends it.
struct Served {
    child: Child,
    socket: String,
}

impl Served {
    fn new(job: &Job, device: &str) -> Self {
        let socket = job.path(&format!("{device}.socket"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(["device", "serve", "--socket", &socket, "--device", device]).stdout(Stdio::null());
        let child = command.spawn().expect("the binary starts");
        until("the server listens", || std::path::Path::new(&socket).exists());
        Self { child, socket }
    }

    fn device(&self) -> String {
        format!("vfio-user:{}", self.socket)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let ended = self.child.wait().expect("the server ends");
        if !std::thread::panicking() {
            assert!(interrupted.is_ok_and(|status| status.success()) && ended.success(), "{ended}");
            assert!(!std::path::Path::new(&self.socket).exists(), "the socket goes with the server");
        }
    }
}

#[test]
fn a_served_device_gives_the_same_proof() {
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("many.zkey"), vectors.join("many.wtns"));
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    for device in ["model", "sim"] {
        let job = Job::new();
        let served = Served::new(&job, device);
        let name = served.device();
        assert!(ok(&["device", "info", "--device", &name]).contains("multiplier: structural"));
        let shown = ok(&["device", "exercise", "--device", &name, "--completions", "200"]);
        assert!(shown.contains("lost in silence") && shown.contains("and from outside"), "{shown}");
        let proof = Job::new();
        ok(&proof.prove_args(&key, &witness, &["--device", &name, "--no-fallback", "--seed", SEED]));
        assert_eq!(proof.read("proof.json"), by_cpu.read("proof.json"), "{device}");
        let error = fails(9, &["device", "serve", "--socket", &served.socket, "--device", device]);
        assert!(error.contains("Address already in use"), "{error}");
    }
}

/// What an operator sees of a device's speed, on every kind of device that runs here.
#[test]
fn a_device_is_measured() {
    let job = Job::new();
    let served = Served::new(&job, "model");
    for device in ["model".to_owned(), "sim".to_owned(), served.device()] {
        let json = job.path("bench.json");
        let shown = ok(&["device", "bench", "--device", &device, "--seconds", "0.01", "--json", &json]);
        for line in [
            "empty job, polled",
            "empty job, by interrupt",
            "COPY from device",
            "MSM over G1",
            "on several queues",
        ] {
            assert!(shown.contains(line), "{line} of {device}: {shown}");
        }
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
        let measured = report["measured"].as_array().unwrap();
        let of = |name: &str| measured.iter().filter(|line| line["name"] == name).collect::<Vec<_>>();
        for name in [
            "empty_job_polled",
            "empty_job_interrupt",
            "copy_to_device",
            "copy_to_host",
            "upload",
            "msm_g1",
            "ntt",
        ] {
            let lines = of(name);
            assert!(
                !lines.is_empty() && lines.iter().all(|line| line["value"].as_f64() > Some(0.0)),
                "{report:#}"
            );
        }
        assert!(of("msm_g1")[0]["cycles"].as_u64() > Some(0), "{report:#}");
        let queues: Vec<_> = of("short_jobs").iter().map(|line| line["size"].as_u64().unwrap()).collect();
        assert_eq!(queues, (1..=report["queues"].as_u64().unwrap()).collect::<Vec<_>>());
        // The same on the screen, and nothing else with it.
        let shown =
            ok(&["device", "bench", "--device", &device, "--seconds", "0.001", "--json", "/dev/stdout"]);
        assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
    }
    let (other, json) = (served.device(), job.path("several.json"));
    let args =
        ["device", "bench", "--device", "model", "--with", &other, "--seconds", "0.01", "--json", &json];
    let shown = ok(&args);
    assert!(shown.contains("together") && shown.contains("one MSM over G1, cut by rates"), "{shown}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let names: Vec<_> =
        report["devices"].as_array().unwrap().iter().map(|d| d["device"].as_str().unwrap()).collect();
    assert_eq!(names, ["model", &other]);
    let together = report["together"].as_array().unwrap();
    for name in [
        "msm_g1",
        "msm_g1_part",
        "msm_g1_cut",
        "msm_g1_cut_part",
        "ntt",
        "ntt_part",
        "short_jobs",
        "short_jobs_part",
    ] {
        let line =
            together.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
        assert!(line["value"].as_f64() > Some(0.0), "{report:#}");
    }
    let error = fails(2, &["device", "bench", "--device", "model", "--with", "model"]);
    assert!(error.contains("--with expects other devices"), "{error}");
    let error = fails(2, &["device", "bench", "--device", "cpu"]);
    assert!(error.contains("expected a device, got cpu"), "{error}");
    let error = fails(9, &["device", "bench", "--device", "model", "--json", "/nowhere/bench.json"]);
    assert!(error.contains("/nowhere"), "{error}");
}

/// Two served devices share a proof; without one of them the proof is the same.
#[test]
fn devices_share_a_proof_and_one_may_be_absent() {
    let Some(vectors) = vectors() else { return };
    let (key, witness) = (vectors.join("many.zkey"), vectors.join("many.wtns"));
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let (here, there) = (Job::new(), Job::new());
    let (stays, mut dies) = (Served::new(&here, "model"), Served::new(&there, "model"));
    let shared = Job::new();
    let (first, second, json) = (stays.device(), dies.device(), shared.path("report.json"));
    let more = ["--device", &first, "--with", &second, "--no-fallback", "--seed", SEED, "--json", &json];
    ok(&shared.prove_args(&key, &witness, &more));
    assert_eq!(shared.read("proof.json"), by_cpu.read("proof.json"));
    let report = std::fs::read_to_string(&json).unwrap();
    assert!(report.contains(&first) && report.contains(&second), "both did jobs: {report}");

    // One that dies at work, and one that goes for good: `killed.rs`. This one is not there at first.
    let alone = Job::new();
    dies.child.kill().expect("it runs");
    dies.child.wait().expect("it was killed");
    std::mem::forget(dies);
    let output = millrace(&alone.prove_args(&key, &witness, &more[..7]));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.contains(&format!("{second} is not there yet")), "{error}");
    assert_eq!(alone.read("proof.json"), by_cpu.read("proof.json"));
    let error = fails(2, &alone.prove_args(&key, &witness, &["--device", "model", "--with", "cpu"]));
    assert!(error.contains("--with expects other devices"), "{error}");
}

/// One that is absent may come; one of another build never becomes the right one, and nobody should believe that it helps.
#[test]
fn another_device_of_a_wrong_build_ends_the_command() {
    let Some(vectors) = vectors() else { return };
    let (job, there) = (Job::new(), Job::new());
    let socket = there.path("other");
    let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: 2 };
    let server = Server::bind(
        std::path::Path::new(&socket),
        config,
        Box::new(|memory| {
            let model = BareModel::start(ModelConfig::default(), memory);
            let irqs: Vec<_> = model.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
            let dma = Arc::new(HostMemory::default());
            let function = Function {
                name: "other".into(),
                bar0: model.bar0.clone(),
                dma,
                irqs: irqs.clone(),
                reset: None,
            };
            let (function, _) = drilled(function, Drill::OtherLayout);
            Powered { bar0: function.bar0, irqs, keep: Box::new(model) }
        }),
    )
    .unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&stop).unwrap());
        let (key, witness) = (vectors.join("many.zkey"), vectors.join("many.wtns"));
        let name = format!("vfio-user:{socket}");
        let args = job.prove_args(&key, &witness, &["--device", "model", "--with", &name]);
        let output = millrace(&args);
        stop.store(true, Ordering::Release);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(10), "{error}");
        assert!(error.contains("expected layout hash 0x") && !error.contains("is not there yet"), "{error}");
        assert_eq!(job.files(), Vec::<String>::new());
    });
}

/// Sums of a real circuit are cut for two devices, so that neither waits for the other.
#[test]
fn one_sum_is_shared_by_two_devices() {
    let Some(folder) = std::env::var_os("MILLRACE_SEMAPHORE").map(std::path::PathBuf::from) else {
        println!("skipped: MILLRACE_SEMAPHORE names no folder (make vectors)");
        return;
    };
    let (key, witness) = (folder.join("semaphore-20.zkey"), folder.join("semaphore-20.wtns"));
    let by_cpu = Job::new();
    ok(&by_cpu.prove_args(&key, &witness, &["--seed", SEED]));
    let (there, shared) = (Job::new(), Job::new());
    let served = Served::new(&there, "model");
    let (device, json) = (served.device(), shared.path("report.json"));
    let more = ["--device", "model", "--with", &device, "--no-fallback", "--seed", SEED, "--json", &json];
    ok(&shared.prove_args(&key, &witness, &more));
    assert_eq!(shared.read("proof.json"), by_cpu.read("proof.json"));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let jobs = report["jobs"].as_array().unwrap();
    let engines = |label: &str| -> std::collections::BTreeSet<&str> {
        let of = jobs.iter().filter(|job| job["job"].as_str().unwrap().starts_with(label));
        of.map(|job| job["engine"].as_str().unwrap()).collect()
    };
    let halves = jobs.iter().filter(|job| job["job"] == "msm H 1/2" || job["job"] == "msm H 2/2");
    assert_eq!(halves.count(), 2, "{report:#}");
    assert_eq!(engines("msm").len(), 3, "two devices, and the CPU for G2: {report:#}");
}

#[test]
fn what_cannot_be_opened_is_named() {
    let job = Job::new();
    let nobody = format!("vfio-user:{}", job.path("nobody"));
    let error = fails(10, &["device", "info", "--device", &nobody]);
    assert!(error.contains("cannot connect") && error.contains("millrace device serve"), "{error}");
    let error = fails(10, &["device", "info", "--device", "vfio:ffff:ff:1f.7"]);
    assert!(error.contains("ffff:ff:1f.7: no such PCI function"), "{error}");
    let error = fails(10, &["device", "bind", "vfio:ffff:ff:1f.7"]);
    assert!(error.contains("ffff:ff:1f.7: no such PCI function"), "{error}");
    let error = fails(2, &["device", "reset", "model"]);
    assert!(error.contains("expected a card"), "{error}");
    let error = fails(2, &["device", "serve", "--socket", &job.path("s"), "--device", "cpu"]);
    assert!(error.contains("expected model or sim"), "{error}");
}
