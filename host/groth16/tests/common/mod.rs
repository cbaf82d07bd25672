//! The circuit vectors.

#![allow(dead_code, unreachable_pub)] // each test file uses its own part of this

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use millrace_groth16::{KeyError, ProvingKey};

/// The circuits of `sim/vectors/circuits`: name, public signals, domain size.
pub const CIRCUITS: [(&str, u32, u32); 5] =
    [("tiny", 1, 4), ("private", 0, 16), ("many", 48, 128), ("full", 1, 256), ("bits", 1, 1024)];

/// A key with everything in it, small enough to be kept with the fuzz seeds.
pub const TINY_KEY: &[u8] = include_bytes!("../../fuzz/seeds/zkey/tiny.zkey");
pub const TINY_WITNESS: &[u8] = include_bytes!("../../fuzz/seeds/wtns/tiny.wtns");
pub const TINY_R1CS: &[u8] = include_bytes!("../../fuzz/seeds/r1cs/tiny.r1cs");
pub const TINY_PROOF: &str = include_str!("../../fuzz/seeds/json/tiny.proof.json");
pub const TINY_PUBLIC: &str = include_str!("../../fuzz/seeds/json/tiny.public.json");
pub const TINY_VK: &str = include_str!("../../fuzz/seeds/json/tiny.vk.json");

/// The folder of the circuit vectors; says so and gives `None` where they were not made.
pub fn vectors() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/vectors");
    let folder = std::env::var_os("MILLRACE_VECTORS").map_or(default, PathBuf::from);
    if folder.join("complete").is_file() {
        return Some(folder);
    }
    println!("skipped: no circuit vectors in {} (sim/vectors/circuits/make.sh makes them)", folder.display());
    None
}

pub fn key(bytes: &[u8]) -> Result<ProvingKey, KeyError> {
    ProvingKey::from_bytes(Arc::new(bytes.to_vec()))
}

/// Where a section's contents begin and how long they are, found without the code under test.
pub fn section(file: &[u8], wanted: u32) -> std::ops::Range<usize> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut at = 12;
    loop {
        let len = u64::from_le_bytes(file[at + 4..at + 12].try_into().unwrap()) as usize;
        if word(at) == wanted {
            return at + 12..at + 12 + len;
        }
        at += 12 + len;
    }
}
