//! The digest in completions (`docs/spec/device.md`, Completion).

/// Over whole beats of 64 bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.chunks_exact(64).fold(0, |d: u64, beat| {
        let words = beat.chunks_exact(8).map(|w| u64::from_le_bytes(w.try_into().expect("8 bytes")));
        words.zip((0u32..).step_by(8)).fold(d.rotate_left(1), |d, (word, turn)| d ^ word.rotate_left(turn))
    })
}
