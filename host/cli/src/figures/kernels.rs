//! Kernels of the CPU engine beside arkworks' own, one thread each, in turns, by processor time: others on the machine count less then.
//!
//! arkworks gets its own types. Ours is the engine as a proof uses it, with a job's way to another thread and the check of its scalars.

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
use millrace_job::{BufferId, Engine, Group, Job, Lent, NttDirection, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;
use millrace_oracle::{msm_g1, msm_g2, ntt};
use millrace_rivals::{Halo2Products, Halo2Sum, Halo2Transform};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Bar, Sheet, clock::processor_seconds_of, cpu::median};
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
    let products = Products::measure(instructions);
    let name = format!("multiplication in Fq, {} ({:.2} ns)", instructions.name(), products.nanoseconds);
    sheet.beside_arkworks(&name, products.arkworks, 4.5);
    let name = "multiplication in Fq: halo2curves' assembly over ours";
    sheet.line(name, products.halo2, "times", Bar::AtLeast(1.0));
    for (log_n, bar) in [(16, 5.0), (18, 5.0), (20, 4.5)] {
        let sums = Sums::g1(log_n);
        let random = pair.sum(sheet, &sums, &format!("G1 MSM 2^{log_n}, one thread"), bar)?;
        let addition_ns = random * 1e9 / millrace_kernels::additions(1 << log_n) as f64;
        let name = format!("G1 MSM 2^{log_n}: an addition, all included");
        sheet.told(
            &format!("{name}, beside 6 products ({:.1} ns)", 6.0 * products.nanoseconds),
            addition_ns,
            "ns",
        );
        if log_n == 18 {
            let equal = pair.median_of_ours(&sums.with(|_| sums.scalars[1]))?;
            let name = "G1 MSM 2^18, all scalars equal over random ones";
            sheet.line(name, equal / random, "times", Bar::AtMost(1.3));
            pair.sum_of_halo2(sheet, &sums)?;
        }
    }
    for log_n in [16, 18] {
        pair.sum(sheet, &Sums::g2(log_n), &format!("G2 MSM 2^{log_n}, one thread"), 8.0)?;
    }
    for (part, what) in [(KeyPart::A, "A"), (KeyPart::B1, "B over G1"), (KeyPart::B2, "B over G2")] {
        let (sums, infinite) = Sums::of_key(key, part)?;
        let name = format!("MSM, Semaphore's {what}: {} points, {infinite} infinite", sums.scalars.len());
        pair.sum(sheet, &sums, &name, 1.0)?;
    }
    for (log_n, bar) in [(18, 6.0), (20, 8.0)] {
        pair.transforms(sheet, "", log_n, bar)?;
    }
    pair.transform_of_halo2(sheet)?;
    let missing = "its Go modules are in none of the registries of this build (crates.io, PyPI, npm, Debian)";
    for kernel in ["product in Fq, its vector path", "G1 MSM", "G2 MSM", "NTT"] {
        sheet.rival_missing(&format!("gnark-crypto, {kernel}"), missing);
    }
    let missing = "its crate and its npm package fetch a binary from outside the registries";
    sheet.rival_missing("rapidsnark, whole proof and memory", missing);
    Ok(())
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
    pub(super) fn measure(instructions: Instructions) -> Self {
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
        black_box((&a, &x, &halo2));
        let [arkworks, halo2, nanoseconds] = [ratios, ratios_halo2, nanoseconds].map(median);
        Self { arkworks, halo2, nanoseconds }
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

    /// The same bases with other scalars.
    fn with(&self, scalar: impl Fn(usize) -> Fr) -> Self {
        let scalars = (0..self.scalars.len()).map(scalar).collect();
        Self { group: self.group, bases: self.bases.clone(), scalars }
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

/// Processor seconds of a job, from its way to the engine to its answer.
fn seconds(engine: &CpuEngine, job: Job) -> Result<f64, Failure> {
    let mut output = None;
    let seconds = processor_seconds_of(|| {
        output = Some(engine.submit(job).and_then(|ticket| engine.wait(ticket)));
    });
    output.expect("it was asked for").or_fail(Code::DeviceFailed)?;
    Ok(seconds)
}

impl Pair {
    pub(super) fn new(instructions: Instructions) -> Result<Self, Failure> {
        let one = ThreadPoolBuilder::new().num_threads(1).build().or_fail(Code::Usage)?;
        Ok(Self { ours: CpuEngine::with_instructions(1, instructions), one })
    }

    /// (the rival's time over ours, ours in seconds), medians of turns; one turn is not counted. `theirs` says how long it took.
    fn turns(&self, ours: &Job, mut theirs: impl FnMut() -> f64 + Send) -> Result<(f64, f64), Failure> {
        let (mut ratios, mut times) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let slow = self.one.install(&mut theirs);
            let fast = seconds(&self.ours, ours.clone())?;
            if turn > 0 {
                ratios.push(slow / fast);
                times.push(fast);
            }
        }
        Ok((median(ratios), median(times)))
    }

    /// The same for a sum.
    fn turns_of_sum(&self, sums: &Sums, theirs: impl FnMut() -> f64 + Send) -> Result<(f64, f64), Failure> {
        let bases = self.ours.load(sums.bases.clone()).or_fail(Code::DeviceFailed)?;
        let turns = self.turns(&sums.job(bases), theirs);
        self.ours.unload(bases);
        turns
    }

    /// Prints the ratio of a sum and returns our seconds.
    pub(super) fn sum(&self, sheet: &mut Sheet, sums: &Sums, name: &str, bar: f64) -> Result<f64, Failure> {
        let scalars = &sums.scalars;
        let (ratio, seconds) = match &sums.bases {
            Resident::G1(bases) => {
                let bases: Vec<_> = bases.as_slice().iter().map(affine_g1).collect();
                self.turns_of_sum(sums, || processor_seconds_of(|| _ = black_box(msm_g1(&bases, scalars))))
            }
            Resident::G2(bases) => {
                let bases: Vec<_> = bases.as_slice().iter().map(affine_g2).collect();
                self.turns_of_sum(sums, || processor_seconds_of(|| _ = black_box(msm_g2(&bases, scalars))))
            }
            _ => unreachable!("sums have points for bases"),
        }?;
        sheet.beside_arkworks(&format!("{name} ({:.1} ms)", seconds * 1e3), ratio, bar);
        Ok(seconds)
    }

    fn median_of_ours(&self, sums: &Sums) -> Result<f64, Failure> {
        let bases = self.ours.load(sums.bases.clone()).or_fail(Code::DeviceFailed)?;
        let job = sums.job(bases);
        let times = (0..TURNS).map(|_| seconds(&self.ours, job.clone())).collect::<Result<_, _>>()?;
        self.ours.unload(bases);
        Ok(median(times))
    }

    /// halo2curves' sum over the bases that [`Sums::g1`] makes, beside ours.
    fn sum_of_halo2(&self, sheet: &mut Sheet, sums: &Sums) -> Result<(), Failure> {
        let rival = Halo2Sum::new(&points::<G1Affine>(sums.scalars.len()), &sums.scalars);
        let (ratio, _) = self.turns_of_sum(sums, || processor_seconds_of(|| _ = black_box(rival.sum())))?;
        let name = "G1 MSM 2^18, one thread: halo2curves' over ours";
        sheet.line(name, ratio, "times", Bar::AtLeast(1.0));
        Ok(())
    }

    /// halo2curves' forward transform beside ours; theirs has no coset shift.
    fn transform_of_halo2(&self, sheet: &mut Sheet) -> Result<(), Failure> {
        const LOG_N: u32 = 18;
        let values = elements(1 << LOG_N);
        let root = Fr::get_root_of_unity(1 << LOG_N).expect("the field has it");
        let mut rival = Halo2Transform::new(&values, &root);
        let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values };
        let (ratio, _) = self.turns(&job, || processor_seconds_of(|| rival.transform()))?;
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
    ) -> Result<(), Failure> {
        let values = elements(1 << log_n);
        for (direction, coset, what) in
            [(NttDirection::Forward, true, "forward, coset"), (NttDirection::Inverse, false, "inverse")]
        {
            let job = Job::Ntt { direction, coset, values: values.clone() };
            let theirs = || {
                let mut values = values.clone();
                processor_seconds_of(|| ntt(&mut values, direction, coset))
            };
            let (ratio, seconds) = self.turns(&job, theirs)?;
            let name = format!("{on}NTT 2^{log_n} {what}, one thread ({:.1} ms)", seconds * 1e3);
            sheet.beside_arkworks(&name, ratio, bar);
        }
        Ok(())
    }
}

fn elements(n: usize) -> Vec<Fr> {
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
