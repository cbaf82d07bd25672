//! Any text as proof, public signals or verification key; what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_groth16::{
    proof_from_json, proof_to_json, public_from_json, public_to_json, verifying_key_from_json, verifying_key_to_json,
};

fuzz_target!(|text: &str| {
    if let Ok(proof) = proof_from_json(text) {
        assert_eq!(proof_from_json(&proof_to_json(&proof)), Ok(proof));
    }
    if let Ok(publics) = public_from_json(text) {
        assert_eq!(public_from_json(&public_to_json(&publics)), Ok(publics));
    }
    if let Ok(key) = verifying_key_from_json(text) {
        assert_eq!(verifying_key_from_json(&verifying_key_to_json(&key)), Ok(key));
    }
});
