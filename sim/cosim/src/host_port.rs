//! The device's DMA beats into the driver's own buffers.

use std::sync::Arc;

use millrace_pcie::{BusMaster, Iova};
use millrace_verilated::HostPort;

use crate::recording::{Access, Recorder};

pub(crate) struct DmaPort {
    memory: Arc<dyn BusMaster>,
    recorder: Option<Arc<Recorder>>,
}

impl DmaPort {
    pub(crate) fn new(memory: Arc<dyn BusMaster>, recorder: Option<Arc<Recorder>>) -> Self {
        Self { memory, recorder }
    }
}

/// Calls `f(offset, len)` for every run of set bits.
pub(crate) fn strobe_runs(strobes: u64, mut f: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < 64 {
        let rest = strobes >> at;
        if rest == 0 {
            return;
        }
        at += rest.trailing_zeros() as usize;
        let len = (strobes >> at).trailing_ones() as usize;
        f(at, len);
        at += len;
    }
}

impl HostPort for DmaPort {
    fn read(&mut self, cycle: u64, iova: u64, to: &mut [u8; 64]) -> bool {
        let ok = self.memory.read(Iova(iova), to).is_ok();
        if let Some(recorder) = &self.recorder {
            recorder.push(cycle, Access::DmaRead { iova, data: ok.then_some(*to) });
        }
        ok
    }

    fn write(&mut self, cycle: u64, iova: u64, from: &[u8; 64], strobes: u64) -> bool {
        let mut ok = true;
        strobe_runs(strobes, |at, len| {
            ok &= self.memory.write(Iova(iova + at as u64), &from[at..at + len]).is_ok()
        });
        if let Some(recorder) = &self.recorder {
            recorder.push(cycle, Access::DmaWrite { iova, data: *from, strobes, ok });
        }
        ok
    }
}

#[cfg(test)]
mod tests {
    use super::strobe_runs;

    fn runs(strobes: u64) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        strobe_runs(strobes, |at, len| out.push((at, len)));
        out
    }

    #[test]
    fn runs_of_set_bits() {
        assert_eq!(runs(0), []);
        assert_eq!(runs(u64::MAX), [(0, 64)]);
        assert_eq!(runs(0b1101), [(0, 1), (2, 2)]);
        assert_eq!(runs(1 << 63), [(63, 1)]);
    }
}
