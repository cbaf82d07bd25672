//! Any bytes as a witness.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_groth16::Witness;

fuzz_target!(|data: &[u8]| {
    if let Ok(witness) = Witness::from_bytes(data) {
        assert!(!witness.is_empty());
        assert!(witness.values().iter().all(|v| v.is_in_range()));
    }
});
