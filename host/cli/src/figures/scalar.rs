//! The four-limb kernels, which processors without AVX-512 IFMA run, beside arkworks: they are to be no slower in anything.

use std::sync::Arc;

use millrace_bn254::backend::Instructions;
use millrace_kernels::{CpuEngine, Limits};
use millrace_prover::Prover;

use super::{
    Sheet, adversarial,
    circuit::Files,
    cpu,
    kernels::{Pair, Products, Sums},
};
use crate::{
    exit::{Code, Failure, OrFail},
    threads,
};

const BAR: f64 = 1.0;
const PROOFS: usize = 5;

/// `files` are those of a whole proof of 2^16.
pub(super) fn measure(sheet: &mut Sheet, files: &Files) -> Result<(), Failure> {
    for instructions in Instructions::all() {
        if Some(instructions) != Instructions::avx512() {
            with(sheet, instructions, files)?;
        }
    }
    Ok(())
}

fn with(sheet: &mut Sheet, instructions: Instructions, files: &Files) -> Result<(), Failure> {
    let on = instructions.name();
    let products = Products::measure(instructions)?;
    let name = format!("{on}: multiplication in Fq ({:.1} ns)", products.nanoseconds);
    sheet.beside_arkworks(&name, products.arkworks, BAR);
    sheet.told(
        &format!("{on}: multiplication in Fq, halo2curves' assembly over ours"),
        products.halo2,
        "times",
    );
    let pair = Pair::new(instructions)?;
    let sums = Sums::g1(16);
    pair.sum(sheet, &sums, &format!("{on}: G1 MSM 2^16, one thread"), BAR)?;
    adversarial::measure(sheet, &pair, &sums, &format!("{on}: G1 MSM 2^16"))?;
    pair.sum(sheet, &Sums::g2(14), &format!("{on}: G2 MSM 2^14, one thread"), BAR)?;
    pair.transforms(sheet, &format!("{on}: "), 18, BAR)?;
    let lanes = CpuEngine::lanes(threads::of_processors(), 1, instructions, Limits::NONE);
    let mut lanes = lanes.or_fail(Code::Resources)?;
    let prover = Prover::alone(Arc::new(lanes.pop().expect("one lane at least")));
    cpu::beside_arkworks(sheet, &format!("{on}: full width 2^16"), &prover, files, PROOFS, BAR)
}
