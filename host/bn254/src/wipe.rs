//! Overwriting what derives from a witness.

use bytemuck::Pod;
use zeroize::Zeroize;

/// Writes zeros over values, a word of 64 bits at a time where they lie on one: such writes may not be left out, so the compiler joins none of them.
pub fn wipe<T: Pod>(values: &mut [T]) {
    let (first, words, last) = bytemuck::pod_align_to_mut::<u8, u64>(bytemuck::cast_slice_mut(values));
    first.zeroize();
    words.zeroize();
    last.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_overwritten_and_nothing_beside_it() {
        for start in 0..9 {
            for len in 0..40 {
                let mut bytes = [0xa5u8; 64];
                wipe(&mut bytes[start..start + len]);
                let zeros = bytes.iter().filter(|byte| **byte == 0).count();
                assert!(zeros == len && bytes[start..start + len].iter().all(|byte| *byte == 0));
            }
        }
    }
}
