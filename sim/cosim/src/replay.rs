//! Runs a recording again on a fresh device, without driver or host memory.

use std::{collections::VecDeque, sync::Arc};

use millrace_verilated::{HostPort, Simulation, TraceError, Waveform};
use parking_lot::Mutex;

use crate::recording::{Access, Event, Recording};

/// What a replay found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayOutcome {
    /// Every register answer and every DMA beat was the recorded one.
    Identical {
        /// Cycles run.
        cycles: u64,
    },
    /// The first difference.
    Differs {
        /// Cycle of the replay.
        cycle: u64,
        /// What the recording holds.
        expected: String,
        /// What the device did.
        got: String,
    },
}

struct Script {
    dma: VecDeque<Event>,
    difference: Option<(String, String)>,
}

#[derive(Clone)]
struct ReplayPort(Arc<Mutex<Script>>);

impl ReplayPort {
    fn differ(script: &mut Script, expected: Option<&Event>, got: String) {
        if script.difference.is_none() {
            let expected = expected
                .map_or("no further DMA".to_owned(), |e| format!("{:?} in cycle {}", e.access, e.cycle));
            script.difference = Some((expected, got));
        }
    }
}

impl HostPort for ReplayPort {
    fn read(&mut self, cycle: u64, iova: u64, to: &mut [u8; 64]) -> bool {
        let mut script = self.0.lock();
        match script.dma.pop_front() {
            Some(Event { cycle: at, access: Access::DmaRead { iova: expected, data } })
                if (at, expected) == (cycle, iova) =>
            {
                if let Some(data) = data {
                    *to = data;
                }
                data.is_some()
            }
            other => {
                Self::differ(&mut script, other.as_ref(), format!("DMA read at {iova:#x} in cycle {cycle}"));
                false
            }
        }
    }

    fn write(&mut self, cycle: u64, iova: u64, from: &[u8; 64], strobes: u64) -> bool {
        let mut script = self.0.lock();
        match script.dma.pop_front() {
            Some(Event { cycle: at, access: Access::DmaWrite { iova: i, data, strobes: s, ok } })
                if (at, i, data, s) == (cycle, iova, *from, strobes) =>
            {
                ok
            }
            other => {
                let got = format!(
                    "DMA write at {iova:#x} in cycle {cycle}, strobes {strobes:#x}, {}",
                    hex::encode(from)
                );
                Self::differ(&mut script, other.as_ref(), got);
                false
            }
        }
    }
}

/// A device that works moves data more often than this; a recording of one that hung, or a forged one, must not run for ever.
const QUIET_CYCLES: u64 = 1 << 23;

/// Watches for the last DMA access.
struct Quiet {
    left: usize,
    since: Option<u64>,
}

impl Quiet {
    fn new(script: &Mutex<Script>) -> Self {
        Self { left: script.lock().dma.len(), since: None }
    }

    fn is_over(&mut self, sim: &Simulation, script: &Mutex<Script>) -> bool {
        let left = script.lock().dma.len();
        if left != self.left || self.since.is_none() {
            (self.left, self.since) = (left, Some(sim.cycles()));
        }
        self.since.is_some_and(|since| sim.cycles() - since > QUIET_CYCLES)
    }
}

/// Replays a recording; with `trace`, there is a waveform of the first so many cycles.
///
/// # Errors
/// [`TraceError`] if the waveform cannot be written. A difference is an outcome, no error.
pub fn replay(
    recording: &Recording,
    trace: Option<u64>,
) -> Result<(ReplayOutcome, Option<Waveform>), TraceError> {
    let (dma, from_outside): (Vec<&Event>, Vec<&Event>) = recording
        .events
        .iter()
        .partition(|e| matches!(e.access, Access::DmaRead { .. } | Access::DmaWrite { .. }));
    let dma = dma.into_iter().cloned().collect();
    let script = Arc::new(Mutex::new(Script { dma, difference: None }));
    let mut sim = Simulation::new(&recording.config, Box::new(ReplayPort(script.clone())));
    if let Some(cycles) = trace {
        sim.trace_start(cycles)?;
    }
    let outcome = compare(&mut sim, &script, from_outside);
    Ok((outcome, sim.trace_stop()))
}

/// Does to the device what the recording says was done to it, and compares what it answers and moves.
fn compare(sim: &mut Simulation, script: &Mutex<Script>, from_outside: Vec<&Event>) -> ReplayOutcome {
    let differs = |cycle, expected: String, got: String| ReplayOutcome::Differs { cycle, expected, got };
    let difference = || script.lock().difference.clone();

    for event in from_outside {
        let mut quiet = Quiet::new(script);
        while sim.cycles() < event.cycle {
            let step = sim.step((event.cycle - sim.cycles()).min(QUIET_CYCLES / 8));
            if let Some((expected, got)) = difference() {
                return differs(sim.cycles(), expected, got);
            }
            if quiet.is_over(sim, script) {
                let expected = format!("a register access at cycle {}", event.cycle);
                return differs(sim.cycles(), expected, format!("no DMA for {QUIET_CYCLES} cycles"));
            }
            if step.cycles == 0 && !step.busy {
                return differs(sim.cycles(), format!("busy until cycle {}", event.cycle), "idle".to_owned());
            }
        }
        match event.access {
            Access::MmioWrite { offset, value } => sim.write32(offset, value),
            Access::MemoryFlip { address, bit } => sim.flip_memory_bit(address, bit),
            Access::MmioRead { offset, value } => {
                let got = sim.read32(offset);
                if got != value {
                    let expected = format!("register {offset:#06x} = {value:#010x}");
                    return differs(sim.cycles(), expected, format!("{got:#010x}"));
                }
            }
            Access::DmaRead { .. } | Access::DmaWrite { .. } => unreachable!("partitioned away above"),
        }
    }
    let mut quiet = Quiet::new(script);
    while sim.step(4096).busy
        && !script.lock().dma.is_empty()
        && difference().is_none()
        && !quiet.is_over(sim, script)
    {}
    if let Some((expected, got)) = difference() {
        return differs(sim.cycles(), expected, got);
    }
    let left = script.lock().dma.pop_front();
    match left {
        Some(event) => differs(sim.cycles(), format!("{:?}", event.access), "no such access".to_owned()),
        None => ReplayOutcome::Identical { cycles: sim.cycles() },
    }
}
