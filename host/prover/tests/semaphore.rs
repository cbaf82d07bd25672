//! A key of somebody else's ceremony (npm `@zk-kit/semaphore-artifacts`), if it is there.

mod common;

use std::{path::PathBuf, sync::Arc, time::Instant};

use common::{DEVICE, Device, Fault, SEED, TRUSTED, assert_equal, options, prover};
use millrace_groth16::{ProvingKey, Witness};
use millrace_job::CancelToken;
use millrace_prover::{Placement, Randomness, Share};

/// `MILLRACE_SEMAPHORE` is a folder with `semaphore-20.zkey` and `semaphore-20.wtns`.
#[test]
fn the_semaphore_key_gives_the_oracles_proof_on_every_engine() {
    let Some(folder) = std::env::var_os("MILLRACE_SEMAPHORE").map(PathBuf::from) else {
        println!("skipped: MILLRACE_SEMAPHORE names no folder with semaphore-20.zkey and semaphore-20.wtns");
        return;
    };
    let (key, wtns) = (folder.join("semaphore-20.zkey"), folder.join("semaphore-20.wtns"));
    let blinding = Randomness::Seed(SEED).draw().unwrap();
    let (key_bytes, wtns_bytes) = (std::fs::read(&key).unwrap(), std::fs::read(&wtns).unwrap());
    let expected = millrace_oracle::prove(&key_bytes, &wtns_bytes, blinding.r, blinding.s).unwrap();
    let split = Placement::Split { device: DEVICE, share: Share::Measured };
    for placement in [Placement::On(TRUSTED), Placement::On(DEVICE), split] {
        let prover = prover(Arc::new(Device::new(Fault::None)), options(placement));
        let began = Instant::now();
        let key = prover.load(ProvingKey::open(&key).unwrap()).unwrap();
        let loaded = began.elapsed();
        let witness = Witness::open(&wtns).unwrap();
        let randomness = Randomness::Seed(SEED);
        let proved = prover.prove(&key, &witness, None, &randomness, &(), &CancelToken::default()).unwrap();
        assert_equal(&proved, &expected);
        println!("{placement:?}: loaded in {loaded:?}, proved in {:?}", proved.report.wall);
    }
}
