//! Looks for what a witness leaves behind: after each job, and on each way in which a job can fail, every buffer that the device could ever reach is
//! read back and searched for the job's scalars, values and results; at the end the part of device memory that the driver uses is read back too. `make test-pcie` runs it in the guest, through the IOMMU.
//!
//! Usage: secrets vfio:ADDRESS

#[path = "secrets/device_memory.rs"]
mod device_memory;
#[path = "secrets/seen.rs"]
mod seen;

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use millrace_bn254::{Fr, FrCanonical, G1Affine, G1Mont, G1Projective};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig};
use millrace_job::{BufferId, Engine, EngineError, Group, Job, JobValue, NttDirection, Resident, Ticket};
use millrace_pcie::{Function, FunctionReset, Mmio, ResetError, VfioAccess, VfioOptions, open_vfio};
use millrace_regs::registers as reg;

use self::{
    device_memory::read_back,
    seen::{Misplaced, Seen},
};

const POINTS: usize = 1 << 8;
const LOG_VALUES: u32 = 6;
/// Of transforms that are to be struck while the device is at them.
const LOG_VALUES_LONG: u32 = 11;
/// Jobs started for that at once, and how often at most.
const AT_ONCE: usize = 4;
const ATTEMPTS: u32 = 10;
/// How long one try looks for the device at work.
const LOOKS: Duration = Duration::from_millis(500);

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
        self.job_of(kind, LOG_VALUES)
    }

    /// The same, with transforms of so many values.
    fn job_of(&mut self, kind: Kind, log_values: u32) -> (Job, JobValue) {
        self.jobs += 1;
        let tag = 10_000 * self.jobs;
        match kind {
            Kind::Sum => {
                let scalars = secrets(tag, POINTS);
                let sum = JobValue::G1(millrace_oracle::msm_g1(&self.points, &scalars).into_affine());
                self.given.extend(&scalars);
                let scalars = scalars.into_iter().map(FrCanonical::from).collect();
                (Job::Msm { group: Group::G1, bases: self.bases, range: 0..POINTS, scalars }, sum)
            }
            Kind::Transform => {
                let values = secrets(tag, 1 << log_values);
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

    /// What becomes of a job whose buffers have other addresses than theirs.
    fn misplaced(&mut self, kind: Kind, what: Misplaced) -> Result<EngineError, Failure> {
        let (job, _) = self.job(kind);
        self.seen.misplace(what);
        let failed = self.engine.submit(job).and_then(|ticket| self.engine.wait(ticket));
        self.seen.misplace(Misplaced::Nothing);
        failed
            .err()
            .ok_or_else(|| format!("a job ended well, with addresses that lead nowhere: {what:?}").into())
    }

    /// Addresses that lead nowhere: the IOMMU refuses the read, the device says so.
    fn failed(&mut self, kind: Kind) -> Result<(), Failure> {
        let error = self.misplaced(kind, Misplaced::All)?;
        expect("the device says which read failed", error.to_string().contains("HOST_READ"))?;
        self.clean(&format!("{kind:?} that failed ({error})"))
    }

    /// Its inputs are where they should be, and read; its result goes nowhere, of which a device on PCIe is not told.
    fn lost_result(&mut self, kind: Kind) -> Result<(), Failure> {
        let error = self.misplaced(kind, Misplaced::Results)?;
        let told = ["RESULT_DIGEST", "HOST_WRITE"].iter().any(|cause| error.to_string().contains(cause));
        expect("the driver finds that the result is missing", told)?;
        self.clean(&format!("{kind:?} whose result was lost ({error})"))
    }

    /// Jobs that the device was seen to be at. Those that have ended before are no test, so that others are given.
    fn under_way(&mut self, kind: Kind) -> Result<Vec<Ticket>, Failure> {
        let log_values = LOG_VALUES_LONG.min(self.engine.identity().ntt_log_max);
        for _ in 0..ATTEMPTS {
            let jobs: Vec<Job> = (0..AT_ONCE).map(|_| self.job_of(kind, log_values).0).collect();
            let tickets =
                jobs.into_iter().map(|job| self.engine.submit(job)).collect::<Result<Vec<_>, _>>()?;
            let until = Instant::now() + LOOKS;
            while Instant::now() < until {
                if self.seen.read32(reg::STATUS) & reg::STATUS_BUSY_MASK != 0 {
                    return Ok(tickets);
                }
            }
            for ticket in tickets {
                self.engine.wait(ticket)?;
            }
        }
        Err(format!("{kind:?}: the device was at work in none of {ATTEMPTS} tries").into())
    }

    fn cancelled(&mut self, kind: Kind) -> Result<(), Failure> {
        for ticket in self.under_way(kind)? {
            self.engine.cancel(ticket)?;
        }
        self.clean(&format!("{AT_ONCE} {kind:?}s that were cancelled at work"))
    }

    fn reset(&mut self, kind: Kind) -> Result<(), Failure> {
        let tickets = self.under_way(kind)?;
        self.engine.reset()?;
        let ends: Vec<String> = tickets
            .into_iter()
            .map(|ticket| self.engine.wait(ticket).map_or_else(|error| error.to_string(), |_| "done".into()))
            .collect();
        self.clean(&format!("a reset of the function with {AT_ONCE} {kind:?}s at work ({})", ends.join(", ")))
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
        hunt.lost_result(kind)?;
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
