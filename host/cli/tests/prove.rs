//! Whole proofs: the same bytes from every engine, judged by the oracle's own reader and prover.

mod common;

use common::{Job, SEED, fails, millrace, ok, vectors};
use serde_json::Value;

/// Few and many publics, a domain exactly full, a witness of bits.
const CIRCUITS: [&str; 5] = ["tiny", "private", "many", "full", "bits"];

fn proof_on(circuit: &str, device: &str, extra: &[&str]) -> Option<(String, Value)> {
    let vectors = vectors()?;
    let job = Job::new();
    let report = job.path("report.json");
    let mut all = vec!["--device", device, "--seed", SEED, "--json", &report];
    if matches!(device, "model" | "sim") {
        all.push("--no-fallback");
    }
    all.extend(extra);
    let file = |end: &str| vectors.join(format!("{circuit}.{end}"));
    ok(&job.prove_args(&file("zkey"), &file("wtns"), &all));
    let verified = ok(&[
        "verify",
        &file("vk.json").display().to_string(),
        &job.path("public.json"),
        &job.path("proof.json"),
    ]);
    assert!(verified.starts_with("OK"), "{verified}");
    let public: Value = serde_json::from_str(&job.read("public.json")).expect("JSON");
    let theirs: Value =
        serde_json::from_str(&std::fs::read_to_string(file("public.json")).expect("vectors")).expect("JSON");
    assert_eq!(public, theirs, "{circuit}: snarkjs' public inputs");
    let report = serde_json::from_str(&job.read("report.json")).expect("JSON");
    Some((job.read("proof.json"), report))
}

/// Each job's engine, and device counters that moved by at least the job's size.
fn assert_on_device(report: &Value, device: &str) {
    for job in report["jobs"].as_array().expect("jobs") {
        let kind = job["kind"].as_str().expect("kind");
        let on_device = kind == "MSM G1" || kind.contains("NTT");
        assert_eq!(job["engine"], if on_device { device } else { "cpu" }, "{job}");
        assert_eq!(job["planned"], job["engine"], "{job}");
        if kind == "MSM G1" {
            // Bases with real scalars: more additions than points, whatever the window; 0/1 witnesses and infinities take fewer.
            let issued = job["cycles"]["issued"].as_u64().expect("a device counts");
            let dense = job["job"].as_str().is_some_and(|name| name.starts_with("msm H"));
            assert!(!dense || issued >= job["size"].as_u64().expect("size"), "{job}");
            assert!(job["cycles"]["total"].as_u64() > job["size"].as_u64(), "{job}");
        }
        if on_device && kind.contains("NTT") {
            let n = job["size"].as_u64().expect("size");
            assert_eq!(job["cycles"]["issued"].as_u64(), Some(n / 2 * u64::from(n.ilog2())), "{job}");
            assert!(job["cycles"]["total"].as_u64() > Some(n), "{job}");
        }
    }
}

#[test]
fn four_engines_give_the_same_bytes() {
    for circuit in CIRCUITS {
        let Some((oracle, _)) = proof_on(circuit, "cpu-oracle", &[]) else { return };
        for device in ["cpu", "model"] {
            let (proof, report) = proof_on(circuit, device, &[]).expect("vectors are there");
            assert_eq!(proof, oracle, "{circuit} on {device}");
            assert!(matches!(report["backend"].as_str(), Some("portable" | "adx" | "avx512")), "{report:#}");
            if device == "model" {
                assert_on_device(&report, device);
            }
        }
    }
}

#[test]
fn the_rtl_gives_the_same_bytes() {
    for circuit in ["tiny", "many", "bits"] {
        let Some((oracle, _)) = proof_on(circuit, "cpu-oracle", &[]) else { return };
        let (proof, report) = proof_on(circuit, "sim", &[]).expect("vectors are there");
        assert_eq!(proof, oracle, "{circuit} on the RTL");
        assert_on_device(&report, "sim");
        assert_eq!(report["multiplier"], "structural");
        let issued = |job: &Value| job["cycles"]["issued"].as_u64().unwrap_or(0);
        let additions: u64 = report["jobs"].as_array().expect("jobs").iter().map(issued).sum();
        assert!(additions > 0, "{report:#}");
    }
}

#[test]
fn a_split_proof_has_the_same_bytes_and_two_parts() {
    let Some((oracle, _)) = proof_on("many", "cpu-oracle", &[]) else { return };
    for (device, split) in [("model", "0.5"), ("model", "auto"), ("sim", "0.25")] {
        let (proof, report) = proof_on("many", device, &["--split", split]).expect("vectors are there");
        assert_eq!(proof, oracle, "{device} {split}");
        for engine in [device, "cpu"] {
            let jobs = report["jobs"].as_array().expect("jobs").iter();
            let points: u64 = jobs
                .filter(|j| j["engine"] == engine && j["kind"] == "MSM G1")
                .map(|j| j["size"].as_u64().expect("size"))
                .sum();
            assert!(points > 0, "{engine} has points in a split of {split} with {device}");
        }
    }
}

#[test]
fn without_a_seed_proofs_differ_and_verify() {
    let Some(vectors) = vectors() else { return };
    let (first, second) = (Job::new(), Job::new());
    for job in [&first, &second] {
        ok(&job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]));
        ok(&[
            "verify",
            &vectors.join("tiny.zkey").display().to_string(),
            &job.path("public.json"),
            &job.path("proof.json"),
        ]);
    }
    assert_ne!(first.read("proof.json"), second.read("proof.json"));
    assert_eq!(first.read("public.json"), second.read("public.json"));
}

#[test]
fn a_seed_is_said_on_the_screen() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let args = job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &["--seed", SEED]);
    let output = millrace(&args);
    assert!(String::from_utf8_lossy(&output.stderr).contains("for tests and validation only"));
}

#[test]
fn verify_rejects_another_public_input() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    ok(&job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &[]));
    let mut public: Vec<String> = serde_json::from_str(&job.read("public.json")).expect("JSON");
    public[0] = if public[0] == "5" { "6" } else { "5" }.to_owned();
    std::fs::write(job.path("other.json"), serde_json::to_string(&public).expect("JSON")).expect("writes");
    let key = vectors.join("tiny.zkey").display().to_string();
    fails(8, &["verify", &key, &job.path("other.json"), &job.path("proof.json")]);
}

#[test]
fn waveform_of_one_job() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let trace = job.path("out.fst");
    let args = ["--device", "sim", "--no-fallback", "--trace", &trace, "--trace-cycles", "200"];
    ok(&job.prove_args(&vectors.join("tiny.zkey"), &vectors.join("tiny.wtns"), &args));
    assert!(std::fs::metadata(&trace).expect("a waveform").len() > 1000);
}

#[test]
fn a_waveform_that_does_not_fit_the_disk_is_an_error_and_no_abort() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (key, witness) = (vectors.join("tiny.zkey"), vectors.join("tiny.wtns"));
    let line = fails(9, &job.prove_args(&key, &witness, &["--device", "sim", "--trace", "/dev/full"]));
    assert!(line.contains("/dev/full"), "{line}");
    assert_eq!(job.files(), Vec::<String>::new());
}

#[test]
fn a_waveform_is_there_where_the_device_was_wrong() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (key, witness, trace) = (vectors.join("many.zkey"), vectors.join("many.wtns"), job.path("wrong.fst"));
    let args = ["--device", "sim", "--no-fallback", "--inject", "wrong-msm", "--trace", &trace];
    let output = millrace(&job.prove_args(&key, &witness, &args));
    assert_eq!(output.status.code(), Some(11));
    assert_eq!(job.files(), ["wrong.fst"]);
}

#[test]
fn a_waveform_that_cannot_be_is_said() {
    let Some(vectors) = vectors() else { return };
    let job = Job::new();
    let (key, witness) = (vectors.join("tiny.zkey"), vectors.join("tiny.wtns"));
    fails(9, &job.prove_args(&key, &witness, &["--device", "sim", "--trace", &job.path("no/folder/x.fst")]));
    let trace = job.path("x.fst");
    fails(
        2,
        &job.prove_args(&key, &witness, &["--device", "sim", "--trace", &trace, "--trace-job", "nonsense"]),
    );
    assert_eq!(job.files(), Vec::<String>::new());
}

#[test]
fn the_bucket_phase_keeps_its_rate_on_the_whole_device() {
    let Some(folder) = std::env::var_os("MILLRACE_SEMAPHORE").map(std::path::PathBuf::from) else {
        println!("skipped: MILLRACE_SEMAPHORE names no folder (make vectors)");
        return;
    };
    let file = |end: &str| folder.join(format!("semaphore-20.{end}")).display().to_string();
    // Its speed figures are this machine's and are not judged here; the RTL's counters are.
    let text = millrace(&["figures", "hw", "--proof", &file("zkey"), &file("wtns")]).stdout;
    let text = String::from_utf8(text).expect("UTF-8");
    let rates: Vec<&str> = text.lines().filter(|l| l.starts_with("bucket phase")).collect();
    assert!(
        rates.len() == 4 && rates.iter().all(|l| l.ends_with(" met") && !l.ends_with("not met")),
        "{text}"
    );
}

#[test]
fn a_real_ceremony_s_key_gives_the_oracle_s_bytes() {
    let Some(folder) = std::env::var_os("MILLRACE_SEMAPHORE").map(std::path::PathBuf::from) else {
        println!("skipped: MILLRACE_SEMAPHORE names no folder (make vectors)");
        return;
    };
    let prove = |device: &str| {
        let job = Job::new();
        let extra = ["--device", device, "--no-fallback", "--seed", SEED];
        ok(&job.prove_args(&folder.join("semaphore-20.zkey"), &folder.join("semaphore-20.wtns"), &extra));
        job.read("proof.json")
    };
    let oracle = prove("cpu-oracle");
    for device in ["cpu", "model", "sim"] {
        assert_eq!(prove(device), oracle, "{device}");
    }
}
