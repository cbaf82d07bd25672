//! The digest that a completion carries of what was written (`docs/spec/device.md`, Completion).

/// Bytes of a beat.
const BEAT_BYTES: usize = 64;
/// Words of a beat.
const WORDS: usize = 8;

/// d ← rotl(d, 1) ⊕ w0 ⊕ rotl(w1, 8) ⊕ … ⊕ rotl(w7, 56) for every beat. Catches damage on the way; no signature.
///
/// A rotation of a sum is the sum of the rotations, so that each of the eight words of a beat is summed by itself, which a compiler does several at a
/// time; they are turned and come together in [`Digest::value`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Digest([u64; WORDS]);

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

    /// Takes one beat in; its words.
    #[inline(always)]
    pub(crate) fn take(&mut self, beat: &[u8; BEAT_BYTES]) -> [u64; WORDS] {
        let bytes = beat.as_chunks::<8>().0;
        let words: [u64; WORDS] = std::array::from_fn(|i| u64::from_le_bytes(bytes[i]));
        for (sum, word) in self.0.iter_mut().zip(words) {
            *sum = sum.rotate_left(1) ^ word;
        }
        words
    }

    /// The value in a completion.
    pub fn value(self) -> u64 {
        self.0.iter().zip((0..).step_by(8)).fold(0, |fold, (sum, turn)| fold ^ sum.rotate_left(turn))
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
