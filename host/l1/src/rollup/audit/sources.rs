//! Whether the code that this build carries is what the contracts' sources compile to.

use super::{Audit, Source, Verdict};
use crate::rollup::compiled::{Contract, POSEIDON, ROLLUP};

/// Adds the line, and says whether what follows may be read by what this build knows.
pub(super) fn row(audit: &mut Audit, source: &Source) -> bool {
    let what = "sources";
    match source {
        Source::Committed => {
            let note = "as you wish: the code is compared with what this build carries";
            audit.row(what, "not compiled", Verdict::Shown, note);
            true
        }
        Source::NotCompiled { why } => {
            let note = format!("the code is compared with what this build carries: {why}");
            audit.row(what, "not compiled", Verdict::NotCompared, &note);
            true
        }
        Source::Refused { why } => {
            audit.row(what, "not compiled", Verdict::Differs, &format!("the compiler refuses them: {why}"));
            false
        }
        Source::Compiled(rebuilt) => {
            let found = format!("solc {}", rebuilt.rollup.compiler);
            if rebuilt.rollup.compiler != ROLLUP.compiler {
                let note = format!("this build's code is by {}: take that one (make setup)", ROLLUP.compiler);
                audit.row(what, found, Verdict::NotCompared, &note);
                return false;
            }
            let pairs = [("Rollup", &rebuilt.rollup, &*ROLLUP), ("Poseidon", &rebuilt.poseidon, &*POSEIDON)];
            match pairs.into_iter().find_map(|(name, now, carried)| difference(name, now, carried)) {
                None => {
                    let note =
                        format!("{}, compiled now: what this build carries, byte for byte", rebuilt.from);
                    audit.row(what, found, Verdict::Same, &note);
                    true
                }
                Some(difference) => {
                    let note = format!("{}, compiled now: {difference}", rebuilt.from);
                    audit.row(what, found, Verdict::Differs, &note);
                    false
                }
            }
        }
    }
}

/// Where two compilations differ first, in words.
fn difference(name: &str, now: &Contract, carried: &Contract) -> Option<String> {
    if now == carried {
        return None;
    }
    let parts = [("code", &now.runtime, &carried.runtime), ("constructor", &now.bytecode, &carried.bytecode)];
    let Some((part, now, carried)) = parts.into_iter().find(|(_, now, carried)| now != carried) else {
        return Some(format!("{name} has its immutables elsewhere than this build believes"));
    };
    let at = now.iter().zip(carried).position(|(a, b)| a != b).unwrap_or(now.len().min(carried.len()));
    Some(format!("the {part} of {name} differs from what this build carries, from byte {at} on"))
}
