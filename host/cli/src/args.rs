//! The command line.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use millrace_model::Drill;

use crate::{
    device::DeviceName, key::KeyCommand, memory::parse_bytes, rollup::RollupCommand, setup::SetupArgs,
};

/// Groth16/BN254 proofs of snarkjs circuits, on the CPU or on an accelerator, byte for byte the same.
#[derive(Parser)]
#[command(name = "millrace", version, max_term_width = 110)]
pub(crate) struct Cli {
    /// Say more: once for decisions, twice for details (or set RUST_LOG).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One subcommand a file.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a proof from a key and a witness.
    Prove(ProveArgs),
    /// Check a proof.
    Verify(VerifyArgs),
    /// Say what a file is and what it holds.
    Info(InfoArgs),
    /// Write a Solidity verifier, calldata, or a verification key.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Send a proof to a verifier contract on L1.
    Submit(SubmitArgs),
    /// Compare a device's answers with the oracle's.
    Validate(ValidateArgs),
    /// Run a recorded device run again, without host and driver.
    #[cfg(feature = "sim")]
    Replay(ReplayArgs),
    /// Time engines and whole proofs.
    Bench(BenchArgs),
    /// List, bind, reset and serve devices, and say what one is.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Look at this machine as an operator would, and say what to type so that a card works.
    Doctor(DoctorArgs),
    /// Import a key, so that proofs begin at once; check one wholly.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make a key for a circuit.
    Setup(SetupArgs),
    /// The rollup: its circuit, its whole story, and what its users do on L1.
    #[command(subcommand)]
    Rollup(RollupCommand),
    /// Measure the figures that are promised, and say which are met.
    Figures(FiguresArgs),
}

/// What stands for a device in a usage.
const DEVICES: &str = "cpu|cpu-oracle|model|sim|vfio:ADDRESS|vfio-user:SOCKET";

/// Takes the name of a drill.
fn drills() -> impl TypedValueParser<Value = Drill> {
    let values = Drill::ALL.map(|drill| PossibleValue::new(drill.name()).help(drill.about()));
    PossibleValuesParser::new(values).map(|name| {
        Drill::ALL.into_iter().find(|drill| drill.name() == name).expect("it is one of the names of drills")
    })
}

/// How a proof is shared between CPU and device.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Split {
    /// By rates measured on this machine at the start.
    Measured,
    /// This part of every MSM goes to the device.
    Ratio(f64),
}

fn parse_split(text: &str) -> Result<Split, String> {
    if text == "auto" {
        return Ok(Split::Measured);
    }
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio < 1.0 => Ok(Split::Ratio(ratio)),
        _ => Err(format!("expected `auto` or the device's part between 0 and 1, got {text}")),
    }
}

pub(crate) fn parse_seed(text: &str) -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim_start_matches("0x"), &mut seed)
        .map_err(|_| format!("expected 32 bytes as 64 hexadecimal digits, got {} characters", text.len()))?;
    Ok(seed)
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err(format!("expected seconds from 0.001 to 3600, got {text}")),
    }
}

fn parse_clock(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(mhz) if mhz > 0.0 && mhz < 1e5 => Ok(mhz),
        _ => Err(format!("expected a clock in MHz, got {text}")),
    }
}

/// `millrace prove`
#[derive(Args)]
pub(crate) struct ProveArgs {
    /// A snarkjs Groth16 key over BN254 (`.zkey`), or what `millrace key import` made of one (`.mkey`).
    pub(crate) key: PathBuf,
    /// The witness of the same circuit.
    pub(crate) witness: PathBuf,
    /// Where the proof goes (snarkjs JSON).
    #[arg(short = 'o', long = "proof", value_name = "FILE", default_value = "proof.json")]
    pub(crate) proof: PathBuf,
    /// Where the public inputs go (snarkjs JSON).
    #[arg(short = 'p', long = "public", value_name = "FILE", default_value = "public.json")]
    pub(crate) public: PathBuf,
    /// Where the jobs are done.
    #[arg(long, value_name = DEVICES, default_value = "cpu")]
    pub(crate) device: DeviceName,
    /// More devices to share the jobs with, by measured rates; may be given several times. One that is not there, or goes away, is taken in when it comes.
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["trace", "inject"])]
    pub(crate) with: Vec<DeviceName>,
    /// Prove so often, one proof after the other, with key and devices kept open; the last one is written, or none if one fails. With --seed all must be
    /// the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Share every MSM between CPU and device: `auto` by measured rates, or the device's part.
    #[arg(long, value_name = "auto|RATIO", value_parser = parse_split)]
    pub(crate) split: Option<Split>,
    /// The circuit's constraints: when no valid proof comes out, tells a wrong witness from a damaged key.
    #[arg(long, value_name = "FILE")]
    pub(crate) r1cs: Option<PathBuf>,
    /// The `.zkey` that the imported key must have been made from: it is read whole and compared by digest.
    #[arg(long, value_name = "ZKEY")]
    pub(crate) source: Option<PathBuf>,
    /// 32 bytes from which r and s are derived: for tests and validation only, the proof is not zero-knowledge then.
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    pub(crate) seed: Option<[u8; 32]>,
    /// Most memory that the proof may take beside the mapped key, like 300MiB (`--device cpu`): slower where it is little, refused where it is too little.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) max_memory: Option<u64>,
    /// Threads of the CPU engine (`--device cpu`): else as many as there are processors.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Fail rather than let the CPU take over from a device that fails.
    #[arg(long)]
    pub(crate) no_fallback: bool,
    /// Let a fault happen to the device, to see what it looks like and that no wrong proof comes of it.
    #[arg(long, value_parser = drills(), value_name = "FAULT")]
    pub(crate) inject: Option<Drill>,
    /// Write a report of every job as JSON (`-` for standard output).
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Print the table of jobs.
    #[arg(long)]
    pub(crate) table: bool,
    /// Clock of a card in MHz, for the projection in table and report. It is an assumption of yours, not a measurement.
    #[arg(long, value_name = "MHZ", value_parser = parse_clock)]
    pub(crate) clock_mhz: Option<f64>,
    /// Write an FST waveform of one device job (`--device sim`).
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Name of the job to trace, as the table has it; else the first one on the device.
    #[arg(long, value_name = "JOB", requires = "trace")]
    pub(crate) trace_job: Option<String>,
    /// Cycles in the waveform at most.
    #[arg(long, value_name = "N", default_value_t = 20_000, requires = "trace")]
    pub(crate) trace_cycles: u64,
}

/// `millrace verify`
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// `verification_key.json`, or the key itself (`.zkey`, `.mkey`).
    pub(crate) key: PathBuf,
    /// `public.json`
    pub(crate) public: PathBuf,
    /// `proof.json`
    pub(crate) proof: PathBuf,
}

/// `millrace info`
#[derive(Args)]
pub(crate) struct InfoArgs {
    /// A `.zkey`, `.mkey`, `.wtns` or `.r1cs`.
    pub(crate) file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// List every contribution, not only the first and last few.
    #[arg(long)]
    pub(crate) all: bool,
}

/// `millrace export`
#[derive(Subcommand)]
pub(crate) enum ExportCommand {
    /// A verifier contract for a key.
    Solidity {
        /// The `.zkey`.
        key: PathBuf,
        /// Where the contract goes.
        #[arg(short, long, value_name = "FILE", default_value = "Verifier.sol")]
        output: PathBuf,
        /// Name of the contract.
        #[arg(long, default_value = "Groth16Verifier")]
        name: String,
        /// Export although the key comes from no real ceremony; the contract says so.
        #[arg(long)]
        dev: bool,
    },
    /// The arguments of `verifyProof`, as text.
    Calldata {
        /// `public.json`
        public: PathBuf,
        /// `proof.json`
        proof: PathBuf,
    },
    /// snarkjs' `verification_key.json`.
    Vkey {
        /// The `.zkey`.
        key: PathBuf,
        /// Where it goes.
        #[arg(short, long, value_name = "FILE", default_value = "verification_key.json")]
        output: PathBuf,
    },
}

/// `millrace submit`
#[derive(Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["rpc", "embedded"]))]
pub(crate) struct SubmitArgs {
    /// `public.json`
    pub(crate) public: PathBuf,
    /// `proof.json`
    pub(crate) proof: PathBuf,
    /// A node's JSON-RPC address.
    #[arg(long, value_name = "URL", requires = "target")]
    pub(crate) rpc: Option<String>,
    /// The verifier contract there.
    #[arg(long, value_name = "ADDR", group = "target")]
    pub(crate) contract: Option<String>,
    /// Deploy the verifier of this key there first, and print its address.
    #[arg(long, value_name = "ZKEY", group = "target")]
    pub(crate) deploy: Option<PathBuf>,
    /// Instead of a node: deploy the verifier of this key in an EVM inside this process and submit to it.
    #[arg(long, value_name = "ZKEY", conflicts_with = "target")]
    pub(crate) embedded: Option<PathBuf>,
    /// An account that the node itself signs for.
    #[arg(long, value_name = "ADDR", conflicts_with = "key_file")]
    pub(crate) from: Option<String>,
    /// A file with the sender's private key in hexadecimal (else the environment variable MILLRACE_L1_KEY).
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The chain this is meant for; another one is refused.
    #[arg(long, value_name = "ID")]
    pub(crate) chain_id: Option<u64>,
    /// Accept a key from no real ceremony (with `--deploy` and `--embedded`).
    #[arg(long)]
    pub(crate) dev: bool,
}

/// `millrace validate`
#[derive(Args)]
pub(crate) struct ValidateArgs {
    /// The device to judge.
    #[arg(long, value_name = DEVICES, default_value = "sim")]
    pub(crate) device: DeviceName,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Points of the adversarial and the largest random MSMs.
    #[arg(long, default_value_t = 256)]
    pub(crate) points: usize,
    /// log₂ of the longest transform (the device's limit if less).
    #[arg(long, default_value_t = 10)]
    pub(crate) log_n: u32,
    /// Random MSMs and transforms, each.
    #[arg(long, default_value_t = 4)]
    pub(crate) random: usize,
    /// Only jobs whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Folder for the smallest failing jobs and their recordings.
    #[arg(long, value_name = "DIR", default_value = "millrace-validate")]
    pub(crate) artifacts: PathBuf,
    /// Write stimulus and answers for any testbench, and run nothing.
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    pub(crate) export: Option<PathBuf>,
    /// Judge the `response.hex` files that a testbench wrote, and run nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) check: Option<PathBuf>,
    /// Damage the device on purpose, to see that validation finds it: with `model` the n-th MSM, from 0, and all after it are wrong; with `sim` a
    /// bit of device memory flips under the bases of those jobs.
    #[arg(long, value_name = "N")]
    pub(crate) inject_wrong: Option<u64>,
    /// Let a fault happen between host and device, to see that validation finds it.
    #[arg(long, value_parser = drills(), value_name = "FAULT", conflicts_with = "inject_wrong")]
    pub(crate) inject: Option<Drill>,
}

/// `millrace replay`
#[cfg(feature = "sim")]
#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// A recording that `validate` wrote.
    pub(crate) recording: PathBuf,
    /// Write an FST waveform.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Cycles in the waveform at most.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) trace_cycles: u64,
}

/// `millrace bench`
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Which engines, separated by commas.
    #[arg(long, value_name = DEVICES, value_delimiter = ',', default_value = "cpu")]
    pub(crate) devices: Vec<DeviceName>,
    /// A key and its witness for whole proofs; further witnesses are for `--throughput`.
    #[arg(long, num_args = 2.., value_names = ["ZKEY", "WTNS"])]
    pub(crate) proof: Option<Vec<PathBuf>>,
    /// Proofs a minute on one key, one witness at a time and several in flight (needs `--proof`).
    #[arg(long, requires = "proof")]
    pub(crate) throughput: bool,
    /// Proofs in flight for `--throughput` (2 unless told).
    #[arg(long, value_name = "N", requires = "throughput")]
    pub(crate) in_flight: Option<usize>,
    /// Most memory that the CPU engine may take for a proof, or with `--throughput` for all that are in flight, like 300MiB (needs `--proof`).
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, requires = "proof")]
    pub(crate) max_memory: Option<u64>,
    /// log₂ of the sizes of MSMs and transforms.
    #[arg(long, value_delimiter = ',', default_value = "8,10,12")]
    pub(crate) sizes: Vec<u32>,
    /// Runs of each, interleaved over the engines.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Folder for report.json, report.csv and report.html.
    #[arg(long, value_name = "DIR", default_value = "millrace-bench")]
    pub(crate) out: PathBuf,
}

/// `millrace device`
#[derive(Subcommand)]
pub(crate) enum DeviceCommand {
    /// List the PCI functions that could be a device: processing accelerators, and whatever vfio-pci has.
    List,
    /// Say what a device is.
    Info {
        /// Which.
        #[arg(long, value_name = DEVICES, default_value = "sim")]
        device: DeviceName,
    },
    /// Test the way to a device: registers, DMA, interrupts, addresses that lead nowhere, resets in the middle of a job.
    Exercise {
        /// Which. Nobody else may use it meanwhile.
        #[arg(long, value_name = DEVICES, default_value = "model")]
        device: DeviceName,
        /// Empty jobs, each with a completion.
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        completions: u32,
    },
    /// Measure a device: an empty job polled and by interrupt, copies and uploads, MSMs, transforms, jobs a second by queue.
    Bench(DeviceBenchArgs),
    /// Reset a card (function-level reset) that nobody uses.
    Reset {
        /// Which: vfio:ADDRESS.
        device: DeviceName,
    },
    /// Give a card to vfio-pci (as root).
    Bind {
        /// Which: vfio:ADDRESS.
        device: DeviceName,
        /// Also a function that is no processing accelerator: one that shares the IOMMU group of a card. Its driver loses it.
        #[arg(long)]
        force: bool,
    },
    /// Give a card back to the driver that the kernel would choose (as root).
    Unbind {
        /// Which: vfio:ADDRESS.
        device: DeviceName,
    },
    /// Serve a device on a socket by the vfio-user protocol: for QEMU's vfio-user-pci, or for `--device vfio-user:SOCKET`.
    Serve(ServeArgs),
}

/// `millrace device bench`
#[derive(Args)]
pub(crate) struct DeviceBenchArgs {
    /// Which. Nobody else may use it meanwhile.
    #[arg(long, value_name = DEVICES, default_value = "sim")]
    pub(crate) device: DeviceName,
    /// More devices; may be given several times. Each is measured alone, then all together.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) with: Vec<DeviceName>,
    /// How long each line is measured, in seconds; the larger sizes of jobs end where one takes longer.
    #[arg(long, value_name = "S", default_value = "1", value_parser = parse_seconds)]
    pub(crate) seconds: f64,
    /// The same as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// `millrace device serve`
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; only this user may connect.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// What to serve: model or sim.
    #[arg(long, value_name = "model|sim", default_value = "sim")]
    pub(crate) device: DeviceName,
    /// For tests of what drives it: from when this file is there, the device answers nothing any more, as a card that fell off the bus.
    #[arg(long, value_name = "FILE")]
    pub(crate) dies_at: Option<PathBuf>,
}

/// `millrace doctor`
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// A card to look at (else all that could be one): vfio:ADDRESS.
    #[arg(long, value_name = "vfio:ADDRESS")]
    pub(crate) device: Option<DeviceName>,
}

/// A group of figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FigureGroup {
    /// The RTL, by its own counters.
    Hw,
    /// The CPU engine, beside arkworks.
    Cpu,
    /// Driver and rings, at the model: what the host pays for a job.
    Pcie,
    /// The rollup's circuit.
    Rollup,
}

/// A part of [`FigureGroup::Cpu`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CpuPart {
    /// Products, sums and transforms on one thread.
    Kernels,
    /// Whole proofs.
    Proofs,
    /// The kernels and a proof without AVX-512.
    Scalar,
    /// Two proofs in flight.
    Flight,
    /// Whole processes, arkworks' and snarkjs' beside ours.
    Processes,
    /// Key and memory.
    Memory,
}

/// `millrace figures`
#[derive(Args)]
pub(crate) struct FiguresArgs {
    /// Which.
    #[arg(value_enum)]
    pub(crate) group: FigureGroup,
    /// Only this part of `cpu`.
    #[arg(long, value_enum)]
    pub(crate) part: Option<CpuPart>,
    /// Folder for circuits and keys that are made for measuring, and kept.
    #[arg(long, value_name = "DIR", default_value = "millrace-figures")]
    pub(crate) folder: PathBuf,
    /// A key and its witness for whole proofs; for `cpu` a second witness of the key too, which flies beside it.
    #[arg(long, num_args = 2..=3, value_names = ["ZKEY", "WTNS"])]
    pub(crate) proof: Vec<PathBuf>,
    /// The `millrace` whose processes `processes` and `memory` measure, if that is not this program.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) delivered: Option<PathBuf>,
    /// What `processes` runs as arkworks' process: reads both files, proves once, prints the seconds of the proof.
    #[arg(long, num_args = 2, value_names = ["ZKEY", "WTNS"], hide = true)]
    pub(crate) arkworks_once: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for bad in ["0", "1", "-0.5", "nan", "half"] {
            assert!(parse_split(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_split("0.25"), Ok(Split::Ratio(0.25)));
        assert!(parse_seed("00").is_err() && parse_seed(&"zz".repeat(32)).is_err());
        assert_eq!(parse_seed(&"01".repeat(32)), Ok([1; 32]));
        assert!(parse_clock("0").is_err() && parse_clock("inf").is_err());
    }
}
