//! Six transforms as one: from A·w and B·w to the values of A·B − C at the odd 2n-th roots of unity, C = A∘B on the domain.
//!
//! Inverse transforms leave their rows, r' + R·k' for eight neighbouring r', where forward transforms of C rows and R columns find their columns. So
//! both meet in one pass, and three passes over each of a, b and c do what four over each do, and three loops beside:
//!
//! 1. columns of the inverse transforms: a and b as they are, c = a·b multiplied as it is read;
//! 2. rows of the inverse transforms, and at once, in the cache, columns of the forward ones; 1/n and coset shift are in the tables;
//! 3. rows of the forward transforms of all three, a·b − c, integers.
//!
//! A backend's product of two values in form x·2^256 may have another form, (xy)·t. c has it from the first pass on, a·b in the last, so both differences
//! and their integers, one more product by 1/t, come out right whatever t is.
//!
//! Bounds, in units of r: pass 1 starts below 2.1, pass 2 below 3.5 and, settled between, below 2; pass 3 below 3.5. With at most 14 levels all stay
//! below 60. In the last step a·b is below 60·60/84.6 + 2 < 45, c settled below 2, their difference below 47.

use super::{Levels, Plan, Scratch, Shape, passes};
use crate::{
    Fr, FrCanonical,
    backend::{Instructions, Kernel},
    field::Field,
    lanes::{Backend, Factor, LANES, Lanes, Line, Loose, Packed, PrimeLanes},
    mont::{FrLazy, R},
};
use passes::{Read, ReadRows, Source, Vectors, room, turn};

/// Pass 2 of an inverse plan and pass 1 of a forward one, in place.
struct Middle<'a, 'b> {
    inverse: &'a Levels,
    forward: &'a Levels,
    table: &'a [Packed],
    scratch: &'a mut Vec<Line>,
    places: &'a mut [&'b mut [Packed]],
}

/// Eight neighbouring rows of each column, eight columns a place.
struct ReadPlaces<'a, 'b>(&'a [&'b mut [Packed]]);

impl<V: PrimeLanes<Modulus = R>> Read<V> for ReadPlaces<'_, '_> {
    #[inline(always)]
    fn read(&self, column: usize) -> V {
        V::unpack(&self.0[column / LANES][column % LANES])
    }
    #[inline(always)]
    fn prefetch(&self, column: usize) {
        V::prefetch(&self.0[column / LANES][column % LANES]);
    }
}

/// What another transform left.
struct ReadVectors<'a>(Vectors<'a>);

impl<V: PrimeLanes> Read<V> for ReadVectors<'_> {
    #[inline(always)]
    fn read(&self, index: usize) -> V {
        self.0.get::<V>(index).carried().settle::<0>()
    }
    #[inline(always)]
    fn prefetch(&self, _: usize) {}
}

impl Kernel for Middle<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.pass::<B::Fr>();
    }
}

impl Middle<'_, '_> {
    #[inline(always)]
    fn pass<V: PrimeLanes<Modulus = R>>(self) {
        let Self { inverse, forward, table, scratch, places } = self;
        let len = 1usize << inverse.log_len;
        assert!(forward.log_len == inverse.log_len && places.len() * LANES == len);
        let Vectors(lines) = room::<V>(scratch, 2 * len);
        let (first, second) = lines.split_at_mut(len * V::LINES);
        let mut coefficients = Vectors(first);
        inverse.run::<V>(&mut coefficients, &ReadPlaces(places));
        let mut vectors = Vectors(second);
        forward.run::<V>(&mut vectors, &ReadVectors(coefficients));
        for (block, (place, table)) in places.iter_mut().zip(table.chunks_exact(LANES)).enumerate() {
            turn::<V>(&vectors, block, table, place);
        }
    }
}

/// Pass 2 of three forward transforms, and what is made of them.
struct Last<'a, 'b> {
    levels: &'a Levels,
    task: usize,
    packed: [&'a [Packed]; 3],
    to_integers: Factor,
    scratch: &'a mut Vec<Line>,
    out: &'a mut [&'b mut [FrCanonical]],
}

impl Kernel for Last<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.pass::<B::Fr>();
    }
}

impl Last<'_, '_> {
    #[inline(always)]
    fn pass<V: PrimeLanes<Modulus = R>>(self) {
        let Self { levels, task, packed: [a, b, c], to_integers, scratch, out } = self;
        let len = 1usize << levels.log_len;
        assert_eq!(out.len(), len);
        let Vectors(lines) = room::<V>(scratch, 2 * len);
        let (first, second) = lines.split_at_mut(len * V::LINES);
        let (mut products, mut vectors) = (Vectors(first), Vectors(second));
        // Pass 2 left them one after the other.
        let read = |packed| ReadRows { packed, rows: LANES, first: task * len };
        levels.run::<V>(&mut products, &read(a));
        levels.run::<V>(&mut vectors, &read(b));
        for i in 0..len {
            products.set::<V>(i, products.get::<V>(i).mul(vectors.get::<V>(i).carried()));
        }
        levels.run::<V>(&mut vectors, &read(c));
        let to_integers = V::broadcast(&to_integers);
        for (i, out) in out.iter_mut().enumerate() {
            let c = V::Loose::of(vectors.get::<V>(i).carried().settle::<0>());
            let mut integers = [[0; 4]; LANES];
            products.get::<V>(i).sub::<2>(c).mul(to_integers).carried().store_reduced(&mut integers);
            for (out, limbs) in out.iter_mut().zip(integers) {
                *out = FrCanonical::from_limbs(limbs);
            }
        }
    }
}

/// The integer that stands for the product of one and one.
struct OneTimesOne;

impl Kernel for OneTimesOne {
    type Output = [u64; 4];

    #[inline(always)]
    fn run<B: Backend>(self) -> [u64; 4] {
        let ones = B::Fr::load(&[Fr::from(1u64).0.0; LANES]);
        let mut products = [[0; 4]; LANES];
        ones.mul(ones).store_reduced(&mut products);
        products[0]
    }
}

/// Pass 1 is that of the inverse plan, which may be dropped then; the others are those of the plan that follows.
impl Plan {
    /// A plan without its table for a forward transform, whose columns are what the rows are of [`Plan::new`]'s inverse one; `None` where that has none.
    ///
    /// # Panics
    /// As [`Plan::new`], or if the shape is not that of a forward transform on the coset.
    pub fn following(instructions: Instructions, shape: Shape) -> Option<Self> {
        assert!(shape.coset && !shape.inverse, "{shape:?} follows no inverse transform");
        let log_rows = shape.log_n / 2;
        let mut plan = Self::split(instructions, shape, shape.log_n - log_rows)?;
        let before = Shape { log_n: shape.log_n, inverse: true, coset: false };
        plan.before = Some(Levels::new(instructions, before, log_rows, false));
        Some(plan)
    }

    /// Pass 1 of the product of `a` and `b`, for eight columns, as [`Plan::columns`].
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn columns_of_product(
        &self,
        task: usize,
        a: &[Fr],
        b: &[Fr],
        scratch: &mut Scratch,
        out: &mut [Packed],
    ) {
        assert_eq!([a.len(), b.len()], [1 << self.shape.log_n; 2]);
        self.run_columns(task, Source::Product(a, b), scratch, out);
    }

    /// Pass 2 of the inverse transform and pass 1 of this one, in place: for each column task, `places` are its parts of what pass 1 of the inverse transform left,
    /// eight vectors of every `8·column_tasks()`.
    ///
    /// # Panics
    /// If a length is wrong, or the plan follows none.
    pub fn rows_to_columns(&self, task: usize, scratch: &mut Scratch, places: &mut [&mut [Packed]]) {
        let rows = 1usize << self.columns.log_len;
        let table = &self.table[task * rows..(task + 1) * rows];
        let (inverse, scratch) = (self.before.as_ref().expect("a plan that follows"), &mut scratch.0);
        self.instructions.run(Middle { inverse, forward: &self.columns, table, scratch, places });
    }

    /// Pass 2 of this plan, for eight rows of what [`Plan::rows_to_columns`] left of a, b and c; `out` has, for each k', the eight values of a·b − c at k'·C + 8·task.
    ///
    /// # Panics
    /// If a length is wrong, or the plan follows none.
    pub fn rows_of_quotient(
        &self,
        task: usize,
        packed: [&[Packed]; 3],
        scratch: &mut Scratch,
        out: &mut [&mut [FrCanonical]],
    ) {
        assert!(self.before.is_some() && packed.iter().all(|packed| packed.len() == self.table.len()));
        let (levels, to_integers, scratch) = (&self.rows, self.to_integers, &mut scratch.0);
        self.instructions.run(Last { levels, task, packed, to_integers, scratch, out });
    }
}

/// The factor that makes integers of products.
pub(super) fn to_integers(instructions: Instructions) -> Factor {
    let one = FrCanonical::from_limbs(instructions.run(OneTimesOne));
    passes::factor(instructions, FrLazy::from_canonical(&one).invert())
}
