//! A register file without a device behind it.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::Mmio;

/// Registers that hold what was set or written, and answer all-ones where nothing was: a link without a device.
#[derive(Default, Debug)]
pub struct FakeMmio {
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    registers: HashMap<u32, u32>,
    writes: Vec<(u32, u32)>,
}

impl FakeMmio {
    /// Sets what a register answers.
    pub fn set(&self, offset: u32, value: u32) {
        self.state.lock().registers.insert(offset, value);
    }

    /// All writes so far, oldest first: offset and value.
    pub fn writes(&self) -> Vec<(u32, u32)> {
        self.state.lock().writes.clone()
    }
}

impl Mmio for FakeMmio {
    fn read32(&self, offset: u32) -> u32 {
        self.state.lock().registers.get(&offset).copied().unwrap_or(u32::MAX)
    }

    fn write32(&self, offset: u32, value: u32) {
        let mut state = self.state.lock();
        state.registers.insert(offset, value);
        state.writes.push((offset, value));
    }
}
