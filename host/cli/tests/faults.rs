//! A device that is wrong, hangs, vanishes or is another one: never a wrong proof, an exit code of its own, no file left behind.

mod common;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use common::{Job, SEED, fails, millrace, ok, vectors};
use serde_json::Value;

/// Arguments of a proof of `many` on a device to which `fault` happens.
fn with_fault(job: &Job, device: &str, fault: &str, extra: &[&str]) -> Option<Vec<String>> {
    let vectors = vectors()?;
    let mut all = vec!["--device", device, "--inject", fault, "--seed", SEED];
    all.extend(extra);
    Some(job.prove_args(&vectors.join("many.zkey"), &vectors.join("many.wtns"), &all))
}

/// The proof that plain arkworks makes.
fn oracle() -> Option<String> {
    let vectors = vectors()?;
    let job = Job::new();
    let extra = ["--device", "cpu-oracle", "--seed", SEED];
    ok(&job.prove_args(&vectors.join("many.zkey"), &vectors.join("many.wtns"), &extra));
    Some(job.read("proof.json"))
}

/// The fault is found and named, the device put aside, and the CPU finishes the same proof.
fn survived(device: &str, fault: &str) -> Option<Value> {
    let job = Job::new();
    let report = job.path("report.json");
    ok(&with_fault(&job, device, fault, &["--json", &report])?);
    assert_eq!(Some(job.read("proof.json")), oracle(), "{fault} on {device}");
    let report: Value = serde_json::from_str(&job.read("report.json")).expect("JSON");
    assert_eq!(report["put_aside"][0]["engine"], device, "{report}");
    Some(report)
}

/// The same where the CPU may not help.
fn ends_with(code: i32, device: &str, fault: &str) -> Option<String> {
    let job = Job::new();
    let output = millrace(&with_fault(&job, device, fault, &["--no-fallback"])?);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{fault} on {device}: {error}");
    assert_eq!(job.files(), Vec::<String>::new(), "{fault} on {device}");
    Some(error.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_wrong_sum_is_named_by_window_and_bucket() {
    for device in ["model", "sim"] {
        let Some(report) = survived(device, "wrong-msm") else { return };
        // The lowest bit of scalars was flipped: window 0 is the first that can be wrong.
        let expected = format!("job msm H on {device}: first wrong bucket: window 0, digit ");
        assert!(report["blame"].as_str().is_some_and(|blame| blame.starts_with(&expected)), "{report}");
        let line = ends_with(11, device, "wrong-msm").expect("vectors are there");
        assert!(line.contains("a device computed wrongly") && line.contains("window 0"), "{line}");
    }
}

#[test]
fn a_wrong_transform_is_named_by_its_first_wrong_value() {
    for device in ["model", "sim"] {
        let Some(report) = survived(device, "wrong-ntt") else { return };
        let expected = format!("job ntt a inverse on {device}: first wrong value: index 0");
        assert_eq!(report["blame"], expected);
        ends_with(11, device, "wrong-ntt").expect("vectors are there");
    }
}

#[test]
fn a_device_that_vanishes() {
    for device in ["model", "sim"] {
        let Some(report) = survived(device, "vanish") else { return };
        assert_eq!(report["blame"], Value::Null);
        let line = ends_with(11, device, "vanish").expect("vectors are there");
        assert!(line.contains("all-ones"), "{line}");
    }
}

/// Each waits as long as every reset is granted, so all do at once.
#[test]
fn a_device_that_hangs_and_that_no_reset_brings_back() {
    if vectors().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for device in ["model", "sim"] {
            scope.spawn(move || {
                let report = survived(device, "hang").expect("vectors are there");
                assert_eq!(report["blame"], Value::Null, "nothing was computed wrongly");
            });
            scope.spawn(move || {
                let line = ends_with(11, device, "hang").expect("vectors are there");
                assert!(line.contains("no reset helped"), "{line}");
            });
        }
    });
}

#[test]
fn a_device_that_is_no_device_of_ours() {
    for device in ["model", "sim"] {
        let Some(line) = ends_with(10, device, "dead") else { return };
        assert!(line.contains("all-ones"), "{line}");
        let line = ends_with(10, device, "other-layout").expect("vectors are there");
        assert!(line.contains("expected layout hash 0x"), "{line}");
    }
    let job = Job::new();
    fails(2, &with_fault(&job, "cpu", "hang", &[]).expect("vectors are there"));
}

#[test]
fn an_interrupt_ends_a_running_proof() {
    let Some(folder) = std::env::var_os("MILLRACE_SEMAPHORE").map(std::path::PathBuf::from) else {
        println!("skipped: MILLRACE_SEMAPHORE names no folder (make vectors)");
        return;
    };
    let job = Job::new();
    let (key, witness) = (folder.join("semaphore-20.zkey"), folder.join("semaphore-20.wtns"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(job.prove_args(&key, &witness, &["--device", "sim", "-vv"]))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut told = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("job started") {
        line.clear();
        assert_ne!(told.read_line(&mut line).expect("readable"), 0, "ended before a job started");
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill is there").success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("readable");
    assert_eq!(child.wait().expect("ends").code(), Some(130), "{rest}");
    assert_eq!(rest.lines().last(), Some("millrace: cancelled"), "{rest}");
    assert_eq!(job.files(), Vec::<String>::new());
}
