//! Field operations: ours against arkworks', in a chain (latency) and side by side (throughput).

use std::hint::black_box;

use ark_ff::UniformRand;
use criterion::{Criterion, criterion_group, criterion_main};
use millrace_bn254::{
    Fq, Fq2,
    field::{Field, invert_all},
    fq2::Fq2Lazy,
    mont::FqLazy,
};

/// Operations a measured call.
const N: usize = 1000;

fn compare<A, L>(c: &mut Criterion, name: &str)
where
    A: ark_ff::Field + UniformRand + Into<L>,
    L: Field,
{
    let mut rng = millrace_harness::rng();
    let xs: Vec<A> = (0..N).map(|_| A::rand(&mut rng)).collect();
    let ys: Vec<L> = xs.iter().map(|x| (*x).into()).collect();
    let mut group = c.benchmark_group(format!("{name} x{N}"));
    group.bench_function("mul chain, ark", |b| b.iter(|| black_box(&xs).iter().fold(A::ONE, |p, x| p * x)));
    group.bench_function("mul chain, ours", |b| {
        b.iter(|| black_box(&ys).iter().fold(L::ONE, |p, x| p.mul(*x)))
    });
    let (mut x_out, mut y_out) = (xs.clone(), ys.clone());
    group.bench_function("mul, ark", |b| {
        b.iter(|| x_out.iter_mut().zip(black_box(&xs)).for_each(|(out, x)| *out *= x));
    });
    group.bench_function("mul, ours", |b| {
        b.iter(|| y_out.iter_mut().zip(black_box(&ys)).for_each(|(out, x)| *out = out.mul(*x)));
    });
    group.bench_function("square, ark", |b| {
        b.iter(|| x_out.iter_mut().for_each(|out| _ = out.square_in_place()))
    });
    group.bench_function("square, ours", |b| b.iter(|| y_out.iter_mut().for_each(|out| *out = out.square())));
    group.bench_function("add and sub, ark", |b| {
        b.iter(|| x_out.iter_mut().zip(black_box(&xs)).for_each(|(out, x)| *out = (*out + x).double() - x));
    });
    group.bench_function("add and sub, ours", |b| {
        b.iter(|| {
            y_out.iter_mut().zip(black_box(&ys)).for_each(|(out, y)| *out = out.add(*y).double().sub(*y))
        });
    });
    group.bench_function("batch inversion, ark", |b| {
        b.iter(|| ark_ff::batch_inversion(black_box(&mut x_out)))
    });
    let mut scratch = Vec::new();
    group.bench_function("batch inversion, ours", |b| {
        b.iter(|| invert_all(black_box(&mut y_out), &mut scratch))
    });
    group.finish();
    let mut group = c.benchmark_group(format!("{name} x1"));
    group.bench_function("inversion, ark", |b| b.iter(|| black_box(xs[1]).inverse()));
    group.bench_function("inversion, ours", |b| b.iter(|| black_box(ys[1]).invert()));
    group.finish();
}

fn fields(c: &mut Criterion) {
    compare::<Fq, FqLazy>(c, "fq");
    compare::<Fq2, Fq2Lazy>(c, "fq2");
}

criterion_group!(benches, fields);
criterion_main!(benches);
