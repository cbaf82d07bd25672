//! How the demonstration is told: numbered sections, one line a step, gas and seconds in columns.

use std::cell::Cell;

use crate::{output::say, rollup::place::grouped};

/// Width of a step's words; with the columns a line has 98 characters.
const WORDS: usize = 73;

/// The sections so far.
#[derive(Default)]
pub(super) struct Story {
    sections: Cell<u32>,
}

impl Story {
    /// Begins a section.
    pub(super) fn section(&self, title: &str) {
        self.sections.set(self.sections.get() + 1);
        say!("\n{:<3}{title:<WORDS$}{:>12}{:>10}", self.sections.get(), "gas", "seconds");
    }

    /// A step, and what it cost.
    pub(super) fn row(&self, words: &str, gas: Option<u64>, seconds: Option<f64>) {
        let gas = gas.map(grouped).unwrap_or_default();
        let seconds = seconds.map(|seconds| format!("{seconds:.2}")).unwrap_or_default();
        let line = format!("   {words:<WORDS$}{gas:>12}{seconds:>10}");
        say!("{}", line.trim_end());
    }

    /// Who is protected, and by what.
    pub(super) fn protects(&self, words: &str) {
        say!("   > {words}");
    }
}
