//! One MSM over several engines: parts of the points, whose sums are added.

use std::{collections::HashMap, ops::Range, sync::Mutex, sync::PoisonError};

use ark_ec::CurveGroup;
use millrace_bn254::{G1Projective, G2Projective};

use crate::{EngineSlot, Group, JobGraph, JobKind, JobReport, Port, StepError, Value};

/// Cuts 0..len in proportion to `weights`. Every part has at least one point as long as there are points enough; weights that are
/// not positive numbers count as the smallest possible share.
pub fn ranges(len: usize, weights: &[f64]) -> Vec<Range<usize>> {
    let parts = weights.len();
    let weight = |w: f64| if w.is_finite() && w > 0.0 { w } else { 0.0 };
    let total: f64 = weights.iter().copied().map(weight).sum();
    let mut out = Vec::with_capacity(parts);
    let (mut start, mut seen) = (0, 0.0);
    for (i, w) in weights.iter().enumerate() {
        seen += weight(*w);
        let left = parts - i - 1;
        let wish =
            if total > 0.0 { (len as f64 * (seen / total)).round() as usize } else { len * (i + 1) / parts };
        let end = if left == 0 {
            len
        } else {
            // At least one point here, and one for each part behind.
            wish.max(start + 1).min(len.saturating_sub(left)).max(start).min(len)
        };
        out.push(start..end);
        start = end;
    }
    out
}

/// Adds a host step that sums partial results; a single part passes through as it is.
///
/// # Panics
/// If there is no part.
pub fn sum(graph: &mut JobGraph<'_>, label: &str, group: Group, parts: &[Port]) -> Port {
    assert!(!parts.is_empty(), "{label}: a sum of no parts");
    if let [one] = parts {
        return *one;
    }
    graph.host(format!("{label} sum"), parts, 1, move |values| Ok(vec![add(group, values)?]))[0]
}

fn add(group: Group, values: Vec<Value>) -> Result<Value, StepError> {
    match group {
        Group::G1 => {
            let points = values.into_iter().map(Value::into_g1).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::G1(total::<G1Projective>(&points).into_affine()))
        }
        Group::G2 => {
            let points = values.into_iter().map(Value::into_g2).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::G2(total::<G2Projective>(&points).into_affine()))
        }
    }
}

fn total<G: CurveGroup>(points: &[G::Affine]) -> G {
    points.iter().fold(G::zero(), |sum, p| sum + p)
}

/// Points a second of each engine, as seen so far.
#[derive(Default, Debug)]
pub struct Rates(Mutex<HashMap<(EngineSlot, Group), f64>>);

impl Rates {
    /// Takes a finished job into account: the newest measurement counts half.
    pub fn record(&self, slot: EngineSlot, report: &JobReport) {
        let JobKind::Msm { group, points } = report.kind else { return };
        let rate = points as f64 / report.wall.as_secs_f64().max(1e-9);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((slot, group)).and_modify(|old| *old = f64::midpoint(*old, rate)).or_insert(rate);
    }

    /// Points a second, or `None` if the engine has not done such a job yet.
    pub fn get(&self, slot: EngineSlot, group: Group) -> Option<f64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(slot, group)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_everything_in_order_and_leave_no_part_empty() {
        for len in [1, 2, 3, 7, 64, 1000] {
            for weights in
                [&[1.0][..], &[1.0, 1.0], &[1e-9, 1.0], &[1.0, 0.0], &[f64::NAN, 2.0, 5.0], &[0.0, 0.0]]
            {
                let parts = ranges(len, weights);
                assert_eq!(parts.len(), weights.len());
                assert_eq!(parts[0].start, 0);
                assert_eq!(parts.last().unwrap().end, len);
                assert!(parts.windows(2).all(|w| w[0].end == w[1].start));
                if len >= weights.len() {
                    assert!(parts.iter().all(|p| !p.is_empty()), "{len} {weights:?} {parts:?}");
                }
            }
        }
    }

    #[test]
    fn ranges_follow_the_weights() {
        assert_eq!(ranges(100, &[1.0, 3.0]), [0..25, 25..100]);
        assert_eq!(ranges(0, &[1.0, 3.0]), [0..0, 0..0]);
    }
}
