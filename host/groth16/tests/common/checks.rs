//! What must hold for any bytes that claim to be a file of ours. The fuzz targets and the test that replays their corpus both
//! call this; a failure is a panic.

use std::sync::Arc;

use millrace_groth16::{
    ProvingKey, R1cs, Witness, proof_from_json, proof_to_json, public_from_json, public_to_json,
    verifying_key_from_json, verifying_key_to_json,
};

/// Every check of a key ends with a key or an error.
pub fn zkey(data: &[u8]) {
    if let Ok(key) = ProvingKey::from_bytes(Arc::new(data.to_vec())) {
        let _ = key.check_coefficients();
        let _ = key.check_points();
        let _ = key.check_subgroups();
        let _ = key.trivial_delta();
    }
}

/// A witness that is taken has values, all of them in range.
pub fn wtns(data: &[u8]) {
    if let Ok(witness) = Witness::from_bytes(data) {
        assert!(!witness.is_empty());
        assert!(witness.values().iter().all(|v| v.is_in_range()));
    }
}

/// A constraint system that is taken can be asked about a witness of as many zeros as it wants.
pub fn r1cs(data: &[u8]) {
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
}

/// Text that is read as a proof, public signals or a verification key is written and read again the same.
pub fn json(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(proof) = proof_from_json(text) {
        assert_eq!(proof_from_json(&proof_to_json(&proof)), Ok(proof));
    }
    if let Ok(publics) = public_from_json(text) {
        assert_eq!(public_from_json(&public_to_json(&publics)), Ok(publics));
    }
    if let Ok(key) = verifying_key_from_json(text) {
        assert_eq!(verifying_key_from_json(&verifying_key_to_json(&key)), Ok(key));
    }
}

/// r, little-endian.
const MODULUS: [u8; 32] = [
    0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8, 0x33, 0x28, 0x5d,
    0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];
