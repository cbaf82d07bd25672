//! Wrong answers, failing devices, wrong witnesses and damaged keys: no wrong proof, and the right reason.

mod common;

use std::sync::Arc;

use common::{
    Circuit, DEVICE, Device, Fault, TRUSTED, assert_equal, expected, options, prove, prover, vectors,
};
use millrace_bn254::FrCanonical;
use millrace_groth16::{ProvingKey, Witness};
use millrace_job::{EngineError, EngineSet, Fleet, RunError};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;
use millrace_prover::{Blame, FaultPlace, LoadError, Placement, ProveError, Prover, ProverOptions, Share};

fn with_fallback(placement: Placement) -> ProverOptions {
    ProverOptions { fallback: true, ..options(placement) }
}

/// Proves on a faulty device, with fallback: the proof must be right, the fault named, the device put aside.
fn repaired(circuit: &Circuit, fault: Fault, placement: Placement) -> Blame {
    let prover = prover(Arc::new(Device::new(fault)), with_fallback(placement));
    let proved = prove(&prover, circuit, None).unwrap();
    assert_equal(&proved, &expected(circuit));
    let blame = proved.report.blame.expect("a fault was put in");
    assert_eq!(blame.engine, "device");
    assert_eq!(proved.report.aside.len(), 1);
    assert!(prover.engines().aside(DEVICE).unwrap().contains(&blame.label));
    // and the next proof goes to the CPU alone
    let again = prove(&prover, circuit, None).unwrap();
    assert_equal(&again, &expected(circuit));
    assert!(again.report.jobs.iter().all(|job| job.engine == "cpu"));
    blame
}

#[test]
fn a_wrong_bucket_is_named() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "bits");
    let blame = repaired(&circuit, Fault::Bucket { window: 5, digit: 3 }, Placement::On(DEVICE));
    assert_eq!((blame.label.as_str(), blame.place), ("msm H", FaultPlace::Bucket { window: 5, digit: 3 }));
    let split = Placement::Split { device: DEVICE, share: Share::Ratio(0.5) };
    let blame = repaired(&circuit, Fault::Bucket { window: 0, digit: 8 }, split);
    assert_eq!(
        (blame.label.as_str(), blame.place),
        ("msm H 1/2", FaultPlace::Bucket { window: 0, digit: 8 })
    );
}

#[test]
fn a_wrong_reduction_a_transient_and_a_wrong_value_are_told_apart() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "full");
    assert_eq!(repaired(&circuit, Fault::Reduction, Placement::On(DEVICE)).place, FaultPlace::AfterBuckets);
    assert_eq!(repaired(&circuit, Fault::Once, Placement::On(DEVICE)).place, FaultPlace::Transient);
    let blame = repaired(&circuit, Fault::Transform { index: 77 }, Placement::On(DEVICE));
    assert_eq!((blame.label.as_str(), blame.place), ("ntt a inverse", FaultPlace::Value { index: 77 }));
}

#[test]
fn without_fallback_a_wrong_answer_is_an_error_that_names_it() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "tiny");
    let prover = prover(Arc::new(Device::new(Fault::Reduction)), options(Placement::On(DEVICE)));
    let Err(ProveError::Device(blame)) = prove(&prover, &circuit, None) else {
        panic!("a wrong device was not blamed")
    };
    assert_eq!((blame.label.as_str(), blame.place), ("msm H", FaultPlace::AfterBuckets));
}

#[test]
fn a_transient_failure_is_tried_again_on_the_device() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "many");
    let prover = prover(Arc::new(Device::new(Fault::FailsOnce)), options(Placement::On(DEVICE)));
    let proved = prove(&prover, &circuit, None).unwrap();
    assert_equal(&proved, &expected(&circuit));
    assert_eq!(proved.report.jobs.iter().filter(|job| job.attempts == 2).count(), 1);
    assert_eq!(proved.report.moved().count(), 0);
    assert!(prover.engines().aside(DEVICE).is_none());
}

#[test]
fn a_device_that_fails_for_good_is_put_aside_and_the_cpu_takes_over_if_it_may() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "many");
    for fault in [Fault::Fails, Fault::Lost] {
        let may = prover(Arc::new(Device::new(fault)), with_fallback(Placement::On(DEVICE)));
        let proved = prove(&may, &circuit, None).unwrap();
        assert_equal(&proved, &expected(&circuit));
        assert_eq!(proved.report.moved().count(), 10);
        assert!(may.engines().aside(DEVICE).is_some());

        let may_not = prover(Arc::new(Device::new(fault)), options(Placement::On(DEVICE)));
        let Err(ProveError::Run(RunError::Job { engine, source, .. })) = prove(&may_not, &circuit, None)
        else {
            panic!("{fault:?} went unseen")
        };
        assert_eq!(engine, "device");
        assert!(matches!(source, EngineError::JobFailed { .. } | EngineError::DeviceLost { .. }));
    }
}

#[test]
fn a_device_that_takes_no_bases_is_put_aside_or_fails_the_load() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "many");
    let may = prover(Arc::new(Device::new(Fault::NeverThere)), with_fallback(Placement::On(DEVICE)));
    assert_equal(&prove(&may, &circuit, None).unwrap(), &expected(&circuit));
    let may_not = prover(Arc::new(Device::new(Fault::NeverThere)), options(Placement::On(DEVICE)));
    assert!(
        matches!(may_not.load(circuit.key.clone()), Err(LoadError::Engine { engine, .. }) if engine == "device")
    );
}

/// The circuit with one witness value changed.
fn falsified(mut circuit: Circuit, signal: usize) -> Circuit {
    let mut values = circuit.witness.values().to_vec();
    values[signal] = FrCanonical::from_limbs([0x1234_5678, 0, 0, 0]);
    circuit.witness = Witness::from_values(values).unwrap();
    circuit
}

#[test]
fn a_wrong_witness_is_told_with_and_without_constraints() {
    let Some(folder) = vectors() else { return };
    for placement in [Placement::On(TRUSTED), Placement::On(DEVICE)] {
        // The last signal of `full` is the last link of the chain: only the last constraints see it.
        let circuit = falsified(Circuit::open(&folder, "full"), 255);
        let prover = prover(Arc::new(Device::new(Fault::None)), with_fallback(placement));
        assert!(matches!(prove(&prover, &circuit, None), Err(ProveError::UnsatisfiedOrDamaged)));
        let Err(ProveError::Unsatisfied(which)) = prove(&prover, &circuit, Some(&circuit.r1cs)) else {
            panic!("the constraint was not named")
        };
        assert_eq!(Some(which), circuit.r1cs.first_unsatisfied(&circuit.witness).unwrap());
        assert!(prover.engines().aside(DEVICE).is_none(), "the device was right");
    }
}

#[test]
fn a_damaged_key_is_told_from_a_wrong_witness() {
    let Some(folder) = vectors() else { return };
    let mut circuit = Circuit::open(&folder, "many");
    // Two bases of the quotient change places: every point is still a point.
    let h = circuit.key.range(millrace_groth16::KeyPart::H);
    let (first, second) = circuit.key_bytes[h].split_at_mut(64);
    first.swap_with_slice(&mut second[..64]);
    circuit.key = ProvingKey::from_bytes(Arc::new(circuit.key_bytes.clone())).unwrap();
    let prover = prover(Arc::new(OracleEngine::new()), options(Placement::On(TRUSTED)));
    assert!(matches!(prove(&prover, &circuit, Some(&circuit.r1cs)), Err(ProveError::KeyDamaged(_))));
    assert!(matches!(prove(&prover, &circuit, None), Err(ProveError::UnsatisfiedOrDamaged)));
}

#[test]
fn files_of_another_circuit_are_refused() {
    let Some(folder) = vectors() else { return };
    let (mut circuit, other) = (Circuit::open(&folder, "many"), Circuit::open(&folder, "full"));
    let prover = prover(Arc::new(OracleEngine::new()), options(Placement::On(TRUSTED)));
    assert!(matches!(prove(&prover, &circuit, Some(&other.r1cs)), Err(ProveError::OtherConstraints { .. })));
    circuit.witness = other.witness;
    assert!(matches!(prove(&prover, &circuit, None), Err(ProveError::WitnessLength { got: 256, .. })));
}

#[test]
fn a_point_off_the_curve_keeps_a_key_from_loading() {
    let Some(folder) = vectors() else { return };
    let mut circuit = Circuit::open(&folder, "bits");
    let at = circuit.key.range(millrace_groth16::KeyPart::H).end - 64;
    circuit.key_bytes[at] ^= 1;
    let key = ProvingKey::from_bytes(Arc::new(circuit.key_bytes)).unwrap();
    let set = EngineSet::new(vec![Arc::new(CpuEngine::new())]);
    let prover = Prover::new(set, options(Placement::On(TRUSTED)));
    let Err(LoadError::Key(e)) = prover.load(key) else { panic!("a bad point went unseen") };
    assert!(e.to_string().contains(&format!("(byte {at})")), "{e}");
}

#[test]
fn of_several_devices_the_one_with_the_wrong_answer_is_blamed_alone() {
    let Some(folder) = vectors() else { return };
    let circuit = Circuit::open(&folder, "full");
    let fleet = Arc::new(Fleet::new("fleet"));
    fleet.add(Arc::new(Device::new(Fault::Reduction)));
    fleet.add(Arc::new(OracleEngine::new()));
    let prover = prover(fleet.clone(), with_fallback(Placement::On(DEVICE)));
    let proved = prove(&prover, &circuit, None).unwrap();
    assert_equal(&proved, &expected(&circuit));
    let blame = proved.report.blame.expect("a fault was put in");
    // The job is done again by that device, not by whichever of them is free.
    assert_eq!((blame.engine.as_str(), blame.place), ("device", FaultPlace::AfterBuckets));
    assert_eq!(prover.engines().aside(DEVICE), None, "the other one works on");
    let barred = fleet.members().into_iter().filter(|m| m.barred).map(|m| m.name).collect::<Vec<_>>();
    assert_eq!(barred, ["device"]);
    let again = prove(&prover, &circuit, None).unwrap();
    assert_equal(&again, &expected(&circuit));
    assert!(again.report.blame.is_none());
    assert!(again.report.jobs.iter().all(|job| job.engine == "cpu-oracle"), "{:?}", again.report.jobs);
}
