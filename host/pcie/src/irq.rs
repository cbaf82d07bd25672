//! An interrupt vector for devices inside the process.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Irq;

/// One vector: the device raises it, the driver waits for it. Raising it twice before a wait counts once, as MSI-X may.
#[derive(Default, Debug)]
pub struct IrqLine {
    raised: Mutex<bool>,
    wake: Condvar,
}

impl IrqLine {
    /// Sends an interrupt; the device's side.
    pub fn raise(&self) {
        *self.raised.lock() = true;
        self.wake.notify_all();
    }
}

impl Irq for IrqLine {
    fn wait(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut raised = self.raised.lock();
        while !*raised {
            if self.wake.wait_until(&mut raised, until).timed_out() {
                break;
            }
        }
        std::mem::take(&mut *raised)
    }
}
