//! Other people's provers, for figures side by side.
//!
//! In: the same `.zkey` and `.wtns` that `millrace prove` takes. Out: a proof and the time it took. Nothing that Millrace
//! delivers depends on this crate.
//!
//! halo2curves is there for its kernels alone: products, sums over G1, transforms. Its field is assembly on x86-64 (feature `asm`).
//!
//! arkworks runs with its `parallel` feature, on as many threads as rayon's global pool has; as fast as it can be where [`ARKWORKS_AT_ITS_BEST`] says so.

#![forbid(unsafe_code)]

mod arkworks;
mod halo2;
mod reduction;

/// Whether arkworks was compiled with its assembly: `ark-bn254` leaves it out without its own feature, and where these instructions are not promised.
pub const ARKWORKS_ASSEMBLY: bool = cfg!(all(
    feature = "arkworks-assembly",
    target_arch = "x86_64",
    target_feature = "bmi2",
    target_feature = "adx"
));

/// Whether these crates check their own claims in this build. Rivals are generic, so their loops are compiled with the profile of the crate that calls them: a
/// butterfly of arkworks' then pays for checks of ours.
const CHECKED: bool = cfg!(debug_assertions);

/// Whether arkworks is what its users get at best: with its assembly, and without our checks in its loops. Ratios to another one are not measured.
pub const ARKWORKS_AT_ITS_BEST: bool = ARKWORKS_ASSEMBLY && !CHECKED;

/// What arkworks is in this build.
pub fn arkworks_build() -> String {
    let field = if ARKWORKS_ASSEMBLY { "its assembly" } else { "its field in plain Rust" };
    let checks = if CHECKED { ", with debug assertions in its loops" } else { ", no debug assertions" };
    let cpu = match (cfg!(target_feature = "avx512f"), cfg!(target_feature = "avx2")) {
        (true, _) => ", instructions up to AVX-512 allowed to the compiler",
        (_, true) => ", instructions up to AVX2 allowed to the compiler",
        _ => "",
    };
    format!("arkworks 0.6, {field}{cpu}{checks}")
}

pub use arkworks::{ArkworksKey, RivalProof, arkworks_prove};
pub use halo2::{Halo2Products, Halo2Sum, Halo2Transform};
