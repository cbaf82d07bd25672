//! Every operation at the exact ends of the table in [`lanes`](crate::lanes): operands are made of integers, up to one below the bound that the operation
//! asks for, and the integers that come out are held against the bound that it gives, beside the right element.
//!
//! A backend that keeps its integers smaller gets the greatest that it holds. Elements are judged by arkworks' fields.

use core::array::from_fn;

use ark_ff::{Field, PrimeField};

use crate::{
    Fq, Fr,
    backend::{Instructions, Kernel},
    lanes::{Backend, Integer, LANES, Lanes, Loose, PrimeLanes, X_SHIFT, Y_SHIFT, fq2::Fq2Lanes},
    mont::{Modulus, Q, R},
};

/// The field that judges.
trait Judge: Modulus {
    type Field: PrimeField;
}

impl Judge for Q {
    type Field = Fq;
}

impl Judge for R {
    type Field = Fr;
}

type F<V> = <<V as PrimeLanes>::Modulus as Judge>::Field;

/// A bound on integers, in units of m/846: the table divides by 84.6.
#[derive(Clone, Copy)]
struct Below(u64);

impl Below {
    const fn moduli(k: u64) -> Self {
        Self(846 * k)
    }

    /// times·AB/84.6 + more.
    const fn product(times: u64, [a, b]: [u64; 2], more: u64) -> Self {
        Self(times * 10 * a * b + 846 * more)
    }
}

/// x·k, six limbs.
fn times(x: &Integer, k: u64) -> [u64; 6] {
    let mut carry = 0;
    let mut out = [0; 6];
    for (out, x) in out.iter_mut().zip(x.iter().chain(&[0])) {
        carry += u128::from(*x) * u128::from(k);
        (*out, carry) = (carry as u64, carry >> 64);
    }
    out
}

fn modulus<M: Modulus>() -> Integer {
    let [a, b, c, d] = M::M;
    [a, b, c, d, 0]
}

/// k·m − less.
fn below<M: Modulus>(k: u64, less: u64) -> Integer {
    let [low @ .., top] = times(&modulus::<M>(), k);
    assert_eq!(top, 0);
    let (mut out, mut borrow) = (low, less);
    for limb in &mut out {
        let (difference, under) = limb.overflowing_sub(borrow);
        (*limb, borrow) = (difference, u64::from(under));
    }
    assert_eq!(borrow, 0, "{k} moduli are less than {less}");
    out
}

/// Integers below k·m, k ≥ 1: the ends, multiples of m, limbs that are all ones or all zeros, and one of no kind.
fn integers<M: Modulus>(k: u64) -> [Integer; LANES] {
    let end = below::<M>(k, 1);
    let under_the_top = |low: u64| {
        let mut x = end;
        x[..3].fill(low);
        // One less in the bits from 192 on keeps it below the end.
        (x[3], x[4]) = if x[3] == 0 { (u64::MAX, x[4] - 1) } else { (x[3] - 1, x[4]) };
        x
    };
    let odd = times(&below::<M>(1, 0x1234_5678_9abc_def1), k);
    [
        end,
        [0; 5],
        below::<M>(k, 2),
        below::<M>(k - k / 2, 0),
        under_the_top(u64::MAX),
        under_the_top(0),
        [odd[0], odd[1], odd[2], odd[3], odd[4]],
        [1, 0, 0, 0, 0],
    ]
    .map(|x| if x == below::<M>(k, 0) { end } else { x })
}

/// A vector of these integers, or of others for the same elements where the backend holds none so large; and which they are.
fn vector<V: PrimeLanes>(integers: &[Integer; LANES]) -> (V, [Integer; LANES])
where
    V::Modulus: Judge,
{
    let room = below::<V::Modulus>(V::ROOM, 0);
    let held = integers.map(|x| {
        if x.iter().rev().lt(room.iter().rev()) {
            return x;
        }
        // As large as may be: m more than the least.
        let [a, b, c, d] = limbs(residue::<V>(&x));
        let (mut sum, mut carry) = ([a, b, c, d, 0], 0u128);
        for (limb, m) in sum.iter_mut().zip(modulus::<V::Modulus>()) {
            carry += u128::from(*limb) + u128::from(m);
            (*limb, carry) = (carry as u64, carry >> 64);
        }
        sum
    });
    let vector = V::from_integers(&held);
    assert_eq!(vector.integers(), held);
    (vector, held)
}

fn limbs<F: PrimeField>(x: F) -> [u64; 4] {
    from_fn(|i| x.into_bigint().as_ref()[i])
}

fn residue<V: PrimeLanes>(x: &Integer) -> F<V>
where
    V::Modulus: Judge,
{
    F::<V>::from_le_bytes_mod_order(x.map(u64::to_le_bytes).as_flattened())
}

/// 1/R', by which products differ from those of integers.
fn unit<V: PrimeLanes>() -> F<V>
where
    V::Modulus: Judge,
{
    F::<V>::from(2u64).pow([u64::from(V::RADIX_BITS)]).inverse().expect("2 is not zero mod m")
}

/// Judges a vector: the right elements, in integers below the bound.
fn judge<V: PrimeLanes>(what: &str, out: V, bound: Below, expected: impl Fn(usize) -> F<V>)
where
    V::Modulus: Judge,
{
    let bound = if V::ROOM < 84 { Below::moduli(V::ROOM) } else { bound };
    let most = times(&modulus::<V::Modulus>(), bound.0);
    for (lane, x) in out.integers().iter().enumerate() {
        assert!(residue::<V>(x) == expected(lane), "{what}, lane {lane}: {x:x?}");
        assert!(times(x, 846).iter().rev().lt(most.iter().rev()), "{what}, lane {lane}: {x:x?} is large");
    }
}

/// Whether integers are multiples of 2^S, as far as the backend shifts.
fn judge_shift<V: PrimeLanes, const S: u32>(what: &str, out: V) {
    for x in out.integers() {
        assert!(V::ROOM < 84 || x[0] % (1 << S) == 0, "{what}: {x:x?} is no multiple of 2^{S}");
    }
}

/// Pairs of operands below a·m and b·m: each integer of one beside each of the other.
fn pairs<V: PrimeLanes>(
    [a, b]: [u64; 2],
) -> impl Iterator<Item = ((V, [Integer; LANES]), (V, [Integer; LANES]))>
where
    V::Modulus: Judge,
{
    let (a, b) = (integers::<V::Modulus>(a), integers::<V::Modulus>(b));
    (0..LANES).map(move |turn| (vector(&a), vector(&from_fn(|lane| b[(lane + turn) % LANES]))))
}

const SIGNS: u8 = 0b0101_1001;

fn sums<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    for bounds in [[42, 42], [83, 1], [1, 83], [60, 24]] {
        for ((x, a), (y, b)) in pairs::<V>(bounds) {
            let sum = |i: usize| residue::<V>(&a[i]) + residue::<V>(&b[i]);
            judge("add", x.add(y), Below::moduli(bounds[0] + bounds[1]), sum);
        }
    }
    fn differences<V: PrimeLanes, const K: usize>()
    where
        V::Modulus: Judge,
    {
        let k = K as u64;
        for ((x, a), (y, b)) in pairs::<V>([84 - k, k]) {
            let difference = |i: usize| residue::<V>(&a[i]) - residue::<V>(&b[i]);
            judge("sub", x.sub::<K>(y), Below::moduli(84), difference);
        }
        for a_bound in [1, k / 2, k - 1].into_iter().filter(|a| *a + k <= 84) {
            for ((x, a), (y, b)) in pairs::<V>([a_bound, k - a_bound]) {
                let signed = |i: usize| {
                    let x = residue::<V>(&a[i]);
                    (if SIGNS >> i & 1 == 1 { -x } else { x }) - residue::<V>(&b[i])
                };
                judge("sub_signed", x.sub_signed::<K>(SIGNS, y), Below::moduli(a_bound + k), signed);
            }
        }
    }
    differences::<V, 2>();
    differences::<V, 4>();
    differences::<V, 8>();
    differences::<V, 12>();
    differences::<V, 42>();
    differences::<V, 76>();
    differences::<V, 82>();
}

fn settled<V: PrimeLanes, const K: usize, const S: u32, const N: usize>(bounds: [u64; 2])
where
    V::Modulus: Judge,
{
    let unit = unit::<V>();
    let each = (K as u64 - (1 << S)) / N as u64;
    assert!(Below::product(1, bounds, 2 + K as u64).0 <= Below::moduli(84).0);
    let (z, c) = vector::<V>(&integers::<V::Modulus>(each));
    let out = Below::moduli(2 + (1 << S) - 1);
    for ((x, a), (y, b)) in pairs::<V>(bounds) {
        let less = |i: usize| residue::<V>(&c[i]) * F::<V>::from(N as u64);
        let rest = |i: usize| residue::<V>(&a[i]) * residue::<V>(&b[i]) * unit - less(i);
        let got = x.mul_sub_settle::<K, S, N>(y, [z; N]);
        judge("mul_sub_settle", got, out, rest);
        judge_shift::<V, S>("mul_sub_settle", got);
        if bounds[0] == bounds[1] {
            let rest = |i: usize| residue::<V>(&a[i]) * residue::<V>(&a[i]) * unit - less(i);
            let got = x.square_sub_settle::<K, S, N>([z; N]);
            judge("square_sub_settle", got, out, rest);
            judge_shift::<V, S>("square_sub_settle", got);
        }
    }
}

fn products<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    let unit = unit::<V>();
    for bounds in [[83, 83], [84, 82], [84, 2], [82, 84], [60, 60], [1, 84]] {
        for ((x, a), (y, b)) in pairs::<V>(bounds) {
            let product = |i: usize| residue::<V>(&a[i]) * residue::<V>(&b[i]) * unit;
            judge("mul", x.mul(y), Below::product(1, bounds, 2), product);
        }
    }
    for k in [1, 2, 60, 83] {
        let (x, a) = vector::<V>(&integers::<V::Modulus>(k));
        let square = |i: usize| residue::<V>(&a[i]) * residue::<V>(&a[i]) * unit;
        judge("square", x.square(), Below::product(1, [k, k], 2), square);
    }
    settled::<V, 36, 2, 2>([62, 62]);
    settled::<V, 18, 1, 1>([73, 74]);
    settled::<V, 20, 2, 2>([72, 72]);
    settled::<V, 10, 1, 1>([84, 72]);
    settled::<V, 80, 2, 1>([13, 13]);
    settled::<V, 80, 0, 2>([1, 1]);
}

/// As many products as may be summed with carries waiting, added and subtracted, and their sum multiplied.
fn loose<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    const TERMS: u32 = 16;
    let unit = unit::<V>();
    // Products below 4.
    for bounds in [[60, 2], [2, 60], [84, 1], [12, 12]] {
        for ((x, a), (y, b)) in pairs::<V>(bounds) {
            let product = |i: usize| residue::<V>(&a[i]) * residue::<V>(&b[i]) * unit;
            let term = V::Loose::of(x).mul(y);
            judge("loose mul", term.carried(), Below::product(1, bounds, 2), product);
            for subtracted in [0, u32::MAX, 0x5555_5555] {
                let (mut sum, mut expected) = (term, F::<V>::from(1u64));
                for i in 1..TERMS {
                    if subtracted >> i & 1 == 1 {
                        (sum, expected) = (sum.sub::<4>(term), expected - F::<V>::from(1u64));
                    } else {
                        (sum, expected) = (sum.add(term), expected + F::<V>::from(1u64));
                    }
                }
                let mut lines = vec![crate::lanes::Line([0; LANES]); V::LINES];
                sum.save(&mut lines);
                let sum = V::Loose::restore(&lines);
                let bound = 4 * u64::from(TERMS);
                judge("loose sum", sum.carried(), Below::moduli(bound), |i| product(i) * expected);
                let (w, c) = vector::<V>(&integers::<V::Modulus>(2));
                let again = |i: usize| product(i) * expected * residue::<V>(&c[i]) * unit;
                judge("loose sum, multiplied", sum.mul(w).carried(), Below::product(1, [bound, 2], 2), again);
            }
        }
    }
}

fn settling<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    fn by<V: PrimeLanes, const S: u32>()
    where
        V::Modulus: Judge,
    {
        let least = if S == 0 { 0 } else { 1 << S };
        // From the lower end on, and around each multiple of m, where the estimate of the quotient may be one too small.
        for k in least..84 {
            let above = |more: u64| {
                let mut x = below::<V::Modulus>(k, 0);
                x[0] = x[0].checked_add(more).expect("the low limbs of multiples are not so large");
                x
            };
            let ends = [
                above(0),
                above(1),
                above(2),
                above(3),
                below::<V::Modulus>(k + 1, 1),
                below::<V::Modulus>(k + 1, 2),
                below::<V::Modulus>(k + 1, 3),
                below::<V::Modulus>(k + 1, 4),
            ];
            let (x, a) = vector::<V>(&ends);
            let got = x.settle::<S>();
            judge("settle", got, Below::moduli(2 + (1 << S) - 1), |i| residue::<V>(&a[i]));
            judge_shift::<V, S>("settle", got);
            let mut reduced = [[0; 4]; LANES];
            x.store_reduced(&mut reduced);
            assert_eq!(reduced, a.map(|x| limbs(residue::<V>(&x))), "store_reduced at {k} moduli");
        }
    }
    by::<V, 0>();
    by::<V, 1>();
    by::<V, 2>();
    for k in 1..=5 {
        let (x, a) = vector::<V>(&integers::<V::Modulus>(k));
        assert_eq!(V::unpack(&x.pack()).integers(), a, "packed, below {k}");
    }
}

/// Rows hold integers below 2m; what is gathered is shifted, settled again and scattered.
fn rows<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    fn with<V: PrimeLanes, const A: u32, const B: u32>()
    where
        V::Modulus: Judge,
    {
        let shifted = |x: Integer, by: u32| {
            let [low @ .., _] = times(&x, if V::ROOM < 84 { 1 } else { 1 << by });
            low
        };
        let values = integers::<V::Modulus>(2);
        let turned: [Integer; LANES] = from_fn(|i| values[(i + 3) % LANES]);
        let rows: [[u8; 64]; LANES] = from_fn(|i| {
            let mut row = [0; 64];
            let both = values[i][..4].iter().chain(&turned[i][..4]);
            row.as_chunks_mut::<8>().0.iter_mut().zip(both).for_each(|(word, x)| *word = x.to_le_bytes());
            row
        });
        let pair = V::gather::<A, B>(rows.each_ref());
        assert_eq!(pair[0].integers(), values.map(|x| shifted(x, A)));
        assert_eq!(pair[1].integers(), turned.map(|x| shifted(x, B)));
        let mut out = [[0; 64]; LANES];
        V::scatter::<A, B>(pair, &mut out, from_fn(|i| i));
        assert_eq!(out, rows);
    }
    with::<V, X_SHIFT, Y_SHIFT>();
    with::<V, X_SHIFT, X_SHIFT>();
    with::<V, Y_SHIFT, Y_SHIFT>();
    let values = integers::<V::Modulus>(2);
    let loaded = V::load(&values.map(|[a, b, c, d, _]| [a, b, c, d]));
    assert_eq!(loaded.integers(), values);
}

/// Of a product below 4m the lanes that are 0, and others only where the lowest 52 bits are those of a multiple of m, which is one case in 2^50 where
/// nobody chose the product; of a coordinate none whose lowest 52 bits are not 0.
fn zeros<V: PrimeLanes>()
where
    V::Modulus: Judge,
{
    let is_zero = |x: &Integer| residue::<V>(x) == F::<V>::from(0u64);
    let mask = |f: &dyn Fn(usize) -> bool| (0..LANES).fold(0, |mask, i| mask | u8::from(f(i)) << i);
    for k in 1..=4 {
        let mut all = integers::<V::Modulus>(k);
        for multiple in 0..k {
            all[2 * multiple as usize] = below::<V::Modulus>(multiple, 0);
            let (x, a) = vector::<V>(&all);
            let like_zero = |x: &Integer| (0..4).any(|k| (x[0] ^ below::<V::Modulus>(k, 0)[0]) << 12 == 0);
            let (found, zero) = (x.zeros_of_product(), mask(&|i| is_zero(&a[i])));
            assert_eq!(found & zero, zero, "a zero below {k} moduli is missed");
            assert_eq!(found & !mask(&|i| like_zero(&a[i])), 0, "what is not zero is taken for it");
        }
    }
    let (x, a) = vector::<V>(&integers::<V::Modulus>(8));
    let (found, zero) = (x.may_be_zero(), mask(&|i| a[i] == [0; 5]));
    assert_eq!(found & zero, zero, "a zero is missed");
    assert_eq!(found & !mask(&|i| a[i][0] << 12 == 0), 0, "what is not zero is taken for it");
}

struct Prime;

impl Kernel for Prime {
    type Output = ();

    fn run<B: Backend>(self) {
        fn all<V: PrimeLanes>()
        where
            V::Modulus: Judge,
        {
            sums::<V>();
            products::<V>();
            loose::<V>();
            settling::<V>();
            rows::<V>();
            zeros::<V>();
        }
        all::<B::Fq>();
        all::<B::Fr>();
    }
}

struct Extension;

impl Kernel for Extension {
    type Output = ();

    /// Products over Fq2, each coordinate at its end.
    fn run<B: Backend>(self) {
        fn products<V: PrimeLanes<Modulus = Q>>(bounds: [u64; 2]) {
            let unit = unit::<V>();
            // The sum of what a product of such bounds and the greatest of `less` may be is 84.
            const K: usize = 80;
            let (z, c) = vector::<V>(&integers::<Q>(K as u64 - 2));
            let pairs = || pairs::<V>(bounds);
            for (((x0, a0), (y0, b0)), ((x1, a1), (y1, b1))) in
                pairs().flat_map(|first| pairs().map(move |second| (first, second)))
            {
                let f = residue::<V>;
                let real = |i: usize| (f(&a0[i]) * f(&b0[i]) - f(&a1[i]) * f(&b1[i])) * unit;
                let imaginary = |i: usize| (f(&a0[i]) * f(&b1[i]) + f(&a1[i]) * f(&b0[i])) * unit;
                let [c0, c1] = V::mul_fq2([x0, x1], [y0, y1]);
                judge("mul_fq2, real", c0, Below::product(1, bounds, 3), real);
                judge("mul_fq2, imaginary", c1, Below::product(2, bounds, 2), imaginary);
                let out = Below::moduli(3);
                let [c0, c1] = V::mul_fq2_sub_settle::<K, 1, 1>([x0, x1], [y0, y1], [[z, z]]);
                judge("mul_fq2_sub_settle, real", c0, out, |i| real(i) - f(&c[i]));
                judge("mul_fq2_sub_settle, imaginary", c1, out, |i| imaginary(i) - f(&c[i]));
                judge_shift::<V, 1>("mul_fq2_sub_settle, real", c0);
                judge_shift::<V, 1>("mul_fq2_sub_settle, imaginary", c1);
            }
        }
        for bounds in [[42, 2], [2, 42], [21, 4], [12, 7], [9, 9]] {
            products::<B::Fq>(bounds);
        }
        squares::<B::Fq>();
    }
}

/// Squares over Fq2, which take coordinates up to 8.
fn squares<V: PrimeLanes<Modulus = Q>>() {
    const A: u64 = 8;
    let unit = unit::<V>();
    for ((x0, a0), (x1, a1)) in pairs::<V>([A, A]) {
        let mut lines = vec![crate::lanes::Line([0; LANES]); 2 * V::LINES];
        let (first, second) = lines.split_at_mut(V::LINES);
        x0.save(first);
        x1.save(second);
        let coordinates = |x: Fq2Lanes<V>| {
            let mut lines = vec![crate::lanes::Line([0; LANES]); 2 * V::LINES];
            x.save(&mut lines);
            (V::restore(&lines[..V::LINES]), V::restore(&lines[V::LINES..]))
        };
        let x = Fq2Lanes::<V>::restore(&lines);
        let f = residue::<V>;
        let real = |i: usize| (f(&a0[i]) * f(&a0[i]) - f(&a1[i]) * f(&a1[i])) * unit;
        let imaginary = |i: usize| f(&a0[i]) * f(&a1[i]) * F::<V>::from(2u64) * unit;
        let (c0, c1) = coordinates(x.square());
        judge("square over Fq2, real", c0, Below::product(2, [A, A + 8], 2), real);
        judge("square over Fq2, imaginary", c1, Below::product(2, [A, A], 4), imaginary);
        let (c0, c1) = coordinates(x.square_sub_settle::<20, 2, 2>([x, x]));
        let twice = |x: &Integer| f(x) * F::<V>::from(2u64);
        judge("square_sub_settle over Fq2, real", c0, Below::moduli(5), |i| real(i) - twice(&a0[i]));
        judge("square_sub_settle over Fq2, imaginary", c1, Below::moduli(5), |i| {
            imaginary(i) - twice(&a1[i])
        });
    }
}

#[test]
fn every_operation_at_its_bounds() {
    for instructions in Instructions::all() {
        instructions.run(Prime);
        instructions.run(Extension);
    }
}
