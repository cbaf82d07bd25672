//! What windows cost, as measured: the table that widths are chosen by, and whether scalars are cut into halves.
//!
//! A window of width c over n points takes n·p + f. p and f are of each width: batches, caches and the way that buckets are filled tell on both, and f
//! holds what 2^(c−1) buckets take to be weighed, less the points that find theirs empty. With halves a window is two, of n digits each, and buckets of
//! images are added to the others, so that p is twice as much and f is not.
//!
//! `cargo bench -p millrace-harness --bench windows` measures p and f. Its lines, of several runs for each backend one after the other, are in
//! `bench/results/2026-11-28-glv/windows.jsonl`; the table is what the least times of all runs give, and a test below prints it where it is not.

use millrace_bn254::{backend::Instructions, points::Curve};

/// The narrowest width of the table; narrower ones cost as much.
const FIRST: usize = 4;
/// Widths of the table.
const WIDTHS: usize = 13;

/// Costs of a group's windows, of widths from [`FIRST`] on: p in tenths of a nanosecond and f in nanoseconds, of whole scalars, then of halves.
pub(super) struct Costs {
    widths: [[u32; 4]; WIDTHS],
    /// Rows of memory of a point of the group.
    pub(super) rows: usize,
}

const G1_AVX512: Costs = Costs {
    rows: 1,
    widths: [
        [252, 3059, 581, 4033],
        [249, 4118, 626, 5521],
        [309, 6458, 597, 9377],
        [287, 6904, 569, 10742],
        [282, 12194, 549, 21541],
        [276, 20371, 528, 27996],
        [253, 33288, 515, 52212],
        [232, 51438, 504, 80038],
        [244, 102776, 520, 163950],
        [251, 191759, 512, 309288],
        [258, 357328, 505, 524726],
        [261, 650730, 536, 1026496],
        [280, 1227598, 541, 2271569],
    ],
};
const G2_AVX512: Costs = Costs {
    rows: 2,
    widths: [
        [594, 6387, 1207, 8784],
        [580, 7808, 1226, 11412],
        [606, 11436, 1246, 17023],
        [650, 16195, 1201, 23195],
        [629, 22626, 1250, 33261],
        [591, 34412, 1136, 46154],
        [581, 57941, 1166, 85438],
        [580, 91222, 1210, 130931],
        [597, 169671, 1211, 249016],
        [632, 289140, 1285, 410852],
        [643, 566183, 1196, 881049],
        [643, 1210682, 1256, 1743356],
        [658, 3177568, 1250, 5046803],
    ],
};
const G1_FOUR_LIMBS: Costs = Costs {
    rows: 1,
    widths: [
        [1105, 3254, 2242, 4489],
        [1149, 4156, 2291, 7116],
        [1157, 8212, 2300, 11840],
        [1318, 13345, 2368, 17365],
        [1236, 18842, 2706, 26545],
        [1056, 38822, 2071, 46824],
        [1064, 69481, 2223, 87622],
        [1070, 129012, 2252, 169179],
        [1091, 275110, 2253, 346261],
        [1115, 474500, 2264, 607719],
        [1087, 1078344, 2113, 1377320],
        [1081, 2446458, 2466, 3642870],
        [1189, 4701992, 2541, 5506166],
    ],
};
const G2_FOUR_LIMBS: Costs = Costs {
    rows: 2,
    widths: [
        [3876, 7734, 7738, 13278],
        [3731, 12853, 7750, 15365],
        [3942, 18393, 7765, 24019],
        [4035, 27046, 7709, 34841],
        [4137, 46555, 7966, 66418],
        [3784, 90399, 7315, 94690],
        [3838, 174693, 7748, 193152],
        [3837, 318602, 7989, 301094],
        [3887, 638654, 7704, 889946],
        [3896, 1283354, 7948, 1406764],
        [3903, 2978103, 7585, 2947506],
        [3903, 6925482, 7857, 6532440],
        [4010, 9427268, 8147, 11395099],
    ],
};

impl Costs {
    pub(super) fn of<C: Curve>(instructions: Instructions) -> &'static Self {
        match (instructions.name(), C::ROWS) {
            ("avx512", 1) => &G1_AVX512,
            ("avx512", _) => &G2_AVX512,
            (_, 1) => &G1_FOUR_LIMBS,
            _ => &G2_FOUR_LIMBS,
        }
    }

    fn entry(&self, bits: u32, halved: bool) -> [usize; 2] {
        let [whole, rest, halves, rest_of_halves] = self.widths[(bits as usize).max(FIRST) - FIRST];
        (if halved { [halves, rest_of_halves] } else { [whole, rest] }).map(|cost| cost as usize)
    }

    /// Tenths of a nanosecond for each point that has a digit in a window of `bits` bits, or two of halves.
    pub(super) fn point(&self, bits: u32, halved: bool) -> usize {
        self.entry(bits, halved)[0]
    }

    /// Tenths of a nanosecond that such a window takes beside its points, with buckets of images or without.
    pub(super) fn window(&self, bits: u32, images: bool) -> usize {
        self.entry(bits, images)[1] * 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msm::{
        classes::Classes,
        plan::{Plan, Wanted},
    };

    const WINDOWS: &str = include_str!("../../../../bench/results/2026-11-28-glv/windows.jsonl");

    /// What stands behind a key of a JSON line.
    fn field<'a>(line: &'a str, key: &str) -> &'a str {
        let (_, rest) = line.split_once(&format!("\"{key}\":")).expect("the key is there");
        match rest.strip_prefix('[') {
            Some(list) => list.split(']').next().expect("a list"),
            None => rest.split([',', '}']).next().expect("a value").trim_matches('"'),
        }
    }

    /// The table by the raw lines of a backend and group.
    fn measured(backend: &str, group: &str) -> [[u32; 4]; WIDTHS] {
        let mut table = [[0; 4]; WIDTHS];
        for (width, entry) in table.iter_mut().enumerate() {
            for (halves, place) in [("false", 0), ("true", 2)] {
                let (mut low, mut high, mut sizes) = (f64::MAX, f64::MAX, (0.0, 0.0));
                for line in WINDOWS.lines().filter(|line| {
                    let bits = (FIRST + width).to_string();
                    [("backend", backend), ("group", group), ("halves", halves), ("bits", bits.as_str())]
                        .iter()
                        .all(|(key, value)| field(line, key) == *value)
                }) {
                    let number = |text: &str| text.parse::<f64>().expect("a number");
                    let (few, many) = field(line, "points").split_once(',').expect("two sizes");
                    sizes = (number(few), number(many));
                    let (point, rest) = (number(field(line, "point_ns")), number(field(line, "rest_ns")));
                    low = low.min(point * sizes.0 + rest);
                    high = high.min(point * sizes.1 + rest);
                }
                let point = (high - low) / (sizes.1 - sizes.0);
                entry[place] = (point * 10.0).round() as u32;
                entry[place + 1] = (low - point * sizes.0).round() as u32;
            }
        }
        table
    }

    #[test]
    fn the_table_is_what_was_measured() {
        for (backend, group, table) in [
            ("avx512", "G1", &G1_AVX512),
            ("avx512", "G2", &G2_AVX512),
            ("adx", "G1", &G1_FOUR_LIMBS),
            ("adx", "G2", &G2_FOUR_LIMBS),
        ] {
            let measured = measured(backend, group);
            assert_eq!(table.widths, measured, "{group} with {backend} should be {measured:?}");
        }
    }

    /// Whole sums with every width that may be the best were measured too (`cargo bench -p millrace-harness --bench halves`): by them what the table chooses is
    /// among the best.
    #[test]
    fn what_is_chosen_is_nearly_the_best() {
        let sums = include_str!("../../../../bench/results/2026-11-28-glv/sums.jsonl");
        let of = |group: &str, log_n: u32| {
            let lines = sums.lines().filter(move |line| {
                // 0 bits: not the choice of whoever measured.
                field(line, "group") == group
                    && field(line, "log_n") == log_n.to_string()
                    && field(line, "bits") != "0"
            });
            lines
                .map(|line| {
                    let number = |key| field(line, key).parse::<f64>().expect("a number");
                    (number("bits") as u32, field(line, "halves") == "true", number("cpu_ms"))
                })
                .collect::<Vec<_>>()
        };
        for (group, costs) in [("G1", &G1_AVX512), ("G2", &G2_AVX512)] {
            for log_n in 8..=18 {
                let measured = of(group, log_n);
                let plan = Plan::new(costs, &Classes::one(1 << log_n, 253), 1, Wanted::default());
                let [segment] = &plan.segments[..] else { panic!("one class of scalars") };
                let best = measured.iter().map(|(.., ms)| *ms).fold(f64::MAX, f64::min);
                let chosen =
                    measured.iter().find(|(bits, halves, _)| (*bits, *halves) == (segment.bits, plan.halved));
                let (.., ms) = chosen.unwrap_or_else(|| panic!("{group}, 2^{log_n}: {} bits", segment.bits));
                assert!(
                    *ms <= 1.05 * best,
                    "{group}, 2^{log_n}: {ms} ms with {} bits, halves {}, best {best} ms",
                    segment.bits,
                    plan.halved
                );
            }
        }
    }
}
