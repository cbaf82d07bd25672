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
//! | [`endomorphism`] | (βx, y) = λ·(x, y), and scalars as k₁ + λ·k₂ of half the length |
//! | [`array`] | pointwise work on arrays in lane layout |
//! | [`ntt`] | transforms in two passes of vectors |
//! | [`backend`] | which instructions kernels use |
//! | `lanes` | eight elements at a time: the vector trait, and its backends (portable, ADX, AVX-512) |
//! | [`points`] | points in memory, as kernels read and write them |
//! | [`batch`] | many independent affine additions with one inversion |
//! | [`buckets`] | sums of many points into buckets, and Σ i·Bᵢ over them: the inner loops of an MSM |
//! | [`ScalarSlice`] | secret scalars that several share, wiped by the last |
//! | [`wipe()`] | overwriting what derives from a witness |
//!
//! Scalar code is generic over [`field::Field`], kernels over the vector trait; a kernel is written once and compiled for each backend.

#![deny(unsafe_code)]

pub mod array;
pub mod backend;
pub mod batch;
pub mod buckets;
pub mod curve;
pub mod encoding;
pub mod endomorphism;
pub mod field;
pub mod fq2;
mod invert;
mod lanes;
mod limbs;
pub mod mont;
pub mod ntt;
pub mod points;
mod scalars;
mod wipe;

pub use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
pub use encoding::{FqCanonical, FrCanonical, G1Canonical, G1Mont, G2Mont};
pub use lanes::Packed;
pub use scalars::ScalarSlice;
pub use wipe::wipe;
