//! Circuits and engines for the tests.

#![allow(dead_code)] // each test file uses its own part of this

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ark_ff::One;
use millrace_bn254::{Fr, FrCanonical, G1Affine};
use millrace_groth16::{ProvingKey, R1cs, R1csSizes, Witness, dev_setup, write_r1cs};
use millrace_job::{
    BucketDump, BufferId, CancelToken, Engine, EngineError, EngineSet, EngineSlot, Group, Job, JobKind,
    JobOutput, JobValue, Resident, Ticket,
};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;
use millrace_prover::{Placement, ProveError, Proved, Prover, ProverOptions, Randomness};

/// The circuits of `sim/vectors/circuits`.
pub(crate) const CIRCUITS: [&str; 5] = ["tiny", "private", "many", "full", "bits"];

pub(crate) const SEED: [u8; 32] = [7; 32];

/// The folder of the circuit vectors; says so and gives `None` where they were not made.
pub(crate) fn vectors() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/vectors");
    let folder = std::env::var_os("MILLRACE_VECTORS").map_or(default, PathBuf::from);
    if folder.join("complete").is_file() {
        return Some(folder);
    }
    println!("skipped: no circuit vectors in {} (sim/vectors/circuits/make.sh makes them)", folder.display());
    None
}

pub(crate) struct Circuit {
    pub(crate) key: ProvingKey,
    pub(crate) witness: Witness,
    pub(crate) r1cs: R1cs,
    pub(crate) key_bytes: Vec<u8>,
    pub(crate) witness_bytes: Vec<u8>,
}

impl Circuit {
    pub(crate) fn open(folder: &Path, name: &str) -> Self {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self {
            key: ProvingKey::open(&file("zkey")).unwrap(),
            witness: Witness::open(&file("wtns")).unwrap(),
            r1cs: R1cs::open(&file("r1cs")).unwrap(),
            key_bytes: std::fs::read(file("zkey")).unwrap(),
            witness_bytes: std::fs::read(file("wtns")).unwrap(),
        }
    }
}

/// What the oracle's own reader and prover make of the same files and seed.
pub(crate) fn expected(circuit: &Circuit) -> millrace_oracle::OracleProof {
    let blinding = Randomness::Seed(SEED).draw().unwrap();
    millrace_oracle::prove(&circuit.key_bytes, &circuit.witness_bytes, blinding.r, blinding.s).unwrap()
}

pub(crate) fn assert_equal(proved: &Proved, expected: &millrace_oracle::OracleProof) {
    assert_eq!(proved.proof.a, expected.a);
    assert_eq!(proved.proof.b, expected.b);
    assert_eq!(proved.proof.c, expected.c);
    let publics: Vec<Fr> = proved.publics.iter().map(|x| x.to_fr().unwrap()).collect();
    assert_eq!(publics, expected.publics);
}

/// xᵢ₊₁ = xᵢ·(xᵢ + 1), the last link public, in a domain that is filled.
pub(crate) fn chain(log_domain: u32) -> (ProvingKey, Witness) {
    let n_constraints = (1u32 << log_domain) - 2;
    let mut links = vec![Fr::from(0x9e37_79b9_7f4a_7c15u64)];
    for i in 0..n_constraints as usize {
        links.push(links[i] * (links[i] + Fr::one()));
    }
    let end = links.pop().expect("a link");
    let wires = [vec![Fr::one(), end], links].concat();
    let one = Fr::one();
    let constraint = |i: u32| {
        let made = if i + 1 == n_constraints { 1 } else { i + 3 };
        [vec![(i + 2, one)], vec![(i + 2, one), (0, one)], vec![(made, one)]]
    };
    let constraints = || (0..n_constraints).map(constraint);
    let n_terms = constraints().flatten().map(|side| side.len() as u64).sum();
    let sizes = R1csSizes { n_wires: wires.len() as u32, n_public: 1, n_constraints, n_terms };
    let (mut r1cs, mut key) = (Vec::new(), std::io::Cursor::new(Vec::new()));
    write_r1cs(&mut r1cs, &sizes, constraints()).expect("in memory");
    let r1cs = R1cs::from_bytes(Arc::new(r1cs)).expect("a good circuit");
    dev_setup(&r1cs, b"allocations", &mut key).expect("a good circuit");
    let key = ProvingKey::from_bytes(Arc::new(key.into_inner())).expect("a good key");
    let witness = Witness::from_values(wires.into_iter().map(FrCanonical::from).collect());
    (key, witness.expect("in range"))
}

/// Slot 0 is a trusted CPU engine, slot 1 the other.
pub(crate) const TRUSTED: EngineSlot = EngineSlot(0);
pub(crate) const DEVICE: EngineSlot = EngineSlot(1);

pub(crate) fn options(placement: Placement) -> ProverOptions {
    ProverOptions {
        placement,
        trusted: TRUSTED,
        fallback: false,
        retries: 1,
        buckets: Some(millrace_oracle::buckets),
    }
}

pub(crate) fn prover(device: Arc<dyn Engine>, options: ProverOptions) -> Prover {
    Prover::new(EngineSet::new(vec![Arc::new(CpuEngine::new()), device]), options)
}

pub(crate) fn prove(prover: &Prover, circuit: &Circuit, r1cs: Option<&R1cs>) -> Result<Proved, ProveError> {
    let key = prover.load(circuit.key.clone()).unwrap();
    prover.prove(&key, &circuit.witness, r1cs, &Randomness::Seed(SEED), &(), &CancelToken::default())
}

/// What a [`Device`] gets wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Wrong results for the n-th G1 sum, and wrong dumps of it, every time it is asked for that many points.
    Bucket { window: u32, digit: u32 },
    /// Every G1 sum is wrong, every dump is right.
    Reduction,
    /// The first G1 sum only.
    Once,
    /// Bit 0 of the value at this index, in every transform of that direction.
    Transform { index: usize },
    /// Every job fails as transient.
    Fails,
    /// The first job fails as transient.
    FailsOnce,
    /// Gone.
    Lost,
    /// Gone before it took any base.
    NeverThere,
}

/// A device around the oracle: G1 sums and transforms up to a length, bucket dumps, and one fault.
pub(crate) struct Device {
    inner: OracleEngine,
    fault: Fault,
    pub(crate) log_max: u32,
    pub(crate) jobs: AtomicUsize,
    sums: AtomicUsize,
    bases: std::sync::Mutex<std::collections::HashMap<BufferId, Vec<G1Affine>>>,
}

pub(crate) const WINDOW_BITS: u32 = 4;
pub(crate) const WINDOWS: u32 = 64;

impl Device {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            inner: OracleEngine::new(),
            fault,
            log_max: 20,
            jobs: AtomicUsize::new(0),
            sums: AtomicUsize::new(0),
            bases: std::sync::Mutex::default(),
        }
    }

    fn spoil(&self, value: &mut JobValue) {
        match (self.fault, value) {
            (Fault::Bucket { .. } | Fault::Reduction, JobValue::G1(p)) => *p = -*p,
            (Fault::Once, JobValue::G1(p)) if self.sums.fetch_add(1, Ordering::SeqCst) == 0 => *p = -*p,
            (Fault::Transform { index }, JobValue::Values(v)) => v[index] += Fr::from(1u8),
            _ => {}
        }
    }
}

impl Engine for Device {
    fn name(&self) -> &str {
        "device"
    }
    fn supports(&self, kind: &JobKind) -> bool {
        match kind {
            JobKind::Msm { group, .. } => *group == Group::G1,
            JobKind::Ntt { log_n, .. } => (1..=self.log_max).contains(log_n),
            JobKind::Quotient { .. } | JobKind::Rows { .. } => false,
        }
    }
    fn depth(&self) -> usize {
        3
    }
    fn load(&self, data: Resident) -> Result<BufferId, EngineError> {
        if self.fault == Fault::NeverThere {
            let reason = "reads as all ones".to_owned();
            return Err(EngineError::DeviceLost { engine: "device".to_owned(), reason });
        }
        let points: Option<Vec<_>> = match &data {
            Resident::G1(bases) => bases.as_slice().iter().map(|p| p.to_affine()).collect(),
            _ => Some(Vec::new()),
        };
        // Refuses what is no point.
        let id = self.inner.load(data)?;
        self.bases.lock().unwrap().insert(id, points.unwrap());
        Ok(id)
    }
    fn unload(&self, id: BufferId) {
        self.inner.unload(id);
    }
    fn submit(&self, job: Job) -> Result<Ticket, EngineError> {
        let first = self.jobs.fetch_add(1, Ordering::SeqCst) == 0;
        if self.fault == Fault::Fails || (self.fault == Fault::FailsOnce && first) {
            let cause = "MEM_READ".to_owned();
            return Err(EngineError::JobFailed {
                engine: "device".to_owned(),
                job_id: 1,
                cause,
                position: 0,
            });
        }
        if self.fault == Fault::Lost {
            let reason = "reads as all ones".to_owned();
            return Err(EngineError::DeviceLost { engine: "device".to_owned(), reason });
        }
        self.inner.submit(job)
    }
    fn wait(&self, ticket: Ticket) -> Result<JobOutput, EngineError> {
        let mut output = self.inner.wait(ticket)?;
        self.spoil(&mut output.value);
        output.report.engine = self.name().to_owned();
        Ok(output)
    }
    fn try_wait(&self, ticket: Ticket, at_most: Duration) -> Result<Result<JobOutput, Ticket>, EngineError> {
        Ok(self.inner.try_wait(ticket, at_most)?.map(|mut output| {
            self.spoil(&mut output.value);
            output.report.engine = self.name().to_owned();
            output
        }))
    }
    fn cancel(&self, ticket: Ticket) -> Result<(), EngineError> {
        self.inner.cancel(ticket)
    }
    fn dump_buckets(&self, job: Job) -> Result<Option<BucketDump>, EngineError> {
        let Job::Msm { bases, range, scalars, .. } = job else { return Ok(None) };
        let bases = self.bases.lock().unwrap()[&bases][range].to_vec();
        let scalars: Vec<Fr> = scalars.iter().map(|k| k.to_fr().unwrap()).collect();
        let mut buckets = millrace_oracle::buckets(&bases, &scalars, WINDOW_BITS, WINDOWS);
        if let Fault::Bucket { window, digit } = self.fault {
            let wrong = &mut buckets[(window * (1 << (WINDOW_BITS - 1)) + digit - 1) as usize];
            *wrong = (*wrong + millrace_bn254::G1Projective::from(G1Affine::new(1.into(), 2.into()))).into();
        }
        Ok(Some(BucketDump { window_bits: WINDOW_BITS, windows: WINDOWS, buckets }))
    }
}
