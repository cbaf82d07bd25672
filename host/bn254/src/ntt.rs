//! Transforms of n = 2^k scalars, natural order on both sides, in two passes of vectors.
//!
//! With j = r·C + c and k = r' + R·k', n = R·C, X\[k\] = Σ x\[j\]·ω^(jk) is
//!
//! 1. for each column c: Y\[r'\] = Σ_r x\[r·C + c\]·ω_R^(r·r'), eight neighbouring columns in the lanes of a vector;
//! 2. Y\[r'\] times ω_n^(r'·c), from a table;
//! 3. for each row r': X\[r' + R·k'\] = Σ_c Y\[r'\]\[c\]·ω_C^(c·k'), eight neighbouring rows in the lanes.
//!
//! Lanes never meet but in one transposition between the passes, vectors are read and written as runs of eight scalars, and each pass
//! works in a scratch of R or C vectors that a cache holds: memory sees every value four times, whatever n is.
//!
//! Everything else is folded into the factors. The coset shift g^j = g^(rC)·g^c, g = ω_2n, makes odd powers of the factors of pass 1
//! (g^C = ω_2R) and joins the table; 1/n and, for an inverse coset, g^(−r') join the table too, and the rest, g^(−R·k') = ω_2C^(−k'), is one
//! more product at the end.
//!
//! Values keep the factor that their form has (x·2^256): transforms are linear, so only the factors are in the backend's form.
//!
//! Bounds, in units of r: values start below 2 (pass 1) or 3.5 (pass 2) and grow by at most 4 a level; at most 14 levels keep them
//! below 60. A product with a factor (below 1; a table's, below 2.1) is below 60·2.1/84.6 + 2 < 3.5, which packs.
//!
//! Carries of a value wait until it is multiplied or leaves the pass (`Loose`). Until then it is a sum of at most 15: each level
//! adds one product, but the first two, where they have no factors, make a sum of three vectors.

mod passes;
mod quotient;
#[cfg(test)]
mod tests;

use crate::{
    Fr,
    backend::Instructions,
    field::Field,
    lanes::{Factor, Line, Packed},
    mont::FrLazy,
};
use passes::{Columns, Fill, RowPass, Source};

/// Columns or rows of a task.
pub const WIDTH: usize = crate::lanes::LANES;
/// Largest transform: r − 1 holds 2^28, and the coset needs a root of twice the order.
pub const MAX_LOG_N: u32 = 27;
/// Smallest transform in passes: each needs eight rows and eight columns.
const MIN_LOG_N: u32 = 6;

/// Which transform.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Shape {
    /// log₂ of the length.
    pub log_n: u32,
    /// Evaluations to coefficients.
    pub inverse: bool,
    /// At the odd 2n-th roots of unity in place of the n-th.
    pub coset: bool,
}

/// 5^((r−1)/2^log_n).
fn root_of_unity(log_n: u32) -> FrLazy {
    // 5^((r−1)/2^28), of order 2^28.
    const ROOT: [u64; 4] = [0x9bd61b6e725b19f0, 0x402d111e41112ed4, 0x00e0a7eb8ef62abc, 0x2a3c09f0a58a7e85];
    let mut root = FrLazy::from_canonical(&crate::FrCanonical::from_limbs(ROOT));
    for _ in log_n..28 {
        root = root.square();
    }
    root
}

fn power(mut base: FrLazy, mut exponent: usize) -> FrLazy {
    let mut out = FrLazy::ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            out = out.mul(base);
        }
        (base, exponent) = (base.square(), exponent >> 1);
    }
    out
}

impl Shape {
    /// ω_(2^log_n), or its inverse for an inverse transform.
    fn root(self, log_n: u32) -> FrLazy {
        let root = root_of_unity(log_n);
        if self.inverse { root.invert() } else { root }
    }

    /// 1/n for an inverse transform, else 1.
    fn scale(self) -> FrLazy {
        if self.inverse { FrLazy::from(Fr::from(1u64 << self.log_n)).invert() } else { FrLazy::ONE }
    }

    /// Transforms in place by the definition: for lengths too small for passes.
    ///
    /// # Panics
    /// If the number of values is not 2^log_n.
    fn by_definition(self, values: &mut [Fr]) {
        assert_eq!(values.len(), 1 << self.log_n);
        let given: Vec<FrLazy> = values.iter().map(|x| FrLazy::from(*x)).collect();
        let (step, shift) = (self.root(self.log_n), self.root(self.log_n + 1));
        let (mut point, mut scale) =
            (if self.coset && !self.inverse { shift } else { FrLazy::ONE }, self.scale());
        for value in values {
            let sum = given.iter().rev().fold(FrLazy::ZERO, |sum, x| sum.mul(point).add(*x));
            *value = sum.mul(scale).into();
            point = point.mul(step);
            if self.coset && self.inverse {
                scale = scale.mul(shift);
            }
        }
        drop(zeroize::Zeroizing::new(given));
    }
}

/// Factors of the levels of a transform in one lane: of level m (2, 4, …, length) at m/2 − 1 .. m − 1.
struct Levels {
    log_len: u32,
    /// Whether the first factor of each level is 1.
    plain: bool,
    factors: Vec<Factor>,
}

impl Levels {
    fn new(instructions: Instructions, shape: Shape, log_len: u32, coset: bool) -> Self {
        let mut factors = Vec::with_capacity((1 << log_len) - 1);
        for level in 1..=log_len {
            let step = shape.root(level);
            let mut factor = if coset { shape.root(level + 1) } else { FrLazy::ONE };
            for _ in 0..1usize << (level - 1) {
                factors.push(passes::factor(instructions, factor));
                factor = factor.mul(step);
            }
        }
        Self { log_len, plain: !coset, factors }
    }
}

/// Working memory of a task; holds values of a witness until it is wiped.
#[derive(Default)]
pub struct Scratch(Vec<Line>);

impl Scratch {
    /// Overwrites what is left of values in it; the memory stays.
    pub fn wipe(&mut self) {
        self.0.iter_mut().for_each(|line| zeroize::Zeroize::zeroize(&mut line.0));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Everything about transforms of one shape that does not depend on the values.
pub struct Plan {
    instructions: Instructions,
    shape: Shape,
    columns: Levels,
    rows: Levels,
    /// For the columns of task t and row r', at t·R + r'.
    table: Vec<Packed>,
    /// g^(−R·k').
    last: Vec<Factor>,
    /// Of the rows of the transform that this one follows.
    before: Option<Levels>,
    to_integers: Factor,
}

impl Plan {
    /// A plan without its table; `None` where [`Plan::tiny`] serves.
    ///
    /// # Panics
    /// If the shape is longer than [`MAX_LOG_N`].
    pub fn new(instructions: Instructions, shape: Shape) -> Option<Self> {
        Self::split(instructions, shape, shape.log_n / 2)
    }

    /// A plan of 2^log_columns columns.
    fn split(instructions: Instructions, shape: Shape, log_columns: u32) -> Option<Self> {
        assert!(shape.log_n <= MAX_LOG_N, "2^{} values", shape.log_n);
        if shape.log_n < MIN_LOG_N {
            return None;
        }
        let log_rows = shape.log_n - log_columns;
        let columns = Levels::new(instructions, shape, log_rows, shape.coset && !shape.inverse);
        let rows = Levels::new(instructions, shape, log_columns, false);
        let mut last = Vec::new();
        if shape.coset && shape.inverse {
            let (step, mut factor) = (shape.root(log_columns + 1), FrLazy::ONE);
            for _ in 0..1usize << log_columns {
                last.push(passes::factor(instructions, factor));
                factor = factor.mul(step);
            }
        }
        let table = vec![Packed::ZERO; 1 << (shape.log_n - 3)];
        let to_integers = quotient::to_integers(instructions);
        Some(Self { instructions, shape, columns, rows, table, last, before: None, to_integers })
    }

    /// Transforms in place where no plan is worth while.
    ///
    /// # Panics
    /// If the number of values is not the shape's.
    pub fn tiny(shape: Shape, values: &mut [Fr]) {
        shape.by_definition(values);
    }

    /// The table, in parts for [`Filler::fill`]: one for each column task.
    pub fn table_mut(&mut self) -> (Filler, impl Iterator<Item = &mut [Packed]>) {
        let filler = Filler {
            instructions: self.instructions,
            shape: self.shape,
            step: self.shape.root(self.shape.log_n),
            shift: self.shape.root(self.shape.log_n + 1),
            scale: self.shape.scale(),
        };
        (filler, self.table.chunks_exact_mut(1 << self.columns.log_len))
    }

    /// Column tasks; each has `packed_len() / column_tasks()` vectors to write.
    pub fn column_tasks(&self) -> usize {
        (1 << self.rows.log_len) / WIDTH
    }

    /// Row tasks.
    pub fn row_tasks(&self) -> usize {
        (1 << self.columns.log_len) / WIDTH
    }

    /// Vectors between the passes.
    pub fn packed_len(&self) -> usize {
        self.table.len()
    }

    /// Pass 1 for eight columns: reads all of `values`, writes the task's part of what lies between the passes.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn columns(&self, task: usize, values: &[Fr], scratch: &mut Scratch, out: &mut [Packed]) {
        assert_eq!(values.len(), 1 << self.shape.log_n);
        self.run_columns(task, Source::Values(values), scratch, out);
    }

    fn run_columns(&self, task: usize, source: Source<'_>, scratch: &mut Scratch, out: &mut [Packed]) {
        let rows = 1usize << self.columns.log_len;
        let table = &self.table[task * rows..(task + 1) * rows];
        let columns = 1 << self.rows.log_len;
        let scratch = &mut scratch.0;
        self.instructions.run(Columns { levels: &self.columns, task, columns, source, table, scratch, out });
    }

    /// Pass 2 for eight rows: reads all that lies between the passes; `out` has, for each k', the eight values at k'·R + 8·task.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn rows(&self, task: usize, packed: &[Packed], scratch: &mut Scratch, out: &mut [&mut [Fr]]) {
        assert_eq!(packed.len(), self.table.len());
        let rows = 1 << self.columns.log_len;
        let (last, scratch) = (self.last.as_slice(), &mut scratch.0);
        self.instructions.run(RowPass { levels: &self.rows, task, rows, packed, last, scratch, out });
    }
}

/// Fills parts of a plan's table.
#[derive(Clone, Copy)]
pub struct Filler {
    instructions: Instructions,
    shape: Shape,
    step: FrLazy,
    shift: FrLazy,
    scale: FrLazy,
}

impl Filler {
    /// Fills the part of column task `task`: a geometric series in r' in each lane.
    pub fn fill(&self, task: usize, part: &mut [Packed]) {
        let Shape { inverse, coset, .. } = self.shape;
        let column = |lane: usize| task * WIDTH + lane;
        let first = |lane| match coset && !inverse {
            true => power(self.shift, column(lane)),
            false => self.scale,
        };
        let step = |lane| {
            let step = power(self.step, column(lane));
            if coset && inverse { step.mul(self.shift) } else { step }
        };
        self.instructions.run(Fill {
            first: core::array::from_fn(first),
            step: core::array::from_fn(step),
            part,
        });
    }
}
