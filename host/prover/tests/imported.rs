//! Proofs from an imported key: the same bytes, and what happens when the file changes under a loaded key.

mod common;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{
    CIRCUITS, Circuit, DEVICE, Device, Fault, SEED, TRUSTED, assert_equal, expected, options, prove, prover,
    vectors,
};
use millrace_groth16::{ImportError, KeyError, KeyPart, ProvingKey, import_key};
use millrace_job::{CancelToken, Engine};
use millrace_oracle::OracleEngine;
use millrace_prover::{LoadError, Placement, ProveError, Randomness};

/// Imports a circuit's key into `folder`.
fn imported(vectors: &Path, name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(format!("{name}.mkey"));
    let out = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    import_key(&vectors.join(format!("{name}.zkey")), &out, &|| true).unwrap();
    path
}

#[test]
fn every_engine_gives_the_oracles_proof_from_an_imported_key() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in CIRCUITS {
        let mut circuit = Circuit::open(&vectors, name);
        let expected = expected(&circuit);
        circuit.key = ProvingKey::open(&imported(&vectors, name, folder.path())).unwrap();
        let devices: [(Placement, Arc<dyn Engine>); 3] = [
            (Placement::On(TRUSTED), Arc::new(OracleEngine::new())),
            (Placement::On(DEVICE), Arc::new(OracleEngine::new())),
            (Placement::On(DEVICE), Arc::new(Device::new(Fault::None))),
        ];
        for (placement, device) in devices {
            let proved = prove(&prover(device, options(placement)), &circuit, Some(&circuit.r1cs)).unwrap();
            assert_equal(&proved, &expected);
        }
    }
}

#[test]
fn a_file_that_changes_under_a_loaded_key_gives_no_proof_and_is_named() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let circuit = Circuit::open(&vectors, "full");
    let path = imported(&vectors, "full", folder.path());
    for placement in [Placement::On(TRUSTED), Placement::On(DEVICE)] {
        changes_under(&path, &circuit, placement);
    }
}

/// On a device that does sums over G1 and transforms rightly, from copies of its own, it is still the file that is named.
fn changes_under(path: &Path, circuit: &Circuit, placement: Placement) {
    let prover = prover(Arc::new(Device::new(Fault::None)), options(placement));
    let on_device = placement == Placement::On(DEVICE);
    let key = prover.load(ProvingKey::open(path).unwrap()).unwrap();
    let ask =
        || prover.prove(&key, &circuit.witness, None, &Randomness::Seed(SEED), &(), &CancelToken::default());
    ask().unwrap();
    let file = File::options().write(true).open(path).unwrap();
    for part in [KeyPart::RowEnds, KeyPart::Terms, KeyPart::Values, KeyPart::A, KeyPart::B2, KeyPart::H] {
        let range = key.key().range(part);
        let before = (**key.key().bytes()).as_ref()[range.clone()].to_vec();
        let at = range.start as u64;
        file.write_all_at(&vec![0xa5; range.len()], at).unwrap();
        match ask().map(|_| ()) {
            // The device has copies of its own of the bases over G1.
            Ok(()) => assert!(on_device && matches!(part, KeyPart::A | KeyPart::H), "{part:?}"),
            Err(ProveError::BadKey(KeyError::Import(ImportError::Changed { from, .. }))) => {
                assert_eq!(from, at)
            }
            // Where a number of it leads outside, the engine refuses first.
            Err(ProveError::Run(_)) => assert!(matches!(part, KeyPart::RowEnds | KeyPart::Terms), "{part:?}"),
            Err(other) => panic!("{part:?}: {other}"),
        }
        assert!(prover.engines().aside(DEVICE).is_none(), "the device was right");
        let again = prover.load(ProvingKey::open(path).unwrap());
        assert!(matches!(again, Err(LoadError::Key(KeyError::Import(ImportError::Changed { .. })))));
        file.write_all_at(&before, at).unwrap();
    }
    ask().unwrap();
}
