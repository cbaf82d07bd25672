//! A function that is gone, of which whoever handed it out knows why: who uses it is told, by a type and in the one line of his error.

mod common;

use std::sync::Arc;

use common::{Behind, ntt_job, quick, rng, scalars, small};
use millrace_driver::{DeviceEngine, Lost};
use millrace_job::{Engine, EngineError, NttDirection};
use millrace_model::ModelDevice;
use millrace_pcie::{Function, FunctionReset, Gate, Gone, ResetError};
use parking_lot::Mutex;

/// Somebody who uses a device that is gone, and is told.
type Tell = fn(&DeviceEngine) -> Result<(), EngineError>;

/// As the kernel's: it takes the function away, and knows why.
#[derive(Default)]
struct Kernel {
    gate: Arc<Gate>,
    gone: Mutex<Option<Gone>>,
}

impl Kernel {
    fn takes(&self, why: Option<Gone>) {
        *self.gone.lock() = why;
        self.gate.close();
    }
}

impl FunctionReset for Kernel {
    fn reset(&self) -> Result<(), ResetError> {
        Err(ResetError::Unsupported)
    }

    fn gone(&self) -> Option<Gone> {
        *self.gone.lock()
    }
}

fn taken(why: Option<Gone>) -> (DeviceEngine, ModelDevice) {
    let (model, kernel) = (ModelDevice::start(small()), Arc::new(Kernel::default()));
    kernel.gate.open(Box::new(Behind(model.function().bar0)));
    let function = Function { bar0: kernel.gate.clone(), reset: Some(kernel.clone()), ..model.function() };
    let engine = DeviceEngine::open(function, quick()).unwrap();
    assert_eq!(engine.lost(), None);
    kernel.takes(why);
    (engine, model)
}

#[test]
fn the_error_of_a_lost_device_tells_why_it_is_gone() {
    for (why, line) in [
        (
            Some(Gone::AskedFor),
            "model: device lost: the kernel asks for it back (registers read as all-ones)",
        ),
        (
            Some(Gone::Uncorrectable),
            "model: device lost: the kernel reports an uncorrectable PCIe error (AER) (registers read as all-ones)",
        ),
        (Some(Gone::HungUp), "model: device lost: its server hung up (registers read as all-ones)"),
        (None, "model: device lost: registers read as all-ones"),
    ] {
        // Who looks at an idle one, who reads its counters, and who gives it a job.
        let told: [Tell; 3] = [
            |engine| engine.look(),
            |engine| engine.statistics().map(drop),
            |engine| {
                let job = ntt_job(&scalars(8, &mut rng()), NttDirection::Forward, true);
                engine.submit(job).and_then(|ticket| engine.wait(ticket)).map(drop)
            },
        ];
        for tell in told {
            let (engine, _model) = taken(why);
            assert_eq!(tell(&engine).unwrap_err().to_string(), line);
        }
        let (engine, _model) = taken(why);
        engine.look().unwrap_err();
        assert_eq!(engine.lost(), Some(&Lost { gone: why, seen: "registers read as all-ones".into() }));
    }
}
