//! Kernels over sizes, for plots: products in Fq, sums over G1 and G2, transforms, quotients; ours beside arkworks on one thread and on all.
//! `kernel-report` draws what criterion leaves.
//!
//! arkworks gets its own types, its domain made beforehand and a pool of so many threads; ours is the engine as a proof uses it, with
//! the job's way to another thread and the check of its scalars. Before the first of its samples at a size, ours is compared with the oracle's answer. Settings are for a
//! look at all sizes within half an hour on two idle threads: ten samples each, the fewest that criterion takes, of one run where that takes longer than 50 ms.

use std::{
    cell::LazyCell, hint::black_box, ops::RangeInclusive, thread::available_parallelism, time::Duration,
};

use ark_ec::AffineRepr;
use ark_ff::{FftField, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group,
    criterion_main, measurement::WallTime,
};
use millrace_bn254::{Fq, Fr, G1Affine, G2Affine, array::FqArray, backend::Instructions};
use millrace_harness::{Case, Competitor, Scalars, points, rng, run};
use millrace_job::{Engine, Group, Job, JobValue, NttDirection};
use millrace_kernels::CpuEngine;
use millrace_oracle::{OracleEngine, msm_g1, msm_g2, quotient};
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

const LOG_SIZES: RangeInclusive<u32> = 10..=20;
/// One, and as many as the machine runs at once.
fn thread_counts() -> Vec<usize> {
    let mut counts = vec![1, available_parallelism().map_or(1, Into::into)];
    counts.dedup();
    counts
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

fn engine(threads: usize) -> CpuEngine {
    CpuEngine::with_instructions(threads, Instructions::from_env().expect("instructions of this processor"))
}

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10).nresamples(10_000);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    group
}

fn id(competitor: &Competitor, log_n: u32) -> BenchmarkId {
    BenchmarkId::new(competitor.to_string(), log_n)
}

/// The oracle's answer to a job, which `job` makes for an engine.
fn expected(job: impl Fn(&dyn Engine) -> Job) -> JobValue {
    let oracle = OracleEngine::new();
    run(&oracle, job(&oracle)).expect("a good job").value
}

/// # Panics
/// If our answer is another: its time would say nothing.
fn compare(engine: &CpuEngine, job: Job, expected: &JobValue) {
    assert!(run(engine, job).expect("a good job").value == *expected, "another answer than the oracle's");
}

fn products(c: &mut Criterion) {
    let mut group = group(c, "product in Fq");
    for log_n in LOG_SIZES {
        group.throughput(Throughput::Elements(1 << log_n));
        let input = LazyCell::new(|| {
            let mut rng = rng();
            let mut make = || (0..1 << log_n).map(|_| Fq::rand(&mut rng)).collect::<Vec<_>>();
            (make(), make())
        });
        for threads in thread_counts() {
            let pool = pool(threads);
            // A part of the arrays for each thread.
            let part = (1usize << log_n).div_ceil(threads);
            group.bench_function(id(&Competitor::arkworks(threads), log_n), |b| {
                let (mut x, y) = (input.0.clone(), &input.1);
                let multiply =
                    |(x, y): (&mut [Fq], &[Fq])| x.iter_mut().zip(black_box(y)).for_each(|(x, y)| *x *= y);
                pool.install(|| b.iter(|| x.par_chunks_mut(part).zip(y.par_chunks(part)).for_each(multiply)));
            });
            for instructions in Instructions::all() {
                let compared = LazyCell::new(|| {
                    let (mut x, y) =
                        (FqArray::new(instructions, &input.0), FqArray::new(instructions, &input.1));
                    let mut got = vec![Fq::default(); 1 << log_n];
                    x.mul_assign(&y);
                    x.store(&mut got);
                    let theirs = input.0.iter().zip(&input.1).map(|(x, y)| *x * y);
                    assert!(theirs.eq(got), "other products than arkworks'");
                });
                group.bench_function(id(&Competitor::ours(instructions.name(), threads), log_n), |b| {
                    let arrays = |x: &[Fq]| -> Vec<FqArray> {
                        x.chunks(part).map(|x| FqArray::new(instructions, x)).collect()
                    };
                    let (mut x, y) = (arrays(&input.0), arrays(&input.1));
                    let multiply = |(x, y): (&mut FqArray, &FqArray)| x.mul_assign(black_box(y));
                    LazyCell::force(&compared);
                    pool.install(|| b.iter(|| x.par_iter_mut().zip(&y).for_each(multiply)));
                });
            }
        }
    }
    group.finish();
}

fn sums_over<A: AffineRepr<ScalarField = Fr>>(
    c: &mut Criterion,
    which: Group,
    theirs: fn(&[A], &[Fr]) -> A::Group,
) {
    let mut group = group(c, &format!("sum over {which:?}"));
    for log_n in LOG_SIZES {
        group.throughput(Throughput::Elements(1 << log_n));
        let case = Case::Msm { group: which, log_n, scalars: Scalars::Random };
        let own = LazyCell::new(|| (points::<A>(1 << log_n), Scalars::Random.make(1 << log_n)));
        let input = LazyCell::new(|| case.input());
        let expected = LazyCell::new(|| expected(|engine| input.job_for(engine).expect("bases of our own")));
        for threads in thread_counts() {
            group.bench_function(id(&Competitor::arkworks(threads), log_n), |b| {
                let (bases, scalars) = &*own;
                pool(threads).install(|| b.iter(|| theirs(bases, scalars)));
            });
            let engine = engine(threads);
            let job = LazyCell::new(|| {
                let job = input.job_for(&engine).expect("bases of our own");
                compare(&engine, job.clone(), &expected);
                job
            });
            group.bench_function(id(&Competitor::ours(engine.instructions().name(), threads), log_n), |b| {
                let job = &*job;
                b.iter_batched(
                    || job.clone(),
                    |job| run(&engine, job).expect("a good job"),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

fn sums(c: &mut Criterion) {
    sums_over::<G1Affine>(c, Group::G1, msm_g1);
    sums_over::<G2Affine>(c, Group::G2, msm_g2);
}

fn transforms(c: &mut Criterion) {
    for (direction, coset, name) in [
        (NttDirection::Forward, true, "transform, forward on a coset"),
        (NttDirection::Inverse, false, "transform, inverse"),
    ] {
        let mut group = group(c, name);
        for log_n in LOG_SIZES {
            group.throughput(Throughput::Elements(1 << log_n));
            let values = LazyCell::new(|| Scalars::Random.make(1 << log_n));
            let input = LazyCell::new(|| Case::Ntt { log_n, direction, coset }.input());
            let expected =
                LazyCell::new(|| expected(|engine| input.job_for(engine).expect("nothing to load")));
            let mut domain = Radix2EvaluationDomain::<Fr>::new(1 << log_n).expect("a power of two");
            if coset {
                let shift = Fr::get_root_of_unity(2 << log_n).expect("the field has it");
                domain = domain.get_coset(shift).expect("a root of unity is not zero");
            }
            for threads in thread_counts() {
                group.bench_function(id(&Competitor::arkworks(threads), log_n), |b| {
                    let values = &*values;
                    let transform = |values: &mut Vec<Fr>| match direction {
                        NttDirection::Forward => domain.fft_in_place(values),
                        NttDirection::Inverse => domain.ifft_in_place(values),
                    };
                    pool(threads)
                        .install(|| b.iter_batched_ref(|| values.clone(), transform, BatchSize::LargeInput));
                });
                let engine = engine(threads);
                let job = LazyCell::new(|| {
                    let job = input.job_for(&engine).expect("nothing to load");
                    compare(&engine, job.clone(), &expected);
                    job
                });
                group.bench_function(
                    id(&Competitor::ours(engine.instructions().name(), threads), log_n),
                    |b| {
                        let job = &*job;
                        b.iter_batched(
                            || job.clone(),
                            |job| run(&engine, job).expect("a good job"),
                            BatchSize::LargeInput,
                        );
                    },
                );
            }
        }
        group.finish();
    }
}

/// What a proof has of transforms: six of them and the loops between, from A·w and B·w.
fn quotients(c: &mut Criterion) {
    let mut group = group(c, "quotient");
    for log_n in LOG_SIZES {
        group.throughput(Throughput::Elements(1 << log_n));
        let input = LazyCell::new(|| [Scalars::Random.make(1 << log_n), Scalars::Witness.make(1 << log_n)]);
        let job = || {
            let [a, b] = input.clone();
            Job::Quotient { a, b }
        };
        let expected = LazyCell::new(|| expected(|_| job()));
        for threads in thread_counts() {
            group.bench_function(id(&Competitor::arkworks(threads), log_n), |b| {
                let input = &*input;
                let values = || input.clone();
                let theirs = |[x, y]: [Vec<Fr>; 2]| quotient(x, y);
                pool(threads).install(|| b.iter_batched(values, theirs, BatchSize::LargeInput));
            });
            let engine = engine(threads);
            let compared = LazyCell::new(|| compare(&engine, job(), &expected));
            group.bench_function(id(&Competitor::ours(engine.instructions().name(), threads), log_n), |b| {
                LazyCell::force(&compared);
                b.iter_batched(job, |job| run(&engine, job).expect("a good job"), BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, products, sums, transforms, quotients);
criterion_main!(benches);
