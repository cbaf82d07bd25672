//! `millrace key`

use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Subcommand;
use millrace_groth16::{ImportFailure, KeyError, PointFault, import_key};
use millrace_job::CancelToken;

use crate::{
    exit::{Code, Failure},
    input,
    output::{Outputs, say},
    threads,
};

/// Between looks for a cancel, and for the end of what may be cancelled.
const LOOK: Duration = Duration::from_millis(10);

/// `millrace key`
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Check all of a key once, every point's subgroup included, and write it in the layout of the kernels: proofs from that begin at once.
    Import {
        /// The `.zkey`.
        zkey: PathBuf,
        /// Where the imported key goes (else beside the `.zkey`, with the ending `.mkey`).
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check all of a key, imported or not, as `import` does, and write nothing.
    Check {
        /// A `.zkey` or `.mkey`.
        key: PathBuf,
    },
}

pub(crate) fn run(command: &KeyCommand, cancel: &CancelToken) -> Result<(), Failure> {
    match command {
        KeyCommand::Import { zkey, output: Some(output) } => import(zkey, output, cancel),
        KeyCommand::Import { zkey, output: None } => import(zkey, &zkey.with_extension("mkey"), cancel),
        KeyCommand::Check { key } => check(key, cancel),
    }
}

fn import(zkey: &Path, output: &Path, cancel: &CancelToken) -> Result<(), Failure> {
    let started = Instant::now();
    input::regular(zkey).map_err(|e| Failure::new(Code::BadFile, format!("{}: {e}", zkey.display())))?;
    let mut outputs = Outputs::beside([zkey]);
    outputs.probe(output)?;
    let mut bytes = 0;
    outputs.add_written(output, |out| {
        let key = import_key(zkey, out.get_ref(), &|| !cancel.is_cancelled()).map_err(|error| {
            let code = match &error {
                ImportFailure::Key(error) => key_code(error),
                ImportFailure::Cancelled => Code::Cancelled,
                ImportFailure::Write(_) => Code::Output,
                _ => Code::BadFile,
            };
            Failure::caused(code, &format!("{}: ", zkey.display()), &error)
        })?;
        bytes = (**key.bytes()).as_ref().len();
        Ok(())
    })?;
    outputs.announce(format!(
        "{}: checked and imported in {:.1} s, {:.1} MiB",
        output.display(),
        started.elapsed().as_secs_f64(),
        bytes as f64 / f64::from(1 << 20)
    ));
    outputs.commit()
}

fn check(path: &Path, cancel: &CancelToken) -> Result<(), Failure> {
    let started = Instant::now();
    let key = input::key(path)?;
    let all = move || {
        key.check()?;
        key.check_coefficients()?;
        key.check_points()?;
        key.check_subgroups()
    };
    unless_cancelled(path, all, cancel)?
        .map_err(|e| Failure::caused(key_code(&e), &format!("{}: ", path.display()), &e))?;
    let seconds = started.elapsed().as_secs_f64();
    say!("{}: every coefficient and point is good, subgroups included ({seconds:.1} s)", path.display());
    Ok(())
}

/// Does what writes nothing, on a thread of its own that is left where it is when the user cancels: the process ends then.
fn unless_cancelled<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
    cancel: &CancelToken,
) -> Result<T, Failure> {
    let worker = thread::Builder::new().spawn(work).map_err(|error| threads::none(&error))?;
    while !worker.is_finished() {
        if cancel.is_cancelled() {
            return Err(Failure::new(Code::Cancelled, format!("{}: cancelled", path.display())));
        }
        thread::sleep(LOOK);
    }
    worker.join().map_err(|panic| resume_unwind(panic))
}

/// As [`input::key_code`]; a point outside the subgroup is what code 6 is for.
fn key_code(error: &KeyError) -> Code {
    match error {
        KeyError::Point(point) if point.fault == PointFault::OutsideSubgroup => Code::DamagedKey,
        other => input::key_code(other),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::mpsc, time::Duration};

    use millrace_job::CancelToken;

    use super::unless_cancelled;
    use crate::exit::Code;

    #[test]
    fn a_check_that_goes_on_is_left_when_it_is_cancelled() {
        let cancel = CancelToken::default();
        assert_eq!(unless_cancelled(Path::new("key"), || 7, &cancel).expect("not cancelled"), 7);
        let (stop, stopped) = mpsc::channel::<()>();
        cancel.cancel();
        let endless = move || stopped.recv_timeout(Duration::from_secs(60)).is_ok();
        let failure = unless_cancelled(Path::new("key"), endless, &cancel).expect_err("cancelled");
        assert_eq!(failure.code as u8, Code::Cancelled as u8);
        // It is still there, waiting.
        stop.send(()).expect("the work goes on");
    }
}
