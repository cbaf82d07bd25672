//! What small scalars beside scalars of full width cost in one sum, over what they would in sums of their own: whether classes by length are worth while.

use ark_ff::AdditiveGroup;
use millrace_bn254::Fr;

use super::{
    Sheet,
    kernels::{Pair, Sums, elements},
};
use crate::exit::Failure;

/// Bits of the small ones: indices or bytes, and amounts.
const BITS: [u32; 2] = [16, 64];
/// One of so many is of full width, as hashes are in a rollup's witness.
const ONE_OF: [usize; 2] = [64, 8];

/// Prints for each case what two sums, one of the small ones and one of the others, take over the one sum that the engine makes of both.
pub(super) fn measure(sheet: &mut Sheet, pair: &Pair, sums: &Sums, name: &str) -> Result<(), Failure> {
    let random = elements(sums.len());
    for bits in BITS {
        for one_of in ONE_OF {
            let small = |x: &Fr| Fr::from(x.0.0[0] >> (64 - bits));
            let part = |is_small: Option<bool>| -> Vec<Fr> {
                let scalar = |(i, x): (usize, &Fr)| match (i % one_of != 0, is_small) {
                    (at_small, Some(wanted)) if at_small != wanted => Fr::ZERO,
                    (true, _) => small(x),
                    (false, _) => *x,
                };
                random.iter().enumerate().map(scalar).collect()
            };
            let all = [None, Some(true), Some(false)].map(|is_small| sums.with(part(is_small)));
            let seconds = pair.in_turns(&all)?;
            let name = format!("{name}, {bits} bits but one of {one_of}: two sums over one");
            sheet.told(&name, (seconds[1] + seconds[2]) / seconds[0], "times");
        }
    }
    Ok(())
}
