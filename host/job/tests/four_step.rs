//! Composed transforms against the oracle's direct ones.

use std::sync::Arc;

use millrace_bn254::Fr;
use millrace_job::{
    CancelToken, EngineSet, EngineSlot, JobGraph, NttDirection, RunPolicy, Value,
    four_step::{self, Transform},
    run,
};
use millrace_oracle::OracleEngine;

/// Values without a pattern that a wrong index could hide in.
fn values(log_n: u32) -> Vec<Fr> {
    let mut x = Fr::from(0x9e37_79b9_7f4a_7c15u64);
    (0..1u64 << log_n)
        .map(|i| {
            x = x * x + Fr::from(i + 1);
            x
        })
        .collect()
}

fn composed(transform: Transform, limit: u32, input: Vec<Fr>) -> (Vec<Fr>, usize) {
    let set = EngineSet::new(vec![Arc::new(OracleEngine::new())]);
    let mut graph = JobGraph::new();
    let start = graph.host("input", &[], 1, move |_| Ok(vec![Value::Values(input)]))[0];
    let end = four_step::add(&mut graph, "ntt", EngineSlot(0), transform, limit, start);
    let mut output = run(graph, &set, &RunPolicy::default(), &(), &CancelToken::default()).unwrap();
    (output.take(end).unwrap().into_values().unwrap(), output.jobs.len())
}

#[test]
fn composition_equals_the_direct_transform_in_all_four_modes() {
    for direction in [NttDirection::Forward, NttDirection::Inverse] {
        for coset in [false, true] {
            for log_n in 1..=9 {
                let input = values(log_n);
                let mut direct = input.clone();
                millrace_oracle::ntt(&mut direct, direction, coset);
                for limit in 1..=10 {
                    let (got, jobs) = composed(Transform { direction, coset, log_n }, limit, input.clone());
                    assert_eq!(got, direct, "{direction:?}, coset {coset}, 2^{log_n} by 2^{limit}");
                    assert_eq!(jobs, 1 << log_n.saturating_sub(limit));
                }
            }
        }
    }
}
