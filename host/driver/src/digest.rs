//! The digest that a completion carries of what was written (`docs/spec/device.md`, Completion).

/// Bytes of a beat.
const BEAT_BYTES: usize = 64;

/// d ← rotl(d, 1) ⊕ w0 ⊕ rotl(w1, 8) ⊕ … ⊕ rotl(w7, 56) for every beat. Catches damage on the way; no signature.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Digest(u64);

impl Digest {
    /// Of these bytes, a whole number of beats; a last part of a beat counts as filled up with zeros.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = Self::default();
        digest.update(bytes);
        digest
    }

    /// Takes more beats in.
    pub fn update(&mut self, bytes: &[u8]) {
        let (beats, rest) = bytes.as_chunks::<BEAT_BYTES>();
        for beat in beats {
            self.take(beat);
        }
        if !rest.is_empty() {
            let mut filled = [0; BEAT_BYTES];
            filled[..rest.len()].copy_from_slice(rest);
            self.take(&filled);
        }
    }

    /// Takes one beat in.
    #[inline]
    pub(crate) fn take(&mut self, beat: &[u8; BEAT_BYTES]) {
        let words = beat.as_chunks::<8>().0.iter().zip((0..).step_by(8));
        let fold = words.fold(0, |fold, (word, turn)| fold ^ u64::from_le_bytes(*word).rotate_left(turn));
        self.0 = self.0.rotate_left(1) ^ fold;
    }

    /// The value in a completion.
    pub fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_formula() {
        let words: Vec<u64> = (1..=16u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let mut expected = 0u64;
        for beat in words.chunks(8) {
            expected = expected.rotate_left(1);
            for (i, w) in beat.iter().enumerate() {
                expected ^= w.rotate_left(8 * i as u32);
            }
        }
        assert_eq!(Digest::of(&bytes).value(), expected);
        let mut parts = Digest::of(&bytes[..64]);
        parts.update(&bytes[64..]);
        assert_eq!(parts.value(), expected);
        assert_eq!(Digest::of(&[]).value(), 0);
        assert_eq!(Digest::of(&[7]).value(), 7, "a short beat is filled up with zeros");
    }
}
