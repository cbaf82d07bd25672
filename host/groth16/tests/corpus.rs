//! Every file that fuzzing found worth keeping (`make fuzz`), through the checks of the fuzz targets.

#[allow(unreachable_pub)]
#[path = "common/checks.rs"]
mod checks;

use std::path::Path;

fn replay(target: &str, least: usize, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files: Vec<_> =
        std::fs::read_dir(folder).expect("kept").map(|e| e.expect("readable").path()).collect();
    assert!(files.len() >= least, "{target}: {} files", files.len());
    for file in files {
        check(&std::fs::read(&file).expect("readable"));
    }
}

#[test]
fn keys() {
    replay("zkey", 50, checks::zkey);
}

#[test]
fn witnesses() {
    replay("wtns", 30, checks::wtns);
}

#[test]
fn constraint_systems() {
    replay("r1cs", 40, checks::r1cs);
}

#[test]
fn texts() {
    replay("json", 400, checks::json);
}
