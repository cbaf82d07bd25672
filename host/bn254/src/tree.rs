//! Sums of runs of points, pairwise in rounds, so that any distribution over the runs costs the same: k points in a run
//! take k − 1 additions, and no addition waits for another of its round.

use crate::{batch::BatchAdder, curve::Affine, field::Field};

/// So many consecutive points belong to one sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The sum's name.
    pub key: u32,
    /// Number of points.
    pub len: u32,
}

/// Sums runs; keeps its memory between uses.
pub struct TreeSummer<F> {
    adder: BatchAdder<F>,
    next: Vec<Affine<F>>,
}

impl<F: Field> Default for TreeSummer<F> {
    fn default() -> Self {
        Self { adder: BatchAdder::default(), next: Vec::new() }
    }
}

impl<F: Field> TreeSummer<F> {
    /// Sums each of `runs` over `points`, in order, and calls `emit(key, sum)`.
    ///
    /// A round of fewer than `min_pairs` additions is not worth its inversion: what is left then is emitted as it is, so
    /// that a key may be emitted several times, for the caller to add up. With `min_pairs` 0 each key comes once.
    /// Both vectors are used up.
    ///
    /// # Panics
    /// If the runs are longer than `points` together.
    pub fn sum(
        &mut self,
        points: &mut Vec<Affine<F>>,
        runs: &mut Vec<Run>,
        min_pairs: usize,
        mut emit: impl FnMut(u32, Affine<F>),
    ) {
        if self.next.len() < points.len() {
            self.next.resize(points.len(), Affine::INFINITY);
        }
        while !runs.is_empty() {
            let pairs: usize = runs.iter().map(|run| run.len as usize / 2).sum();
            if pairs < min_pairs {
                let mut rest = points.iter();
                for run in runs.drain(..) {
                    rest.by_ref().take(run.len as usize).for_each(|point| emit(run.key, *point));
                }
                break;
            }
            let (mut src, mut dst) = (0, 0);
            runs.retain_mut(|run| {
                let len = run.len as usize;
                if len < 2 {
                    points[src..src + len].iter().for_each(|point| emit(run.key, *point));
                    src += len;
                    return false;
                }
                for _ in 0..len / 2 {
                    self.adder.push(points, src, &mut self.next, dst);
                    (src, dst) = (src + 2, dst + 1);
                }
                if len % 2 == 1 {
                    self.next[dst] = points[src];
                    (src, dst) = (src + 1, dst + 1);
                }
                run.len = run.len.div_ceil(2);
                true
            });
            self.adder.finish(points, &mut self.next);
            core::mem::swap(points, &mut self.next);
        }
    }
}
