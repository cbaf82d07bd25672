//! One suite for every set of instructions and both prime fields: each operation on lanes against the scalar one; and [`ranges`], at the exact ends of what
//! each promises to take.

mod ranges;

use core::array::from_fn;

use super::{Backend, LANES, Lanes, Packed, PrimeLanes};
use crate::{
    backend::{BackendError, Instructions, Kernel},
    field::Field,
    fq2::Fq2Lazy,
    limbs,
    mont::{FqLazy, Lazy, Modulus, Q},
};

/// Integers below 2m whose limbs are extreme, and others.
fn samples<M: Modulus>() -> Vec<Lazy<M>> {
    let top = limbs::sub(M::M2, [1, 0, 0, 0]).0;
    let below = limbs::sub(M::M, [1, 0, 0, 0]).0;
    let mut all: Vec<[u64; 4]> = vec![[0; 4], [1, 0, 0, 0], M::M, top, below, M::R, M::R2, M::R3];
    all.push([u64::MAX, u64::MAX, u64::MAX, M::M[3]]);
    all.push([0, 0, 0, M::M2[3]]);
    all.extend((0..16).map(|i| {
        limbs::sub_if_not_below(from_fn(|j| if i >> j & 1 == 1 { u64::MAX >> 2 } else { 0 }), M::M2)
    }));
    let mut x = Lazy::<M>::raw(M::R3);
    all.extend((0..13).map(|_| {
        x = x.square();
        x.limbs()
    }));
    all.into_iter().map(Lazy::raw).collect()
}

fn same<M: Modulus>(a: Lazy<M>, b: Lazy<M>) -> bool {
    a.reduced() == b.reduced()
}

struct PrimeSuite;

/// k·x by additions, so that lanes hold an integer near k·m (84 at most).
fn grown<V: PrimeLanes>(x: V, k: usize) -> V {
    (1..k).fold(x, |sum, _| sum.add(x))
}

fn times<M: Modulus>(x: Lazy<M>, k: usize) -> Lazy<M> {
    (1..k).fold(x, |sum, _| sum.add(x))
}

#[inline(always)]
fn prime_suite<V: PrimeLanes>() {
    let all = samples::<V::Modulus>();
    let vectors: Vec<[Lazy<V::Modulus>; LANES]> =
        (0..all.len()).map(|i| from_fn(|lane| all[(i + 5 * lane) % all.len()])).collect();
    let each = |got: V, expected: &dyn Fn(usize) -> Lazy<V::Modulus>, what: &str| {
        for (lane, got) in got.scalars().into_iter().enumerate() {
            assert!(same(got, expected(lane)), "{what}, lane {lane}");
        }
    };
    for a in &vectors {
        let x = V::from_scalars(*a);
        each(x, &|i| a[i], "scalars");
        each(x.square(), &|i| a[i].square(), "square");
        each(x.settle::<0>(), &|i| a[i], "settle");
        // Settled by S bits, shifted on scattering, shifted back on gathering: the same again, and rows below 2m.
        let (big, expected) = (grown(x, 20).add(V::one().add(V::one())), |i: usize| {
            times(a[i], 20).add(Lazy::ONE).add(Lazy::ONE)
        });
        let (s1, s2) = (big.add(grown(x, 10)).settle::<1>(), big.add(grown(x, 10)).settle::<2>());
        each(s1, &|i| expected(i).add(times(a[i], 10)), "settle 1");
        each(s2, &|i| expected(i).add(times(a[i], 10)), "settle 2");
        // Products at the ends: values up to 80 m.
        for k in [2, 10, 40] {
            let high = grown(x, k);
            each(high, &|i| times(a[i], k), "grown");
            each(high.square(), &|i| times(a[i], k).square(), "high square");
            each(high.settle::<0>(), &|i| times(a[i], k), "high settle");
            let mut reduced = [[0; 4]; LANES];
            high.store_reduced(&mut reduced);
            let canonical = V::load(&reduced);
            let mut again = [[0; 4]; LANES];
            canonical.store_reduced(&mut again);
            assert_eq!(reduced, again);
            for value in reduced {
                assert!(limbs::sub(value, V::Modulus::M).1 == 1, "not below m");
            }
            each(canonical, &|i| times(a[i], k), "stored");
        }
        assert_eq!(x.mul(V::zero()).zeros_of_product(), 255);
        for b in &vectors {
            let y = V::from_scalars(*b);
            each(x.add(y), &|i| a[i].add(b[i]), "add");
            each(x.sub::<2>(y), &|i| a[i].sub(b[i]), "sub");
            each(x.sub::<16>(grown(y, 8)), &|i| a[i].sub(times(b[i], 8)), "sub of much");
            each(x.mul(y), &|i| a[i].mul(b[i]), "mul");
            let negative = 0b0110_0101;
            let signed = |i: usize| if negative >> i & 1 == 1 { a[i].neg() } else { a[i] };
            each(x.sub_signed::<4>(negative, y), &|i| signed(i).sub(b[i]), "signed sub");
            let rest = x.sub_signed::<18>(negative, grown(y, 8));
            each(rest, &|i| signed(i).sub(times(b[i], 8)), "signed sub of much");
            let less = |i: usize| times(a[i], 8).add(times(b[i], 8));
            let (x8, y8) = (grown(x, 8), grown(y, 8));
            each(
                grown(x, 4).mul_sub_settle::<36, 2, 2>(y8, [x8, y8]),
                &|i| times(a[i], 4).mul(times(b[i], 8)).sub(less(i)),
                "mul, sub and settle",
            );
            each(
                x.mul_sub_settle::<18, 1, 1>(y, [y8]),
                &|i| a[i].mul(b[i]).sub(times(b[i], 8)),
                "mul, sub of one and settle",
            );
            each(
                x8.square_sub_settle::<36, 2, 2>([x8, y8]),
                &|i| times(a[i], 8).square().sub(less(i)),
                "square, sub and settle",
            );
            each(grown(x, 40).mul(grown(y, 40)), &|i| times(a[i], 40).mul(times(b[i], 40)), "high mul");
            let zeros = x.sub::<2>(y).mul(V::one()).zeros_of_product();
            let mask = 0b1010_0110;
            let chosen = V::select(mask, x, y);
            each(chosen, &|i| if mask >> i & 1 == 1 { a[i] } else { b[i] }, "select");
            for lane in 0..LANES {
                // Samples are such that others may look like zeros; `ranges` says when.
                assert!(zeros >> lane & 1 == 1 || !same(a[lane], b[lane]), "a zero is missed");
            }
        }
        let mut lines = vec![super::Line([7; LANES]); V::LINES];
        x.save(&mut lines);
        each(V::restore(&lines), &|i| a[i], "lines");
        // Packed integers stand for themselves, whatever the form.
        let small = x.mul(V::one());
        each(V::unpack(&small.pack()), &|i| a[i], "pack");
        for element in &all {
            each(V::broadcast(&V::factor(*element)), &|_| *element, "broadcast");
        }
    }
    let rows: [V; LANES] = from_fn(|i| V::from_scalars(vectors[i]));
    for (j, column) in V::transpose(rows).into_iter().enumerate() {
        each(column, &|i| vectors[i][j], "transpose");
    }
    let zero = V::load(&[[0; 4]; LANES]);
    assert_eq!(zero.may_be_zero(), 255);
    let _ = Packed::ZERO;
}

impl Kernel for PrimeSuite {
    type Output = ();
    #[inline(always)]
    fn run<B: Backend>(self) {
        prime_suite::<B::Fq>();
        prime_suite::<B::Fr>();
    }
}

struct RowSuite;

impl Kernel for RowSuite {
    type Output = ();

    /// Points through gather and scatter, with sums in between; and Fq2 products at the ends of their range.
    #[inline(always)]
    fn run<B: Backend>(self) {
        let all = samples::<Q>();
        let row = |i: usize| {
            let mut row = [0; 64];
            let both = all[i % all.len()].limbs().into_iter().chain(all[(i * 7 + 3) % all.len()].limbs());
            let (words, _) = row.as_chunks_mut::<8>();
            words.iter_mut().zip(both).for_each(|(word, limb)| *word = limb.to_le_bytes());
            row
        };
        let coordinate =
            |row: &[u8; 64], i: usize| FqLazy::raw(limbs::from_bytes(&row.as_chunks::<32>().0[i]));
        for start in 0..all.len() {
            let rows: [[u8; 64]; LANES] = from_fn(|i| row(start + i));
            let (x, y) = B::Fq::gather_points(rows.each_ref().map(core::slice::from_ref));
            let more = V3::<B>(x).settled();
            let more_y = y.add(y).add(y).sub::<8>(y).settle::<1>();
            let mut out = [[0; 64]; LANES];
            B::Fq::scatter_points(more, more_y, &mut out, from_fn(|lane| LANES - 1 - lane));
            for (lane, (row, out)) in rows.iter().zip(out.iter().rev()).enumerate() {
                let (x, y) = (coordinate(row, 0), coordinate(row, 1));
                assert!(same(coordinate(out, 0), x.double()), "x, lane {lane}");
                assert!(same(coordinate(out, 1), y.double()), "y, lane {lane}");
                for c in 0..2 {
                    assert!(limbs::sub(coordinate(out, c).limbs(), Q::M2).1 == 1, "not below 2q");
                }
            }
        }
        let vectors: Vec<[FqLazy; LANES]> =
            (0..all.len()).map(|i| from_fn(|lane| all[(i + 5 * lane) % all.len()])).collect();
        for (i, a0) in vectors.iter().enumerate() {
            for b1 in &vectors {
                let (a1, b0) = (&vectors[(i + 3) % vectors.len()], &vectors[(i + 11) % vectors.len()]);
                for k in [1, 4] {
                    let lanes = |x: &[FqLazy; LANES]| grown(B::Fq::from_scalars(*x), k);
                    let [c0, c1] = B::Fq::mul_fq2([lanes(a0), lanes(a1)], [lanes(b0), lanes(b1)]);
                    let less = [[lanes(b0), lanes(b1)]];
                    let settled = B::Fq::mul_fq2_sub_settle::<10, 1, 1>(
                        [lanes(a0), lanes(a1)],
                        [lanes(b0), lanes(b1)],
                        less,
                    );
                    let rest = [c0.sub::<8>(lanes(b0)), c1.sub::<8>(lanes(b1))];
                    for (settled, rest) in settled.into_iter().zip(rest) {
                        for (settled, rest) in settled.scalars().into_iter().zip(rest.scalars()) {
                            assert!(same(settled, rest), "fq2, sub and settle");
                        }
                    }
                    let (c0, c1) = (c0.scalars(), c1.scalars());
                    for lane in 0..LANES {
                        let a = Fq2Lazy { c0: times(a0[lane], k), c1: times(a1[lane], k) };
                        let b = Fq2Lazy { c0: times(b0[lane], k), c1: times(b1[lane], k) };
                        let expected = a.mul(b);
                        assert!(
                            same(c0[lane], expected.c0) && same(c1[lane], expected.c1),
                            "fq2, lane {lane}"
                        );
                    }
                }
            }
        }
    }
}

struct V3<B: Backend>(B::Fq);

impl<B: Backend> V3<B> {
    /// 2x, from larger numbers.
    fn settled(self) -> B::Fq {
        self.0.add(self.0).add(self.0).sub::<8>(self.0).settle::<2>()
    }
}

#[test]
fn prime_fields_on_every_backend() {
    for instructions in Instructions::all() {
        instructions.run(PrimeSuite);
    }
}

#[test]
fn rows_and_the_extension_on_every_backend() {
    for instructions in Instructions::all() {
        instructions.run(RowSuite);
    }
}

#[test]
fn backends_by_name() {
    assert_eq!("portable".parse(), Ok(Instructions::PORTABLE));
    assert_eq!(Instructions::PORTABLE.name(), "portable");
    assert_eq!("sse9".parse::<Instructions>(), Err(BackendError::Unknown("sse9".into())));
    let mut here = vec![Instructions::PORTABLE];
    for (name, found) in [("adx", Instructions::adx()), ("avx512", Instructions::avx512())] {
        match found {
            Some(instructions) => {
                assert_eq!((name.parse(), instructions.name()), (Ok(instructions), name));
                here.insert(0, instructions);
            }
            None => {
                println!("skipped: {name}: this processor lacks its instructions");
                assert_eq!(name.parse::<Instructions>(), Err(BackendError::Missing(name)));
            }
        }
    }
    assert_eq!((Instructions::best(), Instructions::all()), (here[0], here));
}
