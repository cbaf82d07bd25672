//! Several devices as one engine: what they do together, and what part of that which each does alone.

use std::{ops::Range, time::Duration};

use millrace_bn254::FrCanonical;
use millrace_job::{
    BufferId, Engine, EngineError, Fleet, Group, Job, JobKind, NttDirection, Resident, ScalarSlice, Ticket,
    split,
};

use super::{Line, Measured, at_once, plain, points, repeated, scalars, short_jobs};

/// Jobs in flight of each device's thread.
const IN_FLIGHT: usize = 2;

/// Sums, one sum that is cut, transforms and short jobs over all devices, each beside what the devices do alone, added up.
pub(super) fn measure(devices: &[Measured], at_most: Duration) -> Result<Vec<Line>, EngineError> {
    let fleet = Fleet::new("together");
    for device in devices {
        fleet.add(device.engine.clone());
    }
    let mut lines = Vec::new();
    // A size that each of them has done in its time; none where one of them does no such jobs.
    let size = |name| {
        let each = devices.iter().map(|device| device.largest(name)?.size);
        each.collect::<Option<Vec<_>>>()?.into_iter().min()
    };
    let alone = |name: &str, size: Option<u64>| -> f64 {
        let of = |device: &Measured| {
            device.lines.iter().rfind(|l| l.name == name && l.size == size).map(|l| l.value)
        };
        devices.iter().filter_map(of).sum()
    };
    let mut push = |line: Line, alone: f64| {
        let part = plain(
            part_of(line.name),
            format!("part of what they do alone: {}", line.what),
            line.value / alone,
            "of 1",
        );
        let size = line.size;
        lines.push(line);
        lines.push(Line { size, ..part });
    };
    if let Some(n) = size("msm_g1") {
        let jobs = Sums::new(&fleet, n as usize)?;
        // Each device is sent the bases, and gets its rate.
        at_once(devices.len(), 1, at_most / 4, || jobs.submit(0..jobs.n), |t| fleet.wait(t))?;
        let rate = at_once(devices.len(), IN_FLIGHT, at_most, || jobs.submit(0..jobs.n), |t| fleet.wait(t))?;
        let line = plain("msm_g1", "MSMs over G1, several at once".into(), rate * n as f64, "points/s");
        push(Line { size: Some(n), ..line }, alone("msm_g1", Some(n)));
        let seconds = repeated(at_most, || jobs.cut())?;
        let line =
            plain("msm_g1_cut", "one MSM over G1, cut by rates".into(), n as f64 / seconds, "points/s");
        push(Line { size: Some(n), ..line }, alone("msm_g1", Some(n)));
        jobs.end();
    }
    if let Some(n) = size("ntt") {
        let values = scalars(n as usize);
        let submit = || {
            fleet.submit(Job::Ntt { direction: NttDirection::Forward, coset: false, values: values.clone() })
        };
        let rate = at_once(devices.len(), IN_FLIGHT, at_most, submit, |t| fleet.wait(t))?;
        let line = plain("ntt", "transforms, several at once".into(), rate * n as f64, "values/s");
        push(Line { size: Some(n), ..line }, alone("ntt", Some(n)));
    }
    let queues: usize = devices.iter().map(|device| device.engine.queues()).sum();
    let rate = short_jobs(&fleet, queues, at_most)?;
    let best = |device: &Measured| {
        device.lines.iter().filter(|l| l.name == "short_jobs").map(|l| l.value).fold(0.0, f64::max)
    };
    let line = plain("short_jobs", "short jobs on all queues".into(), rate, "jobs/s");
    push(Line { size: Some(queues as u64), ..line }, devices.iter().map(best).sum());
    Ok(lines)
}

fn part_of(name: &str) -> &'static str {
    match name {
        "msm_g1" => "msm_g1_part",
        "msm_g1_cut" => "msm_g1_cut_part",
        "ntt" => "ntt_part",
        _ => "short_jobs_part",
    }
}

/// Sums of one size over bases that the fleet holds.
struct Sums<'a> {
    fleet: &'a Fleet,
    n: usize,
    bases: BufferId,
    scalars: ScalarSlice,
}

impl<'a> Sums<'a> {
    fn new(fleet: &'a Fleet, n: usize) -> Result<Self, EngineError> {
        let bases = fleet.load(Resident::G1(points(n).into()))?;
        let scalars = scalars(n).into_iter().map(FrCanonical::from).collect();
        Ok(Self { fleet, n, bases, scalars })
    }

    fn submit(&self, range: Range<usize>) -> Result<Ticket, EngineError> {
        let scalars = self.scalars.part(range.clone()).expect("a part of them");
        self.fleet.submit(Job::Msm { group: Group::G1, bases: self.bases, range, scalars })
    }

    /// In parts by the rates that the fleet has measured, as a proof's sums are.
    fn cut(&self) -> Result<(), EngineError> {
        let shares = self.fleet.shares(&JobKind::Msm { group: Group::G1, points: self.n });
        let parts = split::ranges(self.n, &shares);
        let tickets: Vec<_> = parts.into_iter().map(|range| self.submit(range)).collect::<Result<_, _>>()?;
        tickets.into_iter().try_for_each(|ticket| self.fleet.wait(ticket).map(drop))
    }

    fn end(self) {
        self.fleet.unload(self.bases);
    }
}
