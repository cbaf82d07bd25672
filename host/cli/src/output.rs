//! Files that appear whole or not at all.

use std::{
    io::{BufWriter, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::exit::{Code, Failure};

/// A line on standard output. Who reads it may leave early (`| head`): then there is nobody to talk to, and the work goes on. A full disk
/// behind it is an output that cannot be written.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let written = writeln!(std::io::stdout(), $($words)*);
        if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
            $crate::output::tell!("cannot write standard output");
            std::process::exit($crate::exit::Code::Output as i32);
        }
    }};
}
pub(crate) use say;

/// A line on standard error, after the program's name. Where that cannot be written there is nobody left to tell.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "millrace: {}", format_args!($($words)*));
    }};
}
pub(crate) use tell;

/// Files written beside their targets, not yet in place.
#[derive(Default)]
pub(crate) struct Outputs {
    files: Vec<(tempfile::NamedTempFile, PathBuf)>,
    taken: Vec<PathBuf>,
}

/// The file that a path names, links followed, whether it exists yet or not.
fn identity(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let in_folder = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

impl Outputs {
    /// None of the outputs may be one of these files, which are read.
    pub(crate) fn beside<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        Self { files: Vec::new(), taken: inputs.into_iter().map(identity).collect() }
    }

    /// Fails now where [`Outputs::add`] would fail after long work: a file in use, a folder that cannot be written.
    pub(crate) fn probe(&self, path: &Path) -> Result<(), Failure> {
        self.is_free(path)?;
        if is_special(path) {
            return Ok(());
        }
        beside(&identity(path)).map(drop).map_err(|error| cannot_write(path, &error))
    }

    fn is_free(&self, path: &Path) -> Result<(), Failure> {
        if self.taken.contains(&identity(path)) && !is_special(path) {
            let message =
                format!("expected a file of its own for each input and output, got {} twice", path.display());
            return Err(Failure::new(Code::Usage, message));
        }
        Ok(())
    }

    /// Writes `bytes` beside `path` (beside its target, where it is a link); nothing is at `path` before [`Outputs::commit`]. What is no regular file (a
    /// pipe, a terminal, `/dev/null`) is written at once.
    pub(crate) fn add(&mut self, path: &Path, mut bytes: &[u8]) -> Result<(), Failure> {
        self.add_from(path, &mut bytes)
    }

    /// As [`Outputs::add`], with the bytes of a reader.
    pub(crate) fn add_from(&mut self, path: &Path, bytes: &mut impl Read) -> Result<(), Failure> {
        self.add_written(path, |out| {
            std::io::copy(bytes, out).map(drop).map_err(|error| cannot_write(path, &error))
        })
    }

    /// As [`Outputs::add`], with what `write` writes: for what is too large to be held.
    pub(crate) fn add_written(
        &mut self,
        path: &Path,
        write: impl FnOnce(&mut BufWriter<&std::fs::File>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.is_free(path)?;
        let target = identity(path);
        self.taken.push(target.clone());
        let failed = |error: std::io::Error| cannot_write(path, &error);
        if is_special(path) {
            let file = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
            let mut out = BufWriter::new(&file);
            write(&mut out)?;
            return out.flush().map_err(failed);
        }
        let file = beside(&target).map_err(failed)?;
        let mut out = BufWriter::new(file.as_file());
        write(&mut out)?;
        out.flush().and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        drop(out);
        self.files.push((file, target));
        Ok(())
    }

    /// Puts all files in place; if one cannot be, none is, and what was there before is there again.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let mut done: Vec<(PathBuf, Option<tempfile::TempPath>)> = Vec::new();
        for (file, path) in self.files {
            let before = keep(&path);
            if let Err(error) = file.persist(&path) {
                for (path, before) in done {
                    // Nothing better is left to do where even this fails; the first error is the one to tell.
                    let _ = match before {
                        Some(before) => before.persist(&path).map_err(|e| e.error),
                        None => std::fs::remove_file(path),
                    };
                }
                return Err(cannot_write(&path, &error.error));
            }
            done.push((path, before));
        }
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Output, format!("cannot write {}: {error}", path.display()))
}

/// An empty file in the target's folder.
fn beside(target: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mode = std::fs::Permissions::from_mode(0o666);
    let folder = target.parent().unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".millrace-").permissions(mode).tempfile_in(folder)
}

/// A second name for what is at `path` now, removed when dropped; `None` if nothing is there, or the file system knows no second names.
fn keep(path: &Path) -> Option<tempfile::TempPath> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = |name: &Path| std::fs::hard_link(path, name);
    tempfile::Builder::new()
        .prefix(".millrace-")
        .make_in(folder, named)
        .ok()
        .map(|kept| kept.into_temp_path())
}

/// A device, a pipe, or one of the names that the system gives to open files: never replaced.
fn is_special(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc") || path.metadata().is_ok_and(|m| !m.is_file())
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
    fn what_was_there_is_there_again_when_one_of_two_cannot_be_placed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), "old").expect("writes");
        let mut outputs = Outputs::default();
        for name in ["old", "new", "in the way"] {
            outputs.add(&at(name), b"x").expect("writable");
        }
        std::fs::create_dir(at("in the way")).expect("makes a folder");
        assert_eq!(outputs.commit().expect_err("a folder is in the way").code, Code::Output);
        assert_eq!(std::fs::read_to_string(at("old")).expect("reads"), "old");
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("readable")
            .map(|e| e.expect("readable").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["in the way", "old"]);
    }

    #[test]
    fn links_are_followed_and_inputs_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("real"), "old").expect("writes");
        std::os::unix::fs::symlink("real", at("link")).expect("links");
        write(&at("link"), b"new").expect("writes");
        assert!(at("link").is_symlink());
        assert_eq!(std::fs::read_to_string(at("real")).expect("reads"), "new");
        let mut outputs = Outputs::beside([at("real").as_path()]);
        assert_eq!(outputs.add(&at("link"), b"x").expect_err("an input").code, Code::Usage);
        outputs.add(&at("a"), b"x").expect("free");
        assert_eq!(outputs.add(&at("./a"), b"x").expect_err("twice").code, Code::Usage);
    }

    #[test]
    fn devices_are_not_replaced() {
        write(Path::new("/dev/null"), b"x").expect("takes everything");
        assert!(!Path::new("/dev/null").metadata().expect("exists").is_file());
        assert_eq!(write(Path::new("/dev/full"), b"x").expect_err("full").code, Code::Output);
    }
}
