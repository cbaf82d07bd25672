//! The fault campaign (`make faults`): one thing goes wrong between a driver and a device that is served on a socket; a table says what was told, what
//! was counted, what came after, and by whom a whole proof was made under the same fault.
//!
//! For each class: the fault did strike, no wrong value is delivered that no check behind the driver finds, what is told is typed, no secret is left in
//! memory that the device was ever shown, the proof equals the CPU's; and afterwards the device works without a new driver, or is lost and says so, and
//! another driver can have it.

#[path = "campaign/classes.rs"]
mod classes;
#[path = "campaign/damage.rs"]
mod damage;
#[path = "campaign/killed.rs"]
mod killed;
#[allow(dead_code, reason = "the search in the guest uses more of it")]
#[path = "../examples/secrets/seen.rs"]
mod seen;
#[path = "campaign/served.rs"]
mod served;
#[path = "campaign/stage.rs"]
mod stage;
#[path = "campaign/work.rs"]
mod work;

use std::time::{Duration, Instant};

use millrace_driver::DriverConfig;

use self::{
    classes::{Class, ELSEWHERE, Told, classes},
    stage::{Outcome, RIGHT, run},
    work::{Circuit, Work},
};

/// Longest that a class may take: several stall times of [`quick`] for each fault, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// When the function is reset, or a driver killed, in a job that is held for longer.
const IN_THE_MIDDLE: Duration = Duration::from_millis(100);

fn quick() -> DriverConfig {
    DriverConfig {
        progress_interval: Duration::from_millis(4),
        stall_time: Duration::from_millis(250),
        stall_readings: 4,
        ..DriverConfig::default()
    }
}

/// A driver in a process of its own, which may be killed at any time and says when it is through.
#[test]
#[ignore = "the campaign starts this as a process of its own"]
fn victim() {
    killed::live();
}

fn is_as_expected(class: &Class, outcome: &Outcome) -> bool {
    let Outcome { told, counted, then, proof } = outcome;
    let works = *then == "works";
    let is_counted = |name: &str| counted.iter().any(|(counted, _)| *counted == name);
    let only = |code: &str| told.split(", ").all(|told| told == code);
    let told = match class.told {
        Told::Right(name) => told == RIGHT && is_counted(name) && works,
        Told::Code(code) => only(code) && works,
        Told::Either(code, name) => (only(code) || (told == RIGHT && is_counted(name))) && works,
        Told::EitherOf(code, names) => {
            (only(code) || (told == RIGHT && names.iter().any(|name| is_counted(name)))) && works
        }
        Told::Killed => told.starts_with("killed ") && !told.contains(" 0 times"),
        Told::Lost => {
            told.split(", ").all(|code| ["LOST", "TIMEOUT"].contains(&code))
                && then.starts_with("lost, and says so")
        }
        Told::NotOpened(code) => *told == format!("not opened: {code}"),
        Told::Says(what) => told.starts_with(what),
    };
    told && class.proof.iter().any(|by| proof.contains(by))
}

/// For `make figures GROUP=pcie`: what was run, where `MILLRACE_RECORD` names a folder.
fn record(classes: usize, unexpected: usize, took: Duration) {
    let Some(folder) = std::env::var_os("MILLRACE_RECORD") else { return };
    let seconds = took.as_secs_f64();
    let json =
        format!("{{\"classes\": {classes}, \"unexpected\": {unexpected}, \"seconds\": {seconds:.1}}}\n");
    std::fs::write(std::path::Path::new(&folder).join("faults.json"), json)
        .expect("the folder of MILLRACE_RECORD");
}

#[test]
fn every_class_is_told_and_survived() {
    let started = Instant::now();
    let (work, circuit) = (Work::new(), Circuit::new());
    let only = std::env::var("MILLRACE_FAULT").unwrap_or_default();
    println!("| fault | told | counted | then | proof, equal to the CPU's | s |\n|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    let all: Vec<Class> = classes().into_iter().filter(|class| class.name.contains(&only)).collect();
    for class in &all {
        let struck = Instant::now();
        let outcome = run(class, &work, &circuit);
        let took = struck.elapsed();
        let counted: Vec<String> = outcome.counted.iter().map(|(name, n)| format!("{name} {n}")).collect();
        println!(
            "| {} | {} | {} | {} | {} | {:.1} |",
            class.name,
            outcome.told,
            counted.join(", "),
            outcome.then,
            outcome.proof,
            took.as_secs_f64()
        );
        if !is_as_expected(class, &outcome) || took > LIMIT {
            wrong.push(class.name.clone());
        }
    }
    for (name, told, path, source, test) in ELSEWHERE {
        assert!(source.contains(&format!("fn {test}() {{")), "{path} has no such test");
        println!("| {name} | {told} | by the test `{test}` of `{path}` | | | |");
    }
    println!("{} classes, {} not as expected", all.len(), wrong.len());
    if only.is_empty() {
        record(all.len(), wrong.len(), started.elapsed());
    }
    assert!(wrong.is_empty(), "not as expected: {wrong:?}");
}
