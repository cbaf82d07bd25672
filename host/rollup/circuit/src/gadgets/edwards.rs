//! Points of Baby Jubjub in affine coordinates.
//!
//! The addition law of a·x² + y² = 1 + d·x²·y² is complete for points of the curve (a is a square, d is not), so no case is an exception. That
//! holds for points of the curve only: callers show that first ([`enforce_on_curve`]).

use std::sync::LazyLock;

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;
use millrace_state::babyjub::{self, BASE, D, SUBGROUP_BITS};

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

/// A wire for `numerator / denominator`; the caller knows that the denominator is not 0.
fn quotient(b: &mut Builder, numerator: &Num, denominator: &Num) -> Num {
    let value = denominator.value.inverse().map_or(Fr::ZERO, |inverse| inverse * numerator.value);
    let out = b.wire(value);
    b.enforce(&out, denominator, numerator);
    out
}

/// p + q: 6 products, 7 constraints.
pub(crate) fn add(b: &mut Builder, p: &Point, q: &Point) -> Point {
    let beta = b.product(&p.x, &q.y);
    let gamma = b.product(&p.y, &q.x);
    // (y_p − a·x_p)·(x_q + y_q) = γ + y_p·y_q − a·x_p·x_q − a·β
    let delta = b.product(&p.y.clone().plus(-babyjub::A, &p.x), &(&q.x + &q.y));
    let tau = b.product(&beta, &gamma).times(D);
    let one = b.one();
    let x = quotient(b, &(&beta + &gamma), &(&one + &tau));
    let y = quotient(b, &(delta.plus(babyjub::A, &beta) - &gamma), &(&one - &tau));
    Point { x, y }
}

/// 2·p: x = 2xy/(a·x² + y²), y = (y² − a·x²)/(2 − a·x² − y²). On the curve the denominators are 1 ± d·x²·y², so never 0.
pub(crate) fn double(b: &mut Builder, p: &Point) -> Point {
    let (xy, xx, yy) = (b.product(&p.x, &p.y), b.product(&p.x, &p.x), b.product(&p.y, &p.y));
    let axx = xx.times(babyjub::A);
    let sum = &axx + &yy;
    let two = b.constant(Fr::from(2u8));
    let x = quotient(b, &xy.times(Fr::from(2u8)), &sum);
    let y = quotient(b, &(&yy - &axx), &(&two - &sum));
    Point { x, y }
}

/// The identity.
pub(crate) fn identity(b: &Builder) -> Point {
    Point { x: b.zero(), y: b.one() }
}

/// Σ bitsᵢ·2^i · p, two bits a step from the top.
pub(crate) fn times(b: &mut Builder, p: &Point, bits: &[Num]) -> Point {
    let twice = double(b, p);
    let thrice = add(b, &twice, p);
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
                let twice = double(b, &sum);
                let four_times = double(b, &twice);
                add(b, &four_times, &term)
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
    let mut sum: Option<Point> = None;
    for (window, table) in bits.chunks(WINDOW).zip(BASE_MULTIPLES.iter()) {
        let term = constant_choice(b, table, window);
        sum = Some(match sum {
            None => term,
            Some(sum) => add(b, &sum, &term),
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
                    let twice = double(b, &wp);
                    assert_eq!(value(&twice), p.add(&p));
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
