//! The passes of a transform, over lanes.

use super::Levels;
use crate::{
    Fr,
    backend::{Instructions, Kernel},
    lanes::{Backend, Factor, LANES, Lanes, Line, Loose, Packed, PrimeLanes},
    mont::{FrLazy, R},
};

/// Butterflies between asking for what one reads and reading it: with two to eight a transform of 2^20 takes the same time, with none a tenth longer.
const AHEAD: usize = 3;

struct ToFactor(FrLazy);

impl Kernel for ToFactor {
    type Output = Factor;
    #[inline(always)]
    fn run<B: Backend>(self) -> Factor {
        B::Fr::factor(self.0)
    }
}

/// The factor in the backend's form.
pub(super) fn factor(instructions: Instructions, element: FrLazy) -> Factor {
    instructions.run(ToFactor(element))
}

/// The series first·step^i, in each lane.
pub(super) struct Fill<'a> {
    pub(super) first: [FrLazy; LANES],
    pub(super) step: [FrLazy; LANES],
    pub(super) part: &'a mut [Packed],
}

impl Kernel for Fill<'_> {
    type Output = ();
    #[inline(always)]
    fn run<B: Backend>(self) {
        let (mut value, step) = (B::Fr::from_scalars(self.first), B::Fr::from_scalars(self.step));
        for packed in self.part {
            *packed = value.pack();
            value = value.mul(step);
        }
    }
}

/// Vectors of a task, carries waiting.
pub(super) struct Vectors<'a>(pub(super) &'a mut [Line]);

impl Vectors<'_> {
    #[inline(always)]
    pub(super) fn get<V: PrimeLanes>(&self, index: usize) -> V::Loose {
        V::Loose::restore(&self.0[index * V::LINES..(index + 1) * V::LINES])
    }
    #[inline(always)]
    pub(super) fn set<V: PrimeLanes>(&mut self, index: usize, value: V::Loose) {
        value.save(&mut self.0[index * V::LINES..(index + 1) * V::LINES]);
    }
}

/// (a + b, a − b) for b ≤ 4.
#[inline(always)]
fn cross<L: Loose>(a: L, b: L) -> (L, L) {
    (a.add(b), a.sub::<4>(b))
}

/// Two levels at once on x₀ … x₃, h apart: factors of the lower level at k, of the upper one at k and k + h.
#[inline(always)]
fn butterfly<L: Loose>(x: [L; 4], low: &Factor, high: [&Factor; 2]) -> [L; 4] {
    let low = L::Tight::broadcast(low);
    let (y0, y1) = cross(x[0], x[1].mul(low));
    let (y2, y3) = cross(x[2], x[3].mul(low));
    let (z0, z2) = cross(y0, y2.mul(L::Tight::broadcast(high[0])));
    let (z1, z3) = cross(y1, y3.mul(L::Tight::broadcast(high[1])));
    [z0, z1, z2, z3]
}

/// The same where the factors at k = 0 are 1.
#[inline(always)]
fn plain_butterfly<L: Loose>(x: [L; 4], quarter: &Factor) -> [L; 4] {
    let (y0, y1) = cross(x[0], x[1]);
    let (y2, y3) = cross(x[2], x[3]);
    // y₂ is below 8: brought below 4 for the difference.
    let (z0, z2) = cross(y0, L::of(y2.carried().settle::<0>()));
    let (z1, z3) = cross(y1, y3.mul(L::Tight::broadcast(quarter)));
    [z0, z1, z2, z3]
}

fn reversed(i: usize, log_n: u32) -> usize {
    if log_n == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - log_n) }
}

/// Where a pass finds its vectors. No closure, as that would not be compiled with the backend's instructions on.
pub(super) trait Read<V> {
    fn read(&self, index: usize) -> V;
    /// Asks for what will be read later.
    fn prefetch(&self, index: usize);
}

/// Eight neighbouring columns of each row.
struct ReadColumns<'a> {
    values: &'a [Fr],
    columns: usize,
    first: usize,
}

impl<V: PrimeLanes<Modulus = R>> Read<V> for ReadColumns<'_> {
    #[inline(always)]
    fn read(&self, row: usize) -> V {
        let at = row * self.columns + self.first;
        let [a, b, c, d, e, f, g, h] =
            self.values[at..].first_chunk::<LANES>().expect("eight columns a task");
        V::load(&[a.0.0, b.0.0, c.0.0, d.0.0, e.0.0, f.0.0, g.0.0, h.0.0])
    }
    #[inline(always)]
    fn prefetch(&self, row: usize) {
        let at = row * self.columns + self.first;
        if let Some(eight) = self.values[at..].first_chunk::<LANES>() {
            V::prefetch(eight);
        }
    }
}

/// Products of two vectors' columns.
struct ReadProducts<'a>([ReadColumns<'a>; 2]);

impl<V: PrimeLanes<Modulus = R>> Read<V> for ReadProducts<'_> {
    #[inline(always)]
    fn read(&self, row: usize) -> V {
        let [a, b] = &self.0;
        Read::<V>::read(a, row).mul(b.read(row))
    }
    #[inline(always)]
    fn prefetch(&self, row: usize) {
        self.0.iter().for_each(|values| Read::<V>::prefetch(values, row));
    }
}

/// Eight neighbouring rows of each column.
pub(super) struct ReadRows<'a> {
    pub(super) packed: &'a [Packed],
    pub(super) rows: usize,
    pub(super) first: usize,
}

impl<V: PrimeLanes<Modulus = R>> Read<V> for ReadRows<'_> {
    #[inline(always)]
    fn read(&self, column: usize) -> V {
        V::unpack(&self.packed[column / LANES * self.rows + self.first + column % LANES])
    }
    #[inline(always)]
    fn prefetch(&self, column: usize) {
        V::prefetch(&self.packed[column / LANES * self.rows + self.first + column % LANES]);
    }
}

impl Levels {
    /// Factor k of a level.
    #[inline(always)]
    fn factor(&self, level: usize, k: usize) -> &Factor {
        &self.factors[level / 2 - 1 + k]
    }

    /// Transforms the lanes of what `source` gives, by decimation in time: what is read together lies in natural order, and each result is left in natural
    /// order. So `source` is read as four runs (two where the number of levels is odd), whose vectors a processor fetches in time where they are neighbours.
    #[inline(always)]
    pub(super) fn run<V: PrimeLanes>(&self, vectors: &mut Vectors<'_>, source: &impl Read<V>) {
        let len = 1usize << self.log_len;
        let read = |index| V::Loose::of(source.read(index));
        let mut h = if self.log_len % 2 == 1 {
            // Two transforms of length 2 and their joining: the first level alone, so that the rest are pairs.
            let half = len / 2;
            for j in 0..half {
                if j + AHEAD < half {
                    source.prefetch(j + AHEAD);
                    source.prefetch(j + AHEAD + half);
                }
                let (a, b) = (read(j), read(j + half));
                let b = if self.plain { b } else { b.mul(V::broadcast(self.factor(2, 0))) };
                let (a, b) = cross(a, b);
                let i = 2 * reversed(j, self.log_len - 1);
                vectors.set::<V>(i, a);
                vectors.set::<V>(i + 1, b);
            }
            2
        } else {
            let quarter = len / 4;
            for j in 0..quarter {
                if j + AHEAD < quarter {
                    (0..4).for_each(|run| source.prefetch(j + AHEAD + run * quarter));
                }
                let x = [read(j), read(j + 2 * quarter), read(j + quarter), read(j + 3 * quarter)];
                let z = if self.plain {
                    plain_butterfly(x, self.factor(4, 1))
                } else {
                    butterfly(x, self.factor(2, 0), [self.factor(4, 0), self.factor(4, 1)])
                };
                let i = 4 * reversed(j, self.log_len - 2);
                vectors.set::<V>(i, z[0]);
                vectors.set::<V>(i + 1, z[1]);
                vectors.set::<V>(i + 2, z[2]);
                vectors.set::<V>(i + 3, z[3]);
            }
            4
        };
        while h < len {
            for block in (0..len).step_by(4 * h) {
                for k in 0..h {
                    let i = block + k;
                    let x = [
                        vectors.get::<V>(i),
                        vectors.get::<V>(i + h),
                        vectors.get::<V>(i + 2 * h),
                        vectors.get::<V>(i + 3 * h),
                    ];
                    let high = [self.factor(4 * h, k), self.factor(4 * h, k + h)];
                    let z = butterfly(x, self.factor(2 * h, k), high);
                    vectors.set::<V>(i, z[0]);
                    vectors.set::<V>(i + h, z[1]);
                    vectors.set::<V>(i + 2 * h, z[2]);
                    vectors.set::<V>(i + 3 * h, z[3]);
                }
            }
            h *= 4;
        }
    }
}

/// Room for `count` vectors.
pub(super) fn room<V: Lanes>(scratch: &mut Vec<Line>, count: usize) -> Vectors<'_> {
    let lines = count * V::LINES;
    if scratch.len() < lines {
        scratch.resize(lines, Line([0; LANES]));
    }
    Vectors(&mut scratch[..lines])
}

/// What pass 1 reads.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Values(&'a [Fr]),
    /// The products of both, as [`Lanes::mul`] leaves them.
    Product(&'a [Fr], &'a [Fr]),
}

/// Pass 1.
pub(super) struct Columns<'a> {
    pub(super) levels: &'a Levels,
    pub(super) task: usize,
    pub(super) columns: usize,
    pub(super) source: Source<'a>,
    pub(super) table: &'a [Packed],
    pub(super) scratch: &'a mut Vec<Line>,
    pub(super) out: &'a mut [Packed],
}

impl Kernel for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.pass::<B::Fr>();
    }
}

impl Columns<'_> {
    #[inline(always)]
    fn pass<V: PrimeLanes<Modulus = R>>(self) {
        let Self { levels, task, columns, source, table, scratch, out } = self;
        let mut vectors = room::<V>(scratch, 1 << levels.log_len);
        let read = |values| ReadColumns { values, columns, first: task * LANES };
        match source {
            Source::Values(values) => levels.run::<V>(&mut vectors, &read(values)),
            Source::Product(a, b) => levels.run::<V>(&mut vectors, &ReadProducts([read(a), read(b)])),
        }
        for (block, (out, table)) in out.chunks_exact_mut(LANES).zip(table.chunks_exact(LANES)).enumerate() {
            turn::<V>(&vectors, block, table, out);
        }
    }
}

/// Eight rows of eight columns each, times their factors: left with the rows in the lanes.
#[inline(always)]
pub(super) fn turn<V: PrimeLanes>(vectors: &Vectors<'_>, block: usize, table: &[Packed], out: &mut [Packed]) {
    let mut square = [V::zero(); LANES];
    for (row, (value, factor)) in square.iter_mut().zip(table).enumerate() {
        *value = vectors.get::<V>(block * LANES + row).mul(V::unpack(factor)).carried();
    }
    for (out, value) in out.iter_mut().zip(V::transpose(square)) {
        *out = value.pack();
    }
}

/// Pass 2.
pub(super) struct RowPass<'a, 'b> {
    pub(super) levels: &'a Levels,
    pub(super) task: usize,
    pub(super) rows: usize,
    pub(super) packed: &'a [Packed],
    pub(super) last: &'a [Factor],
    pub(super) scratch: &'a mut Vec<Line>,
    pub(super) out: &'a mut [&'b mut [Fr]],
}

impl Kernel for RowPass<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        self.pass::<B::Fr>();
    }
}

impl RowPass<'_, '_> {
    #[inline(always)]
    fn pass<V: PrimeLanes<Modulus = R>>(self) {
        let Self { levels, task, rows, packed, last, scratch, out } = self;
        let len = 1usize << levels.log_len;
        assert_eq!(out.len(), len);
        let mut vectors = room::<V>(scratch, len);
        levels.run::<V>(&mut vectors, &ReadRows { packed, rows, first: task * LANES });
        for (k, out) in out.iter_mut().enumerate() {
            let mut value = vectors.get::<V>(k);
            if let Some(factor) = last.get(k) {
                value = value.mul(V::broadcast(factor));
            }
            let mut reduced = [[0; 4]; LANES];
            value.carried().store_reduced(&mut reduced);
            for (out, limbs) in out.iter_mut().zip(reduced) {
                out.0.0 = limbs;
            }
        }
    }
}
