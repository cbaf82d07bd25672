//! Jobs: the CPU engine, on one thread and on all, against the oracle (plain arkworks).
//!
//! Whole-proof benchmarks of the same build turn arkworks' `parallel` feature on; for its figure on one thread set
//! `RAYON_NUM_THREADS=1`, which does not bind the CPU engine.

use std::thread::available_parallelism;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use millrace_harness::{Case, run};
use millrace_job::Engine;
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

fn competitors() -> Vec<(String, Box<dyn Engine>)> {
    let all = available_parallelism().map_or(1, Into::into);
    let mut list: Vec<(String, Box<dyn Engine>)> = vec![
        ("arkworks".into(), Box::new(OracleEngine::new())),
        ("cpu, 1 thread".into(), Box::new(CpuEngine::with_threads(1))),
    ];
    if all > 1 {
        list.push((format!("cpu, {all} threads"), Box::new(CpuEngine::with_threads(all))));
    }
    list
}

fn jobs(c: &mut Criterion) {
    for case in Case::all() {
        let input = case.input();
        let mut group = c.benchmark_group(case.name());
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for (name, engine) in competitors() {
            let job = input.job_for(&*engine).expect("bases of our own");
            group.bench_function(name, |b| {
                b.iter_batched(
                    || job.clone(),
                    |job| run(&*engine, job).expect("a good job"),
                    BatchSize::LargeInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, jobs);
criterion_main!(benches);
