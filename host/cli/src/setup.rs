//! `millrace setup`

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use millrace_groth16::{PtauError, SetupError, dev_ptau, dev_setup};

use crate::{
    exit::{Code, Failure},
    input,
    output::{Outputs, say, tell},
};

/// `millrace setup`
#[derive(Args)]
pub(crate) struct SetupArgs {
    /// The circuit's constraints.
    #[arg(required_unless_present = "dev_ptau", conflicts_with = "dev_ptau")]
    pub(crate) r1cs: Option<PathBuf>,
    /// Where the key goes [default: circuit.zkey, or powers.ptau].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// A development key: anybody who knows the seed can forge proofs under it, and it is marked as such for good.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Development powers of tau instead of a key, for circuits of up to 2^POWER constraints: what `snarkjs groth16 setup` starts from (`.ptau`). Whoever knows the seed can forge
    /// proofs under every key that is made of them, whatever is contributed to it.
    #[arg(long, value_name = "POWER", conflicts_with = "dev")]
    pub(crate) dev_ptau: Option<u32>,
    /// What the key is made from, any text; the same text gives the same key.
    #[arg(long, value_name = "TEXT", default_value = "millrace")]
    pub(crate) seed: String,
}

/// `--dev-ptau`
fn powers_of_tau(power: u32, args: &SetupArgs) -> Result<(), Failure> {
    let path = args.output.as_deref().unwrap_or(Path::new("powers.ptau"));
    let mut outputs = Outputs::default();
    outputs.probe(path)?;
    let started = Instant::now();
    outputs.add_written(path, |out| {
        dev_ptau(power, args.seed.as_bytes(), out).map_err(|error| {
            let code = if matches!(error, PtauError::Io(_)) { Code::Output } else { Code::Usage };
            Failure::new(code, error)
        })
    })?;
    tell!("development powers of tau: everybody who knows the seed can forge proofs under keys made of them");
    outputs.commit()?;
    let seconds = started.elapsed().as_secs_f64();
    say!("{}: development powers of tau to 2^{power}, {seconds:.1} s", path.display());
    Ok(())
}

pub(crate) fn run(args: &SetupArgs) -> Result<(), Failure> {
    let Some(r1cs) = args.r1cs.as_deref() else {
        return powers_of_tau(args.dev_ptau.expect("clap asks for one of the two"), args);
    };
    if !args.dev {
        let message =
            "expected --dev: a key to be trusted comes from a ceremony of many (snarkjs reads the .r1cs)";
        return Err(Failure::new(Code::DevKey, message));
    }
    let path = args.output.as_deref().unwrap_or(Path::new("circuit.zkey"));
    let mut outputs = Outputs::beside([r1cs]);
    outputs.probe(path)?;
    let r1cs = input::r1cs(r1cs)?;
    tell!("a development key: everybody who knows the seed can forge proofs under it");
    let started = Instant::now();
    outputs.add_written(path, |out| {
        dev_setup(&r1cs, args.seed.as_bytes(), out).map_err(|error| {
            let code = if matches!(error, SetupError::Io(_)) { Code::Output } else { Code::BadFile };
            Failure::new(code, error)
        })
    })?;
    outputs.commit()?;
    let (n, seconds) = (r1cs.n_constraints(), started.elapsed().as_secs_f64());
    say!("{}: development key for {n} constraints, {seconds:.1} s", path.display());
    Ok(())
}
