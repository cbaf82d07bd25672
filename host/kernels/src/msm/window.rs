//! One window: its points into buckets, its buckets into one sum.

use millrace_bn254::{
    curve::{Affine, Xyzz},
    field::Field,
    tree::{Run, TreeSummer},
    weigh::weighted_sum,
};
use millrace_job::{CancelToken, EngineError};

use super::{
    plan::{FEW, Plan},
    scalars::Block,
};

/// Points that are summed together: few enough for the second-level cache, enough to share an inversion a round.
const BATCH_BYTES: usize = 1 << 19;
/// Blocks that are sorted together: their points are read in the order of the digits, so they should be near.
const BLOCKS_A_PIECE: usize = 8;
/// A round of fewer additions waits for a later batch.
const MIN_PAIRS: usize = 32;

/// Bucket sums in the making.
struct Buckets<F> {
    sums: Vec<Affine<F>>,
    batch: Vec<Affine<F>>,
    runs: Vec<Run>,
    /// Second and later contributions to a bucket.
    late: Vec<(u32, Affine<F>)>,
    summer: TreeSummer<F>,
}

impl<F: Field> Buckets<F> {
    const BATCH: usize = BATCH_BYTES / size_of::<Affine<F>>();

    fn new(count: usize) -> Self {
        Self {
            sums: vec![Affine::INFINITY; count],
            batch: Vec::new(),
            runs: Vec::new(),
            late: Vec::new(),
            summer: TreeSummer::default(),
        }
    }

    /// Adds points: the first `counts[0]` of `ids` to bucket 0, and so on.
    fn add<P>(
        &mut self,
        bases: &[P],
        counts: &[u32],
        mut ids: &[u32],
        cancel: &CancelToken,
    ) -> Result<(), EngineError>
    where
        for<'a> Affine<F>: From<&'a P>,
    {
        for (key, count) in counts.iter().enumerate() {
            let (mut own, rest) = ids.split_at(*count as usize);
            ids = rest;
            while !own.is_empty() {
                if self.batch.len() + 2 > Self::BATCH {
                    self.sum_batch(MIN_PAIRS, cancel)?;
                }
                let start = self.batch.len();
                if !self.sums[key].is_infinity() {
                    // What the bucket holds already is one more point.
                    self.batch.push(self.sums[key]);
                    self.sums[key] = Affine::INFINITY;
                }
                let (now, later) = own.split_at(own.len().min(Self::BATCH - self.batch.len()));
                let points =
                    now.iter().map(|id| Affine::from(&bases[(id >> 1) as usize]).neg_if(id & 1 == 1));
                self.batch.extend(points);
                self.runs.push(Run { key: key as u32, len: (self.batch.len() - start) as u32 });
                own = later;
            }
        }
        self.sum_batch(MIN_PAIRS, cancel)
    }

    fn sum_batch(&mut self, min_pairs: usize, cancel: &CancelToken) -> Result<(), EngineError> {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let (sums, late) = (&mut self.sums, &mut self.late);
        self.summer.sum(&mut self.batch, &mut self.runs, min_pairs, |key, sum| {
            let bucket = &mut sums[key as usize];
            if bucket.is_infinity() {
                *bucket = sum;
            } else {
                late.push((key, sum));
            }
        });
        self.batch.clear();
        Ok(())
    }

    /// The bucket sums, with all late contributions.
    fn finish(mut self, cancel: &CancelToken) -> Result<Vec<Affine<F>>, EngineError> {
        let mut late = std::mem::take(&mut self.late);
        late.sort_by_key(|(key, _)| *key);
        for same in late.chunk_by(|a, b| a.0 == b.0) {
            let bucket = &mut self.sums[same[0].0 as usize];
            self.batch.push(std::mem::replace(bucket, Affine::INFINITY));
            self.batch.extend(same.iter().map(|(_, point)| *point));
            self.runs.push(Run { key: same[0].0, len: same.len() as u32 + 1 });
        }
        self.sum_batch(0, cancel)?;
        Ok(self.sums)
    }
}

/// Σ over the points of `blocks` of their digit in window `w` times the point.
pub(super) fn sum_window<P, F>(
    bases: &[P],
    blocks: &[Block],
    plan: &Plan,
    w: u32,
    cancel: &CancelToken,
) -> Result<Xyzz<F>, EngineError>
where
    F: Field,
    for<'a> Affine<F>: From<&'a P>,
{
    if blocks.iter().map(Block::len).sum::<usize>() < FEW {
        return Ok(sum_few(bases, blocks, plan, w));
    }
    let mut buckets = Buckets::new(plan.buckets());
    let (mut digits, mut ids) = (Vec::new(), Vec::new());
    let mut counts = vec![0u32; plan.buckets() + 1];
    let mut ends = vec![0u32; plan.buckets() + 1];
    for piece in blocks.chunks(BLOCKS_A_PIECE) {
        digits.clear();
        counts.fill(0);
        for value in piece.iter().flat_map(|block| &block.values) {
            let digit = plan.digit(value, w);
            counts[digit.unsigned_abs() as usize] += 1;
            digits.push(digit);
        }
        // Counting sort. Zero digits are sorted behind all others and left there.
        let mut end = 0;
        for size in (1..counts.len()).chain([0]) {
            ends[size] = end;
            end += counts[size];
        }
        ids.resize(digits.len(), 0);
        for (digit, id) in digits.iter().zip(piece.iter().flat_map(|block| &block.ids)) {
            let end = &mut ends[digit.unsigned_abs() as usize];
            ids[*end as usize] = id ^ u32::from(*digit < 0);
            *end += 1;
        }
        buckets.add(bases, &counts[1..], &ids, cancel)?;
    }
    Ok(weighted_sum(&buckets.finish(cancel)?))
}

/// The same without inversions, sorting or batches.
fn sum_few<P, F>(bases: &[P], blocks: &[Block], plan: &Plan, w: u32) -> Xyzz<F>
where
    F: Field,
    for<'a> Affine<F>: From<&'a P>,
{
    let mut buckets = vec![Xyzz::INFINITY; plan.buckets()];
    for (value, id) in blocks.iter().flat_map(|block| block.values.iter().zip(&block.ids)) {
        let digit = plan.digit(value, w);
        if digit != 0 {
            let bucket = &mut buckets[digit.unsigned_abs() as usize - 1];
            let negative = (id & 1 == 1) != (digit < 0);
            *bucket = bucket.add_affine(&Affine::from(&bases[(id >> 1) as usize]).neg_if(negative));
        }
    }
    let (mut total, mut sum) = (Xyzz::INFINITY, Xyzz::INFINITY);
    for bucket in buckets.iter().rev() {
        total = total.add(bucket);
        sum = sum.add(&total);
    }
    sum
}

/// Σ of the points whose scalar is 1, less those whose scalar is −1.
pub(super) fn sum_ones<P, F>(
    bases: &[P],
    blocks: &[Block],
    cancel: &CancelToken,
) -> Result<Xyzz<F>, EngineError>
where
    F: Field,
    for<'a> Affine<F>: From<&'a P>,
{
    let mut bucket = Buckets::new(1);
    for block in blocks.iter().filter(|block| !block.ones.is_empty()) {
        bucket.add(bases, &[block.ones.len() as u32], &block.ones, cancel)?;
    }
    Ok(weighted_sum(&bucket.finish(cancel)?))
}
