//! Sums over short scalars beside scalars of full width: windows by classes of length beside one set of windows for all.

use millrace_bn254::Fr;

use super::{
    Bar, Sheet,
    kernels::{Pair, Sums, elements},
};
use crate::exit::Failure;

/// Bits of the short ones: bytes, indices, and amounts.
const BITS: [u32; 4] = [8, 16, 32, 64];
/// One of so many is of full width, as hashes are in a rollup's witness.
const ONE_OF: [usize; 2] = [64, 8];

/// Prints for each case what the engine takes over what it would take with one set of windows, and judges the worst: where classes gain nothing there shall be none.
pub(super) fn measure(sheet: &mut Sheet, pair: &Pair, sums: &Sums, name: &str) -> Result<(), Failure> {
    let random = elements(sums.len());
    let mut worst = f64::MIN;
    for bits in BITS {
        for one_of in ONE_OF {
            let scalar = |(i, x): (usize, &Fr)| match i % one_of {
                0 => *x,
                _ => Fr::from(x.0.0[0] >> (64 - bits)),
            };
            let scalars = random.iter().enumerate().map(scalar).collect();
            let ratio = pair.classes_over_one(&sums.with(scalars))?;
            let name = format!("{name}, {bits} bits but one of {one_of}: windows by classes over one set");
            sheet.told(&name, ratio, "times");
            worst = worst.max(ratio);
        }
    }
    sheet.line(&format!("{name}, short scalars, the worst of these"), worst, "times", Bar::AtMost(1.0));
    Ok(())
}
