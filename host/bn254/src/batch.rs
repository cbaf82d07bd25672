//! Many independent affine additions with one inversion: 5 products and 1 square an addition.
//!
//! The denominators are multiplied up, the product is inverted, and the inverses are taken apart on the way back
//! (Montgomery's trick). Both ways run in [`LANES`] interleaved chains, as one chain would wait for the latency of each
//! product. Doublings share the inversion; additions that need none (infinity, opposite points) are answered at once.

use crate::{
    curve::Affine,
    field::{Field, invert_all},
};

const LANES: usize = 4;

#[derive(Clone, Copy)]
struct Sum {
    src: u32,
    dst: u32,
    doubling: bool,
}

/// Collects additions with [`BatchAdder::push`], does them in [`BatchAdder::finish`]; keeps its memory between uses.
pub struct BatchAdder<F> {
    sums: Vec<Sum>,
    /// Denominator of each sum, and the product of the earlier ones of its lane.
    factors: Vec<(F, F)>,
    lanes: [F; LANES],
    scratch: Vec<F>,
}

impl<F: Field> Default for BatchAdder<F> {
    fn default() -> Self {
        Self { sums: Vec::new(), factors: Vec::new(), lanes: [F::ONE; LANES], scratch: Vec::new() }
    }
}

impl<F: Field> BatchAdder<F> {
    /// Notes that `out[dst]` shall be `points[src] + points[src + 1]`.
    ///
    /// # Panics
    /// If an index is out of range.
    #[inline(always)]
    pub fn push(&mut self, points: &[Affine<F>], src: usize, out: &mut [Affine<F>], dst: usize) {
        let (p, q) = (&points[src], &points[src + 1]);
        let mut denominator = q.x.sub(p.x);
        let mut doubling = false;
        // Infinity has x = 0: all exceptional cases lie behind one branch that is hardly ever taken.
        if denominator.is_zero() || p.x.is_zero() || q.x.is_zero() {
            if p.is_infinity() {
                out[dst] = *q;
                return;
            }
            if q.is_infinity() {
                out[dst] = *p;
                return;
            }
            if denominator.is_zero() {
                if !p.y.sub(q.y).is_zero() || p.y.is_zero() {
                    out[dst] = Affine::INFINITY;
                    return;
                }
                denominator = p.y.double();
                doubling = true;
            }
        }
        let lane = &mut self.lanes[self.sums.len() % LANES];
        self.factors.push((denominator, *lane));
        *lane = lane.mul(denominator);
        self.sums.push(Sum { src: src as u32, dst: dst as u32, doubling });
    }

    /// Does the additions noted, on the same `points` and `out`.
    ///
    /// # Panics
    /// If `points` or `out` is shorter than it was for [`BatchAdder::push`].
    pub fn finish(&mut self, points: &[Affine<F>], out: &mut [Affine<F>]) {
        if !self.sums.is_empty() {
            invert_all(&mut self.lanes, &mut self.scratch);
        }
        for (index, (sum, (denominator, before))) in self.sums.iter().zip(&self.factors).enumerate().rev() {
            let lane = &mut self.lanes[index % LANES];
            let inverse = lane.mul(*before);
            *lane = lane.mul(*denominator);
            let (p, q) = (&points[sum.src as usize], &points[sum.src as usize + 1]);
            let numerator = if sum.doubling {
                let xx = p.x.square();
                xx.double().add(xx)
            } else {
                q.y.sub(p.y)
            };
            let slope = numerator.mul(inverse);
            let x = slope.square().sub(p.x).sub(q.x);
            out[sum.dst as usize] = Affine { x, y: slope.mul(p.x.sub(x)).sub(p.y) };
        }
        self.sums.clear();
        self.factors.clear();
        self.lanes = [F::ONE; LANES];
    }
}
