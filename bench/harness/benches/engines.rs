//! Jobs: the CPU engine, on one thread and on all, against the oracle (plain arkworks, one thread).

use std::thread::available_parallelism;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use millrace_bn254::{G1Affine, G2Affine};
use millrace_harness::{Scalars, encoded, points, run};
use millrace_job::{Engine, Group, Job, NttDirection, Resident};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

fn competitors() -> Vec<(String, Box<dyn Engine>)> {
    let all = available_parallelism().map_or(1, Into::into);
    let mut list: Vec<(String, Box<dyn Engine>)> = vec![
        ("ark, 1 thread".into(), Box::new(OracleEngine::new())),
        ("cpu, 1 thread".into(), Box::new(CpuEngine::with_threads(1))),
    ];
    if all > 1 {
        list.push((format!("cpu, {all} threads"), Box::new(CpuEngine::with_threads(all))));
    }
    list
}

fn msm(c: &mut Criterion) {
    let cases = [
        (Group::G1, 10, Scalars::Random),
        (Group::G1, 13, Scalars::Random),
        (Group::G1, 16, Scalars::Random),
        (Group::G1, 16, Scalars::AllEqual),
        (Group::G1, 16, Scalars::Witness),
        (Group::G2, 10, Scalars::Random),
        (Group::G2, 14, Scalars::Random),
        (Group::G2, 14, Scalars::Witness),
    ];
    for (group, log_n, kind) in cases {
        let n = 1usize << log_n;
        let resident = match group {
            Group::G1 => {
                Resident::G1(points::<G1Affine>(n).iter().map(Into::into).collect::<Vec<_>>().into())
            }
            Group::G2 => {
                Resident::G2(points::<G2Affine>(n).iter().map(Into::into).collect::<Vec<_>>().into())
            }
        };
        let scalars: std::sync::Arc<[_]> = encoded(&kind.make(n)).into();
        let mut bench = c.benchmark_group(format!("msm {group:?} 2^{log_n} {kind:?}"));
        bench.sampling_mode(SamplingMode::Flat).sample_size(10);
        for (name, engine) in competitors() {
            let bases = engine.load(resident.clone()).expect("bases of our own");
            let job = Job::Msm { group, bases, range: 0..n, scalars: scalars.clone() };
            bench.bench_function(name, |b| b.iter(|| run(&*engine, job.clone()).expect("a good job")));
        }
        bench.finish();
    }
}

fn ntt(c: &mut Criterion) {
    for log_n in [10, 13, 16, 18] {
        let values = Scalars::Random.make(1 << log_n);
        for (direction, coset) in [(NttDirection::Inverse, false), (NttDirection::Forward, true)] {
            let mut bench = c
                .benchmark_group(format!("ntt 2^{log_n} {direction:?}{}", if coset { " coset" } else { "" }));
            bench.sampling_mode(SamplingMode::Flat).sample_size(10);
            for (name, engine) in competitors() {
                let id = BenchmarkId::from_parameter(name);
                bench.bench_with_input(id, &values, |b, values| {
                    b.iter(|| {
                        run(&*engine, Job::Ntt { direction, coset, values: values.clone() })
                            .expect("a good job")
                    });
                });
            }
            bench.finish();
        }
    }
}

criterion_group!(benches, msm, ntt);
criterion_main!(benches);
