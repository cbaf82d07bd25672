//! `validate`, `replay` and `bench` as a user runs them.

mod common;

use common::{Job, fails, ok};

#[test]
fn the_model_is_right() {
    let job = Job::new();
    let junit = job.path("junit.xml");
    let text = ok(&["validate", "--device", "model", "--points", "64", "--junit", &junit]);
    assert!(text.contains(" 0 failed"), "{text}");
    let xml = job.read("junit.xml");
    assert!(xml.contains("msm/adversarial/all-equal/64") && !xml.contains("<failure"), "{xml}");
}

#[test]
fn a_wrong_answer_is_found_and_placed() {
    let job = Job::new();
    let (junit, artifacts) = (job.path("junit.xml"), job.path("artifacts"));
    let args = ["validate", "--device", "model", "--points", "32", "--only", "msm/adversarial/all-equal"];
    let more = ["--inject-wrong", "0", "--junit", &junit, "--artifacts", &artifacts];
    fails(12, &[&args[..], &more[..]].concat());
    assert!(job.read("junit.xml").contains("smallest failing job: 1 inputs"), "{}", job.read("junit.xml"));
    let folder = job.folder.path().join("artifacts/msm_adversarial_all-equal_32");
    assert!(folder.join("report.txt").is_file());
    assert!(folder.join("0000-msm_adversarial_all-equal_32/scalars.hex").is_file());
}

#[test]
fn damage_in_the_device_is_found_placed_recorded_and_replayed() {
    let job = Job::new();
    let artifacts = job.path("artifacts");
    let args = [
        "validate",
        "--device",
        "sim",
        "--points",
        "8",
        "--only",
        "msm/adversarial/all-r-1",
        "--inject-wrong",
        "0",
    ];
    fails(12, &[&args[..], &["--artifacts", &artifacts]].concat());
    let folder = job.folder.path().join("artifacts/msm_adversarial_all-r-1_8");
    let report = std::fs::read_to_string(folder.join("report.txt")).expect("a report");
    assert!(report.contains("smallest failing job: 1 inputs"), "{report}");
    assert!(report.contains("first wrong bucket: window "), "{report}");
    let recording = folder.join("recording.txt");
    let path = recording.display().to_string();
    assert!(ok(&["replay", &path]).starts_with("identical"));
    // Without the bits that flipped, the runs part, and the replay says in which cycle.
    let text = std::fs::read_to_string(&recording).expect("a recording");
    let flipped: Vec<&str> = text.lines().filter(|line| line.contains(" F ")).collect();
    assert!(!flipped.is_empty(), "{text}");
    let healthy: String =
        text.lines().filter(|line| !line.contains(" F ")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&recording, healthy).expect("writes");
    assert!(fails(12, &["replay", &path]).contains("differs at cycle "));
}

#[test]
fn a_wrong_transform_is_made_small_and_its_recording_replays() {
    let job = Job::new();
    let artifacts = job.path("artifacts");
    let args = ["validate", "--device", "sim", "--only", "ntt/random/0", "--log-n", "7", "--random", "1"];
    fails(12, &[&args[..], &["--inject", "wrong-ntt", "--artifacts", &artifacts]].concat());
    let folders =
        std::fs::read_dir(&artifacts).expect("artifacts").map(|entry| entry.expect("readable").path());
    let folder = folders.last().expect("a folder of the job");
    let report = std::fs::read_to_string(folder.join("report.txt")).expect("a report");
    // The drill changes values whatever they are, so nothing of the job is needed but its two shortest values.
    assert!(report.contains("smallest failing job: 2 values, 0 of them not zero"), "{report}");
    assert!(report.contains("first wrong value at index 0"), "{report}");
    let recording = folder.join("recording.txt").display().to_string();
    assert!(ok(&["replay", &recording]).starts_with("identical"));
}

#[test]
fn a_recording_replays_bit_for_bit() {
    // sim/cosim/tests/device.rs replays whole runs; here the command reads the file's text form.
    let job = Job::new();
    let path = job.path("recording.txt");
    std::fs::write(&path, "millrace-recording 2 1 64 1 2 3 4 5\n0 R 0000 43524c4d\n").expect("writes");
    assert!(ok(&["replay", &path]).starts_with("identical"));
    std::fs::write(&path, "millrace-recording 2 1 64 1 2 3 4 5\n0 R 0000 43524c4e\n").expect("writes");
    fails(12, &["replay", &path]);
    std::fs::write(&path, "nothing").expect("writes");
    fails(3, &["replay", &path]);
}

#[test]
fn stimulus_and_answers_for_a_testbench() {
    let job = Job::new();
    let folder = job.path("cases");
    ok(&["validate", "--points", "8", "--log-n", "3", "--random", "1", "--export", &folder]);
    fails(3, &["validate", "--check", &folder]);
    let cases: Vec<_> =
        std::fs::read_dir(&folder).expect("exported").map(|e| e.expect("readable").path()).collect();
    assert!(cases.len() > 20);
    for case in &cases {
        std::fs::copy(case.join("expected.hex"), case.join("response.hex")).expect("copies");
    }
    assert!(ok(&["validate", "--check", &folder]).contains(" 0 failed"));
    std::fs::write(cases[0].join("response.hex"), format!("{:0128x}\n", 1)).expect("writes");
    fails(12, &["validate", "--check", &folder]);
}

#[test]
fn the_rtl_is_right_on_a_few_jobs() {
    let text = ok(&[
        "validate",
        "--device",
        "sim",
        "--points",
        "24",
        "--log-n",
        "5",
        "--random",
        "1",
        "--only",
        "adversarial",
    ]);
    assert!(text.contains("10 passed, 0 failed"), "{text}");
    let text =
        ok(&["validate", "--device", "sim", "--log-n", "4", "--random", "1", "--only", "ntt/boundary"]);
    assert!(text.contains(" 0 failed"), "{text}");
}

#[test]
fn a_report_with_plots() {
    let job = Job::new();
    let out = job.path("bench");
    ok(&["bench", "--devices", "cpu,model", "--sizes", "4,5", "--runs", "1", "--out", &out]);
    let page = job.read("bench/report.html");
    assert!(page.contains("<svg") && page.contains("model"));
    assert_eq!(job.read("bench/report.csv").lines().count(), 1 + 2 * 2 * 2);
}
