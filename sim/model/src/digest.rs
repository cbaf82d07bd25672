//! The digest in completions (`docs/spec/device.md`, Completion).

/// Over whole beats of 64 bytes. Rotations and sums commute: each of the eight words of a beat is summed by itself, and turned into its place at the end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Digest([u64; 8]);

impl Digest {
    /// Takes more beats in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut sums = self.0;
        bytes.as_chunks::<64>().0.iter().for_each(|beat| take(&mut sums, beat));
        self.0 = sums;
    }

    /// The same of bytes that are copied on the way, as many as there is room for: memory is gone through once.
    pub(crate) fn copy(&mut self, from: &[u8], to: &mut [u8]) {
        let mut sums = self.0;
        for (from, to) in from.as_chunks::<64>().0.iter().zip(to.as_chunks_mut::<64>().0) {
            take(&mut sums, from);
            *to = *from;
        }
        self.0 = sums;
    }

    /// The value in a completion.
    pub(crate) fn value(self) -> u64 {
        (0u32..).step_by(8).zip(self.0).fold(0, |d, (turn, sum)| d ^ sum.rotate_left(turn))
    }
}

#[inline(always)]
fn take(sums: &mut [u64; 8], beat: &[u8; 64]) {
    for (sum, word) in sums.iter_mut().zip(beat.as_chunks::<8>().0) {
        *sum = sum.rotate_left(1) ^ u64::from_le_bytes(*word);
    }
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
        let (mut digest, mut copy) = (super::Digest::default(), vec![0; bytes.len()]);
        digest.copy(&bytes, &mut copy[..640]);
        digest.update(&bytes[640..1280]);
        digest.copy(&bytes[1280..], &mut copy[1280..]);
        assert_eq!(digest.value(), formula);
        copy[640..1280].copy_from_slice(&bytes[640..1280]);
        assert_eq!(copy, bytes);
    }
}
