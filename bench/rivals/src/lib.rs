//! Other people's provers, for figures side by side.
//!
//! In: the same `.zkey` and `.wtns` that `millrace prove` takes. Out: a proof and the time it took. Nothing that Millrace
//! delivers depends on this crate.
//!
//! halo2curves is there for its kernels alone: products, sums over G1, transforms. Its field is assembly on x86-64 (feature `asm`).
//!
//! arkworks runs with its `parallel` feature, on as many threads as rayon's global pool has.

#![forbid(unsafe_code)]

mod arkworks;
mod halo2;
mod reduction;

pub use arkworks::{ArkworksKey, RivalProof, arkworks_prove};
pub use halo2::{Halo2Products, Halo2Sum, Halo2Transform};
