//! Pointwise work on arrays that stay in lane layout.

use crate::{
    Fq, Packed,
    backend::{Instructions, Kernel},
    lanes::{Backend, LANES, Lanes, PrimeLanes},
};

/// An array of base-field elements, eight to a block; in the form of the instructions that it was made with.
pub struct FqArray {
    instructions: Instructions,
    blocks: Vec<Packed>,
}

enum Work<'a> {
    Load(&'a mut Packed, &'a [Fq; LANES]),
    Store(&'a Packed, &'a mut [Fq]),
    Mul(&'a mut [Packed], &'a [Packed]),
}

impl Kernel for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        match self {
            Work::Load(block, elements) => *block = B::Fq::from_scalars((*elements).map(Into::into)).pack(),
            Work::Store(block, elements) => {
                for (out, x) in elements.iter_mut().zip(B::Fq::unpack(block).scalars()) {
                    *out = x.into();
                }
            }
            Work::Mul(left, right) => {
                for (x, y) in left.iter_mut().zip(right) {
                    B::Fq::mul_packed(x, y);
                }
            }
        }
    }
}

impl FqArray {
    /// The array of these elements.
    pub fn new(instructions: Instructions, elements: &[Fq]) -> Self {
        let mut blocks = vec![Packed::ZERO; elements.len().div_ceil(LANES)];
        for (block, elements) in blocks.iter_mut().zip(elements.chunks(LANES)) {
            let mut eight = [Fq::default(); LANES];
            eight[..elements.len()].copy_from_slice(elements);
            instructions.run(Work::Load(block, &eight));
        }
        Self { instructions, blocks }
    }

    /// Multiplies each element by the one at the same place.
    ///
    /// # Panics
    /// If the arrays are of different lengths or instructions.
    pub fn mul_assign(&mut self, other: &Self) {
        assert_eq!((self.blocks.len(), self.instructions), (other.blocks.len(), other.instructions));
        self.instructions.run(Work::Mul(&mut self.blocks, &other.blocks));
    }

    /// Writes the elements.
    pub fn store(&self, elements: &mut [Fq]) {
        for (block, elements) in self.blocks.iter().zip(elements.chunks_mut(LANES)) {
            self.instructions.run(Work::Store(block, elements));
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::Field as _;

    use super::*;

    #[test]
    fn products_are_those_of_arkworks() {
        for instructions in Instructions::all() {
            for n in [0, 1, 7, 8, 9, 40] {
                let a: Vec<Fq> = (0..n).map(|i| Fq::from(i as u64 + 5).pow([77]) - Fq::from(1u64)).collect();
                let b: Vec<Fq> = (0..n).map(|i| -Fq::from(i as u64).pow([99])).collect();
                let mut product = FqArray::new(instructions, &a);
                product.mul_assign(&FqArray::new(instructions, &b));
                product.mul_assign(&FqArray::new(instructions, &a));
                let mut out = vec![Fq::default(); n];
                product.store(&mut out);
                let expected: Vec<Fq> = a.iter().zip(&b).map(|(a, b)| *a * b * a).collect();
                assert_eq!(out, expected, "{}, {n} elements", instructions.name());
            }
        }
    }
}
