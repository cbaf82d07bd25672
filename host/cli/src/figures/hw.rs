//! The simulated RTL, by its own counters.

use std::path::Path;

use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_job::{Group, Job, Resident, ScalarSlice};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{Bar, Sheet};
use crate::{
    bench::proofs::once,
    device::{self, DeviceName, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    input,
    prove::{load_failure, prover},
};

/// Digits a cycle in the bucket phase, by the RTL's own counters, all stalls included.
fn bucket_rate(opened: &Opened, points: &[G1Affine], scalars: Vec<Fr>) -> Result<f64, Failure> {
    let driver = opened.driver.as_ref().expect("the simulated device has a driver");
    let engine = opened.engine.as_ref();
    let count = || driver.statistics().or_fail(Code::DeviceFailed);
    let bases: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
    let bases = engine.load(Resident::G1(bases.into())).or_fail(Code::DeviceFailed)?;
    let before = count()?;
    let scalars: ScalarSlice = scalars.into_iter().map(FrCanonical::from).collect();
    let job = Job::Msm { group: Group::G1, bases, range: 0..points.len(), scalars };
    engine.submit(job).and_then(|ticket| engine.wait(ticket)).or_fail(Code::DeviceFailed)?;
    let after = count()?;
    engine.unload(bases);
    Ok((after.msm_digits - before.msm_digits) as f64
        / (after.msm_bucket_cycles - before.msm_bucket_cycles) as f64)
}

pub(super) fn measure(sheet: &mut Sheet, key: &Path, witness: &Path) -> Result<(), Failure> {
    const POINTS: usize = 1 << 12;
    let opened = device::open(&DeviceName::Sim, OpenOptions::default())?;
    let structural = opened.driver.as_ref().is_some_and(|d| !d.identity().behavioural);
    sheet.line("structural multiplier", f64::from(u8::from(structural)), "1 = yes", Bar::AtLeast(1.0));
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let points = crate::validate::random_points(&mut rng, POINTS);
    let mut scalar = || crate::validate::random_scalar(&mut rng);
    let (one, other) = (scalar(), scalar());
    let random: Vec<Fr> = (0..POINTS).map(|_| scalar()).collect();
    let mut sorted = random.clone();
    sorted.sort();
    let two_valued = (0..POINTS).map(|i| if i % 2 == 0 { one } else { other }).collect();
    for (name, scalars) in
        [("random", random), ("all equal", vec![one; POINTS]), ("two-valued", two_valued), ("sorted", sorted)]
    {
        let rate = bucket_rate(&opened, &points, scalars)?;
        let name = format!("bucket phase, 2^12 points, {name} scalars");
        sheet.line(&name, rate, "digits/cycle", Bar::AtLeast(0.98));
    }
    drop(opened);

    let opened = device::open(&DeviceName::Sim, OpenOptions::default())?;
    let prover = prover(&opened, None, false)?;
    let loaded = prover.load(input::key(key)?).map_err(load_failure)?;
    let seconds = once(&prover, &loaded, &input::witness(witness)?)?;
    sheet.line("whole proof on the simulated RTL", seconds, "s", Bar::AtMost(360.0));
    let simulation = opened.behind.simulation().expect("opened as a simulation");
    let rate = simulation.cycles_per_second().unwrap_or(0.0) / 1e3;
    sheet.line("simulation speed during a proof", rate, "kcycles/s", Bar::AtLeast(35.0));
    Ok(())
}
