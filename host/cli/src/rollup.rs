//! `millrace rollup`

mod act;
mod audit;
mod demo;
mod devkey;
mod operate;
mod operator;
mod place;
mod restore;
pub(crate) mod sample;

use std::path::{Path, PathBuf};

pub(crate) use self::place::restore_failure;

use clap::Subcommand;
use millrace_circuit::{batch::Circuit, system::Side};
use millrace_job::CancelToken;

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
    /// The whole story in one command: deposits, payments, proofs, withdrawals; then the operator is gone and everybody leaves.
    Demo(demo::DemoArgs),
    /// Work for a deployed rollup: take what waits on L1 into batches, prove, submit, keep what was accepted in a store that survives a kill.
    Operate(operate::OperateArgs),
    /// Make the whole state again from L1's logs, and print the calls with which an owner leaves.
    Restore(restore::RestoreArgs),
    /// What an address has, each balance checked against the root on L1.
    Balance(restore::BalanceArgs),
    /// Compile the contracts' sources, and compare a deployed contract with that: is it what it claims to be?
    Audit(audit::AuditArgs),
    /// Deposit for an owner.
    Deposit(act::DepositArgs),
    /// Queue the exit of the sender's whole balance of a token: the operator must take it within a day.
    ForceExit(act::ForceExitArgs),
    /// The way out when the operator has stopped.
    #[command(subcommand)]
    Exodus(act::ExodusCommand),
    /// In exodus: take balances out by their paths to the last root.
    Exit(act::LeaveArgs),
    /// In exodus: get unprocessed deposits and fees back.
    Refund(act::RefundArgs),
    /// Have what is pending paid out; works for ever.
    Withdraw(act::WithdrawArgs),
}

impl RollupCommand {
    /// Whether it makes witnesses and nothing more.
    pub(crate) fn makes_witnesses(&self) -> bool {
        matches!(self, Self::Circuit { .. } | Self::Sample { .. })
    }

    /// Whether it makes keys or proofs. Who wants his money back is not to need more than a thread.
    pub(crate) fn proves(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Operate(_) | Self::Audit(_))
    }
}

fn parse_size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| SIZES.contains(size));
    size.ok_or_else(|| format!("expected 1, 8 or 64 ops, got {text}"))
}

pub(crate) fn run(
    command: &RollupCommand,
    cancel: impl FnOnce() -> Result<CancelToken, Failure>,
) -> Result<(), Failure> {
    match command {
        RollupCommand::Circuit { ops, output } => circuit(*ops, output),
        RollupCommand::Sample { ops, output } => sample(*ops, output),
        RollupCommand::Demo(args) => demo::run(args, &cancel()?),
        RollupCommand::Operate(args) => operate::run(args, &cancel()?),
        RollupCommand::Restore(args) => restore::run(args),
        RollupCommand::Balance(args) => restore::balance(args),
        RollupCommand::Audit(args) => audit::run(args),
        RollupCommand::Deposit(args) => act::deposit(args),
        RollupCommand::ForceExit(args) => act::force_exit(args),
        RollupCommand::Exodus(command) => act::exodus(command),
        RollupCommand::Exit(args) => act::exit(args),
        RollupCommand::Refund(args) => act::refund(args),
        RollupCommand::Withdraw(args) => act::withdraw(args),
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
