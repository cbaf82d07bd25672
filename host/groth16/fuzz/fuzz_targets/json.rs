//! Any text as proof, public signals or verification key.
#![no_main]

#[path = "../../tests/common/checks.rs"]
#[allow(dead_code)] // each target uses its own check
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::json(data));
