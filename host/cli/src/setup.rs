//! `millrace setup`

use std::{path::PathBuf, time::Instant};

use clap::Args;
use millrace_groth16::{SetupError, dev_setup};

use crate::{
    exit::{Code, Failure},
    input,
    output::{Outputs, say, tell},
};

/// `millrace setup`
#[derive(Args)]
pub(crate) struct SetupArgs {
    /// The circuit's constraints.
    pub(crate) r1cs: PathBuf,
    /// Where the key goes (`.zkey`).
    #[arg(short, long, value_name = "FILE", default_value = "circuit.zkey")]
    pub(crate) output: PathBuf,
    /// A development key: anybody who knows the seed can forge proofs under it, and it is marked as such for good.
    #[arg(long)]
    pub(crate) dev: bool,
    /// What the key is made from, any text; the same text gives the same key.
    #[arg(long, value_name = "TEXT", default_value = "millrace")]
    pub(crate) seed: String,
}

pub(crate) fn run(args: &SetupArgs) -> Result<(), Failure> {
    if !args.dev {
        let message =
            "expected --dev: a key to be trusted comes from a ceremony of many (snarkjs reads the .r1cs)";
        return Err(Failure::new(Code::DevKey, message));
    }
    let mut outputs = Outputs::beside([args.r1cs.as_path()]);
    outputs.probe(&args.output)?;
    let r1cs = input::r1cs(&args.r1cs)?;
    tell!("a development key: everybody who knows the seed can forge proofs under it");
    let started = Instant::now();
    outputs.add_written(&args.output, |out| {
        dev_setup(&r1cs, args.seed.as_bytes(), out).map_err(|error| {
            let code = if matches!(error, SetupError::Io(_)) { Code::Output } else { Code::BadFile };
            Failure::new(code, error)
        })
    })?;
    outputs.commit()?;
    let (n, seconds) = (r1cs.n_constraints(), started.elapsed().as_secs_f64());
    say!("{}: development key for {n} constraints, {seconds:.1} s", args.output.display());
    Ok(())
}
