//! The two random scalars of a proof.

use ark_ff::PrimeField;
use millrace_bn254::Fr;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use zeroize::Zeroize;

use crate::ProveError;

/// Where the blinding scalars come from.
#[derive(Clone)]
pub enum Randomness {
    /// The operating system's generator.
    Os,
    /// A seed, for tests and validation only: whoever knows it sees through the proof's blinding.
    ///
    /// ChaCha20 with this key, nonce and counter zero; its first 64 bytes, a little-endian integer, mod r give r, the next 64 give s.
    Seed([u8; 32]),
}

/// The blinding scalars r and s; wiped when dropped.
#[derive(Clone)]
pub struct Blinding {
    /// Blinds A.
    pub r: Fr,
    /// Blinds B.
    pub s: Fr,
}

impl Drop for Blinding {
    fn drop(&mut self) {
        self.r.zeroize();
        self.s.zeroize();
    }
}

impl Randomness {
    /// Draws the blinding scalars; 512 bits a scalar make the reduction's bias less than 2^-256.
    ///
    /// # Errors
    /// [`ProveError::Randomness`] if the system's generator fails.
    pub fn draw(&self) -> Result<Blinding, ProveError> {
        let mut bytes = [0; 128];
        match self {
            Self::Os => getrandom::fill(&mut bytes).map_err(|e| ProveError::Randomness(e.to_string()))?,
            Self::Seed(seed) => ChaCha20Rng::from_seed(*seed).fill_bytes(&mut bytes),
        }
        let [r, s] = [&bytes[..64], &bytes[64..]].map(Fr::from_le_bytes_mod_order);
        bytes.zeroize();
        Ok(Blinding { r, s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_scalars_and_another_seed_others() {
        let draw = |seed| Randomness::Seed([seed; 32]).draw().unwrap();
        assert_eq!((draw(1).r, draw(1).s), (draw(1).r, draw(1).s));
        assert_ne!(draw(1).r, draw(2).r);
        assert_ne!(draw(1).r, draw(1).s);
    }

    #[test]
    fn the_seed_derivation_is_pinned() {
        // First 64 bytes of the ChaCha20 keystream for key, nonce and counter zero (RFC 7539, appendix A.1, vector 1).
        let keystream: [u8; 64] = [
            0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
            0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
            0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
            0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
        ];
        let drawn = Randomness::Seed([0; 32]).draw().unwrap();
        assert_eq!(drawn.r, Fr::from_le_bytes_mod_order(&keystream));
    }

    #[test]
    fn the_system_gives_new_scalars_each_time() {
        assert_ne!(Randomness::Os.draw().unwrap().r, Randomness::Os.draw().unwrap().r);
    }
}
