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
    // The bit flipped behind the device's back, so a replay, which has no such flip, shows where the runs part.
    fails(12, &["replay", &recording.display().to_string()]);
}

#[test]
fn a_recording_replays_bit_for_bit() {
    // sim/cosim/tests/device.rs replays whole runs; here the command reads the file's text form.
    let job = Job::new();
    let path = job.path("recording.txt");
    std::fs::write(&path, "millrace-recording 1 1 64 1 2 3 4 5\n0 R 0000 43524c4d\n").expect("writes");
    assert!(ok(&["replay", &path]).starts_with("identical"));
    std::fs::write(&path, "millrace-recording 1 1 64 1 2 3 4 5\n0 R 0000 43524c4e\n").expect("writes");
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
