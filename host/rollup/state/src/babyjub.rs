//! Baby Jubjub (EIP-2494): a·x² + y² = 1 + d·x²·y² over the scalar field of BN254.
//!
//! a is a square and d is not, so the addition law is complete: no exceptional case exists for points of the curve.

use ark_ff::{AdditiveGroup, BigInteger256, Field, MontFp};
use millrace_bn254::Fr;

/// a of the curve equation.
pub const A: Fr = MontFp!("168700");
/// d of the curve equation.
pub const D: Fr = MontFp!("168696");
/// Order of the prime subgroup, l; the curve has 8·l points. Limbs, least significant first:
/// 2736030358979909402780800718157159386076813972158567259200215660948447373041.
pub const SUBGROUP_ORDER: BigInteger256 =
    BigInteger256::new([0x677297dc392126f1, 0xab3eedb83920ee0a, 0x370a08b6d0302b0b, 0x060c89ce5c263405]);
/// Bits of l.
pub const SUBGROUP_BITS: usize = 251;
/// B8, a generator of the prime subgroup.
pub const BASE: Point = Point {
    x: MontFp!("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
    y: MontFp!("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
};

/// A pair (x, y), affine. [`Point::is_on_curve`] says whether it is a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    /// x coordinate.
    pub x: Fr,
    /// y coordinate.
    pub y: Fr,
}

/// A point of the curve in extended coordinates: (X/Z, Y/Z) with T = XY/Z. Sums of these need no division.
#[derive(Clone, Copy, Debug)]
pub struct Extended {
    x: Fr,
    y: Fr,
    z: Fr,
    t: Fr,
}

impl Point {
    /// The neutral element.
    pub const IDENTITY: Self = Self { x: Fr::ZERO, y: Fr::ONE };

    /// Whether the curve equation holds.
    pub fn is_on_curve(&self) -> bool {
        let (xx, yy) = (self.x.square(), self.y.square());
        A * xx + yy == Fr::ONE + D * xx * yy
    }

    /// The sum of two points of the curve.
    pub fn add(&self, other: &Self) -> Self {
        Extended::from(*self).add(&Extended::from(*other)).affine()
    }

    /// `scalar`·self for a point of the curve; the scalar is any 256-bit integer.
    pub fn times(&self, scalar: BigInteger256) -> Self {
        let base = Extended::from(*self);
        let mut sum = Extended::from(Self::IDENTITY);
        for limb in scalar.0.iter().rev() {
            for bit in (0..64).rev() {
                sum = sum.add(&sum);
                if (limb >> bit) & 1 == 1 {
                    sum = sum.add(&base);
                }
            }
        }
        sum.affine()
    }

    /// 8·self.
    pub fn times_cofactor(&self) -> Self {
        self.times(BigInteger256::from(8u64))
    }

    /// The point with this y whose x has this parity, if there is one.
    pub fn from_y(y: Fr, x_is_odd: bool) -> Option<Self> {
        // x² = (1 − y²)/(a − d·y²); the denominator is not 0, since a/d is no square.
        let yy = y.square();
        let x = ((Fr::ONE - yy) * (A - D * yy).inverse()?).sqrt()?;
        let x = if is_odd(x) == x_is_odd { x } else { -x };
        // x = 0 has one parity only.
        (is_odd(x) == x_is_odd).then_some(Self { x, y })
    }

    /// Parity of x, as a SET_KEY carries it.
    pub fn x_is_odd(&self) -> bool {
        is_odd(self.x)
    }
}

/// Whether the canonical integer of `x` is odd.
fn is_odd(x: Fr) -> bool {
    use ark_ff::{BigInteger, PrimeField};
    x.into_bigint().is_odd()
}

impl From<Point> for Extended {
    fn from(Point { x, y }: Point) -> Self {
        Self { x, y, z: Fr::ONE, t: x * y }
    }
}

impl Extended {
    /// The sum; complete for points of the curve (Hisil–Wong–Carter–Dawson 2008, section 3.1).
    pub fn add(&self, other: &Self) -> Self {
        let a = self.x * other.x;
        let b = self.y * other.y;
        let c = D * self.t * other.t;
        let d = self.z * other.z;
        let e = (self.x + self.y) * (other.x + other.y) - a - b;
        let (f, g, h) = (d - c, d + c, b - A * a);
        Self { x: e * f, y: g * h, z: f * g, t: e * h }
    }

    fn affine(&self) -> Point {
        let inverse = self.z.inverse().expect("z is not 0: the addition law is complete on the curve");
        Point { x: self.x * inverse, y: self.y * inverse }
    }
}

/// The points in affine coordinates, with one inversion for all of them.
pub fn affine_all(points: &[Extended]) -> Vec<Point> {
    let mut inverses: Vec<Fr> = points.iter().map(|point| point.z).collect();
    ark_ff::batch_inversion(&mut inverses);
    points.iter().zip(inverses).map(|(p, inverse)| Point { x: p.x * inverse, y: p.y * inverse }).collect()
}
