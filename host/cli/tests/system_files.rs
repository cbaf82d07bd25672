//! The files that an operator installs: systemd's own judgement of the unit, and the rules for who may open a card.

use std::{path::PathBuf, process::Command};

/// Exposure in tenths by `systemd-analyze security`, from 0 to 100, that the unit must not exceed.
const EXPOSURE_MOST: &str = "20";

fn system_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating/system").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(system_file(name)).expect(name)
}

#[test]
fn the_unit_is_one_and_exposes_little() {
    // Copied, with a program that is there: systemd looks for the one that the unit starts.
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("millrace.service");
    let here = text("millrace.service").replace("/usr/bin/millrace", env!("CARGO_BIN_EXE_millrace"));
    assert!(here.contains(env!("CARGO_BIN_EXE_millrace")));
    std::fs::write(&unit, here).unwrap();
    let analyze = |args: &[&str]| Command::new("systemd-analyze").args(args).arg(&unit).output();
    let Ok(verified) = analyze(&["verify", "--man=no"]) else {
        println!("skipped: systemd-analyze is not installed, so the unit is not judged");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("millrace.service"), "{said}");
    let judged = analyze(&["security", "--offline=true", "--threshold", EXPOSURE_MOST]).unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    if String::from_utf8_lossy(&judged.stderr).contains("unrecognized option") {
        println!("skipped: this systemd-analyze judges no unit that is not installed");
        return;
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    assert!(judged.status.success(), "{last}");
    println!("{last}");
}

#[test]
fn the_unit_reaches_cards_and_keeps_secrets_to_itself() {
    let unit = text("millrace.service");
    for line in [
        "DevicePolicy=closed",
        "DeviceAllow=/dev/vfio/vfio rw",
        "DeviceAllow=char-vfio rw",
        "DeviceAllow=char-vfio-dev rw",
        "DeviceAllow=/dev/iommu rw",
        "LimitMEMLOCK=infinity",
        "LimitCORE=0",
        "User=millrace",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    let most = unit.lines().filter(|l| l.starts_with("DeviceAllow=")).count();
    assert_eq!(most, 4, "nothing else of the machine");
}

/// What `doctor` says to type writes the same rules; the guests of `make test-pcie` apply them.
#[test]
fn the_rules_are_those_that_doctor_says() {
    let rules = text("60-millrace.rules");
    let rules: Vec<&str> = rules.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    let told = include_str!("../src/doctor/lacks.txt");
    let end = r#", GROUP="millrace", MODE="0660""#;
    assert!(told.contains(&format!("printf '%s{end}")));
    assert_eq!(rules.len(), 2);
    for rule in rules {
        let matched = rule.strip_suffix(end).expect(rule);
        assert!(told.contains(&format!("'{matched}'")), "{rule}");
    }
}
