//! Points of Baby Jubjub in affine coordinates.
//!
//! The addition law of a·x² + y² = 1 + d·x²·y² is complete for points of the curve (a is a square, d is not), so no case is an exception. That
//! holds for points of the curve only: callers show that first ([`enforce_on_curve`]).
//!
//! Each sum takes two divisions. Where many sums follow each other a witness has them all beforehand ([`Sums`]), from projective coordinates with one inversion.

use std::sync::LazyLock;

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;
use millrace_state::babyjub::{self, BASE, D, Extended, SUBGROUP_BITS, affine_all};

use crate::{
    builder::{Builder, Num},
    gadgets::bits::select,
};

/// A pair of numbers.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) x: Num,
    pub(crate) y: Num,
}

/// New inputs for a pair; nothing is shown of it.
pub(crate) fn inputs(b: &mut Builder, point: &babyjub::Point) -> Point {
    Point { x: b.input(point.x), y: b.input(point.y) }
}

/// a·x² + y² = 1 + d·x²·y².
pub(crate) fn enforce_on_curve(b: &mut Builder, p: &Point) {
    let (xx, yy) = (b.product(&p.x, &p.x), b.product(&p.y, &p.y));
    // d·x²·y² = a·x² + y² − 1
    let right = xx.times(babyjub::A) + &yy - &b.one();
    b.enforce(&xx.times(D), &yy, &right);
}

/// A wire for `numerator / denominator`, whose value may be known; the caller knows that the denominator is not 0.
fn quotient(b: &mut Builder, numerator: &Num, denominator: &Num, known: Option<Fr>) -> Num {
    let divided = || denominator.value.inverse().map_or(Fr::ZERO, |inverse| inverse * numerator.value);
    let out = b.wire(known.unwrap_or_else(divided));
    b.enforce(&out, denominator, numerator);
    out
}

/// p + q, which may be known: 6 products, 7 constraints.
fn add_as(b: &mut Builder, p: &Point, q: &Point, sum: Option<babyjub::Point>) -> Point {
    let beta = b.product(&p.x, &q.y);
    let gamma = b.product(&p.y, &q.x);
    // (y_p − a·x_p)·(x_q + y_q) = γ + y_p·y_q − a·x_p·x_q − a·β
    let delta = b.product(&p.y.clone().plus(-babyjub::A, &p.x), &(&q.x + &q.y));
    let tau = b.product(&beta, &gamma).times(D);
    let one = b.one();
    let x = quotient(b, &(&beta + &gamma), &(&one + &tau), sum.map(|sum| sum.x));
    let y = quotient(b, &(delta.plus(babyjub::A, &beta) - &gamma), &(&one - &tau), sum.map(|sum| sum.y));
    Point { x, y }
}

/// p + q.
pub(crate) fn add(b: &mut Builder, p: &Point, q: &Point) -> Point {
    add_as(b, p, q, None)
}

/// 2·p, which may be known: x = 2xy/(a·x² + y²), y = (y² − a·x²)/(2 − a·x² − y²). On the curve the denominators are 1 ± d·x²·y², so never 0.
fn double_as(b: &mut Builder, p: &Point, sum: Option<babyjub::Point>) -> Point {
    let (xy, xx, yy) = (b.product(&p.x, &p.y), b.product(&p.x, &p.x), b.product(&p.y, &p.y));
    let axx = xx.times(babyjub::A);
    let right = &axx + &yy;
    let two = b.constant(Fr::from(2u8));
    let x = quotient(b, &xy.times(Fr::from(2u8)), &right, sum.map(|sum| sum.x));
    let y = quotient(b, &(&yy - &axx), &(&two - &right), sum.map(|sum| sum.y));
    Point { x, y }
}

/// 8·p.
pub(crate) fn times_cofactor(b: &mut Builder, p: &Point) -> Point {
    let mut sums = Sums::of([p], |[p]| {
        let mut sum = p;
        std::array::from_fn::<_, 3, _>(|_| {
            sum = sum.add(&sum);
            sum
        })
        .to_vec()
    });
    (0..3).fold(p.clone(), |p, _| double_as(b, &p, sums.next()))
}

/// The identity.
pub(crate) fn identity(b: &Builder) -> Point {
    Point { x: b.zero(), y: b.one() }
}

/// The values of the sums that a chain of additions makes, in their order; of points off the curve nothing is known, and each sum divides for itself.
struct Sums(std::vec::IntoIter<babyjub::Point>);

impl Sums {
    fn of<const N: usize>(points: [&Point; N], chain: impl FnOnce([Extended; N]) -> Vec<Extended>) -> Self {
        let points = points.map(|p| babyjub::Point { x: p.x.value, y: p.y.value });
        let known = points.iter().all(babyjub::Point::is_on_curve);
        let sums = if known { affine_all(&chain(points.map(Extended::from))) } else { Vec::new() };
        Self(sums.into_iter())
    }

    fn next(&mut self) -> Option<babyjub::Point> {
        self.0.next()
    }
}

/// What bits choose: Σ bitsᵢ·2^i.
fn chosen(bits: &[Num]) -> usize {
    bits.iter().rev().fold(0, |index, bit| 2 * index + usize::from(bit.value == Fr::ONE))
}

/// The sums of [`times`].
fn sums_of_multiple(p: &Point, bits: &[Num]) -> Sums {
    Sums::of([p], |[p]| {
        let twice = p.add(&p);
        let thrice = twice.add(&p);
        let table = [babyjub::Point::IDENTITY.into(), p, twice, thrice];
        let mut sums = vec![twice, thrice];
        let mut terms = bits.chunks(2).rev().map(|pair| table[chosen(pair)]);
        let first = terms.next().expect("a scalar has bits");
        terms.fold(first, |sum, term| {
            let twice = sum.add(&sum);
            let four_times = twice.add(&twice);
            let next = four_times.add(&term);
            sums.extend([twice, four_times, next]);
            next
        });
        sums
    })
}

/// Σ bitsᵢ·2^i · p, two bits a step from the top.
pub(crate) fn times(b: &mut Builder, p: &Point, bits: &[Num]) -> Point {
    // A multiple of the identity has the same wires whatever the bits are.
    let is_identity = p.x.value == Fr::ZERO && p.y.value == Fr::ONE;
    identity_or(b, is_identity, |b| multiple(b, p, bits))
}

/// What `make` makes; where it is the identity, and made of wires with always the same values, an outline remembers them.
fn identity_or(b: &mut Builder, is_identity: bool, make: impl FnOnce(&mut Builder) -> Point) -> Point {
    if is_identity && b.recall() {
        return identity(b);
    }
    let first = b.next_wire();
    let made = make(b);
    if is_identity {
        b.remember(first);
    }
    made
}

fn multiple(b: &mut Builder, p: &Point, bits: &[Num]) -> Point {
    let mut sums = sums_of_multiple(p, bits);
    let twice = double_as(b, p, sums.next());
    let thrice = add_as(b, &twice, p, sums.next());
    let none = identity(b);
    let table = [&none, p, &twice, &thrice];
    let mut sum: Option<Point> = None;
    for pair in bits.chunks(2).rev() {
        let low = &pair[0];
        let term = match pair.get(1) {
            Some(high) => {
                let pick = |b: &mut Builder, of: fn(&Point) -> &Num| {
                    let [p0, p1, p2, p3] = table.map(of);
                    let (even, odd) = (select(b, low, p1, p0), select(b, low, p3, p2));
                    select(b, high, &odd, &even)
                };
                Point { x: pick(b, |p| &p.x), y: pick(b, |p| &p.y) }
            }
            None => Point { x: select(b, low, &p.x, &none.x), y: select(b, low, &p.y, &none.y) },
        };
        sum = Some(match sum {
            None => term,
            Some(sum) => {
                let twice = double_as(b, &sum, sums.next());
                let four_times = double_as(b, &twice, sums.next());
                add_as(b, &four_times, &term, sums.next())
            }
        });
    }
    sum.expect("a scalar has bits")
}

/// Bits of a step of [`times_base`].
const WINDOW: usize = 3;

/// The multiples 0 … 7 of 8^i·B8 for every step i of [`times_base`].
static BASE_MULTIPLES: LazyLock<Vec<[babyjub::Point; 1 << WINDOW]>> = LazyLock::new(|| {
    let mut base = BASE;
    (0..SUBGROUP_BITS.div_ceil(WINDOW))
        .map(|_| {
            let mut table = [babyjub::Point::IDENTITY; 1 << WINDOW];
            for i in 1..table.len() {
                table[i] = table[i - 1].add(&base);
            }
            base = table[table.len() - 1].add(&base);
            table
        })
        .collect()
});

/// Σ bitsᵢ·2^i · B8 for a scalar of [`SUBGROUP_BITS`] bits, three bits a step; the points to choose from are constants.
pub(crate) fn times_base(b: &mut Builder, bits: &[Num]) -> Point {
    let is_zero = bits.iter().all(|bit| bit.value == Fr::ZERO);
    identity_or(b, is_zero, |b| multiple_of_base(b, bits))
}

fn multiple_of_base(b: &mut Builder, bits: &[Num]) -> Point {
    let windows = || bits.chunks(WINDOW).zip(BASE_MULTIPLES.iter());
    let mut sums = Sums::of([], |[]| {
        let mut terms = windows().map(|(window, table)| Extended::from(table[chosen(window)]));
        let mut sum = terms.next().expect("a scalar has bits");
        terms
            .map(|term| {
                sum = sum.add(&term);
                sum
            })
            .collect()
    });
    let mut sum: Option<Point> = None;
    for (window, table) in windows() {
        let term = constant_choice(b, table, window);
        sum = Some(match sum {
            None => term,
            Some(sum) => add_as(b, &sum, &term, sums.next()),
        });
    }
    sum.expect("a scalar has bits")
}

/// The entry of a table of constants that up to three bits choose: per coordinate (c₀ + c₁b₀ + c₂b₁ + c₃b₀b₁) + b₂·(the same with other constants).
fn constant_choice(b: &mut Builder, table: &[babyjub::Point], bits: &[Num]) -> Point {
    let none = b.zero();
    let (b0, b1, b2) = (&bits[0], bits.get(1).unwrap_or(&none), bits.get(2));
    let both = if bits.len() > 1 { b.product(b0, b1) } else { b.zero() };
    let quarter = |b: &Builder, c: [Fr; 4]| {
        b.constant(c[0]).plus(c[1] - c[0], b0).plus(c[2] - c[0], b1).plus(c[3] - c[2] - c[1] + c[0], &both)
    };
    let coordinate = |b: &mut Builder, of: fn(&babyjub::Point) -> Fr| {
        let at = |i: usize| of(&table[i]);
        let low = quarter(b, [at(0), at(1), at(2), at(3)]);
        match b2 {
            None => b.settle(&low),
            Some(b2) => {
                let high = quarter(b, [at(4), at(5), at(6), at(7)]);
                select(b, b2, &high, &low)
            }
        }
    };
    let x = coordinate(b, |p| p.x);
    let y = coordinate(b, |p| p.y);
    Point { x, y }
}

/// p = q where the condition is 1.
pub(crate) fn enforce_equal_if(b: &mut Builder, condition: &Num, p: &Point, q: &Point) {
    b.enforce_zero_if(condition, &(&p.x - &q.x));
    b.enforce_zero_if(condition, &(&p.y - &q.y));
}

/// p where the condition is 1, the identity where it is 0.
pub(crate) fn or_identity(b: &mut Builder, condition: &Num, p: &Point) -> Point {
    let x = b.product(condition, &p.x);
    let one = b.one();
    let y = select(b, condition, &p.y, &one);
    Point { x, y }
}

#[cfg(test)]
mod tests {
    use ark_ff::{BigInteger, BigInteger256, PrimeField};

    use super::*;

    fn holds(build: impl FnOnce(&mut Builder)) {
        let mut b = Builder::recording();
        build(&mut b);
        let (system, values) = b.finish(0);
        assert_eq!(system.first_broken(&values), None);
    }

    fn value(p: &Point) -> babyjub::Point {
        babyjub::Point { x: p.x.value, y: p.y.value }
    }

    /// Ordinary points, the identity, and points of small order.
    fn points() -> Vec<babyjub::Point> {
        let eight = BigInteger256::from(8u64);
        let order_2 = babyjub::Point { x: Fr::ZERO, y: -Fr::ONE };
        let order_4 = babyjub::Point {
            x: babyjub::A.inverse().and_then(|a| a.sqrt()).expect("a is a square"),
            y: Fr::ZERO,
        };
        vec![
            babyjub::Point::IDENTITY,
            order_2,
            order_4,
            BASE,
            BASE.times(eight),
            BASE.add(&order_2),
            BASE.add(&order_4),
        ]
    }

    #[test]
    fn no_pair_of_points_is_an_exception() {
        for p in points() {
            for q in points() {
                holds(|b| {
                    let (wp, wq) = (inputs(b, &p), inputs(b, &q));
                    enforce_on_curve(b, &wp);
                    let sum = add(b, &wp, &wq);
                    enforce_on_curve(b, &sum);
                    assert_eq!(value(&sum), p.add(&q));
                    let twice = double_as(b, &wp, None);
                    assert_eq!(value(&twice), p.add(&p));
                    assert_eq!(value(&times_cofactor(b, &wp)), p.times_cofactor());
                });
            }
        }
    }

    #[test]
    fn multiples_are_those_of_the_curve() {
        let mut order_less_one = babyjub::SUBGROUP_ORDER;
        order_less_one.sub_with_borrow(&BigInteger256::from(1u64));
        let scalars =
            [BigInteger256::from(0u64), BigInteger256::from(1u64), BigInteger256::from(6u64), order_less_one];
        for scalar in scalars {
            holds(|b| {
                let bits: Vec<Num> =
                    (0..SUBGROUP_BITS).map(|i| b.wire(Fr::from(scalar.get_bit(i)))).collect();
                let product = times_base(b, &bits);
                assert_eq!(value(&product), BASE.times(scalar));
                for p in points() {
                    let wires = inputs(b, &p);
                    let product = times(b, &wires, &bits);
                    assert_eq!(value(&product), p.times(scalar));
                }
            });
        }
        let most = (-Fr::ONE).into_bigint();
        holds(|b| {
            let bits: Vec<Num> = (0..254).map(|i| b.wire(Fr::from(most.get_bit(i)))).collect();
            let wires = inputs(b, &BASE);
            let product = times(b, &wires, &bits);
            assert_eq!(value(&product), BASE.times(most));
        });
    }
}
