//! `millrace figures`: what is promised, measured again. One line each: name, value, unit, bar, `met` or `not met`.

mod adversarial;
mod bounds;
mod circuit;
mod clock;
mod cpu;
mod flight;
mod hw;
mod kernels;
mod key;
mod memory;
mod pcie;
mod processes;
mod queues;
mod rollup;
mod scalar;
mod small;

use std::fmt;

use millrace_rivals::{ARKWORKS_AT_ITS_BEST, arkworks_build};

use self::circuit::Files;
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

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(x) => write!(f, "≥ {x}"),
            Self::AtMost(x) => write!(f, "≤ {x}"),
        }
    }
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
        let met = match bar {
            Bar::AtLeast(x) => value >= x,
            Bar::AtMost(x) => value <= x,
        };
        self.missed += usize::from(!met);
        let said = if met { "met" } else { "not met" };
        say!("{name:<58} {value:>10.4} {unit:<16} {:<8} {said}{kept}", bar.to_string());
    }

    /// arkworks' time over ours. Beside arkworks in plain Rust, or with our debug assertions, nothing is met: it is slower than it can be.
    fn beside_arkworks(&mut self, name: &str, ratio: f64, bar: f64) {
        if ARKWORKS_AT_ITS_BEST {
            self.line(name, ratio, "times", Bar::AtLeast(bar));
        } else {
            let why =
                format!("not arkworks at its best: {} ({ratio:.4} times, bar ≥ {bar})", arkworks_build());
            self.not_measured(name, &why);
        }
    }

    /// A figure that is promised and could not be measured: what nobody saw is not met.
    fn not_measured(&mut self, name: &str, why: &str) {
        self.missed += 1;
        say!("{name:<58} {:>10} {:<16} {:<8} not measured: {why}", "-", "", "");
    }

    /// What is promised against a rival that no registry has, named so that nobody takes it for beaten. Whoever runs this cannot change it, so the command does not fail for it.
    fn rival_missing(&self, name: &str, unit: &str, bar: Bar, why: &str) {
        say!("{name:<58} {:>10} {unit:<16} {:<8} not measured: {why}", "-", bar.to_string());
    }

    /// What the lines below it are measured beside.
    fn heading(&self, text: &str) {
        say!("{text}");
    }
}

fn expected(what: &str, args: &FiguresArgs) -> Failure {
    Failure::new(Code::Usage, format!("expected {what}, got {} files", args.proof.len()))
}

pub(crate) fn run(args: &FiguresArgs) -> Result<(), Failure> {
    if let [key, witness] = args.arkworks_once.as_slice() {
        return processes::arkworks_once(key, witness);
    }
    let mut sheet = Sheet { missed: 0 };
    if args.part.is_some() && args.group != FigureGroup::Cpu {
        return Err(Failure::new(Code::Usage, "--part is of the group cpu alone"));
    }
    match (args.group, args.proof.as_slice()) {
        (FigureGroup::Pcie, _) => {
            pcie::measure(&mut sheet, &args.folder)?;
            queues::measure(&mut sheet)?;
        }
        (FigureGroup::Rollup, _) => rollup::measure(&mut sheet, &args.folder)?,
        (FigureGroup::Hw, [key, witness, ..]) => hw::measure(&mut sheet, key, witness)?,
        (FigureGroup::Cpu, [key, witness, other]) => {
            let semaphore = Files { key: key.clone(), witness: witness.clone(), other: other.clone() };
            cpu::measure(&mut sheet, &semaphore, args)?;
        }
        (FigureGroup::Cpu, _) => return Err(expected("--proof ZKEY WTNS WTNS", args)),
        (FigureGroup::Hw, _) => return Err(expected("--proof ZKEY WTNS", args)),
    }
    match sheet.missed {
        0 => Ok(()),
        n => Err(Failure::new(Code::NotMet, format!("{n} figures are not met, or not measured"))),
    }
}
