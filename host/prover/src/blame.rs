//! Which job of a wrong proof was wrong, and where.

use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_job::{
    BucketDump, EngineError, EngineSet, EngineSlot, JobInput, JobKind, JobRecord, JobValue, Resident,
};

/// Computes the buckets of an MSM the slow way: bases, scalars, window bits c, windows; bucket (w, |d|) of the signed digits
/// −2^(c−1) < d ≤ 2^(c−1) at index w·2^(c−1) + |d| − 1.
pub type BucketFn = fn(&[G1Affine], &[Fr], u32, u32) -> Vec<G1Affine>;

/// Where in a job the first wrong thing was seen, when the job was done again on the same engine.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultPlace {
    /// The first wrong bucket of an MSM.
    Bucket {
        /// Window, from 0 (least significant).
        window: u32,
        /// The digit's absolute value.
        digit: u32,
    },
    /// All buckets of the MSM are right, its result is wrong again: the fault lies in the reduction.
    AfterBuckets,
    /// The first wrong value of a transform or product.
    Value {
        /// Its index.
        index: usize,
    },
    /// The second time the answer was right.
    Transient,
    /// Wrong again, and the engine cannot show more.
    Unlocated,
    /// The second time the engine failed.
    Failed(String),
}

impl std::fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bucket { window, digit } => write!(f, "first wrong bucket: window {window}, digit {digit}"),
            Self::AfterBuckets => f.write_str("all buckets are right, the reduction is wrong"),
            Self::Value { index } => write!(f, "first wrong value: index {index}"),
            Self::Transient => f.write_str("transient: right when done again"),
            Self::Unlocated => f.write_str("wrong again when done again"),
            Self::Failed(error) => write!(f, "failed when done again: {error}"),
        }
    }
}

/// A wrong answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The job.
    pub label: String,
    /// Kind and size.
    pub kind: JobKind,
    /// The engine that did it.
    pub engine: String,
    /// Where it went wrong.
    pub place: FaultPlace,
}

impl std::fmt::Display for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {} on {}: {}", self.label, self.engine, self.place)
    }
}

/// The first job, in the order of the plan, whose answer differs from the trusted engine's. Jobs that follow from a wrong one differ
/// too, so the first is the one to blame.
pub(crate) fn first_difference<'a>(
    ran: &'a [JobRecord],
    trusted: &'a [JobRecord],
) -> Option<(&'a JobRecord, &'a JobRecord)> {
    let same = |(ran, trusted): &(&JobRecord, &JobRecord)| ran.label == trusted.label;
    ran.iter().zip(trusted).take_while(same).find(|(ran, trusted)| ran.digest != trusted.digest)
}

/// Who was wrong: a slot, and which engine behind it where that stands for several.
#[derive(Clone, Copy)]
pub(crate) struct Suspect<'a> {
    pub(crate) slot: EngineSlot,
    pub(crate) engine: &'a str,
}

/// Does the job again on the engine that was wrong, to see where.
pub(crate) fn locate(
    set: &EngineSet,
    trusted: EngineSlot,
    suspect: Suspect<'_>,
    input: &JobInput,
    buckets: Option<BucketFn>,
) -> FaultPlace {
    let again = || -> Result<FaultPlace, EngineError> {
        let engine = set.engine(trusted);
        let right = engine.wait(engine.submit(input.job(trusted)?)?)?;
        let shown = match buckets {
            Some(buckets) => wrong_bucket(set, suspect, input, buckets)?,
            None => Shown::Nothing,
        };
        if let Shown::Bucket(place) = shown {
            return Ok(place);
        }
        let engine = set.engine(suspect.slot);
        let got = engine.wait(engine.submit_to(suspect.engine, input.job(suspect.slot)?)?)?;
        Ok(match first_wrong_value(&right.value, &got.value) {
            None => FaultPlace::Transient,
            Some(Some(index)) => FaultPlace::Value { index },
            Some(None) if matches!(shown, Shown::AllRight) => FaultPlace::AfterBuckets,
            Some(None) => FaultPlace::Unlocated,
        })
    };
    again().unwrap_or_else(|e| FaultPlace::Failed(e.to_string()))
}

enum Shown {
    Nothing,
    AllRight,
    Bucket(FaultPlace),
}

fn wrong_bucket(
    set: &EngineSet,
    suspect: Suspect<'_>,
    input: &JobInput,
    buckets: BucketFn,
) -> Result<Shown, EngineError> {
    let JobInput::Msm { bases, range, scalars, .. } = input else { return Ok(Shown::Nothing) };
    let Resident::G1(points) = bases.data() else { return Ok(Shown::Nothing) };
    let job = input.job(suspect.slot)?;
    let Some(dump) = set.engine(suspect.slot).dump_buckets_of(suspect.engine, job)? else {
        return Ok(Shown::Nothing);
    };
    if !is_plausible(&dump) {
        return Ok(Shown::Nothing);
    }
    let points: Option<Vec<_>> = points.as_slice()[range.clone()].iter().map(G1Mont::to_affine).collect();
    let scalars: Option<Vec<_>> = scalars.iter().map(FrCanonical::to_fr).collect();
    let (Some(points), Some(scalars)) = (points, scalars) else { return Ok(Shown::Nothing) };
    let right = buckets(&points, &scalars, dump.window_bits, dump.windows);
    let Some(i) = right.iter().zip(&dump.buckets).position(|(right, got)| right != got) else {
        return Ok(Shown::AllRight);
    };
    let per_window = 1 << (dump.window_bits - 1);
    Ok(Shown::Bucket(FaultPlace::Bucket {
        window: (i / per_window) as u32,
        digit: (i % per_window) as u32 + 1,
    }))
}

/// Whether a dump's own figures fit together, so that they can be computed with.
fn is_plausible(dump: &BucketDump) -> bool {
    let bits = u64::from(dump.window_bits) * u64::from(dump.windows);
    (2..=24).contains(&dump.window_bits)
        && (255..=512).contains(&bits)
        && dump.buckets.len() as u64 == u64::from(dump.windows) << (dump.window_bits - 1)
}

/// `None` if both are equal, else the index of the first wrong element, if there is such a thing.
fn first_wrong_value(right: &JobValue, got: &JobValue) -> Option<Option<usize>> {
    let first = |right: &[Fr], got: &[Fr]| right.iter().zip(got).position(|(r, g)| r != g);
    if right == got {
        return None;
    }
    Some(match (right, got) {
        (JobValue::Values(r), JobValue::Values(g)) => first(r, g),
        (JobValue::Rows { a, b }, JobValue::Rows { a: got_a, b: got_b }) => {
            first(a, got_a).or_else(|| first(b, got_b))
        }
        (JobValue::Scalars(r), JobValue::Scalars(g)) => r.iter().zip(g.iter()).position(|(r, g)| r != g),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(window_bits: u32, windows: u32, len: usize) -> BucketDump {
        BucketDump { window_bits, windows, buckets: vec![G1Affine::default(); len] }
    }

    #[test]
    fn dumps_whose_figures_contradict_each_other_are_not_computed_with() {
        assert!(is_plausible(&dump(4, 64, 64 * 8)));
        assert!(!is_plausible(&dump(4, 64, 64 * 8 - 1)), "a bucket is missing");
        assert!(!is_plausible(&dump(4, 63, 63 * 8)), "the windows do not cover a scalar");
        assert!(!is_plausible(&dump(0, 300, 0)));
        assert!(!is_plausible(&dump(u32::MAX, u32::MAX, 0)));
    }

    #[test]
    fn the_first_wrong_value_is_found_in_either_product() {
        let v = |x: &[u64]| x.iter().map(|x| Fr::from(*x)).collect::<Vec<_>>();
        let values = |x: &[u64]| JobValue::Values(v(x));
        assert_eq!(first_wrong_value(&values(&[1, 2]), &values(&[1, 2])), None);
        assert_eq!(first_wrong_value(&values(&[1, 2]), &values(&[1, 3])), Some(Some(1)));
        let rows = |a: &[u64], b: &[u64]| JobValue::Rows { a: v(a), b: v(b) };
        assert_eq!(first_wrong_value(&rows(&[1], &[2]), &rows(&[1], &[3])), Some(Some(0)));
        assert_eq!(first_wrong_value(&JobValue::G1(G1Affine::default()), &values(&[])), Some(None));
    }
}
