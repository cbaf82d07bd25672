//! Looks for what a witness leaves behind: after each job, and on each way in which a job can fail, every buffer that the device could ever reach is
//! read back and searched for the job's scalars; at the end device memory is read back too. `make test-pcie` runs it in the guest, through the IOMMU.
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
use millrace_pcie::{Function, VfioAccess, VfioOptions, open_vfio};

use self::{device_memory::read_back, seen::Seen};

const POINTS: usize = 1 << 8;
const LOG_VALUES: u32 = 6;

type Failure = Box<dyn Error>;

/// Scalars that are met nowhere by chance.
fn secrets(tag: u64, n: usize) -> Vec<Fr> {
    (0..n as u64).map(|i| (Fr::from(tag) + Fr::from(i)).pow([0x1234_5678_9abc_def1])).collect()
}

struct Hunt {
    engine: DeviceEngine,
    seen: Arc<Seen>,
    bases: BufferId,
    points: Vec<G1Affine>,
    /// All that was given to the device so far.
    given: Vec<Fr>,
}

impl Hunt {
    fn new(function: &Function) -> Result<Self, Failure> {
        let seen = Arc::new(Seen::new(function));
        // Patient: nothing hangs here that is not let hang, and a simulation steps slowly.
        let config = DriverConfig { stall_time: Duration::from_secs(60), ..DriverConfig::default() };
        let engine = DeviceEngine::open(Seen::function(&seen, function), config)?;
        let step = G1Affine::generator() * Fr::from(7u64);
        let points: Vec<G1Projective> =
            std::iter::successors(Some(step), |p| Some(*p + step)).take(POINTS).collect();
        let points = G1Projective::normalize_batch(&points);
        let mont: Vec<G1Mont> = points.iter().map(G1Mont::from).collect();
        let bases = engine.load(Resident::G1(mont.into()))?;
        Ok(Self { engine, seen, bases, points, given: Vec::new() })
    }

    /// An MSM over new secrets, and what it should give.
    fn msm(&mut self, tag: u64) -> (Job, JobValue) {
        let scalars = secrets(tag, POINTS);
        let sum = JobValue::G1(millrace_oracle::msm_g1(&self.points, &scalars).into_affine());
        self.given.extend(&scalars);
        let scalars = scalars.into_iter().map(FrCanonical::from).collect();
        (Job::Msm { group: Group::G1, bases: self.bases, range: 0..POINTS, scalars }, sum)
    }

    fn is_left(&self) -> bool {
        self.seen.holds(&self.given)
    }

    fn clean(&self, after: &str) -> Result<(), Failure> {
        if self.is_left() {
            return Err(format!("after {after}: a scalar lies in DMA memory").into());
        }
        println!(
            "after {after}: none of {} scalars in {} bytes of DMA memory",
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
    let (job, sum) = hunt.msm(1_000);
    let ticket = hunt.engine.submit(job)?;
    expect("the search finds the scalars of a job in flight", hunt.is_left())?;
    expect("the MSM is right", hunt.engine.wait(ticket)?.value == sum)?;
    hunt.clean("an MSM")?;

    let values = secrets(2_000, 1 << LOG_VALUES);
    let mut result = values.clone();
    millrace_oracle::ntt(&mut result, NttDirection::Forward, true);
    hunt.given.extend(values.iter().chain(&result));
    let job = Job::Ntt { direction: NttDirection::Forward, coset: true, values };
    let ticket = hunt.engine.submit(job)?;
    expect("the transform is right", hunt.engine.wait(ticket)?.value == JobValue::Values(result))?;
    hunt.clean("a transform, whose result is a secret too")?;

    // Addresses that lead nowhere: the IOMMU refuses the read, the device says so.
    hunt.seen.misplace(true);
    let (job, _) = hunt.msm(3_000);
    let failed = hunt.engine.submit(job).and_then(|ticket| hunt.engine.wait(ticket));
    hunt.seen.misplace(false);
    let error = failed.err().ok_or("a job without readable scalars ended well")?;
    hunt.clean(&format!("a failure ({error})"))?;

    let (job, _) = hunt.msm(4_000);
    let ticket = hunt.engine.submit(job)?;
    hunt.engine.cancel(ticket)?;
    hunt.clean("a cancel")?;

    let (job, _) = hunt.msm(5_000);
    let ticket = hunt.engine.submit(job)?;
    hunt.engine.reset()?;
    let outcome =
        hunt.engine.wait(ticket).map_or_else(|error| error.to_string(), |_| "the job was quicker".into());
    hunt.clean(&format!("a reset of the function ({outcome})"))?;

    let (job, sum) = hunt.msm(6_000);
    let ticket = hunt.engine.submit(job)?;
    expect("the MSM after all that is right", hunt.engine.wait(ticket)?.value == sum)?;
    hunt.clean("one more MSM")?;

    let (job, _) = hunt.msm(7_000);
    hunt.seen.cut();
    let failed = hunt.engine.submit(job).and_then(|ticket| hunt.engine.wait(ticket));
    let error = failed.err().ok_or("a job of a dead link ended well")?;
    expect("a dead link is a lost device", matches!(error, EngineError::DeviceLost { .. }))?;
    hunt.clean(&format!("a dead link ({error})"))?;
    let Hunt { engine, seen, given, .. } = hunt;
    drop(engine);
    expect("nothing was written after the driver ended", !seen.holds(&given))?;
    Ok(given)
}

fn main() -> Result<(), Failure> {
    let name = std::env::args().nth(1).ok_or("usage: secrets vfio:ADDRESS")?;
    let address = name.strip_prefix("vfio:").unwrap_or(&name).parse()?;
    let options =
        VfioOptions { bar0_bytes: BAR0_BYTES, access: VfioAccess::from_env()?, ..VfioOptions::default() };
    let function = open_vfio(address, &options)?;
    let given = in_host_memory(&function)?;
    let memory = read_back(&function)?;
    let is_left = seen::is_in(&memory, &given);
    expect("device memory holds none of the scalars", !is_left)?;
    println!("none of {} scalars in the first {} bytes of device memory", given.len(), memory.len());
    Ok(())
}
