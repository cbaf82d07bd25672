//! Looks for what a witness leaves behind: after each job, and on each way in which a job can fail, every buffer that the device could ever reach is
//! read back and searched for the job's scalars, values and results; at the end the part of device memory that the driver uses is read back too. `make test-pcie` runs it in the guest, through the IOMMU.
//!
//! Usage: secrets vfio:ADDRESS

#[path = "secrets/device_memory.rs"]
mod device_memory;
#[path = "secrets/seen.rs"]
mod seen;

use std::{error::Error, sync::Arc, time::Duration};

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont, G1Projective};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_job::{BufferId, Engine, EngineError, Group, Job, JobValue, NttDirection, Resident};
use millrace_pcie::{Function, FunctionReset, ResetError, VfioAccess, VfioOptions, open_vfio};

use self::{device_memory::read_back, seen::Seen};

const POINTS: usize = 1 << 8;
const LOG_VALUES: u32 = 6;

type Failure = Box<dyn Error>;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sum,
    Transform,
}

const KINDS: [Kind; 2] = [Kind::Sum, Kind::Transform];

/// Scalars that are met nowhere by chance.
fn secrets(tag: u64, n: usize) -> Vec<Fr> {
    (0..n as u64).map(|i| (Fr::from(tag) + Fr::from(i)).pow([0x1234_5678_9abc_def1])).collect()
}

/// The function's own reset, without letting go of it: a driver whose link is cut gives the function up, and its device memory is to be read after that.
struct Kept(Arc<dyn FunctionReset>);

impl FunctionReset for Kept {
    fn reset(&self) -> Result<(), ResetError> {
        self.0.reset()
    }
}

struct Hunt {
    engine: DeviceEngine,
    seen: Arc<Seen>,
    bases: BufferId,
    points: Vec<G1Affine>,
    /// All that was given to the device so far.
    given: Vec<Fr>,
    jobs: u64,
}

impl Hunt {
    fn new(function: &Function) -> Result<Self, Failure> {
        let seen = Arc::new(Seen::new(function));
        // Patient: nothing hangs here that is not let hang, and a simulation steps slowly.
        let config = DriverConfig { stall_time: Duration::from_secs(60), ..DriverConfig::default() };
        let reset = function.reset.clone().map(|reset| Arc::new(Kept(reset)) as Arc<dyn FunctionReset>);
        let engine = DeviceEngine::open(Function { reset, ..Seen::function(&seen, function) }, config)?;
        let step = G1Affine::generator() * Fr::from(7u64);
        let points: Vec<G1Projective> =
            std::iter::successors(Some(step), |p| Some(*p + step)).take(POINTS).collect();
        let points = G1Projective::normalize_batch(&points);
        let mont: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
        let bases = engine.load(Resident::G1(mont.into()))?;
        Ok(Self { engine, seen, bases, points, given: Vec::new(), jobs: 0 })
    }

    /// A job over new secrets, and what it should give: a sum, or a transform whose result is a secret too.
    fn job(&mut self, kind: Kind) -> (Job, JobValue) {
        self.jobs += 1;
        let tag = 1_000 * self.jobs;
        match kind {
            Kind::Sum => {
                let scalars = secrets(tag, POINTS);
                let sum = JobValue::G1(millrace_oracle::msm_g1(&self.points, &scalars).into_affine());
                self.given.extend(&scalars);
                let scalars = scalars.into_iter().map(FrCanonical::from).collect();
                (Job::Msm { group: Group::G1, bases: self.bases, range: 0..POINTS, scalars }, sum)
            }
            Kind::Transform => {
                let values = secrets(tag, 1 << LOG_VALUES);
                let mut result = values.clone();
                millrace_oracle::ntt(&mut result, NttDirection::Forward, true);
                self.given.extend(values.iter().chain(&result));
                let job = Job::Ntt { direction: NttDirection::Forward, coset: true, values };
                (job, JobValue::Values(result))
            }
        }
    }

    fn done(&mut self, kind: Kind) -> Result<(), Failure> {
        let (job, value) = self.job(kind);
        let ticket = self.engine.submit(job)?;
        expect("the search finds the secrets of a job in flight", self.is_left())?;
        expect("the answer is right", self.engine.wait(ticket)?.value == value)?;
        self.clean(&format!("{kind:?} that was done"))
    }

    /// Addresses that lead nowhere: the IOMMU refuses the read, the device says so.
    fn failed(&mut self, kind: Kind) -> Result<(), Failure> {
        let (job, _) = self.job(kind);
        self.seen.misplace(true);
        let failed = self.engine.submit(job).and_then(|ticket| self.engine.wait(ticket));
        self.seen.misplace(false);
        let error = failed.err().ok_or("a job without readable inputs ended well")?;
        expect("the device says which read failed", error.to_string().contains("HOST_READ"))?;
        self.clean(&format!("{kind:?} that failed ({error})"))
    }

    fn cancelled(&mut self, kind: Kind) -> Result<(), Failure> {
        let (job, _) = self.job(kind);
        let ticket = self.engine.submit(job)?;
        self.engine.cancel(ticket)?;
        self.clean(&format!("{kind:?} that was cancelled"))
    }

    fn reset(&mut self, kind: Kind) -> Result<(), Failure> {
        let (job, _) = self.job(kind);
        let ticket = self.engine.submit(job)?;
        self.engine.reset()?;
        let outcome =
            self.engine.wait(ticket).map_or_else(|error| error.to_string(), |_| "done all the same".into());
        self.clean(&format!("a reset of the function with {kind:?} given ({outcome})"))
    }

    /// Registers that answer all-ones: with jobs given before, which a device that still works may end, and with one given then.
    fn cut(&mut self) -> Result<(), Failure> {
        let tickets = KINDS.map(|kind| {
            let (job, _) = self.job(kind);
            self.engine.submit(job)
        });
        self.seen.cut();
        for ticket in tickets {
            let _ = ticket.and_then(|ticket| self.engine.wait(ticket));
        }
        let (job, _) = self.job(Kind::Sum);
        let failed = self.engine.submit(job).and_then(|ticket| self.engine.wait(ticket));
        let error = failed.err().ok_or("a job of a dead link ended well")?;
        expect("a dead link is a lost device", matches!(error, EngineError::DeviceLost { .. }))?;
        self.clean(&format!("a dead link ({error})"))
    }

    fn is_left(&self) -> bool {
        self.seen.holds(&self.given)
    }

    fn clean(&self, after: &str) -> Result<(), Failure> {
        if self.is_left() {
            return Err(format!("after {after}: a secret lies in DMA memory").into());
        }
        println!(
            "after {after}: none of {} secrets in {} bytes of DMA memory",
            self.given.len(),
            self.seen.bytes()
        );
        Ok(())
    }
}

fn expect(what: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
}

fn in_host_memory(function: &Function) -> Result<Vec<Fr>, Failure> {
    let mut hunt = Hunt::new(function)?;
    for kind in KINDS {
        hunt.done(kind)?;
        hunt.failed(kind)?;
        hunt.cancelled(kind)?;
        hunt.reset(kind)?;
        hunt.done(kind)?;
    }
    hunt.cut()?;
    Ok(hunt.given)
}

fn main() -> Result<(), Failure> {
    let name = std::env::args().nth(1).ok_or("usage: secrets vfio:ADDRESS")?;
    let address = name.strip_prefix("vfio:").unwrap_or(&name).parse()?;
    let access = VfioAccess::from_env()?;
    let function =
        open_vfio(address, &VfioOptions { bar0_bytes: BAR0_BYTES, access, ..VfioOptions::default() })?;
    let given = in_host_memory(&function)?;
    let planted = Fr::from(0xfeed_u64).pow([0xfeed_f00d_u64]);
    let memory = read_back(&function, &FrCanonical::from(planted).0)?;
    expect("the search finds a scalar that was put into device memory", seen::is_in(&memory, &[planted]))?;
    expect("device memory holds none of the secrets", !seen::is_in(&memory, &given))?;
    println!("none of {} secrets in the first {} bytes of device memory", given.len(), memory.len());
    Ok(())
}
