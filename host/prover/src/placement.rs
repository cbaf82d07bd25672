//! Which engine does which job.

use millrace_job::EngineSlot;

/// Where jobs go. Jobs that an engine does not support by kind go to the trusted engine, by plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Placement {
    /// Everything on one engine.
    On(EngineSlot),
    /// Sums over G1 are shared by points between the device and the trusted engine, so that both end at about the same time; of the
    /// three chains of transforms the trusted engine does one.
    Split {
        /// The other engine.
        device: EngineSlot,
        /// How much of a sum it gets.
        share: Share,
    },
}

/// A device's part of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// A fixed part, between 0 and 1; neither side is ever left without a point.
    Ratio(f64),
    /// In proportion to the points a second that each engine has shown; before there are figures, a small sum is measured.
    Measured,
}

impl Placement {
    /// The engine that gets all it can.
    pub fn device(&self) -> EngineSlot {
        match self {
            Placement::On(slot) | Placement::Split { device: slot, .. } => *slot,
        }
    }
}
