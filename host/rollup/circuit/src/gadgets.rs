//! Pieces that the parts of a batch are made of.

pub(crate) mod bits;
pub(crate) mod eddsa;
pub(crate) mod edwards;
pub(crate) mod merkle;
pub(crate) mod poseidon;
