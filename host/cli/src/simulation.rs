//! What only a simulated device has: cycles, waveforms, recordings. A build without the feature `sim` has the same face and nothing behind it.

#[cfg(feature = "sim")]
pub(crate) use with::Simulation;
#[cfg(not(feature = "sim"))]
pub(crate) use without::Simulation;

#[cfg(feature = "sim")]
mod with {
    use std::{path::Path, sync::Arc};

    use millrace_cosim::{CosimConfig, CosimHandle, start};
    use millrace_pcie::Function;

    use crate::{
        exit::{Code, Failure, OrFail},
        progress::CycleCount,
    };

    /// A running simulation; it stops when the last clone goes.
    #[derive(Clone)]
    pub(crate) struct Simulation(Arc<CosimHandle>);

    impl Simulation {
        /// Starts a device.
        pub(crate) fn start(record: bool) -> Result<(Function, Self), Failure> {
            let (function, handle) = start(&CosimConfig { record, ..CosimConfig::default() });
            Ok((function, Self(Arc::new(handle))))
        }

        /// Counts while it runs.
        pub(crate) fn cycle_count(&self) -> CycleCount {
            let handle = self.0.clone();
            Arc::new(move || handle.cycles())
        }

        /// Of wall time spent simulating.
        pub(crate) fn cycles_per_second(&self) -> Option<f64> {
            self.0.cycles_per_second()
        }

        /// Whether a waveform can go there: fails now rather than in the middle of a proof.
        pub(crate) fn can_trace(&self, path: &Path) -> Result<(), Failure> {
            super::can_trace(path)
        }

        /// Writes an FST waveform of the next cycles.
        pub(crate) fn trace(&self, path: &Path, max_cycles: u64) -> Result<(), Failure> {
            self.0.trace(path, max_cycles).or_fail(Code::Output)
        }

        /// Flips a bit of device memory where the first base lies: its x coordinate is another one then.
        pub(crate) fn damage_first_base(&self) {
            self.0.flip_memory_bit(3, 2);
        }

        /// The recording's text, if one is made.
        pub(crate) fn recording(&self) -> Option<String> {
            self.0.recording().map(|r| r.to_text())
        }
    }
}

#[cfg(not(feature = "sim"))]
mod without {
    use std::path::Path;

    use millrace_pcie::Function;

    use crate::{
        exit::{Code, Failure},
        progress::CycleCount,
    };

    /// Never made in this build.
    #[derive(Clone)]
    pub(crate) struct Simulation(std::convert::Infallible);

    impl Simulation {
        pub(crate) fn start(_record: bool) -> Result<(Function, Self), Failure> {
            let message = "sim: expected a build with the feature `sim` (`make build`), got one without";
            Err(Failure::new(Code::DeviceOpen, message))
        }

        pub(crate) fn cycle_count(&self) -> CycleCount {
            match self.0 {}
        }

        pub(crate) fn cycles_per_second(&self) -> Option<f64> {
            match self.0 {}
        }

        pub(crate) fn can_trace(&self, _path: &Path) -> Result<(), Failure> {
            match self.0 {}
        }

        pub(crate) fn trace(&self, _path: &Path, _max_cycles: u64) -> Result<(), Failure> {
            match self.0 {}
        }

        pub(crate) fn damage_first_base(&self) {
            match self.0 {}
        }

        pub(crate) fn recording(&self) -> Option<String> {
            match self.0 {}
        }
    }
}

/// A waveform is written by the simulator's own code, which aborts where it cannot: only a regular file that can be made is good enough.
#[cfg(feature = "sim")]
pub(crate) fn can_trace(path: &std::path::Path) -> Result<(), crate::exit::Failure> {
    let failed = |what: String| {
        crate::exit::Failure::new(
            crate::exit::Code::Output,
            format!("cannot write {}: {what}", path.display()),
        )
    };
    if path.metadata().is_ok_and(|m| !m.is_file()) {
        return Err(failed("expected a regular file".to_owned()));
    }
    std::fs::File::create(path).map(|_| ()).map_err(|error| failed(error.to_string()))
}
