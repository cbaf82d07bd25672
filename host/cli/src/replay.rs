//! `millrace replay`

use millrace_cosim::{Recording, ReplayOutcome, replay};

use crate::{
    args::ReplayArgs,
    exit::{Code, Failure, OrFail},
    input,
    output::{Outputs, say, tell},
    simulation,
};

pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let text = input::regular(&args.recording)
        .and_then(|()| std::fs::read_to_string(&args.recording))
        .map_err(|e| Failure::new(Code::BadFile, format!("{}: {e}", args.recording.display())))?;
    let mut outputs = Outputs::beside([args.recording.as_path()]);
    if let Some(path) = &args.trace {
        outputs.probe(path)?;
    }
    let recording = Recording::from_text(&text).or_fail(Code::BadFile)?;
    let trace = args.trace.is_some().then_some(args.trace_cycles);
    let (outcome, waveform) = replay(&recording, trace).or_fail(Code::Output)?;
    let written = match (&args.trace, waveform) {
        (Some(path), Some(waveform)) => {
            simulation::add_waveform(waveform, path, &mut outputs).and_then(|()| outputs.commit())
        }
        _ => Ok(()),
    };
    match outcome {
        ReplayOutcome::Identical { cycles } => {
            written?;
            say!("identical: {} accesses over {cycles} cycles", recording.events.len());
            Ok(())
        }
        ReplayOutcome::Differs { cycle, expected, got } => {
            // What the replay found says more than a waveform that is missing.
            written.unwrap_or_else(|failure| tell!("{failure}"));
            Err(Failure::new(
                Code::Mismatch,
                format!("differs at cycle {cycle}: expected {expected}, got {got}"),
            ))
        }
    }
}
