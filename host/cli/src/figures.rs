//! `millrace figures`: what is promised, measured again. One line each: name, value, unit, bar, `met` or `not met`.

mod circuit;
mod cpu;
mod hw;
mod kernels;
mod key;
mod memory;
mod pcie;
mod rollup;

use crate::{
    args::{FigureGroup, FiguresArgs},
    exit::{Code, Failure},
    output::say,
};

/// What a value must be.
#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// Prints lines and remembers how many were not met, or not measured.
struct Sheet {
    missed: usize,
}

impl Sheet {
    fn line(&mut self, name: &str, value: f64, unit: &str, bar: Bar) {
        self.judged(name, value, unit, bar, "");
    }

    /// A value that a campaign of hours left, of what has not changed since.
    fn stored(&mut self, name: &str, value: f64, unit: &str, bar: Bar) {
        self.judged(name, value, unit, bar, ", stored");
    }

    /// A value that has no bar.
    fn told(&self, name: &str, value: f64, unit: &str) {
        say!("{name:<58} {value:>10.4} {unit:<16} {:<8} no bar", "");
    }

    fn judged(&mut self, name: &str, value: f64, unit: &str, bar: Bar, kept: &str) {
        let (met, text) = match bar {
            Bar::AtLeast(x) => (value >= x, format!("≥ {x}")),
            Bar::AtMost(x) => (value <= x, format!("≤ {x}")),
        };
        self.missed += usize::from(!met);
        say!("{name:<58} {value:>10.4} {unit:<16} {text:<8} {}{kept}", if met { "met" } else { "not met" });
    }

    /// A figure that is promised and could not be measured: what nobody saw is not met.
    fn not_measured(&mut self, name: &str, why: &str) {
        self.missed += 1;
        say!("{name:<58} {:>10} {:<16} {:<8} not measured: {why}", "-", "", "");
    }

    /// A rival that no registry has: named, so that nobody takes it for beaten.
    fn not_here(&self, name: &str, why: &str) {
        say!("{name:<58} {:>10} {:<16} {:<8} not here: {why}", "-", "", "");
    }
}

pub(crate) fn run(args: &FiguresArgs) -> Result<(), Failure> {
    let mut sheet = Sheet { missed: 0 };
    match (args.group, args.proof.as_slice()) {
        (FigureGroup::Pcie, _) => pcie::measure(&mut sheet)?,
        (FigureGroup::Rollup, _) => rollup::measure(&mut sheet, &args.folder)?,
        (FigureGroup::Hw, [key, witness]) => hw::measure(&mut sheet, key, witness)?,
        (FigureGroup::Cpu, [key, witness]) => cpu::measure(&mut sheet, key, witness, &args.folder)?,
        _ => return Err(Failure::new(Code::Usage, "expected --proof ZKEY WTNS, got none")),
    }
    match sheet.missed {
        0 => Ok(()),
        n => Err(Failure::new(Code::NotMet, format!("{n} figures are not met, or not measured"))),
    }
}
