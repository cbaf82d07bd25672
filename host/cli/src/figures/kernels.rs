//! Kernels of the CPU engine beside arkworks' own, one thread each, in turns, by processor time: others on the machine count less then.
//!
//! arkworks gets its own types. Ours is the engine as a proof uses it, with a job's way to another thread and the check of its scalars. Once for each figure
//! the answers are compared: where they differ, there is no figure.

use std::{hint::black_box, path::Path};

use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{FftField, PrimeField};
use millrace_bn254::{
    Fq, Fq2, Fr, G1Affine, G1Mont, G2Affine, G2Mont,
    array::FqArray,
    backend::Instructions,
    mont::FqLazy,
    points::{Curve, G1, G2},
};
use millrace_groth16::KeyPart;
use millrace_job::{BufferId, Engine, Group, Job, JobValue, Lent, NttDirection, Resident, ScalarSlice};
use millrace_kernels::{CpuEngine, Limits};
use millrace_oracle::{msm_g1, msm_g2, ntt, quotient};
use millrace_rivals::{Halo2Products, Halo2Sum, Halo2Transform};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{
    Bar, Sheet, adversarial,
    bounds::{self, Bounds, G1_ADDITION, G2_ADDITION},
    clock::processor_seconds_of,
    cpu::median,
    small,
};
use crate::{
    exit::{Code, Failure, OrFail},
    input,
};

/// Turns of each figure.
const TURNS: usize = 5;

/// `key` is of a real ceremony: its bases of A and B hold points at infinity.
pub(super) fn measure(sheet: &mut Sheet, key: &Path) -> Result<(), Failure> {
    let instructions = Instructions::from_env().or_fail(Code::Usage)?;
    let pair = Pair::new(instructions)?;
    let products = Products::measure(instructions)?;
    let name = format!(
        "multiplication in Fq, arrays in cache, {} ({:.2} ns)",
        instructions.name(),
        products.nanoseconds
    );
    sheet.beside_arkworks(&name, products.arkworks, 4.5);
    let name = "multiplication in Fq: halo2curves' assembly over ours";
    sheet.line(name, products.halo2, "times", Bar::AtLeast(1.0));
    let bounds = Bounds::measure(sheet, products.nanoseconds);
    for (log_n, bar) in [(16, 5.0), (18, 5.0), (20, 4.5)] {
        let sums = Sums::g1(log_n);
        let random = pair.sum(sheet, &sums, &format!("G1 MSM 2^{log_n}, one thread"), bar)?;
        let additions = millrace_kernels::additions::<G1>(1 << log_n) as f64;
        let addition_ns = random * 1e9 / additions;
        let name = format!("G1 MSM 2^{log_n}: an addition, all included");
        sheet.told(
            &format!("{name}, beside 6 products ({:.1} ns)", 6.0 * products.nanoseconds),
            addition_ns,
            "ns",
        );
        bounds.line(sheet, &format!("G1 MSM 2^{log_n}"), additions * G1_ADDITION, 0.0, random);
        if log_n == 18 {
            pair.sum_of_halo2(sheet, &sums)?;
            adversarial::measure(sheet, &pair, &sums, "G1 MSM 2^18")?;
            small::measure(sheet, &pair, &sums, "G1 MSM 2^18")?;
        }
    }
    for log_n in [16, 17, 18] {
        let sums = Sums::g2(log_n);
        let seconds = pair.sum(sheet, &sums, &format!("G2 MSM 2^{log_n}, one thread"), 8.0)?;
        let additions = millrace_kernels::additions::<G2>(1 << log_n) as f64;
        bounds.line(sheet, &format!("G2 MSM 2^{log_n}"), additions * G2_ADDITION, 0.0, seconds);
        if log_n == 18 {
            adversarial::measure(sheet, &pair, &sums, "G2 MSM 2^18")?;
        }
    }
    for (part, what) in [(KeyPart::A, "A"), (KeyPart::B1, "B over G1"), (KeyPart::B2, "B over G2")] {
        let (sums, infinite) = Sums::of_key(key, part)?;
        let name = format!("MSM, Semaphore's {what}: {} points, {infinite} infinite", sums.scalars.len());
        pair.sum(sheet, &sums, &name, 1.0)?;
    }
    for (log_n, bar) in [(18, 6.0), (20, 8.0)] {
        let [forward, _] = pair.transforms(sheet, "", log_n, bar)?;
        let (products, bytes) = (bounds::of_transform(log_n, true), bounds::of_transform_bytes(log_n));
        bounds.line(sheet, &format!("NTT 2^{log_n} forward, coset"), products, bytes, forward);
        let seconds = pair.quotient(sheet, log_n)?;
        // Three inverse and three forward transforms; products of a·b as read, as kept, and to integers. To and from memory 23 arrays: a and b twice, between
        // passes six times three, the result, and nothing more, but each table three times, which makes up for the passes in the middle being one.
        let products = 3.0 * (bounds::of_transform(log_n, false) + bounds::of_transform(log_n, true))
            + 3.0 * f64::from(log_n).exp2();
        bounds.line(sheet, &format!("quotient 2^{log_n}"), products, 23.0 / 5.0 * bytes, seconds);
    }
    pair.transform_of_halo2(sheet)?;
    missing_rivals(sheet);
    Ok(())
}

/// What is promised against rivals that cannot be built here.
fn missing_rivals(sheet: &Sheet) {
    let why = "its Go modules are in none of the registries of this build (crates.io, PyPI, npm, Debian)";
    for (kernel, bar) in [
        ("multiplication in Fq, arrays, its vector path", 1.9),
        ("G1 MSM 2^18, one thread (goal 4)", 3.0),
        ("G1 MSM 2^20, one thread (goal 4)", 3.0),
        ("G2 MSM 2^16 to 2^18, one thread", 3.6),
        ("NTT 2^18, one thread", 2.2),
        ("NTT 2^20, one thread", 2.0),
        ("its scalar code, beside adx and portable", 1.0),
    ] {
        sheet.rival_missing(&format!("gnark-crypto over ours, {kernel}"), "times", Bar::AtLeast(bar), why);
    }
    let why = "its crate and its npm package fetch a binary from outside the registries";
    let name = "rapidsnark over ours, whole proof, full width 2^16 to 2^20";
    sheet.rival_missing(name, "times", Bar::AtLeast(5.0), why);
    sheet.rival_missing("ours over rapidsnark, memory of a proof at 2^20", "times", Bar::AtMost(1.0), why);
}

fn random() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

fn element<F: PrimeField>(rng: &mut ChaCha20Rng) -> F {
    F::from_le_bytes_mod_order(&rng.random::<[u8; 32]>())
}

/// Products over arrays that the first cache holds.
pub(super) struct Products {
    /// arkworks' time over ours.
    pub(super) arkworks: f64,
    /// halo2curves' time over ours.
    pub(super) halo2: f64,
    /// What one of ours takes.
    pub(super) nanoseconds: f64,
}

impl Products {
    pub(super) fn measure(instructions: Instructions) -> Result<Self, Failure> {
        const ELEMENTS: usize = 1 << 9;
        const TIMES: usize = 1 << 12;
        let mut rng = random();
        let (mut a, b): (Vec<Fq>, Vec<Fq>) =
            (0..ELEMENTS).map(|_| (element::<Fq>(&mut rng), element::<Fq>(&mut rng))).unzip();
        let (mut x, y) = (FqArray::new(instructions, &a), FqArray::new(instructions, &b));
        let mut halo2 = Halo2Products::new(&a, &b);
        let (mut ratios, mut ratios_halo2, mut nanoseconds) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let theirs = processor_seconds_of(|| {
                (0..TIMES).for_each(|_| a.iter_mut().zip(black_box(&b)).for_each(|(a, b)| *a *= b))
            });
            let halo2s = processor_seconds_of(|| (0..TIMES).for_each(|_| halo2.multiply()));
            let ours = processor_seconds_of(|| {
                (0..TIMES).for_each(|_| x.mul_assign(black_box(&y)));
            });
            ratios.push(theirs / ours);
            ratios_halo2.push(halo2s / ours);
            nanoseconds.push(ours * 1e9 / (ELEMENTS * TIMES) as f64);
        }
        let mut products = vec![Fq::default(); ELEMENTS];
        x.store(&mut products);
        same(products == a && products == halo2.left())?;
        let [arkworks, halo2, nanoseconds] = [ratios, ratios_halo2, nanoseconds].map(median);
        Ok(Self { arkworks, halo2, nanoseconds })
    }
}

/// Bases and scalars of an MSM.
pub(super) struct Sums {
    group: Group,
    bases: Resident,
    scalars: Vec<Fr>,
}

fn points<A: AffineRepr>(n: usize) -> Vec<A> {
    let mut point = A::Group::generator();
    let step = point * element::<A::ScalarField>(&mut random());
    let all: Vec<A::Group> = std::iter::repeat_with(|| {
        point += step;
        point
    })
    .take(n)
    .collect();
    A::Group::normalize_batch(&all)
}

impl Sums {
    /// With random scalars, as many as there are bases.
    fn new(group: Group, bases: Resident, n: usize) -> Self {
        Self { group, bases, scalars: elements(n) }
    }

    pub(super) fn g1(log_n: u32) -> Self {
        let bases: Vec<_> = points::<G1Affine>(1 << log_n).iter().map(Into::into).collect();
        Self::new(Group::G1, Resident::G1(bases.into()), 1 << log_n)
    }

    pub(super) fn g2(log_n: u32) -> Self {
        let bases: Vec<_> = points::<G2Affine>(1 << log_n).iter().map(Into::into).collect();
        Self::new(Group::G2, Resident::G2(bases.into()), 1 << log_n)
    }

    /// A part of a key with random scalars, and how many of its points are infinite.
    fn of_key(key: &Path, part: KeyPart) -> Result<(Self, usize), Failure> {
        let key = input::key(key)?;
        let (bytes, range) = (key.bytes().clone(), key.range(part));
        let whole = "an opened key has whole points";
        Ok(if part == KeyPart::B2 {
            let bases = Lent::<G2Mont>::new(bytes, range).expect(whole);
            let infinite = bases.as_slice().iter().filter(|p| G2::is_infinity(p)).count();
            let n = bases.len();
            (Self::new(Group::G2, Resident::G2(bases), n), infinite)
        } else {
            let bases = Lent::<G1Mont>::new(bytes, range).expect(whole);
            let infinite = bases.as_slice().iter().filter(|p| G1::is_infinity(p)).count();
            let n = bases.len();
            (Self::new(Group::G1, Resident::G1(bases), n), infinite)
        })
    }

    /// The same bases with other scalars, as many.
    pub(super) fn with(&self, scalars: Vec<Fr>) -> Self {
        assert_eq!(scalars.len(), self.scalars.len());
        Self { group: self.group, bases: self.bases.clone(), scalars }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.scalars.len()
    }

    /// arkworks' sum, in its own types.
    fn of_arkworks(&self) -> Box<dyn FnMut() -> Timed + Send + '_> {
        let scalars = &self.scalars;
        match &self.bases {
            Resident::G1(bases) => {
                let bases: Vec<_> = bases.as_slice().iter().map(affine_g1).collect();
                Box::new(move || timed_rival(|| JobValue::G1(msm_g1(&bases, scalars).into_affine())))
            }
            Resident::G2(bases) => {
                let bases: Vec<_> = bases.as_slice().iter().map(affine_g2).collect();
                Box::new(move || timed_rival(|| JobValue::G2(msm_g2(&bases, scalars).into_affine())))
            }
            _ => unreachable!("sums have points for bases"),
        }
    }

    fn job(&self, bases: BufferId) -> Job {
        let scalars: ScalarSlice = self.scalars.iter().map(|k| (*k).into()).collect();
        Job::Msm { group: self.group, bases, range: 0..scalars.len(), scalars }
    }
}

/// Our engine on one thread, and a pool of one thread for rivals, whose builds here use as many as they find.
pub(super) struct Pair {
    ours: CpuEngine,
    one: ThreadPool,
}

/// Processor seconds of a job, from its way to the engine to its answer, which is returned with them.
fn timed(engine: &CpuEngine, job: Job) -> Result<Timed, Failure> {
    let mut output = None;
    let seconds = processor_seconds_of(|| {
        output = Some(engine.submit(job).and_then(|ticket| engine.wait(ticket)));
    });
    Ok((seconds, output.expect("it was asked for").or_fail(Code::DeviceFailed)?.value))
}

/// Processor seconds of a rival, and its answer.
fn timed_rival(work: impl FnOnce() -> JobValue) -> Timed {
    let mut value = None;
    let seconds = processor_seconds_of(|| value = Some(work()));
    (seconds, value.expect("it was asked for"))
}

/// Seconds and an answer.
type Timed = (f64, JobValue);

/// Fails where an answer is not the rival's: its time says nothing.
fn same(is: bool) -> Result<(), Failure> {
    if is { Ok(()) } else { Err(Failure::new(Code::Mismatch, "a kernel's answer differs from the rival's")) }
}

/// Our engine on one thread.
fn one_thread(instructions: Instructions) -> Result<CpuEngine, Failure> {
    let mut lanes = CpuEngine::lanes(1, 1, instructions, Limits::NONE).or_fail(Code::Resources)?;
    Ok(lanes.pop().expect("one lane at least"))
}

impl Pair {
    pub(super) fn new(instructions: Instructions) -> Result<Self, Failure> {
        let one = ThreadPoolBuilder::new().num_threads(1).build().or_fail(Code::Resources)?;
        Ok(Self { ours: one_thread(instructions)?, one })
    }

    /// (the rival's time over ours, ours in seconds), medians of turns; the first turn is not counted, and its answers are compared.
    fn turns(&self, ours: &Job, mut theirs: impl FnMut() -> Timed + Send) -> Result<(f64, f64), Failure> {
        let (mut ratios, mut times) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let (slow, expected) = self.one.install(&mut theirs);
            let (fast, value) = timed(&self.ours, ours.clone())?;
            if turn == 0 {
                same(value == expected)?;
            } else {
                ratios.push(slow / fast);
                times.push(fast);
            }
        }
        Ok((median(ratios), median(times)))
    }

    /// The same for a sum.
    fn turns_of_sum(&self, sums: &Sums, theirs: impl FnMut() -> Timed + Send) -> Result<(f64, f64), Failure> {
        let bases = self.ours.load(sums.bases.clone()).or_fail(Code::DeviceFailed)?;
        let turns = self.turns(&sums.job(bases), theirs);
        self.ours.unload(bases);
        turns
    }

    /// Prints the ratio of a sum and returns our seconds.
    pub(super) fn sum(&self, sheet: &mut Sheet, sums: &Sums, name: &str, bar: f64) -> Result<f64, Failure> {
        let (ratio, seconds) = self.turns_of_sum(sums, sums.of_arkworks())?;
        sheet.beside_arkworks(&format!("{name} ({:.1} ms)", seconds * 1e3), ratio, bar);
        Ok(seconds)
    }

    /// Our median seconds for each of these sums, which take turns; answers are compared with arkworks'.
    pub(super) fn in_turns(&self, all: &[Sums]) -> Result<Vec<f64>, Failure> {
        let Some(first) = all.first() else { return Ok(Vec::new()) };
        let bases = self.ours.load(first.bases.clone()).or_fail(Code::DeviceFailed)?;
        let mut times = vec![Vec::new(); all.len()];
        for turn in 0..=TURNS {
            for (sums, times) in all.iter().zip(&mut times) {
                let (seconds, value) = timed(&self.ours, sums.job(bases))?;
                if turn == 0 {
                    same(value == self.one.install(&mut *sums.of_arkworks()).1)?;
                } else {
                    times.push(seconds);
                }
            }
        }
        self.ours.unload(bases);
        Ok(times.into_iter().map(median).collect())
    }

    /// Our time for a sum over that with one set of windows for scalars of all lengths, each the least of turns; answers are compared with arkworks'.
    ///
    /// Both engines have the same instructions and bases, and memory from the first turn, which is not counted. They go first in turns.
    pub(super) fn classes_over_one(&self, sums: &Sums) -> Result<f64, Failure> {
        let engines = [
            one_thread(self.ours.instructions())?,
            one_thread(self.ours.instructions())?.with_classes(false),
        ];
        let mut least = [f64::INFINITY; 2];
        let [by_classes, one_set] = engines.each_ref().map(|engine| engine.load(sums.bases.clone()));
        let bases = [by_classes.or_fail(Code::DeviceFailed)?, one_set.or_fail(Code::DeviceFailed)?];
        let arkworks = self.one.install(&mut *sums.of_arkworks()).1;
        for turn in 0..=TURNS {
            for which in [turn % 2, 1 - turn % 2] {
                let (seconds, value) = timed(&engines[which], sums.job(bases[which]))?;
                same(value == arkworks)?;
                if turn > 0 {
                    least[which] = least[which].min(seconds);
                }
            }
        }
        Ok(least[0] / least[1])
    }

    /// halo2curves' sum over the bases that [`Sums::g1`] makes, beside ours.
    fn sum_of_halo2(&self, sheet: &mut Sheet, sums: &Sums) -> Result<(), Failure> {
        let halo2 = Halo2Sum::new(&points::<G1Affine>(sums.scalars.len()), &sums.scalars);
        let (ratio, _) = self.turns_of_sum(sums, || timed_rival(|| JobValue::G1(halo2.sum())))?;
        let name = "G1 MSM 2^18, one thread: halo2curves' over ours";
        sheet.line(name, ratio, "times", Bar::AtLeast(1.0));
        Ok(())
    }

    /// halo2curves' forward transform beside ours; theirs has no coset shift.
    fn transform_of_halo2(&self, sheet: &mut Sheet) -> Result<(), Failure> {
        const LOG_N: u32 = 18;
        let values = elements(1 << LOG_N);
        let root = Fr::get_root_of_unity(1 << LOG_N).expect("the field has it");
        // Transformed in place again and again; the first time what is compared.
        let mut halo2 = Halo2Transform::new(&values, &root);
        let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values };
        let theirs = || (processor_seconds_of(|| halo2.transform()), JobValue::Values(halo2.values()));
        let (ratio, _) = self.turns(&job, theirs)?;
        let name = "NTT 2^18 forward, one thread: halo2curves' over ours";
        sheet.line(name, ratio, "times", Bar::AtLeast(1.0));
        Ok(())
    }

    /// Both directions; `on` begins the names.
    pub(super) fn transforms(
        &self,
        sheet: &mut Sheet,
        on: &str,
        log_n: u32,
        bar: f64,
    ) -> Result<[f64; 2], Failure> {
        let values = elements(1 << log_n);
        let mut took = [0.0; 2];
        let modes =
            [(NttDirection::Forward, true, "forward, coset"), (NttDirection::Inverse, false, "inverse")];
        for (took, (direction, coset, what)) in took.iter_mut().zip(modes) {
            let job = Job::Ntt { direction, coset, values: values.clone() };
            let theirs = || {
                let mut values = values.clone();
                (processor_seconds_of(|| ntt(&mut values, direction, coset)), JobValue::Values(values))
            };
            let (ratio, seconds) = self.turns(&job, theirs)?;
            let name = format!("{on}NTT 2^{log_n} {what}, one thread ({:.1} ms)", seconds * 1e3);
            sheet.beside_arkworks(&name, ratio, bar);
            *took = seconds;
        }
        Ok(took)
    }

    /// The quotient beside six transforms of arkworks and the loops between them; returns our seconds.
    fn quotient(&self, sheet: &mut Sheet, log_n: u32) -> Result<f64, Failure> {
        let all = elements(2 << log_n);
        let (a, b) = (all[..1 << log_n].to_vec(), all[1 << log_n..].to_vec());
        let job = Job::Quotient { a: a.clone(), b: b.clone() };
        let theirs = || {
            let (a, b, mut values) = (a.clone(), b.clone(), Vec::new());
            let seconds = processor_seconds_of(|| values = quotient(a, b));
            (seconds, JobValue::Scalars(values.iter().map(|x| (*x).into()).collect()))
        };
        let (ratio, seconds) = self.turns(&job, theirs)?;
        let name =
            format!("quotient 2^{log_n}, one thread ({:.1} ms): arkworks' six transforms", seconds * 1e3);
        sheet.told(&name, ratio, "times");
        Ok(seconds)
    }
}

pub(super) fn elements(n: usize) -> Vec<Fr> {
    let mut rng = random();
    (0..n).map(|_| element(&mut rng)).collect()
}

/// A coordinate, by its Montgomery form.
fn coordinate(bytes: &[u8; 32]) -> Fq {
    FqLazy::from_mont_bytes(bytes).into()
}

fn affine_g1(point: &G1Mont) -> G1Affine {
    let [x, y] = [0, 1].map(|i| coordinate(&point.0.as_chunks().0[i]));
    if G1::is_infinity(point) { G1Affine::identity() } else { G1Affine::new_unchecked(x, y) }
}

fn affine_g2(point: &G2Mont) -> G2Affine {
    let [x0, x1, y0, y1] = [0, 1, 2, 3].map(|i| coordinate(&point.0.as_chunks().0[i]));
    let (x, y) = (Fq2::new(x0, x1), Fq2::new(y0, y1));
    if G2::is_infinity(point) { G2Affine::identity() } else { G2Affine::new_unchecked(x, y) }
}
