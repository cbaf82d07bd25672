//! Runs a case on an engine, compares with the oracle, and finds the smallest failure and its first wrong place.

use std::sync::Arc;

use ark_ec::CurveGroup;
use ark_ff::Zero;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Canonical, G1Mont};
use millrace_job::{Engine, EngineError, Group, Job, JobOutput, JobReport, JobValue, Resident, ScalarSlice};

use super::cases::{Input, canonical};

/// Who is judged.
pub(crate) struct Subject {
    /// The engine.
    pub(crate) engine: Arc<dyn Engine>,
    /// Called when a case's bases are in place: damages them where validation itself is to be tested.
    pub(crate) damage: Box<dyn Fn()>,
}

/// What the oracle says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// A sum.
    Point(G1Affine),
    /// Transformed values.
    Values(Vec<Fr>),
}

/// The right answer.
pub(crate) fn expected(input: &Input) -> Expected {
    match input {
        Input::Msm { points, scalars } => {
            Expected::Point(millrace_oracle::msm_g1(points, scalars).into_affine())
        }
        Input::Ntt { values, direction, coset } => {
            let mut values = values.clone();
            millrace_oracle::ntt(&mut values, *direction, *coset);
            Expected::Values(values)
        }
    }
}

/// How a case went.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// As the oracle says.
    Right(JobReport),
    /// Not.
    Wrong {
        /// One line: what came instead.
        what: String,
    },
    /// The engine answered with an error.
    Failed(EngineError),
}

impl Verdict {
    /// Whether the answer is the oracle's.
    pub(crate) fn is_right(&self) -> bool {
        matches!(self, Verdict::Right(_))
    }
}

fn hex_point(p: &G1Affine) -> String {
    let c = G1Canonical::from(p);
    let digits = |b: &[u8; 32]| hex::encode(b.iter().rev().copied().collect::<Vec<u8>>());
    format!("(0x{}, 0x{})", digits(&c.x.0), digits(&c.y.0))
}

fn hex_value(x: &Fr) -> String {
    format!("0x{}", hex::encode(FrCanonical::from(*x).0.iter().rev().copied().collect::<Vec<u8>>()))
}

/// Describes the difference, or `None` where there is none.
pub(crate) fn difference(expected: &Expected, got: &JobValue) -> Option<String> {
    match (expected, got) {
        (Expected::Point(e), JobValue::G1(g)) => {
            (e != g).then(|| format!("sum: expected {}, got {}", hex_point(e), hex_point(g)))
        }
        (Expected::Values(e), JobValue::Values(g)) if e.len() == g.len() => {
            let at = e.iter().zip(g).position(|(e, g)| e != g)?;
            Some(format!(
                "first wrong value at index {at}: expected {}, got {}",
                hex_value(&e[at]),
                hex_value(&g[at])
            ))
        }
        (_, other) => {
            Some(format!("an answer of another kind or length: {other:?}").chars().take(120).collect())
        }
    }
}

fn job(subject: &Subject, input: &Input) -> Result<(Job, Option<millrace_job::BufferId>), EngineError> {
    Ok(match input {
        Input::Msm { points, scalars } => {
            let bases: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
            let bases = subject.engine.load(Resident::G1(bases.into()))?;
            (subject.damage)();
            let scalars: ScalarSlice = canonical(scalars).into();
            (Job::Msm { group: Group::G1, bases, range: 0..points.len(), scalars }, Some(bases))
        }
        Input::Ntt { values, direction, coset } => {
            (Job::Ntt { direction: *direction, coset: *coset, values: values.clone() }, None)
        }
    })
}

/// Runs the case once.
pub(crate) fn run(subject: &Subject, input: &Input) -> Result<JobOutput, EngineError> {
    let (job, bases) = job(subject, input)?;
    let output = subject.engine.submit(job).and_then(|ticket| subject.engine.wait(ticket));
    if let Some(bases) = bases {
        subject.engine.unload(bases);
    }
    output
}

/// Runs the case and judges the answer.
pub(crate) fn judge(subject: &Subject, input: &Input) -> Verdict {
    match run(subject, input) {
        Err(error) => Verdict::Failed(error),
        Ok(output) => match difference(&expected(input), &output.value) {
            None => Verdict::Right(output.report),
            Some(what) => Verdict::Wrong { what },
        },
    }
}

fn part(input: &Input, range: std::ops::Range<usize>) -> Option<Input> {
    match input {
        Input::Msm { points, scalars } => {
            Some(Input::Msm { points: points[range.clone()].to_vec(), scalars: scalars[range].to_vec() })
        }
        Input::Ntt { values, direction, coset } => (range.len().is_power_of_two() && range.len() > 1)
            .then(|| Input::Ntt { values: values[range].to_vec(), direction: *direction, coset: *coset }),
    }
}

/// The smallest job found that still fails, by halving; then an MSM by leaving out one point at a time, and a transform by
/// putting zeros for its values, in blocks that get shorter. At most `tries` runs.
pub(crate) fn shrink(subject: &Subject, input: &Input, mut tries: usize) -> Input {
    let mut smallest = input.clone();
    let mut fails = |candidate: &Input| {
        tries = tries.saturating_sub(1);
        tries > 0 && !judge(subject, candidate).is_right()
    };
    while smallest.size() > 1 {
        let n = smallest.size();
        let halves = [0..n / 2, n / 2..n];
        let Some(half) = halves.into_iter().filter_map(|r| part(&smallest, r)).find(&mut fails) else {
            break;
        };
        smallest = half;
    }
    if let Input::Msm { .. } = smallest {
        let mut i = 0;
        while i < smallest.size() && smallest.size() > 1 {
            let Input::Msm { mut points, mut scalars } = smallest.clone() else { break };
            let _ = (points.remove(i), scalars.remove(i));
            let candidate = Input::Msm { points, scalars };
            if fails(&candidate) { smallest = candidate } else { i += 1 }
        }
    }
    let mut block = smallest.size();
    while matches!(smallest, Input::Ntt { .. }) && block > 0 {
        for start in (0..smallest.size()).step_by(block) {
            let Input::Ntt { mut values, direction, coset } = smallest.clone() else { break };
            if values[start..start + block].iter().all(Fr::is_zero) {
                continue;
            }
            values[start..start + block].fill(Fr::zero());
            let candidate = Input::Ntt { values, direction, coset };
            if fails(&candidate) {
                smallest = candidate;
            }
        }
        block /= 2;
    }
    smallest
}

/// Where an MSM goes wrong first: its first wrong window and bucket, by the engine's dump after the bucket phase.
///
/// `None` for a transform, and where the engine has no dump.
pub(crate) fn first_wrong_bucket(subject: &Subject, input: &Input) -> Result<Option<String>, EngineError> {
    let Input::Msm { points, scalars } = input else { return Ok(None) };
    let (job, bases) = job(subject, input)?;
    let dump = subject.engine.dump_buckets(job);
    if let Some(bases) = bases {
        subject.engine.unload(bases);
    }
    let Some(dump) = dump? else { return Ok(None) };
    let right = millrace_oracle::buckets(points, scalars, dump.window_bits, dump.windows);
    if right.len() != dump.buckets.len() {
        return Ok(Some(format!("the dump has {} buckets, expected {}", dump.buckets.len(), right.len())));
    }
    let per_window = 1usize << (dump.window_bits - 1);
    Ok(Some(match right.iter().zip(&dump.buckets).position(|(r, d)| r != d) {
        None => "all buckets are right: the fault lies in the reduction, or was transient".to_owned(),
        Some(i) => format!(
            "first wrong bucket: window {}, bucket {}: expected {}, got {}",
            i / per_window,
            i % per_window + 1,
            hex_point(&right[i]),
            hex_point(&dump.buckets[i])
        ),
    }))
}
