//! Any bytes as a constraint system, asked about a witness of as many zeros as it wants.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use millrace_groth16::{R1cs, Witness};

fuzz_target!(|data: &[u8]| {
    let Ok(r1cs) = R1cs::from_bytes(Arc::new(data.to_vec())) else { return };
    let mut one = [0; 32];
    one[0] = 1;
    let count = r1cs.n_wires().min(1 << 12);
    let mut file = b"wtns\x02\0\0\0\x02\0\0\0\x01\0\0\0\x28\0\0\0\0\0\0\0\x20\0\0\0".to_vec();
    file.extend(MODULUS);
    file.extend(count.to_le_bytes());
    file.extend(2u32.to_le_bytes());
    file.extend(u64::from(count * 32).to_le_bytes());
    file.extend(one);
    file.resize(file.len() + 32 * (count as usize - 1), 0);
    let witness = Witness::from_bytes(&file).expect("a witness of zeros is one");
    let _ = r1cs.first_unsatisfied(&witness);
});

/// r, little-endian.
const MODULUS: [u8; 32] = [
    0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8, 0x33, 0x28, 0x5d, 0x58, 0x81,
    0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];
