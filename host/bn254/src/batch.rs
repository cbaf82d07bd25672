//! Many independent affine additions with one inversion: 5 products and 1 square an addition.
//!
//! The denominators are multiplied up, the product is inverted, and the inverses are taken apart on the way back
//! (Montgomery's trick), in [`Field::CHAINS`] interleaved chains. Doublings share the inversion; additions that need none
//! (infinity, opposite points) are answered at once.

use crate::{
    curve::Affine,
    field::{Field, invert_all},
};

const MAX_CHAINS: usize = 2;

#[derive(Clone, Copy)]
struct Sum {
    src: u32,
    dst: u32,
    doubling: bool,
}

/// Collects additions with [`BatchAdder::push`], does them in [`BatchAdder::finish`]; keeps its memory between uses.
pub struct BatchAdder<F> {
    sums: Vec<Sum>,
    /// Denominator of each sum, and the product of the earlier ones of its chain.
    factors: Vec<(F, F)>,
    chains: [F; MAX_CHAINS],
    scratch: Vec<F>,
}

impl<F: Field> Default for BatchAdder<F> {
    fn default() -> Self {
        const { assert!(F::CHAINS >= 1 && F::CHAINS <= MAX_CHAINS) }
        Self { sums: Vec::new(), factors: Vec::new(), chains: [F::ONE; MAX_CHAINS], scratch: Vec::new() }
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
        let chain = &mut self.chains[self.sums.len() % F::CHAINS];
        self.factors.push((denominator, *chain));
        *chain = chain.mul(denominator);
        self.sums.push(Sum { src: src as u32, dst: dst as u32, doubling });
    }

    /// Does the additions noted, on the same `points` and `out`.
    ///
    /// # Panics
    /// If `points` or `out` is shorter than it was for [`BatchAdder::push`].
    pub fn finish(&mut self, points: &[Affine<F>], out: &mut [Affine<F>]) {
        if !self.sums.is_empty() {
            invert_all(&mut self.chains[..F::CHAINS], &mut self.scratch);
        }
        for (index, (sum, (denominator, before))) in self.sums.iter().zip(&self.factors).enumerate().rev() {
            let chain = &mut self.chains[index % F::CHAINS];
            let inverse = chain.mul(*before);
            *chain = chain.mul(*denominator);
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
        self.chains = [F::ONE; MAX_CHAINS];
    }
}
