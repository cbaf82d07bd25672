#![allow(missing_docs)]
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{PrimeField, UniformRand};
use ark_std::test_rng;
use millrace_bn254::{Fr, FrCanonical, G1Mont, G1Projective, G2Mont, G2Projective};
use millrace_job::*;
use millrace_kernels::CpuEngine;
use std::time::Instant;
fn points<G: CurveGroup + PrimeGroup>(n: usize) -> Vec<G::Affine> {
    let s = G::generator() * G::ScalarField::rand(&mut test_rng());
    let mut p = s;
    let v: Vec<G> = (0..n)
        .map(|_| {
            p += s;
            p
        })
        .collect();
    G::normalize_batch(&v)
}
fn cpu() -> f64 {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|t| {
            let s = std::fs::read_to_string(t.unwrap().path().join("schedstat")).unwrap();
            s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
        })
        .sum()
}
fn main() {
    let log: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut rng = test_rng();
    let n = 1usize << log;
    let full: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
    let cut = |f: usize| -> std::sync::Arc<[FrCanonical]> {
        let bits = 256 / f;
        (0..f)
            .flat_map(|k| {
                full.iter()
                    .map(move |x| {
                        let l = x.into_bigint().0;
                        let mut o = [0u64; 4];
                        let words = bits / 64;
                        o[..words].copy_from_slice(&l[k * words..(k + 1) * words]);
                        FrCanonical::from_limbs(o)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let g2 = std::env::args().nth(2).is_some();
    let e = CpuEngine::with_threads(1);
    let base = if g2 { 4 * n.min(1 << 18) } else { 4 * n };
    let (resident, group) = if g2 {
        let v: Vec<G2Mont> = points::<G2Projective>(base).iter().map(Into::into).collect();
        (Resident::G2(v.into()), Group::G2)
    } else {
        let v: Vec<G1Mont> = points::<G1Projective>(base).iter().map(Into::into).collect();
        (Resident::G1(v.into()), Group::G1)
    };
    let id = e.load(resident).unwrap();
    let jobs: Vec<_> = [1, 2, 4].map(|f| (f, cut(f))).into();
    for turn in 0..4 {
        for (f, scalars) in &jobs {
            let t = Instant::now();
            let c = cpu();
            e.wait(
                e.submit(Job::Msm { group, bases: id, range: 0..scalars.len(), scalars: scalars.clone() })
                    .unwrap(),
            )
            .unwrap();
            if turn > 0 {
                println!(
                    "2^{log} f={f} cpu {:.1} ms wall {:.1} ms",
                    cpu() - c,
                    t.elapsed().as_secs_f64() * 1e3
                );
            }
        }
    }
}
