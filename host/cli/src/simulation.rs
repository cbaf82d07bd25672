//! What only a simulated device has: cycles, waveforms, recordings. A build without the feature `sim` has the same face and nothing behind it.

#[cfg(feature = "sim")]
pub(crate) use with::{Simulation, serve};
#[cfg(not(feature = "sim"))]
pub(crate) use without::{Simulation, serve};

#[cfg(feature = "sim")]
mod with {
    use std::{
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use millrace_cosim::{
        CosimConfig, CosimHandle, PowerOn, Powered, QUEUES, Server, ServerConfig, start, start_behind,
    };
    use millrace_driver::BAR0_BYTES;
    use millrace_job::CancelToken;
    use millrace_model::{BareModel, ModelConfig};
    use millrace_pcie::{Function, Irq};

    use crate::{
        args::ServeArgs,
        device::DeviceName,
        exit::{Code, Failure, OrFail},
        output::{Outputs, say},
        progress::CycleCount,
    };

    /// Serves a device on a socket until Ctrl-C.
    pub(crate) fn serve(args: &ServeArgs, cancel: &CancelToken) -> Result<(), Failure> {
        let power_on: PowerOn = if args.device == DeviceName::Sim {
            Box::new(|memory| {
                let device = start_behind(&CosimConfig::default(), memory);
                let irqs = device.irqs.into_iter().map(|irq| irq as Arc<dyn Irq>).collect();
                Powered { bar0: device.bar0, irqs, keep: Box::new(device.handle) }
            })
        } else {
            Box::new(|memory| {
                let model = BareModel::start(ModelConfig::default(), memory);
                let irqs = model.irqs.iter().map(|irq| irq.clone() as Arc<dyn Irq>).collect();
                Powered { bar0: model.bar0.clone(), irqs, keep: Box::new(model) }
            })
        };
        let config = ServerConfig { bar0_bytes: BAR0_BYTES, vectors: QUEUES };
        let server = Server::bind(&args.socket, config, power_on).map_err(|error| {
            Failure::new(Code::Output, format!("cannot listen on {}: {error}", args.socket.display()))
        })?;
        // To build a simulation takes some ten milliseconds, the model none.
        let server = if args.device == DeviceName::Sim { server.with_one_ready() } else { server };
        say!("{} is served on {} until Ctrl-C", args.device, args.socket.display());
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let serving = scope.spawn(|| server.run(&stop));
            let mut dies_at = args.dies_at.as_deref();
            while !cancel.is_cancelled() && !serving.is_finished() {
                if dies_at.take_if(|file| file.exists()).is_some() {
                    server.die();
                    say!("{} is dead, and served as such", args.device);
                }
                thread::sleep(Duration::from_millis(50));
            }
            stop.store(true, Ordering::Release);
            match serving.join() {
                Ok(served) => served.or_fail(Code::Output),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

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

        /// Keeps an FST waveform of the next cycles.
        pub(crate) fn trace(&self, max_cycles: u64) -> Result<(), Failure> {
            self.0.trace(max_cycles).or_fail(Code::Output)
        }

        /// Adds the waveform to the outputs, if one was started.
        pub(crate) fn add_waveform(&self, path: &Path, outputs: &mut Outputs) -> Result<(), Failure> {
            self.0.trace_stop().map_or(Ok(()), |waveform| super::add_waveform(waveform, path, outputs))
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

    use millrace_job::CancelToken;
    use millrace_pcie::Function;

    use crate::{
        args::ServeArgs,
        exit::{Code, Failure},
        output::Outputs,
        progress::CycleCount,
    };

    /// The server is a part of the simulation's crate.
    pub(crate) fn serve(args: &ServeArgs, _cancel: &CancelToken) -> Result<(), Failure> {
        let message = format!(
            "cannot serve {} on {}: expected a build with the feature `sim` (`make build`), got one without",
            args.device,
            args.socket.display()
        );
        Err(Failure::new(Code::DeviceOpen, message))
    }

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

        pub(crate) fn trace(&self, _max_cycles: u64) -> Result<(), Failure> {
            match self.0 {}
        }

        pub(crate) fn add_waveform(&self, _path: &Path, _outputs: &mut Outputs) -> Result<(), Failure> {
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

/// Copies a waveform from the memory that the simulator wrote it to.
#[cfg(feature = "sim")]
pub(crate) fn add_waveform(
    mut waveform: millrace_cosim::Waveform,
    path: &std::path::Path,
    outputs: &mut crate::output::Outputs,
) -> Result<(), crate::exit::Failure> {
    if waveform.cut {
        crate::output::tell!(
            "{}: the waveform was cut where it had reached its greatest length",
            path.display()
        );
    }
    outputs.add_from(path, &mut waveform.file)
}
