//! The jobs that a device has to get right: boundary, adversarial, random. The same seed gives the same jobs.

use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, One, PrimeField, Zero};
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Projective};
use millrace_job::NttDirection;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// What is computed.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Σ scalars·points.
    Msm {
        /// Affine, infinity among them.
        points: Vec<G1Affine>,
        /// Below r.
        scalars: Vec<Fr>,
    },
    /// A transform.
    Ntt {
        /// A power of two of them.
        values: Vec<Fr>,
        /// Direction.
        direction: NttDirection,
        /// Coset shift.
        coset: bool,
    },
}

/// A named job.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `msm/adversarial/all-equal/256`
    pub(crate) name: String,
    /// The job.
    pub(crate) input: Input,
}

impl Input {
    /// Points or values.
    pub(crate) fn size(&self) -> usize {
        match self {
            Input::Msm { points, .. } => points.len(),
            Input::Ntt { values, .. } => values.len(),
        }
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Msm { points, .. } => write!(f, "{} inputs", points.len()),
            Input::Ntt { values, .. } => {
                let not_zero = values.iter().filter(|value| !value.is_zero()).count();
                write!(f, "{} values, {not_zero} of them not zero", values.len())
            }
        }
    }
}

fn minus_one() -> Fr {
    -Fr::one()
}

/// A scalar that is even enough for tests: 32 random bytes modulo r.
pub(crate) fn random_scalar(rng: &mut ChaCha20Rng) -> Fr {
    Fr::from_le_bytes_mod_order(&rng.random::<[u8; 32]>())
}

/// Canonical bytes of scalars or values.
pub(crate) fn canonical(values: &[Fr]) -> Vec<FrCanonical> {
    values.iter().map(|v| FrCanonical::from(*v)).collect()
}

/// Points k·G for random k; cheap enough for thousands.
pub(crate) fn random_points(rng: &mut ChaCha20Rng, n: usize) -> Vec<G1Affine> {
    let start = G1Projective::generator() * random_scalar(rng);
    let step = G1Projective::generator() * random_scalar(rng);
    let sums: Vec<G1Projective> = std::iter::successors(Some(start), |p| Some(*p + step)).take(n).collect();
    G1Projective::normalize_batch(&sums)
}

fn random_scalars(rng: &mut ChaCha20Rng, n: usize) -> Vec<Fr> {
    (0..n).map(|_| random_scalar(rng)).collect()
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Seed of every random choice.
    pub(crate) seed: u64,
    /// Points of the adversarial and largest random MSMs.
    pub(crate) points: usize,
    /// log₂ of the longest transform.
    pub(crate) log_n: u32,
    /// Random MSMs and transforms, each.
    pub(crate) random: usize,
}

/// All jobs of a plan.
pub(crate) fn cases(plan: &Plan) -> Vec<Case> {
    let mut rng = ChaCha20Rng::seed_from_u64(plan.seed);
    let mut out = msm_boundary(&mut rng);
    out.extend(msm_adversarial(&mut rng, plan.points));
    for i in 0..plan.random {
        let n = if i == 0 { plan.points } else { rng.random_range(1..=plan.points) };
        let (points, scalars) = (random_points(&mut rng, n), random_scalars(&mut rng, n));
        out.push(msm(format!("random/{i}/{n}"), points, scalars));
    }
    out.extend(ntts(&mut rng, plan));
    out
}

fn msm(name: String, points: Vec<G1Affine>, scalars: Vec<Fr>) -> Case {
    Case { name: format!("msm/{name}"), input: Input::Msm { points, scalars } }
}

fn msm_boundary(rng: &mut ChaCha20Rng) -> Vec<Case> {
    let p = random_points(rng, 4);
    let two_to = |k: u64| Fr::from(2u64).pow([k]);
    let one = |name: &str, scalar| msm(format!("boundary/{name}"), vec![p[0]], vec![scalar]);
    let mut out = vec![
        one("scalar-0", Fr::zero()),
        one("scalar-1", Fr::one()),
        one("scalar-2", Fr::from(2u64)),
        one("scalar-r-1", minus_one()),
        one("scalar-2^253", two_to(253)),
        one("scalar-(r-1)/2", minus_one() * Fr::from(2u64).inverse().expect("2 is not 0")),
    ];
    // Every digit at its most positive, its most negative, and a carry through all windows, for windows of 1..=16 bits.
    for c in [4u64, 7, 8, 10, 13, 16] {
        let all = |digit: Fr| (0..250 / c).fold(Fr::zero(), |sum, w| sum + digit * two_to(c * w));
        out.push(one(&format!("digits-max-c{c}"), all(two_to(c - 1))));
        out.push(one(&format!("digits-carry-c{c}"), all(two_to(c - 1) + Fr::one())));
        out.push(one(&format!("digits-ones-c{c}"), all(two_to(c) - Fr::one())));
    }
    let inf = G1Affine::identity();
    out.push(msm("boundary/infinity".into(), vec![inf], vec![Fr::from(5u64)]));
    out.push(msm("boundary/infinities".into(), vec![inf, p[0], inf, p[1], inf], random_scalars(rng, 5)));
    out.push(msm("boundary/cancel".into(), vec![p[0], -p[0]], vec![Fr::from(77u64); 2]));
    out.push(msm("boundary/double".into(), vec![p[0]; 2], vec![Fr::from(77u64); 2]));
    out.push(msm("boundary/k-and-r-k".into(), vec![p[0]; 2], vec![Fr::from(77u64), -Fr::from(77u64)]));
    out.push(msm("boundary/three".into(), p[..3].to_vec(), vec![Fr::one(), minus_one(), Fr::from(2u64)]));
    out
}

fn msm_adversarial(rng: &mut ChaCha20Rng, n: usize) -> Vec<Case> {
    let points = random_points(rng, n);
    let (s, t) = (random_scalar(rng), random_scalar(rng));
    let alternate: Vec<G1Affine> = (0..n).map(|i| if i % 2 == 0 { points[0] } else { -points[0] }).collect();
    let mut sorted: Vec<Fr> = (0..n as u64).map(|i| Fr::from(i / 4)).collect();
    sorted.reverse();
    let case = |name: &str, points: &[G1Affine], scalars: Vec<Fr>| {
        msm(format!("adversarial/{name}/{n}"), points.to_vec(), scalars)
    };
    let bits: Vec<Fr> = (0..n).map(|_| Fr::from(rng.random_range(0..2u64))).collect();
    let full = random_scalars(rng, n);
    vec![
        case("all-equal", &points, vec![s; n]),
        case("all-r-1", &points, vec![minus_one(); n]),
        case("all-zero", &points, vec![Fr::zero(); n]),
        case("two-valued", &points, (0..n).map(|i| if i % 2 == 0 { s } else { t }).collect()),
        case("sorted-small", &points, sorted),
        case("bits", &points, bits),
        case("one-point", &vec![points[0]; n], full.clone()),
        case("one-point-all-equal", &vec![points[0]; n], vec![s; n]),
        case("plus-minus", &alternate, vec![s; n]),
        case("plus-minus-random", &alternate, full),
    ]
}

fn ntts(rng: &mut ChaCha20Rng, plan: &Plan) -> Vec<Case> {
    const MODES: [(&str, NttDirection, bool); 4] = [
        ("forward", NttDirection::Forward, false),
        ("inverse", NttDirection::Inverse, false),
        ("forward-coset", NttDirection::Forward, true),
        ("inverse-coset", NttDirection::Inverse, true),
    ];
    let mut out = Vec::new();
    let mut add = |name: String, values: Vec<Fr>, (mode, direction, coset): (&str, NttDirection, bool)| {
        let input = Input::Ntt { values, direction, coset };
        out.push(Case { name: format!("ntt/{name}/{mode}"), input });
    };
    for log_n in 1..=plan.log_n.min(6) {
        let values = random_scalars(rng, 1 << log_n);
        for mode in MODES {
            add(format!("boundary/2^{log_n}"), values.clone(), mode);
        }
    }
    let n = 1usize << plan.log_n.min(6);
    for mode in MODES {
        add("boundary/zeros".into(), vec![Fr::zero(); n], mode);
        add("boundary/all-r-1".into(), vec![minus_one(); n], mode);
        let mut impulse = vec![Fr::zero(); n];
        impulse[n - 1] = minus_one();
        add("boundary/impulse".into(), impulse, mode);
    }
    for i in 0..plan.random {
        let log_n = if i == 0 { plan.log_n } else { rng.random_range(1..=plan.log_n) };
        let mode = MODES[rng.random_range(0..MODES.len())];
        let values = random_scalars(rng, 1 << log_n);
        add(format!("random/{i}/2^{log_n}"), values, mode);
    }
    out
}
