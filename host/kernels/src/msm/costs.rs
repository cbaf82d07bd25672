//! What windows cost, as measured: the table that widths are chosen by.
//!
//! A window of width c over n points takes n·p + f. p and f are of each width: batches, caches and the way that buckets are filled
//! tell on both, and f holds the weighing of 2^(c−1) buckets as well as rounds that are too short for their inversions. `cargo bench -p millrace-harness
//! --bench windows` measures and prints the table; raw lines are in `bench/results/2026-11-28-windows`.

use millrace_bn254::points::Curve;

/// The narrowest width of the table; narrower ones cost as much.
const FIRST: usize = 4;

/// Costs of a group's windows.
pub(super) struct Costs {
    /// (p in tenths of a nanosecond, f in microseconds), of widths from [`FIRST`] on.
    widths: [(u32, u32); 13],
}

const G1: Costs = Costs {
    widths: [
        (346, 25),
        (395, 23),
        (368, 31),
        (363, 33),
        (332, 42),
        (343, 52),
        (391, 67),
        (397, 88),
        (311, 140),
        (292, 212),
        (302, 375),
        (285, 715),
        (288, 1321),
    ],
};
const G2: Costs = Costs {
    widths: [
        (668, 39),
        (668, 40),
        (692, 50),
        (615, 57),
        (629, 71),
        (690, 78),
        (727, 111),
        (747, 140),
        (808, 225),
        (822, 342),
        (839, 559),
        (826, 1346),
        (791, 2933),
    ],
};

impl Costs {
    pub(super) fn of<C: Curve>() -> &'static Self {
        if C::ROWS == 1 { &G1 } else { &G2 }
    }

    /// Tenths of a nanosecond that a window of `bits` bits over so many points takes.
    pub(super) fn window(&self, bits: u32, points: usize) -> usize {
        let (point, rest) = self.widths[(bits as usize).max(FIRST) - FIRST];
        points * point as usize + rest as usize * 10_000
    }
}
