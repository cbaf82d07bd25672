//! Images of points under the endomorphism (x, y) ↦ (βx, y), eight at a time.
//!
//! Bounds, in units of q; where G2 is wider, it stands in brackets: loaded x < 8, β < 2, their product < 2.2 \[3.2\], with 4 = 2^[`X_SHIFT`] on top for settling to
//! take from, and settled to 5; y goes back as it came.

use super::PointRef;
use crate::{
    backend::Kernel,
    curve::Affine,
    field::Field,
    lanes::{Backend, LANES, Lanes, X_SHIFT},
    points::Curve,
};

/// Points to be replaced by their images.
pub struct MapPoints<'a, C> {
    pub(super) own: &'a mut [[u8; 64]],
    /// Points of the pool, each once.
    pub(super) points: &'a [PointRef],
    pub(super) of: core::marker::PhantomData<C>,
}

/// The same where some may be infinite, which (0, 0) alone is, and not (q, 0).
#[cold]
#[inline(never)]
fn map_one_by_one<C: Curve>(own: &mut [[u8; 64]], points: &[PointRef]) {
    for point in points {
        let rows = &mut own[point.index() * C::ROWS..(point.index() + 1) * C::ROWS];
        let Affine { x, y } = C::read(rows);
        let image = Affine { x: x.mul(C::BETA), y };
        let image = if image.is_infinity() { Affine::INFINITY } else { image };
        C::write(&image, rows);
    }
}

impl<C: Curve> Kernel for MapPoints<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let beta = <C::Lanes<B> as Lanes>::from_scalars([C::BETA; LANES]);
        for points in self.points.chunks(LANES) {
            // The last vector repeats its last point, which gives the same image again.
            let places = core::array::from_fn(|lane| points[lane.min(points.len() - 1)].index());
            let [a, b, c, d, e, f, g, h] = places;
            let rows = |at: usize| &self.own[at * C::ROWS..(at + 1) * C::ROWS];
            let eight = [rows(a), rows(b), rows(c), rows(d), rows(e), rows(f), rows(g), rows(h)];
            let (x, y) = <C::Lanes<B> as Lanes>::gather_points(eight);
            if x.may_be_zero() != 0 {
                map_one_by_one::<C>(self.own, points);
                continue;
            }
            let image = x.mul_sub_settle::<4, X_SHIFT, 0>(beta, []);
            Lanes::scatter_points(image, y, self.own, places);
        }
    }
}
