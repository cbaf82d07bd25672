//! The digest in completions (`docs/spec/device.md`, Completion).

use pulp::Arch;

/// Over whole beats of 64 bytes. Rotations and sums commute: each of the eight words of a beat is summed by itself, and turned into its place at the end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Digest([u64; 8]);

impl Digest {
    /// Takes more beats in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let sums = self.0;
        // With the widest registers of the machine: eight words are one of AVX-512.
        self.0 = Arch::new().dispatch(
            #[inline(always)]
            || bytes.as_chunks::<64>().0.iter().fold(sums, take),
        );
    }

    /// The value in a completion.
    pub(crate) fn value(self) -> u64 {
        (0u32..).step_by(8).zip(self.0).fold(0, |d, (turn, sum)| d ^ sum.rotate_left(turn))
    }
}

#[inline(always)]
fn take(sums: [u64; 8], beat: &[u8; 64]) -> [u64; 8] {
    let words = beat.as_chunks::<8>().0;
    std::array::from_fn(|i| sums[i].rotate_left(1) ^ u64::from_le_bytes(words[i]))
}

/// Of all bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.update(bytes);
    digest.value()
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_the_formula_of_the_specification() {
        let bytes: Vec<u8> = (0..64u32 * 131).map(|i| (i * i % 251) as u8).collect();
        let formula = bytes.chunks_exact(64).fold(0, |d: u64, beat| {
            let words = beat.chunks_exact(8).map(|w| u64::from_le_bytes(w.try_into().unwrap()));
            words.zip((0u32..).step_by(8)).fold(d.rotate_left(1), |d, (w, turn)| d ^ w.rotate_left(turn))
        });
        assert_eq!(super::digest(&bytes), formula);
        let mut digest = super::Digest::default();
        for part in [&bytes[..640], &[], &bytes[640..704], &bytes[704..]] {
            digest.update(part);
        }
        assert_eq!(digest.value(), formula);
    }
}
