//! Every code with which a job can fail is explained to operators.

use std::{collections::BTreeSet, fs, path::Path};

use millrace_regs::Cause;

/// Codes of the driver itself, as its sources write them.
fn of_the_driver() -> BTreeSet<String> {
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let texts =
        sources.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let is_code = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let codes = |text: String| -> Vec<String> {
        let after = text.split("what: \"").skip(1).filter_map(|rest| rest.split_once('"'));
        after.map(|(code, _)| code.to_owned()).filter(|code| is_code(code)).collect()
    };
    texts.flat_map(|path| codes(fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn each_code_has_its_row() {
    let manual = include_str!("../../../docs/operating/cards.md");
    let of_the_device =
        Cause::ALL.into_iter().filter(|cause| *cause != Cause::Ok).map(|cause| cause.name().to_owned());
    let ours = of_the_driver();
    assert!(ours.contains("RESULT_DIGEST") && ours.len() >= 5, "{ours:?}");
    let others = ["UNKNOWN_N", "TIMEOUT"].map(str::to_owned);
    for code in of_the_device.chain(ours).chain(others) {
        let in_first_column =
            |line: &str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{code}`")));
        assert!(manual.lines().any(in_first_column), "{code} has no row in docs/operating/cards.md");
    }
}
