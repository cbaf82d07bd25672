//! Files that appear whole or not at all.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use crate::exit::{Code, Failure, OrFail};

/// A line on standard output. Who reads it may leave early (`| head`): then there is nobody to talk to, and the work goes on.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        // The only error that a terminal or pipe gives here is that the reader has gone.
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}
pub(crate) use say;

/// Files written beside their targets, not yet in place.
#[derive(Default)]
pub(crate) struct Outputs(Vec<(tempfile::NamedTempFile, PathBuf)>);

impl Outputs {
    /// Writes `bytes` beside `path`; nothing is at `path` before [`Outputs::commit`]. What is no regular file (a pipe, a terminal, `/dev/null`) is
    /// written at once.
    pub(crate) fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Code::Output, format!("cannot write {}: {error}", path.display()))
        };
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            return std::fs::write(path, bytes).map_err(failed);
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".millrace-").tempfile_in(folder).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        self.0.push((file, path.to_owned()));
        Ok(())
    }

    /// Puts all files in place; if one cannot be, none is left.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let mut done: Vec<PathBuf> = Vec::new();
        for (file, path) in self.0 {
            let placed = make_readable(&file).and_then(|()| file.persist(&path).map_err(|e| e.error));
            if let Err(error) = placed {
                for path in done {
                    // Nothing better is left to do where even this fails; the first error is the one to tell.
                    let _ = std::fs::remove_file(path);
                }
                return Err(error).or_fail(Code::Output);
            }
            done.push(path);
        }
        Ok(())
    }
}

/// Temporary files are private to their owner; results get the ordinary mode.
fn make_readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// One file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut outputs = Outputs::default();
    outputs.add(path, bytes)?;
    outputs.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_when_one_of_two_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let (good, bad) = (folder.path().join("proof.json"), folder.path().join("no/such/public.json"));
        let mut outputs = Outputs::default();
        outputs.add(&good, b"{}").expect("writable");
        assert_eq!(outputs.add(&bad, b"[]").expect_err("no folder").code, Code::Output);
        drop(outputs);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn devices_are_not_replaced() {
        write(Path::new("/dev/null"), b"x").expect("takes everything");
        assert!(!Path::new("/dev/null").metadata().expect("exists").is_file());
        assert_eq!(write(Path::new("/dev/full"), b"x").expect_err("full").code, Code::Output);
    }
}
