//! Files that appear whole or not at all.

use std::{
    io::{BufWriter, Read, Seek, Write},
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

/// Where an output goes.
#[derive(Clone, PartialEq, Eq)]
enum Target {
    /// A regular file, there or not yet; links are followed.
    File(PathBuf),
    /// What this process has open as its standard output or error: a name for it is no reason to open it a second time.
    Stdout,
    Stderr,
    /// A pipe, a device, or another descriptor of this process: written from where it stands, never replaced.
    Stream(PathBuf),
}

impl Target {
    fn of(path: &Path) -> Self {
        match path.to_str() {
            Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => return Self::Stdout,
            Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => return Self::Stderr,
            _ => {}
        }
        let descriptor = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd");
        if descriptor || path.metadata().is_ok_and(|m| !m.is_file()) {
            return Self::Stream(path.to_owned());
        }
        Self::File(identity(path))
    }

    /// Writes all of `bytes` to what is no file.
    fn stream(&self, bytes: &mut std::fs::File) -> std::io::Result<()> {
        let copied = match self {
            Self::Stdout => std::io::copy(bytes, &mut std::io::stdout().lock()),
            Self::Stderr => std::io::copy(bytes, &mut std::io::stderr().lock()),
            Self::Stream(path) | Self::File(path) => std::fs::OpenOptions::new()
                .append(true)
                .open(path)
                .and_then(|mut file| std::io::copy(bytes, &mut file)),
        };
        copied.and_then(|_| std::io::stdout().flush())
    }
}

/// Outputs that are written whole but not yet in place.
#[derive(Default)]
pub(crate) struct Outputs {
    /// Beside their targets.
    files: Vec<(tempfile::NamedTempFile, PathBuf)>,
    /// For what is no file, with the name the user gave.
    streams: Vec<(std::fs::File, Target, PathBuf)>,
    announcement: Option<String>,
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
        Self { taken: inputs.into_iter().map(identity).collect(), ..Self::default() }
    }

    /// Fails now where [`Outputs::add`] would fail after long work: a file in use, a folder that cannot be written.
    pub(crate) fn probe(&self, path: &Path) -> Result<(), Failure> {
        let target = Target::of(path);
        self.is_free(path, &target)?;
        match target {
            Target::File(file) => beside(&file).map(drop).map_err(|error| cannot_write(path, &error)),
            _ => Ok(()),
        }
    }

    fn is_free(&self, path: &Path, target: &Target) -> Result<(), Failure> {
        if let Target::File(file) = target
            && self.taken.contains(file)
        {
            let message =
                format!("expected a file of its own for each input and output, got {} twice", path.display());
            return Err(Failure::new(Code::Usage, message));
        }
        Ok(())
    }

    /// Writes `bytes` beside `path` (beside its target, where it is a link), or keeps them for a pipe or a device; nothing is at `path` before
    /// [`Outputs::commit`].
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
        let target = Target::of(path);
        self.is_free(path, &target)?;
        let failed = |error: std::io::Error| cannot_write(path, &error);
        let fill = |file: &std::fs::File| {
            let mut out = BufWriter::new(file);
            write(&mut out)?;
            out.flush().map_err(failed)
        };
        match target {
            Target::File(target) => {
                let file = beside(&target).map_err(failed)?;
                fill(file.as_file())?;
                file.as_file().sync_all().map_err(failed)?;
                self.taken.push(target.clone());
                self.files.push((file, target));
            }
            target => {
                let mut file = tempfile::tempfile().map_err(failed)?;
                fill(&file)?;
                file.rewind().map_err(failed)?;
                self.streams.push((file, target, path.to_owned()));
            }
        }
        Ok(())
    }

    /// What to say on standard output when all is written; on standard error where an output goes to standard output.
    pub(crate) fn announce(&mut self, text: String) {
        self.announcement = Some(text);
    }

    /// Writes what goes to pipes and devices, says what is to be said, and puts all files in place. Where something cannot be written, no file is in place,
    /// and what was there before is there (again).
    pub(crate) fn commit(mut self) -> Result<(), Failure> {
        let stdout_is_taken = self.streams.iter().any(|(_, target, _)| *target == Target::Stdout);
        for (mut bytes, target, path) in self.streams.drain(..) {
            target.stream(&mut bytes).map_err(|error| cannot_write(&path, &error))?;
        }
        if let Some(text) = self.announcement.take() {
            match stdout_is_taken {
                true => tell!("{text}"),
                false => writeln!(std::io::stdout(), "{text}")
                    .or_else(nobody_listens)
                    .map_err(|error| cannot_write(Path::new("standard output"), &error))?,
            }
        }
        let mut done: Vec<(PathBuf, Before)> = Vec::new();
        for (file, path) in self.files {
            let placed = keep(&path).and_then(|before| match file.persist(&path) {
                Ok(_) => Ok(before),
                Err(error) => {
                    before.put_back(&path);
                    Err(error.error)
                }
            });
            match placed {
                Ok(before) => done.push((path, before)),
                Err(error) => {
                    for (path, before) in done {
                        if matches!(before, Before::Nothing) {
                            // Nothing better is left to do where even this fails; the first error is the one to tell.
                            let _ = std::fs::remove_file(&path);
                        }
                        before.put_back(&path);
                    }
                    return Err(cannot_write(&path, &error));
                }
            }
        }
        Ok(())
    }
}

/// Who reads standard output may leave early (`| head`).
fn nobody_listens(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
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

/// What was at a path before an output took its place.
enum Before {
    Nothing,
    /// The older file under another name, gone when dropped.
    Kept(tempfile::TempPath),
}

impl Before {
    /// Nothing better is left to do where this fails; the first error is the one to tell.
    fn put_back(self, path: &Path) {
        if let Self::Kept(name) = self {
            let _ = name.persist(path);
        }
    }
}

/// Gives what is at `path` a second name; where the file system knows none, moves it aside.
fn keep(path: &Path) -> std::io::Result<Before> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) => return Err(error),
        // A folder is in the way: persisting says so.
        Ok(found) if found.is_dir() => return Ok(Before::Nothing),
        Ok(_) => {}
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = |name: &Path| {
        std::fs::hard_link(path, name).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(error),
            _ => std::fs::rename(path, name),
        })
    };
    let kept = tempfile::Builder::new().prefix(".millrace-").make_in(folder, named)?;
    Ok(Before::Kept(kept.into_temp_path()))
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
    fn a_file_below_dev_is_a_file() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
            println!("skipped: nothing can be written to /dev/shm");
            return;
        };
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), [b'Z'; 3000]).expect("writes");
        for name in ["old", "new"] {
            write(&at(name), b"x").expect("writable");
            assert_eq!(std::fs::read(at(name)).expect("reads"), b"x", "{name}");
        }
    }

    #[test]
    fn devices_are_not_replaced() {
        write(Path::new("/dev/null"), b"x").expect("takes everything");
        assert!(!Path::new("/dev/null").metadata().expect("exists").is_file());
        assert_eq!(write(Path::new("/dev/full"), b"x").expect_err("full").code, Code::Output);
    }
}
