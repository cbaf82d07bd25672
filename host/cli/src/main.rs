//! The `millrace` command: one subcommand a file.
//!
//! In: a command line. Out: files, a line or a table, an exit code (`docs/spec/exit-codes.md`). Everything that computes lies in
//! the crates below.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod device;
mod device_bench;
mod device_command;
mod doctor;
mod exit;
mod export;
mod figures;
mod info;
mod input;
mod key;
mod memory;
mod output;
mod progress;
mod prove;
#[cfg(feature = "sim")]
mod replay;
mod report;
mod rollup;
mod setup;
mod simulation;
mod submit;
mod threads;
mod validate;
mod verify;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use millrace_bn254::backend::{self, Instructions};
use millrace_job::CancelToken;

use crate::{
    args::{Cli, Command},
    exit::{Code, Failure},
    output::tell,
};

/// Gives pages back when they are freed: `docs/decisions/2026-11-28-allocator.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_logging(cli.verbose);
    match known_backend().and_then(|()| dispatch(&cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell!("{failure}");
            ExitCode::from(failure.code as u8)
        }
    }
}

/// Whatever the command, a wrong name in the environment is told before any work: engines, wherever they are made, ask for it again.
fn known_backend() -> Result<(), Failure> {
    let told = |error| Failure::new(Code::Usage, format!("{}: {error}", backend::VARIABLE));
    Instructions::from_env().map(|_| ()).map_err(told)
}

fn init_logging(verbose: u8) {
    let level = ["warn", "info", "debug", "trace"][usize::from(verbose).min(3)];
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
}

/// A token that Ctrl-C cancels. A second Ctrl-C ends the process at once.
fn cancel_on_interrupt() -> Result<CancelToken, Failure> {
    let token = CancelToken::default();
    let seen = token.clone();
    ctrlc::set_handler(move || {
        if seen.is_cancelled() {
            std::process::exit(Code::Cancelled as i32);
        }
        seen.cancel();
    })
    .map_err(|error| match error {
        ctrlc::Error::System(error) => threads::none(&error),
        other => Failure::caused(Code::Usage, "", &other),
    })?;
    Ok(token)
}

/// Starts the threads beside the CPU engine's: what takes milliseconds takes them on one. `prove` starts its own, because its user may say how many.
fn start_threads(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Prove(_) => Ok(()),
        Command::Verify(_)
        | Command::Info(_)
        | Command::Export(_)
        | Command::Submit(_)
        | Command::Doctor(_) => threads::start(1),
        Command::Device(command) if !command.uses_a_device() => threads::start(1),
        #[cfg(feature = "sim")]
        Command::Replay(_) => threads::start(1),
        Command::Rollup(command) if command.makes_witnesses() => threads::start(threads::of_processors()),
        Command::Rollup(command) if !command.proves() => threads::start(1),
        Command::Key(_) | Command::Setup(_) => threads::start(threads::of_processors()),
        Command::Validate(_)
        | Command::Bench(_)
        | Command::Device(_)
        | Command::Rollup(_)
        | Command::Figures(_) => threads::start(threads::of_processors()).and_then(|()| threads::room()),
    }
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    start_threads(command)?;
    match command {
        Command::Prove(args) => prove::run(args, &cancel_on_interrupt()?),
        Command::Verify(args) => verify::run(args),
        Command::Info(args) => info::run(args),
        Command::Export(command) => export::run(command),
        Command::Submit(args) => submit::run(args),
        Command::Validate(args) => validate::run(args),
        #[cfg(feature = "sim")]
        Command::Replay(args) => replay::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Device(command) => device_command::run(command),
        Command::Doctor(args) => doctor::run(args),
        Command::Key(command) => key::run(command, &cancel_on_interrupt()?),
        Command::Setup(args) => setup::run(args),
        Command::Rollup(command) => rollup::run(command, cancel_on_interrupt),
        Command::Figures(args) => figures::run(args),
    }
}
