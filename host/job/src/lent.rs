//! Read-only memory that a key lends to engines without a copy.

use std::{marker::PhantomData, ops::Range, sync::Arc};

use bytemuck::{AnyBitPattern, Pod};

/// A slice of `T` inside shared bytes (a mapped key, or a vector), cheap to clone, never copied.
pub struct Lent<T> {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    bytes: Range<usize>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Lent<T> {
    fn clone(&self) -> Self {
        Self { owner: self.owner.clone(), bytes: self.bytes.clone(), of: PhantomData }
    }
}

impl<T: AnyBitPattern> Lent<T> {
    /// Views `bytes` of `owner` as elements of `T`.
    ///
    /// Returns `None` when the range lies outside the owner, is no whole number of elements, or `T` is not byte-aligned.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>, bytes: Range<usize>) -> Option<Self> {
        let all = (*owner).as_ref();
        let fits = align_of::<T>() == 1
            && bytes.start <= bytes.end
            && bytes.end <= all.len()
            && bytes.len().is_multiple_of(size_of::<T>());
        fits.then_some(Self { owner, bytes, of: PhantomData })
    }

    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        bytemuck::cast_slice(&(*self.owner).as_ref()[self.bytes.clone()])
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / size_of::<T>()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

struct Owned<T>(Vec<T>);

impl<T: Pod> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<T: Pod + Send + Sync> From<Vec<T>> for Lent<T> {
    fn from(v: Vec<T>) -> Self {
        let bytes = 0..size_of_val(v.as_slice());
        Self { owner: Arc::new(Owned(v)), bytes, of: PhantomData }
    }
}
