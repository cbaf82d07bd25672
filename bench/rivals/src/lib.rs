//! Other people's provers, for figures side by side.
//!
//! In: the same `.zkey` and `.wtns` that `millrace prove` takes. Out: a proof and the time it took. Nothing that Millrace
//! delivers depends on this crate.
//!
//! arkworks runs with its `parallel` feature, on as many threads as rayon's global pool has.

#![forbid(unsafe_code)]

mod arkworks;
mod reduction;

pub use arkworks::{ArkworksKey, RivalProof, arkworks_prove};
