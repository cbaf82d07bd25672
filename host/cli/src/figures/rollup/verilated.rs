//! Proofs by the Verilated device, byte for byte the CPU's: one of one op made now, and what `make rollup-verilated` kept of eight ops and of the whole demonstration.

use std::{collections::BTreeMap, path::Path};

use millrace_circuit::batch::Circuit;
use millrace_groth16::{Witness, proof_to_json, public_to_json};
use millrace_job::CancelToken;
use millrace_prover::Randomness;

use super::{
    Bar, Sheet,
    campaigns::{self, number},
    development_key, sample,
};
use crate::{
    device::{self, DeviceName, OpenOptions},
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prove_failure, prover},
    report::device_work,
};

const SCRIPT: [&str; 2] = ["sim/demo/rollup.sh", "tested"];
const SEED: [u8; 32] = [7; 32];

/// What a device made of a key and a witness.
struct Made {
    /// `proof.json` and `public.json`.
    files: [String; 2],
    /// Jobs that a device can do, by the engine that did them.
    work: BTreeMap<String, u64>,
    behavioural: bool,
}

fn made(name: &DeviceName, key: &Path, witness: &Witness) -> Result<Made, Failure> {
    let opened = device::open(name, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
    let loaded = prover.load(input::key(key)?).map_err(load_failure)?;
    let cancel = CancelToken::default();
    let proved =
        prover.prove(&loaded, witness, None, &Randomness::Seed(SEED), &(), &cancel).map_err(prove_failure)?;
    let work = device_work(&proved.report);
    let files = [proof_to_json(&proved.proof), public_to_json(&proved.publics)];
    Ok(Made { files, work, behavioural: opened.is_behavioural() })
}

/// A proof of one op by the Verilated device, now (half a minute), beside the CPU's of the same randomness.
pub(super) fn fresh(sheet: &mut Sheet, folder: &Path) -> Result<(), Failure> {
    const NAME: &str = "1 op: Verilated device's proof equal to the CPU's";
    if cfg!(not(feature = "sim")) {
        sheet.not_measured(NAME, "this build is without the simulated device");
        return Ok(());
    }
    let circuit = Circuit::new(1);
    let key = folder.join("rollup-1.zkey");
    development_key(&circuit, &key)?;
    let witness = circuit.groth16_witness(&sample::transfers(1)).or_fail(Code::BadWitness)?;
    let (cpu, sim) = (made(&DeviceName::Cpu, &key, &witness)?, made(&DeviceName::Sim, &key, &witness)?);
    if sim.behavioural {
        sheet.not_measured(NAME, "the simulated device has a behavioural multiplier");
        return Ok(());
    }
    // All that a device can do was done there, and not by a CPU that helped out.
    let jobs = sim.work.get(&DeviceName::Sim.to_string()).copied().filter(|_| sim.work.len() == 1);
    let equal = cpu.files == sim.files && jobs.is_some_and(|jobs| jobs > 0);
    sheet.line(NAME, f64::from(u8::from(equal)), "1 = yes", Bar::AtLeast(1.0));
    sheet.told("1 op: jobs of that proof on the device", jobs.unwrap_or(0) as f64, "jobs");
    Ok(())
}

/// What was kept of eight ops and of the demonstration.
pub(super) fn kept(sheet: &mut Sheet, root: &Path) -> Result<(), Failure> {
    const NAMES: [&str; 2] = [
        "8 ops: Verilated device's proof equal to the CPU's",
        "rollup demo on the Verilated device: proofs the CPU's",
    ];
    let path = root.join("host/rollup/campaigns/verilated.json");
    let why = match std::fs::read_to_string(path) {
        Err(_) => "no run was kept (make rollup-verilated)".to_owned(),
        Ok(text) => match campaigns::fresh(root, &text, &SCRIPT, "rollup-verilated")? {
            Err(why) => why,
            Ok(kept) => {
                let story = number(&kept["demonstration"]["equal_proofs"]);
                sheet.stored(NAMES[0], number(&kept["equal_proofs"]), "1 = yes", Bar::AtLeast(1.0));
                sheet.stored(NAMES[1], story, "proofs", Bar::AtLeast(1.0));
                return Ok(());
            }
        },
    };
    NAMES.iter().for_each(|name| sheet.not_measured(name, &why));
    Ok(())
}
