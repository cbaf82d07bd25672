//! The rollup: its circuit's size, key, witness and proof of eight ops; proofs of the Verilated device; what its contract costs; restoring it; its campaigns.

mod campaigns;
mod ceremony;
mod contract;
mod restored;
mod verilated;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use millrace_circuit::{
    batch::{Circuit, N_PUBLIC},
    system::Side,
};
use millrace_groth16::{ProvingKey, R1cs, dev_setup};
use sha2::{Digest, Sha256};

use super::{Bar, Sheet, cpu::median};
use crate::{
    bench::proofs::once,
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    output::Outputs,
    prove::{load_failure, prover},
    rollup::sample,
};

const RUNS: usize = 5;
const SEED: &[u8] = b"figures";

pub(super) fn measure(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    let [half, full] = [32, 64].map(Circuit::new);
    let constraints = |circuit: &Circuit| circuit.system().n_constraints() as f64;
    let each = (constraints(&full) - constraints(&half)) / 32.0;
    sheet.line(
        "constraints an op, (64 ops - 32 ops)/32, linear ones too",
        each,
        "constraints",
        Bar::AtMost(30_000.0),
    );
    let system = full.system();
    let factors = (system.n_terms_of(Side::A) + system.n_terms_of(Side::B)) as f64;
    sheet.line(
        "64 ops: terms of A and B a constraint",
        factors / constraints(&full),
        "terms",
        Bar::AtMost(10.0),
    );
    sheet.line("64 ops: log2 of the domain", f64::from(full.log_domain()), "bits", Bar::AtMost(21.0));
    sheet.line("64 ops: size of the key", key_bytes(&full) / 1e9, "GB", Bar::AtMost(1.8));
    drop((half, full));
    eight_ops(sheet, folder)?;
    verilated::fresh(sheet, folder)?;
    restored::measure(sheet)?;
    match checkout() {
        Some(root) => {
            contract::measure(sheet, &root)?;
            verilated::kept(sheet, &root)?;
            ceremony::measure(sheet, &root, |ops| digest(&Circuit::new(ops)))?;
            campaigns::measure(sheet, &root)
        }
        None => {
            sheet.not_measured("gas, ceremonies and campaigns", "this is no checkout of Millrace");
            Ok(())
        }
    }
}

/// The top of the checkout, here or above.
fn checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("host/rollup/campaign.sh").is_file()).map(Path::to_path_buf)
}

/// What a `.zkey` takes: 44 bytes a term of A and B and a public row, 64 bytes a point of A, B, C and the quotient, 128 a point of B over G2.
fn key_bytes(circuit: &Circuit) -> f64 {
    let system = circuit.system();
    let rows = f64::from(N_PUBLIC + 1);
    let terms = (system.n_terms_of(Side::A) + system.n_terms_of(Side::B)) as f64 + rows;
    let wires = system.n_wires() as f64;
    let domain = f64::from(circuit.log_domain()).exp2();
    44.0 * terms + (64.0 + 64.0 + 128.0) * wires + 64.0 * (wires - rows) + 64.0 * rows + 64.0 * domain
}

fn r1cs(circuit: &Circuit) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    circuit.write_r1cs(&mut bytes).or_fail(Code::Output)?;
    Ok(bytes)
}

/// SHA-256 of the circuit's `.r1cs`.
fn digest(circuit: &Circuit) -> Result<String, Failure> {
    Ok(hex::encode(Sha256::digest(r1cs(circuit)?)))
}

/// Writes a key to measure with. Always made anew: one that was kept could belong to an older circuit.
fn development_key(circuit: &Circuit, path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all).or_fail(Code::Output)?;
    let r1cs = R1cs::from_bytes(Arc::new(r1cs(circuit)?)).or_fail(Code::BadFile)?;
    let mut outputs = Outputs::default();
    outputs.add_written(path, |out| dev_setup(&r1cs, SEED, out).or_fail(Code::Output))?;
    outputs.commit()
}

/// A proof of a full batch of 8, and what its witness takes of that.
fn eight_ops(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    let circuit = Circuit::new(8);
    let path = folder.join("rollup-8.zkey");
    development_key(&circuit, &path)?;
    let batch = sample::transfers(8);
    let witness = circuit.groth16_witness(&batch).or_fail(Code::BadWitness)?;
    let opened = device::open(&DeviceName::Cpu, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
    let key: ProvingKey = input::key(&path)?;
    let measured_bytes = path.metadata().or_fail(Code::BadFile)?.len() as f64;
    let loaded = prover.load(key).map_err(load_failure)?;
    // In turns, the first of each not counted.
    let (mut witness_times, mut proof_times) = (Vec::new(), Vec::new());
    for _ in 0..=RUNS {
        let started = Instant::now();
        circuit.groth16_witness(&batch).or_fail(Code::BadWitness)?;
        witness_times.push(started.elapsed().as_secs_f64());
        proof_times.push(once(&prover, &loaded, &witness)?);
    }
    let [witness_time, proof_time] = [witness_times, proof_times].map(|times| median(times[1..].to_vec()));
    sheet.line("8 ops: proof on the CPU, key ready", proof_time, "s", Bar::AtMost(2.5));
    sheet.line("8 ops: witness over proof", witness_time / proof_time, "times", Bar::AtMost(0.05));
    sheet.line(
        "8 ops: the key's size over what its sections add up to",
        measured_bytes / key_bytes(&circuit),
        "times",
        Bar::AtMost(1.001),
    );
    Ok(())
}
