//! BN254 kernels and the element encodings that cross crate borders.
//!
//! In: elements as `ark-bn254` types (Montgomery form inside) or as the byte encodings of [`encoding`].
//! Out: the same. This crate knows nothing of jobs, files or devices.
//!
//! | module | what it holds |
//! |---|---|
//! | [`encoding`] | bytes that cross crate borders |
//! | [`field`] | what curve arithmetic asks of a field, and batch inversion |
//! | [`mont`] | Fq and Fr, four 64-bit limbs in Montgomery form, reduced only as far as needed |
//! | [`fq2`] | the quadratic extension under G2 |
//! | [`curve`] | points: affine, and with two denominators (XYZZ) |
//! | [`batch`] | many independent affine additions with one inversion |
//! | [`tree`] | sums of runs of points, in rounds of batched additions: the inner loop of an MSM |
//! | [`weigh`] | Σ i·Bᵢ over the buckets of a window |
//!
//! Every kernel here is portable and generic over [`field::Field`]; a vector backend is another implementation of that
//! trait whose elements are lanes.

#![deny(unsafe_code)]

pub mod batch;
pub mod curve;
pub mod encoding;
pub mod field;
pub mod fq2;
mod invert;
mod limbs;
pub mod mont;
pub mod tree;
pub mod weigh;

pub use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
pub use encoding::{FqCanonical, FrCanonical, G1Canonical, G1Mont, G2Mont};
