//! BN254 kernels and the element encodings that cross crate borders.
//!
//! In: elements as `ark-bn254` types (Montgomery form inside) or as the byte encodings of [`encoding`].
//! Out: the same. This crate knows nothing of jobs, files or devices.

#![deny(unsafe_code)]

pub mod encoding;

pub use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
pub use encoding::{FqCanonical, FrCanonical, G1Canonical, G1Mont, G2Mont};
