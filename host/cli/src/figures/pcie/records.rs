//! What the fault campaign and the guests left behind, made by `make figures GROUP=pcie` before this runs: believed for the program they were made beside.

use std::{fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    exit::{Code, Failure, OrFail},
    figures::{Bar, Sheet},
};

/// SHA-256 of the program beside which both were made, as `sha256sum` prints it.
const PROGRAM: &str = "program.sha256";

/// Of the fault campaign.
#[derive(Deserialize)]
struct Faults {
    /// Classes that were struck.
    classes: u32,
    /// Those that did not end as they must.
    unexpected: u32,
}

/// Of `make test-pcie`.
#[derive(Deserialize)]
struct Guests {
    guests: u32,
    passed: u32,
    /// Of each guest, from QEMU's start to the first line of its own program.
    boot_seconds: Vec<f64>,
    /// As QEMU names itself: `10.1.2`.
    qemu: String,
}

/// Lines of both, or that they are not there.
pub(super) fn measure(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    let program = fs::read(std::env::current_exe().or_fail(Code::Usage)?).or_fail(Code::BadFile)?;
    let program = hex::encode(Sha256::digest(program));
    match read::<Faults>(folder, "faults.json", &program) {
        Ok(Faults { classes, unexpected }) => {
            sheet.stored("classes of faults that were struck", classes.into(), "", Bar::AtLeast(40.0));
            sheet.stored("of these ended otherwise than told", unexpected.into(), "", Bar::AtMost(0.0));
        }
        Err(why) => sheet.not_measured("classes of faults that were struck", &why),
    }
    match read::<Guests>(folder, "guests.json", &program) {
        Ok(guests) => {
            sheet.stored("guests behind the kernel's VFIO", guests.guests.into(), "", Bar::AtLeast(2.0));
            let failed = guests.guests.saturating_sub(guests.passed);
            sheet.stored("of these did not pass", failed.into(), "", Bar::AtMost(0.0));
            let longest = guests.boot_seconds.iter().copied().fold(f64::NAN, f64::max);
            sheet.stored("a guest's boot, the longest", longest, "s", Bar::AtMost(60.0));
            match version(&guests.qemu) {
                Some(version) => sheet.stored("QEMU's version", version, "", Bar::AtLeast(10.1)),
                None => {
                    sheet.not_measured("QEMU's version", &format!("expected a version, got {}", guests.qemu))
                }
            }
        }
        Err(why) => sheet.not_measured("guests behind the kernel's VFIO", &why),
    }
    Ok(())
}

/// A record, if it was made beside this program; else why it does not count.
fn read<T: DeserializeOwned>(folder: &Path, name: &str, program: &str) -> Result<T, String> {
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let beside = text(PROGRAM)?;
    if beside.split_whitespace().next() != Some(program) {
        return Err("the record is of another build, run `make figures GROUP=pcie`".to_owned());
    }
    serde_json::from_str(&text(name)?).map_err(|error| format!("{name}: {error}"))
}

/// Major and minor as one number; the second has one digit for years to come.
fn version(text: &str) -> Option<f64> {
    let mut parts = text.split('.');
    let (major, minor) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    (minor < 10).then(|| f64::from(major) + f64::from(minor) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_beside_its_program_only() {
        let folder = tempfile::tempdir().unwrap();
        let read = || read::<Faults>(folder.path(), "faults.json", "ab12").map(|faults| faults.classes);
        assert!(read().unwrap_err().contains(PROGRAM));
        fs::write(folder.path().join(PROGRAM), "ab12  target/release/millrace\n").unwrap();
        assert!(read().unwrap_err().contains("faults.json"));
        fs::write(folder.path().join("faults.json"), r#"{"classes": 7, "unexpected": 0}"#).unwrap();
        assert_eq!(read(), Ok(7));
        fs::write(folder.path().join(PROGRAM), "ab13  target/release/millrace\n").unwrap();
        assert!(read().unwrap_err().contains("another build"));
        fs::write(folder.path().join(PROGRAM), "").unwrap();
        assert!(read().is_err());
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(
            [version("10.1.2"), version("9.2"), version("10"), version("x.y")].map(|v| v.unwrap_or(0.0)),
            [10.1, 9.2, 0.0, 0.0]
        );
    }
}
