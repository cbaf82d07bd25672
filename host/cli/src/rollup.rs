//! `millrace rollup`

pub(crate) mod sample;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use millrace_circuit::{batch::Circuit, system::Side};

use crate::{
    exit::{Code, Failure, OrFail},
    output::{Outputs, say},
};

/// The sizes that are shipped and tested.
const SIZES: [usize; 3] = [1, 8, 64];

/// `millrace rollup`
#[derive(Subcommand)]
pub(crate) enum RollupCommand {
    /// Write the circuit for batches of N ops as `.r1cs`.
    Circuit {
        /// Ops of a batch.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = parse_size)]
        ops: usize,
        /// Where it goes.
        #[arg(short, long, value_name = "FILE", default_value = "rollup.r1cs")]
        output: PathBuf,
    },
    /// Write the witness of a full batch of signed transfers, on a state made up for it: something to measure a prover with.
    Sample {
        /// Ops of the batch.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = parse_size)]
        ops: usize,
        /// Where it goes.
        #[arg(short, long, value_name = "FILE", default_value = "rollup.wtns")]
        output: PathBuf,
    },
}

fn parse_size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| SIZES.contains(size));
    size.ok_or_else(|| format!("expected 1, 8 or 64 ops, got {text}"))
}

pub(crate) fn run(command: &RollupCommand) -> Result<(), Failure> {
    match command {
        RollupCommand::Circuit { ops, output } => circuit(*ops, output),
        RollupCommand::Sample { ops, output } => sample(*ops, output),
    }
}

fn circuit(ops: usize, output: &Path) -> Result<(), Failure> {
    let mut outputs = Outputs::default();
    outputs.probe(output)?;
    let circuit = Circuit::new(ops);
    outputs.add_written(output, |out| circuit.write_r1cs(out).or_fail(Code::Output))?;
    outputs.commit()?;
    let system = circuit.system();
    let factors = system.n_terms_of(Side::A) + system.n_terms_of(Side::B);
    say!(
        "{}: {ops} ops, {} constraints, {} wires, domain 2^{}, {factors} terms in A and B",
        output.display(),
        system.n_constraints(),
        system.n_wires(),
        circuit.log_domain(),
    );
    Ok(())
}

fn sample(ops: usize, output: &Path) -> Result<(), Failure> {
    let mut outputs = Outputs::default();
    outputs.probe(output)?;
    let witness = Circuit::new(ops).groth16_witness(&sample::transfers(ops)).or_fail(Code::Usage)?;
    outputs.add_written(output, |out| witness.write(out).or_fail(Code::Output))?;
    outputs.commit()?;
    say!("{}: a batch of {ops} signed transfers, {} values", output.display(), witness.len());
    Ok(())
}
