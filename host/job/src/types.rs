//! What an engine is asked for and what it answers.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytemuck::{Pod, Zeroable};
use millrace_bn254::{Fr, G1Affine, G1Mont, G2Affine, G2Mont};

use crate::{Lent, ScalarSlice, SparseRows};

/// Something that an engine holds for long: bases or a matrix. Valid on the engine that gave it out, and on no other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct BufferId(pub u64);

/// Which group an MSM is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Group {
    /// BN254 G1.
    G1,
    /// BN254 G2.
    G2,
}

/// One non-zero entry of A or B as a `.zkey` stores it (section 4): 44 bytes, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Coefficient {
    matrix: [u8; 4],
    row: [u8; 4],
    column: [u8; 4],
    value: [u8; 32],
}

impl Coefficient {
    /// An entry of matrix 0 (A) or 1 (B); `value_r2` is the coefficient times 2^512 mod r, little-endian.
    pub fn new(matrix: u32, row: u32, column: u32, value_r2: [u8; 32]) -> Self {
        Self {
            matrix: matrix.to_le_bytes(),
            row: row.to_le_bytes(),
            column: column.to_le_bytes(),
            value: value_r2,
        }
    }
    /// 0 for A, 1 for B; other values are refused where the key is read.
    pub fn matrix(&self) -> u32 {
        u32::from_le_bytes(self.matrix)
    }
    /// Constraint index, below the domain size.
    pub fn row(&self) -> u32 {
        u32::from_le_bytes(self.row)
    }
    /// Signal index, below the number of signals.
    pub fn column(&self) -> u32 {
        u32::from_le_bytes(self.column)
    }
    /// The coefficient times 2^512 mod r, little-endian: one Montgomery product with a *canonical* witness value
    /// gives the product in Montgomery form.
    pub fn value_r2(&self) -> &[u8; 32] {
        &self.value
    }
}

/// What can be made resident on an engine.
#[derive(Clone)]
pub enum Resident {
    /// Bases of an MSM over G1.
    G1(Lent<G1Mont>),
    /// Bases of an MSM over G2.
    G2(Lent<G2Mont>),
    /// Coefficients of A and B.
    Matrix {
        /// The non-zero entries of both matrices, in file order.
        entries: Lent<Coefficient>,
        /// Number of rows of each product vector (the domain size).
        rows: usize,
    },
    /// Both matrices by rows.
    Rows(SparseRows),
}

/// Direction of a transform.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NttDirection {
    /// Coefficients to evaluations: X\[k\] = Σ x\[j\] ω^(jk).
    Forward,
    /// Evaluations to coefficients: x\[j\] = n⁻¹ Σ X\[k\] ω^(−jk).
    Inverse,
}

/// A unit of work. Values of a proof travel with it; what outlives the proof is named by [`BufferId`].
#[derive(Clone)]
pub enum Job {
    /// Σ scalars\[i\] · bases\[range.start + i\].
    Msm {
        /// The group.
        group: Group,
        /// Bases resident on the engine.
        bases: BufferId,
        /// Which of the bases; as long as `scalars`.
        range: Range<usize>,
        /// Scalars below r.
        scalars: ScalarSlice,
    },
    /// A transform of 2^k values in natural order on both sides, ω = 5^((r−1)/2^k).
    ///
    /// With `coset`, a forward transform first multiplies x\[j\] by g^j, and an inverse one multiplies its result by
    /// g^(−j), where g = 5^((r−1)/2^(k+1)): evaluation at the odd 2n-th roots of unity.
    Ntt {
        /// Direction.
        direction: NttDirection,
        /// Whether the coset shift is applied.
        coset: bool,
        /// The values; a power of two of them.
        values: Vec<Fr>,
    },
    /// The scalars of the sum over H: for A·w and B·w on the domain, and their product c there, the values of A·B − C at the odd 2n-th roots of unity, canonical. What
    /// three inverse transforms, three forward ones with `coset`, and a·b − c give.
    Quotient {
        /// A·w; a power of two of them.
        a: Vec<Fr>,
        /// B·w, as many.
        b: Vec<Fr>,
    },
    /// The products A·w and B·w.
    Rows {
        /// A resident [`Resident::Matrix`] or [`Resident::Rows`].
        matrix: BufferId,
        /// The full witness, w\[0\] = 1.
        witness: ScalarSlice,
    },
}

/// A job's kind and size, for planning and for reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobKind {
    /// An MSM over so many points.
    Msm {
        /// The group.
        group: Group,
        /// Number of points.
        points: usize,
    },
    /// A transform of 2^log_n values.
    Ntt {
        /// log₂ of the length.
        log_n: u32,
        /// Direction.
        direction: NttDirection,
        /// Whether the coset shift is applied.
        coset: bool,
    },
    /// The quotient on a domain of 2^log_n.
    Quotient {
        /// log₂ of the length.
        log_n: u32,
    },
    /// Both sparse products.
    Rows {
        /// Length of each product.
        rows: usize,
    },
}

impl Job {
    /// Kind and size; `rows` of a Rows job is not known to the job and is given as 0.
    pub fn kind(&self) -> JobKind {
        match self {
            Job::Msm { group, range, .. } => JobKind::Msm { group: *group, points: range.len() },
            Job::Ntt { direction, coset, values } => {
                JobKind::Ntt { log_n: values.len().max(1).ilog2(), direction: *direction, coset: *coset }
            }
            Job::Quotient { a, .. } => JobKind::Quotient { log_n: a.len().max(1).ilog2() },
            Job::Rows { .. } => JobKind::Rows { rows: 0 },
        }
    }
}

/// The answer to a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobValue {
    /// Sum over G1.
    G1(G1Affine),
    /// Sum over G2.
    G2(G2Affine),
    /// Transformed values.
    Values(Vec<Fr>),
    /// A·w and B·w.
    Rows {
        /// A·w.
        a: Vec<Fr>,
        /// B·w.
        b: Vec<Fr>,
    },
    /// Canonical scalars.
    Scalars(ScalarSlice),
}

/// Counters of a device for one job. Cycles of a simulation are simulated cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCycles {
    /// From dispatch to completion.
    pub total: u64,
    /// Of these, waiting for memory or host.
    pub stalled: u64,
    /// Of these, in an active phase with nothing issued.
    pub bubbles: u64,
    /// Point additions or butterflies issued.
    pub issued: u64,
}

/// How a job was done.
#[derive(Clone, PartialEq, Debug)]
pub struct JobReport {
    /// Name of the engine that did it.
    pub engine: String,
    /// Kind and size.
    pub kind: JobKind,
    /// From submission to result on the host's clock.
    pub wall: Duration,
    /// The device's counters, where there is a device.
    pub cycles: Option<DeviceCycles>,
}

/// A finished job.
#[derive(Clone, PartialEq, Debug)]
pub struct JobOutput {
    /// The answer.
    pub value: JobValue,
    /// How it was done.
    pub report: JobReport,
}

/// The slots of an MSM after its bucket phase, for finding the first wrong one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketDump {
    /// Window width c: digits lie in −2^(c−1) < d ≤ 2^(c−1).
    pub window_bits: u32,
    /// Number of windows.
    pub windows: u32,
    /// Sums, `buckets[w * 2^(c-1) + (|d| - 1)]`.
    pub buckets: Vec<G1Affine>,
}

/// Asks running work to stop; cloned into whatever should see it.
#[derive(Clone, Default, Debug)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }
    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
