//! The digest in completions (`docs/spec/device.md`, Completion).

/// Over whole beats of 64 bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    // Rotations and sums commute: each of the eight words of a beat by itself, and each turned into its place at the end.
    let mut sums = [0u64; 8];
    for beat in bytes.as_chunks::<64>().0 {
        for (sum, word) in sums.iter_mut().zip(beat.as_chunks::<8>().0) {
            *sum = sum.rotate_left(1) ^ u64::from_le_bytes(*word);
        }
    }
    (0u32..).step_by(8).zip(sums).fold(0, |d, (turn, sum)| d ^ sum.rotate_left(turn))
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
    }
}
