//! Points in memory as rows of 64 bytes, two coordinates each, in a file's form: integers times 2^256, below 2q.

use bytemuck::{Pod, Zeroable, bytes_of, cast_slice, cast_slice_mut};
use zeroize::Zeroize;

use crate::{
    G1Mont, G2Mont,
    backend::Instructions,
    batch::{AddPairs, MapPoints},
    curve::{Affine, G1Lazy, G2Lazy},
    endomorphism,
    field::Field,
    fq2::Fq2Lazy,
    lanes::{Backend, Lanes, fq2::Fq2Lanes},
    mont::FqLazy,
};

/// A group and how its points lie in memory.
pub trait Curve: Copy + Send + Sync + 'static {
    /// Where coordinates are from.
    type Field: Field + Zeroize;
    /// A point of a key.
    type Base: Pod + Send + Sync;
    /// Rows of a point.
    const ROWS: usize;
    /// The cube root of 1 with λ·(x, y) = (βx, y) in the group of order r, for the λ of [`endomorphism`].
    const BETA: Self::Field;
    /// Eight coordinates.
    #[doc(hidden)]
    type Lanes<B: Backend>: Lanes<Scalar = Self::Field>;

    /// Does a batch of additions. Every group says this for itself, so that the kernel is compiled in this crate, whose profile
    /// leaves out checks that would stand between vector instructions.
    fn add_pairs(instructions: Instructions, batch: AddPairs<'_, Self>);

    /// Replaces points by their images under the endomorphism; as [`Curve::add_pairs`].
    fn map_points(instructions: Instructions, images: MapPoints<'_, Self>);

    /// Whether a base is the point at infinity.
    #[inline]
    fn is_infinity(base: &Self::Base) -> bool {
        bytes_of(base).as_chunks::<8>().0.iter().all(|word| *word == [0; 8])
    }
    /// A base.
    fn base(base: &Self::Base) -> Affine<Self::Field> {
        Self::read(cast_slice(core::slice::from_ref(base)))
    }
    /// The point in [`Curve::ROWS`] rows.
    fn read(rows: &[[u8; 64]]) -> Affine<Self::Field>;
    /// Its rows.
    fn write(point: &Affine<Self::Field>, rows: &mut [[u8; 64]]);
}

/// BN254 G1.
#[derive(Clone, Copy, Debug)]
pub struct G1;
/// BN254 G2.
#[derive(Clone, Copy, Debug)]
pub struct G2;

fn put(row: &mut [u8; 64], x: FqLazy, y: FqLazy) {
    let (words, _) = row.as_chunks_mut::<8>();
    for (word, limb) in words.iter_mut().zip(x.limbs().into_iter().chain(y.limbs())) {
        *word = limb.to_le_bytes();
    }
}

impl Curve for G1 {
    type Field = FqLazy;
    type Base = G1Mont;
    const ROWS: usize = 1;
    const BETA: FqLazy = endomorphism::BETA;
    type Lanes<B: Backend> = B::Fq;

    fn add_pairs(instructions: Instructions, batch: AddPairs<'_, Self>) {
        instructions.run(batch);
    }
    fn map_points(instructions: Instructions, images: MapPoints<'_, Self>) {
        instructions.run(images);
    }
    #[inline]
    fn read(rows: &[[u8; 64]]) -> G1Lazy {
        G1Lazy::from(&G1Mont(rows[0]))
    }
    fn write(point: &G1Lazy, rows: &mut [[u8; 64]]) {
        put(&mut rows[0], point.x, point.y);
    }
}

impl Curve for G2 {
    type Field = Fq2Lazy;
    type Base = G2Mont;
    const ROWS: usize = 2;
    const BETA: Fq2Lazy = endomorphism::BETA_OF_TWIST;
    type Lanes<B: Backend> = Fq2Lanes<B::Fq>;

    fn add_pairs(instructions: Instructions, batch: AddPairs<'_, Self>) {
        instructions.run(batch);
    }
    fn map_points(instructions: Instructions, images: MapPoints<'_, Self>) {
        instructions.run(images);
    }
    #[inline]
    fn read(rows: &[[u8; 64]]) -> G2Lazy {
        let mut bytes = [0; 128];
        bytes[..64].copy_from_slice(&rows[0]);
        bytes[64..].copy_from_slice(&rows[1]);
        G2Lazy::from(&G2Mont(bytes))
    }
    fn write(point: &G2Lazy, rows: &mut [[u8; 64]]) {
        put(&mut rows[0], point.x.c0, point.x.c1);
        put(&mut rows[1], point.y.c0, point.y.c1);
    }
}

/// The rows of a key's points.
pub fn rows<C: Curve>(bases: &[C::Base]) -> &[[u8; 64]] {
    cast_slice(bases)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Row([u8; 64]);

/// Points of our own, in rows that cross no cache line.
#[derive(Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// Makes room for so many rows, so that [`Rows::grow`] need not move them; what is there may be lost.
    pub(crate) fn make_room(&mut self, rows: usize) {
        if self.0.capacity() < rows {
            // What there is goes first.
            self.wipe();
            self.0 = Vec::new();
            self.0.reserve_exact(rows);
        }
    }

    /// Makes it so long, with zero rows (points at infinity) behind what is there.
    pub(crate) fn grow(&mut self, rows: usize) {
        if self.0.len() >= rows {
            return;
        }
        if self.0.capacity() >= rows {
            self.0.resize(rows, Row([0; 64]));
        } else {
            // What is left behind when it moves is wiped.
            let mut roomy = Vec::with_capacity(rows);
            roomy.extend_from_slice(&self.0);
            roomy.resize(rows, Row([0; 64]));
            self.wipe();
            self.0 = roomy;
        }
    }

    pub(crate) fn wipe(&mut self) {
        cast_slice_mut::<_, u64>(&mut self.0).zeroize();
    }

    pub(crate) fn all(&self) -> &[[u8; 64]] {
        cast_slice(&self.0)
    }

    pub(crate) fn all_mut(&mut self) -> &mut [[u8; 64]] {
        cast_slice_mut(&mut self.0)
    }
}
