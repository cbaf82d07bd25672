//! What curve arithmetic asks of a field.

/// A field, or lanes of one. Elements need not have a unique representation: compare with [`Field::is_zero`] of a
/// difference.
pub trait Field: Copy + Send + Sync + 'static {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Whether this is 0, in any representation.
    fn is_zero(self) -> bool;
    /// 1/x, and 0 for 0. Slow: see [`invert_all`].
    fn invert(self) -> Self;

    /// 2x.
    #[inline(always)]
    fn double(self) -> Self {
        self.add(self)
    }
    /// x².
    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }
    /// −x.
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO.sub(self)
    }
}

/// Replaces each element by its inverse, with one inversion and three products an element. Zeros stay zero.
///
/// `scratch` is overwritten; giving the same vector again saves its allocation.
pub fn invert_all<F: Field>(values: &mut [F], scratch: &mut Vec<F>) {
    scratch.clear();
    scratch.resize(values.len(), F::ONE);
    invert_each(values, scratch);
}

/// The same; `scratch` is as long as the values.
pub(crate) fn invert_each<F: Field>(values: &mut [F], scratch: &mut [F]) {
    let mut product = F::ONE;
    for (value, before) in values.iter().zip(scratch.iter_mut()) {
        *before = product;
        if !value.is_zero() {
            product = product.mul(*value);
        }
    }
    let mut inverse = product.invert();
    for (value, before) in values.iter_mut().zip(scratch.iter()).rev() {
        if !value.is_zero() {
            let inverted = inverse.mul(*before);
            inverse = inverse.mul(*value);
            *value = inverted;
        }
    }
}
