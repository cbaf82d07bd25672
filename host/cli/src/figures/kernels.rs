//! Kernels of the CPU engine beside arkworks' own, one thread each, in turns.

use std::{path::Path, time::Instant};

use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{FftField, PrimeField};
use millrace_bn254::{
    Fq, Fr, G1Affine, G1Mont, G2Affine, G2Mont,
    array::FqArray,
    backend::Instructions,
    points::{Curve, G1, G2},
};
use millrace_groth16::KeyPart;
use millrace_job::{BufferId, Engine, Group, Job, Lent, NttDirection, Resident, ScalarSlice};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;
use millrace_rivals::{Halo2Products, Halo2Sum, Halo2Transform};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Bar, Sheet, cpu::median};
use crate::{
    exit::{Code, Failure, OrFail},
    input,
};

/// Turns of each figure.
const TURNS: usize = 5;

/// `key` is of a real ceremony: its bases of A and B hold points at infinity.
pub(super) fn measure(sheet: &mut Sheet, key: &Path) -> Result<(), Failure> {
    let instructions = Instructions::from_env().or_fail(Code::Usage)?;
    let one = ThreadPoolBuilder::new().num_threads(1).build().or_fail(Code::Usage)?;
    let pair = Pair { ours: CpuEngine::with_instructions(1, instructions), theirs: OracleEngine::new(), one };
    let product_ns = multiplication(sheet, instructions);
    for (log_n, bar) in [(16, 5.0), (18, 5.0), (20, 4.5)] {
        let sums = Sums::g1(log_n);
        let random = pair.sum(sheet, &sums, &format!("G1 MSM 2^{log_n}, one thread"), bar)?;
        let addition_ns = random * 1e9 / millrace_kernels::additions(1 << log_n) as f64;
        let name = format!("G1 MSM 2^{log_n}: an addition, all included");
        sheet.told(&format!("{name}, beside 6 products ({:.1} ns)", 6.0 * product_ns), addition_ns, "ns");
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
        pair.transforms(sheet, log_n, bar)?;
    }
    pair.transform_of_halo2(sheet)?;
    sheet.not_here("gnark-crypto's kernels", "Go modules are in no registry that the build uses");
    sheet.not_here("rapidsnark, whole proof", "its packages fetch a binary from outside the registries");
    Ok(())
}

fn random() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

fn element<F: PrimeField>(rng: &mut ChaCha20Rng) -> F {
    F::from_le_bytes_mod_order(&rng.random::<[u8; 32]>())
}

/// Arrays that the first cache holds; returns our nanoseconds a product.
fn multiplication(sheet: &mut Sheet, instructions: Instructions) -> f64 {
    const ELEMENTS: usize = 1 << 9;
    const TIMES: usize = 1 << 12;
    let mut rng = random();
    let (mut a, b): (Vec<Fq>, Vec<Fq>) =
        (0..ELEMENTS).map(|_| (element::<Fq>(&mut rng), element::<Fq>(&mut rng))).unzip();
    let (mut x, y) = (FqArray::new(instructions, &a), FqArray::new(instructions, &b));
    let mut halo2 = Halo2Products::new(&a, &b);
    let (mut ratios, mut ratios_halo2, mut nanoseconds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let started = Instant::now();
        (0..TIMES).for_each(|_| a.iter_mut().zip(std::hint::black_box(&b)).for_each(|(a, b)| *a *= b));
        let theirs = started.elapsed().as_secs_f64();
        let started = Instant::now();
        (0..TIMES).for_each(|_| halo2.multiply());
        let halo2s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        (0..TIMES).for_each(|_| x.mul_assign(std::hint::black_box(&y)));
        let ours = started.elapsed().as_secs_f64();
        ratios.push(theirs / ours);
        ratios_halo2.push(halo2s / ours);
        nanoseconds.push(ours * 1e9 / (ELEMENTS * TIMES) as f64);
    }
    std::hint::black_box((&a, &x, &halo2));
    let nanoseconds = median(nanoseconds);
    let name = format!("multiplication in Fq, {} ({nanoseconds:.2} ns)", instructions.name());
    sheet.line(&name, median(ratios), "times", Bar::AtLeast(4.5));
    let name = "multiplication in Fq: halo2curves' assembly over ours";
    sheet.line(name, median(ratios_halo2), "times", Bar::AtLeast(1.0));
    nanoseconds
}

/// Bases and scalars of an MSM.
struct Sums {
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
    fn new(group: Group, bases: Resident, log_n: u32) -> Self {
        let mut rng = random();
        Self { group, bases, scalars: (0..1 << log_n).map(|_| element(&mut rng)).collect() }
    }

    fn g1(log_n: u32) -> Self {
        let bases: Vec<_> = points::<G1Affine>(1 << log_n).iter().map(Into::into).collect();
        Self::new(Group::G1, Resident::G1(bases.into()), log_n)
    }

    fn g2(log_n: u32) -> Self {
        let bases: Vec<_> = points::<G2Affine>(1 << log_n).iter().map(Into::into).collect();
        Self::new(Group::G2, Resident::G2(bases.into()), log_n)
    }

    /// A part of a key with random scalars, and how many of its points are infinite.
    fn of_key(key: &Path, part: KeyPart) -> Result<(Self, usize), Failure> {
        let key = input::key(key)?;
        let (bytes, range) = (key.bytes().clone(), key.range(part));
        let whole = "an opened key has whole points";
        let (group, bases, infinite) = if part == KeyPart::B2 {
            let bases = Lent::<G2Mont>::new(bytes, range).expect(whole);
            let infinite = bases.as_slice().iter().filter(|p| G2::is_infinity(p)).count();
            (Group::G2, Resident::G2(bases), infinite)
        } else {
            let bases = Lent::<G1Mont>::new(bytes, range).expect(whole);
            let infinite = bases.as_slice().iter().filter(|p| G1::is_infinity(p)).count();
            (Group::G1, Resident::G1(bases), infinite)
        };
        let n = match &bases {
            Resident::G1(bases) => bases.len(),
            Resident::G2(bases) => bases.len(),
            _ => 0,
        };
        let mut rng = random();
        Ok((Self { group, bases, scalars: (0..n).map(|_| element(&mut rng)).collect() }, infinite))
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

/// Both engines, and a pool of one thread for arkworks, whose build here uses as many as it finds.
struct Pair {
    ours: CpuEngine,
    theirs: OracleEngine,
    one: ThreadPool,
}

/// Seconds by the engine's own report, which begins when the job is handed over.
fn seconds(engine: &dyn Engine, job: Job) -> Result<f64, Failure> {
    let output = engine.submit(job).and_then(|ticket| engine.wait(ticket)).or_fail(Code::DeviceFailed)?;
    Ok(output.report.wall.as_secs_f64())
}

impl Pair {
    /// (arkworks over ours, ours in seconds), medians of turns; one turn is not counted.
    fn turns(&self, ours: &Job, theirs: &Job) -> Result<(f64, f64), Failure> {
        let (mut ratios, mut times) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let slow = self.one.install(|| seconds(&self.theirs, theirs.clone()))?;
            let fast = seconds(&self.ours, ours.clone())?;
            if turn > 0 {
                ratios.push(slow / fast);
                times.push(fast);
            }
        }
        Ok((median(ratios), median(times)))
    }

    /// Prints the ratio of a sum and returns our seconds.
    fn sum(&self, sheet: &mut Sheet, sums: &Sums, name: &str, bar: f64) -> Result<f64, Failure> {
        let load = |engine: &dyn Engine| engine.load(sums.bases.clone()).or_fail(Code::DeviceFailed);
        let (ours, theirs) = (load(&self.ours)?, load(&self.theirs)?);
        let (ratio, seconds) = self.turns(&sums.job(ours), &sums.job(theirs))?;
        self.ours.unload(ours);
        self.theirs.unload(theirs);
        sheet.line(&format!("{name} ({:.1} ms)", seconds * 1e3), ratio, "times", Bar::AtLeast(bar));
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
        let bases = self.ours.load(sums.bases.clone()).or_fail(Code::DeviceFailed)?;
        let job = sums.job(bases);
        let ratios = (0..TURNS).map(|_| {
            let started = Instant::now();
            let sum = self.one.install(|| rival.sum());
            let theirs = started.elapsed();
            std::hint::black_box(&sum);
            Ok(theirs.as_secs_f64() / seconds(&self.ours, job.clone())?)
        });
        let ratios = ratios.collect::<Result<_, Failure>>()?;
        self.ours.unload(bases);
        let name = "G1 MSM 2^18, one thread: halo2curves' over ours";
        sheet.line(name, median(ratios), "times", Bar::AtLeast(1.0));
        Ok(())
    }

    /// halo2curves' forward transform beside ours; theirs has no coset shift.
    fn transform_of_halo2(&self, sheet: &mut Sheet) -> Result<(), Failure> {
        const LOG_N: u32 = 18;
        let mut rng = random();
        let values: Vec<Fr> = (0..1 << LOG_N).map(|_| element(&mut rng)).collect();
        let root = Fr::get_root_of_unity(1 << LOG_N).expect("the field has it");
        let mut rival = Halo2Transform::new(&values, &root);
        let ratios = (0..TURNS).map(|_| {
            let job = Job::Ntt { direction: NttDirection::Forward, coset: false, values: values.clone() };
            let started = Instant::now();
            self.one.install(|| rival.transform());
            Ok(started.elapsed().as_secs_f64() / seconds(&self.ours, job)?)
        });
        let ratios = ratios.collect::<Result<_, Failure>>()?;
        let name = "NTT 2^18 forward, one thread: halo2curves' over ours";
        sheet.line(name, median(ratios), "times", Bar::AtLeast(1.0));
        Ok(())
    }

    fn transforms(&self, sheet: &mut Sheet, log_n: u32, bar: f64) -> Result<(), Failure> {
        let mut rng = random();
        let values: Vec<Fr> = (0..1 << log_n).map(|_| element(&mut rng)).collect();
        for (direction, coset, what) in
            [(NttDirection::Forward, true, "forward, coset"), (NttDirection::Inverse, false, "inverse")]
        {
            let job = Job::Ntt { direction, coset, values: values.clone() };
            let (ratio, seconds) = self.turns(&job, &job)?;
            let name = format!("NTT 2^{log_n} {what}, one thread ({:.1} ms)", seconds * 1e3);
            sheet.line(&name, ratio, "times", Bar::AtLeast(bar));
        }
        Ok(())
    }
}
