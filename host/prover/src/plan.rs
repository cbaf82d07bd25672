//! The job graph of a proof.
//!
//! ```text
//! rows ─▶ a, b, c = a·b ─▶ three inverse transforms ─▶ three forward coset transforms ─▶ a·b ─▶ a·b − c ─▶ sum over H
//! rows ─▶ quotient, where one engine does all of that as one job ─▶ sum over H
//! witness ─▶ sums over A, B1, B2, L, which wait for nothing
//! ```
//!
//! c is taken as a·b pointwise on the domain (a key holds no matrix C), which is C·w exactly when the witness is right; if it is
//! not, the proof fails its check.

use std::{ops::Range, sync::Arc};

use ark_ec::AffineRepr;
use millrace_bn254::G1Affine;
use millrace_groth16::Witness;
use millrace_job::{
    EngineSet, EngineSlot, Group, JobGraph, JobSpec, NttDirection, Placed, Port, ScalarSlice, Scalars, Value,
    four_step::{self, Transform},
    split,
};

use crate::{LoadedKey, Placement, load::kind, quotient};

/// Where the five sums of a proof come out.
pub(crate) struct Assembly {
    pub(crate) a: Port,
    pub(crate) b1: Port,
    pub(crate) b2: Port,
    pub(crate) l: Port,
    pub(crate) h: Port,
}

pub(crate) struct Planner<'a> {
    pub(crate) set: &'a EngineSet,
    pub(crate) trusted: EngineSlot,
    pub(crate) placement: Placement,
    /// The device's part of sums over G1, where they are shared.
    pub(crate) ratio: f64,
    /// How the device's part of a sum is shared among several devices behind one slot.
    pub(crate) weights: Vec<f64>,
    /// Whether the device makes the quotient as one job.
    pub(crate) quotient: bool,
}

/// Points of a part at least, on average: with fewer, what each part costs besides its points weighs more.
const PART_LEAST: usize = 1 << 10;

impl Planner<'_> {
    /// The graph of one proof.
    pub(crate) fn plan(&self, key: &LoadedKey, witness: &Witness) -> (JobGraph<'static>, Assembly) {
        let mut graph = JobGraph::new();
        let all = 0..witness.len();
        // The constant and the public signals have no base in L; in an imported key they have infinities.
        let private = witness.len() - key.l.len()..witness.len();
        let values = witness.values();

        let h_scalars = self.quotient(&mut graph, key, values);
        let h = self.sum_of_ports(&mut graph, "msm H", &key.h, h_scalars);
        let a = self.sum(&mut graph, "msm A", &key.a, values, all.clone());
        let b2 = self.sum(&mut graph, "msm B2", &key.b2, values, all.clone());
        let b1 = self.sum(&mut graph, "msm B1", &key.b1, values, all);
        let l = self.sum(&mut graph, "msm L", &key.l, values, private);
        (graph, Assembly { a, b1, b2, l, h })
    }

    /// Engines and point ranges of a sum over all bases of `part`.
    fn shares(&self, part: &Placed) -> Vec<(EngineSlot, Range<usize>)> {
        let device = self.placement.device();
        let device = if self.set.engine(device).supports(&kind(part)) { device } else { self.trusted };
        let shared =
            matches!(self.placement, Placement::Split { .. }) && device != self.trusted && part.len() > 1;
        let ratios: &[f64] = if shared { &[self.ratio, 1.0 - self.ratio] } else { &[1.0] };
        let mut ranges = split::ranges(part.len(), ratios).into_iter();
        let first = ranges.next().into_iter().flat_map(|range| self.among_devices(device, range));
        first.map(|range| (device, range)).chain(ranges.map(|range| (self.trusted, range))).collect()
    }

    /// Parts of a device's range for the devices behind its slot.
    fn among_devices(&self, device: EngineSlot, range: Range<usize>) -> Vec<Range<usize>> {
        let parts = self.weights.len();
        if device == self.trusted || parts < 2 || range.len() < parts * PART_LEAST {
            return vec![range];
        }
        let parts = split::ranges(range.len(), &self.weights).into_iter();
        parts.map(|part| range.start + part.start..range.start + part.end).collect()
    }

    /// Σ witness\[signals\] · part.
    fn sum(
        &self,
        graph: &mut JobGraph<'static>,
        label: &str,
        part: &Arc<Placed>,
        witness: &ScalarSlice,
        signals: Range<usize>,
    ) -> Port {
        if part.is_empty() {
            // A circuit without private signals.
            return graph.host(format!("{label} (empty)"), &[], 1, |_| Ok(vec![Value::G1(G1Affine::zero())]))
                [0];
        }
        let signals = witness.part(signals).expect("a base has a signal");
        let jobs = self.shares(part).into_iter().map(|(slot, range)| {
            let scalars = signals.part(range.clone()).expect("shares of all bases");
            (slot, range, Scalars::Given(scalars))
        });
        self.parts(graph, label, part, jobs.collect())
    }

    /// Σ scalars · part, where each share's scalars have a port of their own.
    fn sum_of_ports(
        &self,
        graph: &mut JobGraph<'static>,
        label: &str,
        part: &Arc<Placed>,
        scalars: Vec<Port>,
    ) -> Port {
        let jobs = self.shares(part).into_iter().zip(scalars);
        let jobs = jobs.map(|((slot, range), port)| (slot, range, Scalars::From(port))).collect();
        self.parts(graph, label, part, jobs)
    }

    fn parts(
        &self,
        graph: &mut JobGraph<'static>,
        label: &str,
        bases: &Arc<Placed>,
        jobs: Vec<(EngineSlot, Range<usize>, Scalars)>,
    ) -> Port {
        let group = match bases.data() {
            millrace_job::Resident::G2(_) => Group::G2,
            _ => Group::G1,
        };
        let count = jobs.len();
        let ports: Vec<_> = jobs
            .into_iter()
            .enumerate()
            .map(|(i, (slot, range, scalars))| {
                let label = if count > 1 { format!("{label} {}/{count}", i + 1) } else { label.to_owned() };
                graph.job(label, slot, JobSpec::Msm { group, bases: bases.clone(), range, scalars })
            })
            .collect();
        split::sum(graph, label, group, &ports)
    }

    /// Rows, and a quotient or six transforms; a port for each share of the sum over H.
    fn quotient(&self, graph: &mut JobGraph<'static>, key: &LoadedKey, witness: &ScalarSlice) -> Vec<Port> {
        let log_n = key.key.header().domain_size.ilog2();
        let device = self.placement.device();
        let rows_slot =
            if self.set.engine(device).supports(&kind(&key.matrix)) { device } else { self.trusted };
        let rows = JobSpec::Rows { matrix: key.matrix.clone(), witness: witness.clone() };
        let rows = graph.job("rows", rows_slot, rows);
        let lengths: Vec<_> = self.shares(&key.h).into_iter().map(|(_, range)| range.len()).collect();
        if self.quotient {
            let scalars = graph.job("quotient", device, JobSpec::Quotient { log_n, rows });
            if lengths.len() == 1 {
                return vec![scalars];
            }
            return graph
                .host("cut", &[scalars], lengths.len(), move |values| quotient::cut(values, &lengths));
        }
        let abc = graph.host("a·b", &[rows], 3, quotient::with_product);
        let evaluations: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(abc)
            .map(|(name, port)| {
                let here = matches!(self.placement, Placement::Split { .. }) && name == "c";
                let slot = if here { self.trusted } else { device };
                let inverse = Transform { direction: NttDirection::Inverse, coset: false, log_n };
                let coefficients = self.transform(graph, &format!("ntt {name} inverse"), slot, inverse, port);
                let forward = Transform { direction: NttDirection::Forward, coset: true, log_n };
                self.transform(graph, &format!("ntt {name} coset"), slot, forward, coefficients)
            })
            .collect();
        let product = graph.host("a·b on the coset", &evaluations[..2], 1, quotient::product);
        graph.host("a·b − c", &[product[0], evaluations[2]], lengths.len(), move |values| {
            quotient::combine(values, &lengths)
        })
    }

    fn transform(
        &self,
        graph: &mut JobGraph<'static>,
        label: &str,
        slot: EngineSlot,
        transform: Transform,
        values: Port,
    ) -> Port {
        let (slot, limit) = match transform.limit(self.set.engine(slot).as_ref()) {
            Some(limit) => (slot, limit),
            // The trusted engine does transforms of every length; if it does not, the job fails and says so.
            None => (
                self.trusted,
                transform.limit(self.set.engine(self.trusted).as_ref()).unwrap_or(transform.log_n),
            ),
        };
        four_step::add(graph, label, slot, transform, limit, values)
    }
}
