//! The work that faults strike: jobs with known answers, and whole proofs that the CPU makes too.

use std::sync::Arc;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One};
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont};
use millrace_driver::DeviceEngine;
use millrace_groth16::{Proof, ProvingKey, R1cs, R1csSizes, Witness, dev_setup, write_r1cs};
use millrace_job::{
    BufferId, CancelToken, Engine, EngineError, EngineSet, EngineSlot, Group, Job, JobValue, NttDirection,
    Resident,
};
use millrace_kernels::CpuEngine;
use millrace_prover::{LoadedKey, Placement, Proved, Prover, ProverOptions, Randomness};

/// Scalars of an MSM: what is 32 times as long is read in one piece by the device, and nothing else is.
pub(crate) const POINTS: usize = 8;
const LOG_VALUES: u32 = 4;
/// The circuit's domain.
const LOG_DOMAIN: u32 = 5;
const SEED: [u8; 32] = [7; 32];

/// Values that are met nowhere by chance.
fn secrets(tag: u64, n: usize) -> Vec<Fr> {
    (0..n as u64).map(|i| (Fr::from(tag) + Fr::from(i)).pow([0x1234_5678_9abc_def1])).collect()
}

/// The name of an error, as the table has it.
pub(crate) fn code(error: &EngineError) -> String {
    match error {
        EngineError::JobFailed { cause, .. } => cause.clone(),
        EngineError::Timeout { .. } => "TIMEOUT".into(),
        EngineError::DeviceLost { .. } => "LOST".into(),
        EngineError::OutOfMemory { what, .. } if what.contains("IOVA") => "OUT_OF_IOVA".into(),
        EngineError::OutOfMemory { .. } => "OUT_OF_MEMORY".into(),
        other => other.to_string(),
    }
}

/// A value that is another than it should be, which no error told.
pub(crate) const WRONG: &str = "a wrong value";

/// Jobs with their answers.
pub(crate) struct Work {
    points: Vec<G1Affine>,
    factors: Vec<Fr>,
    sum: JobValue,
    values: Vec<Fr>,
    transformed: Vec<Fr>,
}

impl Work {
    pub(crate) fn new() -> Self {
        let points: Vec<_> =
            (1..=POINTS as u64).map(|i| (G1Affine::generator() * Fr::from(i)).into_affine()).collect();
        let factors = secrets(100, POINTS);
        let sum = JobValue::G1(millrace_oracle::msm_g1(&points, &factors).into_affine());
        let values = secrets(200, 1 << LOG_VALUES);
        let mut transformed = values.clone();
        millrace_oracle::ntt(&mut transformed, NttDirection::Forward, false);
        Self { points, factors, sum, values, transformed }
    }

    /// What nobody may find in DMA memory after the jobs.
    pub(crate) fn secrets(&self) -> Vec<Fr> {
        [&self.factors[..], &self.values, &self.transformed].concat()
    }

    fn bases(&self) -> Resident {
        Resident::G1(self.points.iter().map(G1Mont::from).collect::<Vec<_>>().into())
    }

    pub(crate) fn msm(&self, bases: BufferId) -> Job {
        let scalars = self.factors.iter().copied().map(FrCanonical::from).collect();
        Job::Msm { group: Group::G1, bases, range: 0..self.points.len(), scalars }
    }

    pub(crate) fn ntt(&self) -> Job {
        Job::Ntt { direction: NttDirection::Forward, coset: false, values: self.values.clone() }
    }

    pub(crate) fn load(&self, engine: &DeviceEngine) -> Result<BufferId, EngineError> {
        engine.load(self.bases())
    }

    /// Loads bases, does an MSM and a transform, both in flight. What was told, in order.
    pub(crate) fn run(&self, engine: &DeviceEngine) -> Vec<String> {
        let bases = self.load(engine);
        let msm = bases.as_ref().ok().map(|&bases| engine.submit(self.msm(bases)));
        let ntt = engine.submit(self.ntt());
        let end = |ticket: Result<_, EngineError>, right: JobValue| match ticket.and_then(|t| engine.wait(t))
        {
            Ok(output) if output.value == right => None,
            Ok(_) => Some(WRONG.into()),
            Err(error) => Some(code(&error)),
        };
        let ends = [
            bases.as_ref().err().map(code),
            msm.and_then(|ticket| end(ticket, self.sum.clone())),
            end(ntt, JobValue::Values(self.transformed.clone())),
        ];
        if let Ok(bases) = bases {
            engine.unload(bases);
        }
        ends.into_iter().flatten().collect()
    }
}

/// xᵢ₊₁ = xᵢ·(xᵢ + 1), the last link public, in a domain that is filled: a key, and a witness that the CPU has proven.
pub(crate) struct Circuit {
    key: ProvingKey,
    witness: Witness,
    links: Vec<Fr>,
    proof: Proof,
}

const CPU: EngineSlot = EngineSlot(0);
const DEVICE: EngineSlot = EngineSlot(1);

fn prove(prover: &Prover, key: &LoadedKey, witness: &Witness) -> Proved {
    let seed = Randomness::Seed(SEED);
    let proved = prover.prove(key, witness, None, &seed, &(), &CancelToken::default());
    proved.expect("the CPU finishes what the device cannot")
}

impl Circuit {
    pub(crate) fn new() -> Self {
        let n_constraints = (1u32 << LOG_DOMAIN) - 2;
        let mut links = secrets(300, 1);
        for i in 0..n_constraints as usize {
            links.push(links[i] * (links[i] + Fr::one()));
        }
        let end = links.pop().expect("a link");
        let wires = [vec![Fr::one(), end], links.clone()].concat();
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
        dev_setup(&r1cs, b"campaign", &mut key).expect("a good circuit");
        let key = ProvingKey::from_bytes(Arc::new(key.into_inner())).expect("a good key");
        let witness =
            Witness::from_values(wires.into_iter().map(FrCanonical::from).collect()).expect("in range");
        let cpu = Prover::alone(Arc::new(CpuEngine::new()));
        let proof = prove(&cpu, &cpu.load(key.clone()).expect("a good key"), &witness).proof;
        Self { key, witness, links, proof }
    }

    /// What nobody may find in DMA memory after a proof.
    pub(crate) fn secrets(&self) -> &[Fr] {
        &self.links
    }

    /// Proves on a device, with the CPU for what that cannot do; who did what. Another proof than the CPU's panics.
    pub(crate) fn prove(&self, device: Arc<DeviceEngine>) -> String {
        let options = ProverOptions {
            placement: Placement::On(DEVICE),
            trusted: CPU,
            fallback: true,
            retries: 1,
            buckets: Some(millrace_oracle::buckets),
        };
        let prover = Prover::new(EngineSet::new(vec![Arc::new(CpuEngine::new()), device]), options);
        let key = prover.load(self.key.clone()).expect("the CPU can hold it");
        let proved = prove(&prover, &key, &self.witness);
        assert!(proved.proof == self.proof, "another proof than the CPU's");
        let report = proved.report;
        match (&report.blame, report.moved().count()) {
            (Some(_), _) => BLAMED.into(),
            (None, 0) => BY_DEVICE.into(),
            (None, moved) if report.aside.is_empty() => format!("{moved} jobs by the CPU"),
            (None, _) => PUT_ASIDE.into(),
        }
    }
}

/// By whom a proof was made that equals the CPU's.
pub(crate) const BY_DEVICE: &str = "by the device";
pub(crate) const PUT_ASIDE: &str = "device put aside, by the CPU";
pub(crate) const BLAMED: &str = "a job blamed, by the CPU";
