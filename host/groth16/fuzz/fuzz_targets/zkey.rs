//! Any bytes as a key: every check ends with a key or an error.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use millrace_groth16::ProvingKey;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = ProvingKey::from_bytes(Arc::new(data.to_vec())) {
        let _ = key.check_coefficients();
        let _ = key.check_points();
        let _ = key.check_subgroups();
        let _ = key.trivial_delta();
    }
});
