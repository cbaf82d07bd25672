//! How soon a served RTL answers while it is at work: a server in a process of its own, behind its socket.

use std::{
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use ark_ec::{CurveGroup, PrimeGroup};
use millrace_bn254::{Fr, FrCanonical, G1Mont, G1Projective};
use millrace_driver::{BAR0_BYTES, DeviceEngine, DriverConfig, is_at_work};
use millrace_job::{Engine, Group, Job, Resident};
use millrace_pcie::{Function, vfio_user::open_vfio_user};

use crate::{
    exit::{Code, Failure, OrFail},
    figures::{Bar, Sheet, memory::this_program},
};

/// A server looks at its socket at least so often, in milliseconds.
const BAR: Bar = Bar::AtMost(50.0);
/// The sum that keeps the RTL at work: of so many points, some hundred thousand cycles.
const POINTS: u64 = 256;
const READS: usize = 1000;
const MAPS: usize = 100;
const RESETS: usize = 20;
/// How long a server may take to make its socket, and the RTL to begin a sum.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server that ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(socket: &Path) -> Result<Self, Failure> {
        let mut command = this_program()?;
        command.args(["device", "serve", "--device", "sim", "--socket"]).arg(socket);
        let mut server = Self(command.stdout(Stdio::null()).spawn().or_fail(Code::DeviceOpen)?);
        let until = Instant::now() + START_LIMIT;
        while !socket.exists() {
            let ended = server.0.try_wait().or_fail(Code::DeviceOpen)?;
            if ended.is_some() || Instant::now() > until {
                let message = format!("expected a server at {}, got {ended:?}", socket.display());
                return Err(Failure::new(Code::DeviceOpen, message));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

/// The longest of so many answers of each kind, all of them asked for while the RTL was seen at work.
pub(super) fn measure(sheet: &mut Sheet) -> Result<(), Failure> {
    let names = [
        format!("served RTL at work: longest of {READS} register reads"),
        format!("served RTL at work: longest of {MAPS} maps and unmaps"),
        format!("served RTL at work: longest of {RESETS} resets from outside"),
    ];
    if cfg!(not(feature = "sim")) {
        names.iter().for_each(|name| sheet.not_measured(name, "built without the simulated RTL"));
        return Ok(());
    }
    let folder = tempfile::tempdir().or_fail(Code::Output)?;
    let socket = folder.path().join("rtl.socket");
    let _server = Server::start(&socket)?;
    let function = open_vfio_user(&socket, BAR0_BYTES).or_fail(Code::DeviceOpen)?;
    let reset = function.reset.clone();
    let reset = reset.ok_or_else(|| Failure::new(Code::DeviceOpen, "expected a reset from outside"))?;
    let bar0 = &*function.bar0;
    // A read itself says whether the RTL is at work.
    let reads = longest(&function, READS, || {
        let began = Instant::now();
        Ok(is_at_work(bar0).then(|| began.elapsed()))
    })?;
    let at_work = |act: &dyn Fn() -> Result<(), Failure>| {
        if !is_at_work(bar0) {
            return Ok(None);
        }
        let began = Instant::now();
        act()?;
        Ok(Some(began.elapsed()))
    };
    let map = || function.dma.alloc(1 << 20).map(drop).or_fail(Code::DeviceFailed);
    let maps = longest(&function, MAPS, || at_work(&map))?;
    let from_outside = || reset.reset().or_fail(Code::DeviceFailed);
    let resets = longest(&function, RESETS, || at_work(&from_outside))?;
    for (name, longest) in names.iter().zip([reads, maps, resets]) {
        sheet.line(name, longest.as_secs_f64() * 1e3, "ms", BAR);
    }
    Ok(())
}

/// Asks again and again while sums are under way, until `most` answers came in the middle of one: the longest of those. An answer may end the sum, so each
/// sum has a driver of its own.
fn longest(
    function: &Function,
    most: usize,
    ask: impl Fn() -> Result<Option<Duration>, Failure>,
) -> Result<Duration, Failure> {
    let sums: Vec<G1Projective> = (1..=POINTS).map(|i| G1Projective::generator() * Fr::from(i)).collect();
    let points: Vec<G1Mont> = G1Projective::normalize_batch(&sums).iter().map(G1Mont::from).collect();
    let mut longest = Duration::ZERO;
    let mut answers = 0;
    while answers < most {
        let engine =
            DeviceEngine::open(function.clone(), DriverConfig::default()).or_fail(Code::DeviceOpen)?;
        let bases = engine.load(Resident::G1(points.clone().into())).or_fail(Code::DeviceFailed)?;
        let scalars = (1..=POINTS).map(|i| FrCanonical::from(-Fr::from(i))).collect();
        let job = Job::Msm { group: Group::G1, bases, range: 0..points.len(), scalars };
        let ticket = engine.submit(job).or_fail(Code::DeviceFailed)?;
        let (mut at_work, until) = (false, Instant::now() + START_LIMIT);
        loop {
            match ask()? {
                Some(took) => (longest, answers, at_work) = (longest.max(took), answers + 1, true),
                None if at_work => break,
                None if Instant::now() < until => {}
                None => {
                    let message = "expected the RTL to be at work on a sum, got one that is not seen";
                    return Err(Failure::new(Code::DeviceFailed, message));
                }
            }
            if answers == most {
                break;
            }
        }
        let _ = engine.cancel(ticket);
    }
    // Registers of a server that is gone say that it is at work, and quickly.
    DeviceEngine::open(function.clone(), DriverConfig::default()).or_fail(Code::DeviceOpen)?;
    Ok(longest)
}
