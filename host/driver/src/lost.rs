//! Why a device is given up for good.

use std::fmt;

use millrace_pcie::Gone;

/// What was seen of a device that is lost and, where whoever handed its function out knows, why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Why the function is gone; `None` where nothing but what was seen is known.
    pub gone: Option<Gone>,
    /// What the driver saw: registers that read as all-ones, resets that did not help.
    pub seen: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gone {
            Some(gone) => write!(f, "{gone} ({})", self.seen),
            None => f.write_str(&self.seen),
        }
    }
}
